//! What is up, as the kernel has it: ENIs, whether they are enforced, what they sent and what was dropped and why.

mod mapping;
mod text;
mod uplink;

use crate::install::engine::require_root;
use crate::install::error::Result;
use crate::install::kernel::{Counters, Datapath, DropCause, EniCounters};
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::state::{GuestState, Named, Place, Stage, State};
use crate::install::store;
use crate::rule::Rule;
use groundplane_abi::eni::Counter;
use groundplane_abi::{Device, DropReason};
use ipnet::IpNet;
pub use mapping::MappingStatus;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
pub(crate) use text::plain_table;
pub use uplink::{UplinkKind, UplinkStatus, way_out};

/// Everything `status` tells. Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub condition: Condition,
    pub generation: u64,
    pub enis: Vec<EniStatus>,
    /// How packets leave the host.
    pub uplinks: Vec<UplinkStatus>,
    /// What the filters in front of uplinks have dropped.
    pub filtered: Vec<DropStatus>,
    pub gateways: Vec<GatewayStatus>,
    /// The destinations to which NAT gateways have the most connections.
    pub mappings: Vec<MappingStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    NothingUp,
    Up,
    /// An `up` is under way or was killed.
    Unfinished,
    /// Up before the host was started anew.
    EndedByReboot,
    /// The programs and tables are gone or can't be read.
    NotLoaded,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EniStatus {
    pub name: String,
    pub network_interface_id: String,
    pub vpc: String,
    pub subnet: String,
    /// The primary one.
    pub address: Ipv4Addr,
    /// All of them, of both families.
    pub addresses: Vec<IpAddr>,
    pub mac_address: String,
    pub network_acl: Named,
    pub groups: Vec<Named>,
    /// The host side.
    pub device: String,
    /// `None` for a tap.
    pub namespace: Option<String>,
    pub enforcement: Enforcement,
    pub sent_packets: u64,
    pub sent_bytes: u64,
    /// Connections it opened that live, and all it has opened.
    pub live_connections: u64,
    pub opened_connections: u64,
    /// Connections it tracks now, whoever opened them.
    pub tracked_connections: u64,
    /// How many more it may track.
    pub conntrack_allowance_available: u64,
    /// Packets dropped because it may not track more.
    pub conntrack_allowance_exceeded: u64,
    pub drops: Vec<DropStatus>,
}

/// Where packets are dropped that is no guest: the outside, a NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayStatus {
    pub name: String,
    pub drops: Vec<DropStatus>,
}

/// Whether the datapath judges every packet of an ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    Enforced,
    DeviceMissing,
    DeviceDown,
    /// The kernel doesn't run our programs first on both hooks.
    NotAttached,
    /// The configuration in force doesn't know the device, so that everything is dropped.
    NotConfigured,
    NamespaceMissing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DropStatus {
    pub reason: String,
    pub number: u16,
    pub meaning: &'static str,
    /// AWS's code for it, or "".
    pub code: &'static str,
    pub rule: Option<Rule>,
    pub packets: u64,
    pub bytes: u64,
}

/// Asks the kernel.
pub fn gather(state_dir: &Path) -> Result<Status> {
    require_root()?;
    let nothing = |condition| Status {
        condition,
        generation: 0,
        enis: Vec::new(),
        uplinks: Vec::new(),
        filtered: Vec::new(),
        gateways: Vec::new(),
        mappings: Vec::new(),
    };
    let Some(state) = store::read(state_dir)? else {
        return Ok(nothing(Condition::NothingUp));
    };
    if !state.is_of_this_boot()? {
        return Ok(nothing(Condition::EndedByReboot));
    }
    match (Datapath::open(&state.pins), state.stage) {
        (Ok(datapath), stage) => {
            let condition = if stage == Stage::Up {
                Condition::Up
            } else {
                Condition::Unfinished
            };
            // A walk over all live flows, so once for everybody.
            let counters = datapath.counters()?;
            Ok(Status {
                condition,
                generation: datapath.generation().0,
                gateways: gateways(&datapath, &counters)?,
                mappings: mapping::busiest(&datapath)?,
                enis: enis(&state, &datapath, &counters)?,
                uplinks: uplink::all(&state, &datapath)?,
                filtered: filtered(&state, &datapath)?,
            })
        }
        (Err(_), Stage::Changing | Stage::Leaving) => Ok(nothing(Condition::Unfinished)),
        (Err(crate::install::Error::NotLoaded(_)), Stage::Up) => Ok(nothing(Condition::NotLoaded)),
        (Err(error), Stage::Up) => Err(error),
    }
}

fn filtered(state: &State, datapath: &Datapath) -> Result<Vec<DropStatus>> {
    if state.uplinks.is_empty() {
        return Ok(Vec::new());
    }
    uplink::filtered(datapath)
}

