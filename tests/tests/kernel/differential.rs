//! The same conversations to both: verdict, destination, bytes, flow tables and counters.
//!
//! `GROUNDPLANE_KERNEL_CONVERSATIONS` sets how many, `GROUNDPLANE_SEED` under which seed.

use groundplane::simulate::{Capacity, SimulatedFamily, Simulation, SliceFrame};
use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::eni::{EniState, EniTotals};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, Ip, Ip4, Ip6, map};
use groundplane_datapath::FlowTable;
use groundplane_tests::conversation::{self, Conversation, Step, relay};
use groundplane_tests::kernel::{LoadedKernel, takes};
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{Heard, compile};
use std::collections::BTreeMap;
use std::time::Duration;

const CONVERSATIONS: u64 = 150;
const SEED: u64 = 0x6770_0002;
const FLOWS: u32 = 4_096;
/// Where the clock starts in every conversation.
const START: u64 = 1 << 33;
/// How often flow tables are compared; they always are at the end.
const COMPARE_EVERY: usize = 10;
const RELAYS: u32 = 4;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// What was compared, to be printed.
#[derive(Debug, Default)]
struct Compared {
    packets: u64,
    delivered: u64,
    answered: u64,
    dropped: BTreeMap<String, u64>,
    tables: u64,
    /// By table.
    entries: BTreeMap<String, u64>,
    /// Frames a test run can't take: too short, or tagged in their metadata.
    impossible: u64,
}

struct Room<'a> {
    kernel: &'a mut LoadedKernel,
    host: Simulation,
    topology: &'a Topology,
    elapsed: Duration,
    ticks_per_second: u32,
    compared: &'a mut Compared,
    /// Packets each device has sent that were delivered.
    sent: BTreeMap<Device, u64>,
}

#[test]
fn kernel_and_host_agree_on_every_packet_and_every_entry() {
    let mut kernel = LoadedKernel::load("differential", FLOWS).expect("the datapath loads");
    let seed = number("GROUNDPLANE_SEED", SEED);
    let mut compared = Compared::default();
    for index in 0..number("GROUNDPLANE_KERNEL_CONVERSATIONS", CONVERSATIONS) {
        let conversation = conversation::generate(seed, index);
        Room::open(&mut kernel, &conversation, &mut compared).listen(&conversation, seed, index);
    }
    println!("seed {seed}: {compared:#?}");
    assert!(compared.delivered > 0 && compared.answered > 0, "nothing was compared");
    assert!(
        compared.entries.len() == 4 && compared.entries.values().all(|entries| *entries > 0),
        "a table was never used"
    );
}

impl<'a> Room<'a> {
    fn open(kernel: &'a mut LoadedKernel, conversation: &'a Conversation, compared: &'a mut Compared) -> Self {
        kernel.forget().expect("the tables can be emptied");
        kernel
            .configure(&conversation.topology)
            .expect("the topology is applied");
        let ticks_per_second = kernel.ticks_per_second().expect("the clock is known");
        let mut host = Simulation::new(Capacity {
            flows: FLOWS,
            ..Capacity::default()
        });
        host.set_secret(kernel.secret().expect("the settings are read"));
        host.apply(&compile(&conversation.topology));
        let mut room = Self {
            kernel,
            host,
            topology: &conversation.topology,
            elapsed: Duration::ZERO,
            ticks_per_second,
            compared,
            sent: BTreeMap::new(),
        };
        room.set_clocks();
        room
    }

    fn set_clocks(&mut self) {
        let ticks = self.elapsed.as_nanos() * u128::from(self.ticks_per_second) / 1_000_000_000;
        let now = START + u64::try_from(ticks).expect("no conversation takes that long");
        self.kernel.stop_clock(now).expect("the clock is set");
        self.host.set_clock(now, self.ticks_per_second);
    }

    fn listen(mut self, conversation: &'a Conversation, seed: u64, index: u64) {
        for (at, step) in conversation.steps.iter().enumerate() {
            let place = format!("GROUNDPLANE_SEED={seed} conversation {index} step {at} ({step:?})");
            match step {
                Step::Wait(time) => {
                    self.elapsed += *time;
                    self.set_clocks();
                }
                Step::Configure(topology) => {
                    self.topology = topology;
                    self.kernel.configure(topology).expect("the topology is applied");
                    self.host.apply(&compile(topology));
                }
                Step::Send { tagged: true, .. } => self.compared.impossible += 1,
                Step::Send { from, frame, .. } => self.send(*from, frame, &place),
            }
            if at % COMPARE_EVERY == 0 {
                self.compare_tables(&place);
            }
        }
        self.compare_tables(&format!("GROUNDPLANE_SEED={seed} conversation {index}, at the end"));
        self.compare_counters(index);
    }

