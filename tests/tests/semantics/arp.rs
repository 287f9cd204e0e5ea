//! Semantics 3.1: who is answered, and what.

use super::World;
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Packet, Parsed, ROUTER};
use groundplane_tests::twin::Heard;

#[track_caller]
fn is_answered(world: &mut World, request: &Packet, mac: [u8; 6]) {
    let Heard::Answered(frame) = world.send("web", request).0 else {
        panic!("no answer")
    };
    let web = world.topology.guest("web");
    let answer = Parsed::read(&frame).expect("a well-formed answer");
    assert_eq!((answer.source_mac, answer.destination_mac), (mac, web.mac));
    assert_eq!(answer.arp, Some((2, mac, web.mac)));
    let asked = Parsed::read(&request.build()).expect("a well-formed request");
    assert_eq!((answer.src, answer.dst), (asked.dst, asked.src));
}

#[test]
fn neighbours_and_the_router_are_answered_for() {
    let mut world = World::open();
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    is_answered(&mut world, &Packet::arp_request(web.mac, web.ip, web2.ip), web2.mac);
    is_answered(&mut world, &Packet::arp_request(web.mac, web.ip, [10, 0, 1, 1]), ROUTER);
    is_answered(&mut world, &Packet::arp_probe(web.mac, web2.ip), web2.mac);
}

#[test]
fn strangers_and_oneself_are_not_answered_for() {
    let mut world = World::open();
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    for address in [web.ip, db.ip, [10, 0, 1, 99], [10, 0, 2, 1], [10, 0, 0, 2]] {
        let request = Packet::arp_request(web.mac, web.ip, address);
        world.is_dropped("web", &request, DropReason::ARP_UNANSWERED);
    }
    world.is_dropped("web", &Packet::arp_probe(web.mac, web.ip), DropReason::ARP_UNANSWERED);
}

#[test]
fn spoofed_arp_has_its_reason() {
    let mut world = World::open();
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let as_another = Packet::arp_request(web.mac, web2.ip, web.ip);
    world.is_dropped("web", &as_another, DropReason::ARP_SPOOFED);
    let other_mac = Packet::arp_request(web2.mac, web.ip, web2.ip);
    world.is_dropped("web", &other_mac.clone().from_mac(web.mac), DropReason::ARP_SPOOFED);
    world.is_dropped("web", &other_mac, DropReason::SOURCE_MAC);
    let reply = Packet::arp_reply((web.mac, web.ip), (web2.mac, web2.ip));
    world.is_dropped("web", &reply, DropReason::ARP_INVALID);
}
