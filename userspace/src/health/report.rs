//! What is known of targets, in the words of `describe-target-health`.

use super::check::{Cause, Health};
use super::checker::Board;
use super::settings::port_of;
use super::subject::{Standing, TargetId};
use crate::resources::{Resources, Target, TargetGroup, TargetHealth, TargetHealthDescription, TargetZone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What has been found out about targets.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// By an agent that runs.
    ByAgent(&'a Board),
    /// By one that has ended: these are unhealthy, and stay so until an agent runs again.
    Before(&'a BTreeSet<TargetId>),
}

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
    #[must_use]
    pub fn of(all: &Resources, found: Found<'_>) -> Self {
        let registered = all.target_groups.iter().flat_map(|group| {
            let targets = group.target_health_descriptions.iter();
            targets.map(move |described| (group, described))
        });
        Self {
            is_checked: matches!(found, Found::ByAgent(_)),
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
    found: Found<'_>,
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

fn health(standing: Standing<'_>, found: Found<'_>) -> TargetHealth {
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
            Found::ByAgent(board) => found_out(&subject.target, subject.address.is_ipv4(), board),
            Found::Before(unhealthy) if unhealthy.contains(&subject.target) => told(
                "unhealthy",
                "Target.FailedHealthChecks",
                "Was found unhealthy, and no agent runs that would check it again",
            ),
            Found::Before(_) => told(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;
    use crate::health::subject::tests::all;
    use crate::health::subject::{Subject, subjects};

    /// State and reason.
    fn words(health: &TargetHealth) -> [String; 2] {
        [&health.state, &health.reason].map(|word| word.clone().unwrap_or_default())
    }

    fn is(health: &TargetHealth, state: &str, reason: &str) -> bool {
        words(health) == [state, reason]
    }

    #[test]
    fn every_state_has_the_reason_that_aws_gives() {
        let all = all();
        let subject: Subject = subjects(&all).remove(0);
        let board = Board::of(std::slice::from_ref(&subject));
        let now = || {
            let report = TargetHealthReport::of(&all, Found::ByAgent(&board));
            report.target_health_descriptions[0].target_health.clone()
        };
        assert!(is(&now(), "initial", "Elb.RegistrationInProgress"));
        board.begin(&subject);
        assert!(is(&now(), "initial", "Elb.InitialHealthChecking"));
        for (cause, reason) in [
            (Cause::Timeout, "Target.Timeout"),
            (Cause::Broken, "Target.FailedHealthChecks"),
            (Cause::Code(503), "Target.ResponseCodeMismatch"),
        ] {
            for _ in 0..2 {
                board.note(&subject, Outcome::Failed(cause));
            }
            assert!(is(&now(), "unhealthy", reason), "{:?}", now());
        }
        let description = now().description;
        assert_eq!(
            description.as_deref(),
            Some("Health checks failed with these codes: [503]")
        );
        for _ in 0..5 {
            board.note(&subject, Outcome::Passed);
        }
        assert!(is(&now(), "healthy", "") && now().description.is_none());
    }

    #[test]
    fn without_an_agent_what_the_last_one_has_found_out_is_told() {
        let all = all();
        let unhealthy = BTreeSet::from([subjects(&all).remove(0).target]);
        let report = TargetHealthReport::of(&all, Found::Before(&unhealthy));
        assert!(!report.is_checked);
        let [first, second] = [0, 1].map(|at| &report.target_health_descriptions[at].target_health);
        assert!(is(first, "unhealthy", "Target.FailedHealthChecks"));
        assert!(is(second, "healthy", ""));
    }

    #[test]
    fn what_a_document_says_gets_the_usual_reason_if_it_says_none() {
        let said = |state: &str, reason: Option<&str>| TargetHealth {
            state: Some(state.to_owned()),
            reason: reason.map(str::to_owned),
            description: None,
        };
        let draining = with_reason(&said("draining", None));
        assert!(is(&draining, "draining", "Target.DeregistrationInProgress"));
        let unused = with_reason(&said("unused", Some("Target.InvalidState")));
        assert!(is(&unused, "unused", "Target.InvalidState"));
        assert!(is(&with_reason(&said("healthy", None)), "healthy", ""));
    }

    #[test]
    fn a_target_is_described_as_aws_does() {
        let all = all();
        let report = TargetHealthReport::of(&all, Found::Before(&BTreeSet::new()));
        let json = serde_json::to_value(&report).expect("JSON");
        let first = &json["TargetHealthDescriptions"][0];
        assert_eq!(
            first["Target"],
            serde_json::json!({ "Id": "10.0.1.10", "Port": 80, "AvailabilityZone": "eu-central-1a" })
        );
        assert_eq!(
            (&first["HealthCheckPort"], &first["TargetHealth"]["State"]),
            (&"80".into(), &"healthy".into())
        );
        assert_eq!(
            serde_json::from_value::<TargetHealthReport>(json).expect("the same"),
            report
        );
    }
}
