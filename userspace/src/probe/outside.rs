//! Questions across the host as uplink: whether guests find it, and whether it finds them by their public addresses.

use super::admission;
use super::case::{Case, Expected, Gateway, Party, Source, Target, What};
use super::way::{self, Way};
use crate::resources::{Resources, RouteTarget};
use std::net::Ipv4Addr;

/// One guest for each kind of gateway that a VPC is left by, and one that is reached by its public address.
pub(super) fn choose<'a>(resources: &Resources, vpc: &[Party<'a>], host: Ipv4Addr, cases: &mut Vec<Case<'a>>) {
    let probed = || vpc.iter().filter(|party| party.namespace().is_some());
    for wanted in [Gateway::Internet, Gateway::Nat] {
        let leaves = |party: &Party<'a>| {
            let (gateway, passed) = way_out(resources, party, host)?;
            let answered = admission::is_answered_outside(resources, party, passed, host.into())?;
            (gateway == wanted).then_some((*party, answered))
        };
        cases.extend(probed().find_map(leaves).map(|(party, answered)| Case {
            from: Source::Guest(party),
            to: Target::Uplink(host),
            what: What::Ping,
            expected: across(wanted, answered),
        }));
    }
    let Some((party, public)) = probed().find_map(|party| Some((*party, public_address(resources, party, host)?)))
    else {
        return;
    };
    for what in [What::Ping, What::Http] {
        let answered = admission::is_answered_inside(resources, &party, host.into(), what);
        cases.extend(answered.map(|answered| Case {
            from: Source::Host,
            to: Target::Public(party, public),
            what,
            expected: across(Gateway::Internet, answered),
        }));
    }
}

const fn across<'a>(gateway: Gateway, answered: bool) -> Expected<'a> {
    if answered {
        Expected::Across(gateway)
    } else {
        Expected::Refused(Way::AcrossSubnets)
    }
}

/// By what a guest leaves its VPC, and the subnet of the NAT gateway if it is by one.
fn way_out<'r>(resources: &'r Resources, party: &Party<'_>, host: Ipv4Addr) -> Option<(Gateway, Option<&'r str>)> {
    match way::target(resources, party, host.into())? {
        RouteTarget::Gateway(_) => {
            public_address(resources, party, host)?;
            Some((Gateway::Internet, None))
        }
        RouteTarget::NatGateway(id) => {
            let nat = resources.nat_gateways.iter().find(|nat| nat.nat_gateway_id == *id)?;
            let has_public = nat
                .nat_gateway_addresses
                .iter()
                .any(|address| address.public_ip.is_some());
            let subnet = nat.subnet_id.as_deref()?;
            let leaves = matches!(
                way::target_of_subnet(resources, subnet, host.into())?,
                RouteTarget::Gateway(_)
            );
            (has_public && leaves).then_some((Gateway::Nat, Some(subnet)))
        }
        _ => None,
    }
}

/// The public address of a guest that an internet gateway leads out, and in as long as the gateway has no table.
fn public_address(resources: &Resources, party: &Party<'_>, host: Ipv4Addr) -> Option<Ipv4Addr> {
    let RouteTarget::Gateway(id) = way::target(resources, party, host.into())? else {
        return None;
    };
    let mut gateways = resources.internet_gateways.iter();
    gateways.find(|gateway| gateway.internet_gateway_id == *id)?;
    if resources
        .route_tables
        .iter()
        .any(|table| table.gateway_ids.contains(id))
    {
        return None;
    }
    let mut own = party.eni.associations.iter();
    let own = own.find(|association| association.private_ip_address == party.address())?;
    Some(own.public_ip)
}
