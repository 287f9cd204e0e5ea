//! An instance: its ENI and where its guest is.

use super::{Details, details, fields, kind, name};
use crate::document::diagnostic::{Problem, Problems, Spanned};
use crate::document::fields::{Field, Fields, text};
use crate::document::tree::{Entry, Node};
use crate::resources::{Allowance, ConnectionTracking, EniAttachment, InterfaceType};
use groundplane_abi::Mac;
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
    /// Where the guest is. Only a network interface may be without one; then it answers for nothing.
    pub(in crate::document) attachment: Option<Spanned<Attachment<'a>>>,
    /// `None` if it comes from the id.
    pub(in crate::document) mac_address: Option<Spanned<Mac>>,
    pub(in crate::document) description: &'a str,
    /// Of what it is part in AWS.
    pub(in crate::document) part_of: Option<EniAttachment>,
    pub(in crate::document) associations: Vec<Association<'a>>,
    pub(in crate::document) public: Public<'a>,
    /// Whether it is below `instances`, so that it gets what AWS gives to whoever launches one.
    pub(in crate::document) is_launched: bool,
    pub(in crate::document) deny_all_igw_traffic: bool,
    pub(in crate::document) requester_managed: bool,
    pub(in crate::document) requester_id: Option<&'a str>,
    pub(in crate::document) details: Details<'a>,
}

/// A public address that stands for a private one.
#[derive(Clone, Copy, Debug)]
pub(in crate::document) struct Association<'a> {
    pub(in crate::document) private_ip_address: Ipv4Addr,
    pub(in crate::document) public_ip: Ipv4Addr,
    pub(in crate::document) allocation: Option<Spanned<&'a str>>,
    pub(in crate::document) association_id: Option<&'a str>,
    pub(in crate::document) ip_owner_id: Option<&'a str>,
}

/// What is said in short of the public address that stands for the primary one.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::document) struct Public<'a> {
    pub(in crate::document) elastic_ip: Option<Spanned<&'a str>>,
    /// One that AWS lends.
    pub(in crate::document) public_ip: Option<Spanned<Ipv4Addr>>,
    /// Whether AWS lends one; `None` is what the subnet says.
    pub(in crate::document) associate: Option<bool>,
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
    Namespace {
        name: &'a str,
        adopt: bool,
    },
    Tap {
        device: &'a str,
    },
    /// The host side of a guest that somebody else makes.
    Device {
        device: &'a str,
    },
}

/// An instance, which has its guest somewhere.
pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> Instance<'a> {
    read_eni(entry, "instance", true, problems)
}

/// A network interface, which may have a guest or not.
pub(super) fn read_interface<'a>(entry: &'a Entry, problems: &mut Problems) -> Instance<'a> {
    read_eni(entry, "network interface", false, problems)
}

fn read_eni<'a>(entry: &'a Entry, what: &str, has_guest: bool, problems: &mut Problems) -> Instance<'a> {
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
        mac_address: None,
        description: "",
        part_of: None,
        associations: Vec::new(),
        public: Public::default(),
        is_launched: has_guest,
        deny_all_igw_traffic: false,
        requester_managed: false,
        requester_id: None,
        details: Details::default(),
    };
    let Some(mut fields) = fields(entry, what, problems) else {
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
    instance.attachment = match has_guest {
        true => guest(&mut fields, problems),
        false => attachment(&mut fields, problems),
    };
    instance.mac_address = fields.value("MacAddress", problems).known();
    instance.description = fields.any_text("Description", problems).unwrap_or_default();
    instance.part_of = fields.typed("Attachment", problems);
    instance.associations = associations(&mut fields, problems);
    instance.public = public(&mut fields, problems);
    instance.deny_all_igw_traffic = fields.boolean("DenyAllIgwTraffic", problems).unwrap_or(false);
    instance.requester_managed = fields.boolean("RequesterManaged", problems).unwrap_or(false);
    instance.requester_id = fields.any_text("RequesterId", problems);
    instance.details = details::read(&mut fields, kind::NETWORK_INTERFACE, problems);
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
    let ways: Vec<_> = InterfaceType::names()
        .filter_map(|name| Some((name, InterfaceType::of(name)?)))
        .collect();
    fields.word("InterfaceType", &ways, problems).unwrap_or_default()
}

