//! What is up, as the kernel has it: ENIs, whether they are enforced, what they sent and what was dropped and why.

use crate::install::error::Result;
use crate::install::kernel::{Counters, Datapath, EniCounters};
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::state::{GuestState, Place, Stage, State};
use crate::install::store;
use crate::install::up::require_root;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use groundplane_abi::{Device, DropReason};
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

/// Everything `status` tells. Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub condition: Condition,
    pub generation: u64,
    pub enis: Vec<EniStatus>,
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
    pub address: Ipv4Addr,
    pub mac_address: String,
    /// The host side.
    pub device: String,
    /// `None` for a tap.
    pub namespace: Option<String>,
    pub enforcement: Enforcement,
    pub sent_packets: u64,
    pub sent_bytes: u64,
    pub live_connections: u64,
    pub opened_connections: u64,
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
            Ok(Status {
                condition,
                generation: datapath.generation().0,
                enis: enis(&state, &datapath)?,
            })
        }
        (Err(_), Stage::Changing) => Ok(nothing(Condition::Unfinished)),
        (Err(crate::install::Error::NotLoaded(_)), Stage::Up) => Ok(nothing(Condition::NotLoaded)),
        (Err(error), Stage::Up) => Err(error),
    }
}

fn enis(state: &State, datapath: &Datapath) -> Result<Vec<EniStatus>> {
    let counters = datapath.counters()?;
    let netlink = Netlink::open()?;
    state
        .guests
        .iter()
        .map(|guest| eni(guest, datapath, &counters, &netlink))
        .collect()
}

