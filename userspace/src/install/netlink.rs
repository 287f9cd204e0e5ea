//! A conversation with the kernel about devices, addresses and routes, in the network namespace of the thread that
//! opened it.

mod route;

pub use route::{End, Route};

use crate::install::error::{Doing as _, Error, Result};
use futures_util::TryStreamExt as _;
use groundplane_abi::{Device, Mac};
use ipnet::IpNet;
use netlink_packet_route::address::{AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage, LinkXdp};
use rtnetlink::{AddressMessageBuilder, Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;
use tokio::runtime::{Builder, Runtime};

/// What there is to know of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub alias: Option<String>,
    pub up: bool,
    /// None of a device whose address isn't that of Ethernet.
    pub mac: Option<Mac>,
    /// The XDP program that its driver runs, and the one that the kernel runs for it, by their numbers.
    pub native_xdp: Option<u32>,
    pub generic_xdp: Option<u32>,
}

/// Both ends of a veth pair that is to be made.
#[derive(Debug)]
pub struct Veth<'a> {
    pub host: &'a str,
    pub host_mac: Mac,
    pub guest: &'a str,
    pub guest_mac: Mac,
    pub guest_namespace: &'a File,
    pub mtu: u32,
}

/// Calls wait for their answer: what is done here is a short sequence in which every step needs the one before.
pub struct Netlink {
    runtime: Runtime,
    handle: Handle,
}

impl fmt::Debug for Netlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

impl Netlink {
    pub fn open() -> Result<Self> {
        let open = || -> io::Result<Self> {
            let runtime = Builder::new_current_thread().enable_io().build()?;
            let handle = runtime.block_on(async {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                tokio::spawn(connection);
                io::Result::Ok(handle)
            })?;
            Ok(Self { runtime, handle })
        };
        open().doing(|| "open a netlink socket".to_owned())
    }

    /// The device with this name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<Link>> {
        let mut answers = self.handle.link().get().match_name(name).execute();
        match self.runtime.block_on(answers.try_next()) {
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => Ok(None),
            Err(error) => Err(error).doing(|| format!("look for interface {name}")),
            Ok(message) => Ok(message.map(|message| Link::from(&message))),
        }
    }

    /// The device with this number, whatever its name is by now.
    pub fn find_index(&self, index: u32) -> Result<Option<Link>> {
        let mut answers = self.handle.link().get().match_index(index).execute();
        match self.runtime.block_on(answers.try_next()) {
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => Ok(None),
            Err(error) => Err(error).doing(|| format!("look for interface number {index}")),
            Ok(message) => Ok(message.map(|message| Link::from(&message))),
        }
    }

    /// All devices by name.
    pub fn links(&self) -> Result<BTreeMap<String, Link>> {
        let answers = self.handle.link().get().execute();
        let found: Vec<_> = self
            .runtime
            .block_on(answers.try_collect())
            .doing(|| "list interfaces".to_owned())?;
        let named = found.iter().map(Link::from);
        Ok(named.map(|link| (link.name.clone(), link)).collect())
    }

    pub fn get(&self, name: &str) -> Result<Link> {
        self.find(name)?.ok_or_else(|| Error::DeviceMissing(name.to_owned()))
    }

    /// Makes a veth pair, both ends down, the guest's end at once inside its namespace.
    pub fn add_veth(&self, veth: &Veth<'_>) -> Result<()> {
        let guest = LinkMessageBuilder::<LinkUnspec>::new()
            .name(veth.guest)
            .mtu(veth.mtu)
            .address(veth.guest_mac.0.to_vec())
            .setns_by_fd(veth.guest_namespace.as_raw_fd())
            .build();
        let host = LinkVeth::new(veth.host, veth.guest)
            .mtu(veth.mtu)
            .address(veth.host_mac.0.to_vec())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(guest)))
            .build();
        let made = self.runtime.block_on(self.handle.link().add(host).execute());
        made.doing(|| format!("make veth pair {} and {}", veth.host, veth.guest))
    }

    pub fn set_alias(&self, link: &Link, alias: &str) -> Result<()> {
        self.change(changed(link).alias(alias).build(), || {
            format!("write the alias {alias}")
        })
    }

    pub fn set_mac_and_mtu(&self, link: &Link, mac: Mac, mtu: u32) -> Result<()> {
        let message = changed(link).address(mac.0.to_vec()).mtu(mtu).build();
        self.change(message, || format!("set MAC {mac} and MTU {mtu}"))
    }

    pub fn set_mac(&self, link: &Link, mac: Mac) -> Result<()> {
        let message = changed(link).address(mac.0.to_vec()).build();
        self.change(message, || format!("set MAC {mac}"))
    }

    pub fn set_up(&self, name: &str) -> Result<()> {
        let link = self.get(name)?;
        self.change(changed(&link).up().build(), || format!("set interface {name} up"))
    }

    /// The same for one by which no neighbour is ever asked for.
    pub fn set_up_without_arp(&self, name: &str) -> Result<()> {
        let link = self.get(name)?;
        let message = changed(&link).arp(false).up().build();
        self.change(message, || format!("set interface {name} up without ARP"))
    }

    /// Makes an end carry packets whose other end has just come up. The kernel has one queue for that, of all its
    /// namespaces, and goes through a hundred or two in a second (`MAX_DO_DEV_PER_LOOP`); until then the end drops what is
    /// sent by it, half a minute long where somebody makes two thousand pairs. Who asks for an end by its name has it seen
    /// to at once (`linkwatch_sync_dev` in `rtnl_getlink`, since Linux 6.8; older ones let it wait for its turn).
    pub fn wake(&self, name: &str) -> Result<()> {
        self.find(name).map(drop)
    }

    pub fn set_down(&self, link: &Link) -> Result<()> {
        let what = || format!("set interface {} down", link.name);
        self.change(changed(link).down().build(), what)
    }

    /// Gives a device another name, which works while it is up.
    pub fn rename(&self, link: &Link, name: &str) -> Result<()> {
        self.change(changed(link).name(name).build(), || format!("call an interface {name}"))
    }

    /// Adds an address, and the route to the block that its length stands for; one that is there stays. The platform
    /// knows who has which address, so the kernel need not ask around for others who have it.
    pub fn add_address(&self, link: &Link, address: IpNet) -> Result<()> {
        let mut request = self
            .handle
            .address()
            .add(link.index, address.addr(), address.prefix_len());
        if address.addr().is_ipv6() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        let added = self.runtime.block_on(request.execute());
        unless(added, libc::EEXIST).doing(|| format!("add address {address}"))
    }

    /// Removes an address; one that isn't there is no error.
    pub fn delete_address(&self, link: &Link, address: IpNet) -> Result<()> {
        let handle = self.handle.address();
        let message = address_message(link, address);
        let deleted = self.runtime.block_on(handle.del(message).execute());
        unless(deleted, libc::EADDRNOTAVAIL).doing(|| format!("delete address {address}"))
    }

    /// Makes a router the way to everywhere, in the place of the one before it.
    pub fn set_default_route(&self, link: &Link, router: IpAddr) -> Result<()> {
        let route = match router {
            IpAddr::V4(router) => RouteMessageBuilder::<Ipv4Addr>::new()
                .gateway(router)
                .output_interface(link.index)
                .build(),
            IpAddr::V6(router) => RouteMessageBuilder::<Ipv6Addr>::new()
                .gateway(router)
                .output_interface(link.index)
                .build(),
        };
        let request = self.handle.route().add(route).replace().execute();
        self.runtime
            .block_on(request)
            .doing(|| format!("set the default route via {router}"))
    }

    /// Deletes a device; one that isn't there is no error, since a namespace that goes takes its devices some time
    /// later.
    pub fn delete(&self, link: &Link) -> Result<()> {
        let request = self.handle.link().del(link.index).execute();
        let deleted = self.runtime.block_on(request);
        unless(deleted, libc::ENODEV).doing(|| format!("delete interface {}", link.name))
    }

    /// The IPv4 addresses of this namespace.
    pub fn addresses(&self) -> Result<Vec<Ipv4Addr>> {
        use netlink_packet_route::address::AddressAttribute;
        let answers = self.handle.address().get().execute();
        let messages: Vec<_> = self
            .runtime
            .block_on(answers.try_collect())
            .doing(|| "list addresses".to_owned())?;
        let attributes = messages.iter().flat_map(|message| &message.attributes);
        Ok(attributes
            .filter_map(|attribute| match attribute {
                AddressAttribute::Address(IpAddr::V4(address)) => Some(*address),
                _ => None,
            })
            .collect())
    }

    fn change(&self, message: LinkMessage, what: impl FnOnce() -> String) -> Result<()> {
        self.runtime
            .block_on(self.handle.link().set(message).execute())
            .doing(what)
    }
}

