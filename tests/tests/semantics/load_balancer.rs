//! Semantics 13 and 14: what the datapath has once got wrong about load balancers and endpoints.

use groundplane_abi::{Device, DropReason, Mac};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Topology, address, all, tcp};
use groundplane_tests::twin::{Heard, Twin};
use std::time::Duration;

const P1: &str = "10.0.10.10";
const NODE: &str = "10.0.1.51";

/// T0 with a load balancer in VPC-A, whose only node is in A1, and the datapath it was compiled for.
struct Room {
    topology: Topology,
    twin: Twin,
}

/// Port 80 goes to a2 and a3 as instances, port 81 to their addresses, and port 53 by UDP, all in both zones.
fn balance(t0: &mut Topology) {
    t0.load_balancer("nlb", &[("A1", NODE)])
        .target_group("web", "instance", "TCP", 8080)
        .target_group("plain", "ip", "TCP", 8080)
        .target_group("dns", "ip", "UDP", 5353)
        .listener("nlb", "TCP", 80, "web")
        .listener("nlb", "TCP", 81, "plain")
        .listener("nlb", "UDP", 53, "dns")
        .within("APUB");
    for group in ["web", "plain", "dns"] {
        t0.target(group, "a2").target(group, "a1x");
    }
}

impl Room {
    fn with(change: impl FnOnce(&mut Topology)) -> Self {
        let mut topology = Topology::t0();
        balance(&mut topology);
        change(&mut topology);
        let twin = Twin::new(&topology);
        Self { topology, twin }
    }

    fn change(&mut self, change: impl FnOnce(&mut Topology)) {
        change(&mut self.topology);
        self.twin.configure(&self.topology);
    }

    /// A guest sends something to the router.
    fn send(&mut self, guest: &str, packet: Packet) -> Heard {
        let guest = self.topology.guest(guest);
        let frame = packet.from_mac(guest.mac).to_mac(ROUTER).build();
        self.twin.send(guest.device, &frame, false).0
    }

    /// Where a packet has arrived, and as what.
    fn arrived(&self, heard: &Heard) -> (&str, Parsed) {
        let Heard::Delivered { to, frame } = heard else {
            panic!("{heard:?}");
        };
        let id = self.topology.eni_on(*to).expect("a guest");
        let mut enis = self.topology.resources.network_interfaces.iter();
        let eni = enis.find(|eni| eni.network_interface_id == id).expect("an ENI");
        (&eni.name, Parsed::read(frame).expect("it is whole"))
    }
}

fn between(packet: Packet, from: (&str, u16), to: (&str, u16)) -> Packet {
    let [src, dst] = [from.0, to.0].map(address);
    packet.ip_from(src, from.1).ip_to(dst, to.1)
}

fn segment(flags: u8) -> Packet {
    Packet::tcp().flags(flags)
}

/// p1 opens a connection to a port of the node's, and whoever is chosen answers. Who it is.
fn opened(room: &mut Room, packet: &Packet, answer: Packet) -> String {
    let there = room.send("p1", packet.clone());
    let (target, seen) = room.arrived(&there);
    let target = target.to_owned();
    let answer = answer.ip_from(seen.dst.0, seen.ports.1).ip_to(seen.src.0, seen.ports.0);
    let back = room.send(&target, answer);
    assert_eq!(room.arrived(&back).0, "p1");
    target
}

fn open_tcp(room: &mut Room, port: u16) -> String {
    let syn = between(segment(flag::SYN), (P1, 4000), (NODE, port));
    opened(room, &syn, segment(flag::SYN | flag::ACK))
}

fn open_udp(room: &mut Room) -> String {
    let ask = between(Packet::udp(), (P1, 4000), (NODE, 53));
    opened(room, &ask, Packet::udp())
}

