//! An instance: its ENI and where its guest is.

use super::{fields, name};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::fields::{Field, Fields, text};
use crate::document::tree::Entry;
use crate::resources::{Allowance, ConnectionTracking, InterfaceType};
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

#[derive(Debug)]
pub(in crate::document) struct Instance<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    pub(in crate::document) subnet: Option<Spanned<&'a str>>,
    pub(in crate::document) addresses: Addresses,
    pub(in crate::document) ipv6_addresses: Ipv6Addresses,
    pub(in crate::document) ipv4_prefixes: Vec<Spanned<Ipv4Net>>,
    pub(in crate::document) ipv6_prefixes: Vec<Spanned<Ipv6Net>>,
    /// `None` if nothing is said of them.
    pub(in crate::document) groups: Option<Vec<Spanned<&'a str>>>,
    pub(in crate::document) source_dest_check: bool,
    pub(in crate::document) interface_type: InterfaceType,
    pub(in crate::document) connection_tracking: ConnectionTracking,
    pub(in crate::document) allowance: Allowance,
    pub(in crate::document) attachment: Option<Spanned<Attachment<'a>>>,
}

#[derive(Clone, Debug)]
pub(in crate::document) enum Addresses {
    /// One, the lowest that is free.
    Automatic,
    /// The primary one first.
    Chosen(Vec<Spanned<Ipv4Addr>>),
    Wrong,
}

