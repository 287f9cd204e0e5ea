//! Uplinks: there is one at most, and neither a guest nor an address of the configuration is in its place.

use super::place::Taken;
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::schema;
use crate::document::{Host, Uplink, UplinkKind, names};
use crate::resources::Resources;
use ipnet::Ipv4Net;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What an uplink must keep out of the way of.
pub(super) struct Around<'a> {
    pub(super) resources: &'a Resources,
    pub(super) taken: Vec<&'a Taken>,
    pub(super) host: Option<&'a Host>,
}

pub(super) fn resolve(given: &[schema::Uplink<'_>], around: &Around<'_>, problems: &mut Problems) -> Vec<Uplink> {
    if let [first, others @ ..] = given {
        for other in others {
            let message = "packets leave by one uplink, and there is another one already";
            let problem = Problem::error(other.name.span, message).other(first.name.span);
            problems.report(problem.help("remove one of the two"));
        }
    }
    let resolved = given.iter().filter_map(|uplink| {
        Some(Uplink {
            name: uplink.name.value.to_owned(),
            kind: around.kind(uplink.kind?, problems),
        })
    });
    resolved.collect()
}

impl Around<'_> {
    fn kind(&self, given: schema::UplinkKind<'_>, problems: &mut Problems) -> UplinkKind {
        match given {
            schema::UplinkKind::Host { address, ipv6_address } => {
                self.check_address(address, problems);
                self.check_ipv6_address(ipv6_address, problems);
                UplinkKind::Host {
                    address: address.value,
                    ipv6_address: ipv6_address.value,
                }
            }
            schema::UplinkKind::Device { device, announce, xdp } => {
                self.check_device(device, problems);
                UplinkKind::Device {
                    device: device.value.to_owned(),
                    announce,
                    xdp,
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
