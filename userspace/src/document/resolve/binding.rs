//! Guests of network interfaces that another source has, such as a dump.

use super::place::Taken;
use crate::document::Guest;
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::schema::Binding;
use crate::resources::{NetworkInterface, Resources};
use std::collections::{HashMap, HashSet};

/// Finds the network interfaces, and puts the guests behind them among the others.
pub(super) fn resolve(
    bindings: &[Binding<'_>],
    resources: &Resources,
    guests: &mut Vec<Guest>,
    problems: &mut Problems,
) -> Vec<Taken> {
    if bindings.is_empty() {
        return Vec::new();
    }
    let called = called(resources);
    let ids = guests.iter().map(|guest| guest.network_interface_id.clone());
    let mut bound: HashSet<String> = ids.collect();
    let mut taken = Vec::new();
    for Binding { name, attachment } in bindings {
        let Some(eni) = find(&called, *name, problems) else {
            continue;
        };
        let Some(attachment) = *attachment else { continue };
        let place = Taken::of(&eni.name, attachment, problems);
        if bound.insert(eni.network_interface_id.clone()) {
            guests.push(place.guest(&eni.name, &eni.network_interface_id));
        } else {
            let message = format!("network interface {} has a guest already", quote(&eni.name));
            problems.report(Problem::error(name.span, message).help("remove one of the two"));
        }
        taken.push(place);
    }
    taken
}

/// The one network interface that is called so.
fn find<'a>(
    called: &HashMap<String, Vec<&'a NetworkInterface>>,
    name: Spanned<&str>,
    problems: &mut Problems,
) -> Option<&'a NetworkInterface> {
    let (message, help) = match called.get(name.value).map(Vec::as_slice) {
        Some([eni]) => return Some(eni),
        Some(_) => {
            let message = format!("several network interfaces are called {}", quote(name.value));
            (message, "write VPC/NAME or VPC/ADDRESS, or the id")
        }
        None => {
            let message = format!("no network interface is called {}", quote(name.value));
            (message, "write its id, its name, or VPC/ADDRESS")
        }
    };
    let problem = Problem::error(name.span, message).code("InvalidNetworkInterfaceID.NotFound");
    problems.report(problem.help(help));
    None
}

/// Network interfaces by everything they can be called.
fn called(resources: &Resources) -> HashMap<String, Vec<&NetworkInterface>> {
    let vpcs = resources.vpcs.iter().map(|vpc| (&*vpc.vpc_id, &*vpc.name));
    let vpcs: HashMap<&str, &str> = vpcs.collect();
    let mut called: HashMap<String, Vec<&NetworkInterface>> = HashMap::new();
    for eni in &resources.network_interfaces {
        let own = [eni.network_interface_id.clone(), eni.name.clone()];
        let ipv4 = eni.private_ip_addresses.iter().map(ToString::to_string);
        let ipv6 = eni.ipv6_addresses.iter().map(ToString::to_string);
        let own: HashSet<String> = own.into_iter().chain(ipv4).chain(ipv6).collect();
        let of_vpc: Vec<&str> = vpcs
            .get(&*eni.vpc_id)
            .copied()
            .into_iter()
            .chain([&*eni.vpc_id])
            .collect();
        let in_vpc = |name| of_vpc.iter().map(move |vpc| format!("{vpc}/{name}"));
        let with_vpc: HashSet<String> = own.iter().flat_map(in_vpc).collect();
        for name in own.into_iter().chain(with_vpc) {
            called.entry(name).or_default().push(eni);
        }
    }
    called
}
