//! Load balancers and PrivateLink with many of everything.

use groundplane::plan;
use groundplane::resources::{Allowance, InterfaceType};
use groundplane_abi::{Device, Mac};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Guest, Topology};
use groundplane_tests::twin::Heard;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const ENDPOINT: [u8; 4] = [10, 0, 1, 70];
const PORT: u16 = 443;

/// A provider with a service that has so many targets, `target1` and on.
fn provider(targets: u16) -> Topology {
    let mut topology = Topology::new();
    topology.vpc("provider", "10.0.0.0/16");
    topology.subnet("provider", "10.0.0.0/20");
    for target in 1..=targets {
        let [high, low] = (0x100 + target).to_be_bytes();
        topology.eni(&format!("target{target}"), &format!("10.0.{high}.{low}"));
    }
    topology
        .load_balancer("nlb", &[("provider", "10.0.8.50")])
        .target_group("targets", "ip", "TCP", PORT)
        .listener("nlb", "TCP", PORT, "targets")
        .endpoint_service("service", &["nlb"]);
    for target in 1..=targets {
        topology.target("targets", &format!("target{target}"));
    }
    topology
}

/// A VPC with the provider's block, a client, and an endpoint of the service.
fn consumer(topology: &mut Topology, name: &str) {
    topology.vpc(name, "10.0.0.0/16");
    topology
        .subnet(name, "10.0.1.0/24")
        .eni(name, "10.0.1.10")
        .endpoint(name, "service", &[(name, "10.0.1.70")]);
}

fn asked(client: Guest, port: u16) -> Packet {
    let packet = Packet::tcp().flags(flag::SYN).from(client.mac, client.ip, port);
    packet.to(ROUTER, ENDPOINT, PORT)
}

fn arrives(heard: Heard) -> (Device, Parsed) {
    match heard {
        Heard::Delivered { to, frame } => (to, Parsed::read(&frame).expect("a packet")),
        other => panic!("it doesn't arrive: {other:?}"),
    }
}

/// The answer to what has arrived at a target.
fn answered(arrived: &Parsed) -> Packet {
    let (src, dst) = (arrived.src, arrived.dst);
    Packet::tcp()
        .flags(flag::SYN | flag::ACK)
        .from(arrived.destination_mac, dst, arrived.ports.1)
        .to(ROUTER, src, arrived.ports.0)
}

#[test]
fn a_thousand_consumers_with_one_block_reach_one_service_and_nobody_else() {
    const CONSUMERS: usize = 1_000;
    let mut topology = provider(2);
    let names: Vec<_> = (0..CONSUMERS).map(|number| format!("c{number}")).collect();
    names.iter().for_each(|name| consumer(&mut topology, name));
    let mut kernel = LoadedKernel::load("consumers", 4_096).expect("the datapath loads");
    kernel.configure(&topology).expect("the topology is applied");
    let targets: BTreeSet<_> = ["target1", "target2"]
        .map(|name| topology.guest(name).device)
        .into_iter()
        .collect();
    let mut sources = BTreeSet::new();
    for name in &names {
        let client = topology.guest(name);
        // All of them the same addresses and ports.
        let heard = kernel.send(client.device, &asked(client, 40_000).build());
        let (target, arrived) = arrives(heard.expect("the program runs"));
        assert!(targets.contains(&target), "{name} reaches {target:?}");
        assert!(sources.insert((target, arrived.ports.0)), "{name} shares a port");
        let heard = kernel.send(target, &answered(&arrived).build());
        let (device, answer) = arrives(heard.expect("the program runs"));
        assert_eq!(device, client.device, "the answer to {name}");
        assert_eq!(IpAddr::from(answer.src), IpAddr::from(ENDPOINT));
    }
    // What isn't an answer goes nowhere, and the clients' own addresses are the provider's own there.
    let target = topology.guest("target1");
    let forged = Packet::tcp().flags(flag::ACK).from(target.mac, target.ip, PORT);
    for to in [[10, 0, 1, 10], ENDPOINT] {
        let heard = kernel.send(target.device, &forged.clone().to(ROUTER, to, 40_000).build());
        assert!(matches!(heard, Ok(Heard::Dropped(_))), "{heard:?}");
    }
}

#[test]
fn a_hundred_thousand_connections_pass_one_service_and_none_is_lost() {
    const CONNECTIONS: u32 = 100_000;
    let plenty = Allowance {
        connections: 1 << 20,
        first_packets: 1 << 20,
        first_packets_burst: 1 << 20,
    };
    let mut topology = provider(8);
    let clients = ["c0", "c1"];
    clients.iter().for_each(|name| consumer(&mut topology, name));
    let targets = (1..=8).map(|target| format!("target{target}"));
    for guest in targets.chain(clients.map(str::to_owned)) {
        topology.allowance(&guest, plenty);
    }
    let mut kernel = LoadedKernel::load("connections", 2 * CONNECTIONS + 4_096).expect("the datapath loads");
    kernel.configure(&topology).expect("the topology is applied");
    kernel.stop_clock(1 << 33).expect("the clock is set");
    let clients = clients.map(|name| topology.guest(name));
    let mut shares = BTreeMap::new();
    let mut chosen = Vec::new();
    for number in 0..CONNECTIONS {
        let client = clients[number as usize % 2];
        let port = u16::try_from(1_024 + number / 2).expect("few enough");
        let heard = kernel.send(client.device, &asked(client, port).build());
        let (target, arrived) = arrives(heard.expect("the program runs"));
        let heard = kernel.send(target, &answered(&arrived).build());
        assert_eq!(arrives(heard.expect("the program runs")).0, client.device);
        *shares.entry(target).or_insert(0_u32) += 1;
        chosen.push((client, port, target));
    }
    let even = CONNECTIONS / 8;
    println!("{shares:?} of {CONNECTIONS}, {even} would be even");
    assert!(
        shares.values().all(|share| share.abs_diff(even) * 10 <= even),
        "{shares:?}"
    );
    for (client, port, target) in chosen {
        let more = asked(client, port).flags(flag::ACK);
        let heard = kernel.send(client.device, &more.build());
        assert_eq!(arrives(heard.expect("the program runs")).0, target, "port {port}");
    }
}

