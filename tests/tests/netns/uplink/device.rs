//! A device of the host's as uplink: the host's own traffic on it notices nothing.

use super::{HOST, VPC, apply, inventory, is_as_it_was, outside, uplink, with};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Talk, eventually};

const WAN: &str = "uplinks: { wan: { device: wan0 } }\n";

/// What `ip` tells of the device, apart from what it has counted.
fn device(lab: &Lab) -> Result<String> {
    Ok(lab.on_host(&["ip", "-d", "address", "show", "wan0"])?.success()?.stdout)
}

/// The server outside is asked, and somebody outside asks the host, all the time.
fn around(lab: &Lab, work: impl Fn() -> Result<()>) -> Result<()> {
    let out = Talk::start(lab, "host", "outside", "192.0.2.7:7001")?;
    let into = Talk::start(lab, "outside", "host", "192.0.2.1:22")?;
    work()?;
    let rounds = (out.rounds(), into.rounds());
    eventually(|| Ok(out.rounds() > rounds.0 && into.rounds() > rounds.1))?;
    out.end()?;
    into.end()?;
    Ok(())
}

#[test]
fn a_device_stays_as_it_is_and_so_does_what_the_host_does_on_it() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let (before, device_before) = (inventory(&lab)?, device(&lab)?);
    lab.up(VPC)?;
    let without = inventory(&lab)?;
    around(&lab, || {
        lab.up(&with(WAN))?;
        let up = uplink(&lab)?;
        ensure!(up["condition"] == "up" && up["kind"] == "device", "{up:#}");
        ensure!(device(&lab)? == device_before, "{}", device(&lab)?);
        let there = inventory(&lab)?;
        for what in ["nftables", "settings", "routes", "IPv6 routes", "neighbours"] {
            ensure!(there[what] == without[what], "{what}: {}", there[what]);
        }
        let programs = &there["devices and programs"];
        ensure!(programs.contains("uplink_ingress"), "{programs}");
        lab.up(&with(WAN))?;
        is_as_it_was(&lab, &there)?;
        apply(&lab, &with("uplinks: { wan: { device: wan0, announce: route } }\n"))?;
        apply(&lab, &with(HOST))?;
        apply(&lab, &with(WAN))?;
        apply(&lab, VPC)?;
        apply(&lab, &with(WAN))?;
        lab.down()?;
        is_as_it_was(&lab, &before)?;
        ensure!(device(&lab)? == device_before, "{}", device(&lab)?);
        Ok(())
    })
}

#[test]
fn a_web_server_of_the_host_goes_on_answering() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let server = std::fs::write(lab.dir().join("index.html"), "hello");
    server.context("a page")?;
    let directory = lab.dir().to_string_lossy().into_owned();
    let _server = lab.start(
        "host",
        &[
            "python3",
            "-m",
            "http.server",
            "80",
            "--bind",
            "192.0.2.1",
            "--directory",
            &directory,
        ],
    )?;
    crate::listens(&lab, "host", 80)?;
    let asks = || -> Result<()> {
        let url = "http://192.0.2.1/index.html";
        let said = lab
            .run("outside", &["curl", "-s", "--max-time", "5", url])?
            .success()?
            .stdout;
        ensure!(said == "hello", "{said}");
        Ok(())
    };
    asks()?;
    for step in 0..3 {
        match step {
            0 => lab.up(&with(WAN))?,
            1 => apply(&lab, &with(WAN).replace("203.0.113.11", "203.0.113.12"))?,
            _ => lab.down()?,
        }
        asks().with_context(|| format!("step {step}"))?;
    }
    Ok(())
}

#[test]
fn a_device_that_goes_and_comes_back_is_the_uplink_again() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(&with(WAN))?;
    let agent = lab.agent(&[])?;
    lab.remove_guest("outside")?;
    eventually(|| Ok(uplink(&lab)?["condition"] == "device_missing"))?;
    // Another configuration is not held up by it.
    let other = lab.document(&with(WAN).replace("203.0.113.11", "203.0.113.12"))?;
    let socket = agent.socket().to_string_lossy().into_owned();
    lab.groundplane(&["apply", &other.to_string_lossy(), "--socket", &socket])?
        .success()?;
    outside(&lab)?;
    eventually(|| Ok(uplink(&lab)?["condition"] == "up"))?;
    agent.stop()?;
    lab.down()
}

#[test]
fn a_device_that_is_not_there_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let path = lab.document(&with(WAN))?;
    let said = lab.groundplane(&["up", &path.to_string_lossy()])?;
    ensure!(
        said.code == Some(4) && said.stderr.contains("this host has no network device"),
        "{said}"
    );
    ensure!(!lab.state_dir().exists());
    Ok(())
}

#[test]
fn doctor_tells_of_a_device_by_which_nobody_is_asked_for_ipv6() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(&with(WAN))?;
    let lacks = || {
        let said = lab.groundplane(&["doctor"])?.stdout;
        Ok::<_, anyhow::Error>(said.contains("wan0 has no IPv6 address of its own link"))
    };
    ensure!(lacks()?);
    lab.on_host(&["ip", "address", "add", "fe80::1/64", "dev", "wan0", "nodad"])?
        .success()?;
    ensure!(!lacks()?);
    lab.down()
}
