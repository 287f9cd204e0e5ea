//! A configuration of a thousand ENIs over devices that are there: all of it, a rule of it, and nothing of it left. And
//! a small one beside as many of somebody else's.

use anyhow::{Context, Result, ensure};
use groundplane_tests::large::{self, Size};
use groundplane_tests::netns::Lab;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SIZE: Size = Size::LARGE;

/// Makes host sides in a namespace, as somebody else would.
fn make_devices(lab: &Lab, place: &str, count: usize) -> Result<()> {
    let lines = (0..count).map(|number| {
        format!(
            "link add {} up type veth peer name guest{number}\n",
            large::device(number)
        )
    });
    let path = lab.dir().join("devices");
    fs::write(&path, lines.collect::<String>())?;
    lab.run(place, &["ip", "-batch", &path.to_string_lossy()])?
        .success()
        .map(drop)
}

/// Names and MACs of all devices, and whether they are up.
fn devices(lab: &Lab) -> Result<BTreeSet<String>> {
    let links = lab.on_host(&["ip", "-j", "link"])?.success()?.json()?;
    let links = links.as_array().context("a list of devices")?.iter();
    let is_up = |link: &Value| {
        link["flags"]
            .as_array()
            .is_some_and(|flags| flags.iter().any(|flag| flag == "UP"))
    };
    Ok(links
        .map(|link| format!("{} {} {}", link["ifname"], link["address"], is_up(link)))
        .collect())
}

fn write(directory: &Path, port: u16) -> Result<()> {
    fs::create_dir_all(directory)?;
    for source in large::sources(SIZE, port) {
        fs::write(directory.join(&source.name), &source.bytes)?;
    }
    Ok(())
}

#[test]
fn a_thousand_devices_are_put_behind_enis_and_given_back() -> Result<()> {
    let lab = Lab::new()?;
    make_devices(&lab, "host", SIZE.all_enis())?;
    let before = devices(&lab)?;
    let network = lab.dir().join("network");
    write(&network, 80)?;
    let up = |lab: &Lab| {
        lab.groundplane(&["up", &network.to_string_lossy(), "--output", "json"])?
            .success()?
            .json()
    };
    up(&lab)?;
    let status = lab.status()?;
    let enis = status["enis"].as_array().context("enis")?;
    ensure!(enis.len() == SIZE.all_enis() && enis.iter().all(|eni| eni["enforcement"] == "enforced"));
    let documents = || fs::read_dir(lab.state_dir().join("documents")).map(Iterator::count);
    ensure!(documents()? == SIZE.vpcs);
    fs::write(network.join("vpc-000.yaml"), large::text(SIZE, 0, 81))?;
    let said = up(&lab)?;
    ensure!(
        said["outcome"] == "changed" && said["stayed"] == SIZE.all_enis(),
        "{}",
        said["outcome"]
    );
    ensure!(documents()? == SIZE.vpcs + 1, "one file has changed");
    lab.down()?;
    ensure!(!lab.pin_dir().exists() && !lab.state_dir().exists());
    let after = devices(&lab)?;
    let differing: Vec<_> = before.symmetric_difference(&after).take(4).collect();
    ensure!(differing.is_empty(), "{differing:?}");
    Ok(())
}

/// A kernel that is told of two thousand devices is behind with them for half a minute.
#[test]
fn who_is_up_speaks_at_once_beside_thousands_of_somebody_elses_devices() -> Result<()> {
    let lab = Lab::new()?;
    lab.make_guest("somebody")?;
    make_devices(&lab, "somebody", 2 * SIZE.all_enis())?;
    lab.up(crate::TWO_VPCS)?;
    for (from, to) in [("web", "10.0.1.11"), ("blue-web", "10.0.1.20"), ("web", "10.0.2.10")] {
        lab.run(from, &["ping", "-c", "1", "-W", "5", to])?.success()?;
    }
    lab.down()
}
