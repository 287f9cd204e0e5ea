//! Gateway Load Balancers and their endpoints (semantics 16).
//!
//! A route leads a packet to an endpoint. There its flow ends: it becomes the content of another packet, from the node
//! behind the endpoint to an appliance ([`crate::geneve`]), which has a flow of its own as any packet of UDP has. When
//! the appliance gives it back, it is sent on by the endpoint, as by an ENI of the endpoint's subnet, and that is a
//! flow again. So a connection that passes an appliance is two: one on either side of it.
//!
//! Which appliance a flow has stands in its entries. For either direction the same one is chosen, and where only one
//! side of the appliance knows the flow, whoever gave the packet back is whom the answers go to.

use crate::checksum::add;
use crate::family::Family;
use crate::geneve::{self, Envelope};
use crate::nat::{self, mixed};
use crate::packet::{has_ports, packet_flag};
use crate::scratch::Scratch;
use crate::stages::Stages;
use crate::walk::{NO_GATE, Walk, carried};
use crate::{Frame, Tables, balancer, eni};
use groundplane_abi::balancer::{
    EndpointEntry, ListenerEntry, ListenerKey, PLACES, PlacesKey, TargetKey, endpoint_flag, listener_flag,
};
use groundplane_abi::eni::{EniKey, eni_flag};
use groundplane_abi::flow::{FlowKey, kind};
use groundplane_abi::nacl::direction;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Ip4, Port};

/// Of an endpoint (semantics 23).
const MTU: u16 = 8500;
/// Of what isn't TCP (semantics 16.3).
const IDLE: u16 = 120;
/// Where the ports begin that nodes send from, one for each flow or nearly so.
const FIRST_PORT: u16 = 0xc000;

/// Whether an ENI is a Gateway Load Balancer's node or endpoint.
#[inline(always)]
pub(crate) const fn is_passed(flags: u16) -> bool {
    flags & (eni_flag::INSPECTION | eni_flag::GATEWAY_BALANCER) != 0
}

/// A packet has arrived at an endpoint, or what an appliance gives back at the node. Here its flow ends. What an
/// appliance answers the agent goes on instead.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.far.flags & eni_flag::INSPECTION != 0 {
        inspect(stages, walk)?;
        walk.carried = carried::WRAPPED;
    } else if is_given_back(walk) {
        walk.carried = carried::RETURNED;
    } else {
        return answer(stages, walk);
    }
    walk.far_gate = NO_GATE;
    walk.is_elsewhere = 1;
    Ok(())
}

/// Finds the appliance of a packet's flow.
#[inline(always)]
fn inspect<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let device = walk.far_device;
    // It has no address that anybody could speak to.
    if walk.owner == device {
        return Err(DropReason::UNUSABLE_TARGET);
    }
    let endpoint = available(stages, walk, device)?;
    if walk.packet.has(barred(kind::WRAPPED)) {
        return Err(DropReason::GENEVE_FRAGMENT);
    }
    if walk.packet.size > MTU {
        return Err(DropReason::ENDPOINT_MTU);
    }
    let listener = listener(stages, walk, endpoint.node)?;
    let is_kept = walk.kept_at == device && keeps(stages, walk, &listener);
    if !is_kept {
        let is_late = walk.packet.protocol == protocol::TCP && !walk.packet.opens();
        if is_late && !walk.is_back() && walk.kept_at != device {
            return Err(DropReason::GENEVE_NOT_OPEN);
        }
        walk.kept = choose(stages, walk, &listener)?;
    }
    pass(walk, &listener);
    Ok(())
}

/// Whether the flow stays with its appliance, though it may have gone (semantics 16.3).
#[inline(always)]
fn keeps<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, listener: &ListenerEntry) -> bool {
    listener.flags & listener_flag::REBALANCES == 0
        || tables.is_appliance(&TargetKey {
            bank: walk.generation.bank(),
            group: listener.group,
            address: walk.kept,
            port: geneve::PORT,
            protocol: protocol::UDP,
            reserved: 0,
        })
}

