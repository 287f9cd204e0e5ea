//! The service port: a veth pair into a namespace of the agent's own, by which it speaks with guests whose addresses
//! may be anybody's.

use crate::{Device, Ip4, Ip6};

/// Key of the table of aliases: an address that stands for a guest's, seen from somewhere. The agent gives them out;
/// they are in no bank, since a configuration changes nothing about them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct AliasKey<I> {
    pub address: I,
}

/// Whom an alias stands for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct AliasEntry<I> {
    /// The ENI without a guest that what is sent to the alias goes out of.
    pub from: Device,
    pub address: I,
}

plain_of!(
    AliasKey<Ip4> = 4,
    AliasKey<Ip6> = 16,
    AliasEntry<Ip4> = 4 + 4,
    AliasEntry<Ip6> = 4 + 16,
);
