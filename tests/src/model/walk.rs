//! The packet's walk: semantics 4.2 to 4.5, step by step.

use super::address::{is_link_local_service, is_nobodys, is_router};
use super::bytes::{self, Side};
use super::fault::Fault;
use super::gate::{Asked, pass_groups};
use super::geneve::{Outer, Unwrapped};
use super::header::{Header, Read, Selector, read};
use super::reason::Reason;
use super::tracking::Direction;
use super::world::{Eni, SubnetAt, World};
use super::{
    Change, Gateway, Model, Passage, ROUTER_MAC, endpoint, gateway_balancer, gateway_endpoint, internet, load_balancer,
    nacl, nat, nat64, peering, route, transit, vpc_link,
};
use groundplane::resources::RouteTarget;
use std::net::IpAddr;
use std::time::Duration;

/// "inside a VPC 9001" (semantics 23).
pub(super) const MTU: usize = 9001;
/// What 8500 bytes of a NAT gateway's have room for.
const MSS: u16 = 8460;
/// How often a packet is routed before nobody does it any more: this project's choice.
const MOST_HOPS: usize = 8;

/// What a walk may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) model: &'a Model,
    pub(super) now: Duration,
    /// The frame as it came out, from which is learned what NAT gateways and load balancers have chosen.
    pub(super) seen: Option<&'a [u8]>,
    /// What is around that, if it came out on its way to an appliance.
    pub(super) wrapped: Option<&'a (Outer, Unwrapped)>,
    /// Which target a load balancer has chosen, where nothing came out.
    pub(super) guess: usize,
}

impl<'a> Moment<'a> {
    pub(super) fn world(&self) -> &'a World {
        &self.model.world
    }
}

/// Where a packet is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    Eni(Eni),
    Outside,
    /// Whoever is behind VPC links.
    Service,
}

/// Where a packet comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Guest(Eni),
    Outside,
    Service,
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// As it has become so far, its checksums aside.
    pub(super) frame: Vec<u8>,
    /// As it was sent by whoever sent it last: a guest, or a NAT gateway in another family. Its checksums are their
    /// own.
    pub(super) sent: Vec<u8>,
    pub(super) header: Header,
    /// Where it has come from in the first place, and the ENI that it left last.
    pub(super) sender: Spot,
    pub(super) last: Spot,
    /// The subnet that it is in, if it is in any.
    pub(super) place: Option<SubnetAt>,
    /// 4.1: "the true originating ENI", as long as nothing has discarded it.
    pub(super) identity: Option<Eni>,
    /// 4.1: "flow passes a component that forces tracking".
    pub(super) automatic: bool,
    /// The smallest on its way.
    pub(super) mtu: usize,
    /// It passes a component that clamps the MSS, to no more than this.
    pub(super) clamps: bool,
    pub(super) mss: u16,
    pub(super) routed: bool,
    /// Leaving and arriving.
    pub(super) passages: [Option<Passage>; 2],
    /// What gateways will remember if the packet arrives.
    pub(super) changes: Vec<Change>,
    /// What is remembered although the packet doesn't arrive: it has become one of the other family.
    pub(super) kept: Option<Kept>,
    /// What is remembered although the rest of the way may end anyhow: as long as it was another packet.
    pub(super) parts: Vec<Part>,
    /// Its MSS was lowered before.
    pub(super) clamped: bool,
    pub(super) gateways: Vec<Gateway>,
    /// Among how many targets a load balancer could choose.
    pub(super) choices: usize,
    hops: usize,
}

/// What ENIs and gateways remember of a part of the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) passages: [Option<Passage>; 2],
    pub(super) changes: Vec<Change>,
}

/// What was of a packet before it became another one.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kept: Kept,
    pub(super) automatic: bool,
    pub(super) tcp_flags: u8,
}

