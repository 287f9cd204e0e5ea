//! The specification's conformance scenarios (docs/scenarios.md), with real sockets between namespaces.

use groundplane_tests::scenario::namespaces::Namespaces;
use groundplane_tests::scenario::{Scene, played};

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let stage = Namespaces::new().expect("namespaces can be made");
                played::$name(&mut Scene::new(stage));
            }
        )*
    };
}

groundplane_tests::for_each_scenario!(tests);
groundplane_tests::for_each_gateway_scenario!(tests);
