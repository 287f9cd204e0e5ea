//! The packet's walk: semantics 4.2 and 4.3, step by step.

use super::address::{is_link_local_service, is_nobodys, is_router};
use super::header::Header;
use super::reason::Reason;
use super::security_group::{self, Question};
use super::tracking::Direction;
use super::world::Eni;
use super::{Model, Pass, Passage, ROUTER_MAC, error, nacl, route};
use groundplane::resources::RouteTarget;
use std::net::IpAddr;
use std::time::Duration;

/// Where a packet arrives, and what the ENIs on its way remember.
pub(super) struct Arrival {
    pub(super) eni: Eni,
    pub(super) routed: bool,
    /// Leaving and arriving.
    pub(super) passages: [Passage; 2],
}

/// Why a packet goes no further, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: Eni,
    pub(super) direction: Direction,
    pub(super) reason: Reason,
    pub(super) rule: Option<u16>,
}

/// A NACL's rule that stops a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denial {
    pub(super) reason: Reason,
    pub(super) rule: u16,
}

impl Fault {
    pub(super) fn at(at: Eni, direction: Direction, reason: Reason) -> Self {
        Self {
            at,
            direction,
            reason,
            rule: None,
        }
    }
}

/// 4.2: "Egress from an ENI".
pub(super) fn leave(model: &Model, eni: Eni, header: &Header, now: Duration) -> Result<Arrival, Fault> {
    let told = |reason| Fault::at(eni, Direction::Egress, reason);
    is_sane(model, eni, header).map_err(told)?;
    let is_own = model.interface(eni).has(header.src);
    if model.interface(eni).source_dest_check && !is_own {
        return Err(told(Reason::SourceDestCheckAtSender));
    }
    // 4.1: an appliance discards the identity of what it passes on.
    let identity = is_own.then_some(eni);
    let left = pass_groups(model, eni, Direction::Egress, header, None, now).map_err(told)?;
    let routed = header.destination_mac == ROUTER_MAC;
    let receiver = if routed {
        find_receiver(model, eni, header)?
    } else {
        let owner = model.world.mac_owner(eni, header.destination_mac);
        owner.ok_or(told(Reason::NobodyHasTheMac))?
    };
    let arrived = enter(model, eni, receiver, header, identity, now)?;
    Ok(Arrival {
        eni: receiver,
        routed,
        passages: [left, arrived],
    })
}

/// Steps 0 and 1.
fn is_sane(model: &Model, eni: Eni, header: &Header) -> Result<(), Reason> {
    if header.source_mac != model.interface(eni).mac_address.0 {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    if is_link_local_service(&model.world, eni, header) || is_router(&model.world, eni, header.dst) {
        return Err(Reason::LinkLocalService);
    }
    let is_broadcast = matches!(header.dst, IpAddr::V4(dst) if dst.is_broadcast());
    if header.destination_mac[0] % 2 == 1 || header.dst.is_multicast() || is_broadcast {
        return Err(Reason::BroadcastOrMulticast);
    }
    if header.src.is_ipv6() && model.world.subnet(eni).ipv6_cidr_block.is_none() {
        return Err(Reason::NoIpv6);
    }
    if is_nobodys(header.src) || header.src.is_multicast() || is_nobodys(header.dst) {
        return Err(Reason::AddressIsNobodys);
    }
    Ok(())
}

/// Steps 4 to 7: who gets a packet that was sent to the router.
fn find_receiver(model: &Model, eni: Eni, header: &Header) -> Result<Eni, Fault> {
    let told = |reason| Fault::at(eni, Direction::Egress, reason);
    let owner = model.world.owner(eni, header.dst);
    if let Some(owner) = owner.filter(|owner| model.world.share_subnet(*owner, eni)) {
        return Ok(owner);
    }
    ask_nacl(model, eni, Direction::Egress, header)?;
    let table = model.world.table(eni);
    match route::select(&model.world, table, header.dst).map_err(told)? {
        RouteTarget::Local => owner.ok_or(told(Reason::NobodyHasTheAddress)),
        RouteTarget::NetworkInterface(id) => Ok(model.world.eni_named(id)),
        _ => Err(told(Reason::TargetCantCarryIt)),
    }
}

/// 4.3: "Ingress to an ENI".
fn enter(
    model: &Model,
    from: Eni,
    eni: Eni,
    header: &Header,
    identity: Option<Eni>,
    now: Duration,
) -> Result<Passage, Fault> {
    let told = |reason| Fault::at(eni, Direction::Ingress, reason);
    let interface = model.interface(eni);
    if interface.source_dest_check && !interface.has(header.dst) {
        return Err(told(Reason::SourceDestCheckAtReceiver));
    }
    if !model.world.share_subnet(from, eni) {
        ask_nacl(model, eni, Direction::Ingress, header)?;
    }
    pass_groups(model, eni, Direction::Ingress, header, identity, now).map_err(told)
}

/// The NACL of the ENI's subnet.
fn ask_nacl(model: &Model, eni: Eni, direction: Direction, header: &Header) -> Result<(), Fault> {
    let egress = direction == Direction::Egress;
    nacl::judge(model.world.acl(eni, egress), egress, header).map_err(|denial| Fault {
        rule: Some(denial.rule),
        ..Fault::at(eni, direction, denial.reason)
    })
}

/// The groups of one ENI: what it tracks passes, everything else needs a rule.
fn pass_groups(
    model: &Model,
    eni: Eni,
    direction: Direction,
    header: &Header,
    identity: Option<Eni>,
    now: Duration,
) -> Result<Passage, Reason> {
    // A connection is known at an ENI by its packets as they leave there.
    let tuple = match direction {
        Direction::Egress => header.tuple(),
        Direction::Ingress => header.tuple().answered(),
    };
    let question = ask(model, eni, direction, header, identity);
    let admitted = security_group::admits(&model.world, eni, &question);
    let alone = header.stands_alone();
    let by_rule = admitted.map(|admitted| admitted.by);
    let by_quote = || error::passes(model, eni, direction, header, now);
    let by = if !alone && model.knows(eni, &tuple, header.tcp_flags, now) {
        Some(Pass::State)
    } else {
        by_rule.or_else(by_quote)
    };
    Ok(Passage {
        eni,
        direction,
        tuple,
        by: by.ok_or_else(|| refusal(model, eni, &question))?,
        is_remembered: !alone,
        tracked: admitted.map(|admitted| admitted.tracked),
    })
}

/// 6.3: who is far is told by the address on the way out, by the packet's identity on the way in.
fn ask(model: &Model, eni: Eni, direction: Direction, header: &Header, identity: Option<Eni>) -> Question {
    let egress = direction == Direction::Egress;
    let remote = if egress { header.dst } else { header.src };
    Question {
        egress,
        remote,
        far: if egress {
            model.world.owner(eni, remote)
        } else {
            identity
        },
        protocol: header.protocol,
        selector: header.selector,
    }
}

/// Why no rule admits it.
fn refusal(model: &Model, eni: Eni, question: &Question) -> Reason {
    if question.egress {
        Reason::NoEgressRule
    } else if question.far.is_none() && security_group::would_admit_member(&model.world, eni, question) {
        Reason::GroupReferenceLost
    } else {
        Reason::NoIngressRule
    }
}
