//! Which questions a probe asks: a few of each kind, chosen from the document, with the answers AWS would give.

use super::way::{self, Way, way};
use super::{admission, outside};
use crate::install::state::{GuestState, Place};
use crate::resources::{NetworkInterface, Resources};
use std::net::{IpAddr, Ipv4Addr};

/// Who takes part: an instance with its ENI and what was made for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'a> {
    pub(super) eni: &'a NetworkInterface,
    pub(super) guest: &'a GuestState,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) from: Source<'a>,
    pub(super) to: Target<'a>,
    pub(super) what: What,
    pub(super) expected: Expected<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Guest(Party<'a>),
    Host,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Guest(Party<'a>),
    /// An address of the host itself.
    Host(Ipv4Addr),
    /// The host as those find it who leave their VPC by it.
    Uplink(Ipv4Addr),
    /// A guest by its public address.
    Public(Party<'a>, Ipv4Addr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Ping,
    Ping6,
    Http,
    Stream,
    /// Packets with this source address, which is not the sender's.
    Spoof(Ipv4Addr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// What is asked in each family.
    const fn questions(self) -> &'static [What] {
        match self {
            Self::Ipv4 => &[What::Ping, What::Http, What::Stream],
            Self::Ipv6 => &[What::Ping6],
        }
    }
}

impl What {
    pub(super) const fn family(self) -> Family {
        match self {
            Self::Ping6 => Family::Ipv6,
            Self::Ping | Self::Http | Self::Stream | Self::Spoof(_) => Family::Ipv4,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Expected<'a> {
    /// This one answers, and the packets go this way.
    Answer(Party<'a>, Way<'a>),
    /// Whoever is asked answers, across such a gateway.
    Across(Gateway),
    /// The packets are dropped, and counted.
    Dropped,
    /// The same by a rule of a group or a network ACL; packets that would have gone this way.
    Refused(Way<'a>),
}

/// What a VPC is left by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gateway {
    Internet,
    Nat,
}

/// At most this many VPCs, and pairs of VPCs, are looked into.
const VPCS: usize = 4;
/// At most this many different ways in each VPC and family.
const WAYS: usize = 4;

impl<'a> Party<'a> {
    pub(super) fn address(&self) -> Ipv4Addr {
        self.guest.address
    }

    /// Its address in a family, if it has any there.
    pub(super) fn address_of(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::Ipv4 => Some(self.address().into()),
            Family::Ipv6 => self.eni.ipv6_addresses.first().copied().map(IpAddr::V6),
        }
    }

    /// The name people know it by.
    pub(super) fn identity(&self) -> String {
        format!("{}/{}", self.guest.vpc, self.guest.name)
    }

    pub(super) fn namespace(&self) -> Option<&'a str> {
        self.guest.place.namespace()
    }

    pub(super) fn is(&self, other: &Party<'_>) -> bool {
        self.eni.network_interface_id == other.eni.network_interface_id
    }

    /// Whether it passes on what isn't its own. An adopted namespace has its owner's settings, which may say no.
    pub(super) fn forwards(&self) -> bool {
        !self.eni.source_dest_check && matches!(self.guest.place, Place::Made { .. })
    }
}

/// Instances and their guests, in the order of the journal.
pub(super) fn parties<'a>(resources: &'a Resources, guests: &'a [GuestState]) -> Vec<Party<'a>> {
    let eni = |guest: &GuestState| {
        resources
            .network_interfaces
            .iter()
            .find(|eni| eni.network_interface_id == guest.eni_id)
    };
    guests
        .iter()
        .filter_map(|guest| eni(guest).map(|eni| Party { eni, guest }))
        .collect()
}

/// The host's own addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host<'a> {
    pub(super) addresses: &'a [Ipv4Addr],
    /// That of an uplink to the host.
    pub(super) uplink: Option<Ipv4Addr>,
}

/// The questions for a document.
pub(super) fn choose<'a>(resources: &'a Resources, parties: &[Party<'a>], host: Host<'_>) -> Vec<Case<'a>> {
    let mut vpcs: Vec<Vec<Party<'a>>> = Vec::new();
    for party in parties {
        match vpcs
            .iter_mut()
            .find(|vpc| vpc.iter().any(|other| other.eni.vpc_id == party.eni.vpc_id))
        {
            Some(vpc) => vpc.push(*party),
            None => vpcs.push(vec![*party]),
        }
    }
    vpcs.retain(|vpc| vpc.iter().any(|party| party.namespace().is_some()));
    vpcs.truncate(VPCS);
    let mut cases = Vec::new();
    for (vpc, family) in vpcs.iter().flat_map(|vpc| [(vpc, Family::Ipv4), (vpc, Family::Ipv6)]) {
        within(resources, vpc, family, &mut cases);
    }
    let pairs = vpcs.iter().flat_map(|from| vpcs.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| !std::ptr::eq(*from, *to))
        .for_each(|(from, to)| between(resources, from, to, &mut cases));
    if let Some(uplink) = host.uplink {
        vpcs.iter()
            .for_each(|vpc| outside::choose(resources, vpc, uplink, &mut cases));
    }
    vpcs.iter().for_each(|vpc| forbidden(resources, vpc, host, &mut cases));
    cases
}

