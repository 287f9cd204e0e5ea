//! `up` killed at any moment: afterwards the old configuration is in force or the new one, whole.

use super::engine;
use anyhow::{Context, Result, ensure};
use groundplane::document::{self, Source};
use groundplane::install::state::{GuestState, Place, Stage, State};
use groundplane::install::{Datapath, store};
use groundplane::plan::{self, Binding, Bindings, GuestKind, Plan};
use groundplane_abi::Device;
use groundplane_tests::netns::{Lab, Talk};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 100;

/// Both let `web` talk to `db`; everything else is different.
const DOCUMENTS: [&str; 2] = [
    "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
      old: { subnet: front, PrivateIpAddress: 10.0.1.11, namespace: $old }
",
    "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
      far: { CidrBlock: 10.0.3.0/24 }
    security_groups:
      closed: { egress: [] }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      db: { subnet: back, PrivateIpAddresses: [10.0.2.10, 10.0.2.99], namespace: $db }
      new: { subnet: far, PrivateIpAddress: 10.0.3.10, namespace: $new, groups: [closed] }
      heir: { subnet: front, PrivateIpAddress: 10.0.1.12, namespace: $old }
  blue:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
    instances:
      other: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $other }
",
];

/// What is in force and what the journal says, before and after a kill.
struct Seen {
    generation: u64,
    plan: Plan,
    state: State,
}

impl Seen {
    fn now(lab: &Lab) -> Result<Self> {
        let datapath = Datapath::open(&lab.pin_dir())?;
        Ok(Self {
            generation: datapath.generation().0,
            plan: datapath.plan()?,
            state: store::read(&lab.state_dir())?.context("the journal is gone")?,
        })
    }

    /// The rows of a document, with the devices the journal knows. Of an ENI that is made anew the later device counts.
    fn rows_of(&self, source: &Source) -> Result<Plan> {
        let resolved = document::read(std::slice::from_ref(source), None);
        let resolved = resolved.map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let bound = self.state.all_guests().filter_map(|guest| Some((guest, guest.index?)));
        let bind = |(guest, index): (&GuestState, u32)| {
            let binding = Binding {
                device: Device(index),
                kind: GuestKind::Veth,
            };
            (guest.eni_id.clone(), binding)
        };
        let bindings: Bindings = bound.map(bind).collect();
        let plan = plan::compile(&resolved.resources, &bindings);
        let mut plan = plan.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        plan.scopes.clear();
        Ok(plan)
    }
}

#[test]
fn an_up_that_is_killed_leaves_the_old_configuration_or_the_new_one_whole() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(DOCUMENTS[0])?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    let begun = Instant::now();
    lab.up(DOCUMENTS[1])?;
    let longest = begun.elapsed();
    let (mut random, mut outcomes) = (Random(1), [0_u32; 2]);
    for round in 0..ROUNDS {
        let before = Seen::now(&lab)?;
        let path = lab.document(DOCUMENTS[round as usize % 2])?;
        kill_within(&lab, &path, longest.mul_f64(random.fraction()))?;
        let is_new = judge(&lab, &before, &path).with_context(|| format!("round {round}"))?;
        outcomes[usize::from(is_new)] += 1;
        lab.inside("host", || settles(&lab))
            .with_context(|| format!("round {round}"))?;
    }
    ensure!(
        outcomes.iter().all(|count| *count > 0),
        "old and new {outcomes:?} times"
    );
    talk.end()?;
    lab.down()
}

/// Kills an `up` after a while.
fn kill_within(lab: &Lab, path: &Path, delay: Duration) -> Result<()> {
    let mut command = lab.groundplane_command(&["up", &path.to_string_lossy()])?;
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn()?;
    std::thread::sleep(delay);
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Looks at the tables before anybody repairs anything. Says whether the new configuration is in force.
fn judge(lab: &Lab, before: &Seen, path: &Path) -> Result<bool> {
    let after = Seen::now(lab)?;
    if after.generation == before.generation {
        ensure!(after.plan == before.plan, "the old rows are not what they were");
        return Ok(false);
    }
    let new = Source::new(path.display().to_string(), fs::read(path)?);
    ensure!(
        after.plan == after.rows_of(&new)?,
        "the new rows are not those of the document"
    );
    Ok(true)
}

/// Takes the host over as the next process would; then everything is there that the journal names, and nothing else.
fn settles(lab: &Lab) -> Result<()> {
    let engine = engine(lab)?;
    let state = engine.state().context("nothing is up any more")?;
    ensure!(state.stage == Stage::Up && state.passing.is_empty(), "{state:#?}");
    let applied = engine.applied().context("nothing is in force any more")?;
    let wanted: Vec<_> = applied
        .deployment
        .guests
        .iter()
        .map(|it| &it.network_interface_id)
        .collect();
    let journaled: Vec<_> = state.guests.iter().map(|it| &it.eni_id).collect();
    ensure!(wanted == journaled, "{wanted:?}, and the journal has {journaled:?}");
    let seen = Seen::now(lab)?;
    ensure!(
        seen.plan == seen.rows_of(&applied.sources[0])?,
        "the rows are not those of what is applied"
    );
    ensure!(seen.generation == applied.manifest.generation);
    let named = state.guests.iter().filter_map(|guest| match &guest.place {
        Place::Made { namespace, .. } => Some(namespace.clone()),
        _ => None,
    });
    let found = lab.namespaces()?;
    ensure!(found == named.collect(), "the namespaces are {found:?}");
    let links = groundplane::install::netlink::Netlink::open()?.links()?;
    let devices: BTreeSet<_> = links.into_keys().filter(|name| name != "lo").collect();
    let journaled: BTreeSet<_> = state.guests.iter().map(|guest| guest.device.clone()).collect();
    ensure!(
        devices == journaled,
        "the devices are {devices:?}, and the journal has {journaled:?}"
    );
    Ok(())
}

struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from((self.0 >> 33) as u32) / f64::from(1_u32 << 31)
    }
}
