//! Instances: an ENI each, its addresses, and where its guest is.

use super::{Output, PREFIX_LENS, Scope, open_group_id, subnet};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::schema::{self, Address, Instance};
use crate::document::{Attachment, Guest, names};
use crate::resources::{Allowance, ConnectionTracking, InterfaceType, NetworkInterface};
use ipnet::Ipv4Net;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// Where a guest is: in the namespace of that name, or behind the tap of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place<'a> {
    Namespace(&'a str),
    Tap(&'a str),
}

/// Makes the ENIs of a VPC. Chosen addresses are taken first, so that an automatic one is never in their way.
pub(super) fn resolve<'a>(scope: &Scope<'a>, out: &mut Output<'a>, problems: &mut Problems) {
    let mut addresses = Addresses::default();
    let instances: Vec<_> = scope
        .instances
        .iter()
        .map(|instance| (instance, find_subnet(scope, instance, problems)))
        .collect();
    for &(instance, block) in &instances {
        if let Address::Chosen(address) = instance.address {
            addresses.choose(address, block, instance.name.value, problems);
        }
    }
    for &(instance, block) in &instances {
        place(scope, instance, out, problems);
        let address = match instance.address {
            Address::Chosen(address) => Some(address.value),
            Address::Automatic => block.and_then(|block| addresses.lowest_free(block, instance, problems)),
            Address::Wrong => None,
        };
        if let (Some(address), Some(subnet), Some(attachment)) = (address, instance.subnet, instance.attachment) {
            make(scope, instance, (subnet.value, address, attachment.value), out);
        }
    }
}

/// The block of the instance's subnet, if it can be told.
fn find_subnet(scope: &Scope<'_>, instance: &Instance<'_>, problems: &mut Problems) -> Option<Ipv4Net> {
    let subnet = subnet::find(scope, instance.subnet?, problems)?;
    // A block of another length has been reported, and has no addresses of the usual kind.
    subnet
        .cidr_block
        .map(|block| block.value)
        .filter(|block| PREFIX_LENS.contains(&block.prefix_len()))
}

fn make<'a>(
    scope: &Scope<'a>,
    instance: &Instance<'a>,
    (subnet, address, attachment): (&str, Ipv4Addr, schema::Attachment<'a>),
    out: &mut Output<'a>,
) {
    let name = instance.name.value.to_owned();
    let network_interface_id = scope.id("eni", &name);
    out.resources.network_interfaces.push(NetworkInterface {
        network_interface_id: network_interface_id.clone(),
        name: name.clone(),
        vpc_id: scope.vpc_id.clone(),
        subnet_id: scope.id("subnet", subnet),
        mac_address: out.macs.of(&network_interface_id),
        private_ip_addresses: vec![address],
        ipv6_addresses: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        groups: vec![open_group_id(scope)],
        source_dest_check: instance.source_dest_check,
        interface_type: InterfaceType::Interface,
        connection_tracking: ConnectionTracking::default(),
        allowance: Allowance::default(),
    });
    let attachment = match attachment {
        schema::Attachment::Namespace { name, adopt } => Attachment::Namespace {
            name: name.to_owned(),
            adopt,
        },
        schema::Attachment::Tap { device } => Attachment::Tap {
            device: device.to_owned(),
        },
    };
    out.guests.push(Guest {
        name,
        network_interface_id,
        attachment,
    });
}

