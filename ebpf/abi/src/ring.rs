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
    /// How often the ring had been filled before the slot was, plus one. Written last: until then the slot is not
    /// there.
    pub turn: u16,
    /// The second, by the datapath's clock, until which the connection can't expire; its low bits.
    pub quiet_until: u16,
}

plain_of!(RingSlot<Ip4> = 16 + 4 + 2 + 2, RingSlot<Ip6> = 40 + 4 + 2 + 2);