/// Nobody is behind them, and a frame that is switched to one would have to be routed: the router answers in their
/// place.
#[test]
fn a_neighbour_learns_the_routers_mac_address_of_a_node_and_of_an_endpoint() {
    let mut room = Room::with(|_| {});
    let a1 = room.topology.guest("a1");
    for eni in ["nlb-A1", "vpce-1-A1"] {
        let ip = room.topology.interface(eni).private_ip_addresses[0].octets();
        let asked = Packet::arp_request(a1.mac, a1.ip, ip).build();
        let (Heard::Answered(answer), _) = room.twin.send(a1.device, &asked, false) else {
            panic!("nobody answers for {eni}");
        };
        let answer = Parsed::read(&answer).expect("it is whole");
        assert_eq!(answer.source_mac, ROUTER, "{eni}");
    }
}

/// 13.8 and 7.2: groups are asked about what begins, and what is known goes on whatever they say by then.
#[test]
fn a_connection_goes_on_although_the_nodes_groups_let_nothing_more_out() {
    let mut room = Room::with(|t0| {
        t0.group("balancer", vec![all().from("0.0.0.0/0"), all().to("0.0.0.0/0")])
            .balancer_groups("nlb", &["balancer"]);
    });
    let target = open_tcp(&mut room, 80);
    room.change(|t0| {
        t0.group("balancer", vec![]);
    });
    let data = || between(segment(flag::ACK).payload(b"data"), (P1, 4000), (NODE, 80));
    let heard = room.send("p1", data());
    assert_eq!(room.arrived(&heard).0, target);
}

/// 13.2: "ICMP other than type 3 dropped". One that is not is asked for no rule.
#[test]
fn an_error_about_a_connection_needs_no_rule_of_the_nodes_groups() {
    let mut room = Room::with(|t0| {
        t0.group("balancer", vec![tcp(80).from("0.0.0.0/0"), tcp(8080).to("0.0.0.0/0")])
            .balancer_groups("nlb", &["balancer"]);
    });
    let target = open_tcp(&mut room, 80);
    let about = between(segment(flag::ACK), (NODE, 80), (P1, 4000));
    let error = between(Packet::icmp_error(3, 4, &about).mtu(1400), (P1, 0), (NODE, 0));
    let heard = room.send("p1", error);
    assert_eq!(room.arrived(&heard).0, target);
}

/// What begins anew, because its target has gone, begins: the groups are asked.
#[test]
fn what_begins_anew_with_another_target_is_asked_for_by_the_groups() {
    let mut room = Room::with(|t0| {
        t0.group("balancer", vec![all().from("0.0.0.0/0"), all().to("0.0.0.0/0")])
            .balancer_groups("nlb", &["balancer"]);
    });
    let target = open_udp(&mut room);
    room.change(|t0| {
        t0.group("balancer", vec![all().to("0.0.0.0/0")])
            .deregister("dns", &target);
    });
    let anew = room.send("p1", between(Packet::udp(), (P1, 4000), (NODE, 53)));
    assert_eq!(anew, Heard::Dropped(DropReason::GROUP_INGRESS));
}

/// 13.5: connection termination "can't be enabled for UDP", so an unhealthy target keeps its flows.
#[test]
fn an_unhealthy_target_keeps_its_flows_of_udp() {
    let mut room = Room::with(|_| {});
    let target = open_udp(&mut room);
    room.change(|t0| {
        t0.target_health("dns", &target, "unhealthy");
    });
    let more = room.send("p1", between(Packet::udp(), (P1, 4000), (NODE, 53)));
    assert_eq!(room.arrived(&more).0, target);
}

/// 13.6: "UDP idle 120 s fixed; next packet is a new flow". The old one is over, though its client's ENI remembers it.
#[test]
fn an_answer_to_a_flow_that_was_idle_for_too_long_finds_nobody() {
    let mut room = Room::with(|_| {});
    let ask = || between(Packet::udp(), ("10.0.1.10", 4000), ("10.0.1.70", 53));
    room.change(|t0| {
        t0.within("P1")
            .target_group("dns-P", "ip", "UDP", 5353)
            .listener("nlb-P", "UDP", 53, "dns-P")
            .target("dns-P", "t1")
            .within("APUB");
    });
    let first = room.send("a1", ask());
    let (_, seen) = room.arrived(&first);
    let answer = || {
        let answer = Packet::udp().ip_from(seen.dst.0, seen.ports.1);
        answer.ip_to(seen.src.0, seen.ports.0)
    };
    for _ in 0..2 {
        room.send("a1", ask());
        room.send("t1", answer());
    }
    room.twin.wait(Duration::from_secs(121));
    let anew = room.send("a1", ask());
    assert_ne!(room.arrived(&anew).1.ports.0, seen.ports.0, "another port");
    assert_eq!(room.send("t1", answer()), Heard::Dropped(DropReason::NO_LISTENER));
}

