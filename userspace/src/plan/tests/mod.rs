//! What a plan promises.

mod classification;
mod enis;
mod groups;
mod nacls;
mod parts;
mod problems;
mod routes;
mod stability;

use super::number::hash;
use super::*;
use crate::resources::*;
use groundplane_abi::{Bank, Mac};
use ipnet::IpNet;
use proptest::prelude::*;

/// The number that stands for an id as long as nobody else has the same hash.
fn number(id: &str) -> u32 {
    hash([id])
}

fn cidr(text: &str) -> IpNet {
    text.parse().expect("a block")
}

fn anywhere() -> Peer {
    Peer::Cidr(cidr("0.0.0.0/0"))
}

/// A rule for all protocols.
fn rule(id: &str, is_egress: bool, peer: Peer) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_rule_id: id.into(),
        is_egress,
        ip_protocol: None,
        port_range: None,
        icmp_type_code: None,
        peer,
        ..SecurityGroupRule::default()
    }
}

fn group(id: &str, vpc: &str, rules: Vec<SecurityGroupRule>) -> SecurityGroup {
    SecurityGroup {
        group_id: id.into(),
        group_name: id.into(),
        vpc_id: vpc.into(),
        rules,
        ..SecurityGroup::default()
    }
}

fn entry(rule_number: u16, egress: bool) -> NetworkAclEntry {
    NetworkAclEntry {
        rule_number,
        egress,
        protocol: None,
        rule_action: RuleAction::Allow,
        cidr_block: cidr("0.0.0.0/0"),
        port_range: None,
        icmp_type_code: None,
    }
}

fn route(destination: Destination, target: RouteTarget, origin: RouteOrigin) -> Route {
    Route {
        destination,
        target,
        state: RouteState::Active,
        origin,
    }
}

fn local(block: &str) -> Route {
    let destination = Destination::Cidr(cidr(block));
    route(destination, RouteTarget::Local, RouteOrigin::CreateRouteTable)
}

fn prefix_list(id: &str, entries: &[&str]) -> PrefixList {
    PrefixList {
        prefix_list_id: id.into(),
        name: id.into(),
        max_entries: 10,
        entries: entries.iter().map(|entry| cidr(entry)).collect(),
        ..PrefixList::default()
    }
}

fn eni(vpc: &str, last_octet: u8) -> NetworkInterface {
    NetworkInterface {
        network_interface_id: format!("eni-{vpc}-{last_octet}"),
        name: format!("{vpc}{last_octet}"),
        vpc_id: vpc.into(),
        subnet_id: format!("subnet-{vpc}"),
        mac_address: Mac([2, 0, 0, 0, 0, last_octet]),
        private_ip_addresses: vec![[10, 0, 1, last_octet].into()],
        ipv6_addresses: vec![[0x2001, 0xdb8, 0xa, 1, 0, 0, 0, last_octet.into()].into()],
        ipv4_prefixes: vec![],
        ipv6_prefixes: vec![],
        groups: vec![format!("sg-{vpc}")],
        source_dest_check: true,
        interface_type: InterfaceType::Interface,
        connection_tracking: ConnectionTracking::default(),
        allowance: Allowance::default(),
        ..NetworkInterface::default()
    }
}

fn add_vpc(vpc: &str, all: &mut Resources) {
    all.vpcs.push(Vpc {
        vpc_id: vpc.into(),
        name: vpc.into(),
        cidr_block: "10.0.0.0/16".parse().expect("a block"),
        secondary_cidr_blocks: vec![],
        ipv6_cidr_blocks: vec!["2001:db8:a::/56".parse().expect("a block")],
        ..Vpc::default()
    });
    all.subnets.push(Subnet {
        subnet_id: format!("subnet-{vpc}"),
        name: "a1".into(),
        vpc_id: vpc.into(),
        cidr_block: "10.0.1.0/24".parse().expect("a block"),
        ipv6_cidr_block: Some("2001:db8:a:1::/64".parse().expect("a block")),
        route_table_id: format!("rtb-{vpc}"),
        network_acl_id: format!("acl-{vpc}"),
        ..Subnet::default()
    });
    all.route_tables.push(RouteTable {
        route_table_id: format!("rtb-{vpc}"),
        name: "main".into(),
        vpc_id: vpc.into(),
        main: true,
        routes: [local("10.0.0.0/16"), local("2001:db8:a::/56")].into_iter().collect(),
        ..RouteTable::default()
    });
    all.network_acls.push(NetworkAcl {
        network_acl_id: format!("acl-{vpc}"),
        name: "default".into(),
        vpc_id: vpc.into(),
        is_default: true,
        entries: vec![entry(100, true), entry(100, false)],
        ..NetworkAcl::default()
    });
    let open = vec![rule("sgr-1", true, anywhere()), rule("sgr-2", false, anywhere())];
    all.security_groups.push(group(&format!("sg-{vpc}"), vpc, open));
}

