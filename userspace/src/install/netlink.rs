//! A conversation with the kernel about devices, addresses and routes, in the network namespace of the thread that
//! opened it.

use crate::install::error::{Doing as _, Error, Result};
use futures_util::TryStreamExt as _;
use groundplane_abi::{Device, Mac};
use ipnet::Ipv4Net;
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use tokio::runtime::{Builder, Runtime};

/// What there is to know of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub alias: Option<String>,
    pub up: bool,
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

    pub fn set_up(&self, name: &str) -> Result<()> {
        let link = self.get(name)?;
        self.change(changed(&link).up().build(), || format!("set interface {name} up"))
    }

    pub fn add_address(&self, link: &Link, address: Ipv4Addr, prefix_len: u8) -> Result<()> {
        let request = self
            .handle
            .address()
            .add(link.index, address.into(), prefix_len)
            .execute();
        self.runtime
            .block_on(request)
            .doing(|| format!("add address {address}/{prefix_len}"))
    }

    pub fn add_route(&self, link: &Link, destination: Ipv4Net, gateway: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(destination.addr(), destination.prefix_len())
            .gateway(gateway)
            .output_interface(link.index)
            .build();
        let request = self.handle.route().add(route).execute();
        self.runtime
            .block_on(request)
            .doing(|| format!("add route {destination} via {gateway}"))
    }

    pub fn delete(&self, name: &str, link: &Link) -> Result<()> {
        let request = self.handle.link().del(link.index).execute();
        self.runtime
            .block_on(request)
            .doing(|| format!("delete interface {name}"))
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
                AddressAttribute::Address(std::net::IpAddr::V4(address)) => Some(*address),
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
        Self {
            index: message.header.index,
            alias,
            up: message.header.flags.contains(LinkFlags::Up),
        }
    }
}

fn changed(link: &Link) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_index(link.index)
}
