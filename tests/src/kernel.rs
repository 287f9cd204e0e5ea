//! The loaded program, driven by test runs in a network namespace of the calling thread's own.
//!
//! A test run gives a program one frame and the device it comes in by, and hands back verdict, bytes and the note the
//! program leaves in the control block. Redirects are not carried out, so the devices need no guests.

use crate::topology::Topology;
use crate::twin::{self, Heard};
use anyhow::{Context as _, Result, ensure};
use aya::TestRunOptions;
use aya::maps::{Array, HashMap, Map, MapData, PerCpuHashMap, PerCpuValues};
use aya::programs::{SchedClassifier, TestRun as _, Xdp};
use aya::util::nr_cpus;
use groundplane::install::kernel::{Datapath, LoadOptions};
use groundplane::object::object;
use groundplane::plan::Plan;
use groundplane::simulate::{Simulation, SliceFrame};
use groundplane_abi::control::{Generation, Settings, ring_hand};
use groundplane_abi::eni::{Counter, DropKey, EniState, EniTotals};
use groundplane_abi::flow::{FlowEntry, FlowKey, kind};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::ring::RingSlot;
use groundplane_abi::service::AliasEntry;
use groundplane_abi::uplink::UplinkEntry;
use groundplane_abi::{Device, DropReason, Ip, Ip4, Ip6, map, program};
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a test run takes a frame: it refuses less than an Ethernet header, less than an IP header behind one that
/// announces IP, and more than fits into a page beside what the kernel keeps there.
#[must_use]
pub fn takes(frame: &[u8]) -> bool {
    const MOST: usize = 4096 - 64 - 320;
    let least = match frame.get(12..14) {
        Some([0x08, 0x00]) => 34,
        Some([0x86, 0xdd]) => 54,
        _ => 14,
    };
    (least..=MOST).contains(&frame.len())
}

/// `TC_ACT_OK`, `TC_ACT_SHOT` and `TC_ACT_REDIRECT` of linux/pkt_cls.h.
const OK: u32 = 0;
const SHOT: u32 = 2;
const REDIRECT: u32 = 7;

/// `enum xdp_action` of linux/bpf.h.
mod xdp {
    pub(super) const DROP: u32 = 1;
    pub(super) const PASS: u32 = 2;
}

/// `struct __sk_buff` of linux/bpf.h, as far as it is used here.
const CONTEXT_LEN: usize = 192;
const IFINDEX: usize = 40;
const CB: usize = 48;

const BPFFS: &str = "/sys/fs/bpf";
/// Of the names of pins, followed by the number of the process that they belong to.
const PREFIX: &str = "gpt-kernel-";

/// The datapath in the kernel, in a namespace of this thread. Everything is gone when it is dropped.
#[derive(Debug)]
pub struct LoadedKernel {
    pins: PathBuf,
    datapath: Datapath,
    program: SchedClassifier,
    uplink: SchedClassifier,
    service: SchedClassifier,
    finisher: SchedClassifier,
    filter: Xdp,
    ring_slots: u32,
}

/// What one run of the program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub action: u32,
    pub out: Device,
    pub kind: u8,
    pub reason: DropReason,
    pub bytes: Vec<u8>,
}

