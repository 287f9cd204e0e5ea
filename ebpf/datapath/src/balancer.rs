//! Network Load Balancers, and the interface endpoints that lead to them from other VPCs (semantics 13, 14).
//!
//! A client speaks to a *door*: a node of the load balancer, or the ENI of an endpoint, behind which a node is. The
//! node chooses a target when a connection begins. What it has chosen, and what stands for the client, is a mapping
//! like a NAT gateway's: by one of its rows the client's packets find the target, by the other one the answers find the
//! client and the door that they come out of. So a connection stays with its target whatever becomes of the list.

mod answer;
mod choice;
mod probe;

use answer::answer;
pub(crate) use answer::leave_target;
pub use answer::returns;
pub use choice::{choose, connect};
pub use probe::{answer_client, probe};
pub(crate) use probe::{answer_probe, launch};

use crate::family::Family;
use crate::nat;
use crate::packet::{has_ports, packet_flag};
use crate::security_group;
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{TablesOf, eni};
use groundplane_abi::balancer::{EndpointEntry, ListenerEntry, ListenerKey, TargetKey, endpoint_flag, listener_flag};
use groundplane_abi::eni::{EniKey, eni_flag};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::nacl::direction;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Port};

/// Of an interface endpoint (semantics 14.4, 23).
const ENDPOINT_MTU: u16 = 8500;
/// Of UDP, at any load balancer (semantics 13.6).
const UDP_IDLE: u16 = 120;

/// What a packet at a load balancer is to be.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Passage {
    pub listener: ListenerEntry,
    /// The node or the endpoint that the client has spoken to.
    pub door: Device,
    /// By which the target's answers are recognised, if it is to see the client; none if a port of the node's is.
    pub returns: Device,
    /// One of [`step`].
    pub step: u32,
    pub reserved: u32,
}

impl Passage {
    /// Whether the node listens to what the packet is for. No target group has the number 0.
    #[inline(always)]
    const fn is_listened_to(&self) -> bool {
        self.listener.group.0 != 0
    }

    /// Whether the agent takes the connection, and makes another one to the target.
    #[inline(always)]
    const fn tells_client(&self) -> bool {
        self.listener.flags & listener_flag::TELLS_CLIENT != 0
    }
}

/// What is left to be done with a packet at a load balancer.
mod step {
    /// It goes to the client.
    pub(super) const NOTHING: u32 = 0;
    /// It goes to the target that the mapping in the walk says.
    pub(super) const GO_ON: u32 = 1;
    /// A target is chosen.
    pub(super) const CONNECT: u32 = 2;
    /// It is the agent's answer to a client, whose mapping is in the walk.
    pub(super) const ANSWER: u32 = 3;
}

/// The packet has arrived at a node or at an endpoint, and goes on from a node, or to a client. Each stage by itself,
/// since each needs stack for keys.
#[inline(always)]
pub(crate) fn pass<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    stages.balance(walk).check()?;
    if walk.passage.step == step::CONNECT {
        stages.choose(walk).check()?;
    }
    if walk.passage.step == step::NOTHING {
        return Ok(());
    }
    go_to_target(stages, walk)
}

/// To the target that was chosen, or that the mapping in the walk says.
#[inline(always)]
fn go_to_target<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.passage.step == step::CONNECT {
        if walk.passage.returns == Device::NONE {
            find_port(stages, walk)?;
        }
        stages.connect(walk).check()?;
    }
    stages.forward(walk).check()
}

/// A port of the node's stands for the client; or one that the agent sees, if it is to tell the target.
#[inline(always)]
fn find_port<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let node = walk.at;
    if walk.passage.tells_client() {
        walk.at = Device::SERVICE;
    }
    let is_found = stages.find_port(walk);
    walk.at = node;
    if is_found {
        Ok(())
    } else {
        Err(DropReason::BALANCER_PORTS_EXHAUSTED)
    }
}

