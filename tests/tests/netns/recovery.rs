//! What fails, is killed or is taken away halfway: nobody is up without programs, nothing is without an owner, and what
//! is somebody else's stays.

use super::{device, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane::document::Source;
use groundplane::install::state::{Stage, State};
use groundplane::install::{
    Adopted, ApplyOptions, Engine, EngineOptions, LoadOptions, Quiet, Whereabouts, netns, store,
};
use groundplane::object::object;
use groundplane_tests::netns::{Lab, eventually};
use serde_json::Value;
use std::fs;

const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
      vm: { subnet: front, PrivateIpAddress: 10.0.1.50, tap: vm0 }
";

fn brought_up() -> Result<Lab> {
    let lab = Lab::new()?;
    lab.up(DOCUMENT)?;
    Ok(lab)
}

/// The document without the guest of this name.
fn without(guest: &str) -> String {
    let lines = DOCUMENT.lines().filter(|line| !line.contains(&format!(" {guest}:")));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Takes the lab's host over, with a BPF object to load if need be. To be called inside of it.
fn open(lab: &Lab, object: &'static [u8]) -> Result<(Engine, Adopted)> {
    let options = EngineOptions {
        state_dir: lab.state_dir(),
        pins: Some(lab.pin_dir()),
        load: LoadOptions {
            object,
            ..LoadOptions::default()
        },
    };
    Ok(Engine::open(options, &Quiet)?)
}

fn journal(lab: &Lab) -> Result<State> {
    store::read(&lab.state_dir())?.context("the journal is gone")
}

/// The devices on the lab's host, apart from the loopback.
fn links(lab: &Lab) -> Result<Vec<Value>> {
    let links = lab.on_host(&["ip", "-j", "link"])?.success()?.json()?;
    let links = links.as_array().context("a list of devices")?.iter();
    Ok(links.filter(|link| link["ifname"] != "lo").cloned().collect())
}

fn link(lab: &Lab, name: &str) -> Result<Option<Value>> {
    Ok(links(lab)?.into_iter().find(|link| link["ifname"] == name))
}

/// Makes a host side look like somebody else's, so that it can't be removed, or ours again.
fn set_alias(lab: &Lab, device: &str, alias: &str) -> Result<()> {
    lab.on_host(&["ip", "link", "set", device, "alias", alias])?
        .success()
        .map(drop)
}

fn nothing_is_left(lab: &Lab) -> Result<()> {
    ensure!(links(lab)?.is_empty(), "{:#?}", links(lab)?);
    ensure!(!lab.pin_dir().exists() && !lab.state_dir().exists());
    ensure!(lab.namespaces()?.is_empty(), "namespaces are left");
    Ok(())
}

#[test]
fn whoever_fails_to_load_programs_anew_leaves_guests_down_and_down_removes_them() -> Result<()> {
    let lab = brought_up()?;
    fs::remove_dir_all(lab.pin_dir())?;
    let opened = lab.inside("host", || Ok(open(&lab, b"no object").is_ok()))?;
    ensure!(!opened, "programs were loaded from nothing");
    let state = journal(&lab)?;
    ensure!(
        state.guests.len() == 3 && state.stage == Stage::Changing,
        "nobody knows of the guests any more: {state:#?}"
    );
    for link in links(&lab)? {
        let flags = link["flags"].as_array().context("a list of flags")?;
        ensure!(!flags.iter().any(|flag| flag == "UP"), "up without programs: {link:#}");
    }
    no_ping(&lab, "web", "10.0.2.10")?;
    lab.down()?;
    nothing_is_left(&lab)
}

#[test]
fn a_host_side_that_lost_its_programs_gets_them_again_and_its_guest_stays() -> Result<()> {
    let lab = brought_up()?;
    let before = journal(&lab)?;
    let name = device(&lab.status()?, "web")?;
    fs::remove_dir_all(lab.pin_dir().join("links").join(&name))?;
    let enforced = || -> Result<bool> { Ok(super::status_of(&lab, "web")?["enforcement"] == "enforced") };
    eventually(|| Ok(!enforced()?))?;
    let adopted = lab.inside("host", || open(&lab, object()?).map(|(_, adopted)| adopted))?;
    ensure!(
        adopted.findings.iter().any(|finding| finding.contains(&name)),
        "{adopted:?}"
    );
    ensure!(enforced()?, "{:#}", lab.status()?);
    ping(&lab, "web", "10.0.2.10")?;
    ensure!(journal(&lab)?.guests == before.guests);
    lab.down()
}

#[test]
fn a_host_side_that_somebody_renamed_is_known_and_removed() -> Result<()> {
    let lab = brought_up()?;
    let name = device(&lab.status()?, "web")?;
    lab.inside("host", || {
        let (mut engine, _) = open(&lab, object()?)?;
        lab.on_host(&["ip", "link", "set", &name, "name", "foo"])?.success()?;
        let back = engine.reconcile(&Quiet)?;
        ensure!(back.len() == 1 && back[0].whereabouts == Whereabouts::Back, "{back:?}");
        Ok(())
    })?;
    ensure!(link(&lab, "foo")?.is_none(), "it is left behind");
    ensure!(links(&lab)?.len() == 3);
    ping(&lab, "web", "10.0.2.10")?;
    let name = device(&lab.status()?, "db")?;
    lab.on_host(&["ip", "link", "set", &name, "name", "bar"])?.success()?;
    lab.down()?;
    nothing_is_left(&lab)
}

#[test]
fn a_tap_that_somebody_else_made_under_the_name_of_ours_is_left_alone() -> Result<()> {
    let lab = brought_up()?;
    let theirs = lab.inside("host", || {
        let (mut engine, _) = open(&lab, object()?)?;
        lab.on_host(&["ip", "link", "delete", "vm0"])?.success()?;
        lab.on_host(&["ip", "tuntap", "add", "dev", "vm0", "mode", "tap"])?
            .success()?;
        let theirs = link(&lab, "vm0")?.context("it was just made")?;
        let gone = engine.reconcile(&Quiet)?;
        ensure!(gone.len() == 1 && gone[0].whereabouts == Whereabouts::Gone, "{gone:?}");
        Ok(theirs)
    })?;
    let same =
        |lab: &Lab| Ok::<_, anyhow::Error>(link(lab, "vm0")?.is_some_and(|it| it["ifindex"] == theirs["ifindex"]));
    ensure!(same(&lab)?, "it was removed");
    lab.down()?;
    ensure!(same(&lab)?, "down has removed it");
    Ok(())
}

#[test]
fn a_down_that_failed_is_finished_and_not_undone() -> Result<()> {
    let lab = brought_up()?;
    let name = "vm0";
    set_alias(&lab, name, "theirs")?;
    let said = lab.groundplane(&["down"])?.failure()?.stderr;
    ensure!(said.contains(name), "{said}");
    ensure!(journal(&lab)?.stage == Stage::Leaving);
    let opened = lab.inside("host", || Ok(open(&lab, object()?).is_ok()))?;
    ensure!(!opened, "what stands in the way is not told");
    ensure!(links(&lab)?.len() == 1, "something was made again");
    set_alias(&lab, name, &journal(&lab)?.guests[2].alias)?;
    lab.inside("host", || {
        let (engine, _) = open(&lab, object()?)?;
        ensure!(engine.applied().is_none() && engine.state().is_none());
        Ok(())
    })?;
    nothing_is_left(&lab)
}

#[test]
fn what_fails_after_a_configuration_is_in_force_is_tried_again_and_the_configuration_is_known() -> Result<()> {
    let lab = brought_up()?;
    let name = "vm0";
    let alias = journal(&lab)?.guests[2].alias.clone();
    let text = fs::read(lab.document(&without("vm"))?)?;
    lab.inside("host", || {
        let (mut engine, _) = open(&lab, object()?)?;
        set_alias(&lab, name, "theirs")?;
        let sources = vec![Source::new("vpc.yaml".to_owned(), text)];
        let candidate = engine.read(sources.clone()).map_err(|it| anyhow::anyhow!("{it}"))?;
        let failed = engine.apply(candidate, ApplyOptions::default(), &Quiet);
        let error = failed.err().context("nobody noticed")?;
        ensure!(error.is_in_force(), "{error}");
        let applied = engine.applied().context("something is in force")?;
        ensure!(applied.sources == sources);
        let generation = engine.datapath().context("loaded")?.generation().0;
        ensure!(applied.manifest.generation == generation);
        ensure!(engine.reconcile(&Quiet).is_err(), "it still can't be removed");
        set_alias(&lab, name, &alias)?;
        engine.reconcile(&Quiet)?;
        let state = engine.state().context("something is up")?;
        ensure!(state.stage == Stage::Up && state.passing.is_empty(), "{state:#?}");
        Ok(())
    })?;
    ensure!(link(&lab, name)?.is_none(), "the guest that is gone was left behind");
    ensure!(links(&lab)?.len() == 2);
    lab.down()?;
    nothing_is_left(&lab)
}

#[test]
fn a_namespace_that_somebody_else_made_under_the_name_of_ours_is_not_removed() -> Result<()> {
    let lab = brought_up()?;
    let web = lab.namespace("web");
    let ours = netns::identity(&web)?.context("it is there")?;
    lab.on_host(&["ip", "netns", "delete", &web])?.success()?;
    let gone = device(&lab.status()?, "web")?;
    eventually(|| Ok(link(&lab, &gone)?.is_none()))?;
    // The kernel gives the inode again, but not always to the very next one.
    for number in 0..30 {
        let name = lab.namespace(&format!("probe{number}"));
        lab.on_host(&["ip", "netns", "add", &name])?.success()?;
        let found = netns::identity(&name)?.context("it was just made")?;
        if found.inode == ours.inode || number == 29 {
            netns::rename(&name, &web)?;
            break;
        }
    }
    let theirs = netns::identity(&web)?;
    ensure!(theirs != Some(ours), "nothing tells it from ours");
    lab.down()?;
    ensure!(netns::identity(&web)? == theirs, "it was removed");
    Ok(())
}
