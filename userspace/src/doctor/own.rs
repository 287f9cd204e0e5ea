//! Groundplane's own: the programs, the agent, what is up and what is left over.

use super::files::size;
use super::{Check, Patient, annex, neighbours, uplink};
use crate::api::Client;
use crate::api::client;
use crate::install::kernel::{Datapath, LoadOptions};
use crate::install::state::{Stage, State};
use crate::install::{self, Error, bpffs, names, store};
use crate::status::{self, Enforcement};
use groundplane_abi::map;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

pub(super) fn checks(patient: &Patient<'_>, is_root: bool) -> Vec<Check> {
    let mut checks: Vec<_> = patient.socket.map(agent).into_iter().collect();
    if !is_root {
        let meaning = "programs, tables and the journal can't be looked at";
        checks.push(Check::warning(
            "as root",
            "no",
            meaning,
            "run doctor as root for the rest",
        ));
        return checks;
    }
    checks.push(programs(patient));
    let (check, state) = journal(patient.state_dir);
    checks.push(check);
    let pins = state.as_ref().map_or(patient.pins, |state| &state.pins);
    checks.push(tables(pins, state.as_ref()));
    if let Some(state) = &state {
        checks.extend(enforced(patient.state_dir));
        checks.extend(neighbours::checks(state));
        checks.extend(uplink::checks(state, patient.state_dir));
        checks.extend(annex::service_port(state));
        checks.extend(annex::finisher(state));
    }
    checks.extend(left_over(state.as_ref()));
    checks
}

fn agent(socket: &Path) -> Check {
    match Client::find(socket) {
        Ok(Some(_)) => Check::ok(
            "agent",
            format!("listens at {}", socket.display()),
            "guests that come back are bound again, and so is everything after a reboot",
        ),
        Ok(None) => Check::warning(
            "agent",
            format!("nobody listens at {}", socket.display()),
            "what is up goes on, but nobody binds guests that come back, and nothing comes up after a reboot",
            "systemctl enable --now groundplane, if that is wanted",
        ),
        Err(client::Error::Socket { error, .. }) => Check::warning(
            "agent",
            format!("{} can't be opened: {error}", socket.display()),
            "an agent may be running",
            "run as root, or as a member of the group it was given",
        ),
        Err(error) => Check::failure("agent", error.to_string(), "it doesn't answer", "restart it"),
    }
}

/// Loads the programs with small tables, under a name of its own, and throws them away.
fn programs(patient: &Patient<'_>) -> Check {
    const NAME: &str = "programs";
    let Some(load) = &patient.load else {
        return Check::failure(
            NAME,
            "this binary has none",
            "it can check documents, and nothing else",
            "build it with cargo xtask build",
        );
    };
    if !matches!(bpffs::is_mounted(), Ok(true)) {
        let meaning = "whether they load can't be tried without a BPF file system";
        return Check::warning(NAME, "not tried", meaning, "mount it, or bring something up");
    }
    let began = Instant::now();
    match try_to_load(load) {
        Ok(()) => Check::ok(
            NAME,
            format!("load in {} ms", began.elapsed().as_millis()),
            "the kernel's verifier takes them",
        ),
        Err(error) => Check::failure(
            NAME,
            error.to_string(),
            "nothing can be brought up",
            "see what the kernel said; a newer one may take them",
        ),
    }
}

fn try_to_load(load: &LoadOptions<'_>) -> install::Result<()> {
    const SMALL: [(&str, u32); 6] = [
        (map::ip4::FLOWS, 64),
        (map::ip6::FLOWS, 64),
        (map::ip4::EMBRYOS, 1024),
        (map::ip6::EMBRYOS, 1024),
        (map::ip4::RING, 64),
        (map::ip6::RING, 64),
    ];
    let pins = Path::new(bpffs::MOUNT_POINT).join(format!("groundplane-doctor-{}", std::process::id()));
    let load = LoadOptions {
        capacities: SMALL.to_vec(),
        ..load.clone()
    };
    let loaded = Datapath::open_or_load(&pins, &load).map(drop);
    let unloaded = Datapath::unload(&pins);
    loaded.and(unloaded)
}

fn journal(state_dir: &Path) -> (Check, Option<State>) {
    const NAME: &str = "journal";
    let place = state_dir.display();
    match store::read(state_dir) {
        Ok(None) => (Check::ok(NAME, format!("none in {place}"), "nothing is up"), None),
        Ok(Some(state)) => (describe(&state, state_dir), Some(state)),
        Err(error @ Error::StateVersion { .. }) => {
            let meaning = "this version can neither change it nor take it down";
            let advice = "take it down with the version that brought it up";
            (Check::failure(NAME, error.to_string(), meaning, advice), None)
        }
        Err(error) => {
            let meaning = "what is up isn't known";
            (
                Check::failure(NAME, error.to_string(), meaning, "see whether the disk is sound"),
                None,
            )
        }
    }
}

