//! Semantics 16: what the datapath does to packets that go by way of an appliance.

mod returned;

use groundplane::plan;
use groundplane::resources::{InterfaceType, RouteTarget};
use groundplane_abi::{Device, DropReason};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Topology, address};
use groundplane_tests::twin::{Heard, Twin};
use std::time::Duration;

const CLIENT: &str = "198.51.100.9";
const PUBLIC: &str = "203.0.113.10";
const P1: &str = "10.0.10.10";
/// Ethernet, IPv4, UDP, GENEVE and its options.
const HEADERS: usize = 14 + 68;
/// Where the network identifier and the cookie stand in a frame.
const NETWORK: usize = 14 + 20 + 8 + 4;
const COOKIE: usize = HEADERS - 4;

/// T0 with an appliance VPC, whose load balancer has two appliances, and an endpoint in VPC-A through which everything
/// goes that p1 says to the internet and hears from it.
struct Room {
    topology: Topology,
    twin: Twin,
}

fn inspect(t0: &mut Topology) {
    t0.vpc("VPC-I", "10.0.0.0/16")
        .subnet("I1", "10.0.1.0/24")
        .eni("i1", "10.0.1.10")
        .eni("i2", "10.0.1.11")
        .load_balancer("gwlb", &[("I1", "10.0.1.50")])
        .target_group("appliances", "ip", "GENEVE", 6081)
        .target("appliances", "i1")
        .target("appliances", "i2")
        .listener("gwlb", "TCP", 1, "appliances")
        .endpoint_service("svc-I", &["gwlb"])
        .within("APUB")
        .subnet("A-GW", "10.0.30.0/24")
        .endpoint("g", "svc-I", &[("A-GW", "10.0.30.20")]);
    become_gateway(t0);
    let endpoint = t0.resources.vpc_endpoints.last().expect("it was just made");
    let target = RouteTarget::VpcEndpoint(endpoint.vpc_endpoint_id.clone());
    t0.route_out("A-GW", "0.0.0.0/0", "igw-A")
        .edge_table("edge", "igw-A")
        .edge_route_to("edge", "10.0.10.0/24", target.clone())
        .route_to("APUB", "0.0.0.0/0", target);
}

/// Makes a Gateway Load Balancer of the load balancer that was made last, and of all that leads to it.
fn become_gateway(t0: &mut Topology) {
    let all = &mut t0.resources;
    let balancer = all.load_balancers.last_mut().expect("it was just made");
    balancer.load_balancer_type = Some("gateway".to_owned());
    let listener = all.listeners.last_mut().expect("it was just made");
    (listener.port, listener.protocol) = (None, None);
    let service = all.vpc_endpoint_services.last_mut().expect("it was just made");
    service.gateway_load_balancer_arns = std::mem::take(&mut service.network_load_balancer_arns);
    let endpoint = all.vpc_endpoints.last_mut().expect("it was just made");
    endpoint.vpc_endpoint_type = Some("GatewayLoadBalancer".to_owned());
    endpoint.groups.clear();
    for eni in &mut all.network_interfaces {
        let becomes = match &*eni.name {
            "gwlb-I1" => InterfaceType::GatewayLoadBalancer,
            "g-A-GW" => InterfaceType::GatewayLoadBalancerEndpoint,
            _ => continue,
        };
        eni.interface_type = becomes;
        eni.groups.clear();
    }
}

/// What an appliance has got: who it is, and the frame.
#[derive(Clone)]
struct Inspected {
    appliance: String,
    frame: Vec<u8>,
}

impl Inspected {
    /// The packet inside, behind an Ethernet header.
    fn inside(&self) -> Parsed {
        let mut frame = self.frame[..14].to_vec();
        frame.extend_from_slice(&self.frame[HEADERS..]);
        Parsed::read(&frame).expect("it is whole")
    }

    /// The same between the appliance and the node the other way round.
    fn given_back(&self) -> Vec<u8> {
        let mut frame = self.frame.clone();
        frame[..12].rotate_left(6);
        frame[26..34].rotate_left(4);
        frame
    }
}

impl Room {
    fn with(change: impl FnOnce(&mut Topology)) -> Self {
        let mut topology = Topology::t0();
        inspect(&mut topology);
        change(&mut topology);
        let twin = Twin::new(&topology);
        Self { topology, twin }
    }

    fn change(&mut self, change: impl FnOnce(&mut Topology)) {
        change(&mut self.topology);
        self.twin.configure(&self.topology);
    }

    fn name(&self, device: Device) -> String {
        let id = self.topology.eni_on(device).expect("a guest");
        let mut enis = self.topology.resources.network_interfaces.iter();
        let eni = enis.find(|eni| eni.network_interface_id == id).expect("an ENI");
        eni.name.clone()
    }

    /// The number of an ENI without a guest.
    fn component(&self, name: &str) -> Device {
        let all = &self.topology.resources;
        let mut enis = all.network_interfaces.iter();
        let eni = enis.find(|eni| eni.name == name).expect("an ENI");
        plan::devices(all, &self.topology.bindings)[&eni.network_interface_id]
    }

    fn inspected(&self, heard: Heard) -> Inspected {
        let Heard::Delivered { to, frame } = heard else {
            panic!("{heard:?}");
        };
        Inspected {
            appliance: self.name(to),
            frame,
        }
    }

    /// A client on the internet sends to p1.
    fn client(&mut self, port: u16, flags: u8) -> Heard {
        let packet = between((CLIENT, port), (PUBLIC, 80), flags);
        self.twin.send(Device::INTERNET, &packet.build(), false).0
    }

    fn p1(&mut self, port: u16, flags: u8) -> Heard {
        let packet = between((P1, 80), (CLIENT, port), flags);
        let guest = self.topology.guest("p1");
        let frame = packet.from_mac(guest.mac).to_mac(ROUTER).build();
        self.twin.send(guest.device, &frame, false).0
    }

