//! What an uplink takes of the host, if the configuration has any.

use super::files::line;
use super::{Check, annex};
use crate::install::AnnexState;
use crate::install::netlink::Netlink;
use crate::install::state::State;
use crate::install::uplink::{self, HostLink, UplinkState, tool};
use crate::status::{self, UplinkStatus};
use std::net::IpAddr;
use std::path::Path;

/// What is needed for the links to the host of what is up, and how they are.
pub(super) fn checks(state: &State, state_dir: &Path) -> Vec<Check> {
    let mut checks: Vec<_> = state.uplinks.iter().flat_map(of_host).collect();
    checks.extend(state.cutter.as_ref().and_then(|found| cutter(found, state)));
    // What keeps it from being told is told of the ENIs.
    if let Ok(status) = status::gather(state_dir) {
        let is_only = status.uplinks.len() == 1;
        checks.extend(status.uplinks.iter().map(|uplink| condition(uplink, is_only)));
    }
    checks
}

fn condition(uplink: &UplinkStatus, is_only: bool) -> Check {
    const NAME: &str = "uplink";
    let found = format!("{} by {}", uplink.name, uplink.device);
    match uplink.condition {
        uplink::Condition::Up => Check::ok(NAME, found, "guests reach the internet by it"),
        uplink::Condition::NotFiltered => Check::warning(
            NAME,
            format!("{found}: works: {}", uplink.words()),
            "a flood from outside costs more than it would",
            "groundplane up with the same documents attaches it again",
        ),
        _ => Check::failure(
            NAME,
            format!("{found}: works: {}", uplink.words()),
            if is_only {
                "guests reach nobody outside of the VPCs"
            } else {
                "guests reach nobody whom this uplink leads to"
            },
            "groundplane up with the same documents repairs what can be repaired",
        ),
    }
}

fn cutter(cutter: &AnnexState, state: &State) -> Option<Check> {
    annex::check(
        ("cutter", cutter, uplink::is_whole),
        state,
        "what is too large for an uplink leaves in fragments",
        "what is too large for an uplink and may be fragmented doesn't leave",
    )
}

fn of_host(uplink: &UplinkState) -> Vec<Check> {
    match uplink.host() {
        Some(link) => [nft(), forwarding(uplink)].into_iter().chain(rules(link)).collect(),
        None => without_link_local(uplink).into_iter().collect(),
    }
}

/// A device by which the host asks for no neighbour of IPv6: the kernel asks for what it passes on by the device's own
/// link-local address.
fn without_link_local(uplink: &UplinkState) -> Option<Check> {
    let index = uplink.index.filter(|_| uplink.owns_ipv6())?;
    let addresses = Netlink::open().and_then(|netlink| netlink.all_addresses()).ok()?;
    let is_link_local = |address: &IpAddr| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    let has_one = addresses
        .iter()
        .any(|(device, address)| *device == index && is_link_local(address));
    (!has_one).then(|| {
        Check::warning(
            "uplink",
            format!("{} has no IPv6 address of its own link", uplink.device),
            "guests' IPv6 packets reach nobody there, since the host asks for no neighbour",
            format!(
                "ip address add fe80::1/64 dev {}, or let the kernel give it one",
                uplink.device
            ),
        )
    })
}

fn nft() -> Check {
    const NAME: &str = "nftables";
    match tool::find(uplink::NFT) {
        Some(path) => Check::ok(
            NAME,
            path.display().to_string(),
            "what leaves the host by an uplink gets the host's own addresses",
        ),
        None => Check::failure(
            NAME,
            "nft isn't installed",
            "an uplink to the host can neither be made nor removed",
            "install the package nftables",
        ),
    }
}

fn forwarding(uplink: &UplinkState) -> Check {
    const NAME: &str = "forwarding";
    let mut off = Vec::new();
    if uplink.owns_ipv4() && line("/proc/sys/net/ipv4/ip_forward").as_deref() != Some("1") {
        off.push("net.ipv4.ip_forward");
    }
    if uplink.owns_ipv6() && line("/proc/sys/net/ipv6/conf/all/forwarding").as_deref() != Some("1") {
        off.push("net.ipv6.conf.all.forwarding");
    }
    if off.is_empty() {
        return Check::ok(NAME, "on, as far as it is needed", "the host hands guests' packets on");
    }
    Check::failure(
        NAME,
        format!("{} is off", off.join(" and ")),
        "guests reach the host and nobody behind it",
        "groundplane up with the same documents sets it again",
    )
}

/// Chains of others that drop what no rule of theirs lets through.
fn rules(link: &HostLink) -> Option<Check> {
    let end = &link.end;
    if uplink::is_refused(end).ok()? {
        return Some(Check::warning(
            "firewalld",
            "lets nobody change its rules",
            "guests reach nobody behind the host unless its zones let them",
            format!(
                "firewall-cmd --zone=ZONE --add-interface={end}, the same for the device that leads out, and --add-forward"
            ),
        ));
    }
    let dropping = uplink::dropping().ok()?;
    (!dropping.is_empty()).then(|| {
        Check::warning(
            "packet filter",
            format!("{} drops what it has no rule for", dropping.join(", ")),
            "guests reach nobody behind the host unless a rule there lets them",
            format!("nft insert rule CHAIN iifname {end} accept, and the same with oifname"),
        )
    })
}
