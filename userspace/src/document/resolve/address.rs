//! Which addresses of a VPC are whose (semantics 2.2, 3.4).

use super::subnet;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::schema;
use crate::resources::Subnet;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The blocks an instance takes its addresses from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Home {
    /// `None` if there is none, or if it is wrong; likewise below.
    pub(super) ipv4: Option<IpNet>,
    pub(super) ipv6: Option<IpNet>,
    /// Whether the subnet has no IPv6 block for certain.
    without_ipv6: bool,
}

impl Home {
    /// A block of a wrong length has been reported, and has no addresses of the usual kind.
    pub(super) fn of(found: &schema::Subnet<'_>) -> Self {
        let usable = || {
            subnet::blocks(found)
                .map(|block| block.value)
                .filter(|&block| subnet::has_usable_length(block))
        };
        Self {
            ipv4: usable().find(|block| matches!(block, IpNet::V4(_))),
            ipv6: usable().find(|block| matches!(block, IpNet::V6(_))),
            without_ipv6: found.ipv6_cidr_block.is_missing(),
        }
    }

    /// The blocks of a subnet that has been resolved.
    pub(super) fn of_subnet(subnet: &Subnet) -> Self {
        let usable = |block: IpNet| Some(block).filter(|block| subnet::has_usable_length(*block));
        Self {
            ipv4: usable(IpNet::V4(subnet.cidr_block)),
            ipv6: subnet.ipv6_cidr_block.and_then(|block| usable(IpNet::V6(block))),
            without_ipv6: subnet.ipv6_cidr_block.is_none(),
        }
    }

    fn block(&self, of: IpNet) -> Option<IpNet> {
        match of {
            IpNet::V4(_) => self.ipv4,
            IpNet::V6(_) => self.ipv6,
        }
    }

    /// Says that there are no IPv6 addresses to be had, if that is certain.
    pub(super) fn check_ipv6(&self, span: Span, problems: &mut Problems) {
        if self.without_ipv6 {
            let message = "the instance's subnet has no IPv6 block";
            let problem = Problem::error(span, message).code("InvalidParameterValue");
            problems.report(problem.help("give the subnet an Ipv6CidrBlock out of its VPC's"));
        }
    }
}

/// Who has an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
}

impl<'a> Owner<'a> {
    pub(super) fn instance(name: &'a str) -> Self {
        let kind = "instance";
        Self { kind, name }
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, quote(self.name))
    }
}

/// Why somebody can't have an address.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    message: String,
    help: String,
}

impl Refusal {
    fn invalid(message: String, help: String) -> Self {
        let code = "InvalidParameterValue";
        Self { code, message, help }
    }

    pub(super) fn at(self, span: Span) -> Problem {
        Problem::error(span, self.message).code(self.code).help(self.help)
    }
}

/// The addresses of a VPC that are taken.
#[derive(Debug, Default)]
pub(super) struct Addresses<'a> {
    /// The last address and the owner of what is taken, by the first address. No two overlap.
    taken: BTreeMap<IpAddr, (IpAddr, Owner<'a>)>,
    /// What nobody gets without choosing it.
    reserved: Vec<IpNet>,
    /// Below which address of a subnet nothing is free.
    next: HashMap<IpNet, IpAddr>,
}

impl<'a> Addresses<'a> {
    /// Keeps addresses back from those who choose none.
    pub(super) fn reserve(&mut self, block: IpNet) {
        self.reserved.push(block);
    }

    /// Takes what somebody has, or says nothing if somebody else has it, which has been reported.
    pub(super) fn note(&mut self, block: IpNet, owner: Owner<'a>) {
        _ = self.take((block.network(), block.broadcast()), &"", owner, "");
    }

    /// Takes an address that somebody chose; the reasons why it can't be had, if there are any.
    pub(super) fn choose(&mut self, address: impl Into<IpAddr>, home: Home, owner: Owner<'a>) -> Vec<Refusal> {
        let address = address.into();
        let unfit = home.block(address.into()).and_then(|block| {
            let (first, last) = assignable(block);
            let message = if !block.contains(&address) {
                format!("{address} isn't in the subnet's block {block}")
            } else if address < first || address > last {
                format!("{address} is one of the five addresses of {block} that nobody may have")
            } else {
                return None;
            };
            Some(Refusal::invalid(message, format!("choose one from {first} to {last}")))
        });
        let help = "choose another address, or leave it out to get the lowest that is free";
        let taken = self.take((address, address), &address, owner, help);
        unfit.into_iter().chain(taken.err()).collect()
    }

