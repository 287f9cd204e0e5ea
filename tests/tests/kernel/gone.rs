//! What is left of an ENI that is gone.

use groundplane_abi::flow::kind;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::Topology;

/// A device's number doesn't come again, so that tables with rows for those that are gone would fill up.
#[test]
fn counters_of_an_eni_that_is_gone_are_there_for_one_change_more() {
    let mut kernel = LoadedKernel::load("gone", 1_024).expect("the datapath loads");
    let mut topology = Topology::three_subnets();
    kernel.configure(&topology).expect("the topology is applied");
    let gone = topology.guest("web2");
    let nowhere = Packet::udp().from(gone.mac, gone.ip, 1).to(ROUTER, [203, 0, 113, 1], 2);
    let run = kernel.run(gone.device, &nowhere.build()).expect("the program runs");
    assert_eq!(run.kind, kind::DROP);

    let id = topology.interface("web2").network_interface_id.clone();
    topology.bindings.remove(&id);
    let enis = &mut topology.resources.network_interfaces;
    enis.retain(|eni| eni.network_interface_id != id);
    let knows = |kernel: &LoadedKernel| {
        let states = kernel.states().expect("states are read").contains_key(&gone.device);
        let drops = kernel.drops().expect("drops are read");
        assert_eq!(drops.keys().any(|key| key.device == gone.device), states);
        states
    };
    kernel.configure(&topology).expect("the topology is applied");
    assert!(knows(&kernel), "what it did last can still be asked");
    kernel.configure(&topology).expect("the topology is applied");
    assert!(!knows(&kernel), "nobody asks any more");
}
