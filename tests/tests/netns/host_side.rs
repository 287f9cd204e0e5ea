//! Guests that are somebody else's: devices adopted by their name, and what goes and comes back.

use super::{engine, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane::install::{Quiet, Whereabouts};
use groundplane_tests::netns::{Lab, Talk};
use serde_json::Value;

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
      theirs: { subnet: front, PrivateIpAddress: 10.0.1.20, device: theirs0 }
";

/// Makes a container as somebody else would: a namespace, a pair into it, its address and its route.
fn container(lab: &Lab, mac: &str) -> Result<()> {
    let namespace = lab.namespace("theirs");
    lab.on_host(&["ip", "netns", "add", &namespace])?.success()?;
    let add = [
        "ip", "link", "add", "theirs0", "type", "veth", "peer", "name", "eth0", "netns", &namespace,
    ];
    lab.on_host(&add)?.success()?;
    for command in [
        &["ip", "link", "set", "eth0", "address", mac, "up"][..],
        &["ip", "address", "add", "10.0.1.20/24", "dev", "eth0"],
    ] {
        lab.run("theirs", command)?.success()?;
    }
    lab.on_host(&["ip", "link", "set", "theirs0", "up"])?.success()?;
    let route = ["ip", "route", "add", "default", "via", "10.0.1.1"];
    lab.run("theirs", &route)?.success().map(drop)
}

fn remove_container(lab: &Lab) -> Result<()> {
    let namespace = lab.namespace("theirs");
    lab.on_host(&["ip", "netns", "delete", &namespace])?.success()?;
    // The pair goes with the namespace, some time later.
    groundplane_tests::netns::eventually(|| Ok(host_side(lab)?.is_none()))
}

/// The adopted device as `ip` tells of it.
fn host_side(lab: &Lab) -> Result<Option<Value>> {
    let links = lab.on_host(&["ip", "-j", "link"])?.success()?.json()?;
    let mut links = links.as_array().context("a list of devices")?.iter();
    Ok(links.find(|link| link["ifname"] == "theirs0").cloned())
}

/// The MAC that the ENI has by its document.
fn mac(lab: &Lab) -> Result<String> {
    let status = lab.status()?;
    let mac = super::eni(&status, "theirs")?["mac_address"].as_str();
    Ok(mac.context("an ENI has a MAC")?.to_owned())
}

/// A lab in which the container is there and up.
fn adopted() -> Result<Lab> {
    let lab = Lab::new()?;
    container(&lab, "02:00:00:00:00:01")?;
    lab.up(DOCUMENT)?;
    let mac = mac(&lab)?;
    lab.run("theirs", &["ip", "link", "set", "eth0", "address", &mac])?
        .success()?;
    Ok(lab)
}

#[test]
fn a_device_that_is_there_is_put_behind_an_eni_and_given_back_as_it_was() -> Result<()> {
    let lab = Lab::new()?;
    container(&lab, "02:00:00:00:00:01")?;
    let before = host_side(&lab)?.context("theirs0 is there")?;
    lab.up(DOCUMENT)?;
    let mac = mac(&lab)?;
    lab.run("theirs", &["ip", "link", "set", "eth0", "address", &mac])?
        .success()?;
    ping(&lab, "theirs", "10.0.2.10")?;
    ping(&lab, "web", "10.0.1.20")?;
    lab.up(&DOCUMENT.replace("10.0.2.10", "10.0.2.11"))?;
    ping(&lab, "theirs", "10.0.2.11")?;
    lab.down()?;
    let after = host_side(&lab)?.context("theirs0 is still there")?;
    for field in ["ifindex", "address", "mtu"] {
        ensure!(
            before[field] == after[field],
            "{field}: {} before, {} after",
            before[field],
            after[field]
        );
    }
    let programs = lab.on_host(&["bpftool", "net", "show", "dev", "theirs0"]);
    let attached = programs.map(|output| output.stdout.contains("eni_")).unwrap_or(false);
    ensure!(!attached, "programs are still attached");
    lab.run("theirs", &["ip", "address", "show", "eth0"])?
        .success()
        .map(drop)
}

#[test]
fn an_adopted_device_passes_to_another_eni_without_a_gap_in_its_programs() -> Result<()> {
    let lab = adopted()?;
    let other = DOCUMENT.replace(
        "theirs: { subnet: front, PrivateIpAddress: 10.0.1.20",
        "heir: { subnet: front, PrivateIpAddress: 10.0.1.21",
    );
    lab.up(&other)?;
    let status = lab.status()?;
    let heir = super::eni(&status, "heir")?;
    ensure!(
        heir["enforcement"] == "enforced" && heir["device"] == "theirs0",
        "{heir:#}"
    );
    lab.down()?;
    ensure!(host_side(&lab)?.is_some());
    Ok(())
}

#[test]
fn who_goes_answers_for_nothing_and_who_comes_back_is_bound_again_while_others_go_on() -> Result<()> {
    let lab = adopted()?;
    ping(&lab, "web", "10.0.1.20")?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    let mac = mac(&lab)?;
    lab.inside("host", || {
        let mut engine = engine(&lab)?;
        ensure!(engine.reconcile(&Quiet)?.is_empty(), "nothing has changed");
        let generation = engine.datapath().context("loaded")?.generation();
        remove_container(&lab)?;
        let gone = engine.reconcile(&Quiet)?;
        ensure!(
            gone.len() == 1 && gone[0].name == "red/theirs" && gone[0].whereabouts == Whereabouts::Gone,
            "{gone:?}"
        );
        ensure!(engine.reconcile(&Quiet)?.is_empty(), "it is known to be gone");
        no_ping(&lab, "web", "10.0.1.20")?;
        container(&lab, &mac)?;
        let back = engine.reconcile(&Quiet)?;
        ensure!(back.len() == 1 && back[0].whereabouts == Whereabouts::Back, "{back:?}");
        ensure!(engine.datapath().context("loaded")?.generation() > generation);
        Ok(())
    })?;
    ping(&lab, "web", "10.0.1.20")?;
    ping(&lab, "theirs", "10.0.2.10")?;
    talk.end()?;
    lab.down()
}

#[test]
fn a_namespace_that_is_deleted_and_made_again_gets_its_interface_again() -> Result<()> {
    let lab = Lab::new()?;
    let namespace = lab.namespace("web");
    lab.on_host(&["ip", "netns", "add", &namespace])?.success()?;
    let adopting = DOCUMENT.replace("namespace: $web", "namespace: $web, adopt: true");
    let adopting: String = adopting
        .lines()
        .filter(|line| !line.contains("theirs"))
        .map(|line| format!("{line}\n"))
        .collect();
    lab.up(&adopting)?;
    ping(&lab, "web", "10.0.2.10")?;
    lab.inside("host", || {
        let mut engine = engine(&lab)?;
        lab.on_host(&["ip", "netns", "delete", &namespace])?.success()?;
        lab.on_host(&["ip", "netns", "add", &namespace])?.success()?;
        let back = engine.reconcile(&Quiet)?;
        ensure!(back.len() == 1 && back[0].whereabouts == Whereabouts::Back, "{back:?}");
        Ok(())
    })?;
    ping(&lab, "web", "10.0.2.10")?;
    ping(&lab, "db", "10.0.1.10")?;
    lab.down()?;
    ensure!(
        std::path::Path::new("/run/netns").join(&namespace).exists(),
        "it is not ours to remove"
    );
    Ok(())
}
