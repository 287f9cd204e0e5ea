//! What the datapath tells whoever listens: a drop, with its cause.

use crate::{Device, DropReason, Port};
use bytemuck::{Pod, Zeroable};

/// A dropped packet, as it stands in the ring buffer of events.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Event {
    /// The kernel's monotonic clock, in nanoseconds.
    pub time: u64,
    /// An IPv4 address stands in the first four bytes. All zeros for what isn't IP.
    pub src: [u8; 16],
    pub dst: [u8; 16],
    pub len: u32,
    /// The ENI whose guest sent it.
    pub sender: Device,
    /// The ENI at which it was dropped.
    pub at: Device,
    pub reason: DropReason,
    /// The number of the NACL rule that denied; 0 if it was none.
    pub rule: u16,
    /// Ports, or ICMP's type and code, then its identifier.
    pub src_port: Port,
    pub dst_port: Port,
    pub protocol: u8,
    /// 4, 6, or 0 for what isn't IP.
    pub version: u8,
    /// One of [`crate::nacl::direction`], seen from the ENI at which it was dropped.
    pub direction: u8,
    pub reserved: u8,
}

/// How much one CPU may still tell, and what it could not. A row for each CPU.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EventLimit {
    /// The second, by the datapath's clock, that `told` counts in.
    pub second: u64,
    pub told: u64,
    /// Events that were not told: beyond the rate, or the ring buffer was full.
    pub lost: u64,
}

plain!(Event = 64, EventLimit = 24);
