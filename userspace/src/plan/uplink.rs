//! The rows about uplinks. They are in no bank: which uplinks there are is the host's business, and a device that comes
//! or goes changes them while the configuration stays.

use groundplane_abi::uplink::{UPLINK_SLOTS, UplinkEntry, uplink_flag};
use groundplane_abi::{Ip4, Ip6};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Which uplinks there are, and which of them leads where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UplinkRows {
    /// By slot.
    pub entries: [UplinkEntry; UPLINK_SLOTS as usize],
    /// The slots, by prefix; likewise below.
    pub ip4: BTreeMap<(Ip4, u8), u32>,
    pub ip6: BTreeMap<(Ip6, u8), u32>,
}

/// An uplink in its slot.
#[derive(Clone, Copy, Debug)]
pub struct Lead<'a> {
    pub slot: u32,
    /// Without a device while that is gone: what would leave by it is dropped, and goes nowhere else.
    pub entry: UplinkEntry,
    /// What leaves by it; if nothing is said, all that leaves by no other.
    pub destinations: &'a [IpNet],
}

impl UplinkRows {
    #[must_use]
    pub fn of(uplinks: &[Lead<'_>]) -> Self {
        let mut rows = Self::default();
        for uplink in uplinks {
            rows.set(uplink.slot, uplink.entry);
        }
        match uplinks {
            [] => {}
            [only] if only.destinations.is_empty() => rows.set(0, only.entry),
            _ => {
                rows.lead(uplinks);
                if let Some(first) = rows.entries.first_mut() {
                    first.flags |= uplink_flag::BY_DESTINATION;
                }
            }
        }
        rows
    }

    /// An uplink's own entry, without what the first slot says besides.
    #[must_use]
    pub const fn alone(entry: UplinkEntry) -> UplinkEntry {
        UplinkEntry {
            flags: entry.flags & !uplink_flag::BY_DESTINATION,
            ..entry
        }
    }

    fn set(&mut self, slot: u32, entry: UplinkEntry) {
        if let Some(place) = self.entries.get_mut(slot as usize) {
            *place = entry;
        }
    }

    fn lead(&mut self, uplinks: &[Lead<'_>]) {
        // First what goes without saying, for others may say it.
        for uplink in uplinks.iter().filter(|uplink| uplink.destinations.is_empty()) {
            self.ip4.insert((Ip4::UNSPECIFIED, 0), uplink.slot);
            self.ip6.insert((Ip6::UNSPECIFIED, 0), uplink.slot);
        }
        for uplink in uplinks {
            for block in uplink.destinations {
                match block {
                    IpNet::V4(block) => {
                        _ = self
                            .ip4
                            .insert((block.network().into(), block.prefix_len()), uplink.slot)
                    }
                    IpNet::V6(block) => {
                        _ = self
                            .ip6
                            .insert((block.network().into(), block.prefix_len()), uplink.slot)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::Device;

    const fn entry(device: u32) -> UplinkEntry {
        UplinkEntry {
            device: Device(device),
            flags: 0,
            mac: groundplane_abi::Mac([0; 6]),
            peer_mac: groundplane_abi::Mac([0; 6]),
            cutter: Device::NONE,
        }
    }

    const fn lead(slot: u32, destinations: &[IpNet]) -> Lead<'_> {
        Lead {
            slot,
            entry: entry(100 + slot),
            destinations,
        }
    }

    #[test]
    fn of_one_uplink_that_leads_everywhere_no_route_is_asked() {
        let rows = UplinkRows::of(&[lead(0, &[])]);
        assert_eq!(rows.entries[0], entry(100));
        assert!(rows.ip4.is_empty() && rows.ip6.is_empty());
        let elsewhere = UplinkRows::of(&[lead(3, &[])]);
        assert_eq!((elsewhere.entries[0], elsewhere.entries[3]), (entry(103), entry(103)));
        assert_eq!(UplinkRows::of(&[]), UplinkRows::default());
    }

    #[test]
    fn of_several_each_has_its_destinations_and_one_the_rest() {
        let blocks = ["203.0.113.0/24", "2001:db8::/32", "::/0"].map(|block| block.parse().unwrap());
        let rows = UplinkRows::of(&[lead(0, &[]), lead(1, &blocks)]);
        assert_eq!(rows.entries[0].flags, uplink_flag::BY_DESTINATION);
        assert_eq!(rows.entries[1], entry(101));
        assert_eq!(
            rows.ip4.into_iter().collect::<Vec<_>>(),
            [((Ip4::UNSPECIFIED, 0), 0), ((Ip4([203, 0, 113, 0]), 24), 1)]
        );
        let lengths: Vec<_> = rows.ip6.into_iter().map(|((_, len), slot)| (len, slot)).collect();
        assert_eq!(
            lengths,
            [(0, 1), (32, 1)],
            "what is said is more than what goes without saying"
        );
    }

    #[test]
    fn one_that_leads_to_some_leads_nobody_elsewhere() {
        let blocks = ["203.0.113.0/24".parse().unwrap()];
        let rows = UplinkRows::of(&[lead(2, &blocks)]);
        let flagged = UplinkEntry {
            flags: uplink_flag::BY_DESTINATION,
            ..UplinkEntry::default()
        };
        assert_eq!((rows.entries[0], rows.entries[2]), (flagged, entry(102)));
        assert_eq!(rows.ip4.len(), 1);
    }
}