/// Public addresses that stand for private ones.
fn associations<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Vec<Association<'a>> {
    let nodes = fields.list("associations", problems).iter();
    nodes.filter_map(|node| association(node, problems)).collect()
}

fn association<'a>(node: &'a Node, problems: &mut Problems) -> Option<Association<'a>> {
    let mut fields = Fields::of(node, "the association".to_owned(), node.start(), problems)?;
    let private = fields.value("PrivateIpAddress", problems);
    let private = fields.required("PrivateIpAddress", "say which address it is for", private, problems);
    let public = fields.value("PublicIp", problems);
    let public = fields.required("PublicIp", "say which address the world sees", public, problems);
    let allocation = fields.text("AllocationId", problems).known();
    let association_id = fields.any_text("AssociationId", problems);
    let ip_owner_id = fields.any_text("IpOwnerId", problems);
    fields.finish(problems);
    Some(Association {
        private_ip_address: private?.value,
        public_ip: public?.value,
        allocation,
        association_id,
        ip_owner_id,
    })
}

/// What stands for the primary address, in short.
fn public<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Public<'a> {
    let given = Public {
        elastic_ip: fields.text("elastic_ip", problems).known(),
        public_ip: fields.value("public_ip", problems).known(),
        associate: fields.boolean("AssociatePublicIpAddress", problems),
    };
    let excluded = match given {
        Public {
            elastic_ip: Some(_),
            public_ip: Some(other),
            ..
        } => Some(("elastic_ip and public_ip", other.span)),
        Public {
            public_ip: Some(other),
            associate: Some(false),
            ..
        } => Some(("public_ip and AssociatePublicIpAddress: false", other.span)),
        _ => None,
    };
    if let Some((both, span)) = excluded {
        let message = format!("{} has both {both}", fields.owner());
        let problem = Problem::error(span, message).code("InvalidParameterCombination");
        problems.report(problem.help("an address has one public address or none: remove one of the two"));
    }
    given
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

/// The fields that say where a guest is.
const ATTACHMENTS: [&str; 3] = ["namespace", "tap", "device"];

/// Where a guest is that there must be.
pub(super) fn guest<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Attachment<'a>>> {
    let attachment = attachment(fields, problems);
    if !ATTACHMENTS.iter().any(|name| fields.has(name)) {
        let help = "say where the guest is: namespace: NAME for a network namespace, tap: NAME for a virtual machine, \
                    or device: NAME for a device that is there";
        fields.missing("namespace", help, problems);
    }
    attachment
}

fn attachment<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Attachment<'a>>> {
    let given = ATTACHMENTS.map(|name| (name, fields.text(name, problems).known()));
    let adopt = fields.boolean("adopt", problems);
    let mut given = given.into_iter().filter_map(|(field, name)| Some((field, name?)));
    let (field, Spanned { value: name, span }) = given.next()?;
    for (other, Spanned { span, .. }) in given {
        let message = format!("{} has both a {field} and a {other}", fields.owner());
        problems.report(Problem::error(span, message).help("a guest is in one place: remove one of the two"));
    }
    if adopt == Some(true) && field == "tap" {
        let message = format!("{} adopts a tap", fields.owner());
        let help = "only a namespace or a device can be there before; remove adopt, the tap is made";
        problems.report(Problem::error(span, message).help(help));
    }
    if adopt == Some(false) && field == "device" {
        let message = format!("{} has its device made", fields.owner());
        problems.report(Problem::error(span, message).help("a device is there before; remove adopt"));
    }
    let value = match field {
        "namespace" => Attachment::Namespace {
            name,
            adopt: adopt.unwrap_or(false),
        },
        "tap" => Attachment::Tap { device: name },
        _ => Attachment::Device { device: name },
    };
    Some(Spanned { value, span })
}
