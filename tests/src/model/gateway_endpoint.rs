//! Gateway endpoints (semantics 15).

use super::address::icmp_of;
use super::fault::Fault;
use super::header::{Header, Selector};
use super::held::Held;
use super::reason::Reason;
use super::tracking::Tuple;
use super::walk::{End, Moment, Spot, Walk, arrive_at};
use super::world::{Eni, VpcAt, World};
use super::{Change, Gateway, Model, internet};
use std::net::IpAddr;
use std::time::Duration;

/// As at an internet gateway.
const MTU: usize = 1500;
const TCP: u8 = 6;

/// A connection that has gone out to a service, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// In whose VPC it is, by its id.
    vpc_id: String,
    held: Held,
}

/// "Destination stays the service's public IP; source stays the client's private IP".
pub(super) fn leave(moment: Moment<'_>, walk: &mut Walk) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let vpc = world.vpc_around(walk.place.expect("a packet leaves from a subnet"));
    // "Usable only by sources inside the VPC: not from peering, VPN, DX, TGW."
    let is_here = matches!(walk.sender, Spot::Eni(sender) if world.vpc_of(sender) == vpc);
    if !is_here || world.owner(vpc, walk.header.src).is_none() {
        return Err(walk.told(Reason::GatewayEndpointServesItsVpc));
    }
    if !is_carried(&walk.header) {
        return Err(walk.told(Reason::GatewayEndpointDoesNotCarryIt));
    }
    // This project's choice: a service is outside of the host.
    if internet::is_ours(world, walk.header.dst) {
        return Err(walk.told(Reason::TargetCantCarryIt));
    }
    let tuple = walk.header.tuple();
    let vpc_id = &world.vpc(vpc).vpc_id;
    let other = moment.model.asked.get(&tuple).filter(|asked| asked.vpc_id != *vpc_id);
    if other.is_some_and(|other| other.held.is_live(moment.now)) || is_public_elsewhere(world, walk.header.src) {
        return Err(walk.told(Reason::AnswersAreSomebodyElses));
    }
    walk.changes.push(Change::Asked {
        tuple,
        vpc_id: vpc_id.clone(),
        outward: true,
    });
    // 4.1: who leaves the VPC leaves its groups behind.
    walk.identity = None;
    walk.place = None;
    // 7.3: "DynamoDB gateway endpoints"; all are alike here.
    walk.automatic = true;
    walk.narrow(MTU);
    walk.gateways.push(Gateway::GatewayEndpoint);
    Ok(Some(End::Outside))
}

/// "Accepts only TCP and ICMP echo". What a later fragment is a part of nobody can tell.
fn is_carried(header: &Header) -> bool {
    let is_question = |icmp_type| icmp_type == if header.src.is_ipv4() { 8 } else { 128 };
    match header.selector {
        Selector::Ports { .. } => header.protocol == TCP,
        Selector::Icmp { icmp_type, .. } => header.protocol == icmp_of(header.src) && is_question(icmp_type),
        Selector::Nothing | Selector::Absent => false,
    }
}

/// By a public address of this host the internet finds somebody else.
fn is_public_elsewhere(world: &World, address: IpAddr) -> bool {
    address.is_ipv4() && internet::is_ours(world, address)
}

/// The VPC whose question a packet from the outside answers: "emits only TCP and echo replies".
pub(super) fn answered(model: &Model, header: &Header, now: Duration) -> Option<VpcAt> {
    if header.stands_alone() || is_public_elsewhere(&model.world, header.dst) {
        return None;
    }
    let asked = model.asked.get(&header.tuple().answered())?;
    let lives = asked.held.is_live(now) && !asked.held.is_succeeded_by(header.tcp_flags);
    let vpc = model.world.vpc_with_id(&asked.vpc_id).filter(|_| lives)?;
    model.world.has_gateway_endpoint(vpc).then_some(vpc)
}

/// An answer comes in for a private address.
pub(super) fn come_in(moment: Moment<'_>, walk: &mut Walk, vpc: VpcAt) -> Result<Option<End>, Fault> {
    let world = moment.world();
    walk.narrow(MTU);
    walk.routed = true;
    walk.automatic = true;
    let owner: Option<Eni> = world.owner(vpc, walk.header.dst);
    let owner = owner.ok_or_else(|| walk.told(Reason::NobodyHasTheAddress))?;
    walk.gateways.push(Gateway::GatewayEndpointBack);
    walk.changes.push(Change::Asked {
        tuple: walk.header.tuple().answered(),
        vpc_id: world.vpc(vpc).vpc_id.clone(),
        outward: false,
    });
    arrive_at(moment, walk, owner)
}

impl Model {
    /// A packet to a service, or an answer from it, has passed.
    pub(super) fn saw_asked(&mut self, tuple: Tuple, vpc_id: String, outward: bool, (tcp_flags, now): (u8, Duration)) {
        let held = Held::default();
        let fresh = Asked { vpc_id, held };
        let asked = self.asked.entry(tuple).or_insert_with(|| fresh.clone());
        let is_over = !asked.held.is_live(now) || outward && asked.held.is_succeeded_by(tcp_flags);
        if is_over || asked.vpc_id != fresh.vpc_id {
            *asked = fresh;
        }
        asked.held.saw(outward, tcp_flags, now);
    }
}
