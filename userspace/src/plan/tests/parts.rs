//! A plan made of what differs from another one is the plan made of everything.

use super::*;
use crate::resources::{
    Action, Listener, LoadBalancer, LoadBalancerAddress, LoadBalancerZone, Target, TargetGroup, TargetHealthDescription,
};
use std::sync::Arc;

/// What can happen to a configuration, drawn by numbers.
fn change(random: &mut Random, resources: &mut Resources, bindings: &mut Bindings) {
    let vpc = random.pick(&["blue", "green", "red"]);
    match random.below(14) {
        0 => add_vpc(vpc, resources),
        1 => forget(vpc, resources),
        2 => {
            let device = 100 + random.below(5);
            add_eni(eni(vpc, 20 + device as u8), device, (resources, bindings));
        }
        3 => _ = resources.network_interfaces.pop(),
        4 => {
            let (number, bindings) = (random.below(4), bindings.values_mut());
            bindings.for_each(|binding| binding.device.0 += number);
        }
        5 => _ = bindings.pop_first(),
        6 => resources.prefix_lists = vec![prefix_list("pl-1", &["192.0.2.0/24"])],
        7 => resources.prefix_lists = vec![prefix_list("pl-1", &["192.0.2.0/24", "198.51.100.0/24"])],
        8 => {
            let destination = Destination::PrefixList("pl-1".into());
            let target = RouteTarget::NetworkInterface(format!("eni-{vpc}-11"));
            let route = route(destination, target, RouteOrigin::CreateRoute);
            resources
                .route_tables
                .iter_mut()
                .take(2)
                .for_each(|table| table.routes.make_mut().push(route.clone()));
        }
        9 => resources
            .route_tables
            .iter_mut()
            .for_each(|table| table.routes.make_mut().truncate(2)),
        10 => {
            let peer = Peer::Group(format!("sg-{vpc}"));
            let number = random.below(9);
            let rule = rule(&format!("sgr-{number}"), false, peer);
            resources
                .security_groups
                .iter_mut()
                .for_each(|group| group.rules.push(rule.clone()));
        }
        11 => resources
            .security_groups
            .iter_mut()
            .for_each(|group| group.rules.truncate(2)),
        12 => resources
            .network_acls
            .iter_mut()
            .for_each(|acl| acl.entries.truncate(1)),
        _ => resources
            .network_interfaces
            .iter_mut()
            .for_each(|eni| eni.source_dest_check = !eni.source_dest_check),
    }
}

fn forget(vpc: &str, resources: &mut Resources) {
    resources.vpcs.retain(|it| it.vpc_id != vpc);
    resources.subnets.retain(|it| it.vpc_id != vpc);
    resources.route_tables.retain(|it| it.vpc_id != vpc);
    resources.network_acls.retain(|it| it.vpc_id != vpc);
    resources.security_groups.retain(|it| it.vpc_id != vpc);
    resources.network_interfaces.retain(|it| it.vpc_id != vpc);
}

proptest! {
    #[test]
    fn what_is_compiled_of_a_change_is_what_is_compiled_of_everything(seed in any::<u64>()) {
        let (mut resources, mut bindings) = twins();
        let mut random = Random(seed);
        let mut last = Compiled::default();
        for _ in 0..30 {
            let before = (resources.clone(), bindings.clone());
            change(&mut random, &mut resources, &mut bindings);
            let next = last.next(Arc::new(resources.clone()), &bindings);
            let whole = compile(&resources, &bindings);
            match next {
                Ok(next) => {
                    prop_assert_eq!(Ok(next.plan()), whole);
                    last = next;
                }
                Err(problems) => {
                    prop_assert_eq!(Err(problems), whole);
                    // Mostly what holds is changed further, and sometimes what doesn't.
                    if random.below(4) > 0 {
                        (resources, bindings) = before;
                    }
                }
            }
        }
    }
}

#[test]
fn the_parts_of_vpcs_that_do_not_change_are_the_same_in_memory() {
    let (resources, bindings) = twins();
    let before = Compiled::default()
        .next(Arc::new(resources.clone()), &bindings)
        .expect("a plan");
    let mut changed = resources;
    changed.security_groups[0].rules.pop();
    let after = before.next(Arc::new(changed), &bindings).expect("a plan");
    assert!(Arc::ptr_eq(&before.parts["green"], &after.parts["green"]));
    assert!(!Arc::ptr_eq(&before.parts["blue"], &after.parts["blue"]));
}

#[test]
fn how_targets_are_concerns_the_vpcs_of_their_load_balancers_alone() {
    let (mut resources, bindings) = twins();
    balance("blue", &mut resources);
    let compiled = |before: &Compiled, resources: &Resources| {
        let next = before.next(Arc::new(resources.clone()), &bindings).expect("a plan");
        assert_eq!(next.plan(), compile(resources, &bindings).expect("a plan"));
        next
    };
    let before = compiled(&Compiled::default(), &resources);
    resources.target_groups[0].target_health_descriptions[0]
        .target_health
        .state = Some("unhealthy".to_owned());
    let after = compiled(&before, &resources);
    assert!(Arc::ptr_eq(&before.parts["green"], &after.parts["green"]));
    assert_ne!(before.parts["blue"], after.parts["blue"]);
    // Whoever is added may be anybody's concern.
    let added = resources.target_groups[0].target_health_descriptions[0].clone();
    resources.target_groups[0].target_health_descriptions.push(added);
    let more = compiled(&after, &resources);
    assert!(!Arc::ptr_eq(&after.parts["green"], &more.parts["green"]));
}

/// A load balancer of a VPC, with a node and two targets.
fn balance(vpc: &str, resources: &mut Resources) {
    let subnet = format!("subnet-{vpc}");
    let node: std::net::Ipv4Addr = "10.0.1.50".parse().expect("an address");
    let target = |id: &str| TargetHealthDescription {
        target: Target {
            id: id.to_owned(),
            ..Target::default()
        },
        ..TargetHealthDescription::default()
    };
    resources.network_interfaces.push(NetworkInterface {
        network_interface_id: format!("eni-{vpc}-node"),
        private_ip_addresses: vec![node],
        interface_type: InterfaceType::NetworkLoadBalancer,
        ..eni(vpc, 50)
    });
    resources.load_balancers.push(LoadBalancer {
        load_balancer_arn: "balancer".to_owned(),
        load_balancer_type: Some("network".to_owned()),
        vpc_id: Some(vpc.to_owned()),
        availability_zones: vec![LoadBalancerZone {
            subnet_id: Some(subnet),
            load_balancer_addresses: vec![LoadBalancerAddress {
                private_ipv4_address: Some(node),
                ..LoadBalancerAddress::default()
            }],
            ..LoadBalancerZone::default()
        }],
        ..LoadBalancer::default()
    });
    resources.listeners.push(Listener {
        load_balancer_arn: Some("balancer".to_owned()),
        port: Some(80),
        protocol: Some("TCP".to_owned()),
        default_actions: vec![Action {
            target_group_arn: Some("targets".to_owned()),
            ..Action::default()
        }],
        ..Listener::default()
    });
    resources.target_groups.push(TargetGroup {
        target_group_arn: "targets".to_owned(),
        port: Some(80),
        vpc_id: Some(vpc.to_owned()),
        target_type: Some("ip".to_owned()),
        target_health_descriptions: vec![target("10.0.1.10"), target("10.0.1.11")],
        ..TargetGroup::default()
    });
}
