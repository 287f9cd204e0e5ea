//! Half-open flows: what is judged anew is no new flow, unless it was over.

use super::{VERSIONS, World};
use groundplane::resources::Allowance;
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Packet, flag};
use groundplane_tests::topology::{Groups, Topology};

/// Everything to `db` goes by way of `box`.
fn through_the_box(topology: &mut Topology) {
    topology
        .route_via("front", "10.0.2.0/24", "box")
        .route_via("front", "2001:db8:1:2::/64", "box");
}

impl World {
    fn syn(&self, port: u16) -> Packet {
        let syn = self.there("web", "db", Packet::tcp().flags(flag::SYN));
        syn.ip_from(self.ip("web"), port)
    }
}

#[test]
fn flow_that_is_led_another_way_is_no_new_one_until_it_is_over() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            let once_a_second = Allowance {
                first_packets: 1,
                first_packets_burst: 1,
                ..Allowance::default()
            };
            topology.groups("web", Groups::OUTBOUND).allowance("web", once_a_second);
        })
        .speaking(version);
        let (first, second) = (world.syn(1), world.syn(2));
        world.arrives("web", &first, "db");
        world.change(through_the_box);
        world.arrives("web", &first, "box");
        world.wait(61);
        world.arrives("web", &second, "box");
        world.is_dropped("web", &first, DropReason::FIRST_PACKET_ALLOWANCE);
    }
}