/// Whether an answer finds its way back must not depend on what else its target is registered with.
#[test]
fn answers_of_a_target_go_by_the_node_or_not_whatever_other_groups_it_is_in() {
    let answered = |is_elsewhere: bool| {
        let mut room = Room::with(|t0| {
            t0.deregister("dns", "a2").deregister("dns", "a1x");
            if is_elsewhere {
                t0.target("dns", "a2").target("dns", "a1x");
            }
        });
        let target = open_tcp(&mut room, 80);
        room.change(|t0| {
            t0.deregister("web", &target);
        });
        let own = room.topology.interface(&target).private_ip_addresses[0].to_string();
        let answer = between(segment(flag::ACK), (&own, 8080), (P1, 4000));
        let heard = room.send(&target, answer);
        match heard {
            Heard::Delivered { frame, .. } => Ok(Parsed::read(&frame).expect("it is whole").src),
            other => Err(other),
        }
    };
    assert_eq!(answered(true), answered(false));
}

/// Two nodes can't pass on the same client's port to a target that tells clients apart by nothing else.
#[test]
fn a_client_speaks_to_a_target_by_one_node_at_a_time() {
    let mut room = Room::with(|t0| {
        t0.load_balancer("other", &[("A2", "10.0.2.51")])
            .target_group("one", "ip", "UDP", 7007)
            .listener("nlb", "UDP", 7, "one")
            .listener("other", "UDP", 7, "one")
            .target("one", "a2")
            .within("APUB");
    });
    let ask = |node| between(Packet::udp(), (P1, 4000), (node, 7));
    room.send("p1", ask(NODE));
    assert_eq!(
        room.send("p1", ask("10.0.2.51")),
        Heard::Dropped(DropReason::BALANCER_PORTS_EXHAUSTED)
    );
}

/// 13.7: the agent takes the connection in the target's place, seen from an address of its own; what it answers comes
/// from the door that the client has spoken to.
#[test]
fn a_client_of_whom_targets_are_told_is_connected_to_the_agent() {
    let mut room = Room::with(|t0| {
        t0.group_attribute("web", "proxy_protocol_v2.enabled", "true")
            .group_attribute("targets-P", "proxy_protocol_v2.enabled", "true");
    });
    for (guest, from, door) in [("p1", P1, (NODE, 80)), ("a1", "10.0.1.10", ("10.0.1.70", 443))] {
        let ports = [4000, 4001].map(|port| {
            let syn = between(segment(flag::SYN), (from, port), door);
            let heard = room.send(guest, syn);
            let Heard::Delivered {
                to: Device::SERVICE,
                frame,
            } = heard
            else {
                panic!("{heard:?}");
            };
            let seen = Parsed::read(&frame).expect("it is whole");
            assert_eq!(seen.src.0, address("100.64.0.3"));
            let answer = segment(flag::SYN | flag::ACK)
                .ip_from(seen.dst.0, seen.ports.1)
                .ip_to(seen.src.0, seen.ports.0);
            let frame = answer.from_mac(Mac::SERVICE.0).to_mac(ROUTER).build();
            let (back, _) = room.twin.send(Device::SERVICE, &frame, false);
            let (who, got) = room.arrived(&back);
            assert_eq!(who, guest);
            assert_eq!((got.src.0, got.ports), (address(door.0), (door.1, port)));
            seen.ports.0
        });
        assert_ne!(ports[0], ports[1], "who is who can be told");
    }
    let stray = between(segment(flag::ACK), ("10.0.1.12", 8080), ("100.64.0.3", 5000));
    let frame = stray.from_mac(Mac::SERVICE.0).to_mac(ROUTER).build();
    let (heard, _) = room.twin.send(Device::SERVICE, &frame, false);
    assert_eq!(heard, Heard::Dropped(DropReason::NO_OWNER));
}
