//! What integrations come to, without a socket.

use super::*;
use crate::document::{self, Resolved};

const EXAMPLE: &str = include_str!("../../../examples/vpc-link.yaml");

fn example(from: &str, to: &str) -> Resolved {
    assert_eq!(EXAMPLE.matches(from).count(), 1, "{from}");
    document::parse("vpc-link.yaml", EXAMPLE.replace(from, to).as_bytes())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The network interfaces' addresses and the targets of an integration.
fn ways(resolved: &Resolved, index: usize) -> Result<Vec<(String, String)>, String> {
    let all = &resolved.resources;
    let found = hops(all, &resolved.integrations[index]).map_err(|refusal| refusal.to_string())?;
    let own = |id: &str| {
        let mut enis = all.network_interfaces.iter();
        let eni = enis.find(|eni| eni.network_interface_id == id);
        eni.map_or_else(|| "hidden".to_owned(), |eni| eni.private_ip_addresses[0].to_string())
    };
    let ways = found.into_iter();
    Ok(ways
        .map(|hop| (own(&hop.network_interface_id), hop.target.to_string()))
        .collect())
}

#[test]
fn every_interface_and_every_target_has_its_turn() {
    let resolved = example("10.0.2.11:8080\"]", "10.0.2.11:8080\", \"10.0.2.12:8080\"]");
    let ways = ways(&resolved, 0).expect("ways");
    let targets: Vec<_> = ways.iter().map(|(_, target)| &**target).collect();
    assert_eq!(targets, ["10.0.2.10:8080", "10.0.2.11:8080", "10.0.2.12:8080"]);
    let mut own: Vec<_> = ways.iter().map(|(own, _)| own).collect();
    own.sort();
    own.dedup();
    assert_eq!(own.len(), 2);
}

#[test]
fn a_listener_is_its_load_balancers_nodes() {
    let resolved = example("vpc_link: legacy, listener: legacy", "vpc_link: shop, listener: legacy");
    let ways = ways(&resolved, 1).expect("ways");
    assert_eq!(ways.len(), 2, "one by each network interface");
    assert!(ways.iter().all(|(_, target)| target == "10.0.1.50:80"));
}

#[test]
fn a_link_of_a_rest_api_goes_by_the_services_own_side() {
    let resolved = example("# What the link may reach.", "");
    let hidden = |target: &str| ("hidden".to_owned(), target.to_owned());
    assert_eq!(ways(&resolved, 1).expect("ways"), [hidden("198.19.0.20:80")]);
}

#[test]
fn a_link_that_is_not_available_says_so() {
    let link = "{ SubnetIds: [shop/a, shop/b]";
    let resolved = example(
        link,
        "{ VpcLinkStatus: INACTIVE, VpcLinkStatusMessage: unused, SubnetIds: [shop/a, shop/b]",
    );
    let told = ways(&resolved, 0).expect_err("a refusal");
    assert_eq!(
        told,
        "X_VPCLINK_INACTIVE: the VPC link is INACTIVE, and only one that is AVAILABLE carries connections: unused"
    );
    let report = IntegrationReport::of(&resolved.resources, &resolved.integrations, Found::ByNobody);
    assert!(!report.is_served);
    assert_eq!(report.integrations[0].refused, Some(told));
    assert_eq!(report.integrations[0].status, "INACTIVE");
    assert_eq!(report.integrations[1].refused, None);
    let resolved = example("targetArns: [legacy] }", "targetArns: [legacy], status: FAILED }");
    assert!(ways(&resolved, 1).expect_err("a refusal").contains("is FAILED"));
}