#[inline(always)]
fn choose<I: Family, T: Tables>(tables: &T, walk: &mut Walk<I>, listener: &ListenerEntry) -> Result<Ip4, DropReason> {
    walk.own_key = walk.packet.key(Device::NONE);
    let hash = mixed(sides(tables.secret(), &walk.own_key, listener.flags));
    let number = ((u64::from(hash) * u64::from(listener.places)) >> 32) as u32;
    if listener.places == 0 {
        return Err(DropReason::GENEVE_NO_TARGET);
    }
    let key = PlacesKey {
        bank: walk.generation.bank(),
        group: listener.group,
        zone: listener.zone,
        row: (number / PLACES) as u16,
    };
    let place = tables.appliance(&key, number % PLACES);
    place.map(|place| place.address).ok_or(DropReason::GENEVE_NO_TARGET)
}

/// What the load balancer does to a flow, on either side of the appliance.
#[inline(always)]
fn pass<I: Family>(walk: &mut Walk<I>, listener: &ListenerEntry) {
    walk.depends_on(listener.scope);
    let idle = if walk.packet.protocol == protocol::TCP {
        listener.idle
    } else {
        IDLE
    };
    if walk.component == 0 || idle < walk.component {
        walk.component = idle;
    }
    walk.is_clamped = 1;
    walk.is_silent = 1;
    walk.narrow(MTU);
}

/// What a packet must not be, by the kind of its delivery: to appliances go whole packets alone, and what they send
/// themselves has no options in front of its GENEVE.
#[inline(always)]
pub(crate) const fn barred(delivery: u8) -> u8 {
    match delivery {
        kind::WRAPPED => packet_flag::FRAGMENT,
        kind::RETURNED => packet_flag::FRAGMENT | packet_flag::OPTIONS,
        _ => 0,
    }
}

/// Whether it is GENEVE, in a whole packet.
#[inline(always)]
fn is_given_back<I: Family>(walk: &Walk<I>) -> bool {
    let packet = &walk.packet;
    let is_plain = !packet.has(barred(kind::RETURNED));
    I::VERSION == 4 && is_plain && packet.protocol == protocol::UDP && packet.dst_port == geneve::PORT
}

/// What else comes to a node is what appliances answer the agent, which asks over IPv4 whether they are well. For IPv6
/// up to Linux 6.2 there would be no stack left.
#[inline(always)]
fn answer<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if I::VERSION == 6 {
        return Err(DropReason::GENEVE_PROTOCOL);
    }
    walk.own_key = nat::answer_key(walk, walk.far_device);
    let key = walk.own_key;
    if nat::is_known(stages, walk, &key) {
        balancer::answer_probe(walk)
    } else {
        Err(DropReason::GENEVE_PROTOCOL)
    }
}

/// From the endpoint that a packet has come back to, or from the node that sends one to an appliance; the walk has the
/// ENI.
#[inline(always)]
pub(crate) fn send<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let device = walk.near_device;
    if walk.near.flags & eni_flag::INSPECTION != 0 {
        let endpoint = available(stages, walk, device)?;
        let listener = listener(stages, walk, endpoint.node)?;
        pass(walk, &listener);
    }
    walk.is_elsewhere = 1;
    walk.identity = GroupSetId::NONE;
    walk.direction = direction::EGRESS;
    eni::find_owner(stages, walk)
}

/// Whether what an appliance has given back to an endpoint is of the flow that it was of before.
pub fn check_returned<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.own_key = walk.packet.key(walk.near_device);
    let cookie = cookie(stages.secret(), &walk.own_key, walk.returned_by);
    if cookie == walk.cookie {
        Ok(())
    } else {
        Err(DropReason::GENEVE_MISMATCH)
    }
}

