//! The datapath in the kernel: loading it, attaching it, and putting a plan in force.

mod banks;
mod batch;
mod clients;
mod clock;
mod count;
mod devices;
mod events;
mod expedited;
mod fill;
mod filter;
mod flows;
mod generation;
mod hook;
mod mapping;
mod programs;
mod retire;
mod service;
mod slots;
mod table;
mod tables;
mod uplink;

pub use banks::Learned;
pub use clients::{Client, Clients};
pub use count::{Counters, DropCause, EniCounters};
pub use events::Events;
pub use fill::TableFill;
pub use flows::{ConnectionSet, FlowTables, Moment, Stored};
pub use hook::Hooked;
pub use programs::LoadOptions;
pub use retire::{Connection, Family};

use crate::install::bpffs;
use crate::install::error::{Doing as _, Error, Result, bpf};
use aya::Pod;
use aya::maps::{Array, HashMap, IterableMap, MapData, MapIter, PerCpuHashMap, PerCpuValues};
use aya::programs::SchedClassifier;
use aya::util::KernelVersion;
use banks::Held;
use count::FlowCount;
use expedited::Expedited;
use generation::GenerationWord;
use groundplane_abi::control::{Generation, Settings};
use groundplane_abi::eni::{Counter, DropKey, EniEntry, EniKey, EniState, EniTotals, eni_flag};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, Ip4, Ip6, LAYOUT_VERSION, map};
use groundplane_datapath::FlowTable;
use programs::Programs;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::open;
use tables::BankedTables;

/// Where a host's own datapath is pinned.
pub const DEFAULT_PINS: &str = "/sys/fs/bpf/groundplane";

/// Drops that one CPU tells of in a second: more than anybody reads, and far below what a ring buffer of a megabyte
/// holds.
const EVENTS_PER_SECOND: u32 = 1_000;

/// The loaded programs and tables, reached through their pins.
pub struct Datapath {
    pins: PathBuf,
    programs: Programs,
    generation: GenerationWord,
    settings: Array<MapData, Settings>,
    scopes: Array<MapData, Generation>,
    tables: BankedTables,
    held: [Held; 2],
    /// Whether packets may still be reading the bank that was in force before.
    readers_left: bool,
    /// Gone with the last change.
    departed: BTreeSet<Device>,
    flows: FlowTables,
    totals: PerCpuHashMap<MapData, Device, EniTotals>,
    states: HashMap<MapData, Device, EniState>,
    drops: PerCpuHashMap<MapData, DropKey, Counter>,
}

/// What became of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// They are the same already.
    Current,
    Replaced {
        devices: usize,
    },
}

impl fmt::Debug for Datapath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pins, generation, .. } = self;
        f.debug_struct("Datapath")
            .field("pins", pins)
            .field("generation", generation)
            .finish_non_exhaustive()
    }
}

impl Datapath {
    /// The datapath pinned at `pins`, loaded first if there is none. A load that was killed halfway is done again.
    pub fn open_or_load(pins: &Path, options: &LoadOptions<'_>) -> Result<Self> {
        match Self::open(pins) {
            Err(Error::NotLoaded(_)) => {
                Self::unload(pins)?;
                Self::load(pins, options)
            }
            other => other,
        }
    }

    /// The datapath pinned at `pins`.
    pub fn open(pins: &Path) -> Result<Self> {
        if !pins.join(map::SETTINGS).exists() {
            return Err(Error::NotLoaded(pins.to_owned()));
        }
        let settings: Array<_, Settings> = open(pins, map::SETTINGS)?;
        // The first table to be looked at and the last to be written: until then the others mean nothing.
        match bpf(settings.get(&0, 0), || "read table SETTINGS".to_owned())?.layout_version {
            LAYOUT_VERSION => {}
            0 => return Err(Error::NotLoaded(pins.to_owned())),
            found => {
                return Err(Error::Layout {
                    pins: pins.to_owned(),
                    found,
                });
            }
        }
        let programs = Programs::newest(pins)?.ok_or_else(|| Error::NotLoaded(pins.to_owned()))?;
        Ok(Self {
            pins: pins.to_owned(),
            programs,
            generation: GenerationWord::open(pins)?,
            settings,
            scopes: open(pins, map::SCOPES)?,
            tables: BankedTables::open(pins)?,
            held: [Held::Unknown, Held::Unknown],
            // Somebody may have put this in force a moment ago, and been killed.
            readers_left: true,
            departed: BTreeSet::new(),
            flows: FlowTables::open(pins)?,
            totals: open(pins, map::ENI_TOTALS)?,
            states: open(pins, map::ENI_STATES)?,
            drops: open(pins, map::DROPS)?,
        })
    }