#[derive(Clone, Debug)]
pub(in crate::document) enum Ipv6Addresses {
    Chosen(Vec<Spanned<Ipv6Addr>>),
    /// So many, the lowest that are free.
    Automatic(Spanned<i64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::document) enum Attachment<'a> {
    Namespace { name: &'a str, adopt: bool },
    Tap { device: &'a str },
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> Instance<'a> {
    let mut instance = Instance {
        name: name(entry),
        subnet: None,
        addresses: Addresses::Wrong,
        ipv6_addresses: Ipv6Addresses::Chosen(Vec::new()),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        groups: None,
        source_dest_check: true,
        interface_type: InterfaceType::default(),
        connection_tracking: ConnectionTracking::default(),
        allowance: Allowance::default(),
        attachment: None,
    };
    let Some(mut fields) = fields(entry, "instance", problems) else {
        return instance;
    };
    let subnet = fields.text("subnet", problems);
    instance.subnet = fields.required("subnet", "name one of the VPC's subnets", subnet, problems);
    instance.addresses = addresses(&mut fields, problems);
    instance.ipv6_addresses = ipv6_addresses(&mut fields, problems);
    instance.ipv4_prefixes = fields.values("Ipv4Prefixes", problems);
    instance.ipv6_prefixes = fields.values("Ipv6Prefixes", problems);
    instance.groups = groups(&mut fields, problems);
    instance.source_dest_check = fields.boolean("SourceDestCheck", problems).unwrap_or(true);
    instance.interface_type = interface_type(&mut fields, problems);
    instance.connection_tracking = connection_tracking(&mut fields, problems);
    instance.allowance = allowance(&mut fields, problems);
    instance.attachment = attachment(&mut fields, problems);
    fields.finish(problems);
    instance
}

fn addresses(fields: &mut Fields<'_>, problems: &mut Problems) -> Addresses {
    let one = fields.value("PrivateIpAddress", problems);
    let has_several = fields.has("PrivateIpAddresses");
    let several = fields.values("PrivateIpAddresses", problems);
    match one {
        Field::Is(Spanned { span, .. }) if has_several => {
            let message = format!("{} has both PrivateIpAddress and PrivateIpAddresses", fields.owner());
            let help = "put all of them into PrivateIpAddresses, the primary one first";
            let problem = Problem::error(span, message).code("InvalidParameterCombination");
            problems.report(problem.help(help));
            Addresses::Wrong
        }
        Field::Is(address) => Addresses::Chosen(vec![address]),
        Field::Missing if several.is_empty() => Addresses::Automatic,
        Field::Missing => Addresses::Chosen(several),
        Field::Wrong => Addresses::Wrong,
    }
}

fn ipv6_addresses(fields: &mut Fields<'_>, problems: &mut Problems) -> Ipv6Addresses {
    let chosen = fields.values("Ipv6Addresses", problems);
    match fields.number("Ipv6AddressCount", 0..=50, problems) {
        Field::Is(Spanned { span, .. }) if !chosen.is_empty() => {
            let message = format!("{} has both Ipv6Addresses and Ipv6AddressCount", fields.owner());
            let problem = Problem::error(span, message).code("InvalidParameterCombination");
            problems.report(problem.help("either choose the addresses or say how many: remove one of the two"));
            Ipv6Addresses::Chosen(chosen)
        }
        Field::Is(count) => Ipv6Addresses::Automatic(count),
        Field::Missing | Field::Wrong => Ipv6Addresses::Chosen(chosen),
    }
}

fn groups<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Vec<Spanned<&'a str>>> {
    let given = fields.optional_list("groups", problems)?;
    let names: Vec<_> = given
        .iter()
        .filter_map(|node| text(node, "a security group's name", problems))
        .collect();
    // A list of nothing is something else than one of which nothing could be read, which has been reported.
    (!names.is_empty() || given.is_empty()).then_some(names)
}

fn interface_type(fields: &mut Fields<'_>, problems: &mut Problems) -> InterfaceType {
    let Some(Spanned { value, span }) = fields.text("InterfaceType", problems).known() else {
        return InterfaceType::default();
    };
    match value {
        "interface" => InterfaceType::Interface,
        "lambda" => InterfaceType::Lambda,
        _ => {
            let message = format!("InterfaceType must be interface or lambda, this is {}", quote(value));
            problems.report(Problem::error(span, message).code("InvalidParameterValue"));
            InterfaceType::default()
        }
    }
}

/// The ranges are AWS's (semantics 7.4).
fn connection_tracking(fields: &mut Fields<'_>, problems: &mut Problems) -> ConnectionTracking {
    let mut tracking = ConnectionTracking::default();
    let Some(mut fields) = fields.mapping("ConnectionTracking", problems).known() else {
        return tracking;
    };
    let mut read = |name, range, seconds: &mut u32| set(&mut fields, name, range, seconds, problems);
    read(
        "TcpEstablishedTimeout",
        60..=432_000,
        &mut tracking.tcp_established_timeout,
    );
    read("UdpStreamTimeout", 60..=180, &mut tracking.udp_stream_timeout);
    read("UdpTimeout", 30..=60, &mut tracking.udp_timeout);
    fields.finish(problems);
    tracking
}

fn allowance(fields: &mut Fields<'_>, problems: &mut Problems) -> Allowance {
    /// More than any table holds.
    const MOST: i64 = 1 << 24;
    let mut allowance = Allowance::default();
    let Some(mut fields) = fields.mapping("allowance", problems).known() else {
        return allowance;
    };
    let mut read = |name, number: &mut u32| set(&mut fields, name, 1..=MOST, number, problems);
    read("connections", &mut allowance.connections);
    read("first_packets", &mut allowance.first_packets);
    read("first_packets_burst", &mut allowance.first_packets_burst);
    fields.finish(problems);
    allowance
}

/// Puts a number in the place of its default.
fn set(
    fields: &mut Fields<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
    number: &mut u32,
    problems: &mut Problems,
) {
    let given = fields.number(name, range, problems).known();
    if let Some(given) = given.and_then(|given| u32::try_from(given.value).ok()) {
        *number = given;
    }
}

fn attachment<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Attachment<'a>>> {
    let neither = !fields.has("namespace") && !fields.has("tap");
    let namespace = fields.text("namespace", problems).known();
    let tap = fields.text("tap", problems).known();
    let adopt = fields.boolean("adopt", problems).unwrap_or(false);
    if neither {
        let help =
            "say where the guest is: namespace: NAME for a network namespace, or tap: NAME for a virtual machine";
        fields.missing("namespace", help, problems);
    }
    if let (Some(_), Some(tap)) = (namespace, tap) {
        let message = format!("{} has both a namespace and a tap", fields.owner());
        problems.report(Problem::error(tap.span, message).help("a guest is in one place: remove one of the two"));
    }
    if let Some(Spanned { value: name, span }) = namespace {
        let value = Attachment::Namespace { name, adopt };
        return Some(Spanned { value, span });
    }
    let Spanned { value: device, span } = tap?;
    if adopt {
        let message = format!("{} adopts a tap", fields.owner());
        let help = "only a namespace can be there before; remove adopt, the tap is made";
        problems.report(Problem::error(span, message).help(help));
    }
    let value = Attachment::Tap { device };
    Some(Spanned { value, span })
}