/// Puts the packet that was judged last into one for its appliance.
pub fn wrap<I: Family, S: Stages<I>>(stages: &S, frame: &mut S::Frame, scratch: &Scratch<I>) -> Result<(), DropReason> {
    let delivery = &scratch.entry.action.delivery;
    let (bank, endpoint) = (scratch.there.generation.bank(), delivery.out);
    let row = stages.endpoint(&EniKey { bank, device: endpoint });
    let node = row.map_or(Device::NONE, |row| row.node);
    let source = stages.node_address(&EniKey { bank, device: node });
    let [a, b, c, d, ..] = delivery.far_mac.0;
    let appliance = Ip4([a, b, c, d]);
    let action = &scratch.entry.action;
    let key = FlowKey::new(
        endpoint,
        scratch.entry.key.protocol(),
        action.src,
        action.dst,
        delivery.src_port,
        delivery.dst_port,
    );
    let secret = stages.secret();
    let envelope = Envelope {
        node,
        source: source.ok_or(DropReason::ENDPOINT_NO_NODE)?,
        appliance,
        port: port(secret, &key),
        endpoint,
        cookie: cookie(secret, &key, appliance),
        version: I::VERSION,
    };
    geneve::wrap(frame, &envelope).ok_or(DropReason::TRUNCATED)
}

/// Sends what an appliance gives back to the finisher.
pub fn give_back<I: Family>(frame: &mut impl Frame, scratch: &Scratch<I>) -> Result<(), DropReason> {
    let node = scratch.entry.action.delivery.out;
    geneve::give_back(frame, node).ok_or(DropReason::GENEVE_MISMATCH)
}

#[inline(always)]
fn available<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, device: Device) -> Result<EndpointEntry, DropReason> {
    let bank = walk.generation.bank();
    let endpoint = tables.endpoint(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if endpoint.flags & endpoint_flag::AVAILABLE == 0 {
        return Err(DropReason::ENDPOINT_NOT_AVAILABLE);
    }
    if endpoint.node == Device::NONE {
        return Err(DropReason::ENDPOINT_NO_NODE);
    }
    Ok(endpoint)
}

#[inline(always)]
fn listener<I: Family, S: Stages<I>>(stages: &S, walk: &Walk<I>, node: Device) -> Result<ListenerEntry, DropReason> {
    let key = ListenerKey {
        bank: walk.generation.bank(),
        node,
        port: Port::NONE,
        protocol: 0,
        reserved: 0,
    };
    stages.listener(&key).ok_or(DropReason::GENEVE_NO_TARGET)
}

/// A number that is the same for both directions of a flow, and can't be told without the secret. What counts of the
/// flow is for the flags of a listener to say.
#[inline(always)]
fn sides<I: Family>(secret: u64, key: &FlowKey<I>, flags: u16) -> u64 {
    let with_ports = flags & (listener_flag::WITHOUT_PORTS | listener_flag::ADDRESSES_ALONE) == 0;
    let (src_port, dst_port) = if with_ports && has_ports(key.protocol()) {
        (key.src_port().get(), key.dst_port().get())
    } else {
        (0, 0)
    };
    let side = |address: I, port: u16| I::hashed(address, secret ^ u64::from(port) << 40);
    let both = add(side(key.src(), src_port), side(key.dst(), dst_port));
    let protocol = if flags & listener_flag::ADDRESSES_ALONE == 0 {
        u64::from(key.protocol())
    } else {
        0
    };
    secret.rotate_left(23) ^ u64::from(both) ^ protocol << 40
}

/// By which what an appliance gives back is known to be of a flow of an endpoint, which the key names, and to have been
/// sent to that appliance. It is checked without a table of what was sent.
#[inline(always)]
fn cookie<I: Family>(secret: u64, key: &FlowKey<I>, appliance: Ip4) -> u32 {
    let flow = mixed(sides(secret, key, 0) ^ u64::from(key.device().0) << 33);
    mixed(secret ^ u64::from(flow) << 32 ^ u64::from(u32::from_le_bytes(appliance.0)))
}

/// The port that a node sends a flow's packets from.
#[inline(always)]
fn port<I: Family>(secret: u64, key: &FlowKey<I>) -> Port {
    let number = mixed(sides(secret, key, 0).wrapping_add(1)) as u16;
    Port::new(FIRST_PORT | number & !FIRST_PORT)
}
