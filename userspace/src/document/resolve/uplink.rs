//! Uplinks: what leaves leaves by one of them, and neither a guest nor an address of the configuration is in its place.

use super::limit;
use super::place::Taken;
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::schema;
use crate::document::{Host, Uplink, UplinkKind, names};
use crate::resources::Resources;
use ipnet::{IpNet, Ipv4Net};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What an uplink must keep out of the way of.
pub(super) struct Around<'a> {
    pub(super) resources: &'a Resources,
    pub(super) taken: Vec<&'a Taken>,
    pub(super) host: Option<&'a Host>,
}

pub(super) fn resolve(given: &[schema::Uplink<'_>], around: &Around<'_>, problems: &mut Problems) -> Vec<Uplink> {
    let given = limit::UPLINKS.apply(0, given, |uplink| uplink.name.span, problems);
    check_hosts(given, problems);
    check_devices(given, problems);
    check_defaults(given, problems);
    check_destinations(given, problems);
    let resolved = given.iter().filter_map(|uplink| {
        Some(Uplink {
            name: uplink.name.value.to_owned(),
            kind: around.kind(uplink.kind.as_ref()?, problems),
        })
    });
    resolved.collect()
}

/// The host's own routes lead on from a link to it, so that there is nothing to choose.
fn check_hosts(given: &[schema::Uplink<'_>], problems: &mut Problems) {
    let is_host = |uplink: &schema::Uplink<'_>| matches!(uplink.kind, Some(schema::UplinkKind::Host { .. }));
    let Some(host) = given.iter().position(is_host) else {
        return;
    };
    let place = |at: usize| given.get(at).map(|uplink| uplink.name.span);
    for other in (0..given.len()).filter(|other| *other != host) {
        if let (Some(former), Some(latter)) = (place(host.min(other)), place(host.max(other))) {
            let message = "an uplink that is the host itself stands alone, and there is another one";
            let problem = Problem::error(latter, message).other(former);
            problems.report(problem.help("remove one of the two"));
        }
    }
}

/// The devices among the uplinks: the name of each, the device, and where it leads to.
fn devices<'a>(
    given: &'a [schema::Uplink<'a>],
) -> impl Iterator<Item = (Spanned<&'a str>, Spanned<&'a str>, Leads<'a>)> {
    given.iter().filter_map(|uplink| match uplink.kind.as_ref()? {
        schema::UplinkKind::Host { .. } => None,
        schema::UplinkKind::Device {
            device, destinations, ..
        } => Some((uplink.name, *device, destinations.as_deref())),
    })
}

/// The blocks that are said to leave by an uplink, if anything is said.
type Leads<'a> = Option<&'a [Spanned<IpNet>]>;