impl LoadedKernel {
    /// Loads the programs with a main flow table of this many entries. The name tells the pins of parallel tests apart.
    pub fn load(name: &str, flows: u32) -> Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace (this suite needs root)")?;
        sweep()?;
        let pins = Path::new(BPFFS).join(format!("{PREFIX}{}-{name}", std::process::id()));
        let ring_slots = groundplane::simulate::Capacity { flows, embryos: 0 }.ring_slots();
        let options = LoadOptions {
            object: object().context("the BPF object")?,
            capacities: vec![
                (map::ip4::FLOWS, flows),
                (map::ip4::RING, ring_slots),
                (map::ip4::BINDINGS, flows.max(131_072)),
                (map::ip4::BINDING_COUNTS, flows.max(131_072) / 2),
                (map::ip6::FLOWS, flows),
                (map::ip6::RING, ring_slots),
            ],
        };
        let loaded = Datapath::open_or_load(&pins, &options);
        if loaded.is_err() {
            // What was pinned before the kernel refused would stay for ever.
            Datapath::unload(&pins).context("remove what was pinned")?;
        }
        let datapath = loaded.context("load the datapath")?;
        let program = datapath.program(program::ENI_EGRESS).context("find the program")?;
        let uplink = datapath.program(program::UPLINK_INGRESS).context("find the program")?;
        let service = datapath.program(program::SERVICE_INGRESS).context("find the program")?;
        let finisher = datapath
            .program(program::FINISHER_INGRESS)
            .context("find the program")?;
        let filter = datapath.filter().context("find the program")?;
        let kernel = Self {
            pins,
            datapath,
            program,
            uplink,
            service,
            finisher,
            filter,
            ring_slots,
        };
        kernel.lead_out()?;
        Ok(kernel)
    }

    /// Makes sure that a device with this index exists. A bridge, which every kernel has and which needs no other end.
    pub fn add_device(&self, device: Device) -> Result<()> {
        let (name, index) = (format!("gpt{}", device.0), device.0.to_string());
        if PathBuf::from(format!("/proc/self/net/dev_snmp6/{name}")).exists() {
            return Ok(());
        }
        let made = Command::new("ip")
            .args(["link", "add", "name", &name, "index", &index, "type", "bridge"])
            .output()
            .context("run ip")?;
        let told = String::from_utf8_lossy(&made.stderr).into_owned();
        ensure!(
            made.status.success() || told.contains("exists"),
            "make device {name}: {told}"
        );
        Ok(())
    }

    /// Says that the loopback device leads out, by routes and neighbours, to the finisher and to the agent; a test run
    /// doesn't carry that out.
    fn lead_out(&self) -> Result<()> {
        let mut uplinks: Array<_, UplinkEntry> = Array::try_from(self.map(map::UPLINKS)?)?;
        uplinks.set(0, Simulation::UPLINK, 0)?;
        let settings = self.datapath.settings()?;
        Ok(self.datapath.set_settings(Settings {
            finisher: Simulation::UPLINK.device,
            service: Simulation::UPLINK.device,
            ..settings
        })?)
    }

    /// What the kernel keeps to itself.
    pub fn secret(&self) -> Result<u64> {
        Ok(self.datapath.settings()?.secret)
    }

    /// Takes up the programs that are there now.
    pub fn reopen(&mut self) -> Result<()> {
        self.datapath = self.open_again()?;
        self.program = self.datapath.program(program::ENI_EGRESS)?;
        Ok(())
    }

    /// The same datapath once more, to be changed while others send.
    pub fn open_again(&self) -> Result<Datapath> {
        Ok(Datapath::open(&self.pins)?)
    }

    pub fn apply(&mut self, plan: &Plan) -> Result<Generation> {
        Ok(self.datapath.apply(plan)?)
    }

    /// Puts a topology in force, with its devices.
    pub fn configure(&mut self, topology: &Topology) -> Result<()> {
        for binding in topology.bindings.values() {
            self.add_device(binding.device)?;
        }
        self.apply(&twin::compile(topology))?;
        Ok(())
    }

    /// Has an address at the service port stand for another one, as seen from an ENI.
    pub fn set_alias(&self, alias: [u8; 4], from: Device, address: [u8; 4]) -> Result<()> {
        let address = Ip4(address);
        Ok(self.datapath.set_alias(Ip4(alias), AliasEntry { from, address })?)
    }

    pub fn stop_clock(&mut self, now: u64) -> Result<()> {
        Ok(self.datapath.stop_clock(now)?)
    }

    pub fn ticks_per_second(&self) -> Result<u32> {
        Ok(self.datapath.settings()?.ticks_per_second)
    }

    #[must_use]
    pub fn generation(&self) -> Generation {
        self.datapath.generation()
    }

    /// Runs the program on a frame that comes in by a device. A packet that becomes another one by way of the finisher
    /// goes on, as far as the program behind that says.
    pub fn run(&self, from: Device, frame: &[u8]) -> Result<Run> {
        let (device, program) = match from {
            Device::INTERNET => (Device(1), &self.uplink),
            Device::SERVICE => (Device(1), &self.service),
            _ => (from, &self.program),
        };
        let mut run = Self::run_once(program, device, frame)?;
        while matches!(run.kind, kind::WRAPPED | kind::RETURNED) {
            ensure!(
                run.action == REDIRECT,
                "sent to the finisher with action {}",
                run.action
            );
            let mut frame = SliceFrame::new(run.bytes);
            frame.lower_ttl();
            run = Self::run_once(&self.finisher, Device(1), &frame.bytes)?;
        }
        Ok(run)
    }

    fn run_once(program: &SchedClassifier, device: Device, frame: &[u8]) -> Result<Run> {
        let mut context = [0; CONTEXT_LEN];
        context[IFINDEX..IFINDEX + 4].copy_from_slice(&device.0.to_ne_bytes());
        let mut context_out = [0; CONTEXT_LEN];
        let mut bytes = vec![0; frame.len() + 128];
        let result = program.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut bytes),
            ctx_in: Some(&context),
            ctx_out: Some(&mut context_out),
            ..TestRunOptions::default()
        })?;
        bytes.truncate(result.data_size_out as usize);
        let note = |place: usize| {
            let at = CB + place * 4;
            u32::from_ne_bytes([
                context_out[at],
                context_out[at + 1],
                context_out[at + 2],
                context_out[at + 3],
            ])
        };
        Ok(Run {
            action: result.return_value,
            out: Device(note(0)),
            kind: u8::try_from(note(1))?,
            reason: DropReason(u16::try_from(note(2))?),
            bytes,
        })
    }

    /// Whether the filter in front of an uplink drops a frame.
    pub fn filter(&self, frame: &[u8]) -> Result<bool> {
        let mut bytes = vec![0; frame.len() + 64];
        let result = self.filter.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut bytes),
            ..TestRunOptions::default()
        })?;
        bytes.truncate(result.data_size_out as usize);
        ensure!(bytes == frame, "what the filter has seen has been touched");
        match result.return_value {
            xdp::DROP => Ok(true),
            xdp::PASS => Ok(false),
            other => anyhow::bail!("the filter says {other}"),
        }
    }

    /// What it has dropped since it was loaded.
    pub fn filtered(&self) -> Result<BTreeMap<DropReason, Counter>> {
        Ok(self.datapath.filtered()?)
    }

    /// The same in the words of the host twin.
    pub fn send(&self, from: Device, frame: &[u8]) -> Result<Heard> {
        let run = self.run(from, frame)?;
        if run.kind == kind::DROP {
            ensure!(run.action == SHOT, "dropped with action {}", run.action);
            // Unless it had come to a NAT gateway that sends it on in the other family.
            let is_carried = run.reason == DropReason::NAT64_CONTENT || run.bytes.get(12..14) != frame.get(12..14);
            ensure!(is_carried || run.bytes == frame, "a dropped packet has been touched");
            return Ok(Heard::Dropped(run.reason));
        }
        if run.kind == kind::PASS {
            ensure!(run.action == OK, "passed with action {}", run.action);
            ensure!(run.bytes == frame, "what isn't ours has been touched");
            return Ok(Heard::Passed);
        }
        ensure!(run.action == REDIRECT, "delivered with action {}", run.action);
        if run.reason != DropReason::NONE {
            let (reason, answer) = (run.reason, run.bytes);
            return Ok(Heard::Refused { reason, answer });
        }
        if run.kind == kind::UPLINK {
            return Ok(Heard::Left(run.bytes));
        }
        // What is delivered differs in its MACs at most; an answer is another packet, and goes back to who asked.
        let is_answer = run.out == from && run.bytes.get(14..) != frame.get(14..);
        Ok(if is_answer {
            Heard::Answered(run.bytes)
        } else {
            Heard::Delivered {
                to: run.out,
                frame: run.bytes,
            }
        })
    }

    /// All entries of a flow table of a family ([`map::ip4::FLOWS`] and the like).
    pub fn entries<I: Ip>(&self, table: &str) -> Result<BTreeMap<FlowKey<I>, FlowEntry<I>>>
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
    {
        Ok(self.flows(table)?.iter().collect::<Result<_, _>>()?)
    }

    /// The mappings of NAT gateways.
    pub fn bindings<I: Ip>(&self) -> Result<BTreeMap<FlowKey<I>, BindingEntry<I>>>
    where
        FlowKey<I>: aya::Pod,
        BindingEntry<I>: aya::Pod,
    {
        let name = if I::VERSION == 4 {
            map::ip4::BINDINGS
        } else {
            map::ip6::BINDINGS
        };
        let bindings: HashMap<_, FlowKey<I>, BindingEntry<I>> = HashMap::try_from(self.map(name)?)?;
        Ok(bindings.iter().collect::<Result<_, _>>()?)
    }

    /// A flow table of a family, to write into.
    pub fn flows<I: Ip>(&self, table: &str) -> Result<HashMap<MapData, FlowKey<I>, FlowEntry<I>>>
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
    {
        Ok(HashMap::try_from(self.map(table)?)?)
    }

    /// Drops since the last [`LoadedKernel::forget`], where and why.
    pub fn drops(&self) -> Result<BTreeMap<DropKey, Counter>> {
        let drops: PerCpuHashMap<_, DropKey, Counter> = PerCpuHashMap::try_from(self.map(map::DROPS)?)?;
        let mut sums = BTreeMap::new();
        for row in drops.iter() {
            let (key, cpus) = row?;
            let packets = cpus.iter().map(|counter| counter.packets).sum();
            let bytes = cpus.iter().map(|counter| counter.bytes).sum();
            sums.insert(key, Counter { packets, bytes });
        }
        Ok(sums)
    }

    /// What is known of each ENI: connections tracked, first packets taken.
    pub fn states(&self) -> Result<BTreeMap<Device, EniState>> {
        let states: HashMap<_, Device, EniState> = HashMap::try_from(self.map(map::ENI_STATES)?)?;
        Ok(states.iter().collect::<Result<_, _>>()?)
    }

    /// Totals since the last [`LoadedKernel::forget`], of ENIs that have any.
    pub fn totals(&self) -> Result<BTreeMap<Device, EniTotals>> {
        let totals: PerCpuHashMap<_, Device, EniTotals> = PerCpuHashMap::try_from(self.map(map::ENI_TOTALS)?)?;
        let mut sums = BTreeMap::new();
        for row in totals.iter() {
            let (device, cpus) = row?;
            let mut sum = EniTotals::default();
            for cpu in cpus.iter() {
                sum.sent.packets = sum.sent.packets.wrapping_add(cpu.sent.packets);
                sum.sent.bytes = sum.sent.bytes.wrapping_add(cpu.sent.bytes);
                sum.opened += cpu.opened;
                sum.closed += cpu.closed;
            }
            if sum != EniTotals::default() {
                sums.insert(device, sum);
            }
        }
        Ok(sums)
    }

    /// Empties flow tables, rings and counters, as if the program had just been loaded.
    pub fn forget(&self) -> Result<()> {
        self.forget_family::<Ip4>([map::ip4::FLOWS, map::ip4::EMBRYOS, map::ip4::FRAGMENTS, map::ip4::RING])?;
        self.forget_family::<Ip6>([map::ip6::FLOWS, map::ip6::EMBRYOS, map::ip6::FRAGMENTS, map::ip6::RING])?;
        let mut hands: Array<_, u64> = Array::try_from(self.map(map::RING_HANDS)?)?;
        for hand in 0..ring_hand::COUNT {
            hands.set(hand, 0, 0)?;
        }
        let mut states: HashMap<_, Device, EniState> = HashMap::try_from(self.map(map::ENI_STATES)?)?;
        for key in states.keys().collect::<Result<Vec<_>, _>>()? {
            states.insert(key, EniState::default(), 0)?;
        }
        self.forget_counters()
    }

    fn forget_family<I: Ip>(&self, [flows, embryos, fragments, ring]: [&str; 4]) -> Result<()>
    where
        FlowKey<I>: aya::Pod,
        FlowEntry<I>: aya::Pod,
        FragmentKey<I>: aya::Pod,
        RingSlot<I>: aya::Pod,
    {
        for table in [flows, embryos] {
            let mut flows = self.flows::<I>(table)?;
            for key in flows.keys().collect::<Result<Vec<_>, _>>()? {
                flows.remove(&key)?;
            }
        }
        let mut notes: HashMap<_, FragmentKey<I>, FragmentNote> = HashMap::try_from(self.map(fragments)?)?;
        for key in notes.keys().collect::<Result<Vec<_>, _>>()? {
            notes.remove(&key)?;
        }
        let mut ring: Array<_, RingSlot<I>> = Array::try_from(self.map(ring)?)?;
        for slot in 0..self.ring_slots {
            ring.set(slot, RingSlot::default(), 0)?;
        }
        Ok(())
    }

    fn forget_counters(&self) -> Result<()> {
        let mut drops: PerCpuHashMap<_, DropKey, Counter> = PerCpuHashMap::try_from(self.map(map::DROPS)?)?;
        for key in drops.keys().collect::<Result<Vec<_>, _>>()? {
            drops.remove(&key)?;
        }
        let mut totals: PerCpuHashMap<_, Device, EniTotals> = PerCpuHashMap::try_from(self.map(map::ENI_TOTALS)?)?;
        for key in totals.keys().collect::<Result<Vec<_>, _>>()? {
            let zeros = PerCpuValues::try_from(vec![EniTotals::default(); nr_cpus().map_err(|(_, error)| error)?])?;
            totals.insert(key, zeros, 0)?;
        }
        Ok(())
    }

    /// The program that a packet which leaves a guest comes to.
    #[must_use]
    pub fn program(&self) -> &SchedClassifier {
        &self.program
    }

    /// The program that a packet from outside comes to.
    #[must_use]
    pub fn uplink_program(&self) -> &SchedClassifier {
        &self.uplink
    }

    /// Where everything is pinned.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// A pinned map by its name.
    pub fn map(&self, name: &str) -> Result<Map> {
        let data = MapData::from_pin(self.pins.join(name)).with_context(|| format!("open map {name}"))?;
        Ok(Map::from_map_data(data)?)
    }
}

/// Removes what runs that were killed have left pinned.
pub fn sweep() -> Result<()> {
    let Ok(pins) = std::fs::read_dir(BPFFS) else {
        // Not mounted yet: nothing is left.
        return Ok(());
    };
    for pin in pins {
        let pin = pin?;
        let name = pin.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if let Some(owner) = owner
            && !Path::new("/proc").join(owner).exists()
        {
            Datapath::unload(&pin.path()).context("remove what a killed run has left")?;
        }
    }
    Ok(())
}

impl Drop for LoadedKernel {
    fn drop(&mut self) {
        if let Err(error) = Datapath::unload(&self.pins) {
            eprintln!("{} is left: {error}", self.pins.display());
        }
    }
}
