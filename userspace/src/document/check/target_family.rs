//! Clients of one IP version whom a load balancer has no target for: on AWS a node sends them on by its own address of
//! the target's version (semantics 13.3), and here packets keep their version.

use super::context::Context;
use crate::document::diagnostic::{Problem, Problems};
use crate::resources::{Listener, LoadBalancer, TargetGroup};

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for balancer in all.all.load_balancers.iter().filter(|one| one.is_network_and_there()) {
        for listener in all.all.listeners_of(balancer) {
            if let Some(group) = all.all.target_group(listener) {
                nobody(all, balancer, (listener, group), problems);
            }
        }
    }
}

fn nobody(
    all: &Context<'_>,
    balancer: &LoadBalancer,
    (listener, group): (&Listener, &TargetGroup),
    problems: &mut Problems,
) {
    let mut nodes = all.all.nodes(balancer);
    let targets: Vec<_> = all.all.targets(group).map(|target| target.address).collect();
    let (ipv4, ipv6) = (
        targets.iter().any(|it| it.is_ipv4()),
        targets.iter().any(|it| it.is_ipv6()),
    );
    let (clients, others) = match (ipv4, ipv6) {
        (true, false) if nodes.any(|node| !node.ipv6_addresses.is_empty()) => ("IPv6", "IPv4"),
        (false, true) if nodes.any(|node| !node.private_ip_addresses.is_empty()) => ("IPv4", "IPv6"),
        _ => return,
    };
    let message = format!(
        "clients that come to load balancer {} by {clients} reach nobody: the targets of {} have {others} addresses \
         alone, and addresses aren't translated between the versions here",
        all.name(&balancer.load_balancer_arn),
        all.name(&group.target_group_arn)
    );
    let help = match clients {
        "IPv6" => "register targets by IPv6 address as well, or write IpAddressType: ipv4",
        _ => "register targets by IPv4 address as well",
    };
    let place = all.place((&listener.listener_arn, &["DefaultActions"]));
    let problem = Problem::warning(place, message).code("X_NLB_NO_TARGET");
    problems.report(problem.help(help));
}