#[test]
fn when_one_of_a_hundred_targets_goes_others_hardly_move_and_no_connection_does() {
    const FLOWS: u16 = 10_000;
    let mut topology = provider(100);
    consumer(&mut topology, "c0");
    topology.allowance(
        "c0",
        Allowance {
            connections: 1 << 20,
            first_packets: 1 << 20,
            first_packets_burst: 1 << 20,
        },
    );
    let client = topology.guest("c0");
    let target_of = |kernel: &LoadedKernel, port: u16, flags: u8| {
        let heard = kernel.send(client.device, &asked(client, port).flags(flags).build());
        arrives(heard.expect("the program runs"))
    };
    let mut kernel = LoadedKernel::load("departure", 65_536).expect("the datapath loads");
    kernel.configure(&topology).expect("the topology is applied");
    kernel.stop_clock(1 << 33).expect("the clock is set");
    let mut before = Vec::new();
    for port in 0..FLOWS {
        let (target, arrived) = target_of(&kernel, 20_000 + port, flag::SYN);
        // Every other one is answered, and so stands.
        if port % 2 == 0 {
            kernel
                .send(target, &answered(&arrived).build())
                .expect("the program runs");
        }
        before.push(target);
    }
    let gone = topology.guest("target50").device;
    topology.target_health("targets", "target50", "draining");
    kernel.configure(&topology).expect("the topology is applied");
    // Half-open ones are forgotten after a minute, and begin anew.
    let ticks = u64::from(kernel.ticks_per_second().expect("the clock is known"));
    kernel.stop_clock((1 << 33) + 200 * ticks).expect("the clock is set");
    let (mut moved, mut others) = (0, 0);
    for (port, target) in (0..FLOWS).zip(before) {
        if port % 2 == 0 {
            assert_eq!(
                target_of(&kernel, 20_000 + port, flag::ACK).0,
                target,
                "an open connection"
            );
        } else {
            let now = target_of(&kernel, 20_000 + port, flag::SYN).0;
            assert_ne!(now, gone);
            others += u32::from(target != gone);
            moved += u32::from(target != gone && now != target);
        }
    }
    println!("{moved} of {others} new flows of others go elsewhere");
    assert!(moved * 50 <= others, "{moved} of {others}");
}

/// What a packet leaves in the room where the next is judged is nothing to that one.
#[test]
fn clients_of_whom_a_target_is_told_reach_the_agent_among_its_own_packets() {
    const ALIAS: [u8; 4] = [100, 64, 1, 7];
    let mut topology = provider(1);
    topology.group_attribute("targets", "proxy_protocol_v2.enabled", "true");
    let names = ["c0", "c1"];
    names.iter().for_each(|name| consumer(&mut topology, name));
    let mut kernel = LoadedKernel::load("told", 1_024).expect("the datapath loads");
    kernel.configure(&topology).expect("the topology is applied");
    let target = topology.guest("target1");
    let devices = plan::devices(&topology.resources, &topology.bindings);
    let mut enis = topology.resources.network_interfaces.iter();
    let node = enis.find(|eni| eni.interface_type == InterfaceType::NetworkLoadBalancer);
    let node = devices[&node.expect("the balancer's").network_interface_id];
    kernel.set_alias(ALIAS, node, target.ip).expect("the alias is set");
    for port in 40_000..40_020 {
        for name in names {
            let client = topology.guest(name);
            let heard = kernel.send(client.device, &asked(client, port).build());
            let (agent, arrived) = arrives(heard.expect("the program runs"));
            assert_eq!(agent, Device::SERVICE);
            let answer = answered(&arrived).from_mac(Mac::SERVICE.0).to_mac(ROUTER);
            let heard = kernel.send(Device::SERVICE, &answer.build());
            assert_eq!(
                arrives(heard.expect("the program runs")).0,
                client.device,
                "{name} {port}"
            );
            let own = Packet::tcp()
                .flags(flag::SYN)
                .from(Mac::SERVICE.0, [100, 64, 0, 1], port);
            let heard = kernel.send(Device::SERVICE, &own.to(ROUTER, ALIAS, PORT).build());
            assert_eq!(
                arrives(heard.expect("the program runs")).0,
                target.device,
                "{name} {port}"
            );
        }
    }
}