    /// Whether this kernel can do what attaching takes: tcx, which came with 6.6.
    pub fn check_kernel() -> Result<()> {
        if KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(6, 6, 0)) {
            return Ok(());
        }
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
        Err(Error::OldKernel(
            release.map(|text| text.trim().to_owned()).unwrap_or_default(),
        ))
    }

    fn load(pins: &Path, options: &LoadOptions<'_>) -> Result<Self> {
        bpffs::create_directory(pins)?;
        let (_, mut object) = Programs::load(pins, options)?;
        let settings = Settings {
            clock_mask: u64::MAX,
            clock_offset: 0,
            ticks_per_second: clock::ticks_per_second(programs::loaded(&mut object, clock::PROBE)?)?,
            mark: random_mark()?,
            secret: u64::from_ne_bytes(random()?),
            ring_slots4: capacity(pins, map::ip4::RING)?,
            ring_slots6: capacity(pins, map::ip6::RING)?,
            layout_version: LAYOUT_VERSION,
            events_per_second: EVENTS_PER_SECOND,
            service: Device::NONE,
            finisher: Device::NONE,
        };
        let mut table: Array<_, Settings> = open(pins, map::SETTINGS)?;
        bpf(table.set(0, settings, 0), || "write table SETTINGS".to_owned())?;
        Self::open(pins)
    }

    /// Replaces the programs by those of another object, if they aren't the same, while packets go on through them:
    /// each hook changes between two packets, and tables stay what they are. Also finishes what an earlier replacement
    /// that was killed has begun.
    pub fn upgrade(&mut self, options: &LoadOptions<'_>) -> Result<Upgrade> {
        Expedited::turn_off_if_left_on(&self.pins);
        let before = Programs::all(&self.pins)?;
        let (programs, _) = Programs::load(&self.pins, options)?;
        if let [only] = &*before
            && only.is_same(&programs)?
        {
            programs.remove()?;
            return Ok(Upgrade::Current);
        }
        let devices = hook::hand_over(&self.pins, &programs)?;
        self.programs = programs;
        for old in before {
            old.remove()?;
        }
        Ok(Upgrade::Replaced { devices })
    }

    /// Removes every pin that loading and attaching made, and with them programs and tables: all that is in the
    /// directory, so that another version's are removed as well. Attempts all and reports what failed.
    pub fn unload(pins: &Path) -> Result<()> {
        Expedited::turn_off_if_left_on(pins);
        bpffs::remove_all(pins)
    }

    /// Attaches the programs to ENIs' host sides. The devices ought to be down until then. The links are pinned under
    /// names of their own, since a device may change its. Many at once cost a fraction each of what one costs.
    pub fn attach(&self, devices: &[Hooked<'_>]) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_ENI, devices)
    }

    /// Takes the programs off the devices whose links are pinned under these names, and returns when they are off; also
    /// works when nothing can be opened any more.
    pub fn detach<'a>(pins: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
        hook::detach(pins, &names.collect::<Vec<_>>())
    }

    /// Whether the kernel runs our programs, before all others, on both hooks of a device.
    pub fn is_attached(&self, device: &str) -> Result<bool> {
        hook::is_attached(&self.pins, device)
    }

    /// The generation in force.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation.get()
    }

    /// The settings in force.
    pub fn settings(&self) -> Result<Settings> {
        bpf(self.settings.get(&0, 0), || "read table SETTINGS".to_owned())
    }

    /// Stops the datapath's clock at a tick. For tests: they make connections as old as they like.
    pub fn stop_clock(&mut self, now: u64) -> Result<()> {
        let settings = Settings {
            clock_mask: 0,
            clock_offset: now,
            ..self.settings()?
        };
        bpf(self.settings.set(0, settings, 0), || "write table SETTINGS".to_owned())
    }

    /// Moves the datapath's clock on by this much; it goes on from there. For tests, in which a minute is to pass at
    /// once.
    pub fn advance_clock(&mut self, by: Duration) -> Result<()> {
        let mut settings = self.settings()?;
        let ticks = by.as_secs().saturating_mul(u64::from(settings.ticks_per_second));
        settings.clock_offset = settings.clock_offset.saturating_add(ticks);
        bpf(self.settings.set(0, settings, 0), || "write table SETTINGS".to_owned())
    }

    /// What the configuration in force says of a device.
    pub fn eni(&self, device: Device) -> Result<Option<EniEntry>> {
        let bank = self.generation().bank();
        self.tables.enis.get(EniKey { bank, device })
    }

    /// What people call whoever packets are dropped at that is no guest: the outside, the service port, a component, or
    /// the cutter.
    pub fn gateway(&self, device: Device) -> Result<Option<String>> {
        if device == Device::INTERNET {
            return Ok(Some("the internet".to_owned()));
        }
        if device == Device::SERVICE {
            return Ok(Some("the service port".to_owned()));
        }
        if !device.is_component() {
            let is_cutter = self.leads_to_cutter(device)?;
            return Ok(is_cutter.then(|| "the cutter".to_owned()));
        }
        let Some(eni) = self.eni(device)? else { return Ok(None) };
        let kind = if eni.flags & eni_flag::LINK != 0 {
            "VPC link"
        } else if eni.flags & (eni_flag::BALANCER | eni_flag::GATEWAY_BALANCER) != 0 {
            "load balancer"
        } else if eni.flags & (eni_flag::ENDPOINT | eni_flag::INSPECTION) != 0 {
            "endpoint"
        } else {
            "NAT gateway"
        };
        let address = self.tables.component_address(device, self.generation().bank())?;
        Ok(address.map(|address| format!("{kind} {address}")))
    }

    /// All counters, added up over cores and live flows.
    pub fn counters(&self) -> Result<Counters> {
        let totals = all(&self.totals, self.totals.iter(), map::ENI_TOTALS)?;
        let drops = all(&self.drops, self.drops.iter(), map::DROPS)?;
        let mut flows = Vec::new();
        let mut count = |flow: Option<FlowCount>| {
            flows.extend(flow);
            ControlFlow::Continue(())
        };
        _ = self
            .flows
            .each::<Ip4>(FlowTable::Main, |flow| count(FlowCount::of(flow)))?;
        _ = self
            .flows
            .each::<Ip6>(FlowTable::Main, |flow| count(FlowCount::of(flow)))?;
        Ok(count::sum(
            totals
                .into_iter()
                .map(|(device, cpus): (_, PerCpuValues<_>)| (device, cpus.to_vec())),
            all(&self.states, self.states.iter(), map::ENI_STATES)?,
            flows,
            drops
                .into_iter()
                .map(|(key, cpus): (_, PerCpuValues<_>)| (key, cpus.to_vec())),
        ))
    }

    /// Ends connections that somebody has seen in the tables, and says how many of them there still were.
    pub fn retire<I: Family>(&self, connections: &[Connection<I>]) -> Result<usize>
    where
        FlowKey<I>: Pod,
        FlowEntry<I>: Pod,
    {
        retire::retire(&self.pins, &self.programs, connections)
    }

    /// The same for connections of both families.
    pub fn retire_all(&self, connections: &ConnectionSet) -> Result<usize> {
        Ok(self.retire(&connections.ip4)? + self.retire(&connections.ip6)?)
    }

    /// A program of those that run now. For tests, which run it on frames of their own.
    pub fn program(&self, name: &str) -> Result<SchedClassifier> {
        self.programs.program(name)
    }

    /// How many rows a table has room for.
    pub fn capacity(&self, table: &str) -> Result<u32> {
        capacity(&self.pins, table)
    }

    /// How full every table is, the flow tables included.
    pub fn fill(&self) -> Result<Vec<TableFill>> {
        fill::all(&self.pins)
    }

    /// The drops that are told of from now on.
    pub fn events(&self) -> Result<Events> {
        Events::open(&self.pins)
    }
}

/// How many elements a pinned map has room for.
fn capacity(pins: &Path, name: &str) -> Result<u32> {
    let what = || format!("look at table {name}");
    Ok(bpf(bpf(MapData::from_pin(pins.join(name)), what)?.info(), what)?.max_entries())
}

/// A number nobody guesses: a packet that carries it may pass to a tap.
fn random_mark() -> Result<u32> {
    // 0 is every packet's mark.
    Ok(u32::from_ne_bytes(random()?).max(1))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.doing(|| "read random bytes".to_owned())?;
    Ok(bytes)
}

/// All rows of a table that packets may be writing to. A row deleted meanwhile can make the kernel start again from
/// the beginning; so rows are gathered by key, and after twice the table's size it is enough.
fn all<K: Pod + Ord, V, M>(table: &M, rows: MapIter<'_, K, V, M>, name: &str) -> Result<BTreeMap<K, V>>
where
    M: IterableMap<K, V>,
{
    let what = || format!("read table {name}");
    let limit = 2 * bpf(table.map().info(), what)?.max_entries() as usize;
    bpf(rows.take(limit).collect(), what)
}
