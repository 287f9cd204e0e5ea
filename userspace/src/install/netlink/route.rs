//! Addresses, neighbours and routes of a link to the host.

use super::{Link, Netlink, address_message, unless};
use crate::install::error::{Doing as _, Result};
use futures_util::TryStreamExt as _;
use groundplane_abi::Mac;
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressScope};
use netlink_packet_route::link::{InfoData, InfoVeth};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::RuleAction;
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub block: IpNet,
    /// The number of the device it leads out of, if it is one.
    pub device: Option<u32>,
    pub gateway: Option<IpAddr>,
    /// The address that packets of the host itself have.
    pub source: Option<IpAddr>,
    /// Whether a router has advertised it.
    pub is_advertised: bool,
}

/// One end of a pair that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    pub name: &'a str,
    pub mac: Mac,
}

impl Netlink {
    /// Makes a veth pair inside this namespace, both ends down.
    pub fn add_pair(&self, ours: End<'_>, theirs: End<'_>, mtu: u32) -> Result<()> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(theirs.name)
            .mtu(mtu)
            .address(theirs.mac.0.to_vec())
            .build();
        let pair = LinkVeth::new(ours.name, theirs.name)
            .mtu(mtu)
            .address(ours.mac.0.to_vec())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        let made = self.runtime.block_on(self.handle.link().add(pair).execute());
        made.doing(|| format!("make veth pair {} and {}", ours.name, theirs.name))
    }

    /// Every address of this namespace with the number of its device.
    pub fn all_addresses(&self) -> Result<Vec<(u32, IpAddr)>> {
        let answers = self.handle.address().get().execute();
        let messages: Vec<_> = self
            .runtime
            .block_on(answers.try_collect())
            .doing(|| "list addresses".to_owned())?;
        let mut all = Vec::new();
        for message in messages {
            // The address of a device with a peer is the local one; the other is its peer's.
            let local = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(address) => Some(*address),
                _ => None,
            });
            let address = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            });
            all.extend(local.or(address).map(|address| (message.header.index, address)));
        }
        Ok(all)
    }

    /// Adds an address that the host is known by on this device, and nowhere else; one that is there stays.
    pub fn add_own_address(&self, link: &Link, address: IpAddr) -> Result<()> {
        let net = IpNet::from(address);
        let mut message = address_message(link, net);
        message.header.scope = match address {
            // Of this scope, it isn't chosen for packets that leave by other devices.
            IpAddr::V4(_) => AddressScope::Link,
            IpAddr::V6(_) => AddressScope::Universe,
        };
        message.header.flags |= AddressHeaderFlags::Nodad;
        let mut request = self.handle.address().add(link.index, net.addr(), net.prefix_len());
        *request.message_mut() = message;
        let added = self.runtime.block_on(request.execute());
        unless(added, libc::EEXIST).doing(|| format!("add address {address} to interface {}", link.name))
    }

    /// Tells the kernel for good which MAC a neighbour has, so that it need not ask.
    pub fn set_neighbour(&self, link: &Link, address: IpAddr, mac: Mac) -> Result<()> {
        let request = self.handle.neighbours().add(link.index, address).replace();
        let request = request.link_layer_address(&mac.0).execute();
        let set = self.runtime.block_on(request);
        set.doing(|| format!("set neighbour {address} of interface {}", link.name))
    }

    /// All routes of the main table.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let mut routes = Vec::new();
        for message in [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ] {
            let answers = self.handle.route().get(message).execute();
            let messages: Vec<_> = self
                .runtime
                .block_on(answers.try_collect())
                .doing(|| "list routes".to_owned())?;
            routes.extend(
                messages
                    .iter()
                    .filter(|message| is_of_main_table(message))
                    .map(Route::from),
            );
        }
        Ok(routes)
    }

    /// Leads a block by way of a gateway that is a neighbour on this device although no address says so. `again` tells
    /// that there is a route of ours to it already.
    pub fn add_route(&self, link: &Link, block: IpNet, gateway: IpAddr, source: IpAddr, again: bool) -> Result<()> {
        let what = || format!("add a route to {block} by interface {}", link.name);
        let Some(route) = route(link, block, Some((gateway, source))) else {
            return Ok(());
        };
        let request = self.handle.route().add(route);
        let request = if again { request.replace() } else { request };
        self.runtime.block_on(request.execute()).doing(what)
    }

    /// Takes everything of IPv4 that comes in by this device for this namespace's own.
    pub fn take_all_of(&self, link: &Link) -> Result<()> {
        /// A table of its own, since the namespace's other packets are to leave.
        const TABLE: u32 = 100;
        let what = || format!("take what comes in by interface {}", link.name);
        self.set_up("lo")?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .table_id(TABLE)
            .kind(RouteType::Local)
            .scope(RouteScope::Host)
            .output_interface(self.get("lo")?.index)
            .build();
        let request = self.handle.route().add(route).replace().execute();
        self.runtime.block_on(request).doing(what)?;
        let rule = self.handle.rule().add().v4();
        let rule = rule
            .input_interface(&link.name)
            .table_id(TABLE)
            .action(RuleAction::ToTable);
        let added = self.runtime.block_on(rule.execute());
        unless(added, libc::EEXIST).doing(what)
    }

    /// Leads everything of IPv4 out of this device, as if all of it were its neighbours. What is larger than this
    /// becomes fragments, whatever anybody says of a path.
    pub fn set_only_route(&self, link: &Link, mtu: u32) -> Result<()> {
        /// The number of `RTAX_MTU` of linux/rtnetlink.h, by which it is locked.
        const MTU: u32 = 2;
        let mut route = RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(link.index)
            .scope(RouteScope::Link)
            .build();
        let metrics = vec![RouteMetric::Lock(1 << MTU), RouteMetric::Mtu(mtu)];
        route.attributes.push(RouteAttribute::Metrics(metrics));
        let request = self.handle.route().add(route).replace().execute();
        let set = self.runtime.block_on(request);
        set.doing(|| format!("lead everything out of interface {}", link.name))
    }

    /// Removes a route that leads out of this device; one that isn't there is no error.
    pub fn delete_route(&self, link: &Link, block: IpNet) -> Result<()> {
        let Some(route) = route(link, block, None) else {
            return Ok(());
        };
        let deleted = self.runtime.block_on(self.handle.route().del(route).execute());
        unless(deleted, libc::ESRCH).doing(|| format!("delete the route to {block} by interface {}", link.name))
    }
}

