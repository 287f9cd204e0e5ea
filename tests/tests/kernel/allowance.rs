//! What no conversation is long enough for: allowances used up and a table that is full, in the kernel as on the host.

use groundplane::resources::Allowance;
use groundplane_abi::{Device, DropReason, map};
use groundplane_abi::{Ip4, Ip6};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::{Groups, Guest, Topology};
use groundplane_tests::twin::Heard;
use std::net::IpAddr;

const START: u64 = 1 << 33;

/// `web` may only open connections, `db` may only be asked: both track.
fn topology(allowance: Allowance) -> Topology {
    let mut topology = Topology::three_subnets();
    topology
        .groups("web", Groups::OUTBOUND)
        .groups("db", Groups::INBOUND)
        .allowance("web", allowance);
    topology
}

struct Room {
    kernel: LoadedKernel,
    web: Guest,
    db: Guest,
    version: u8,
}

impl Room {
    fn new(name: &str, flows: u32, allowance: Allowance) -> Self {
        let mut kernel = LoadedKernel::load(name, flows).expect("the datapath loads");
        let topology = topology(allowance);
        kernel.configure(&topology).expect("the topology is applied");
        kernel.stop_clock(START).expect("the clock is set");
        Self {
            kernel,
            web: topology.guest("web"),
            db: topology.guest("db"),
            version: 4,
        }
    }

    fn ip(&self, guest: Guest) -> IpAddr {
        match self.version {
            4 => guest.ip.into(),
            _ => guest.ip6.expect("everybody has an address of either family").into(),
        }
    }

    fn heard(&self, from: Device, packet: &Packet) -> DropReason {
        match self.kernel.send(from, &packet.build()).expect("the program runs") {
            Heard::Dropped(reason) => reason,
            _ => DropReason::NONE,
        }
    }

    fn say(&self, port: u16) -> DropReason {
        let packet = Packet::tcp()
            .flags(flag::SYN)
            .from(self.web.mac, self.ip(self.web), port);
        self.heard(self.web.device, &packet.to(ROUTER, self.ip(self.db), 80))
    }

    fn answer(&self, port: u16) -> DropReason {
        let packet = Packet::tcp().from(self.db.mac, self.ip(self.db), 80);
        self.heard(self.db.device, &packet.to(ROUTER, self.ip(self.web), port))
    }

    fn tracked(&self) -> [u64; 2] {
        let states = self.kernel.states().expect("states are read");
        [self.web, self.db].map(|guest| states[&guest.device].tracked)
    }
}

#[test]
fn connections_and_first_packets_are_refused_beyond_their_allowance() {
    let allowance = Allowance {
        connections: 3,
        first_packets: 10,
        first_packets_burst: 5,
    };
    let mut room = Room::new("allowance", 1_024, allowance);
    let second = u64::from(room.kernel.ticks_per_second().expect("the clock is known"));
    for (turn, version) in [(0, 4), (1, 6)] {
        room.version = version;
        // A pause after which all of the burst is there, and nothing of the other version.
        room.kernel.forget().expect("the tables can be emptied");
        room.kernel
            .stop_clock(START + turn * 60 * second)
            .expect("the clock is set");
        for port in 1..=5 {
            assert_eq!(room.say(port), DropReason::NONE, "{port}");
        }
        assert_eq!(room.say(6), DropReason::FIRST_PACKET_ALLOWANCE);
        for port in 1..=3 {
            assert_eq!(room.answer(port), DropReason::NONE, "{port}");
        }
        assert_eq!(room.tracked(), [3, 3]);
        assert_eq!(room.answer(4), DropReason::CONNECTION_ALLOWANCE);
        assert_eq!(room.tracked(), [3, 3], "all or nothing");
        room.kernel
            .stop_clock(START + turn * 60 * second + second)
            .expect("the clock is set");
        assert_eq!(room.say(7), DropReason::CONNECTION_ALLOWANCE);
        assert_eq!(room.answer(3), DropReason::NONE, "what stands is not touched");
    }
}

#[test]
fn full_table_refuses_what_must_be_tracked_and_loses_nothing_that_stands() {
    const FLOWS: u32 = 64;
    let mut room = Room::new("full", FLOWS, Allowance::default());
    for version in [4, 6] {
        room.version = version;
        let mut ports = 1..;
        // The kernel's table holds as many as it says, and a few more that its cores have taken for themselves.
        let full = ports.by_ref().take(4 * FLOWS as usize).find(|port| {
            assert_eq!(room.say(*port), DropReason::NONE);
            room.answer(*port) == DropReason::FLOW_TABLE_FULL
        });
        let full = full.expect("the table is full some time");
        let entries = match version {
            4 => room
                .kernel
                .entries::<Ip4>(map::ip4::FLOWS)
                .expect("entries are read")
                .len(),
            _ => room
                .kernel
                .entries::<Ip6>(map::ip6::FLOWS)
                .expect("entries are read")
                .len(),
        };
        assert_eq!(entries, 2 * usize::from(full - 1), "pairs, and nothing else");
        assert!(entries >= FLOWS as usize - 2, "{entries} entries");
        for port in 1..full {
            assert_eq!(room.answer(port), DropReason::NONE, "connection {port}");
        }
        assert_eq!(room.answer(full), DropReason::FLOW_TABLE_FULL);
    }
    let live = room.tracked();
    assert_eq!(live[0], live[1], "what was refused is charged to nobody");
}