/// What was dropped elsewhere than at guests.
fn gateways(datapath: &Datapath, counters: &Counters) -> Result<Vec<GatewayStatus>> {
    let mut gateways = Vec::new();
    for (device, counters) in counters {
        if let Some(name) = datapath.gateway(*device)? {
            let drops = counters.drops.iter();
            let drops = drops
                .map(|(cause, counter)| DropStatus::new(None, *cause, *counter))
                .collect();
            gateways.push(GatewayStatus { name, drops });
        }
    }
    Ok(gateways)
}

fn enis(state: &State, datapath: &Datapath, counters: &Counters) -> Result<Vec<EniStatus>> {
    let netlink = Netlink::open()?;
    state
        .guests
        .iter()
        .map(|guest| eni(guest, datapath, counters, &netlink))
        .collect()
}

fn eni(guest: &GuestState, datapath: &Datapath, counters: &Counters, netlink: &Netlink) -> Result<EniStatus> {
    let device = Device(netlink.find(&guest.device)?.map_or(0, |link| link.index));
    let counters = counters.get(&device).cloned().unwrap_or_default();
    let exceeded = counters.dropped(DropReason::CONNECTION_ALLOWANCE).packets;
    let allowed = datapath.eni(device)?.map_or(0, |eni| u64::from(eni.connections));
    let EniCounters {
        sent,
        opened,
        live,
        tracked,
        drops,
        ..
    } = counters;
    Ok(EniStatus {
        name: guest.name.clone(),
        network_interface_id: guest.eni_id.clone(),
        vpc: guest.vpc.clone(),
        subnet: guest.subnet.clone(),
        address: guest.address,
        addresses: guest.addressing.addresses.iter().map(IpNet::addr).collect(),
        mac_address: guest.mac_address.clone(),
        network_acl: guest.network_acl.clone(),
        groups: guest.groups.clone(),
        device: guest.device.clone(),
        namespace: guest.place.namespace().map(str::to_owned),
        enforcement: enforcement(guest, datapath, netlink)?,
        sent_packets: sent.packets,
        sent_bytes: sent.bytes,
        live_connections: live,
        opened_connections: opened,
        tracked_connections: tracked,
        conntrack_allowance_available: allowed.saturating_sub(tracked),
        conntrack_allowance_exceeded: exceeded,
        drops: drops
            .into_iter()
            .map(|(cause, counter)| DropStatus::new(Some(guest), cause, counter))
            .collect(),
    })
}

fn enforcement(guest: &GuestState, datapath: &Datapath, netlink: &Netlink) -> Result<Enforcement> {
    let Some(link) = netlink.find(&guest.device)? else {
        return Ok(Enforcement::DeviceMissing);
    };
    if !datapath.is_attached(&guest.device)? {
        return Ok(Enforcement::NotAttached);
    }
    if datapath.eni(link.device(&guest.device)?)?.is_none() {
        return Ok(Enforcement::NotConfigured);
    }
    if let Some(namespace) = guest.place.namespace()
        && netns::inode(namespace)?.is_none()
    {
        return Ok(Enforcement::NamespaceMissing);
    }
    Ok(if link.up {
        Enforcement::Enforced
    } else {
        Enforcement::DeviceDown
    })
}

impl DropStatus {
    fn new(
        guest: Option<&GuestState>,
        DropCause { reason, rule }: DropCause,
        Counter { packets, bytes }: Counter,
    ) -> Self {
        let description = reason.describe();
        Self {
            reason: reason.to_string(),
            number: reason.0,
            meaning: description.map_or("", |description| description.meaning),
            code: description.map_or("", |description| description.code),
            rule: guest.and_then(|guest| Rule::of(guest, reason, rule)),
            packets,
            bytes,
        }
    }
}

impl Enforcement {
    /// What people are told.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Enforced => "yes",
            Self::DeviceMissing => "NO: the device is gone",
            Self::DeviceDown => "yes, but the device is down",
            Self::NotAttached => "NO: the programs are not attached",
            Self::NotConfigured => "drops all: not in the configuration in force",
            Self::NamespaceMissing => "yes, but the namespace has lost its name",
        }
    }
}

/// Where a guest is, for `up`'s closing words.
#[must_use]
pub fn place(guest: &GuestState) -> String {
    match &guest.place {
        Place::Made { namespace, .. } | Place::Adopted { namespace, .. } => format!("network namespace {namespace}"),
        Place::Device { .. } => format!("behind device {}, which was there before", guest.device),
        Place::Tap => format!("tap {}, for a machine with MAC {}", guest.device, guest.mac_address),
    }
}