impl Walk {
    pub(super) fn new(from: Spot, header: Header, frame: &[u8]) -> Self {
        Self {
            frame: frame.to_vec(),
            sent: frame.to_vec(),
            header,
            sender: from,
            last: from,
            place: None,
            identity: None,
            automatic: false,
            mtu: MTU,
            clamps: false,
            mss: MSS,
            routed: false,
            passages: [None, None],
            changes: Vec::new(),
            kept: None,
            parts: Vec::new(),
            clamped: false,
            gateways: Vec::new(),
            choices: 0,
            hops: 0,
        }
    }

    /// A drop is told of the ENI that the packet left last.
    pub(super) fn told(&self, reason: Reason) -> Fault {
        let direction = match self.last {
            Spot::Eni(_) | Spot::Service => Direction::Egress,
            Spot::Outside => Direction::Ingress,
        };
        Fault::at(self.last, direction, reason)
    }

    pub(super) fn hop(&mut self) -> Result<(), Fault> {
        self.hops += 1;
        if self.hops > MOST_HOPS {
            return Err(self.told(Reason::TooManyHops));
        }
        Ok(())
    }

    /// A component sends it, as if it came from there in the first place.
    pub(super) fn begin_at(&mut self, component: Eni, subnet: SubnetAt) {
        (self.sender, self.last) = (Spot::Eni(component), Spot::Eni(component));
        (self.place, self.identity) = (Some(subnet), None);
        (self.automatic, self.clamps, self.mss) = (false, false, MSS);
        self.routed = true;
        self.hops = 0;
    }

    pub(super) fn narrow(&mut self, mtu: usize) {
        self.mtu = self.mtu.min(mtu);
    }

    /// Puts another address into the packet, and another port or identifier if there is one.
    pub(super) fn translate(&mut self, side: Side, address: impl Into<IpAddr>, port: Option<u16>) {
        bytes::set_address(&mut self.frame, side, address);
        if let Some(port) = port {
            bytes::set_port(&mut self.frame, &self.header, side, port);
        }
        self.read_again();
        // Those of a later fragment are in another packet.
        match (&mut self.header.selector, port, side) {
            (Selector::Ports { src, .. }, Some(port), Side::Source) => *src = port,
            (Selector::Ports { dst, .. }, Some(port), Side::Destination) => *dst = port,
            _ => {}
        }
    }

    /// The packet becomes one of the other family, which the ENI of a NAT gateway sends.
    pub(super) fn carry(&mut self, nat_mac: [u8; 6], packet: &[u8]) {
        let ethertype = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        self.frame = [&ROUTER_MAC[..], &nat_mac, &ethertype, packet].concat();
        self.sent = self.frame.clone();
        self.mtu = MTU;
        self.read_again();
    }

    /// After bytes have changed.
    pub(super) fn read_again(&mut self) {
        let selector = self.header.selector;
        let is_later = self.header.fragment.is_some_and(|fragment| !fragment.first);
        if let Ok(Read::Ip(header)) = read(&self.frame, false) {
            self.header = header;
        }
        if is_later {
            self.header.selector = selector;
        }
    }
}

/// 4.2: "Egress from an ENI".
pub(super) fn leave(moment: Moment<'_>, eni: Eni, walk: &mut Walk) -> Result<End, Fault> {
    let (model, world) = (moment.model, moment.world());
    is_sane(model, eni, &walk.header).map_err(|reason| walk.told(reason))?;
    let is_own = world.interface(eni).has(walk.header.src);
    if world.interface(eni).source_dest_check && !is_own {
        return Err(walk.told(Reason::SourceDestCheckAtSender));
    }
    // 4.1: an appliance discards the identity of what it passes on.
    walk.identity = is_own.then_some(eni);
    walk.place = Some(world.subnet_of(eni));
    let left = pass_groups(moment, eni, Direction::Egress, &Asked::by(walk));
    walk.passages[0] = Some(left.map_err(|reason| walk.told(reason))?);
    walk.routed = walk.header.destination_mac == ROUTER_MAC;
    if load_balancer::catch(moment, walk, eni)? || walk.routed {
        return go_on(moment, walk);
    }
    let owner = world.mac_owner(eni, walk.header.destination_mac);
    let owner = owner.ok_or_else(|| walk.told(Reason::NobodyHasTheMac))?;
    match arrive_at(moment, walk, owner)? {
        Some(end) => Ok(end),
        None => go_on(moment, walk),
    }
}

