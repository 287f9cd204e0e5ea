//! The service port: an annex in which the agent itself speaks with guests. Whatever a guest's address is, and whoever
//! else has it, in there it is an *alias*, which the datapath makes what a load balancer's node, or a VPC link's
//! network interface, sends to the guest. So an ordinary socket reaches any tenant, as far as groups, NACLs and routes
//! let that one.
//!
//! It is there while there are targets to be looked after or told of clients, or integrations, also where no agent
//! runs.

use crate::health::{self, Charge, Subject};
use crate::herald::{self, Orders};
use crate::install::annex::{self, AnnexState, Purpose};
use crate::install::deployment::Deployment;
use crate::install::error::{Doing as _, Result};
use crate::install::guest::set;
use crate::install::kernel::Datapath;
use crate::install::names;
use crate::install::netlink::Netlink;
use crate::integration::{self, Hop};
use crate::plan::{self, Bindings};
use crate::splice::Splice;
use groundplane_abi::control::Settings;
use groundplane_abi::service::AliasEntry;
use groundplane_abi::{Device, Ip4, Mac};
use ipnet::{IpNet, Ipv4Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What the agent's sockets are seen as in there, and by nobody else.
const OWN: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The neighbour behind whom all aliases are, since the kernel has to be told one MAC for them.
const ROUTER: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 2);
/// Where aliases are: RFC 6598's addresses between a provider and its customers.
const BLOCK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
const BLOCK_LEN: u8 = 10;
/// The first alias, and how many there may be.
const FIRST: Ipv4Addr = Ipv4Addr::new(100, 64, 1, 0);
const ROOM: u32 = (1 << 22) - 256;

const REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";

pub(super) static SERVICE: Purpose = Purpose {
    name: "service port",
    end: "service",
    mac: Mac::SERVICE,
    named: names::service,
    attach: Datapath::attach_service,
    is_attached: Datapath::is_service,
    prepare: annex::needs_nothing,
    is_prepared: annex::is_as_made,
    settle,
    noted: |state| &mut state.service,
};

/// An own address, and one neighbour behind whom all aliases are.
fn settle() -> Result<()> {
    for device in ["all", SERVICE.end] {
        set(device, "ipv4", "forwarding", "0")?;
    }
    // The agent has few ports for each target. That of a connection that has ended is free again after a second, and
    // not after a minute; timestamps tell the two connections apart.
    std::fs::write(REUSE, "1").doing(|| format!("set {REUSE} to 1"))?;
    let netlink = Netlink::open()?;
    netlink.set_up(SERVICE.end)?;
    let end = netlink.get(SERVICE.end)?;
    netlink.add_address(&end, IpNet::from(IpAddr::V4(OWN)))?;
    netlink.set_neighbour(&end, ROUTER.into(), Mac::ROUTER)?;
    let aliases = Ipv4Net::new_assert(BLOCK, BLOCK_LEN).into();
    netlink.add_route(&end, aliases, ROUTER.into(), OWN.into(), true)?;
    // What comes for a target, in whose place the agent speaks to the client, is for its address.
    netlink.take_all_of(&end)
}

/// Where the datapath has it.
pub(super) fn told(settings: &mut Settings) -> &mut Device {
    &mut settings.service
}

/// Whether it is there, up, and runs the program.
pub(crate) fn is_whole(port: &AnnexState, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    port.is_whole(&SERVICE, datapath, netlink)
}

/// Whether there is anybody to be spoken with by it.
pub(super) fn is_needed(deployment: &Deployment) -> bool {
    let resources = &deployment.resources;
    let mut integrations = deployment.integrations.iter();
    herald::pairs(resources).next().is_some()
        || integrations.any(|one| integration::hops(resources, one).is_ok())
        || health::subjects(resources)
            .iter()
            .any(|subject| subject.address.is_ipv4())
}

/// What an alias stands for: the device of a component, and the address that is spoken with.
type Meaning = (Device, Ip4);

