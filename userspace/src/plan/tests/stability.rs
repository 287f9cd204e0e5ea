//! What a change in one VPC leaves alone.

use super::*;
use groundplane_abi::{GroupSetId, NaclId, RouteTableId, ScopeId, SubnetId, VpcId};

/// The rows of green, without the banks: what must not depend on blue.
fn green(plan: &Plan) -> Plan {
    let vpc = VpcId(number("green"));
    let (subnet, set) = (SubnetId(number("subnet-green")), GroupSetId(number("sg-green")));
    let mut rows = plan.clone();
    rows.enis.retain(|_, eni| eni.vpc == vpc);
    rows.subnets.retain(|_, entry| entry.vpc == vpc);
    rows.macs.retain(|key, _| key.subnet == subnet);
    rows.group_sets.retain(|key, _| key.group_set == set);
    rows.references.retain(|key, _| key.group_set == set);
    rows.selectors.retain(|(key, _), _| key.group_set == set);
    rows.vpcs.retain(|key, _| key.vpc == vpc);
    rows.scopes.retain(|id, _| id == "green");
    fn family<I: Family>(rows: &mut Plan, vpc: VpcId, set: GroupSetId) {
        let (table, nacl) = (RouteTableId(number("rtb-green")), NaclId(number("acl-green")));
        let rows = I::rows_mut(rows);
        rows.addresses.retain(|(key, _), _| key.vpc == vpc);
        rows.routes.retain(|(key, _), _| key.table == table);
        rows.nacls.retain(|key, _| key.nacl == nacl);
        rows.peers.retain(|(key, _), _| key.group_set == set);
    }
    family::<Ip4>(&mut rows, vpc, set);
    family::<Ip6>(&mut rows, vpc, set);
    rows
}

fn rules() -> Vec<SecurityGroupRule> {
    let tcp = |rule| SecurityGroupRule {
        ip_protocol: Some(6),
        port_range: Some((80, 90)),
        ..rule
    };
    vec![
        tcp(rule("sgr-1", true, anywhere())),
        rule("sgr-2", false, Peer::PrefixList("pl-1".into())),
        tcp(rule("sgr-3", false, Peer::Group("sg-green".into()))),
    ]
}

/// The twins with more to say: references, ports, a prefix list, and tables that nobody uses.
fn world() -> (Resources, Bindings) {
    let (mut all, bindings) = twins();
    all.prefix_lists = vec![prefix_list("pl-1", &["192.0.2.0/24", "2001:db8:b::/48"])];
    all.security_groups[1].rules = rules();
    for vpc in ["blue", "green"] {
        all.security_groups
            .push(group(&format!("sg-unused-{vpc}"), vpc, rules()));
        for list in 0..2 {
            if all.vpcs[list].vpc_id == vpc {
                let table = RouteTable {
                    route_table_id: format!("rtb-unused-{vpc}"),
                    main: false,
                    ..all.route_tables[list].clone()
                };
                all.route_tables.push(table);
                let acl = NetworkAcl {
                    network_acl_id: format!("acl-unused-{vpc}"),
                    is_default: false,
                    ..all.network_acls[list].clone()
                };
                all.network_acls.push(acl);
            }
        }
    }
    (all, bindings)
}

/// The scopes that a change names, by VPC, after a look at green's rows.
fn changed(change: impl FnOnce(&mut Resources, &mut Bindings)) -> Vec<&'static str> {
    let (mut resources, mut bindings) = world();
    let old = compile(&resources, &bindings).expect("a plan");
    change(&mut resources, &mut bindings);
    let new = compile(&resources, &bindings).expect("a plan");
    let changed = changed_scopes(&old, &new);
    if !changed.contains(&old.scopes["green"]) {
        assert_eq!(green(&new), green(&old));
    }
    let mut names = vec![];
    for (name, plan) in [("blue", &old), ("green", &old), ("aaa", &new), ("red", &new)] {
        if plan.scopes.get(name).is_some_and(|scope| changed.contains(scope)) {
            names.push(name);
        }
    }
    // What belongs to no VPC alone is looked at again after every change.
    let everything = usize::from(!changed.is_empty());
    assert_eq!(names.len() + everything, changed.len());
    names
}

