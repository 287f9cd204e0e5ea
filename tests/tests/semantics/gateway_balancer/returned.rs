//! What appliances send: what they have got, as it was, and what they answer the agent; nothing else passes.

use super::{CLIENT, COOKIE, HEADERS, NETWORK, PUBLIC, Room, between};
use groundplane::resources::RouteTarget;
use groundplane_abi::{Device, DropReason, Mac};
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::address;
use groundplane_tests::twin::Heard;

/// S97: what is altered is not the flow's.
#[test]
fn a_packet_with_another_header_or_another_flow_in_it_is_dropped() {
    let mut room = Room::with(|_| {});
    let heard = room.client(4000, flag::SYN);
    let got = room.inspected(heard);
    let mismatch = Heard::Dropped(DropReason::GENEVE_MISMATCH);
    for place in [
        42,
        43,
        44,
        NETWORK,
        49,
        50,
        53,
        57,
        65,
        69,
        COOKIE,
        COOKIE + 3,
        HEADERS + 13,
    ] {
        let mut altered = got.given_back();
        altered[place] ^= 1;
        assert_eq!(room.give_back(&got.appliance, &altered), mismatch, "byte {place}");
    }
    let other = if got.appliance == "i1" { "i2" } else { "i1" };
    let mut moved = got.given_back();
    moved[26..30].copy_from_slice(&room.topology.guest(other).ip);
    assert_eq!(room.give_back(other, &moved), mismatch);
    assert!(matches!(room.pass(&got), Heard::Delivered { .. }));
}

/// 16.3: "No IP fragmentation support", nor of a flow that has an appliance.
#[test]
fn fragments_pass_no_appliance_whatever_is_known_of_their_flow() {
    let mut room = Room::with(|_| {});
    let appliance = room.open(4000);
    let fragment = |offset: u16| between((CLIENT, 4000), (PUBLIC, 80), flag::ACK).fragment(7, offset, offset == 0);
    for offset in [0, 11] {
        let frame = fragment(offset).payload(&[7; 68]).build();
        let heard = room.twin.send(Device::INTERNET, &frame, false).0;
        assert_eq!(heard, Heard::Dropped(DropReason::GENEVE_FRAGMENT));
    }
    // What an appliance sends has neither fragments nor options.
    let heard = room.client(4000, flag::ACK);
    let got = room.inspected(heard);
    assert_eq!(got.appliance, appliance);
    let protocol = Heard::Dropped(DropReason::GENEVE_PROTOCOL);
    let mut cut = got.given_back();
    cut[20] = 0x20;
    repair(&mut cut);
    assert_eq!(room.give_back(&appliance, &cut), protocol);
    let mut with_options = got.given_back();
    with_options.splice(34..34, [1; 4]);
    with_options[14] = 0x46;
    with_options[17] += 4;
    repair(&mut with_options);
    assert_eq!(room.give_back(&appliance, &with_options), protocol);
    assert!(matches!(room.pass(&got), Heard::Delivered { .. }));
}

/// Writes the checksum of the IP header of a frame.
fn repair(frame: &mut [u8]) {
    let header = 14..14 + usize::from(frame[14] & 15) * 4;
    frame[24..26].fill(0);
    let sum = groundplane_tests::packet::checksum(&frame[header]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}

/// Whoever has one flow's cookie knows none of addresses with the same sum.
#[test]
fn a_packet_with_the_words_of_an_address_in_another_order_is_dropped() {
    let mut room = Room::with(|t0| {
        t0.within("A-GW")
            .subnet6("2001:db8:a:30::/64")
            .route_out("A-GW", "::/0", "igw-A");
        let endpoint = t0.resources.vpc_endpoints.last().expect("it is there");
        let target = RouteTarget::VpcEndpoint(endpoint.vpc_endpoint_id.clone());
        t0.edge_route_to("edge", "2001:db8:a:10::/64", target);
    });
    let [client, p1] = ["2001:db8:1:2:3:4:5:6", "2001:db8:a:10::10"].map(address);
    let packet = Packet::udp().ip_from(client, 4000).ip_to(p1, 80);
    let heard = room.twin.send(Device::INTERNET, &packet.build(), false).0;
    let got = room.inspected(heard);
    let mut forged = got.given_back();
    // The source's last eight bytes.
    forged[HEADERS + 16..HEADERS + 24].rotate_left(4);
    assert_eq!(
        room.give_back(&got.appliance, &forged),
        Heard::Dropped(DropReason::GENEVE_MISMATCH)
    );
    assert!(matches!(room.pass(&got), Heard::Delivered { .. }));
}

/// 16.3: health checks; nothing else that isn't GENEVE comes back to a node.
#[test]
fn the_agent_hears_what_an_appliance_answers_when_it_is_asked_whether_it_is_well() {
    const ALIAS: [u8; 4] = [100, 64, 0, 1];
    let mut room = Room::with(|_| {});
    let node = room.component("gwlb-I1");
    let i1 = room.topology.guest("i1");
    room.twin.set_alias(ALIAS, node, i1.ip);
    let asked = between(("100.64.0.2", 4000), ("100.64.0.1", 80), flag::SYN);
    let frame = asked.from_mac(Mac::SERVICE.0).to_mac(ROUTER).build();
    let got = match room.twin.send(Device::SERVICE, &frame, false).0 {
        Heard::Delivered { to, frame } if to == i1.device => Parsed::read(&frame).expect("it is whole"),
        heard => panic!("{heard:?}"),
    };
    assert_eq!(got.src.0, address("10.0.1.50"));
    let mut answer = |port: u16, flags: u8| {
        let packet = Packet::tcp()
            .flags(flags)
            .ip_from(i1.ip, port)
            .ip_to(got.src.0, got.ports.0);
        let frame = packet.from_mac(i1.mac).to_mac(ROUTER).build();
        room.twin.send(i1.device, &frame, false).0
    };
    let heard = answer(80, flag::SYN | flag::ACK);
    assert!(
        matches!(
            heard,
            Heard::Delivered {
                to: Device::SERVICE,
                ..
            }
        ),
        "{heard:?}"
    );
    assert_eq!(
        answer(81, flag::SYN | flag::ACK),
        Heard::Dropped(DropReason::GENEVE_PROTOCOL)
    );
}
