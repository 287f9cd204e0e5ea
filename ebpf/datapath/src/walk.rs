//! The walk of a packet: from place to place until it arrives at an ENI or is dropped (semantics 4.2 to 4.5).
//!
//! The stages and their order are the specification's, verbatim: the platform's own services, source check, groups of
//! the sender, same subnet, NACL out, route, target, destination check, NACL in, groups of the receiver. A component
//! that sends a packet on from an ENI of its own makes the walk one hop longer; eight are the limit. On the way
//! addresses and ports may become other ones: the packet of the walk is always as it is at the place.

use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::security_group::Question;
use crate::stages::Stages;
use crate::{TablesOf, balancer, eni, gateway_balancer, nat};
use groundplane_abi::control::Generation;
use groundplane_abi::eni::{EniEntry, SubnetEntry, eni_flag, subnet_flag};
use groundplane_abi::flow::{FlowEntry, FlowKey, Gate};
use groundplane_abi::nacl::direction;
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::route::{RouteEntry, RouteKey, Target};
use groundplane_abi::{
    AttachmentId, Device, DropReason, GroupSetId, Ip, Ip4, Mac, RouteTableId, ScopeId, SubnetId, VpcId,
};

/// The most subnets a packet is routed in.
pub const MAX_HOPS: u32 = 8;

/// The largest packet inside a VPC (semantics 23).
pub const MTU: u16 = 9001;

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
    /// The ENI it arrives at, or the outside.
    pub far_device: Device,
    pub far: EniEntry,
    /// The ENI it is about to arrive at, or the outside; none while it is in a subnet.
    pub arrival: Device,
    /// The VPC it is in.
    pub vpc: VpcId,
    /// The subnet it is in; none right after it has come in from outside.
    pub place_id: SubnetId,
    pub place: SubnetEntry,
    /// The groups that a reference to a group matches, or none (semantics 4.1).
    pub identity: GroupSetId,
    /// The ENI at which it is being judged.
    pub at: Device,
    /// The ENI that it left last, or the outside.
    pub left: Device,
    /// Which of that ENI's and its NACL's lists are asked.
    pub direction: u32,
    /// The number of the NACL rule that denied; 0 if it was none.
    pub rule: u32,
    /// The largest packet that the path so far takes.
    pub mtu: u16,
    /// How long a component on the path remembers an idle connection; 0 if there is none.
    pub component: u16,
    /// How many hops count on the path.
    pub hops: u8,
    /// Whether a component lowers the MSS of what opens a connection.
    pub is_clamped: u8,
    /// Whether what is larger than the path takes is dropped without a word.
    pub is_silent: u8,
    /// Whether addresses or ports are other ones than when it left, or the VPC is.
    pub is_elsewhere: u8,
    /// The entry of the packet's key says that the component on the path remembers the connection.
    pub is_remembered: u8,
    /// It goes out by a gateway endpoint, or answers what has.
    pub is_by_endpoint: u8,
    /// On the way to an egress-only internet gateway rather than to an internet gateway.
    pub is_egress_only: u32,
    /// It has ended at a component's ENI, which sends another packet on in the place of this: one of [`carried`].
    pub carried: u32,
    /// The appliance of a Gateway Load Balancer that the packet goes to.
    pub kept: Ip4,
    /// Of which endpoint's flow the entry of the packet's key says that it has this appliance; none if of no one's.
    pub kept_at: Device,
    /// The appliance that has given the packet back, and with which cookie; unspecified if none has.
    pub returned_by: Ip4,
    pub cookie: u32,
    /// The VPC that it crosses into, and whether that is in another Region.
    pub peer: VpcId,
    pub is_far_peer: u32,
    /// By which it goes to a transit gateway.
    pub attachment: AttachmentId,
    /// What its verdict depends on.
    pub scopes: [ScopeId; 4],
    /// Whom an ICMP error about it is from.
    pub refuser: I,
    pub near_gate: Gate,
    pub far_gate: Gate,
    /// On the way back: the ENI the original left from, and its gate. If the way back ends there and the gate has
    /// state, its groups are not asked; if it ends anywhere else they are.
    pub origin: Device,
    pub origin_gate: Gate,
    /// What the groups are being asked.
    pub question: Question<I>,
    /// It goes back to a load balancer's node from a target that sees its clients: the component by which the node
    /// knows it.
    pub returned: Device,
    /// What it is to a load balancer that it has arrived at.
    pub passage: balancer::Passage,
    /// Neither flow table has an entry of the packet's key.
    pub is_new: u32,
    /// On the way back: both ENIs have the packet's addresses, and what is to be known of them is here already.
    pub is_mirrored: u32,
    /// The key that the gate's own entry of the connection would have. Here and not on the stack, where it is large.
    pub own_key: FlowKey<I>,
    /// Zeros, to be copied. Of zeros in its code the compiler makes a call of `memset`, a loop over bytes; where they
    /// are set one by one, no more than eight bytes of them lie side by side.
    blank: Packet<I>,
    /// Room for the flow entry that is being looked at.
    pub found: FlowEntry<I>,
    /// Mappings that the packet needs and that aren't there yet; and, on the way back, those of the way there.
    pub wanted: nat::Wanted<I>,
    pub expected: nat::Wanted<I>,
    /// Room for the mapping that is being looked at.
    pub mapping: BindingEntry<I>,
}