impl Link {
    /// Whether it runs an XDP program.
    pub const fn has_xdp(&self) -> bool {
        self.native_xdp.is_some() || self.generic_xdp.is_some()
    }

    /// The device as a key of the tables.
    pub fn device(&self, name: &str) -> Result<Device> {
        match Device(self.index) {
            device if device <= Device::MAX => Ok(device),
            _ => Err(Error::DeviceIndex {
                device: name.to_owned(),
                index: self.index,
            }),
        }
    }
}

impl From<&LinkMessage> for Link {
    fn from(message: &LinkMessage) -> Self {
        let alias = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfAlias(alias) => Some(alias.clone()),
            _ => None,
        });
        let name = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        });
        let mac = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(address) => Some(Mac(address.as_slice().try_into().ok()?)),
            _ => None,
        });
        let xdp = message.attributes.iter().filter_map(|attribute| match attribute {
            LinkAttribute::Xdp(xdp) => Some(xdp),
            _ => None,
        });
        let xdp: Vec<_> = xdp.flatten().collect();
        Self {
            native_xdp: xdp.iter().find_map(|xdp| match xdp {
                LinkXdp::DrvProgId(id) => Some(*id),
                _ => None,
            }),
            generic_xdp: xdp.iter().find_map(|xdp| match xdp {
                LinkXdp::SkbProgId(id) => Some(*id),
                _ => None,
            }),
            index: message.header.index,
            // The kernel tells every device's name.
            name: name.unwrap_or_default(),
            alias,
            mac,
            up: message.header.flags.contains(LinkFlags::Up),
        }
    }
}

fn address_message(link: &Link, address: IpNet) -> AddressMessage {
    match address {
        IpNet::V4(net) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(link.index)
            .address(net.addr(), net.prefix_len())
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<Ipv6Addr>::new()
            .index(link.index)
            .address(net.addr(), net.prefix_len())
            .build(),
    }
}

/// What came of a request, where one answer means that it was so already.
fn unless(
    result: std::result::Result<(), rtnetlink::Error>,
    so_already: i32,
) -> std::result::Result<(), rtnetlink::Error> {
    match result {
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -so_already => Ok(()),
        other => other,
    }
}

fn changed(link: &Link) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_index(link.index)
}
