//! What the slow path works on, from the judgement of a packet to the end of its commit.

use crate::verdict::Verdict;
use crate::walk::Walk;
use groundplane_abi::event::Event;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{DropReason, Ip};

/// Everything the slow path works on: too large for the stack, so one per CPU.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Scratch<I: Ip> {
    pub there: Walk<I>,
    pub back: Walk<I>,
    /// The entry of the packet in hand, and the other one.
    pub entry: FlowEntry<I>,
    pub twin: FlowEntry<I>,
    /// What stood in the tables under the packet's key.
    pub old: Old<I>,
    /// What has been decided, until [`mod@crate::commit`] finds otherwise.
    pub verdict: Verdict,
    /// What is told of a drop.
    pub event: Event,
    /// One of [`effect`].
    pub effect: u32,
    /// [`groundplane_abi::flow::tcp_seen`] bits that the packet adds.
    pub tcp: u16,
    /// The packet's ports are to be noted for the fragments that follow.
    pub first_fragment: u32,
    /// Why the packet is refused, while an answer is looked for.
    pub refused: u32,
    /// Whom the answer is from.
    pub refuser: I,
}

impl<I: Ip> Default for Scratch<I> {
    fn default() -> Self {
        Self {
            there: Walk::default(),
            back: Walk::default(),
            entry: FlowEntry::default(),
            twin: FlowEntry::default(),
            old: Old::default(),
            verdict: Verdict::drop(DropReason::NONE),
            event: Event::default(),
            effect: effect::NONE,
            tcp: 0,
            first_fragment: 0,
            refused: 0,
            refuser: I::default(),
        }
    }
}

/// What stood in the tables under a packet's key before it was judged.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Old<I: Ip> {
    /// One of [`old_place`].
    pub place: u32,
    /// The low half of its stamp.
    pub stamp: u32,
    /// The packet belongs to a new connection all the same: the old one is over.
    pub over: u32,
    pub is_reply: u32,
    pub twin_key: FlowKey<I>,
    pub packets: u64,
    pub bytes: u64,
    pub tcp: u16,
    /// The component on the path still knows the connection.
    pub is_remembered: u16,
    pub born: u32,
}

pub mod old_place {
    pub const NOWHERE: u32 = 0;
    pub const MAIN: u32 = 1;
    pub const EMBRYOS: u32 = 2;
    /// In the main table, about to be deleted by somebody else.
    pub const DYING: u32 = 3;
}

/// What [`mod@crate::commit`] has to do.
pub mod effect {
    pub const NONE: u32 = 0;
    /// Count a packet that has no entry.
    pub const COUNT: u32 = 1;
    /// The entry stands as it was found.
    pub const TOUCH: u32 = 2;
    /// The embryo's connection moves to the main table.
    pub const PROMOTE: u32 = 3;
    /// The pair is a new half-open flow.
    pub const INSTALL: u32 = 4;
    /// The pair takes the place of the one in the main table: same connection, other action.
    pub const REPLACE: u32 = 5;
}

/// What [`crate::flow::resume`] found.
pub mod resumed {
    /// Nothing that holds: the packet has to be judged.
    pub const NO: u32 = 0x1_0000;
}
