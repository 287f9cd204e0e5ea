//! The specification's conformance scenarios (docs/scenarios.md), on the reference model and the datapath on the host.

mod listed;
mod waiting;

use groundplane_tests::scenario::host::Host;
use groundplane_tests::scenario::{Scene, played};

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                played::$name(&mut Scene::new(Host::new()));
            }
        )*
    };
}

groundplane_tests::for_each_scenario!(tests);
groundplane_tests::for_each_gateway_scenario!(tests);
