//! Where VPC links lead, and what changes about that.

use groundplane::integration::hops;
use groundplane::plan;
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_abi::Device;
use groundplane_tests::topology::{Rule, Topology, all, nacl_rule, net, open_nacl, tcp, udp};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

/// The subnets and addresses of the HTTP link's network interfaces.
pub(super) const OWN: [(&str, &str); 2] = [("A1", "10.0.1.80"), ("A3", "10.0.3.80")];
/// Whom it speaks to: guests in its own subnets, in another one and in another VPC, a load balancer's nodes, and
/// nobody.
const TARGETS: [[u8; 4]; 7] = [
    [10, 0, 1, 11],
    [10, 0, 2, 10],
    [10, 0, 3, 10],
    [10, 1, 1, 10],
    [10, 0, 2, 51],
    [10, 0, 3, 51],
    [10, 0, 2, 99],
];
/// Who serves behind the load balancers.
const BEHIND: [(&str, &[&str]); 2] = [("web", &["a1x", "a2"]), ("targets-P", &["t1", "t3"])];
/// Guests whose groups change, and the subnets of the groups.
const GUESTS: [(&str, &str); 6] = [
    ("a1x", "A"),
    ("a2", "A"),
    ("a3", "A"),
    ("b1", "B"),
    ("t1", "P"),
    ("t3", "P"),
];
const VPCS: [(&str, &str); 3] = [("A", "A1"), ("B", "B1"), ("P", "P1")];

/// What the service says for a target, by one of a link's network interfaces.
pub(super) struct Name {
    pub(super) address: [u8; 4],
    pub(super) eni: String,
    pub(super) device: Device,
    pub(super) target: [u8; 4],
}

/// T0 with a load balancer in VPC-A, a link of HTTP APIs in that, and one of REST APIs in front of VPC-P's load
/// balancer.
pub(super) fn topology(random: &mut ChaCha8Rng) -> Topology {
    let mut topology = Topology::t0();
    topology
        .load_balancer("nlb-A", &[("A2", "10.0.2.51"), ("A3", "10.0.3.51")])
        .target_group("web", "ip", "TCP", 8080)
        .target("web", "a1x")
        .target("web", "a2")
        .listener("nlb-A", "TCP", 80, "web")
        .within("APUB");
    topology
        .peering("pcx-AB", "VPC-A", "VPC-B")
        .route_out("A1", "10.1.0.0/16", "pcx-AB")
        .route_out("B1", "10.0.0.0/16", "pcx-AB");
    if random.random_bool(0.7) {
        topology.route_out("A3", "10.1.0.0/16", "pcx-AB");
    }
    for (vpc, subnet) in VPCS {
        topology.within(subnet).group(&format!("target-{vpc}"), everything());
    }
    topology
        .within("A1")
        .group("caller", everything())
        .vpc_link("link", &["caller"], &OWN)
        .rest_vpc_link("rest", "nlb-P")
        .rest_integration("legacy", "rest", "nlb-P-443-tcp")
        .within("APUB");
    for (guest, vpc) in GUESTS {
        if random.random_bool(0.7) {
            topology.in_groups(guest, &[&format!("target-{vpc}")]);
        }
    }
    for _ in 0..random.random_range(0..3) {
        change(&mut topology, random);
    }
    topology
}

/// A name for every target by every network interface, and for the load balancer in front of which the REST link is.
pub(super) fn names(topology: &Topology) -> Vec<Name> {
    let all = &topology.resources;
    let devices = plan::devices(all, &topology.bindings);
    let by_http = OWN.iter().flat_map(|(subnet, _)| {
        let eni = &topology.interface(&format!("link-{subnet}")).network_interface_id;
        TARGETS.map(|target| (eni.clone(), target))
    });
    let legacy = topology.integration_named("legacy").expect("it is there");
    let by_rest = hops(all, legacy).expect("the link carries").into_iter();
    let by_rest = by_rest.map(|hop| (hop.network_interface_id, hop.target.ip().octets()));
    let ways = by_http.chain(by_rest).zip(0..);
    ways.map(|((eni, target), number)| Name {
        address: [100, 64, 1, number],
        device: devices[&eni],
        eni,
        target,
    })
    .collect()
}

fn everything() -> Vec<Rule> {
    vec![all().from("0.0.0.0/0"), all().to("0.0.0.0/0")]
}

/// Changes one thing, and says what.
pub(super) fn change(topology: &mut Topology, random: &mut ChaCha8Rng) -> String {
    match random.random_range(0..10) {
        0..3 => {
            let rules = rules_of_link(random);
            topology.within("A1").group("caller", rules).within("APUB");
            "the link's group changes".to_owned()
        }
        3..6 => {
            let (vpc, subnet) = *VPCS.choose(random).expect("some");
            let rules = rules_of_targets(vpc, random);
            topology.within(subnet).group(&format!("target-{vpc}"), rules);
            topology.within("APUB");
            format!("targets of {vpc} admit others")
        }
        6..8 => {
            let (group, targets) = *BEHIND.choose(random).expect("some");
            let target = *targets.choose(random).expect("some");
            let state = *["healthy", "healthy", "unhealthy", "draining"]
                .choose(random)
                .expect("some");
            topology.target_health(group, target, state);
            format!("{target} of {group} is {state}")
        }
        _ => {
            let (subnet, block) = *[
                ("A1", "10.0.2.0/24"),
                ("A2", "10.0.1.0/24"),
                ("A2", "10.0.3.0/24"),
                ("A3", "10.0.2.0/24"),
                ("B1", "10.0.0.0/16"),
                ("P3", "10.0.1.0/24"),
            ]
            .choose(random)
            .expect("some");
            let deny = NetworkAclEntry {
                cidr_block: net(block),
                ..nacl_rule(50, random.random_bool(0.5), RuleAction::Deny)
            };
            let entries = if random.random_bool(0.5) {
                vec![deny]
            } else {
                Vec::new()
            };
            topology.nacl(subnet, [open_nacl(), entries].concat());
            format!("another ACL in {subnet}")
        }
    }
}

/// What the link's group lets out: nobody comes in by it, whatever it says.
fn rules_of_link(random: &mut ChaCha8Rng) -> Vec<Rule> {
    match random.random_range(0..5) {
        0 => vec![tcp(8080).to("10.0.2.0/24")],
        1 => vec![all().to("10.0.0.0/16"), all().from("0.0.0.0/0")],
        2 => vec![tcp(0..=65535).to("0.0.0.0/0")],
        _ => everything(),
    }
}

fn rules_of_targets(vpc: &str, random: &mut ChaCha8Rng) -> Vec<Rule> {
    match random.random_range(0..5) {
        0 if vpc == "A" => vec![all().from_group("caller"), all().to("0.0.0.0/0")],
        0 => vec![all().from("10.0.1.0/24"), all().to("0.0.0.0/0")],
        1 => vec![all().from("10.0.3.0/24"), all().to("0.0.0.0/0")],
        2 => vec![tcp(0..=65535).from("10.0.0.0/16"), udp(0..=65535).to("0.0.0.0/0")],
        _ => everything(),
    }
}
