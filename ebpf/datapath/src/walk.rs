//! The walk of a packet: from place to place until it arrives at an ENI or is dropped (semantics 4.2 to 4.5).
//!
//! The stages and their order are the specification's, verbatim: the platform's own services, source check, groups of
//! the sender, same subnet, NACL out, route, target, destination check, NACL in, groups of the receiver. A component
//! that sends a packet on from an ENI of its own makes the walk one hop longer; eight are the limit.

use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::security_group::Question;
use crate::stages::Stages;
use crate::{TablesOf, eni};
use groundplane_abi::control::Generation;
use groundplane_abi::eni::{EniEntry, SubnetEntry};
use groundplane_abi::flow::{FlowEntry, FlowKey, Gate};
use groundplane_abi::nacl::direction;
use groundplane_abi::route::{RouteKey, Target};
use groundplane_abi::{Device, DropReason, GroupSetId, Ip, Mac, SubnetId};

/// The most subnets a packet is routed in.
pub const MAX_HOPS: u32 = 8;

/// Where a packet is and what is known of it. Lives in a per-CPU slot in the kernel, since it is too large for the
/// stack, and is the one argument of every stage.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Walk<I: Ip> {
    /// The configuration in force when the packet came.
    pub generation: Generation,
    pub now: u64,
    pub packet: Packet<I>,
    /// The packet that an ICMP error speaks of, as it came in by no device.
    pub quoted: FlowKey<I>,
    /// The ENI it leaves from.
    pub near_device: Device,
    pub near: EniEntry,
    /// The ENI of the VPC that has the source address, or none.
    pub source: Device,
    /// The ENI of the VPC that has the destination address, or none; `far` until the packet arrives.
    pub owner: Device,
    /// The ENI it arrives at.
    pub far_device: Device,
    pub far: EniEntry,
    /// The subnet it is in.
    pub place_id: SubnetId,
    pub place: SubnetEntry,
    /// The groups that a reference to a group matches, or none (semantics 4.1).
    pub identity: GroupSetId,
    /// The ENI at which it is being judged.
    pub at: Device,
    /// Which of that ENI's and its NACL's lists are asked.
    pub direction: u32,
    /// The number of the NACL rule that denied; 0 if it was none.
    pub rule: u32,
    pub near_gate: Gate,
    pub far_gate: Gate,
    /// On the way back: the ENI the original left from, and its gate. If the way back ends there and the gate has
    /// state, its groups are not asked; if it ends anywhere else they are.
    pub origin: Device,
    pub origin_gate: Gate,
    /// What the groups are being asked.
    pub question: Question<I>,
    /// Neither flow table has an entry of the packet's key.
    pub is_new: u32,
    /// On the way back: both ENIs have the packet's addresses, and what is to be known of them is here already.
    pub is_mirrored: u32,
    /// The key that the gate's own entry of the connection would have. Here and not on the stack, where it is large.
    pub own_key: FlowKey<I>,
    /// Zeros, to be copied. Of zeros in its code the compiler makes a call of `memset`, a loop over bytes; where they are
    /// set one by one, no more than eight bytes of them lie side by side.
    blank: Packet<I>,
    /// Room for the flow entry that is being looked at.
    pub found: FlowEntry<I>,
}

const NO_GATE: Gate = Gate {
    limit: 0,
    rule: 0,
    flags: 0,
    single: 0,
};

impl<I: Family> Walk<I> {
    /// A packet that has come in by a device, yet to be parsed.
    #[inline(always)]
    pub fn begin(&mut self, device: Device, generation: Generation, now: u64) {
        self.generation = generation;
        self.now = now;
        self.packet = self.blank;
        self.near_device = device;
        self.near_gate = NO_GATE;
        self.at = device;
        self.direction = direction::EGRESS;
        self.rule = 0;
        self.is_new = 0;
        self.is_mirrored = 0;
        self.origin = Device::NONE;
        self.origin_gate = NO_GATE;
    }

    /// The answer to a packet that has arrived.
    ///
    /// Which MAC the answering guest will address is a guess: it switches if it was switched to. A wrong guess is no
    /// more than a miss, since an entry names the MAC it was made for.
    pub fn begin_back(&mut self, there: &Self) {
        let key = there.packet.key(there.near_device).reversed(there.far_device);
        let switched = there.packet.dst_mac != Mac::ROUTER;
        self.begin(there.far_device, there.generation, there.now);
        self.packet = Packet {
            len: there.packet.len,
            src: key.src(),
            dst: key.dst(),
            src_port: key.src_port(),
            dst_port: key.dst_port(),
            src_mac: there.far.mac,
            dst_mac: if switched { there.near.mac } else { Mac::ROUTER },
            protocol: there.packet.protocol,
            // No SYN, or a connection that is being opened would be taken for one that is being reopened.
            tcp_flags: 0,
            flags: 0,
            header_len: there.packet.header_len,
            identification: 0,
        };
        self.near_gate = there.far_gate;
        self.origin = there.near_device;
        self.origin_gate = there.near_gate;
        if there.source == there.near_device && there.owner == there.far_device {
            self.mirror(there);
        }
    }

    /// The rows of the way there, the other way round.
    #[inline(always)]
    fn mirror(&mut self, there: &Self) {
        self.is_mirrored = 1;
        self.near = there.far;
        self.far = there.near;
        self.source = there.owner;
        self.owner = there.source;
        // It has arrived in the subnet of the ENI that answers.
        self.place_id = there.place_id;
        self.place = there.place;
    }

    /// Says at which of its ENIs the packet is dropped, where no stage has said so.
    #[inline(always)]
    pub(crate) fn drops_at(&mut self, device: Device) {
        self.at = device;
        self.direction = if device == self.near_device {
            direction::EGRESS
        } else {
            direction::INGRESS
        };
    }

    #[must_use]
    pub const fn is_uncached(&self) -> bool {
        self.packet.flags & packet_flag::UNCACHED != 0
    }
}

/// Walks a packet from its ENI to the one it arrives at.
pub fn walk<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    stages.leave(walk).check()?;
    stages.group_egress(walk).check()?;
    let device = destination(stages, walk)?;
    eni::arrive(stages, walk, device)?;
    stages.group_ingress(walk).check()
}

/// The ENI a packet arrives at, hop by hop.
fn destination<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<Device, DropReason> {
    for _ in 0..MAX_HOPS {
        if let Some(device) = eni::same_subnet(stages, walk)? {
            return Ok(device);
        }
        // When the NACL and the route would both drop, the NACL is reported (semantics 4.2).
        stages.judge_by_nacl(walk).check()?;
        match route(stages, walk)? {
            Target::Local if walk.owner == Device::NONE => return Err(DropReason::NO_OWNER),
            Target::Local => return Ok(walk.owner),
            Target::Eni(device) => return Ok(device),
            Target::Subnet(subnet) => eni::enter(stages, walk, subnet)?,
        }
    }
    Err(DropReason::TOO_MANY_HOPS)
}

/// The target of the route with the longest prefix in the table of the place (semantics 5.2).
fn route<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> Result<Target, DropReason> {
    let key = RouteKey {
        bank: walk.generation.bank(),
        table: walk.place.route_table,
        destination: walk.packet.dst,
    };
    tables.route(&key).ok_or(DropReason::NO_ROUTE)?.target()
}
