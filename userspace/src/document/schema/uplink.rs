//! An uplink: the host itself, or one of its devices.

use super::{fields, name};
use crate::document::diagnostic::{Problem, Problems, Spanned};
use crate::document::fields::{Field, Fields, value};
use crate::document::tree::Entry;
use crate::document::uplink::{Announce, HOST_ADDRESS, HOST_IPV6_ADDRESS, Xdp};
use ipnet::IpNet;
use std::net::{Ipv4Addr, Ipv6Addr};

#[derive(Clone, Debug)]
pub(in crate::document) struct Uplink<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    /// `None` if it is missing or wrong, which has been reported.
    pub(in crate::document) kind: Option<UplinkKind<'a>>,
}

#[derive(Clone, Debug)]
pub(in crate::document) enum UplinkKind<'a> {
    Host {
        address: Spanned<Ipv4Addr>,
        ipv6_address: Spanned<Ipv6Addr>,
    },
    Device {
        device: Spanned<&'a str>,
        announce: Announce,
        xdp: Xdp,
        /// `None` if nothing is said.
        destinations: Option<Vec<Spanned<IpNet>>>,
    },
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> Uplink<'a> {
    let mut uplink = Uplink {
        name: name(entry),
        kind: None,
    };
    if let Some(mut fields) = fields(entry, "uplink", problems) {
        uplink.kind = kind(&mut fields, problems);
        fields.finish(problems);
    }
    uplink
}

/// Which words there are for the kind: what is a device says so by naming it.
const KINDS: [(&str, ()); 1] = [("host", ())];

const ANNOUNCEMENTS: [(&str, Announce); 2] = [("arp", Announce::Arp), ("route", Announce::Route)];

fn kind<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<UplinkKind<'a>> {
    let host = fields.word("kind", &KINDS, problems);
    let device = fields.text("device", problems);
    let announce = fields.word("announce", &ANNOUNCEMENTS, problems);
    let xdp = fields.word("xdp", &Xdp::WORDS, problems);
    let destinations = destinations(fields, problems);
    let address = fields.value("address", problems);
    let ipv6_address = fields.value("ipv6_address", problems);
    let is_host = fields.has("kind");
    if is_host {
        refuse(
            fields,
            &["device", "announce", "xdp", "destinations"],
            "the host itself",
            problems,
        );
    } else {
        refuse(fields, &["address", "ipv6_address"], "a device", problems);
    }
    if !is_host && device.is_missing() {
        let help = "write kind: host for a link to the host itself, or device: NAME for a device that is there";
        fields.missing("kind", help, problems);
    }
    if is_host {
        host.map(|()| UplinkKind::Host {
            address: or_default(address, HOST_ADDRESS, fields),
            ipv6_address: or_default(ipv6_address, HOST_IPV6_ADDRESS, fields),
        })
    } else {
        device.known().map(|device| UplinkKind::Device {
            device,
            announce: announce.unwrap_or(Announce::Arp),
            xdp: xdp.unwrap_or_default(),
            destinations,
        })
    }
}

/// The blocks that leave by a device. Nothing is said by a list of none, as everywhere; by a list of wrong ones
/// something is.
fn destinations(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Vec<Spanned<IpNet>>> {
    let nodes = fields.list("destinations", problems).iter();
    let blocks = nodes.map(|node| value(node, "destinations", problems));
    let blocks: Vec<_> = blocks.collect();
    (!blocks.is_empty()).then(|| blocks.into_iter().flatten().collect())
}

/// Reports fields that an uplink of a kind can't have.
fn refuse(fields: &Fields<'_>, names: &[&str], kind: &str, problems: &mut Problems) {
    for name in names {
        if let Some(span) = fields.place(name) {
            let message = format!("{} is {kind}, and has no {name}", fields.owner());
            let problem = Problem::error(span, message).code("InvalidParameterCombination");
            problems.report(problem.help("an uplink is the host itself or a device: remove one of the two"));
        }
    }
}

/// What is given, or what goes without saying; then its place is the uplink's.
fn or_default<T>(given: Field<Spanned<T>>, default: T, fields: &Fields<'_>) -> Spanned<T> {
    given.known().unwrap_or(Spanned {
        value: default,
        span: fields.span(),
    })
}