/// Who is to be spoken with by the service port.
#[derive(Debug, Default)]
pub struct Aliases {
    /// What each alias stands for, as the datapath has it.
    pub(super) entries: BTreeMap<Ip4, AliasEntry<Ip4>>,
    /// Whom the agent looks after. Who has no node that is there, or no address of IPv4, isn't among them.
    pub(crate) charges: Vec<Charge>,
    /// Where it lets processes of the host in. Those whose link carries nothing aren't among them.
    pub(crate) splices: Vec<Splice>,
    /// Whom it tells of clients. Who these are is for the datapath to say.
    pub(crate) orders: Orders,
}

impl Aliases {
    pub(super) fn of(deployment: &Deployment, bindings: &Bindings) -> Self {
        let resources = &deployment.resources;
        let devices = plan::devices(resources, bindings);
        let subjects = health::subjects(resources);
        let meaning = |subject: &Subject| match subject.address {
            IpAddr::V4(address) => Some((*devices.get(&subject.node)?, Ip4::from(address))),
            IpAddr::V6(_) => None,
        };
        let way = |hop: &Hop| {
            let device = *devices.get(&hop.network_interface_id)?;
            Some((device, Ip4::from(*hop.target.ip())))
        };
        let integrations = deployment.integrations.iter();
        let ways: Vec<_> = integrations
            .filter_map(|one| Some((one, integration::hops(resources, one).ok()?)))
            .collect();
        let hops = ways.iter().flat_map(|(_, hops)| hops);
        let pair = |(eni, address): (&str, Ipv4Addr)| Some((*devices.get(eni)?, Ip4::from(address)));
        let pairs = herald::pairs(resources).filter_map(pair);
        let meanings = subjects.iter().filter_map(meaning).chain(hops.filter_map(way));
        let given = give_out(meanings.chain(pairs));
        let entries = given.iter().map(|(&(from, address), &alias)| {
            let entry = AliasEntry { from, address };
            (Ip4::from(alias), entry)
        });
        let entries = entries.collect();
        let charges = subjects.into_iter().filter_map(|subject| {
            let alias = *given.get(&meaning(&subject)?)?;
            Some(Charge { subject, alias })
        });
        let behind = |hop: &Hop| Some(SocketAddr::from((*given.get(&way(hop)?)?, hop.target.port())));
        let splices = ways.iter().map(|(integration, hops)| Splice {
            name: integration.name.clone(),
            listen: integration.listen.clone(),
            behind: hops.iter().filter_map(behind).collect(),
            connections: integration.connections,
        });
        let mut orders = Orders::of(resources, &devices);
        if !orders.ports.is_empty() {
            orders.aliases.clone_from(&given);
        }
        Self {
            entries,
            orders,
            splices: splices.collect(),
            charges: charges.collect(),
        }
    }
}

/// An alias for each meaning. Each is a hash of it, so that it goes on to mean the same whatever comes or goes, for a
/// connection by it may still be known.
fn give_out(meanings: impl Iterator<Item = Meaning>) -> BTreeMap<Meaning, Ipv4Addr> {
    let sorted: BTreeSet<_> = meanings.collect();
    let mut taken = BTreeSet::new();
    let alias = |meaning: Meaning| {
        let first = hash(meaning) % ROOM;
        let mut places = (0..ROOM).map(|step| (first + step) % ROOM);
        let place = places.find(|place| taken.insert(*place))?;
        Some((meaning, Ipv4Addr::from(u32::from(FIRST) + place)))
    };
    sorted.into_iter().filter_map(alias).collect()
}

/// As for all numbers of the plan.
fn hash((device, address): Meaning) -> u32 {
    plan::fnv1a(device.0.to_be_bytes().into_iter().chain(address.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_goes_on_to_mean_the_same_when_others_come() {
        let meaning = |device: u32, last: u8| (Device(device), Ip4([10, 0, 0, last]));
        let few = give_out([meaning(1, 4), meaning(2, 4)].into_iter());
        let many = give_out((0..250).flat_map(|last| [meaning(1, last), meaning(2, last)]));
        assert_eq!(many.len(), 500);
        for (meaning, alias) in few {
            assert_eq!(many.get(&meaning), Some(&alias));
        }
        let block = Ipv4Net::new_assert(BLOCK, BLOCK_LEN);
        assert!(many.values().all(|alias| block.contains(alias) && *alias >= FIRST));
    }
}
