//! The reclaim ring: a queue of connections, in which expired ones are looked for.

use crate::flow::FlowKey;
use crate::{Ip, Ip4, Ip6};

/// A slot of the reclaim ring: a queue of connections, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct RingSlot<I: Ip> {
    /// The key of the connection's first packet.
    pub key: FlowKey<I>,
    /// The low half of that entry's stamp: a slot whose entry has another one is stale.
    pub stamp: u32,
    /// The low half of the position the slot was filled for, plus one. Written last: until then the slot is not there.
    pub turn: u32,
}

plain_of!(RingSlot<Ip4> = 16 + 4 + 4, RingSlot<Ip6> = 40 + 4 + 4);