/// How a walk ends at a component's ENI.
pub mod carried {
    /// It doesn't.
    pub const NO: u32 = 0;
    /// The ENI of a NAT gateway sends the packet on in the other family.
    pub const NAT64: u32 = 1;
    /// The node behind a Gateway Load Balancer's endpoint sends it to an appliance, as the content of another.
    pub const WRAPPED: u32 = 2;
    /// The node of a Gateway Load Balancer sends on what is in it.
    pub const RETURNED: u32 = 3;
}

pub(crate) const NO_GATE: Gate = Gate {
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
        self.left = device;
        self.direction = direction::EGRESS;
        self.rule = 0;
        self.is_new = 0;
        self.is_mirrored = 0;
        self.arrival = Device::NONE;
        self.mtu = MTU;
        self.component = 0;
        self.hops = 0;
        self.is_clamped = 0;
        self.is_silent = 0;
        self.is_elsewhere = 0;
        self.is_remembered = 0;
        self.is_by_endpoint = 0;
        self.is_egress_only = 0;
        self.carried = carried::NO;
        self.kept_at = Device::NONE;
        self.returned_by = Ip4::UNSPECIFIED;
        self.returned = Device::NONE;
        self.scopes = [ScopeId::NONE; 4];
        self.wanted.len = 0;
        self.expected.len = 0;
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
            size: 0,
            ttl: u8::MAX,
            reserved: 0,
        };
        // Both entries depend on what either way does.
        self.scopes = there.scopes;
        self.is_by_endpoint = there.is_by_endpoint;
        if there.returned_by != Ip4::UNSPECIFIED {
            // To whom it has been, its answer goes.
            self.kept = there.returned_by;
            self.kept_at = there.near_device;
        }
        nat::expect(self, there);
        self.near_gate = there.far_gate;
        self.origin = there.near_device;
        self.origin_gate = there.near_gate;
        let is_plain = there.is_elsewhere == 0 && there.source == there.near_device;
        if is_plain && there.owner == there.far_device {
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
        self.vpc = there.vpc;
        // It has arrived in the subnet of the ENI that answers.
        self.place_id = there.place_id;
        self.place = there.place;
    }

    /// Notes that the verdict depends on something.
    #[inline(always)]
    pub(crate) fn depends_on(&mut self, scope: ScopeId) {
        let mut place = 0;
        while place < self.scopes.len() {
            if self.scopes[place] == scope {
                return;
            }
            if self.scopes[place] == ScopeId::NONE {
                self.scopes[place] = scope;
                return;
            }
            place += 1;
        }
        self.scopes[self.scopes.len() - 1] = ScopeId::EVERYTHING;
    }

    /// Notes what a component on the path takes.
    #[inline(always)]
    pub(crate) fn narrow(&mut self, mtu: u16) {
        if mtu < self.mtu {
            self.mtu = mtu;
        }
    }

    /// Whether the packet comes from outside.
    #[must_use]
    #[inline(always)]
    pub const fn is_from_outside(&self) -> bool {
        self.near_device.0 == Device::INTERNET.0
    }

    /// Whether it is the answer to a packet that has arrived.
    #[must_use]
    #[inline(always)]
    pub const fn is_back(&self) -> bool {
        self.origin.0 != Device::NONE.0
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

/// Walks a packet from where it comes from to where it arrives.
pub fn walk<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.is_from_outside() && walk.is_by_endpoint != 0 {
        stages.gateway_endpoint_in(walk).check()?;
    } else if walk.is_from_outside() {
        stages.internet_in(walk).check()?;
    } else if walk.near_device == Device::SERVICE {
        balancer::launch(stages, walk)?;
    } else if walk.near_device.is_component() {
        stages.nat_send(walk).check()?;
        if I::VERSION == 6 && walk.near.flags & eni_flag::NAT != 0 {
            stages.nat_in(walk).check()?;
        }
    } else {
        stages.leave(walk).check()?;
        stages.group_egress(walk).check()?;
    }
    travel(stages, walk)?;
    if walk.far_device == Device::INTERNET || walk.far_device == Device::SERVICE || walk.carried != carried::NO {
        return Ok(());
    }
    stages.group_ingress(walk).check()
}

