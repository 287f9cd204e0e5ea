//! What an ENI may use of the tables that all share: connections tracked at a time, and first packets of new ones.
//!
//! A connection is charged to each ENI that tracks it, when it comes into the main table. Half-open ones aren't: a bucket
//! of first packets bounds them, so that a flood turns over no more of the embryos' table than its ENI's share.

use crate::family::Family;
use crate::scratch::Scratch;
use crate::stages::Stages;
use groundplane_abi::eni::EniKey;
use groundplane_abi::flow::FlowEntry;
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason};

/// Charges a connection that comes into the main table: all or nothing.
#[inline(always)]
pub(crate) fn charge<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let (entry, twin) = (payer(&scratch.entry), payer(&scratch.twin));
    if !charge_one(stages, scratch, entry) {
        return exceeded(scratch, entry);
    }
    if !charge_one(stages, scratch, twin) {
        discharge_one(stages, entry);
        return exceeded(scratch, twin);
    }
    Ok(())
}

/// Takes back what [`charge`] did.
#[inline(always)]
pub(crate) fn discharge<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) {
    discharge_one(stages, payer(&scratch.entry));
    discharge_one(stages, payer(&scratch.twin));
}

/// Whether a new flow may have entries: its ENIs may track another connection, and its sender may open one now.
#[inline(always)]
pub(crate) fn admit<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    for payer in [payer(&scratch.entry), payer(&scratch.twin)] {
        if payer != Device::NONE && stages.tracked(payer) >= u64::from(connections(stages, scratch, payer)) {
            return exceeded(scratch, payer);
        }
    }
    let eni = &scratch.there.near;
    // The clock in first packets: it runs at the ENI's rate.
    let ticks_per_second = u64::from(stages.ticks_per_second());
    let rate = u64::from(eni.first_packets);
    let high = scratch
        .there
        .now
        .wrapping_mul(rate)
        .checked_div(ticks_per_second)
        .unwrap_or(0);
    let low = high.saturating_sub(u64::from(eni.first_packets_burst));
    if stages.take_first_packet(scratch.there.near_device, low, high) {
        return Ok(());
    }
    scratch.there.at = scratch.there.near_device;
    scratch.there.direction = direction::EGRESS;
    Err(DropReason::FIRST_PACKET_ALLOWANCE)
}

/// The ENI that an entry is charged to: where its packets come in, if that ENI tracks the connection.
#[inline(always)]
fn payer<I: Family>(entry: &FlowEntry<I>) -> Device {
    if entry.near.is_tracked() {
        entry.key.device()
    } else {
        Device::NONE
    }
}

#[inline(always)]
fn charge_one<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>, payer: Device) -> bool {
    payer == Device::NONE || stages.charge(payer, connections(stages, scratch, payer))
}

#[inline(always)]
fn discharge_one<I: Family, S: Stages<I>>(stages: &S, payer: Device) {
    if payer != Device::NONE {
        stages.discharge(payer);
    }
}

/// How many connections an ENI may track. One that is gone may not.
#[inline(always)]
fn connections<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>, device: Device) -> u32 {
    let bank = scratch.there.generation.bank();
    stages.eni(&EniKey { bank, device }).map_or(0, |eni| eni.connections)
}

/// Says where the allowance is used up.
#[inline(always)]
fn exceeded<I: Family>(scratch: &mut Scratch<I>, at: Device) -> Result<(), DropReason> {
    scratch.there.at = at;
    scratch.there.direction = if at == scratch.there.near_device {
        direction::EGRESS
    } else {
        direction::INGRESS
    };
    Err(DropReason::CONNECTION_ALLOWANCE)
}
