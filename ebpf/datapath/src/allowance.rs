//! What an ENI may use of the tables that all share: connections tracked at a time, and first packets of new ones.
//!
//! A connection is charged to each ENI that tracks it, when it comes into the main table. One that the ENI opened and
//! doesn't track is charged to it as well, on another account: nothing tells it that such flows are limited, but once
//! the account is used up they go without entries, so that no ENI fills the table alone.
//!
//! Half-open flows aren't charged: a bucket of first packets bounds them, so that a flood turns over no more of the
//! embryos' table than its ENI's share.

use crate::Tables;
use crate::family::Family;
use crate::scratch::Scratch;
use crate::stages::Stages;
use crate::tables::Account;
use groundplane_abi::eni::EniKey;
use groundplane_abi::flow::FlowEntry;
use groundplane_abi::{Device, DropReason};

/// Charges a connection that comes into the main table: all or nothing.
#[inline(always)]
pub(crate) fn charge<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let (entry, twin) = (Bill::of(&scratch.entry), Bill::of(&scratch.twin));
    if !entry.charge(stages, scratch) {
        return exceeded(scratch, entry.payer);
    }
    if !twin.charge(stages, scratch) {
        entry.discharge(stages);
        return exceeded(scratch, twin.payer);
    }
    Ok(())
}

/// Takes back what [`charge`] did.
#[inline(always)]
pub(crate) fn discharge<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) {
    Bill::of(&scratch.entry).discharge(stages);
    Bill::of(&scratch.twin).discharge(stages);
}

/// Whether a new flow may have entries: its ENIs may have another connection, and its sender may open one now. Apart,
/// so that what follows has its stack.
#[inline(never)]
pub(crate) fn admit<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    // The packet has arrived, so the ENIs of its walk are those that may pay.
    let (near, far) = (scratch.there.near.connections, scratch.there.far.connections);
    for bill in [Bill::of(&scratch.entry), Bill::of(&scratch.twin)] {
        let connections = if bill.payer == scratch.there.near_device {
            near
        } else {
            far
        };
        if bill.is_too_much(stages, connections) {
            return exceeded(scratch, bill.payer);
        }
    }
    // What comes from outside is charged to whom it goes; a component has no allowance.
    let (eni, device) = if scratch.there.is_from_outside() {
        (&scratch.there.far, scratch.there.far_device)
    } else {
        (&scratch.there.near, scratch.there.near_device)
    };
    if device.is_component() {
        return Ok(());
    }
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
    if stages.take_first_packet(device, low, high) {
        return Ok(());
    }
    scratch.there.drops_at(device);
    Err(DropReason::FIRST_PACKET_ALLOWANCE)
}

/// To whom an entry of the main table is charged, if to anybody, and on which account.
#[derive(Clone, Copy)]
pub(crate) struct Bill {
    payer: Device,
    account: Account,
}

impl Bill {
    /// The ENI where the entry's packets come in pays, if it tracks the connection or has opened it. For what is opened
    /// from outside the ENI pays that it goes to, unless it tracks it: then it pays by the other entry.
    #[inline(always)]
    pub(crate) fn of<I: Family>(entry: &FlowEntry<I>) -> Self {
        let tracked = entry.near.is_tracked();
        let is_from_outside = entry.key.device() == Device::INTERNET;
        let device = if is_from_outside {
            entry.action.delivery.out
        } else {
            entry.key.device()
        };
        let is_paid = !tracked && entry.action.is_reply() || is_from_outside && entry.far.is_tracked();
        Self {
            payer: if is_paid || device.is_component() {
                Device::NONE
            } else {
                device
            },
            account: if tracked { Account::Tracked } else { Account::Untracked },
        }
    }

    #[inline(always)]
    fn charge<I: Family, S: Stages<I>>(self, stages: &S, scratch: &Scratch<I>) -> bool {
        self.payer == Device::NONE || stages.charge(self.payer, self.account, self.most(stages, scratch))
    }

    #[inline(always)]
    pub(crate) fn discharge<T: Tables>(self, tables: &T) {
        if self.payer != Device::NONE {
            tables.discharge(self.payer, self.account);
        }
    }

    /// Whether the payer, which may have so many connections, has all of them.
    #[inline(always)]
    fn is_too_much<T: Tables>(self, tables: &T, connections: u32) -> bool {
        self.payer != Device::NONE && tables.charged(self.payer, self.account) >= u64::from(self.share(connections))
    }

    /// How many connections the payer may have on the account. An ENI that is gone may have none.
    #[inline(always)]
    fn most<I: Family, S: Stages<I>>(self, stages: &S, scratch: &Scratch<I>) -> u32 {
        let bank = scratch.there.generation.bank();
        let device = self.payer;
        self.share(stages.eni(&EniKey { bank, device }).map_or(0, |eni| eni.connections))
    }

    /// Of those that need not be in the table an ENI may have half as many.
    #[inline(always)]
    const fn share(self, connections: u32) -> u32 {
        match self.account {
            Account::Tracked => connections,
            Account::Untracked => connections / 2,
        }
    }
}

/// Says where the allowance is used up.
#[inline(always)]
fn exceeded<I: Family>(scratch: &mut Scratch<I>, at: Device) -> Result<(), DropReason> {
    scratch.there.drops_at(at);
    Err(DropReason::CONNECTION_ALLOWANCE)
}