/// 4.5: "Entry from outside into a VPC".
pub(super) fn arrive(moment: Moment<'_>, walk: &mut Walk) -> Result<End, Fault> {
    let came_in = match gateway_endpoint::answered(moment.model, &walk.header, moment.now) {
        Some(vpc) => gateway_endpoint::come_in(moment, walk, vpc)?,
        None => internet::come_in(moment, walk)?,
    };
    match came_in {
        Some(end) => Ok(end),
        None => go_on(moment, walk),
    }
}

/// Goes from table to table until the packet comes out.
pub(super) fn go_on(moment: Moment<'_>, walk: &mut Walk) -> Result<End, Fault> {
    walk.routed = true;
    loop {
        if let Some(end) = turn(moment, walk)? {
            return Ok(end);
        }
    }
}

/// Steps 0 and 1.
fn is_sane(model: &Model, eni: Eni, header: &Header) -> Result<(), Reason> {
    let world = &model.world;
    if header.source_mac != model.interface(eni).mac_address.0 {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    if is_link_local_service(world, eni, header) || is_router(world, eni, header.dst) {
        return Err(Reason::LinkLocalService);
    }
    let is_broadcast = matches!(header.dst, IpAddr::V4(dst) if dst.is_broadcast());
    if header.destination_mac[0] % 2 == 1 || header.dst.is_multicast() || is_broadcast {
        return Err(Reason::BroadcastOrMulticast);
    }
    if header.src.is_ipv6() && world.subnet(world.subnet_of(eni)).ipv6_cidr_block.is_none() {
        return Err(Reason::NoIpv6);
    }
    if is_nobodys(header.src) || header.src.is_multicast() || is_nobodys(header.dst) {
        return Err(Reason::AddressIsNobodys);
    }
    Ok(())
}

/// Steps 4 to 7, and 4.4: "the route table consulted is that of the subnet the component's ENI is in, and the NACL
/// outbound of that subnet applies if the destination is elsewhere".
fn turn(moment: Moment<'_>, walk: &mut Walk) -> Result<Option<End>, Fault> {
    walk.hop()?;
    let world = moment.world();
    let place = walk.place.expect("a packet is routed in a subnet");
    let owner = world.owner(world.vpc_around(place), walk.header.dst);
    if let Some(owner) = owner.filter(|owner| world.subnet_of(*owner) == place) {
        return arrive_at(moment, walk, owner);
    }
    ask_nacl(world, place, walk.last, Direction::Egress, &walk.header)?;
    if walk.hops == 1
        && let Some(peer) = nat::returns_over(moment, walk)
    {
        walk.gateways.push(Gateway::ReturnToSender);
        return peering::cross(moment, walk, peer);
    }
    let target = route::select(world, world.table(place), walk.header.dst).map_err(|reason| walk.told(reason))?;
    follow(moment, walk, place, target, owner)
}

/// 4.4: "Target handling".
fn follow(
    moment: Moment<'_>,
    walk: &mut Walk,
    place: SubnetAt,
    target: &RouteTarget,
    owner: Option<Eni>,
) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let vpc = world.vpc_around(place);
    let blackhole = walk.told(Reason::RouteIsBlackhole);
    let is_ipv6 = walk.header.src.is_ipv6();
    match target {
        RouteTarget::Local => {
            let owner = owner.ok_or_else(|| walk.told(Reason::NobodyHasTheAddress))?;
            arrive_at(moment, walk, owner)
        }
        RouteTarget::NetworkInterface(id) => {
            let eni = world.eni_of_id(id).ok_or(blackhole)?;
            arrive_at(moment, walk, eni)
        }
        RouteTarget::Gateway(id) if world.is_internet_gateway_of(id, vpc) => internet::leave(moment, walk, id),
        RouteTarget::Gateway(id) if world.is_gateway_endpoint_of(id, vpc) => gateway_endpoint::leave(moment, walk),
        RouteTarget::Gateway(id) if id.starts_with("igw-") || id.starts_with("vpce-") => Err(blackhole),
        RouteTarget::NatGateway(id) => {
            let nat = world.nat_gateway(id).filter(|nat| world.vpc_of(*nat) == vpc);
            let nat = nat.ok_or(blackhole)?;
            // 27: "NAT gateways: IPv6 only as NAT64."
            if is_ipv6 && nat64::in_ip4(walk.header.dst).is_none() {
                return Err(walk.told(Reason::TargetCantCarryIt));
            }
            arrive_at(moment, walk, nat)
        }
        RouteTarget::EgressOnlyInternetGateway(id) => {
            if !world.is_egress_only_gateway_of(id, vpc) {
                return Err(blackhole);
            }
            // 9.4: "IPv6 only", and "Combined with a GWLBE path, IPv6 traffic is dropped."
            if !is_ipv6 || walk.gateways.contains(&Gateway::InspectedBack) {
                return Err(walk.told(Reason::TargetCantCarryIt));
            }
            internet::leave_egress_only(moment, walk, id)
        }
        RouteTarget::VpcPeeringConnection(id) => {
            let peer = world.peer(id, vpc).ok_or(blackhole)?;
            peering::cross(moment, walk, peer)
        }
        RouteTarget::VpcEndpoint(_) => {
            let eni = world.led_to(target, vpc).ok_or(blackhole)?;
            arrive_at(moment, walk, eni)
        }
        RouteTarget::TransitGateway(id) => {
            let from = world.transit_attachment(id, vpc).ok_or(blackhole)?;
            transit::cross(moment, walk, id, from)?;
            Ok(None)
        }
        _ => Err(walk.told(Reason::TargetCantCarryIt)),
    }
}

