//! A room in which kernel and host get the same packets, and must do the same with them and remember the same.

use groundplane::simulate::{Capacity, SimulatedFamily, Simulation, SliceFrame};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::service::AliasEntry;
use groundplane_abi::{Device, Ip, Ip4, Ip6, map};
use groundplane_datapath::FlowTable;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{Heard, compile};
use std::collections::BTreeMap;

const FLOWS: u32 = 4_096;
const START: u64 = 1 << 33;

/// Both, with one configuration.
pub(crate) struct Room {
    kernel: LoadedKernel,
    host: Simulation,
    pub(crate) topology: Topology,
    now: u64,
    ticks_per_second: u32,
    pub(crate) packets: u32,
}

impl Room {
    pub(crate) fn open(name: &str, topology: Topology) -> Self {
        let mut kernel = LoadedKernel::load(name, FLOWS).expect("the datapath loads");
        kernel.configure(&topology).expect("the topology is applied");
        let ticks_per_second = kernel.ticks_per_second().expect("the clock is known");
        let mut host = Simulation::new(Capacity {
            flows: FLOWS,
            ..Capacity::default()
        });
        host.set_secret(kernel.secret().expect("the settings are read"));
        host.apply(&compile(&topology));
        let mut room = Self {
            kernel,
            host,
            topology,
            now: START,
            ticks_per_second,
            packets: 0,
        };
        room.wait(0);
        room
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += seconds * u64::from(self.ticks_per_second);
        self.kernel.stop_clock(self.now).expect("the clock is set");
        self.host.set_clock(self.now, self.ticks_per_second);
    }

    /// The same frame to both, which must do the same with it and remember the same.
    pub(crate) fn send(&mut self, from: Device, packet: &Packet) -> Heard {
        let frame = packet.build();
        let mut host_frame = SliceFrame::new(frame.clone());
        let verdict = self.host.send(from, &mut host_frame);
        let expected = Heard::of(&verdict, host_frame.bytes);
        let heard = self.kernel.send(from, &frame).expect("the program runs");
        assert_eq!(heard, expected, "{packet:?}: kernel (left) and host disagree");
        self.compare::<Ip4>(packet);
        self.compare::<Ip6>(packet);
        self.packets += 1;
        heard
    }

    fn compare<I: SimulatedFamily>(&self, packet: &Packet)
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
        BindingEntry<I>: aya::Pod,
    {
        let [flows, embryos] = if I::VERSION == 4 {
            [map::ip4::FLOWS, map::ip4::EMBRYOS]
        } else {
            [map::ip6::FLOWS, map::ip6::EMBRYOS]
        };
        for (name, table) in [(flows, FlowTable::Main), (embryos, FlowTable::Embryos)] {
            let kernel = self.kernel.entries::<I>(name).expect("entries are read");
            let host = self.host.entries::<I>(table);
            assert_eq!(
                unstamped(kernel),
                unstamped(host),
                "{name} after {packet:?}: kernel (left) and host disagree"
            );
        }
        let host = self.host.bindings::<I>();
        let kernel = self.kernel.bindings::<I>().expect("mappings are read");
        assert_eq!(
            unmarked(kernel),
            unmarked(host),
            "mappings after {packet:?}: kernel (left) and host disagree"
        );
    }

    /// Has an address at the service port stand for another one, as seen from an ENI.
    pub(crate) fn name(&mut self, alias: [u8; 4], from: Device, address: [u8; 4]) {
        let set = self.kernel.set_alias(alias, from, address);
        set.expect("the alias is written");
        let address = Ip4(address);
        self.host.set_alias(Ip4(alias), AliasEntry { from, address });
    }

    pub(crate) fn leave(&mut self, guest: &str, packet: Packet) -> Heard {
        let from = self.topology.guest(guest);
        self.send(from.device, &packet.from_mac(from.mac).to_mac(ROUTER))
    }

    /// What comes in from the outside.
    pub(crate) fn come(&mut self, packet: Packet) -> Heard {
        self.send(
            Device::INTERNET,
            &packet.from_mac([2, 0, 0, 0, 0, 9]).to_mac([2, 0, 0, 0, 0, 8]),
        )
    }

    pub(crate) fn address(&self, guest: &str) -> [u8; 4] {
        self.topology.guest(guest).ip
    }
}

/// Entries without stamps, which differ by the CPU.
fn unstamped<I: Ip>(entries: BTreeMap<FlowKey<I>, FlowEntry<I>>) -> BTreeMap<FlowKey<I>, FlowEntry<I>> {
    let without = |entry: FlowEntry<I>| FlowEntry {
        stamp: 0,
        stamp_end: 0,
        ..entry
    };
    entries.into_iter().map(|(key, entry)| (key, without(entry))).collect()
}

fn unmarked<I: Ip>(bindings: BTreeMap<FlowKey<I>, BindingEntry<I>>) -> BTreeMap<FlowKey<I>, BindingEntry<I>> {
    let without = |binding: BindingEntry<I>| BindingEntry {
        stamp: 0,
        stamp_end: 0,
        ..binding
    };
    bindings
        .into_iter()
        .map(|(key, binding)| (key, without(binding)))
        .collect()
}

pub(crate) fn tcp(flags: u8, from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Packet {
    Packet::tcp().flags(flags).ip_from(from.0, from.1).ip_to(to.0, to.1)
}
