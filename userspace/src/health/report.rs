//! What is known of targets, in the words of `describe-target-health`.

use super::check::{Cause, Health};
use super::checker::Board;
use super::settings::port_of;
use super::subject::{Standing, TargetId};
use crate::resources::{Resources, Target, TargetGroup, TargetHealth, TargetHealthDescription, TargetZone};
use serde::{Deserialize, Serialize};

/// All registered targets, or those of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealthReport {
    /// Whether an agent looks after them.
    pub is_checked: bool,
    pub target_health_descriptions: Vec<DescribedTarget>,
}

/// A target as AWS describes it, and which group it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribedTarget {
    pub target_group_arn: String,
    /// The group's name in the document, or at AWS.
    pub target_group_name: String,
    pub target: Target,
    pub health_check_port: String,
    pub target_health: TargetHealth,
}

impl TargetHealthReport {
    /// By what an agent has found out. Without one nobody has.
    #[must_use]
    pub fn of(all: &Resources, found: Option<&Board>) -> Self {
        let registered = all.target_groups.iter().flat_map(|group| {
            let targets = group.target_health_descriptions.iter();
            targets.map(move |described| (group, described))
        });
        Self {
            is_checked: found.is_some(),
            target_health_descriptions: registered
                .map(|(group, described)| describe(all, group, described, found))
                .collect(),
        }
    }
}

fn describe(
    all: &Resources,
    group: &TargetGroup,
    described: &TargetHealthDescription,
    found: Option<&Board>,
) -> DescribedTarget {
    let port = described.target.port.or(group.port);
    let zone = all.target(group, described).map(|place| match place.zone {
        TargetZone::All => "all".to_owned(),
        TargetZone::One(zone) => zone.to_owned(),
    });
    let checked_port = port.map(|port| port_of(group, port).to_string());
    DescribedTarget {
        target_group_arn: group.target_group_arn.clone(),
        target_group_name: match &*group.name {
            "" => group.target_group_name.clone().unwrap_or_default(),
            name => name.to_owned(),
        },
        target: Target {
            port,
            availability_zone: described.target.availability_zone.clone().or(zone),
            ..described.target.clone()
        },
        health_check_port: described.health_check_port.clone().or(checked_port).unwrap_or_default(),
        target_health: health(Standing::of(all, group, described), found),
    }
}

fn health(standing: Standing<'_>, found: Option<&Board>) -> TargetHealth {
    match standing {
        Standing::Said(said) => with_reason(said),
        Standing::Unchecked => told("healthy", "", "Health checks are disabled for this target group"),
        Standing::NoListener => told(
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        ),
        Standing::OtherZone => told(
            "unused",
            "Target.NotInUse",
            "Target is in an Availability Zone that is not enabled for the load balancer",
        ),
        Standing::Nowhere => told("unused", "Target.InvalidState", "Target is not there"),
        Standing::Checked(subject) => match found {
            Some(board) => found_out(&subject.target, subject.address.is_ipv4(), board),
            None => told(
                "healthy",
                "",
                "No agent runs, so nobody checks it, and it takes connections",
            ),
        },
    }
}

fn found_out(target: &TargetId, is_ipv4: bool, board: &Board) -> TargetHealth {
    match board.health(target) {
        None if !is_ipv4 => told(
            "healthy",
            "",
            "IPv6 addresses are not checked, and it takes connections",
        ),
        None | Some(Health::Initial { begun: false }) => told(
            "initial",
            "Elb.RegistrationInProgress",
            "Target registration is in progress",
        ),
        Some(Health::Initial { begun: true }) => told(
            "initial",
            "Elb.InitialHealthChecking",
            "Initial health checks in progress",
        ),
        Some(Health::Healthy) => told("healthy", "", ""),
        Some(Health::Unhealthy(Cause::Timeout)) => told("unhealthy", "Target.Timeout", "Request timed out"),
        Some(Health::Unhealthy(Cause::Broken)) => {
            told("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
        }
        Some(Health::Unhealthy(Cause::Code(code))) => told(
            "unhealthy",
            "Target.ResponseCodeMismatch",
            &format!("Health checks failed with these codes: [{code}]"),
        ),
    }
}

/// What a document says, and the usual reason if it says none.
fn with_reason(said: &TargetHealth) -> TargetHealth {
    let state = said.state.as_deref().map(str::to_lowercase);
    let (reason, description) = match state.as_deref() {
        Some("draining" | "unhealthy.draining") => (
            "Target.DeregistrationInProgress",
            "Target deregistration is in progress",
        ),
        Some("unused") => ("Target.NotInUse", "Target is not in use, as the document says"),
        Some("unhealthy") => ("Target.FailedHealthChecks", "Target is unhealthy, as the document says"),
        Some("initial") => ("Elb.RegistrationInProgress", "Target registration is in progress"),
        _ => ("", ""),
    };
    let usual = told("", reason, description);
    TargetHealth {
        state: said.state.clone(),
        reason: said.reason.clone().or(usual.reason),
        description: said.description.clone().or(usual.description),
    }
}

fn told(state: &str, reason: &str, description: &str) -> TargetHealth {
    let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    TargetHealth {
        state: word(state),
        reason: word(reason),
        description: word(description),
    }
}
