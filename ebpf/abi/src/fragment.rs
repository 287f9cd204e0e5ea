//! Notes of first fragments, which alone have ports.

use crate::{Device, Ip4, Ip6, Port};
use bytemuck::{Pod, Zeroable};

/// A fragmented packet: what its later fragments have in common with the first (semantics 7.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct FragmentKey<I> {
    pub device: Device,
    pub identification: u32,
    pub src: I,
    pub dst: I,
    pub protocol: u32,
}

/// The ports that a first fragment had.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FragmentNote {
    pub src_port: Port,
    pub dst_port: Port,
    /// The low half of the clock at the first fragment.
    pub at: u32,
}

plain!(FragmentNote = 8);
plain_of!(FragmentKey<Ip4> = 4 + 4 + 4 + 4 + 4, FragmentKey<Ip6> = 4 + 4 + 16 + 16 + 4);
