//! The host started anew, as far as that can be had without doing so: what a boot ends is ended, and the boot is
//! another.

use super::{engine, eni, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::Lab;
use std::fs;

const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    security_groups:
      open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }] }
      closed: {}
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web, groups: [open] }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db, groups: [closed] }
      kept: { subnet: back, PrivateIpAddress: 10.0.2.20, namespace: $kept, adopt: true, groups: [open] }
";

/// Ends what a boot ends: namespaces, devices, pins; and makes the journal one of another boot.
fn reboot(lab: &Lab) -> Result<()> {
    for guest in ["web", "db", "kept"] {
        lab.on_host(&["ip", "netns", "delete", &lab.namespace(guest)])?
            .success()?;
    }
    remove_pins(lab)?;
    let path = lab.state_dir().join("state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    state["boot_id"] = "another".into();
    fs::write(&path, serde_json::to_vec(&state)?)?;
    Ok(())
}

fn remove_pins(lab: &Lab) -> Result<()> {
    fs::remove_dir_all(lab.pin_dir()).context("removing the pins")
}

#[test]
fn after_a_boot_the_last_configuration_is_in_force_again_and_who_is_not_there_yet_is_waited_for() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["ip", "netns", "add", &lab.namespace("kept")])?
        .success()?;
    lab.up(DOCUMENT)?;
    reboot(&lab)?;
    // Whoever takes the host over restores it.
    lab.inside("host", || engine(&lab).map(drop))?;
    let status = lab.status()?;
    ensure!(status["condition"] == "up", "{status:#}");
    for guest in ["web", "db"] {
        ensure!(eni(&status, guest)?["enforcement"] == "enforced", "{status:#}");
    }
    ping(&lab, "db", "10.0.1.10")?;
    no_ping(&lab, "web", "10.0.2.10")?;
    ensure!(eni(&status, "kept")?["enforcement"] != "enforced", "{status:#}");
    lab.on_host(&["ip", "netns", "add", &lab.namespace("kept")])?
        .success()?;
    lab.up(DOCUMENT)?;
    ping(&lab, "web", "10.0.2.20")?;
    lab.down()?;
    ensure!(!lab.pin_dir().exists() && !lab.state_dir().exists());
    Ok(())
}

#[test]
fn where_the_programs_are_gone_they_are_loaded_again_and_guests_stay() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["ip", "netns", "add", &lab.namespace("kept")])?
        .success()?;
    lab.up(DOCUMENT)?;
    let mut sleeper = lab.start("db", &["sleep", "60"])?;
    remove_pins(&lab)?;
    lab.up(DOCUMENT)?;
    ping(&lab, "db", "10.0.1.10")?;
    no_ping(&lab, "web", "10.0.2.10")?;
    ensure!(sleeper.is_running()?, "a process in a guest was ended");
    lab.down()?;
    ensure!(!lab.pin_dir().exists() && !lab.state_dir().exists());
    Ok(())
}

#[test]
fn a_rollback_is_the_configuration_before_under_a_new_generation() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["ip", "netns", "add", &lab.namespace("kept")])?
        .success()?;
    lab.up(DOCUMENT)?;
    let generation = |lab: &Lab| -> Result<u64> { lab.status()?["generation"].as_u64().context("a number") };
    let first = generation(&lab)?;
    no_ping(&lab, "web", "10.0.2.10")?;
    lab.up(&DOCUMENT.replace("groups: [closed]", "groups: [open]"))?;
    ping(&lab, "web", "10.0.2.10")?;
    lab.groundplane(&["rollback"])?.success()?;
    no_ping(&lab, "web", "10.0.2.10")?;
    ensure!(generation(&lab)? > first + 1);
    lab.down()
}