/// Finds out whose the packet is, and whether it may pass.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let door = walk.far_device;
    walk.passage.door = door;
    let is_endpoint = walk.far.flags & eni_flag::ENDPOINT != 0;
    if !is_endpoint {
        let at = answered_at(walk);
        let key = nat::answer_key(walk, at);
        if nat::is_known(stages, walk, &key) {
            walk.passage.step = step::NOTHING;
            return answer(stages, walk);
        }
        if walk.far.flags & eni_flag::LINK != 0 {
            return Err(DropReason::VPC_LINK_ONE_WAY);
        }
    }
    let node = if is_endpoint { node_behind(stages, walk) } else { door };
    let port = walk.packet.dst_port;
    walk.passage.listener = listener(stages, walk, node, port).unwrap_or_default();
    // Nobody can tell whose a later fragment is.
    let is_mapped = !walk.packet.has(packet_flag::LATER_FRAGMENT)
        && nat::is_mapped(stages, walk, &forward_key(walk, door))
        && !nat::is_succeeded(walk);
    let is_known = is_mapped && goes_on(stages, walk);
    walk.passage.step = if is_known { step::GO_ON } else { step::CONNECT };
    // Where the target is gone, the next packet begins a connection of the node's; what can't begin one ends with the
    // old.
    let is_new = !is_mapped || !is_known && begins(walk);
    let is_asked = if is_endpoint { !is_mapped } else { is_new };
    if is_asked {
        security_group::admit(stages, walk)?;
    }
    if is_endpoint {
        cross(stages, walk, is_new)?;
    }
    if walk.packet.has(packet_flag::ICMP_ERROR) {
        return if is_known {
            Ok(())
        } else {
            Err(DropReason::BALANCER_PROTOCOL)
        };
    }
    listen(walk)
}

/// Whether somebody listens, and the connection goes on or begins.
#[inline(always)]
fn listen<I: Family>(walk: &Walk<I>) -> Result<(), DropReason> {
    if !has_ports(walk.packet.protocol) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    if walk.packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::BALANCER_FRAGMENT);
    }
    if !walk.passage.is_listened_to() {
        return Err(DropReason::NO_LISTENER);
    }
    if walk.passage.step == step::CONNECT && !begins(walk) {
        return Err(DropReason::BALANCER_RESET);
    }
    Ok(())
}

/// Whether a connection may begin with the packet.
#[inline(always)]
const fn begins<I: Family>(walk: &Walk<I>) -> bool {
    walk.packet.protocol != protocol::TCP || walk.packet.opens()
}

/// Sends the packet to the target of the mapping in the walk, as from an ENI with the node's groups (semantics 4.1,
/// 13.8); or to the agent, whose own packets to the target the groups are then asked about.
pub fn forward<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.packet.has(packet_flag::ICMP_ERROR) {
        become_error(walk)?;
    } else {
        become_of_mapping(walk);
        let listener = walk.passage.listener;
        remember(walk, &listener);
    }
    if I::VERSION == 4 && walk.mapping.becomes.device() == Device::SERVICE {
        return to_agent(walk);
    }
    let groups = walk.far.group_set;
    go_on(stages, walk, groups)?;
    if walk.passage.step == step::CONNECT {
        security_group::let_out(stages, walk, groups)?;
    }
    Ok(())
}

#[inline(always)]
fn to_agent<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.packet.has(packet_flag::ICMP_ERROR) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    walk.left = walk.at;
    walk.is_elsewhere = 1;
    walk.arrival = Device::SERVICE;
    Ok(())
}

/// By what answers are known: at the node itself, or in the VPC of a target that sees its clients.
#[inline(always)]
fn answered_at<I: Family>(walk: &mut Walk<I>) -> Device {
    let returned = walk.returned;
    walk.returned = Device::NONE;
    if returned == Device::NONE {
        walk.far_device
    } else {
        returned
    }
}

/// The key by which a client's packet, or an error about what it has got, finds its mapping.
#[inline(always)]
fn forward_key<I: Family>(walk: &Walk<I>, door: Device) -> FlowKey<I> {
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted.reversed(door.of_mapping())
    } else {
        walk.packet.key(door.of_mapping())
    }
}

/// The node that the endpoint at which the walk is leads to; none if there is none.
#[inline(always)]
fn node_behind<I: Family, S: Stages<I>>(stages: &S, walk: &Walk<I>) -> Device {
    let bank = walk.generation.bank();
    let device = walk.far_device;
    stages
        .endpoint(&EniKey { bank, device })
        .map_or(Device::NONE, |endpoint| endpoint.node)
}

