//! Other programs in the place of those that run.

use groundplane::install::LoadOptions;
use groundplane::install::kernel::Upgrade;
use groundplane::object::object;
use groundplane_abi::flow::kind;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::Topology;
use groundplane_tests::variant;
use std::fs;

fn options(object: &[u8]) -> LoadOptions<'_> {
    LoadOptions {
        object,
        capacities: Vec::new(),
    }
}

fn sets(kernel: &LoadedKernel) -> usize {
    let sets = fs::read_dir(kernel.pins().join("programs")).expect("sets of programs are there");
    sets.count()
}

#[test]
fn the_same_programs_are_left_as_they_are() {
    let kernel = LoadedKernel::load("same", 1_024).expect("the datapath loads");
    let mut again = kernel.open_again().expect("the datapath is there");
    let object = object().expect("the object is built");
    let upgrade = again.upgrade(&options(object)).expect("the programs are compared");
    assert_eq!((upgrade, sets(&kernel)), (Upgrade::Current, 1));
}

#[test]
fn other_programs_find_the_tables_and_the_flows_of_those_before() {
    let mut kernel = LoadedKernel::load("other", 1_024).expect("the datapath loads");
    let topology = Topology::three_subnets();
    kernel.configure(&topology).expect("the topology is applied");
    let (web, db) = (topology.guest("web"), topology.guest("db"));
    let question = Packet::udp().from(web.mac, web.ip, 1024).to(ROUTER, db.ip, 53).build();
    assert_ne!(
        kernel.run(web.device, &question).expect("the program runs").kind,
        kind::DROP
    );
    let generation = kernel.generation();

    let other = variant::of(object().expect("the object is built")).expect("it has a variant");
    let mut again = kernel.open_again().expect("the datapath is there");
    let upgrade = again.upgrade(&options(&other)).expect("the programs are replaced");
    assert_eq!((upgrade, sets(&kernel)), (Upgrade::Replaced { devices: 0 }, 1));
    assert_eq!(
        again.upgrade(&options(&other)).expect("they are compared"),
        Upgrade::Current
    );

    kernel.reopen().expect("the new programs are there");
    assert_eq!(kernel.generation(), generation);
    let answer = Packet::udp().from(db.mac, db.ip, 53).to(ROUTER, web.ip, 1024).build();
    assert_ne!(
        kernel.run(db.device, &answer).expect("the program runs").kind,
        kind::DROP
    );
}

/// Who is killed while replacing leaves two sets; the next one who looks makes one of them.
#[test]
fn a_replacement_that_was_killed_is_finished() {
    let kernel = LoadedKernel::load("killed", 1_024).expect("the datapath loads");
    let half = kernel.pins().join("programs/2");
    fs::create_dir(&half).expect("a directory among the pins");
    let mut again = kernel.open_again().expect("a set that isn't whole is nobody's");
    let object = object().expect("the object is built");
    let upgrade = again.upgrade(&options(object)).expect("one set is made of two");
    assert_eq!((upgrade, sets(&kernel)), (Upgrade::Replaced { devices: 0 }, 1));
}

/// A device that the kernel runs the filter for, and one whose driver does, go over with all others.
#[test]
fn a_filter_is_replaced_in_its_place() {
    use groundplane::document::Xdp;
    use groundplane::install::kernel::Hooked;
    use groundplane::install::netlink::Netlink;
    let kernel = LoadedKernel::load("filters", 1_024).expect("the datapath loads");
    let device = groundplane_abi::Device(50);
    kernel.add_device(device).expect("a device");
    let (device, pin) = ("gpt50", "pin");
    let mut again = kernel.open_again().expect("the datapath is there");
    again
        .attach_filter(Hooked { device, pin }, Xdp::Generic)
        .expect("the filter is attached");
    let runs = || {
        let link = Netlink::open()
            .and_then(|netlink| netlink.get(device))
            .expect("it is there");
        link.generic_xdp.expect("it runs a program")
    };
    let before = runs();
    assert!(again.is_filter(before).expect("the programs are looked at"));
    let other = variant::of(object().expect("the object is built")).expect("it has a variant");
    let upgrade = again.upgrade(&options(&other)).expect("the programs are replaced");
    assert_eq!(upgrade, Upgrade::Replaced { devices: 1 });
    assert!(runs() != before && again.is_filter(runs()).expect("the programs are looked at"));
}
