//! Which addresses of a VPC are whose (semantics 2.2, 3.4).

use super::subnet;
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::schema;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
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

/// The addresses of a VPC that are taken.
#[derive(Default)]
pub(super) struct Addresses<'a> {
    /// The last address and the owner of what is taken, by the first address. No two overlap.
    taken: BTreeMap<IpAddr, (IpAddr, &'a str)>,
    /// Below which address of a subnet nothing is free.
    next: HashMap<IpNet, IpAddr>,
}

impl<'a> Addresses<'a> {
    /// Takes an address that somebody chose.
    pub(super) fn choose<T: Into<IpAddr>>(
        &mut self,
        address: Spanned<T>,
        home: Home,
        instance: &'a str,
        problems: &mut Problems,
    ) {
        let span = address.span;
        let address = address.value.into();
        if let Some(block) = home.block(address.into()) {
            let (first, last) = assignable(block);
            let range = format!("choose one from {first} to {last}");
            let message = if !block.contains(&address) {
                Some(format!("{address} isn't in the subnet's block {block}"))
            } else if address < first || address > last {
                Some(format!(
                    "{address} is one of the five addresses of {block} that nobody may have"
                ))
            } else {
                None
            };
            if let Some(message) = message {
                problems.report(Problem::error(span, message).code("InvalidParameterValue").help(range));
            }
        }
        let help = "choose another address, or leave it out to get the lowest that is free";
        self.take((address, address), &address.to_string(), span, instance, help, problems);
    }

    /// Takes a prefix that is delegated to an instance.
    pub(super) fn delegate<T: Into<IpNet>>(
        &mut self,
        prefix: Spanned<T>,
        home: Home,
        instance: &'a str,
        problems: &mut Problems,
    ) {
        let span = prefix.span;
        let prefix = prefix.value.into();
        let len = match prefix {
            IpNet::V4(_) => 28,
            IpNet::V6(_) => 80,
        };
        let fault = |message: String, help: String, problems: &mut Problems| {
            problems.report(Problem::error(span, message).code("InvalidParameterValue").help(help));
        };
        if prefix.prefix_len() != len {
            let message = format!("a delegated prefix is a /{len}, this is a /{}", prefix.prefix_len());
            return fault(message, format!("write it as {}/{len}", prefix.network()), problems);
        }
        if let Some(block) = home.block(prefix) {
            let (first, last) = assignable(block);
            if !block.contains(&prefix) {
                let message = format!("{prefix} isn't in the subnet's block {block}");
                fault(message, format!("choose a /{len} out of {block}"), problems);
            } else if prefix.network() < first || prefix.broadcast() > last {
                let message = format!("{prefix} has addresses of {block} that nobody may have");
                fault(
                    message,
                    "not the first four of a subnet, and not its last one".to_owned(),
                    problems,
                );
            }
        }
        let range = (prefix.network(), prefix.broadcast());
        let help = "choose another prefix, of which no address is anybody's";
        self.take(range, &prefix.to_string(), span, instance, help, problems);
    }

    fn take(
        &mut self,
        (first, last): (IpAddr, IpAddr),
        what: &str,
        span: Span,
        instance: &'a str,
        help: &str,
        problems: &mut Problems,
    ) {
        let Some((_, other)) = self.taken_in(first, last) else {
            self.taken.insert(first, (last, instance));
            return;
        };
        let message = if first == last {
            format!("{what} is instance {}'s", quote(other))
        } else {
            format!("an address of {what} is instance {}'s", quote(other))
        };
        problems.report(Problem::error(span, message).code("InvalidIPAddress.InUse").help(help));
    }

    /// The last that is taken of some addresses: where it ends, and whose it is.
    fn taken_in(&self, first: IpAddr, last: IpAddr) -> Option<(IpAddr, &'a str)> {
        let (_, &(end, owner)) = self.taken.range(..=last).next_back()?;
        (end >= first).then_some((end, owner))
    }

    /// Takes the lowest address of a subnet that is free.
    pub(super) fn lowest_free(
        &mut self,
        block: IpNet,
        instance: Spanned<&'a str>,
        problems: &mut Problems,
    ) -> Option<IpAddr> {
        let (first, last) = assignable(block);
        let mut address = self.next.get(&block).copied().unwrap_or(first);
        // Whatever follows the last one, there is no address after the last of all.
        while address <= last
            && let Some((end, _)) = self.taken_in(address, address)
        {
            address = plus(end, 1);
        }
        if address > last {
            let message = format!("no address of {block} is free for instance {}", quote(instance.value));
            let help = "make the subnet larger, or move instances to another one";
            let problem = Problem::error(instance.span, message);
            problems.report(problem.code("InsufficientFreeAddressesInSubnet").help(help));
            return None;
        }
        self.next.insert(block, plus(address, 1));
        self.taken.insert(address, (address, instance.value));
        Some(address)
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