/// From an endpoint to the node behind it, in the VPC of the service. Nothing between the two sees the packet.
#[inline(always)]
fn cross<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, is_new: bool) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let device = walk.far_device;
    let endpoint = stages.endpoint(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    check_carried(walk, &endpoint)?;
    let node = endpoint.node;
    if node == Device::NONE {
        return Err(DropReason::ENDPOINT_NO_NODE);
    }
    move_to(stages, walk, node)?;
    narrow(walk);
    if is_new && endpoint.flags & endpoint_flag::ENFORCED != 0 {
        // No group of the consumer's is known to the provider's.
        walk.identity = GroupSetId::NONE;
        security_group::admit(stages, walk)?;
    }
    Ok(())
}

/// To another component, of whatever VPC.
#[inline(always)]
fn move_to<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, device: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    walk.far_device = device;
    walk.at = device;
    walk.vpc = walk.far.vpc;
    let subnet = walk.far.subnet;
    eni::enter(stages, walk, subnet)
}

#[inline(always)]
fn listener<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, node: Device, port: Port) -> Option<ListenerEntry> {
    tables.listener(&ListenerKey {
        bank: walk.generation.bank(),
        node,
        port,
        protocol: walk.packet.protocol,
        reserved: 0,
    })
}

/// Whether the target of the mapping in the walk is still there; and if nobody listens any more, that is what is told.
#[inline(always)]
fn goes_on<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> bool {
    let target = &walk.mapping.becomes;
    if !walk.passage.is_listened_to() {
        return true;
    }
    tables.is_target(&TargetKey {
        bank: walk.generation.bank(),
        group: walk.passage.listener.group,
        address: target.dst(),
        port: target.dst_port(),
        protocol: target.protocol(),
        reserved: 0,
    })
}

/// Gives the packet the addresses and ports that the mapping in the walk says.
#[inline(always)]
fn become_of_mapping<I: Family>(walk: &mut Walk<I>) {
    let becomes = &walk.mapping.becomes;
    walk.packet.src = becomes.src();
    walk.packet.dst = becomes.dst();
    walk.packet.src_port = becomes.src_port();
    walk.packet.dst_port = becomes.dst_port();
}

/// How long the load balancer knows of the connection.
#[inline(always)]
fn remember<I: Family>(walk: &mut Walk<I>, listener: &ListenerEntry) {
    let idle = if walk.packet.protocol == protocol::UDP {
        UDP_IDLE
    } else {
        listener.idle
    };
    if walk.component == 0 || idle < walk.component {
        walk.component = idle;
    }
}

#[inline(always)]
fn go_on<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, identity: GroupSetId) -> Result<(), DropReason> {
    walk.left = walk.at;
    walk.direction = direction::EGRESS;
    walk.identity = identity;
    walk.is_elsewhere = 1;
    walk.arrival = Device::NONE;
    eni::find_owner(stages, walk)
}

/// Whether an endpoint carries the packet, either way (semantics 14.4).
#[inline(always)]
fn check_carried<I: Family>(walk: &Walk<I>, endpoint: &EndpointEntry) -> Result<(), DropReason> {
    if endpoint.flags & endpoint_flag::AVAILABLE == 0 {
        return Err(DropReason::ENDPOINT_NOT_AVAILABLE);
    }
    if !has_ports(walk.packet.protocol) {
        return Err(DropReason::ENDPOINT_PROTOCOL);
    }
    if walk.packet.size > ENDPOINT_MTU {
        return Err(DropReason::ENDPOINT_MTU);
    }
    Ok(())
}

/// What PrivateLink takes.
#[inline(always)]
fn narrow<I: Family>(walk: &mut Walk<I>) {
    walk.is_clamped = 1;
    walk.is_silent = 1;
    walk.narrow(ENDPOINT_MTU);
}

/// The same of an ICMP error: what it speaks of becomes what its receiver has sent.
#[inline(always)]
fn become_error<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    check_error(walk)?;
    let becomes = walk.mapping.becomes;
    walk.packet.src = becomes.src();
    walk.packet.dst = becomes.dst();
    walk.quoted = becomes.reversed(Device::NONE);
    Ok(())
}

/// Nothing of ICMP passes but that something can't be reached (semantics 13.2).
#[inline(always)]
fn check_error<I: Family>(walk: &Walk<I>) -> Result<(), DropReason> {
    // Of IPv6 that something is too large is another type.
    const UNREACHABLE6: u8 = 1;
    let icmp_type = walk.packet.src_port.0[0];
    if icmp_type == I::TOO_BIG[0] || I::VERSION == 6 && icmp_type == UNREACHABLE6 {
        Ok(())
    } else {
        Err(DropReason::BALANCER_PROTOCOL)
    }
}
