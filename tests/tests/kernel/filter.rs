//! The filter in the kernel against the one on the host, over what comes by an uplink by chance.

use groundplane::simulate::{Capacity, Simulation, SliceFrame};
use groundplane_abi::DropReason;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::knock;
use groundplane_tests::twin::compile;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// An Ethernet header, which a test run insists on.
const SHORTEST: usize = 14;

#[test]
fn the_kernels_filter_and_the_hosts_drop_the_same_for_the_same_reasons() {
    let mut random = ChaCha8Rng::seed_from_u64(0x6770_0f12);
    let mut kernel = LoadedKernel::load("filter", 1024).expect("the datapath loads");
    let mut host = Simulation::new(Capacity::default());
    let mut expected: BTreeMap<DropReason, u64> = BTreeMap::new();
    for _ in 0..20 {
        let topology = knock::topology(&mut random);
        kernel.configure(&topology).expect("the topology is applied");
        host.apply(&compile(&topology));
        for _ in 0..1_000 {
            let frame = knock::frame(&mut random);
            if frame.len() < SHORTEST {
                continue;
            }
            let reason = host.filter(&SliceFrame::new(frame.clone()));
            let is_dropped = kernel.filter(&frame).expect("the program runs");
            assert_eq!(is_dropped, !reason.is_none(), "{reason}: {frame:02x?}");
            if is_dropped {
                *expected.entry(reason).or_default() += 1;
            }
        }
    }
    let counted = kernel.filtered().expect("the counters are read").into_iter();
    let counted: BTreeMap<_, _> = counted.map(|(reason, counter)| (reason, counter.packets)).collect();
    println!("{expected:?}");
    assert!(expected.len() >= 5, "{expected:?}");
    assert_eq!(counted, expected, "what the kernel has counted, and what was dropped");
}