/// Checks the name of the guest's place, that it is there if it must be, and that no other guest is.
fn place<'a>(scope: &Scope<'a>, instance: &Instance<'a>, out: &mut Output<'a>, problems: &mut Problems) {
    let Some(Spanned {
        value: attachment,
        span,
    }) = instance.attachment
    else {
        return;
    };
    let (place, kind, name) = match attachment {
        schema::Attachment::Namespace { name, .. } => (Place::Namespace(name), "namespace", name),
        schema::Attachment::Tap { device } => (Place::Tap(device), "tap", device),
    };
    match place {
        Place::Namespace(name) => names::check_namespace(name, span, problems),
        Place::Tap(device) => names::check_tap(device, span, problems),
    }
    if let schema::Attachment::Namespace { name, adopt: true } = attachment {
        check_adopted(scope, Spanned { value: name, span }, problems);
    }
    if let Some(other) = out.places.insert(place, instance.name.value) {
        let message = format!("{kind} {} is instance {}'s", quote(name), quote(other));
        problems.report(Problem::error(span, message).help(format!("give each instance a {kind} of its own")));
    }
}

/// Checks that the host has a namespace, if the host is known.
fn check_adopted(scope: &Scope<'_>, name: Spanned<&str>, problems: &mut Problems) {
    let Spanned { value: name, span } = name;
    let Some(namespaces) = scope.namespaces else {
        return;
    };
    // What can't be a namespace's name has been reported.
    if names::is_namespace(name) && !namespaces.iter().any(|namespace| namespace == name) {
        let message = format!("this host has no network namespace {}", quote(name));
        let help = format!("make it with `ip netns add {name}`, or remove adopt to have it made");
        problems.report(Problem::error(span, message).help(help));
    }
}

/// The addresses of a VPC that are taken.
#[derive(Default)]
struct Addresses<'a> {
    taken: HashMap<Ipv4Addr, &'a str>,
    /// Below which address of a subnet nothing is free.
    next: HashMap<Ipv4Net, u32>,
}

impl<'a> Addresses<'a> {
    fn choose(
        &mut self,
        address: Spanned<Ipv4Addr>,
        block: Option<Ipv4Net>,
        instance: &'a str,
        problems: &mut Problems,
    ) {
        let Spanned { value: address, span } = address;
        if let Some(block) = block {
            let (first, last) = assignable(block);
            let range = format!("choose one from {} to {}", Ipv4Addr::from(first), Ipv4Addr::from(last));
            if !block.contains(&address) {
                let message = format!("{address} isn't in the subnet's block {block}");
                problems.report(Problem::error(span, message).code("InvalidParameterValue").help(range));
            } else if !(first..=last).contains(&u32::from(address)) {
                let message = format!("{address} is one of the five addresses of {block} that nobody may have");
                problems.report(Problem::error(span, message).code("InvalidParameterValue").help(range));
            }
        }
        if let Some(other) = self.taken.insert(address, instance) {
            let message = format!("{address} is instance {}'s", quote(other));
            let help = "choose another address, or leave it out to get the lowest that is free";
            problems.report(Problem::error(span, message).code("InvalidIPAddress.InUse").help(help));
        }
    }

    fn lowest_free(&mut self, block: Ipv4Net, instance: &Instance<'a>, problems: &mut Problems) -> Option<Ipv4Addr> {
        let (first, last) = assignable(block);
        let from = self.next.get(&block).copied().unwrap_or(first);
        let free = (from..=last).find(|&bits| !self.taken.contains_key(&Ipv4Addr::from(bits)));
        let Some(bits) = free else {
            let message = format!(
                "no address of {block} is free for instance {}",
                quote(instance.name.value)
            );
            let help = "make the subnet larger, or move instances to another one";
            let problem = Problem::error(instance.name.span, message);
            problems.report(problem.code("InsufficientFreeAddressesInSubnet").help(help));
            return None;
        };
        let address = Ipv4Addr::from(bits);
        // The last assignable address isn't the last there is, so one more is no overflow.
        self.next.insert(block, bits.saturating_add(1));
        self.taken.insert(address, instance.name.value);
        Some(address)
    }
}

/// The first and the last address of a subnet that an ENI can have: not the first four and not the last.
fn assignable(block: Ipv4Net) -> (u32, u32) {
    let first = u32::from(block.network()).saturating_add(4);
    (first, u32::from(block.broadcast()).saturating_sub(1))
}