    /// Takes a prefix that is delegated to somebody; the reasons why it can't be had, if there are any.
    pub(super) fn delegate(&mut self, prefix: impl Into<IpNet>, home: Home, owner: Owner<'a>) -> Vec<Refusal> {
        let prefix = prefix.into();
        let len = match prefix {
            IpNet::V4(_) => 28,
            IpNet::V6(_) => 80,
        };
        if prefix.prefix_len() != len {
            let message = format!("a delegated prefix is a /{len}, this is a /{}", prefix.prefix_len());
            let help = format!("write it as {}/{len}", prefix.network());
            return vec![Refusal::invalid(message, help)];
        }
        let unfit = home.block(prefix).and_then(|block| {
            let (first, last) = assignable(block);
            if !block.contains(&prefix) {
                let message = format!("{prefix} isn't in the subnet's block {block}");
                return Some(Refusal::invalid(message, format!("choose a /{len} out of {block}")));
            }
            let is_unfit = prefix.network() < first || prefix.broadcast() > last;
            let message = format!("{prefix} has addresses of {block} that nobody may have");
            let help = "not the first four of a subnet, and not its last one".to_owned();
            is_unfit.then(|| Refusal::invalid(message, help))
        });
        let range = (prefix.network(), prefix.broadcast());
        let help = "choose another prefix, of which no address is anybody's";
        let taken = self.take(range, &prefix, owner, help);
        unfit.into_iter().chain(taken.err()).collect()
    }

    fn take(
        &mut self,
        (first, last): (IpAddr, IpAddr),
        what: &dyn fmt::Display,
        owner: Owner<'a>,
        help: &str,
    ) -> Result<(), Refusal> {
        let Some((_, other)) = self.taken_in(first, last) else {
            self.taken.insert(first, (last, owner));
            return Ok(());
        };
        let message = if first == last {
            format!("{what} is {other}'s")
        } else {
            format!("an address of {what} is {other}'s")
        };
        Err(Refusal {
            code: "InvalidIPAddress.InUse",
            message,
            help: help.to_owned(),
        })
    }

    /// The last that is taken of some addresses: where it ends, and whose it is.
    fn taken_in(&self, first: IpAddr, last: IpAddr) -> Option<(IpAddr, Owner<'a>)> {
        let (_, &(end, owner)) = self.taken.range(..=last).next_back()?;
        (end >= first).then_some((end, owner))
    }

    /// Where what begins at an address or before it and isn't free ends.
    fn end_of_unfree(&self, address: IpAddr) -> Option<IpAddr> {
        let taken = self.taken_in(address, address).map(|(end, _)| end);
        let reserved = || self.reserved.iter().find(|block| block.contains(&address));
        taken.or_else(|| reserved().map(IpNet::broadcast))
    }

    /// Takes the lowest address of a subnet that is free.
    pub(super) fn lowest_free(&mut self, block: IpNet, owner: Owner<'a>) -> Result<IpAddr, Refusal> {
        let (first, last) = assignable(block);
        let mut address = self.next.get(&block).copied().unwrap_or(first);
        // Whatever follows the last one, there is no address after the last of all.
        while address <= last
            && let Some(end) = self.end_of_unfree(address)
        {
            address = plus(end, 1);
        }
        if address > last {
            return Err(Refusal {
                code: "InsufficientFreeAddressesInSubnet",
                message: format!("no address of {block} is free for {owner}"),
                help: "make the subnet larger, or move instances to another one".to_owned(),
            });
        }
        self.next.insert(block, plus(address, 1));
        self.taken.insert(address, (address, owner));
        Ok(address)
    }
}

/// The first and the last address of a subnet that an ENI can have: not the first four and not the last.
fn assignable(block: IpNet) -> (IpAddr, IpAddr) {
    let last = match block.broadcast() {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).saturating_sub(1)).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).saturating_sub(1)).into(),
    };
    (plus(block.network(), 4), last)
}

/// So many addresses on, as far as there are any.
fn plus(address: IpAddr, count: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).saturating_add(count.into())).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).saturating_add(count.into())).into(),
    }
}