/// Two VPCs with the same blocks, subnets and addresses; devices 20, 21 and 30, 31.
fn twins() -> (Resources, Bindings) {
    let mut all = Resources::default();
    let mut bindings = Bindings::new();
    for (device, vpc) in [(10, "blue"), (20, "green")] {
        add_vpc(vpc, &mut all);
        for last_octet in [10, 11] {
            add_eni(
                eni(vpc, last_octet),
                device + u32::from(last_octet),
                (&mut all, &mut bindings),
            );
        }
    }
    (all, bindings)
}

fn add_eni(eni: NetworkInterface, device: u32, (resources, bindings): (&mut Resources, &mut Bindings)) {
    let binding = Binding {
        device: Device(device),
        kind: GuestKind::Veth,
    };
    bindings.insert(eni.network_interface_id.clone(), binding);
    resources.network_interfaces.push(eni);
}

/// The plan of the twins after a change.
fn plan_after(change: impl FnOnce(&mut Resources, &mut Bindings)) -> Result<Plan, Vec<PlanProblem>> {
    let (mut resources, mut bindings) = twins();
    change(&mut resources, &mut bindings);
    compile(&resources, &bindings)
}

/// The same where nothing is wrong.
fn plan_of(change: impl FnOnce(&mut Resources)) -> Plan {
    plan_after(|resources, _| change(resources)).expect("a plan")
}

proptest! {
    #[test]
    fn the_order_of_the_lists_does_not_matter(seed in any::<u64>(), broken in any::<bool>()) {
        let (mut resources, mut bindings) = twins();
        if broken {
            bindings.remove("eni-blue-10");
            resources.network_interfaces[1].mac_address = Mac([2, 0, 0, 0, 0, 10]);
            resources.network_interfaces[3].private_ip_addresses = vec![[10, 0, 1, 10].into()];
        }
        resources.security_groups[0].rules.push(rule("sgr-2", false, Peer::Group("sg-blue".into())));
        resources.prefix_lists = vec![prefix_list("pl-1", &["192.0.2.0/24"]), prefix_list("pl-2", &["192.0.2.0/24"])];
        for id in ["pl-1", "pl-2"] {
            let destination = Destination::PrefixList(id.into());
            let target = RouteTarget::NetworkInterface(if id == "pl-1" { "eni-blue-11" } else { "eni-gone" }.into());
            let mut route = route(destination, target, RouteOrigin::CreateRoute);
            route.state = if id == "pl-1" { RouteState::Active } else { RouteState::Blackhole };
            resources.route_tables[0].routes.make_mut().push(route);
        }
        let before = compile(&resources, &bindings);
        let mut random = Random(seed);
        random.shuffle(&mut resources.vpcs);
        random.shuffle(&mut resources.subnets);
        random.shuffle(&mut resources.route_tables);
        random.shuffle(&mut resources.network_acls);
        random.shuffle(&mut resources.security_groups);
        random.shuffle(&mut resources.prefix_lists);
        random.shuffle(&mut resources.network_interfaces);
        for table in &mut resources.route_tables {
            random.shuffle(table.routes.make_mut());
        }
        for acl in &mut resources.network_acls {
            random.shuffle(&mut acl.entries);
        }
        for group in &mut resources.security_groups {
            random.shuffle(&mut group.rules);
        }
        prop_assert_eq!(compile(&resources, &bindings), before);
    }
}

/// A linear congruential generator, which is random enough to stir lists and to draw rules.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % bound
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let other = self.below(end as u32 + 1) as usize;
            list.swap(end, other);
        }
    }
}
