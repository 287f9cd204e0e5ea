//! Uplinks.

use super::text::Map;
use crate::document::{Announce, HOST_ADDRESS, HOST_IPV6_ADDRESS, Uplink, UplinkKind, Xdp};

pub(super) fn uplinks(uplinks: &[Uplink]) -> Map {
    let mut all = Map::default();
    for uplink in uplinks {
        all.put(&uplink.name, one(&uplink.kind));
    }
    all
}

fn one(kind: &UplinkKind) -> Map {
    let mut map = Map::default();
    match kind {
        UplinkKind::Host { address, ipv6_address } => {
            map.put("kind", "host");
            map.put_if(*address != HOST_ADDRESS, "address", address.to_string());
            map.put_if(
                *ipv6_address != HOST_IPV6_ADDRESS,
                "ipv6_address",
                ipv6_address.to_string(),
            );
        }
        UplinkKind::Device {
            device,
            announce,
            xdp,
            destinations,
        } => {
            map.put("device", device);
            map.put_if(*announce == Announce::Route, "announce", "route");
            map.put_if(*xdp != Xdp::Off, "xdp", xdp.word());
            map.put_list("destinations", destinations.iter().map(ToString::to_string));
        }
    }
    map
}
