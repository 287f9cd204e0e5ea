//! Uplinks as the journal knows them.

use super::owned;
use super::setting::Setting;
use crate::document::{Announce, Uplink, UplinkKind, Xdp};
use crate::install::deployment::Deployment;
use crate::install::names;
use groundplane_abi::Mac;
use groundplane_abi::uplink::UPLINK_SLOTS;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// An uplink and the things made for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkState {
    /// Its name in the document.
    pub name: String,
    /// What the program is attached to: our end of a link to the host, or a device that was there before.
    pub device: String,
    /// Its number; none while it isn't there.
    #[serde(default)]
    pub index: Option<u32>,
    /// Where the datapath's tables have it, for as long as it is there.
    #[serde(default)]
    pub slot: u32,
    /// The name that the program's link is pinned under.
    pub pin: String,
    /// The blocks outside of which nothing that comes in is for us.
    pub owned: BTreeSet<IpNet>,
    pub place: UplinkPlace,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkPlace {
    /// A link to the host itself.
    Host(HostLink),
    /// A device that was there before, of which nothing is changed.
    Device {
        answers_arp: bool,
        #[serde(default)]
        xdp: Xdp,
        /// What leaves by it, or nothing if it is what leaves by no other.
        #[serde(default)]
        destinations: Vec<IpNet>,
    },
}

/// What a link to the host consists of, apart from our end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLink {
    /// The host's end.
    pub end: String,
    /// Of our end: the other one goes with it, and so do its addresses and routes.
    pub alias: String,
    /// The host's addresses there.
    pub address: Ipv4Addr,
    pub ipv6_address: Ipv6Addr,
    /// The nftables table that gives what goes on to elsewhere the host's own addresses.
    pub table: String,
    /// What was changed of the host.
    #[serde(default)]
    pub settings: Vec<Setting>,
}

impl UplinkState {
    /// Where guests find the host, if the uplink is a link to it.
    #[must_use]
    pub const fn host_address(&self) -> Option<Ipv4Addr> {
        match &self.place {
            UplinkPlace::Host(link) => Some(link.address),
            UplinkPlace::Device { .. } => None,
        }
    }

    /// The uplinks of a deployment, as they are to be.
    pub(in crate::install) fn wanted(deployment: &Deployment, state_dir: &Path) -> Vec<Self> {
        let owned = owned::blocks(&deployment.resources);
        let uplinks = deployment.uplinks.iter();
        uplinks
            .map(|uplink| Self::of(uplink, state_dir, owned.clone()))
            .collect()
    }

    fn of(Uplink { name, kind }: &Uplink, state_dir: &Path, owned: BTreeSet<IpNet>) -> Self {
        let names = names::uplink(state_dir, name);
        let (device, place) = match kind {
            UplinkKind::Host { address, ipv6_address } => (
                names.ours.clone(),
                UplinkPlace::Host(HostLink {
                    end: names.hosts,
                    alias: names::alias(&format!("uplink/{name}")),
                    address: *address,
                    ipv6_address: *ipv6_address,
                    table: names.table,
                    settings: Vec::new(),
                }),
            ),
            UplinkKind::Device {
                device,
                announce,
                xdp,
                destinations,
            } => (
                device.clone(),
                UplinkPlace::Device {
                    answers_arp: *announce == Announce::Arp,
                    xdp: *xdp,
                    destinations: destinations.clone(),
                },
            ),
        };
        Self {
            name: name.clone(),
            device,
            index: None,
            slot: 0,
            pin: names.ours,
            owned,
            place,
        }
    }

    /// The same with what an uplink that is there already has on the host; none if it can't become this one.
    pub(super) fn staying(mut self, before: &Self) -> Option<Self> {
        match (&mut self.place, &before.place) {
            (UplinkPlace::Host(link), UplinkPlace::Host(before)) if link.end == before.end => {
                link.settings.clone_from(&before.settings);
            }
            (UplinkPlace::Device { .. }, UplinkPlace::Device { .. }) if self.device == before.device => {}
            _ => return None,
        }
        self.index = before.index;
        self.slot = before.slot;
        self.pin.clone_from(&before.pin);
        Some(self)
    }