    /// An appliance sends a frame to its node.
    fn give_back(&mut self, appliance: &str, frame: &[u8]) -> Heard {
        let guest = self.topology.guest(appliance);
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&ROUTER);
        frame[6..12].copy_from_slice(&guest.mac);
        self.twin.send(guest.device, &frame, false).0
    }

    fn pass(&mut self, got: &Inspected) -> Heard {
        self.give_back(&got.appliance, &got.given_back())
    }

    /// A connection from a client's port to p1, as far as the first packet each way. The appliance.
    fn open(&mut self, port: u16) -> String {
        let there = self.client(port, flag::SYN);
        let there = self.inspected(there);
        let heard = self.pass(&there);
        assert!(
            matches!(heard, Heard::Delivered { to, .. } if self.name(to) == "p1"),
            "{heard:?}"
        );
        let back = self.p1(port, flag::SYN | flag::ACK);
        let back = self.inspected(back);
        assert_eq!(back.appliance, there.appliance);
        let heard = self.pass(&back);
        assert!(matches!(heard, Heard::Left(_)), "{heard:?}");
        there.appliance
    }
}

fn between(from: (&str, u16), to: (&str, u16), flags: u8) -> Packet {
    let [src, dst] = [from.0, to.0].map(address);
    Packet::tcp().flags(flags).ip_from(src, from.1).ip_to(dst, to.1)
}

/// S96, as the bytes say it.
#[test]
fn a_packet_from_the_internet_comes_to_an_appliance_as_it_would_have_arrived() {
    let mut room = Room::with(|_| {});
    let heard = room.client(4000, flag::SYN);
    let got = room.inspected(heard);
    let inside = got.inside();
    assert_eq!(inside.dst.0, address(P1));
    assert_eq!(inside.src.0, address(CLIENT));
    let outer = Parsed::read(&got.frame).expect("it is whole");
    assert_eq!(outer.src.0, address("10.0.1.50"));
    assert_eq!(outer.ports.1, 6081);
    assert!(outer.ports.0 >= 0xc000);
    assert_eq!(got.frame[42..46], [8, 0, 8, 0], "GENEVE, eight words of options, IPv4");
    assert_eq!(got.frame[NETWORK..NETWORK + 4], [0; 4]);
    let heard = room.pass(&got);
    let Heard::Delivered { to, frame } = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(room.name(to), "p1");
    assert_eq!(Parsed::read(&frame).expect("it is whole").src.0, address(CLIENT));
}

#[test]
fn both_directions_of_a_connection_have_one_appliance_and_connections_have_either() {
    let mut room = Room::with(|_| {});
    let appliances: std::collections::BTreeSet<_> = (4000..4032).map(|port| room.open(port)).collect();
    assert_eq!(appliances.len(), 2);
}

/// S98.
#[test]
fn after_350_idle_seconds_data_is_dropped_and_a_syn_passes() {
    let mut room = Room::with(|_| {});
    room.open(4000);
    room.twin.wait(Duration::from_secs(349));
    let heard = room.client(4000, flag::ACK);
    let got = room.inspected(heard);
    assert!(matches!(room.pass(&got), Heard::Delivered { .. }));
    room.twin.wait(Duration::from_secs(351));
    assert_eq!(
        room.client(4000, flag::ACK),
        Heard::Dropped(DropReason::GENEVE_NOT_OPEN)
    );
    room.open(4000);
}

/// 16.3: `no_rebalance`, and `rebalance`.
#[test]
fn a_flow_stays_with_an_appliance_that_is_gone_unless_it_rebalances() {
    for rebalances in [false, true] {
        let mut room = Room::with(|t0| {
            if rebalances {
                t0.group_attribute("appliances", "target_failover.on_unhealthy", "rebalance");
            }
        });
        let appliance = room.open(4000);
        let is_other = |it: &str| it != appliance;
        room.change(|t0| {
            t0.resources
                .target_groups
                .last_mut()
                .expect("it is there")
                .target_health_descriptions
                .clear();
            let other = if is_other("i1") { "i1" } else { "i2" };
            t0.target("appliances", other);
        });
        let heard = room.client(4000, flag::ACK);
        assert_eq!(is_other(&room.inspected(heard).appliance), rebalances);
        let heard = room.p1(4000, flag::ACK);
        assert_eq!(is_other(&room.inspected(heard).appliance), rebalances);
        for port in 5000..5008 {
            assert!(is_other(&room.open(port)), "new flows go to who is there");
        }
    }
}

#[test]
fn what_an_endpoint_does_not_take_is_dropped_without_a_word() {
    let mut room = Room::with(|_| {});
    room.change(|t0| {
        t0.endpoint_state("g", "pendingAcceptance");
    });
    let heard = room.client(4000, flag::SYN);
    assert_eq!(heard, Heard::Dropped(DropReason::ENDPOINT_NOT_AVAILABLE));
    room.change(|t0| {
        t0.endpoint_state("g", "available");
        t0.resources
            .target_groups
            .last_mut()
            .expect("it is there")
            .target_health_descriptions
            .clear();
    });
    assert_eq!(
        room.client(4000, flag::SYN),
        Heard::Dropped(DropReason::GENEVE_NO_TARGET)
    );
    let i1 = room.topology.guest("i1");
    let packet = Packet::udp().ip_from(i1.ip, 5000).ip_to(address("10.0.1.50"), 53);
    let frame = packet.from_mac(i1.mac).to_mac(ROUTER).build();
    let heard = room.twin.send(i1.device, &frame, false).0;
    assert_eq!(heard, Heard::Dropped(DropReason::GENEVE_PROTOCOL));
}