    fn compare_counters(&self, index: u64) {
        let kernel = &self.kernel;
        assert_eq!(
            kernel.drops().expect("drops are read"),
            self.host.drops(),
            "drops of conversation {index}: kernel (left) and host disagree"
        );
        let mut totals = self.host.totals();
        totals.retain(|_, total| *total != EniTotals::default());
        assert_eq!(
            kernel.totals().expect("totals are read"),
            totals,
            "totals of conversation {index}: kernel (left) and host disagree"
        );
        let (mut states, mut host_states) = (kernel.states().expect("states are read"), self.host.states());
        for states in [&mut states, &mut host_states] {
            states.retain(|_, state| *state != EniState::default());
        }
        assert_eq!(
            states, host_states,
            "ENI states of conversation {index}: kernel (left) and host disagree"
        );
        self.count_what_was_delivered(index);
    }

    /// Nothing is counted twice and nothing is lost: what the totals hold and what live connections hold is what was
    /// delivered.
    fn count_what_was_delivered(&self, index: u64) {
        let mut counted: BTreeMap<Device, u64> = BTreeMap::new();
        for (device, totals) in self.kernel.totals().expect("totals are read") {
            counted.insert(device, totals.sent.packets);
        }
        self.count_entries::<Ip4>(map::ip4::FLOWS, &mut counted);
        self.count_entries::<Ip6>(map::ip6::FLOWS, &mut counted);
        counted.retain(|_, packets| *packets != 0);
        assert_eq!(
            counted, self.sent,
            "packets counted (left) and delivered in conversation {index}"
        );
    }

    fn count_entries<I: Ip>(&self, table: &str, counted: &mut BTreeMap<Device, u64>)
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
    {
        for (key, entry) in self.kernel.entries::<I>(table).expect("entries are read") {
            let packets = counted.entry(key.device()).or_default();
            *packets = packets.wrapping_add(entry.packets);
        }
    }

    fn send(&mut self, from: Device, frame: &[u8], place: &str) {
        let mut at = (from, frame.to_vec());
        for _ in 0..=RELAYS {
            let Some((to, frame)) = self.packet(at.0, &at.1, place) else {
                return;
            };
            let Some(onward) = relay(self.topology, to, &frame) else {
                return;
            };
            at = (to, onward);
        }
    }

    fn packet(&mut self, from: Device, frame: &[u8], place: &str) -> Option<(Device, Vec<u8>)> {
        if !takes(frame) {
            self.compared.impossible += 1;
            return None;
        }
        let mut host_frame = SliceFrame::new(frame.to_vec());
        let verdict = self.host.send(from, &mut host_frame);
        let expected = Heard::of(&verdict, host_frame.bytes);
        let heard = self
            .kernel
            .send(from, frame)
            .unwrap_or_else(|error| panic!("{place}: {error:#}"));
        assert_eq!(heard, expected, "{place}: kernel (left) and host disagree");
        self.compared.packets += 1;
        match heard {
            Heard::Delivered { to, frame } => {
                self.compared.delivered += 1;
                *self.sent.entry(from).or_default() += 1;
                Some((to, frame))
            }
            Heard::Left(_) => {
                self.compared.delivered += 1;
                *self.sent.entry(from).or_default() += 1;
                None
            }
            Heard::Answered(_) => {
                self.compared.answered += 1;
                None
            }
            Heard::Passed => None,
            Heard::Refused { reason, .. } | Heard::Dropped(reason) => {
                *self.compared.dropped.entry(reason.to_string()).or_default() += 1;
                None
            }
        }
    }

    fn compare_tables(&mut self, place: &str) {
        let tables = [map::ip4::FLOWS, map::ip4::EMBRYOS];
        self.compare_family::<Ip4>(tables, place);
        let tables = [map::ip6::FLOWS, map::ip6::EMBRYOS];
        self.compare_family::<Ip6>(tables, place);
    }

    fn compare_family<I: SimulatedFamily>(&mut self, [flows, embryos]: [&str; 2], place: &str)
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
    {
        for (name, table) in [(flows, FlowTable::Main), (embryos, FlowTable::Embryos)] {
            let kernel = comparable(
                self.kernel.entries::<I>(name).expect("entries are read"),
                self.kernel.generation(),
            );
            let host = comparable(
                self.host.entries::<I>(table),
                groundplane_datapath::Tables::generation(&self.host),
            );
            self.compared.tables += 1;
            *self.compared.entries.entry(name.to_owned()).or_default() += host.len() as u64;
            for (key, entry) in &host {
                assert_eq!(
                    kernel.get(key),
                    Some(entry),
                    "{place}: {name} at {key:?}: kernel (left) and host disagree"
                );
            }
            assert_eq!(kernel.len(), host.len(), "{place}: {name} has more in the kernel");
        }
    }
}

/// Entries without what can't be equal: stamps differ by the CPU, generations by how often something was applied
/// before.
fn comparable<I: Ip>(
    entries: BTreeMap<FlowKey<I>, FlowEntry<I>>,
    now: Generation,
) -> BTreeMap<FlowKey<I>, FlowEntry<I>> {
    entries
        .into_iter()
        .map(|(key, mut entry)| {
            assert_eq!(entry.stamp, entry.stamp_end, "an entry at rest has one stamp");
            let age = now.0 - entry.validity.stamped_at(now).0;
            let scopes = [0, 1, 2, 3].map(|place| entry.validity.scope(place));
            entry.validity = Validity::new(Generation(age), scopes);
            (entry.stamp, entry.stamp_end) = (0, 0);
            (key, entry)
        })
        .collect()
}