fn describe(state: &State, state_dir: &Path) -> Check {
    const NAME: &str = "journal";
    let found = format!("{} guests in {}", state.guests.len(), state_dir.display());
    match (state.is_of_this_boot(), state.stage) {
        (Ok(false), _) => Check::warning(
            NAME,
            found,
            "they were up before the host was started anew",
            "the agent brings them up again, and so does groundplane up",
        ),
        (_, Stage::Changing) => Check::warning(
            NAME,
            found,
            "a change is under way, or was killed",
            "if nothing is running: groundplane up with the same documents finishes it, groundplane down removes all",
        ),
        (_, Stage::Leaving) => Check::warning(
            NAME,
            found,
            "they are being taken down, or that failed or was killed",
            "if nothing is running: groundplane down says what stands in its way, or finishes it",
        ),
        (_, Stage::Up) => Check::ok(NAME, found, "they are up"),
    }
}

fn tables(pins: &Path, state: Option<&State>) -> Check {
    const NAME: &str = "tables";
    let place = pins.display();
    let of_this_boot = state.is_some_and(|state| state.is_of_this_boot().unwrap_or(false));
    match (Datapath::open(pins), of_this_boot) {
        (Ok(datapath), true) => Check::ok(
            NAME,
            format!("{place}, generation {}", datapath.generation().0),
            format!("of the layout this version works with{}", memory_of(&datapath)),
        ),
        (Ok(_), false) => Check::warning(
            NAME,
            format!("some are pinned at {place}"),
            "no journal knows them",
            "if no other deployment has its journal elsewhere (--state-dir), remove the directory",
        ),
        (Err(Error::NotLoaded(_)), false) => Check::ok(NAME, format!("none at {place}"), "nothing is up"),
        (Err(Error::NotLoaded(_)), true) => Check::failure(
            NAME,
            format!("none at {place}"),
            "somebody removed them; guests reach nobody",
            "groundplane up with the same documents",
        ),
        (Err(error), _) => Check::failure(NAME, error.to_string(), "they can't be used", "see the message"),
    }
}

/// What tables take of the kernel's memory, as far as it says so.
fn memory_of(datapath: &Datapath) -> String {
    match datapath.fill() {
        Ok(tables) => {
            let bytes = tables.iter().filter_map(|table| table.memory_bytes).sum();
            format!(", {} of memory", size(bytes))
        }
        Err(_) => String::new(),
    }
}

fn enforced(state_dir: &Path) -> Option<Check> {
    const NAME: &str = "ENIs";
    let enis = match status::gather(state_dir) {
        Ok(status) => status.enis,
        Err(error) => {
            return Some(Check::failure(
                NAME,
                error.to_string(),
                "they can't be looked at",
                "see the message",
            ));
        }
    };
    let bad = |enforcement| !matches!(enforcement, Enforcement::Enforced | Enforcement::DeviceDown);
    let bad: Vec<_> = enis
        .iter()
        .filter(|eni| bad(eni.enforcement))
        .map(|eni| format!("{}/{} {}", eni.vpc, eni.name, eni.enforcement.words()))
        .collect();
    if enis.is_empty() {
        return None;
    }
    Some(if bad.is_empty() {
        Check::ok(
            NAME,
            format!("{} enforced", enis.len()),
            "every packet of theirs is judged",
        )
    } else {
        Check::failure(
            NAME,
            bad.join("; "),
            "the network isn't what the document says",
            "groundplane up with the same documents repairs what can be repaired",
        )
    })
}

/// Devices that bear our mark, and that the journal doesn't name.
fn left_over(state: Option<&State>) -> Option<Check> {
    let guests = state
        .into_iter()
        .flat_map(State::all_guests)
        .map(|guest| &*guest.device);
    let uplinks = state.into_iter().flat_map(|state| &state.uplinks);
    let annexes = state.into_iter().flat_map(State::annexes);
    let made = uplinks
        .map(|uplink| &*uplink.device)
        .chain(annexes.map(|annex| &*annex.device));
    let known: BTreeSet<_> = guests.chain(made).collect();
    // As `ip -d link` shows them.
    let devices = std::fs::read_dir("/sys/class/net").ok()?.flatten();
    let is_ours = |device: &std::fs::DirEntry| {
        let alias = std::fs::read_to_string(device.path().join("ifalias"));
        alias.is_ok_and(|alias| alias.starts_with(&names::alias("")))
    };
    let strangers: Vec<_> = devices
        .filter(is_ours)
        .map(|device| device.file_name().to_string_lossy().into_owned())
        .filter(|name| !known.contains(&**name))
        .collect();
    (!strangers.is_empty()).then(|| {
        Check::warning(
            "left over",
            strangers.join(", "),
            "these devices were made by groundplane, and this journal doesn't know them",
            "if no other deployment has its journal elsewhere (--state-dir): ip link delete each",
        )
    })
}
