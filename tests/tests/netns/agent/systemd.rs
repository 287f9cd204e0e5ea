//! The agent as a service: what systemd hears of it, what it may do, and what it does when it is told to reload.

use super::{LAB, lab_with_agent, with_third};
use crate::ping;
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/groundplane.service")
}

/// What the unit says of an option.
fn option(name: &str) -> Result<String> {
    let text = fs::read_to_string(unit())?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines
        .next()
        .map(str::to_owned)
        .with_context(|| format!("the unit has no {name}"))
}

#[test]
fn a_reload_takes_a_good_document_and_keeps_the_old_one_for_a_bad_one() -> Result<()> {
    let (lab, mut agent) = lab_with_agent()?;
    lab.document(&with_third())?;
    agent.signal(Signal::SIGHUP)?;
    agent.hear("RELOADING=1")?;
    agent.hear("READY=1")?;
    ping(&lab, "web", "10.0.1.30")?;

    lab.document("vpcs: 3")?;
    agent.signal(Signal::SIGHUP)?;
    agent.hear("RELOADING=1")?;
    agent.hear("READY=1")?;
    let status: Value = agent.client()?.get("/v1/status")?;
    ensure!(
        status["agent"]["last"]["error"]
            .as_str()
            .is_some_and(|error| error.contains("refused")),
        "{status}"
    );
    ensure!(agent.log().contains("vpc.yaml:1:"), "{}", agent.log());
    ping(&lab, "web", "10.0.1.30")?;

    lab.document(LAB)?;
    agent.signal(Signal::SIGHUP)?;
    agent.hear("READY=1")?;
    ensure!(lab.status()?["enis"].as_array().map(Vec::len) == Some(2));
    agent.signal(Signal::SIGTERM)?;
    agent.hear("STOPPING=1")?;
    ensure!(agent.ended()?.success());
    Ok(())
}

#[test]
fn an_agent_whose_documents_are_wrong_says_so_unless_something_is_in_force() -> Result<()> {
    let lab = Lab::new()?;
    let document = lab.document("vpcs: 3")?.to_string_lossy().into_owned();
    let refused = lab.begin_agent(&[], &[], &["--network", &document])?;
    ensure!(refused.ended()?.code() == Some(4));
    lab.document(LAB)?;
    lab.agent(&["--network", &document])?.stop()?;
    lab.document("vpcs: 3")?;
    let agent = lab.agent(&["--network", &document])?;
    ping(&lab, "web", "10.0.1.20")?;
    agent.stop()
}

#[test]
fn the_watchdog_hears_of_the_thread_that_works() -> Result<()> {
    let lab = Lab::new()?;
    let agent = lab.agent_as(&[], &[("WATCHDOG_USEC", "300000")], &[])?;
    eventually(|| Ok(agent.count("WATCHDOG=1") >= 10))?;
    agent.stop()
}

/// An option of `setpriv`, which leaves the unit's capabilities and no more.
pub(crate) fn bounding_set() -> Result<String> {
    let names = option("CapabilityBoundingSet")?.replace("CAP_", ",+");
    Ok(format!("--bounding-set=-all{}", names.replace(' ', "").to_lowercase()))
}

#[test]
fn the_capabilities_of_the_unit_are_enough() -> Result<()> {
    let bound = bounding_set()?;
    let lab = Lab::new()?;
    let document = lab.document(&format!(
        "{}      vm: {{ subnet: front, groups: [open], tap: vm0 }}\n",
        with_third()
    ))?;
    let through = ["setpriv", &bound, "--inh-caps=-all", "--no-new-privs"];
    let args = ["--network", &document.to_string_lossy(), "--group", "nogroup"];
    let agent = lab.agent_as(&through, &[], &args)?;
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id()))?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .context("capabilities")?;
    let effective = u64::from_str_radix(effective.trim(), 16)?;
    ensure!(effective.count_ones() == 7, "{effective:x}");
    // Namespaces it makes are there for everybody.
    ping(&lab, "web", "10.0.1.30")?;
    agent.stop()?;
    let agent = lab.agent_as(&through, &[], &args)?;
    ensure!(!agent.log().contains("ERROR"), "{}", agent.log());
    let client = agent.client()?;
    lab.document(LAB)?;
    let reloaded: Value = client.follow("/v1/reload", &(), |_, _| ())?;
    ensure!(reloaded["removed"].as_array().map(Vec::len) == Some(2), "{reloaded}");
    client.follow::<Value>("/v1/down", &(), |_, _| ())?;
    ensure!(!lab.pin_dir().exists());
    agent.stop()
}

#[test]
fn systemd_understands_the_unit_and_takes_neither_mounts_nor_addresses_from_it() -> Result<()> {
    let lab = Lab::new()?;
    let text = fs::read_to_string(unit())?;
    // What a namespace is called is a mount, and in a mount namespace of the service nobody else would see it.
    let separate = [
        "ProtectSystem",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateMounts",
        "MountFlags",
    ];
    let more = [
        "ProtectKernel",
        "ProtectControlGroups",
        "ProtectProc",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "BindPaths",
    ];
    // The agent speaks with targets, whatever their addresses are.
    let addresses = ["IPAddressDeny", "PrivateNetwork"];
    let options: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for option in separate.iter().chain(&more).chain(&addresses) {
        ensure!(!options.iter().any(|line| line.starts_with(option)), "{option}");
    }
    let here = lab.dir().join("groundplane.service");
    fs::write(&here, text.replace("/usr/bin/groundplane", "/bin/true"))?;
    let verified = lab
        .on_host(&["systemd-analyze", "verify", "--man=no", &here.to_string_lossy()])?
        .success()?;
    ensure!(verified.stderr.is_empty(), "{verified}");
    Ok(())
}