    /// Whether it has a filter, and who runs that.
    pub(crate) const fn xdp(&self) -> Xdp {
        match &self.place {
            UplinkPlace::Host(_) => Xdp::Off,
            UplinkPlace::Device { xdp, .. } => *xdp,
        }
    }

    /// What leaves by it, or nothing if it is what leaves by no other.
    #[must_use]
    pub fn destinations(&self) -> &[IpNet] {
        match &self.place {
            UplinkPlace::Host(_) => &[],
            UplinkPlace::Device { destinations, .. } => destinations,
        }
    }

    /// The link to the host, if it is one.
    #[must_use]
    pub const fn host(&self) -> Option<&HostLink> {
        match &self.place {
            UplinkPlace::Host(link) => Some(link),
            UplinkPlace::Device { .. } => None,
        }
    }

    pub(super) const fn host_mut(&mut self) -> Option<&mut HostLink> {
        match &mut self.place {
            UplinkPlace::Host(link) => Some(link),
            UplinkPlace::Device { .. } => None,
        }
    }

    pub(crate) fn owns_ipv4(&self) -> bool {
        self.owned.iter().any(|block| block.addr().is_ipv4())
    }

    pub(crate) fn owns_ipv6(&self) -> bool {
        self.owned.iter().any(|block| block.addr().is_ipv6())
    }
}

impl HostLink {
    /// Who is at our end, for the host: nobody, but it needs an address for that. No address of the host's is changed
    /// by it, so that whoever else uses this one elsewhere goes on.
    pub(super) const fn gateway(block: IpNet) -> IpAddr {
        match block {
            IpNet::V4(_) => IpAddr::V4(Ipv4Addr::new(169, 254, 77, 1)),
            IpNet::V6(_) => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x4d01)),
        }
    }

    /// The host's address of a family.
    pub(super) const fn source(&self, block: IpNet) -> IpAddr {
        match block {
            IpNet::V4(_) => IpAddr::V4(self.address),
            IpNet::V6(_) => IpAddr::V6(self.ipv6_address),
        }
    }

    /// The MAC of our end. There are two devices on the link, so that any two will do.
    pub(super) const fn our_mac() -> Mac {
        Mac([0x02, 0, 0, 0, 0x4d, 0x01])
    }

    /// The MAC of the host's end.
    pub(super) const fn hosts_mac() -> Mac {
        Mac([0x02, 0, 0, 0, 0x4d, 0x02])
    }
}

/// What becomes of the uplinks there are: those that are to be, with what they have of those there are, and the rest of
/// these.
pub(super) fn arrange(wanted: Vec<UplinkState>, before: &[UplinkState]) -> (Vec<UplinkState>, Vec<UplinkState>) {
    let mut gone = before.to_vec();
    let mut next = Vec::new();
    let mut taken = BTreeSet::new();
    for uplink in wanted {
        let stays = |before: &UplinkState| uplink.clone().staying(before);
        let at = gone.iter().position(|before| stays(before).is_some());
        let staying = at.and_then(|at| stays(&gone.remove(at)));
        // Whoever was killed may have left one that was to come in the slot of one that was to go.
        let has_slot = staying.as_ref().is_some_and(|uplink| taken.insert(uplink.slot));
        next.push((staying.unwrap_or(uplink), has_slot));
    }
    let mut free = (0..UPLINK_SLOTS).filter(|slot| !taken.contains(slot));
    for (uplink, _) in next.iter_mut().filter(|(_, has_slot)| !has_slot) {
        uplink.slot = free.next().unwrap_or_default();
    }
    (next.into_iter().map(|(uplink, _)| uplink).collect(), gone)
}

