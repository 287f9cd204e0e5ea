//! Connections that somebody ends.

use groundplane::install::kernel::{Connection, Family};
use groundplane_abi::flow::{FlowEntry, FlowKey, kind};
use groundplane_abi::{Ip4, Ip6, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::{Groups, Guest, Topology};
use std::net::IpAddr;

const CONNECTIONS: u16 = 100;

#[test]
fn a_connection_that_is_ended_leaves_nothing_and_others_go_on() {
    ended::<Ip4>("retire4", [map::ip4::FLOWS, map::ip4::EMBRYOS], |guest| guest.ip.into());
}

#[test]
fn a_connection_of_ipv6_that_is_ended_leaves_nothing_and_others_go_on() {
    ended::<Ip6>("retire6", [map::ip6::FLOWS, map::ip6::EMBRYOS], |guest| {
        guest.ip6.expect("everybody has an address of either family").into()
    });
}

/// A question of `web` or an answer of `db`, and whether it arrives.
fn arrives(kernel: &LoadedKernel, from: (Guest, IpAddr, u16), to: (IpAddr, u16)) -> bool {
    let (guest, address, port) = from;
    let packet = Packet::udp().from(guest.mac, address, port).to(ROUTER, to.0, to.1);
    let run = kernel.run(guest.device, &packet.build()).expect("the program runs");
    run.kind != kind::DROP
}

fn ended<I: Family>(name: &str, [flows, embryos]: [&str; 2], address: impl Fn(Guest) -> IpAddr)
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let mut kernel = LoadedKernel::load(name, 1_024).expect("the datapath loads");
    let mut topology = Topology::three_subnets();
    topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
    kernel.configure(&topology).expect("the topology is applied");
    let (web, db) = (topology.guest("web"), topology.guest("db"));
    let asks = |port| arrives(&kernel, (web, address(web), port), (address(db), 53));
    let answers = |port| arrives(&kernel, (db, address(db), 53), (address(web), port));
    for port in 1024..1024 + CONNECTIONS {
        assert!(asks(port) && answers(port), "port {port}");
    }

    let entries = kernel.entries::<I>(flows).expect("entries are read");
    let original = |entry: &&FlowEntry<I>| !entry.action.is_reply() && entry.key.src_port().get().is_multiple_of(2);
    let chosen: Vec<_> = entries.values().filter(original).map(Connection::from).collect();
    assert_eq!(chosen.len(), usize::from(CONNECTIONS / 2));
    let other = Connection {
        stamp: chosen[0].stamp + 1_000_000,
        ..chosen[0]
    };
    let again = kernel.open_again().expect("the datapath is there");
    let embryos_before = kernel.entries::<I>(embryos).expect("embryos are read").len();
    assert_eq!(again.retire(&chosen[1..]).expect("they are ended"), chosen.len() - 1);
    assert_eq!(again.retire(&chosen[1..]).expect("nobody is there"), 0);
    again.retire(&[other]).expect("another connection under this key stays");
    assert_eq!(
        kernel.entries::<I>(flows).expect("entries are read").len(),
        2 * (usize::from(CONNECTIONS) - chosen.len() + 1)
    );
    assert!(kernel.entries::<I>(embryos).expect("embryos are read").len() < embryos_before);
    for guest in [web, db] {
        let tracked = kernel.states().expect("states are read")[&guest.device].tracked;
        assert_eq!(
            usize::from(CONNECTIONS) - chosen.len() + 1,
            tracked as usize,
            "nobody is charged for what is gone"
        );
    }
    for port in (1024..1024 + CONNECTIONS).rev() {
        let stays = port % 2 == 1 || port == chosen[0].key.src_port().get();
        assert_eq!(answers(port), stays, "the answer to port {port}");
    }
}
