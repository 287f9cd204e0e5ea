//! A NAT gateway's mappings.

use super::super::held::Held;
use super::super::world::{Eni, World};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// 10.4: "55 000 simultaneous mappings per NAT IPv4 per unique (destination IP, destination port, protocol)".
const MOST: usize = 55_000;

/// A connection as its client has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Client {
    pub(in super::super) nat: Eni,
    pub(in super::super) protocol: u8,
    pub(in super::super) address: IpAddr,
    pub(in super::super) port: u16,
    pub(in super::super) remote: IpAddr,
    pub(in super::super) remote_port: u16,
}

/// What a NAT gateway has put in the client's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Chosen {
    pub(in super::super) address: Ipv4Addr,
    pub(in super::super) port: u16,
}

/// Who is talked with, and from which of a NAT gateway's addresses: its ports are told apart for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Remote {
    nat: Eni,
    pub(in super::super) address: Ipv4Addr,
    protocol: u8,
    remote: IpAddr,
    remote_port: u16,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    client: Client,
    held: Held,
    /// No packet of it has come out yet, so nobody has seen which address and port it has.
    is_guess: bool,
}

/// All mappings of all NAT gateways.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Mappings {
    by_port: HashMap<Remote, HashMap<u16, Mapping>>,
    by_client: HashMap<Client, Chosen>,
}

impl Client {
    pub(super) fn remote_of(&self, address: Ipv4Addr) -> Remote {
        Remote {
            nat: self.nat,
            address,
            protocol: self.protocol,
            remote: self.remote,
            remote_port: self.remote_port,
        }
    }
}

impl Remote {
    pub(super) fn new(nat: Eni, protocol: u8, address: IpAddr, (remote, remote_port): (IpAddr, u16)) -> Option<Self> {
        let IpAddr::V4(address) = address else { return None };
        Some(Self {
            nat,
            address,
            protocol,
            remote,
            remote_port,
        })
    }
}

impl Mappings {
    /// What stands for a client's connection, as long as it lives and isn't over.
    pub(in super::super) fn of_client(
        &self,
        world: &World,
        client: &Client,
        tcp_flags: u8,
        now: Duration,
    ) -> Option<Chosen> {
        let chosen = *self.by_client.get(client)?;
        let mapping = self.mapping(&client.remote_of(chosen.address), chosen.port)?;
        let is_its = mapping.client == *client && world.interface(client.nat).has(chosen.address.into());
        let lives = mapping.held.is_live(now) && !mapping.held.is_succeeded_by(tcp_flags);
        (is_its && lives).then_some(chosen)
    }

    /// The client that a port stands for.
    pub(super) fn of_port(&self, world: &World, remote: &Remote, port: u16, now: Duration) -> Option<Client> {
        let mapping = self.mapping(remote, port)?;
        let is_its = world.interface(remote.nat).has(remote.address.into());
        (is_its && mapping.held.is_live(now)).then_some(mapping.client)
    }

    fn mapping(&self, remote: &Remote, port: u16) -> Option<&Mapping> {
        self.by_port.get(remote)?.get(&port)
    }

    pub(super) fn has_room(&self, remote: &Remote, now: Duration) -> bool {
        let Some(ports) = self.by_port.get(remote) else {
            return true;
        };
        ports.len() < MOST || ports.values().filter(|mapping| mapping.held.is_live(now)).count() < MOST
    }

    /// Whether nobody else has a port.
    pub(super) fn is_free(&self, remote: &Remote, port: u16, client: &Client, now: Duration) -> bool {
        let mapping = self.mapping(remote, port);
        mapping.is_none_or(|mapping| mapping.client == *client || !mapping.held.is_live(now))
    }

    /// A packet of a connection has passed.
    pub(in super::super) fn saw(
        &mut self,
        client: Client,
        chosen: Chosen,
        outward: bool,
        tcp_flags: u8,
        now: Duration,
    ) {
        let guessed = self.replace(&client, chosen).filter(|old| old.is_guess);
        let ports = self.by_port.entry(client.remote_of(chosen.address)).or_default();
        let fresh = guessed.unwrap_or(Mapping {
            client,
            held: Held::default(),
            is_guess: false,
        });
        let mapping = ports.entry(chosen.port).or_insert(fresh);
        let is_over = !mapping.held.is_live(now) || outward && mapping.held.is_succeeded_by(tcp_flags);
        if mapping.client != client || is_over {
            *mapping = Mapping {
                held: Held::default(),
                ..fresh
            };
        }
        mapping.is_guess = false;
        mapping.held.saw(outward, tcp_flags, now);
        self.by_client.insert(client, chosen);
    }

    /// What [`Self::saw`] was told last of a client was made up.
    pub(in super::super) fn guessed(&mut self, client: &Client) {
        if let Some(mapping) = self.of_client_mut(client) {
            mapping.is_guess = true;
        }
    }

    /// Whether what stands for a client is made up.
    pub(in super::super) fn is_guess(&self, client: &Client) -> bool {
        let chosen = self.by_client.get(client);
        let mapping = chosen.and_then(|chosen| self.mapping(&client.remote_of(chosen.address), chosen.port));
        mapping.is_some_and(|mapping| mapping.client == *client && mapping.is_guess)
    }

    fn of_client_mut(&mut self, client: &Client) -> Option<&mut Mapping> {
        let chosen = self.by_client.get(client)?;
        let ports = self.by_port.get_mut(&client.remote_of(chosen.address))?;
        ports.get_mut(&chosen.port).filter(|mapping| mapping.client == *client)
    }

    /// Takes out what stood for a client, if it is something else now.
    fn replace(&mut self, client: &Client, chosen: Chosen) -> Option<Mapping> {
        let old = *self.by_client.get(client)?;
        let ports = self.by_port.get_mut(&client.remote_of(old.address))?;
        let is_its = ports.get(&old.port).is_some_and(|mapping| mapping.client == *client);
        if old == chosen || !is_its {
            return None;
        }
        ports.remove(&old.port)
    }

    /// The mappings of NAT gateways that are gone go with them.
    pub(in super::super) fn retain(&mut self, is_there: impl Fn(Eni) -> bool) {
        self.by_port.retain(|remote, _| is_there(remote.nat));
        self.by_client.retain(|client, _| is_there(client.nat));
    }
}
