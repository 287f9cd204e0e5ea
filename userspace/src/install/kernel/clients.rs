//! Who the clients are whose connections the agent takes in their targets' place, as the datapath has noted it.

use super::Datapath;
use super::table::open;
use crate::install::error::Result;
use aya::maps::{HashMap, MapData};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Ip4, Port, map};
use std::net::SocketAddrV4;

/// The mappings of load balancers, to be asked.
#[derive(Debug)]
pub struct Clients(HashMap<MapData, FlowKey<Ip4>, BindingEntry<Ip4>>);

/// Who has opened a connection, by which door, and to which of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub door: Device,
    pub client: SocketAddrV4,
    pub listener: u16,
}

impl Datapath {
    pub fn clients(&self) -> Result<Clients> {
        open(&self.pins, map::ip4::BINDINGS).map(Clients)
    }
}

impl Clients {
    /// Who is seen as somebody by the agent, in the place of a target.
    #[must_use]
    pub fn find(&self, seen: SocketAddrV4, target: SocketAddrV4) -> Option<Client> {
        let answer = FlowKey::new(
            Device::SERVICE,
            protocol::TCP,
            Ip4::from(*target.ip()),
            Ip4::from(*seen.ip()),
            Port::new(target.port()),
            Port::new(seen.port()),
        );
        let becomes = self.0.get(&answer, 0).ok()?.becomes;
        let address = std::net::Ipv4Addr::from(becomes.dst().0);
        Some(Client {
            door: becomes.device(),
            client: SocketAddrV4::new(address, becomes.dst_port().get()),
            listener: becomes.src_port().get(),
        })
    }
}