/// 4.3: "Ingress to an ENI". That of a NAT gateway, a load balancer or an endpoint passes the packet on.
pub(super) fn arrive_at(moment: Moment<'_>, walk: &mut Walk, eni: Eni) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let told = |reason| Fault::at(Spot::Eni(eni), Direction::Ingress, reason);
    let interface = world.interface(eni);
    if interface.source_dest_check && !interface.has(walk.header.dst) {
        return Err(told(Reason::SourceDestCheckAtReceiver));
    }
    let subnet = world.subnet_of(eni);
    // 16.4: "NACL applies between application ENIs and a GWLBE even in the same subnet."
    if walk.place != Some(subnet) || world.is_gateway_balancer_endpoint(eni) {
        ask_nacl(world, subnet, Spot::Eni(eni), Direction::Ingress, &walk.header)?;
    }
    if world.is_gateway_balancer_endpoint(eni) {
        gateway_balancer::pass(moment, walk, eni)?;
        return Ok(None);
    }
    if world.is_gateway_node(eni) {
        gateway_balancer::come_back(moment, walk, eni)?;
        return Ok(None);
    }
    if world.is_nat_gateway(eni) {
        nat::pass(moment, walk, eni)?;
        walk.routed = true;
        return Ok(None);
    }
    if world.is_node(eni) {
        load_balancer::pass(moment, walk, eni)?;
        return Ok(None);
    }
    if world.is_endpoint(eni) {
        endpoint::pass(moment, walk, eni)?;
        return Ok(None);
    }
    if world.is_link(eni) {
        return vpc_link::answer(moment, walk, eni).map(Some);
    }
    let arrived = pass_groups(moment, eni, Direction::Ingress, &Asked::by(walk));
    walk.passages[1] = Some(arrived.map_err(told)?);
    Ok(Some(End::Guest(eni)))
}

/// The NACL of a subnet.
pub(super) fn ask_nacl(
    world: &World,
    subnet: SubnetAt,
    at: Spot,
    direction: Direction,
    header: &Header,
) -> Result<(), Fault> {
    let egress = direction == Direction::Egress;
    nacl::judge(world.acl(subnet, egress), egress, header).map_err(|denial| Fault {
        rule: Some(denial.rule),
        ..Fault::at(at, direction, denial.reason)
    })
}
