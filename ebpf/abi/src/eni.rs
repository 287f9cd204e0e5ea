//! ENIs, the subnets they are in, and who holds which address.

use crate::{Bank, Device, GroupSetId, Ip4, Ip6, Mac, NaclId, RouteTableId, ScopeId, SubnetId, VpcId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of ENIs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EniKey {
    pub bank: Bank,
    pub device: Device,
}

/// An ENI as the datapath sees it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EniEntry {
    pub vpc: VpcId,
    pub subnet: SubnetId,
    pub group_set: GroupSetId,
    pub mac: Mac,
    /// [`eni_flag`] bits.
    pub flags: u16,
    /// Idle limits of tracked connections in seconds (semantics 7.4).
    pub tcp_established_timeout: u32,
    pub udp_stream_timeout: u16,
    pub udp_timeout: u16,
    /// How many connections the ENI may track at a time.
    pub connections: u32,
    /// First packets of tracked connections in a second, and at once after a pause.
    pub first_packets: u32,
    pub first_packets_burst: u32,
}

pub mod eni_flag {
    /// `SourceDestCheck` is on.
    pub const SOURCE_DEST_CHECK: u16 = 1;
    /// The host side is a tap: delivery is a redirect with the mark, not `bpf_redirect_peer`.
    pub const TAP: u16 = 2;
    /// All connections of the ENI are tracked, whatever its groups say (semantics 7.3).
    pub const AUTOMATICALLY_TRACKED: u16 = 4;
    /// The ENI of a NAT gateway: what arrives goes on.
    pub const NAT: u16 = 8;
    /// `DenyAllIgwTraffic`.
    pub const INTERNET_DENIED: u16 = 16;
    /// Some address of it has a public one.
    pub const PUBLIC: u16 = 32;
    /// The ENI of a load balancer's node: what arrives goes on to a target.
    pub const BALANCER: u16 = 64;
    /// The ENI of an interface endpoint: what arrives goes on to a node.
    pub const ENDPOINT: u16 = 128;
    /// There are load balancers in its VPC, of which it may be a target that sees its clients' addresses: its answers
    /// go back to the node, whoever has those.
    pub const BALANCED: u16 = 256;
    /// The ENI of a Gateway Load Balancer's endpoint: what arrives goes to an appliance, and on from here when it comes
    /// back.
    pub const INSPECTION: u16 = 512;
    /// The ENI of a Gateway Load Balancer's node: appliances give packets back to it.
    pub const GATEWAY_BALANCER: u16 = 1024;
    /// The ENI of a VPC link: the agent sends by it, and nothing comes in but answers.
    pub const LINK: u16 = 2048;
}

/// Key of the table of subnets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SubnetKey {
    pub bank: Bank,
    pub subnet: SubnetId,
}

/// A subnet: the place a packet is at while it walks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SubnetEntry {
    pub vpc: VpcId,
    pub route_table: RouteTableId,
    pub nacl: NaclId,
    /// The subnet's blocks, for the addresses nobody may have (+1 is the router).
    pub network: Ip4,
    /// The resolver: base+2 of the VPC's primary CIDR (semantics 2.2).
    pub resolver: Ip4,
    pub network6: Ip6,
    pub prefix_len: u8,
    /// 0 if the subnet has no IPv6 block.
    pub prefix_len6: u8,
    /// The scope of the subnet's VPC.
    pub scope: ScopeId,
    /// The availability zone: the same number in all VPCs.
    pub zone: u16,
    /// [`subnet_flag`] bits.
    pub flags: u16,
}

pub mod subnet_flag {
    /// VPC Block Public Access: an internet gateway carries nothing of it but a NAT gateway's packets (semantics 9.5).
    pub const PUBLIC_ACCESS_BLOCKED: u16 = 1;
    /// Nor those, nor what goes through an egress-only gateway.
    pub const EGRESS_BLOCKED: u16 = 2;
    /// The VPC has a table of answers to NAT gateways (see [`crate::vpc::VpcEntry`]).
    pub const ANSWERS_NAT: u16 = 4;
}

/// Key of the table of addresses, a longest-prefix match so that delegated prefixes are rows like any other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct AddressKey<I> {
    pub bank: Bank,
    pub vpc: VpcId,
    pub address: I,
}

impl<I> AddressKey<I> {
    /// Bits of the key before the address; a row of a whole address is longer by those of the address.
    pub const FIXED_BITS: u32 = 64;
}

/// Who has an address. The blocks of a VPC are rows, too: an address in one of them that nobody has has no device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct AddressEntry<I> {
    pub device: Device,
    /// The public address that stands for it; unspecified if there is none.
    pub public: I,
}

/// Key of the table of MAC addresses: who in this subnet has this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct MacKey {
    pub bank: Bank,
    pub subnet: SubnetId,
    pub mac: Mac,
    pub reserved: u16,
}

/// Key of the per-CPU counters of an ENI's drops, where the ENI is the one at which it happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct DropKey {
    pub device: Device,
    pub reason: crate::DropReason,
    /// The number of the NACL rule that denied; 0 if it was none.
    pub rule: u16,
}

/// Packets and bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

/// What an ENI has sent outside the main flow table: in flows that are gone, half-open ones, and packets that had none.
/// What its established flows have sent stands in their entries, and the two together are the ENI's total: the fast
/// path then needs no second lookup to count. Sums over CPUs wrap: a promotion takes from here what the entry takes
/// over, perhaps on another CPU.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EniTotals {
    pub sent: Counter,
    /// Connections that ended, counted at the ENI that opened them.
    pub closed: u64,
    /// Connections that began, counted likewise; less `closed` it is how many are live.
    pub opened: u64,
}

/// What all CPUs together know of an ENI.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EniState {
    /// Connections that the ENI tracks.
    pub tracked: u64,
    /// Connections in the main table that it opened and doesn't track.
    pub untracked: u64,
    /// The bucket of first packets: how many there would have been since boot, had the ENI always used its rate up. The
    /// clock, counted in first packets, runs ahead of it by what may still come at once.
    pub first_packets: u64,
}

plain_of!(
    AddressKey<Ip4> = 4 + 4 + 4,
    AddressKey<Ip6> = 4 + 4 + 16,
    AddressEntry<Ip4> = 4 + 4,
    AddressEntry<Ip6> = 4 + 16,
);
plain!(
    EniKey = 8,
    EniEntry = 40,
    SubnetKey = 8,
    SubnetEntry = 44,
    EniState = 24,
    MacKey = 16,
    DropKey = 8,
    Counter = 16,
    EniTotals = 32,
);