/// Whether nothing is to be done for these uplinks to be as they are wanted.
pub(in crate::install) fn are(wanted: Vec<UplinkState>, before: &[UplinkState]) -> bool {
    let (next, gone) = arrange(wanted, before);
    gone.is_empty() && next == before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplinks(text: &str) -> Vec<UplinkState> {
        let text = format!("vpcs: {{ a: {{ CidrBlock: 10.0.0.0/16 }} }}\nuplinks: {{ {text} }}\n");
        let resolved =
            crate::document::parse("a.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
        UplinkState::wanted(&resolved.into(), Path::new("/var/lib/groundplane"))
    }

    fn there(text: &str) -> Vec<UplinkState> {
        let mut there = uplinks(text);
        for uplink in &mut there {
            uplink.index = Some(7);
            if let Some(link) = uplink.host_mut() {
                link.settings.push(Setting::test());
            }
        }
        there
    }

    #[test]
    fn an_uplink_that_stays_keeps_what_it_has_whatever_else_changes() {
        for (before, after) in [
            ("out: { kind: host }", "out: { kind: host }"),
            ("out: { kind: host }", "out: { kind: host, address: 192.0.2.1 }"),
            ("wan: { device: eth0 }", "wan: { device: eth0, announce: route }"),
            ("wan: { device: eth0 }", "wan: { device: eth0, xdp: native }"),
            ("wan: { device: eth0 }", "out: { device: eth0 }"),
        ] {
            let (next, gone) = arrange(uplinks(after), &there(before));
            assert!(gone.is_empty(), "{after}");
            assert_eq!(next[0].index, Some(7), "{after}");
            assert_eq!(next[0].pin, there(before)[0].pin, "{after}");
            let has_settings = next[0].host().is_none_or(|link| link.settings == [Setting::test()]);
            assert!(has_settings, "{after}");
        }
        assert!(are(uplinks("out: { kind: host }"), &there("out: { kind: host }")));
        assert!(!are(
            uplinks("out: { kind: host, address: 192.0.2.1 }"),
            &there("out: { kind: host }")
        ));
    }

    fn slots(uplinks: &[UplinkState]) -> Vec<(&str, u32)> {
        let slots = uplinks.iter().map(|uplink| (&*uplink.device, uplink.slot));
        slots.collect()
    }

    #[test]
    fn an_uplink_keeps_its_slot_for_as_long_as_it_stays() {
        let some = |name: &str| {
            format!(
                "{name}: {{ device: {name}, destinations: [198.51.100.{}/32] }}",
                name.len()
            )
        };
        let (two, gone) = arrange(uplinks(&format!("b: {{ device: b }}, {}", some("cc"))), &[]);
        assert_eq!((slots(&two), gone.len()), (vec![("b", 0), ("cc", 1)], 0));
        let (three, _) = arrange(
            uplinks(&format!("{}, {}, b: {{ device: b }}", some("aaa"), some("cc"))),
            &two,
        );
        assert_eq!(slots(&three), [("aaa", 2), ("cc", 1), ("b", 0)]);
        let (only, gone) = arrange(uplinks("cc: { device: cc }"), &three);
        assert_eq!((slots(&only), gone.len()), (vec![("cc", 1)], 2));
        let (again, _) = arrange(uplinks(&format!("{}, cc: {{ device: cc }}", some("b"))), &only);
        assert_eq!(slots(&again), [("b", 0), ("cc", 1)]);
        // A change that was killed: one was to come in the slot of another.
        let mut both = again;
        both[0].slot = 1;
        let (apart, _) = arrange(uplinks(&format!("{}, cc: {{ device: cc }}", some("b"))), &both);
        assert_eq!(slots(&apart), [("b", 1), ("cc", 0)]);
    }

    #[test]
    fn another_device_or_another_kind_is_another_uplink() {
        for (before, after) in [
            ("out: { kind: host }", "out: { device: eth0 }"),
            ("out: { kind: host }", "way: { kind: host }"),
            ("wan: { device: eth0 }", "wan: { device: eth1 }"),
            ("wan: { device: eth0 }", ""),
        ] {
            let (next, gone) = arrange(uplinks(after), &there(before));
            assert_eq!(gone, there(before), "{after}");
            assert_eq!(next, uplinks(after), "{after}");
        }
    }
}
