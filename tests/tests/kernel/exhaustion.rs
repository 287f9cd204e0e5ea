//! As many connections through one address of a NAT gateway as it can have, and more.

use groundplane::resources::Allowance;
use groundplane_abi::DropReason;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::Heard;

const FLOWS: u32 = 4_096;
/// Semantics 10.4.
const MAPPINGS: u32 = 55_000;
const TRIED: u32 = 60_000;
const X: [u8; 4] = [198, 51, 100, 7];

#[test]
fn an_address_has_55_000_mappings_to_a_destination_and_others_to_others() {
    let mut kernel = LoadedKernel::load("exhaustion", FLOWS).expect("the datapath loads");
    let mut topology = Topology::t0();
    topology.route_out("A1", "0.0.0.0/0", "nat-A");
    let plenty = Allowance {
        connections: 1 << 20,
        first_packets: 1 << 20,
        first_packets_burst: 1 << 20,
    };
    topology.allowance("a1", plenty).allowance("a1x", plenty);
    kernel.configure(&topology).expect("the topology is applied");
    kernel.stop_clock(1 << 33).expect("the clock is set");
    let [first, second] = ["a1", "a1x"].map(|name| topology.guest(name));
    let (mut left, mut exhausted) = (0, 0);
    for number in 0..TRIED {
        // More than one client has ports.
        let guest = if number % 2 == 0 { first } else { second };
        let client = u16::try_from(1_000 + number / 2).expect("few enough");
        let packet = Packet::udp().from(guest.mac, guest.ip, client).to(ROUTER, X, 443);
        match kernel.send(guest.device, &packet.build()).expect("the program runs") {
            Heard::Left(_) => left += 1,
            Heard::Dropped(DropReason::NAT_PORTS_EXHAUSTED) => exhausted += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    println!("{left} of {TRIED} left, {exhausted} found no port");
    assert!(left <= MAPPINGS, "{left} is too many");
    // One address in a thousand times a thousand may have had bad luck with its probes.
    assert!(left >= MAPPINGS - 60, "{left} is too few");
    assert_eq!(left + exhausted, TRIED);
    for port in [444, 445] {
        let packet = Packet::udp().from(first.mac, first.ip, 1_000).to(ROUTER, X, port);
        let heard = kernel.send(first.device, &packet.build()).expect("the program runs");
        assert!(matches!(heard, Heard::Left(_)), "to another port: {heard:?}");
    }
    let dropped = kernel.drops().expect("drops are read");
    let counted: u64 = dropped
        .iter()
        .filter(|(key, _)| key.reason == DropReason::NAT_PORTS_EXHAUSTED)
        .map(|(_, counter)| counter.packets)
        .sum();
    assert_eq!(counted, u64::from(exhausted), "each is counted");
}
