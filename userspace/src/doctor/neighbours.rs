//! The kernel's tables of neighbours: one for all namespaces together, so that guests of one tenant may leave no room for
//! those of another. Its limit is shown to the host's own namespace alone.

use super::Check;
use super::files::number;
use crate::install::state::State;
use std::net::IpAddr;

/// Of each version: what the table is called, and where its limit is.
const TABLES: [(&str, &str); 2] = [("ARP table", "ipv4"), ("IPv6 neighbour table", "ipv6")];

pub(super) fn checks(state: &State) -> Vec<Check> {
    let check = |(name, version): (&'static str, &str)| {
        let limit = number(&format!("/proc/sys/net/{version}/neigh/default/gc_thresh3"))?;
        check(name, version, guests(state, version == "ipv6"), limit)
    };
    TABLES.into_iter().filter_map(check).collect()
}

/// How many guests there are of this kernel's own namespaces with addresses of a version. Those behind a tap or a device
/// have kernels of their own, or somebody who looks after them.
fn guests(state: &State, is_ipv6: bool) -> u64 {
    let speaks = |address: IpAddr| address.is_ipv6() == is_ipv6;
    let guests = state.guests.iter().filter(|guest| {
        let mut addresses = guest.addressing.addresses.iter();
        guest.place.namespace().is_some() && addresses.any(|address| speaks(address.addr()))
    });
    guests.count() as u64
}

/// Each takes a place for its router, and one more for everybody of its subnet that it speaks with.
fn check(name: &'static str, version: &str, guests: u64, limit: u64) -> Option<Check> {
    (2 * guests > limit).then(|| {
        let room = (8 * guests).next_power_of_two();
        Check::warning(
            name,
            format!("room for {limit} neighbours of all namespaces together, and {guests} guests"),
            "each takes a place for its router and for everybody of its subnet that it speaks with; who finds none sends \
             nothing (\"No buffer space available\")",
            format!(
                "sysctl net.{version}.neigh.default.gc_thresh2={} net.{version}.neigh.default.gc_thresh3={room}",
                room / 2
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_more_guests_than_half_the_room_is_told_what_to_set() {
        assert_eq!(check("ARP table", "ipv4", 512, 1024), None);
        let check = check("ARP table", "ipv4", 513, 1024).expect("there are too many");
        assert!(
            check.found.contains("1024") && check.found.contains("513"),
            "{}",
            check.found
        );
        assert_eq!(
            check.advice.as_deref(),
            Some("sysctl net.ipv4.neigh.default.gc_thresh2=4096 net.ipv4.neigh.default.gc_thresh3=8192")
        );
    }
}
