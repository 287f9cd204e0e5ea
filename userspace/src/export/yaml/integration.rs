//! Integrations.

use super::text::Map;
use crate::document::{CONNECTIONS, Integration, IntegrationTarget};

/// Links are named by their ids, which nobody else has.
pub(super) fn integrations(integrations: &[Integration]) -> Map {
    let mut all = Map::default();
    for integration in integrations {
        all.put(&integration.name, one(integration));
    }
    all
}

fn one(integration: &Integration) -> Map {
    let mut map = Map::default();
    map.put("vpc_link", &*integration.vpc_link);
    match &integration.target {
        IntegrationTarget::Listener(arn) => map.put("listener", &**arn),
        IntegrationTarget::Addresses(addresses) => match &**addresses {
            [address] => map.put("address", address.to_string()),
            several => map.put_list("instances", several.iter().map(ToString::to_string)),
        },
    }
    map.put("listen", integration.listen.to_string());
    map.put_if(
        integration.connections != CONNECTIONS,
        "connections",
        integration.connections.to_string(),
    );
    map
}
