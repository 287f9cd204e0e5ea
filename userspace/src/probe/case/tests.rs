//! Which questions documents lead to.

use super::*;
use crate::document;
use crate::install::Deployment;

/// The questions for a document, in words.
fn questions(text: &str, addresses: &[Ipv4Addr]) -> Vec<String> {
    let resolved = document::parse("test.yaml", text.as_bytes()).unwrap();
    let deployment = Deployment::from(resolved);
    let guests = deployment.guest_states().unwrap();
    let parties = parties(&deployment.resources, &guests);
    let uplink = addresses.iter().find(|address| address.octets()[0] == 198).copied();
    choose(&deployment.resources, &parties, Host { addresses, uplink })
        .iter()
        .map(words)
        .collect()
}

fn words(case: &Case<'_>) -> String {
    let from = match case.from {
        Source::Guest(party) => party.identity(),
        Source::Host => "host".to_owned(),
    };
    let to = match case.to {
        Target::Guest(party) => party.identity(),
        Target::Host(address) | Target::Uplink(address) | Target::Public(_, address) => address.to_string(),
    };
    let expected = match case.expected {
        Expected::Dropped => "dropped".to_owned(),
        Expected::Refused(way) => format!("refused {way:?}"),
        Expected::Across(gateway) => format!("across {gateway:?}"),
        Expected::Answer(party, Way::Through(middlebox)) => {
            format!("{} through {}", party.identity(), middlebox.identity())
        }
        Expected::Answer(party, way) => format!("{} {way:?}", party.identity()),
    };
    format!("{from} {:?} {to}: {expected}", case.what)
}

#[test]
fn two_vpcs_with_the_same_block_never_meet() {
    let asked = questions(
        include_str!("../../../../examples/two-vpcs.yaml"),
        &[Ipv4Addr::new(192, 0, 2, 2)],
    );
    for question in [
        "blue/web-1 Http blue/web-2: blue/web-2 SameSubnet",
        "blue/web-1 Stream blue/db-1: blue/db-1 AcrossSubnets",
        "blue/web-1 Http green/db-1: blue/db-1 AcrossSubnets",
        "green/web-1 Ping blue/web-2: dropped",
        "blue/web-1 Ping 192.0.2.2: dropped",
        "host Ping green/web-1: dropped",
        "blue/web-1 Ping6 blue/db-1: blue/db-1 AcrossSubnets",
        "blue/web-1 Spoof(10.0.2.10) blue/web-2: dropped",
    ] {
        assert!(asked.iter().any(|asked| asked == question), "{question} in {asked:#?}");
    }
    assert_eq!(asked.len(), 21, "{asked:#?}");
}

#[test]
fn a_middlebox_is_on_the_way_between_the_subnets_routed_through_it() {
    let asked = questions(include_str!("../../../../examples/inspection.yaml"), &[]);
    assert!(
        asked.contains(&"blue/web-1 Http blue/db-1: blue/db-1 through blue/firewall".to_owned()),
        "{asked:#?}"
    );
}

#[test]
fn rules_say_what_is_answered() {
    let asked = questions(include_str!("../../../../examples/groups.yaml"), &[]);
    for question in [
        "lab/web-1 Ping lab/app-1: lab/app-1 AcrossSubnets",
        "lab/web-1 Http lab/app-1: refused AcrossSubnets",
        "lab/web-1 Stream lab/app-1: refused AcrossSubnets",
        "lab/web-1 Ping lab/client: refused AcrossSubnets",
    ] {
        assert!(asked.iter().any(|asked| asked == question), "{question} in {asked:#?}");
    }
}

#[test]
fn gateways_lead_to_the_host_and_back() {
    let (host, other) = (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(192, 0, 2, 2));
    let asked = questions(include_str!("../../../../examples/internet.yaml"), &[host, other]);
    for question in [
        "shop/web-1 Ping 198.18.0.1: across Internet",
        "shop/app-1 Ping 198.18.0.1: across Nat",
        "host Ping 203.0.113.10: across Internet",
        "host Http 203.0.113.10: refused AcrossSubnets",
    ] {
        assert!(asked.iter().any(|asked| asked == question), "{question} in {asked:#?}");
    }
    assert!(!asked.iter().any(|asked| asked.contains("192.0.2.2")), "{asked:#?}");
}

#[test]
fn a_tap_guest_is_asked_nothing() {
    let text = "vpcs:\n  blue:\n    CidrBlock: 10.0.0.0/16\n    subnets:\n      a: { CidrBlock: 10.0.1.0/24 }\n    \
                instances:\n      vm: { subnet: a, tap: vm0 }\n";
    assert!(questions(text, &[]).is_empty());
}