/// A route as the kernel is told of it; none if its parts are of different families.
fn route(link: &Link, block: IpNet, via: Option<(IpAddr, IpAddr)>) -> Option<RouteMessage> {
    match (block, via) {
        (IpNet::V4(block), via) => {
            let route = RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(block.addr(), block.prefix_len())
                .output_interface(link.index);
            Some(match via {
                None => route.build(),
                Some((IpAddr::V4(gateway), IpAddr::V4(source))) => {
                    route.gateway(gateway).pref_source(source).onlink().build()
                }
                Some(_) => return None,
            })
        }
        (IpNet::V6(block), via) => {
            let route = RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(block.addr(), block.prefix_len())
                .output_interface(link.index);
            Some(match via {
                None => route.build(),
                Some((IpAddr::V6(gateway), IpAddr::V6(source))) => {
                    route.gateway(gateway).pref_source(source).onlink().build()
                }
                Some(_) => return None,
            })
        }
    }
}

fn is_of_main_table(message: &RouteMessage) -> bool {
    let table = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let table = table.unwrap_or_else(|| u32::from(message.header.table));
    let kinds = [
        RouteType::Local,
        RouteType::Multicast,
        RouteType::Broadcast,
        RouteType::Anycast,
    ];
    table == u32::from(RouteHeader::RT_TABLE_MAIN) && !kinds.contains(&message.header.kind)
}

impl From<&RouteMessage> for Route {
    fn from(message: &RouteMessage) -> Self {
        let address = |found: &RouteAddress| match found {
            RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
            RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
            _ => None,
        };
        let everywhere = match message.header.address_family {
            netlink_packet_route::AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let (mut destination, mut device, mut gateway, mut source) = (everywhere, None, None, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(found) => destination = address(found).unwrap_or(everywhere),
                RouteAttribute::Oif(index) => device = Some(*index),
                RouteAttribute::Gateway(found) => gateway = address(found),
                RouteAttribute::PrefSource(found) => source = address(found),
                _ => {}
            }
        }
        let block = IpNet::new(destination, message.header.destination_prefix_length);
        Self {
            // The kernel tells no length that its family doesn't have.
            block: block.unwrap_or_else(|_| IpNet::from(destination)),
            device,
            gateway,
            source,
            is_advertised: message.header.protocol == RouteProtocol::Ra,
        }
    }
}
