//! Targets that go, and connections that are forgotten (semantics 13.5, 13.6).

use super::{A2, NODE, P1, arrives_at, balanced, between, connected, data, reason, syn};
use crate::model::{Reason, Verdict};
use crate::packet::Packet;
use crate::topology::udp;

#[test]
fn s89_a_draining_target_keeps_its_connections_and_one_that_is_gone_doesnt() {
    let mut room = balanced();
    connected(&mut room);
    room.change(|t0| {
        t0.target_health("web", "a2", "draining");
    });
    let more = room.send("p1", data());
    assert!(arrives_at(&room, &more, "a2"));
    let new = room.send("p1", syn((P1, 4001), (NODE, 80)));
    assert_eq!(new, room.arriving("nlb-A1", Reason::NoTargetIsThere));
    room.change(|t0| {
        t0.deregister("web", "a2");
    });
    let cut = room.send("p1", data());
    assert_eq!(reason(&cut), Some(Reason::BalancerKnowsNoConnection));
    assert!(matches!(cut, Verdict::Refused { .. }));
}

#[test]
fn an_unhealthy_target_loses_its_connections_unless_it_is_told_to_keep_them_or_all_are() {
    let mut room = balanced();
    connected(&mut room);
    room.change(|t0| {
        t0.target_health("web", "a2", "unhealthy");
    });
    assert_eq!(
        reason(&room.send("p1", data())),
        Some(Reason::BalancerKnowsNoConnection)
    );
    let new = room.send("p1", syn((P1, 4001), (NODE, 80)));
    assert_eq!(new, room.arriving("nlb-A1", Reason::NoTargetIsThere));
    const KEY: &str = "target_health_state.unhealthy.connection_termination.enabled";
    room.change(|t0| {
        t0.group_attribute("web", KEY, "false");
    });
    let more = room.send("p1", data());
    assert!(arrives_at(&room, &more, "a2"));
    room.change(|t0| {
        t0.group_attribute("web", KEY, "true");
        t0.target_health("web", "a3", "unhealthy");
    });
    for packet in [data(), syn((P1, 4002), (NODE, 80))] {
        let open = room.send("p1", packet);
        assert!(arrives_at(&room, &open, "a2"));
    }
}

#[test]
fn idle_connections_are_forgotten_when_the_listener_says_so() {
    let mut room = balanced();
    connected(&mut room);
    room.wait(350);
    assert!(matches!(room.send("p1", data()), Verdict::Delivered { .. }));
    room.wait(351);
    assert!(matches!(room.send("p1", data()), Verdict::Refused { .. }));
    room.change(|t0| {
        t0.listener_idle("nlb", 80, 1000);
    });
    connected(&mut room);
    room.wait(1000);
    assert!(matches!(room.send("p1", data()), Verdict::Delivered { .. }));
}

#[test]
fn udp_is_forgotten_after_120_seconds_and_begins_anew() {
    let mut room = balanced();
    let ask = |to| between(Packet::udp(), (P1, 4000), to);
    let answer = |from| between(Packet::udp(), from, (P1, 4000));
    for _ in 0..2 {
        let came = room.send("p1", ask((NODE, 53)));
        assert_eq!(came, room.at("a2", ask((A2, 5353))));
        let came = room.send("a2", answer((A2, 5353)));
        assert_eq!(came, room.at("p1", answer((NODE, 53))));
        room.wait(121);
    }
    room.change(|t0| {
        t0.group("closed", vec![udp(1).from("0.0.0.0/0")])
            .in_groups("p1", &["closed"]);
    });
    let late = room.send("a2", answer((A2, 5353)));
    assert_eq!(late, room.arriving("p1", Reason::NoIngressRule));
}