fn check_devices(given: &[schema::Uplink<'_>], problems: &mut Problems) {
    let mut seen = HashMap::new();
    for (_, Spanned { value: device, span }, _) in devices(given) {
        if let Some(other) = seen.insert(device, span) {
            let message = format!("device {} is another uplink's already", quote(device));
            let problem = Problem::error(span, message).other(other);
            problems.report(problem.help("name another device, or remove one of the two uplinks"));
        }
    }
}

/// Of several, exactly one is for what leaves by no other.
fn check_defaults(given: &[schema::Uplink<'_>], problems: &mut Problems) {
    let mut defaults = devices(given).filter(|(_, _, leads)| leads.is_none());
    if let Some((first, ..)) = defaults.next() {
        for (other, ..) in defaults {
            let message = format!(
                "uplink {} has no destinations, and neither has another one",
                quote(other.value)
            );
            let problem = Problem::error(other.span, message).other(first.span);
            let problem = problem.code("MissingParameter");
            problems.report(problem.help("say what leaves by one of the two, as in destinations: [203.0.113.0/24]"));
        }
    } else if let [first, second, ..] = given
        && given
            .iter()
            .all(|uplink| matches!(uplink.kind, Some(schema::UplinkKind::Device { .. })))
    {
        let message = "every uplink has destinations, and none is for what leaves by no other";
        let problem = Problem::error(second.name.span, message).other(first.name.span);
        problems.report(problem.help("leave destinations out of one of them"));
    }
}

fn check_destinations(given: &[schema::Uplink<'_>], problems: &mut Problems) {
    let mut seen = HashMap::new();
    for (_, _, leads) in devices(given) {
        let blocks = limit::DESTINATIONS.apply(0, leads.unwrap_or_default(), |block| block.span, problems);
        for Spanned { value: block, span } in blocks {
            if let Some(other) = seen.insert(*block, *span) {
                let message = format!("{block} is among the destinations of an uplink already");
                let problem = Problem::error(*span, message).other(other);
                problems.report(problem.code("RouteAlreadyExists").help("remove one of the two"));
            }
        }
    }
}

impl Around<'_> {
    fn kind(&self, given: &schema::UplinkKind<'_>, problems: &mut Problems) -> UplinkKind {
        match given {
            schema::UplinkKind::Host { address, ipv6_address } => {
                self.check_address(*address, problems);
                self.check_ipv6_address(*ipv6_address, problems);
                UplinkKind::Host {
                    address: address.value,
                    ipv6_address: ipv6_address.value,
                }
            }
            schema::UplinkKind::Device {
                device,
                announce,
                xdp,
                destinations,
            } => {
                self.check_device(*device, problems);
                let blocks = destinations.iter().flatten();
                UplinkKind::Device {
                    device: device.value.to_owned(),
                    announce: *announce,
                    xdp: *xdp,
                    destinations: blocks.map(|block| block.value).collect(),
                }
            }
        }
    }

    /// The host must look like somebody on the internet (semantics 9.3), and like nobody whom there is already.
    fn check_address(&self, Spanned { value, span }: Spanned<Ipv4Addr>, problems: &mut Problems) {
        let blocks = self.resources.vpcs.iter();
        let mut blocks = blocks.flat_map(|vpc| std::iter::once(&vpc.cidr_block).chain(&vpc.secondary_cidr_blocks));
        if is_private(value) {
            refuse(span, value, "is no address of the internet's", problems);
        } else if blocks.any(|block| block.contains(&value)) {
            refuse(span, value, "is in a block of a VPC", problems);
        } else if self.public().any(|public| public == value) {
            refuse(span, value, "is a public address of the configuration", problems);
        }
    }

    fn check_ipv6_address(&self, Spanned { value, span }: Spanned<Ipv6Addr>, problems: &mut Problems) {
        let mut blocks = self.resources.vpcs.iter().flat_map(|vpc| &vpc.ipv6_cidr_blocks);
        if value.is_multicast() || value.is_unspecified() || value.is_loopback() || value.is_unicast_link_local() {
            refuse(span, value, "is no address of the internet's", problems);
        } else if blocks.any(|block| block.contains(&value)) {
            refuse(span, value, "is in a block of a VPC", problems);
        }
    }

    fn public(&self) -> impl Iterator<Item = Ipv4Addr> {
        let elastic = self.resources.addresses.iter().filter_map(|address| address.public_ip);
        let interfaces = self.resources.network_interfaces.iter();
        elastic.chain(interfaces.flat_map(|eni| eni.associations.iter().map(|it| it.public_ip)))
    }

    fn check_device(&self, Spanned { value: device, span }: Spanned<&str>, problems: &mut Problems) {
        names::check_device(device, "device", span, problems);
        if let Some(guest) = self.taken.iter().find(|taken| taken.device() == Some(device)) {
            let message = format!("device {} is instance {}'s", quote(device), quote(guest.instance()));
            problems.report(Problem::error(span, message).help("an uplink leads to the internet, and to no guest"));
        }
        let lacks = |host: &Host| !host.devices.iter().any(|found| found == device);
        if names::is_device(device) && self.host.is_some_and(lacks) {
            let message = format!("this host has no network device {}", quote(device));
            problems.report(Problem::error(span, message).help("`ip link` lists those there are"));
        }
    }
}

fn refuse(span: Span, address: impl std::fmt::Display, why: &str, problems: &mut Problems) {
    let help = "say in address and ipv6_address where the host is: addresses that nobody else has";
    let problem = Problem::error(span, format!("{address} {why}, so the host can't be there"));
    problems.report(problem.code("InvalidParameterValue").help(help));
}

/// Whether no internet gateway lets it in, or no host can have it.
fn is_private(address: Ipv4Addr) -> bool {
    const SHARED: (Ipv4Addr, u8) = (Ipv4Addr::new(100, 64, 0, 0), 10);
    let is_shared = Ipv4Net::new(SHARED.0, SHARED.1).is_ok_and(|block| block.contains(&address));
    let first = address.octets()[0];
    address.is_private() || is_shared || address.is_link_local() || matches!(first, 0 | 127 | 224..)
}
