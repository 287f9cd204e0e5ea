//! How uplinks are.

use super::state::UplinkState;
use super::{cutter, filter, link};
use crate::install::error::Result;
use crate::install::kernel::Datapath;
use crate::install::netlink::Netlink;
use crate::install::state::State;
use crate::plan::UplinkRows;
use groundplane_abi::uplink::UplinkEntry;

/// What the datapath knows of an uplink already, if it is this one.
pub(super) fn standing(uplink: &UplinkState, rows: &UplinkRows) -> UplinkEntry {
    let entry = rows.entries.get(uplink.slot as usize).copied();
    let is_its = |entry: &UplinkEntry| uplink.index == Some(entry.device.0);
    entry.filter(is_its).map(UplinkRows::alone).unwrap_or_default()
}

/// Whether the cutter and the devices of uplinks are there and run their programs, the devices as far as they were
/// there when they were last seen to.
pub(in crate::install) fn stand(state: &State, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    let rows = datapath.uplinks()?;
    let uplinks = &state.uplinks;
    let Some(cutter) = cutter::standing(uplinks, state.cutter.as_ref(), datapath, netlink)? else {
        return Ok(false);
    };
    for uplink in uplinks {
        let is_link = uplink.host().is_some();
        match condition(uplink, datapath, netlink)? {
            Condition::Up => {}
            // Whether it is up is its owner's business.
            Condition::DeviceDown if !is_link => {}
            Condition::DeviceMissing if !is_link && uplink.index.is_none() => continue,
            _ => return Ok(false),
        }
        let mac = netlink.find(&uplink.device)?.and_then(|link| link.mac);
        let entry = standing(uplink, &rows);
        if mac != Some(entry.mac) || entry.cutter != cutter {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How an uplink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Up,
    DeviceMissing,
    DeviceDown,
    /// The device doesn't run the program for uplinks.
    NotAttached,
    /// It does, but not the filter in front of it.
    NotFiltered,
}

pub(crate) fn condition(uplink: &UplinkState, datapath: &Datapath, netlink: &Netlink) -> Result<Condition> {
    let Some(found) = netlink.find(&uplink.device)? else {
        return Ok(Condition::DeviceMissing);
    };
    if uplink.index != Some(found.index) || !datapath.is_uplink(&uplink.device)? {
        return Ok(Condition::NotAttached);
    }
    let is_up = match uplink.host() {
        None => found.up,
        Some(link) => match link::find(netlink, uplink, link)? {
            None => return Ok(Condition::DeviceMissing),
            Some(pair) => pair.ours.up && pair.hosts.up,
        },
    };
    if !filter::is_right(uplink, &found, datapath)? {
        return Ok(Condition::NotFiltered);
    }
    Ok(if is_up { Condition::Up } else { Condition::DeviceDown })
}