/// Goes hop by hop, until the packet arrives at a guest's ENI or is outside.
fn travel<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    for _ in 0..MAX_HOPS {
        if walk.arrival == Device::NONE {
            depart(stages, walk)?;
        }
        if walk.carried != carried::NO {
            return Ok(());
        }
        let device = walk.arrival;
        if device == Device::INTERNET {
            walk.far_device = device;
            // Nobody's: the link has its own.
            walk.far.mac = Mac([0; 6]);
            walk.far_gate = NO_GATE;
            return Ok(());
        }
        if device == Device::SERVICE {
            walk.far_device = device;
            walk.far.mac = Mac::SERVICE;
            walk.far_gate = NO_GATE;
            return Ok(());
        }
        if device != Device::NONE {
            eni::arrive(stages, walk, device)?;
            if !device.is_component() {
                return Ok(());
            }
            if walk.far.flags & (eni_flag::BALANCER | eni_flag::ENDPOINT) != 0 {
                balancer::pass(stages, walk)?;
                continue;
            }
            if gateway_balancer::is_passed(walk.far.flags) {
                stages.inspect(walk).check()?;
            } else {
                stages.nat_in(walk).check()?;
            }
            if walk.carried != carried::NO {
                return Ok(());
            }
        }
    }
    Err(DropReason::TOO_MANY_HOPS)
}

/// Leaves the place: for an ENI, for the outside, or for another place.
#[inline(always)]
fn depart<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if is_balanced(walk) && stages.return_to_node(walk) {
        return balancer::leave_target(stages, walk);
    }
    if let Some(device) = eni::same_subnet(stages, walk)? {
        walk.arrival = device;
        return Ok(());
    }
    // When the NACL and the route would both drop, the NACL is reported (semantics 4.2).
    stages.judge_by_nacl(walk).check()?;
    if I::VERSION == 4 && walk.place.flags & subnet_flag::ANSWERS_NAT != 0 && stages.answer_nat(walk) {
        return stages.cross(walk).check();
    }
    match route(stages, walk, walk.place.route_table, walk.packet.dst)
        .ok_or(DropReason::NO_ROUTE)?
        .target()?
    {
        Target::Local if walk.owner == Device::NONE => return Err(DropReason::NO_OWNER),
        Target::Local => walk.arrival = walk.owner,
        Target::Eni(device) => walk.arrival = device,
        Target::Subnet(subnet) => eni::enter(stages, walk, subnet)?,
        Target::Nat(device) => {
            walk.arrival = device;
            stages.nat_out(walk).check()?;
        }
        Target::Internet => stages.internet_out(walk).check()?,
        Target::GatewayEndpoint => stages.gateway_endpoint_out(walk).check()?,
        // Semantics 9.4.
        Target::EgressOnly if walk.near.flags & eni_flag::INSPECTION != 0 => return Err(DropReason::UNUSABLE_TARGET),
        Target::EgressOnly => {
            walk.is_egress_only = 1;
            stages.internet_out(walk).check()?;
        }
        Target::Peering(vpc, is_far) => {
            walk.peer = vpc;
            walk.is_far_peer = u32::from(is_far);
            stages.cross(walk).check()?;
        }
        Target::Transit(attachment) => {
            walk.attachment = attachment;
            stages.transit(walk).check()?;
        }
        _ => return Err(DropReason::UNUSABLE_TARGET),
    }
    Ok(())
}

/// Whether the packet leaves a guest whose answers may belong to a load balancer.
#[inline(always)]
fn is_balanced<I: Family>(walk: &Walk<I>) -> bool {
    walk.near.flags & eni_flag::BALANCED != 0 && walk.left == walk.near_device && !walk.is_from_outside()
}

/// The route with the longest prefix in a table (semantics 5.2).
#[inline(always)]
pub(crate) fn route<I: Family, T: TablesOf<I>>(
    tables: &T,
    walk: &Walk<I>,
    table: RouteTableId,
    destination: I,
) -> Option<RouteEntry> {
    let bank = walk.generation.bank();
    tables.route(&RouteKey {
        bank,
        table,
        destination,
    })
}