/// One pair for each way that packets take in a VPC and each set of answers, and everything it can ask.
fn within<'a>(resources: &'a Resources, vpc: &[Party<'a>], family: Family, cases: &mut Vec<Case<'a>>) {
    let mut ways: Vec<(Way<'a>, Vec<Option<bool>>)> = Vec::new();
    for (from, to) in pairs(vpc) {
        let Some(way) = way(resources, vpc, (&from, &to), family) else {
            continue;
        };
        let asked = family.questions().iter().copied();
        let answers = asked
            .clone()
            .map(|what| is_answered(resources, vpc, (&from, &to), what));
        let answers: Vec<_> = answers.collect();
        let is_known = |(known, same): &(Way<'a>, _)| known.is_like(&way) && *same == answers;
        if ways.len() >= WAYS || ways.iter().any(is_known) {
            continue;
        }
        cases.extend(asked.zip(&answers).filter_map(|(what, answered)| {
            let expected = if (*answered)? {
                Expected::Answer(to, way)
            } else {
                Expected::Refused(way)
            };
            let (from, to) = (Source::Guest(from), Target::Guest(to));
            Some(Case {
                from,
                to,
                what,
                expected,
            })
        }));
        ways.push((way, answers));
    }
}

/// Whether a question is answered, if it can be told from the document.
fn is_answered<'a>(
    resources: &Resources,
    vpc: &[Party<'a>],
    pair: (&Party<'a>, &Party<'a>),
    what: What,
) -> Option<bool> {
    let (from, to) = pair;
    let there = way(resources, vpc, (from, to), what.family())?;
    let back = way(resources, vpc, (to, from), what.family())?;
    admission::is_answered(resources, pair, (&there, &back), what)
}

/// From one VPC to another: an address both have leads to one's own guest, an address only the other has to nobody.
fn between<'a>(resources: &'a Resources, from: &[Party<'a>], to: &[Party<'a>], cases: &mut Vec<Case<'a>>) {
    let Some(sender) = from.iter().find(|party| party.namespace().is_some()) else {
        return;
    };
    let own = |target: &Party<'_>| {
        from.iter()
            .find(|own| own.eni.private_ip_addresses.contains(&target.address()))
    };
    let shared = to.iter().find_map(|target| {
        let own = own(target).filter(|own| !own.is(sender) && own.namespace().is_some())?;
        let way = way(resources, from, (sender, own), Family::Ipv4)?;
        let answered = is_answered(resources, from, (sender, own), What::Http)?;
        answered.then_some((target, *own, way))
    });
    let mut ask = |to: &Party<'a>, what, expected| {
        cases.push(Case {
            from: Source::Guest(*sender),
            to: Target::Guest(*to),
            what,
            expected,
        });
    };
    if let Some((target, own, way)) = shared {
        ask(target, What::Http, Expected::Answer(own, way));
    }
    let foreign = to.iter().find(|target| own(target).is_none());
    if let Some(foreign) = foreign.filter(|target| !way::leads_elsewhere(resources, sender, target.address())) {
        ask(foreign, What::Ping, Expected::Dropped);
    }
}

/// What no guest and no host may do, once for each VPC.
fn forbidden<'a>(resources: &Resources, vpc: &[Party<'a>], host: Host<'_>, cases: &mut Vec<Case<'a>>) {
    let Some(guest) = vpc.iter().find(|party| party.namespace().is_some()) else {
        return;
    };
    let guests_own = |address: &Ipv4Addr| vpc.iter().any(|party| party.eni.private_ip_addresses.contains(address));
    let asked = host
        .addresses
        .iter()
        .find(|address| !guests_own(address) && host.uplink != Some(**address));
    if let Some(address) = asked {
        // Whoever has a way out may reach it by that.
        let is_shut_in = |party: &&Party<'_>| !way::leads_elsewhere(resources, party, *address);
        let guest = vpc.iter().filter(|party| party.namespace().is_some()).find(is_shut_in);
        cases.extend(guest.map(|guest| Case {
            from: Source::Guest(*guest),
            to: Target::Host(*address),
            what: What::Ping,
            expected: Expected::Dropped,
        }));
    }
    let to = Target::Guest(*guest);
    cases.push(Case {
        from: Source::Host,
        to,
        what: What::Ping,
        expected: Expected::Dropped,
    });
    let liar = pairs(vpc).find(|(from, _)| from.eni.source_dest_check);
    if let Some((from, to)) = liar {
        let third = vpc.iter().find(|party| !party.is(&from) && !party.is(&to));
        // With only two guests, an address of a block for documentation (RFC 5737).
        let source = third.map_or(Ipv4Addr::new(198, 51, 100, 7), Party::address);
        let (from, to) = (Source::Guest(from), Target::Guest(to));
        cases.push(Case {
            from,
            to,
            what: What::Spoof(source),
            expected: Expected::Dropped,
        });
    }
}

/// All ordered pairs that can be probed.
fn pairs<'a>(vpc: &[Party<'a>]) -> impl Iterator<Item = (Party<'a>, Party<'a>)> {
    let probed = || vpc.iter().filter(|party| party.namespace().is_some());
    probed()
        .flat_map(move |from| probed().map(|to| (*from, *to)))
        .filter(|(from, to)| !from.is(to))
}

#[cfg(test)]
mod tests;
