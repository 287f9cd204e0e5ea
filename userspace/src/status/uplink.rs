//! Uplinks as `status` tells of them.

use super::DropStatus;
use crate::document::Xdp;
use crate::install::error::Result;
use crate::install::kernel::{Datapath, DropCause};
use crate::install::netlink::Netlink;
use crate::install::state::State;
use crate::install::uplink::{self, Condition, UplinkState};
use ipnet::IpNet;
use serde::Serialize;
use std::net::Ipv4Addr;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UplinkStatus {
    pub name: String,
    pub kind: UplinkKind,
    /// What the program is attached to.
    pub device: String,
    /// The host's end of a link to the host.
    pub host_device: Option<String>,
    /// Where guests find the host on it.
    pub address: Option<Ipv4Addr>,
    pub condition: Condition,
    /// Whether it has a filter, and who runs that.
    pub xdp: Xdp,
    /// What leaves by it. Of none in this list it is what leaves by no other.
    pub destinations: Vec<IpNet>,
    /// What comes for these addresses is for the VPCs.
    pub owned: Vec<IpNet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkKind {
    Host,
    Device,
}

pub(super) fn all(state: &State, datapath: &Datapath) -> Result<Vec<UplinkStatus>> {
    let netlink = Netlink::open()?;
    let uplinks = state.uplinks.iter();
    uplinks
        .map(|uplink| UplinkStatus::of(uplink, datapath, &netlink))
        .collect()
}

impl UplinkStatus {
    fn of(uplink: &UplinkState, datapath: &Datapath, netlink: &Netlink) -> Result<Self> {
        let link = uplink.host();
        Ok(Self {
            name: uplink.name.clone(),
            kind: if link.is_some() {
                UplinkKind::Host
            } else {
                UplinkKind::Device
            },
            device: uplink.device.clone(),
            host_device: link.map(|link| link.end.clone()),
            address: link.map(|link| link.address),
            condition: uplink::condition(uplink, datapath, netlink)?,
            xdp: uplink.xdp(),
            destinations: uplink.destinations().to_vec(),
            owned: uplink.owned.iter().copied().collect(),
        })
    }

    /// What packets leave by.
    pub(super) fn by(&self) -> String {
        match self.address {
            Some(address) => format!("the host at {address}"),
            None => "a device".to_owned(),
        }
    }

    /// Where it leads to.
    pub(super) fn leads_to(&self, is_only: bool) -> String {
        match &*self.destinations {
            [] if is_only => "everywhere".to_owned(),
            [] => "all else".to_owned(),
            blocks => some(blocks),
        }
    }

    /// What people are told.
    pub(crate) const fn words(&self) -> &'static str {
        match self.condition {
            Condition::Up => "yes",
            Condition::DeviceMissing => "NO: the device is gone",
            Condition::DeviceDown => "NO: the device is down",
            Condition::NotAttached => "NO: the program is not attached",
            Condition::NotFiltered => "yes, but without its filter",
        }
    }
}

/// What filters have dropped, of all uplinks together.
pub(super) fn filtered(datapath: &Datapath) -> Result<Vec<DropStatus>> {
    let drops = datapath.filtered()?.into_iter();
    let cause = |reason| DropCause { reason, rule: 0 };
    Ok(drops
        .map(|(reason, counter)| DropStatus::new(None, cause(reason), counter))
        .collect())
}

/// How packets leave the host, for `up`'s closing words.
#[must_use]
pub fn way_out(uplink: &UplinkState) -> String {
    match uplink.host() {
        Some(link) => format!("by way of this host, which is {} for guests", link.address),
        None => match uplink.destinations() {
            [] => format!("behind device {}", uplink.device),
            blocks => format!("behind device {}, for {}", uplink.device, some(blocks)),
        },
    }
}

/// As many blocks as fit into a line.
fn some(blocks: &[IpNet]) -> String {
    const MOST: usize = 4;
    let shown: Vec<_> = blocks.iter().take(MOST).map(ToString::to_string).collect();
    match blocks.len().saturating_sub(MOST) {
        0 => shown.join(" "),
        more => format!("{} and {more} more", shown.join(" ")),
    }
}