#[test]
fn objects_that_come_and_go_in_one_vpc_change_nothing_in_another() {
    let blue_only: [fn(&mut Resources, &mut Bindings); 11] = [
        // An ENI whose id comes before all others, with groups and addresses of its own.
        |resources, bindings| {
            let mut first = eni("blue", 9);
            first.network_interface_id = "eni-0".into();
            first.groups.insert(0, "sg-unused-blue".into());
            add_eni(first, 7, (resources, bindings));
        },
        |resources, _| _ = resources.network_interfaces.remove(0),
        |resources, _| resources.network_interfaces[0].groups = vec!["sg-unused-blue".into()],
        |resources, _| resources.network_interfaces[0].source_dest_check = false,
        |resources, _| resources.network_interfaces[0].connection_tracking.udp_timeout = 31,
        |resources, _| resources.security_groups[0].rules.truncate(1),
        |resources, _| resources.security_groups[0].rules.extend(rules()),
        |resources, _| _ = resources.network_acls[0].entries.pop(),
        |resources, _| _ = resources.route_tables[0].routes.make_mut().pop(),
        |resources, _| resources.subnets[0].route_table_id = "rtb-unused-blue".into(),
        |resources, _| {
            let subnet = Subnet {
                subnet_id: "subnet-0".into(),
                cidr_block: "10.0.0.0/24".parse().expect("a block"),
                ..resources.subnets[0].clone()
            };
            resources.subnets.insert(0, subnet);
        },
    ];
    for change in blue_only {
        assert_eq!(changed(change), ["blue"]);
    }
}

#[test]
fn a_vpc_that_comes_or_goes_changes_no_other() {
    assert_eq!(changed(|resources, _| add_vpc("aaa", resources)), ["aaa"]);
    assert_eq!(changed(|resources, _| add_vpc("red", resources)), ["red"]);
    let remove_blue = |resources: &mut Resources, _: &mut Bindings| {
        resources.vpcs.retain(|object| object.vpc_id != "blue");
        resources.subnets.retain(|object| object.vpc_id != "blue");
        resources.route_tables.retain(|object| object.vpc_id != "blue");
        resources.network_acls.retain(|object| object.vpc_id != "blue");
        resources.security_groups.retain(|object| object.vpc_id != "blue");
        resources.network_interfaces.retain(|object| object.vpc_id != "blue");
    };
    assert_eq!(changed(remove_blue), ["blue"]);
}

#[test]
fn a_change_of_what_nobody_uses_changes_nobody() {
    let unused: [fn(&mut Resources, &mut Bindings); 6] = [
        |resources, _| resources.network_acls.truncate(3),
        |resources, _| resources.network_acls[2].entries.clear(),
        |resources, _| resources.route_tables[2].routes.make_mut().clear(),
        |resources, _| resources.security_groups[2].rules.clear(),
        |resources, _| resources.security_groups.truncate(2),
        |resources, _| resources.prefix_lists.push(prefix_list("pl-0", &["192.0.2.0/24"])),
    ];
    for change in unused {
        assert_eq!(changed(change), [""; 0]);
    }
}

#[test]
fn a_prefix_list_changes_those_who_use_it() {
    assert_eq!(
        changed(|resources, _| _ = resources.prefix_lists[0].entries.pop()),
        ["green"]
    );
    assert_eq!(
        changed(|resources, _| _ = resources.prefix_lists[0].entries.remove(0)),
        ["green"]
    );
}

#[test]
fn every_vpc_has_a_scope_of_its_own_while_there_are_enough() {
    let vpc = |number: u32| Vpc {
        vpc_id: format!("vpc-{number:05}"),
        ..twins().0.vpcs[0].clone()
    };
    for (vpcs, distinct) in [(200, 200), (1021, 1021), (1030, 1021)] {
        let resources = Resources {
            vpcs: (0..vpcs).map(vpc).collect(),
            ..Resources::default()
        };
        let plan = compile(&resources, &Bindings::new()).expect("a plan");
        let scopes: std::collections::BTreeSet<_> = plan.scopes.values().map(|scope| scope.0).collect();
        assert_eq!((plan.scopes.len(), scopes.len()), (vpcs as usize, distinct));
        assert!(scopes.iter().all(|scope| (ScopeId::FIRST.0..1024).contains(scope)));
    }
}