fn eni(guest: &GuestState, datapath: &Datapath, counters: &Counters, netlink: &Netlink) -> Result<EniStatus> {
    let index = netlink.find(&guest.device)?.map_or(0, |link| link.index);
    let EniCounters {
        sent,
        opened,
        live,
        drops,
        ..
    } = counters.get(&Device(index)).cloned().unwrap_or_default();
    Ok(EniStatus {
        name: guest.name.clone(),
        network_interface_id: guest.eni_id.clone(),
        vpc: guest.vpc.clone(),
        subnet: guest.subnet.clone(),
        address: guest.address,
        mac_address: guest.mac_address.clone(),
        device: guest.device.clone(),
        namespace: guest.place.namespace().map(str::to_owned),
        enforcement: enforcement(guest, datapath, netlink)?,
        sent_packets: sent.packets,
        sent_bytes: sent.bytes,
        live_connections: live,
        opened_connections: opened,
        drops: drops
            .into_iter()
            .map(|(reason, counter)| DropStatus::new(reason, counter))
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
    if !datapath.is_configured(link.device(&guest.device)?)? {
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
    fn new(reason: DropReason, counter: groundplane_abi::eni::Counter) -> Self {
        let meaning = reason.describe().map_or("", |description| description.meaning);
        let (packets, bytes) = (counter.packets, counter.bytes);
        Self {
            reason: reason.to_string(),
            number: reason.0,
            meaning,
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::NothingUp => return f.write_str("Nothing is up."),
            Condition::EndedByReboot => {
                return f
                    .write_str("Nothing is up: what was ended with the last boot. `groundplane up FILE` starts anew.");
            }
            Condition::NotLoaded => {
                return f.write_str(
                    "The programs are gone although nobody took them down. `groundplane down` removes the rest.",
                );
            }
            Condition::Unfinished => writeln!(
                f,
                "An `up` is under way, or was killed; another one finishes it, and `groundplane down` removes all."
            )?,
            Condition::Up => writeln!(f, "Up, configuration {}.", self.generation)?,
        }
        if !self.enis.is_empty() {
            write!(
                f,
                "\n{}\n\n{}",
                eni_table(&self.enis).trim_fmt(),
                drop_table(&self.enis)
            )?;
        }
        Ok(())
    }
}

fn eni_table(enis: &[EniStatus]) -> Table {
    const NUMBERS: std::ops::Range<usize> = 7..10;
    let header = "INSTANCE VPC SUBNET ADDRESS GUEST DEVICE ENFORCED PACKETS BYTES CONNECTIONS";
    let mut table = plain_table();
    table.set_header(header.split(' '));
    for eni in enis {
        let guest = eni
            .namespace
            .as_ref()
            .map_or_else(|| "tap".to_owned(), |name| format!("namespace {name}"));
        table.add_row([
            eni.name.clone(),
            eni.vpc.clone(),
            eni.subnet.clone(),
            eni.address.to_string(),
            guest,
            eni.device.clone(),
            eni.enforcement.words().to_owned(),
            eni.sent_packets.to_string(),
            eni.sent_bytes.to_string(),
            eni.live_connections.to_string(),
        ]);
    }
    for index in NUMBERS {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn drop_table(enis: &[EniStatus]) -> String {
    let mut table = plain_table();
    table.set_header(["DROPPED AT", "REASON", "PACKETS", "BECAUSE"]);
    for eni in enis {
        for drop in &eni.drops {
            let name = format!("{}/{}", eni.vpc, eni.name);
            table.add_row([
                name,
                drop.reason.clone(),
                drop.packets.to_string(),
                drop.meaning.to_owned(),
            ]);
        }
    }
    if table.is_empty() {
        "Nothing was dropped.".to_owned()
    } else {
        table.trim_fmt()
    }
}

/// Columns and nothing else, so that the usual tools can cut them.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

/// Where a guest is, for `up`'s closing words.
#[must_use]
pub fn place(guest: &GuestState) -> String {
    match &guest.place {
        Place::Made { namespace, .. } | Place::Adopted { namespace } => format!("network namespace {namespace}"),
        Place::Tap => format!("tap {}, for a machine with MAC {}", guest.device, guest.mac_address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eni(name: &str, drops: Vec<DropStatus>) -> EniStatus {
        EniStatus {
            name: name.to_owned(),
            network_interface_id: format!("eni-{name}"),
            vpc: "blue".to_owned(),
            subnet: "front".to_owned(),
            address: Ipv4Addr::new(10, 0, 1, 10),
            mac_address: "02:00:00:00:01:10".to_owned(),
            device: "gp000000000001".to_owned(),
            namespace: Some(name.to_owned()),
            enforcement: Enforcement::Enforced,
            sent_packets: 12,
            sent_bytes: 3456,
            live_connections: 1,
            opened_connections: 2,
            drops,
        }
    }

    #[test]
    fn people_read_who_is_enforced_and_why_packets_died() {
        let counter = groundplane_abi::eni::Counter { packets: 3, bytes: 180 };
        let enis = vec![eni("web", vec![DropStatus::new(DropReason::NO_ROUTE, counter)])];
        let text = Status {
            condition: Condition::Up,
            generation: 4,
            enis,
        }
        .to_string();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = text.lines().map(words).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines[0], "Up, configuration 4.");
        assert_eq!(
            lines[2],
            "web blue front 10.0.1.10 namespace web gp000000000001 yes 12 3456 1"
        );
        assert!(
            lines[4].starts_with("blue/web NoRoute 3 the subnet's route table has no route"),
            "{}",
            lines[4]
        );
    }

    #[test]
    fn an_unknown_reason_still_has_its_number() {
        let counter = groundplane_abi::eni::Counter { packets: 1, bytes: 60 };
        let drop = DropStatus::new(DropReason(u16::MAX), counter);
        assert_eq!(
            (drop.reason.as_str(), drop.number, drop.meaning),
            ("Reason65535", u16::MAX, "")
        );
    }

    #[test]
    fn nothing_up_is_one_sentence() {
        let status = Status {
            condition: Condition::NothingUp,
            generation: 0,
            enis: Vec::new(),
        };
        assert_eq!(status.to_string(), "Nothing is up.");
    }
}
