//! How it stands with integrations.

use super::hop::hops;
use crate::document::{Integration, IntegrationTarget};
use crate::resources::Resources;
use crate::splice::{Board, Counted};
use serde::{Deserialize, Serialize};

/// Who has looked.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// An agent that runs.
    ByAgent(&'a Board),
    /// Nobody: where no agent runs, nobody listens.
    ByNobody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationReport {
    /// Whether an agent listens for them.
    pub is_served: bool,
    pub integrations: Vec<DescribedIntegration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedIntegration {
    pub name: String,
    /// The link's name and id, and its status.
    pub vpc_link: String,
    pub vpc_link_id: String,
    pub status: String,
    pub listen: String,
    pub connections: u32,
    /// Whom connections reach: a listener by its ARN, or addresses.
    pub target: Vec<String>,
    /// The network interfaces that connections go by; those of a link of REST APIs are the service's own.
    pub network_interface_ids: Vec<String>,
    /// Why nobody is taken in, if nobody is.
    pub refused: Option<String>,
    pub counted: Counted,
}

impl IntegrationReport {
    #[must_use]
    pub fn of(all: &Resources, integrations: &[Integration], found: Found<'_>) -> Self {
        let described = integrations.iter().map(|one| describe(all, one, found));
        Self {
            is_served: matches!(found, Found::ByAgent(_)),
            integrations: described.collect(),
        }
    }
}

fn describe(all: &Resources, integration: &Integration, found: Found<'_>) -> DescribedIntegration {
    let id = &integration.vpc_link;
    let http = all.vpc_links.iter().find(|link| link.vpc_link_id == *id);
    let rest = all.rest_vpc_links.iter().find(|link| link.id == *id);
    let http = http.map(|link| (&link.name, &link.vpc_link_status));
    let link = http.or_else(|| rest.map(|link| (&link.name, &link.status)));
    let (hops, refusal) = match hops(all, integration) {
        Ok(hops) => (hops, None),
        Err(refusal) => (Vec::new(), Some(refusal.to_string())),
    };
    let mut own: Vec<_> = hops.into_iter().map(|hop| hop.network_interface_id).collect();
    own.sort();
    own.dedup();
    let state = match found {
        Found::ByAgent(board) => board.state(&integration.name),
        Found::ByNobody => None,
    };
    let (problem, counted) = state.map(|state| (state.problem, state.counted)).unwrap_or_default();
    DescribedIntegration {
        name: integration.name.clone(),
        vpc_link: link.map(|(name, _)| name.clone()).unwrap_or_default(),
        vpc_link_id: id.clone(),
        status: link.and_then(|(_, status)| status.clone()).unwrap_or_default(),
        listen: integration.listen.to_string(),
        connections: integration.connections,
        target: match &integration.target {
            IntegrationTarget::Listener(arn) => vec![arn.clone()],
            IntegrationTarget::Addresses(addresses) => addresses.iter().map(ToString::to_string).collect(),
        },
        network_interface_ids: own,
        refused: refusal.or(problem),
        counted,
    }
}
