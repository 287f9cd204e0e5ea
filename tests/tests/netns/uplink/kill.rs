//! Whoever is killed while seeing to an uplink leaves nothing that stays.

use super::{HOST, VPC, inventory, is_as_it_was, outside, uplink, with};
use anyhow::{Result, ensure};
use groundplane_tests::netns::Lab;
use std::process::Stdio;
use std::time::Duration;

/// Runs the binary and kills it after a while.
fn killed(lab: &Lab, args: &[&str], after: Duration) -> Result<()> {
    let mut command = lab.groundplane_command(args)?;
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn()?;
    std::thread::sleep(after);
    child.kill()?;
    child.wait()?;
    Ok(())
}

#[test]
fn a_killed_up_is_taken_down_wholly_or_finished() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.on_host(&["iptables-nft", "-P", "FORWARD", "DROP"])?.success()?;
    let before = inventory(&lab)?;
    lab.up(VPC)?;
    let without = inventory(&lab)?;
    // With the programs loaded it is soon at the uplink.
    for round in 0..24_u64 {
        let path = lab.document(&with(HOST))?;
        killed(
            &lab,
            &["apply", &path.to_string_lossy()],
            Duration::from_millis(10 + 4 * round),
        )?;
        if round % 3 == 0 {
            lab.down()?;
            is_as_it_was(&lab, &before)?;
        }
        if round % 3 == 1 {
            lab.up(&with(HOST))?;
            ensure!(uplink(&lab)?["condition"] == "up", "round {round}: {:#}", uplink(&lab)?);
        }
        lab.up(VPC)?;
        let devices = inventory(&lab)?;
        for what in ["nftables", "settings", "routes", "IPv6 routes", "neighbours"] {
            ensure!(
                devices[what] == without[what],
                "round {round}: {what}: {}",
                devices[what]
            );
        }
    }
    lab.down()?;
    is_as_it_was(&lab, &before)
}

#[test]
fn a_killed_down_is_finished_by_the_next() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let before = inventory(&lab)?;
    for round in 0..8_u64 {
        lab.up(&with(HOST))?;
        killed(&lab, &["down"], Duration::from_millis(5 + 10 * round))?;
        lab.down()?;
        is_as_it_was(&lab, &before)?;
    }
    Ok(())
}
