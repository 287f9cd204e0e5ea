//! `up` with another document: what is in both goes on, and no packet of it is lost.

use super::{device, drops, eni, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Talk, eventually};
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

const BEFORE: &str = "
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
      vm: { subnet: front, PrivateIpAddress: 10.0.1.50, tap: vm0 }
";

/// `old` is gone, `new` is new and lies in a subnet that is new, `db` has another address beside its own.
const AFTER: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
      far: { CidrBlock: 10.0.3.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      new: { subnet: far, PrivateIpAddress: 10.0.3.10, namespace: $new }
      db: { subnet: back, PrivateIpAddresses: [10.0.2.10, 10.0.2.99], namespace: $db }
      vm: { subnet: front, PrivateIpAddress: 10.0.1.50, tap: vm0 }
";

/// The namespace and the tap of `old` and `vm` belong to other instances, with other addresses.
const HANDED_OVER: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
      heir: { subnet: front, PrivateIpAddress: 10.0.1.12, namespace: $old }
      vm2: { subnet: front, PrivateIpAddress: 10.0.1.51, tap: vm0 }
";

fn brought_up(text: &str) -> Result<Lab> {
    let lab = Lab::new()?;
    lab.up(text)?;
    Ok(lab)
}

/// What `up` says of a document, as JSON.
fn change(lab: &Lab, text: &str) -> Result<serde_json::Value> {
    let path = lab.document(text)?;
    lab.groundplane(&["up", &path.to_string_lossy(), "--output", "json"])?
        .success()?
        .json()
}

/// The devices on the lab's host, with their indices.
fn devices(lab: &Lab) -> Result<BTreeSet<(String, u64)>> {
    let links = lab.on_host(&["ip", "-j", "link"])?.success()?.json()?;
    let links = links.as_array().context("a list of devices")?.iter();
    Ok(links
        .filter_map(|link| Some((link["ifname"].as_str()?.to_owned(), link["ifindex"].as_u64()?)))
        .collect())
}

fn namespaces(lab: &Lab) -> Result<BTreeSet<String>> {
    let prefix = lab.namespace("");
    let names = fs::read_dir("/run/netns")?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names
        .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
        .collect())
}

/// The addresses of a guest's interface, with their lengths.
fn addresses(lab: &Lab, guest: &str) -> Result<BTreeSet<String>> {
    let command = ["ip", "-o", "-4", "address", "show", "scope", "global"];
    let words = lab.run(guest, &command)?.success()?.stdout;
    let lines = words.lines();
    Ok(lines
        .filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned))
        .collect())
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn who_is_in_both_documents_keeps_devices_namespace_and_processes() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let mut sleeper = lab.start("db", &["sleep", "60"])?;
    let inode = |guest: &str| -> Result<u64> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(fs::metadata(format!("/run/netns/{}", lab.namespace(guest)))?.ino())
    };
    let inside = || lab.run("db", &["ip", "-o", "link", "show", "eth0"])?.success();
    let (namespace, link, host_side) = (inode("db")?, inside()?.stdout, device(&lab.status()?, "db")?);
    let known = devices(&lab)?;
    let said = change(&lab, AFTER)?;
    ensure!(said["outcome"] == "changed" && said["stayed"] == 3, "{said:#}");
    ensure!(said["made"] == serde_json::json!(["red/new"]) && said["removed"] == serde_json::json!(["red/old"]));
    ensure!(inode("db")? == namespace && inside()?.stdout == link);
    ensure!(device(&lab.status()?, "db")? == host_side);
    ensure!(
        known.intersection(&devices(&lab)?).count() == known.len() - 1,
        "only one device went"
    );
    ensure!(sleeper.is_running()?, "a process in a guest that stays was ended");
    Ok(())
}

#[test]
fn after_a_change_the_new_document_is_what_there_is() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    ping(&lab, "web", "10.0.1.11")?;
    change(&lab, AFTER)?;
    ensure!(
        namespaces(&lab)? == set(&["db", "host", "new", "web"]),
        "{:?}",
        namespaces(&lab)?
    );
    ensure!(addresses(&lab, "db")? == set(&["10.0.2.10/24", "10.0.2.99/32"]));
    for address in ["10.0.3.10", "10.0.2.10", "10.0.2.99"] {
        ping(&lab, "web", address)?;
    }
    ping(&lab, "new", "10.0.1.10")?;
    no_ping(&lab, "db", "10.0.1.11")?;
    ensure!(drops(&lab, "db", "NoOwner")? > 0);
    change(&lab, BEFORE)?;
    ensure!(addresses(&lab, "db")? == set(&["10.0.2.10/24"]));
    ping(&lab, "db", "10.0.1.11")?;
    no_ping(&lab, "web", "10.0.2.99")
}

#[test]
fn who_moves_to_another_subnet_keeps_everything_but_its_address_and_its_router() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    lab.run("web", &["ip", "address", "add", "192.0.2.1/32", "dev", "eth0"])?
        .success()?;
    let moved = BEFORE.replace(
        "front, PrivateIpAddress: 10.0.1.10",
        "back, PrivateIpAddress: 10.0.2.11",
    );
    let said = change(&lab, &moved)?;
    ensure!(said["stayed"] == 4, "{said:#}");
    ensure!(
        addresses(&lab, "web")? == set(&["10.0.2.11/24", "192.0.2.1/32"]),
        "what the guest's user added stays: {:?}",
        addresses(&lab, "web")?
    );
    ping(&lab, "web", "10.0.1.11")?;
    ping(&lab, "db", "10.0.2.11")
}

#[test]
fn a_tcp_connection_goes_on_while_something_else_is_changed() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    for text in [AFTER, BEFORE, HANDED_OVER, AFTER] {
        let before = talk.rounds();
        change(&lab, text)?;
        eventually(|| Ok(talk.rounds() > before))?;
    }
    let slowest = talk.end()?;
    ensure!(slowest < Duration::from_secs(1), "a round took {slowest:?}");
    let status = lab.status()?;
    for name in ["web", "db"] {
        let drops = &eni(&status, name)?["drops"];
        ensure!(*drops == serde_json::json!([]), "{name}: {drops:#}");
    }
    Ok(())
}

#[test]
fn a_namespace_and_a_tap_pass_to_other_instances() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let said = change(&lab, HANDED_OVER)?;
    ensure!(
        said["stayed"] == 2 && said["made"].as_array().map(Vec::len) == Some(2),
        "{said:#}"
    );
    ensure!(addresses(&lab, "old")? == set(&["10.0.1.12/24"]));
    ping(&lab, "db", "10.0.1.12")?;
    ensure!(device(&lab.status()?, "vm2")? == "vm0");
    ensure!(change(&lab, HANDED_OVER)?["outcome"] == "already_up");
    lab.down()?;
    ensure!(namespaces(&lab)? == set(&["host"]) && devices(&lab)?.len() == 1);
    Ok(())
}

#[test]
fn an_adopted_namespace_passes_to_another_instance_and_stays() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["ip", "netns", "add", &lab.namespace("old")])?.success()?;
    let adopting = |text: &str| text.replace("namespace: $old", "namespace: $old, adopt: true");
    lab.up(&adopting(BEFORE))?;
    let mut sleeper = lab.start("old", &["sleep", "60"])?;
    change(&lab, &adopting(HANDED_OVER))?;
    ensure!(addresses(&lab, "old")? == set(&["10.0.1.12/24"]));
    lab.run("old", &["ip", "link", "show", "eth0"])?.success()?;
    ping(&lab, "old", "10.0.2.10")?;
    ensure!(change(&lab, &adopting(HANDED_OVER))?["outcome"] == "already_up");
    lab.down()?;
    ensure!(namespaces(&lab)? == set(&["host", "old"]) && sleeper.is_running()?);
    Ok(())
}

#[test]
fn a_guest_that_somebody_damaged_is_made_anew_and_the_others_go_on() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    lab.on_host(&["ip", "netns", "delete", &lab.namespace("old")])?
        .success()?;
    lab.on_host(&["ip", "link", "delete", "vm0"])?.success()?;
    let said = change(&lab, BEFORE)?;
    ensure!(
        said["made"] == serde_json::json!(["red/old", "red/vm"]) && said["stayed"] == 2,
        "{said:#}"
    );
    ping(&lab, "db", "10.0.1.11")?;
    ensure!(change(&lab, BEFORE)?["outcome"] == "already_up");
    talk.end().map(drop)
}

#[test]
fn the_same_document_again_changes_nothing_and_says_so() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let generation = lab.status()?["generation"].clone();
    let path = lab.document(BEFORE)?;
    let said = lab.groundplane(&["up", &path.to_string_lossy()])?.success()?.stdout;
    ensure!(said.contains("nothing was changed"), "{said}");
    ensure!(lab.status()?["generation"] == generation);
    Ok(())
}

#[test]
fn an_up_that_fails_leaves_what_was_up_as_it_was() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    // The first one fails before anything is changed, since the namespace that is to be made is somebody's; the second
    // one after `new` was made, since `db` has no interface of the name that addresses are to be added to.
    let foreign = lab.namespace("new");
    lab.on_host(&["ip", "netns", "add", &foreign])?.success()?;
    fails_and_leaves_all(&lab)?;
    lab.on_host(&["ip", "netns", "delete", &foreign])?.success()?;
    lab.run("db", &["ip", "link", "set", "eth0", "name", "moved"])?
        .success()?;
    fails_and_leaves_all(&lab)?;
    ensure!(change(&lab, BEFORE)?["outcome"] == "already_up");
    talk.end()?;
    Ok(())
}

fn fails_and_leaves_all(lab: &Lab) -> Result<()> {
    let all = || -> Result<_> {
        let status = lab.status()?;
        let words = [&status["condition"], &status["generation"]].map(ToString::to_string);
        Ok((devices(lab)?, namespaces(lab)?, addresses(lab, "db")?, words))
    };
    let before = all()?;
    ensure!(before.3[0] == "\"up\"");
    let path = lab.document(AFTER)?;
    lab.groundplane(&["up", &path.to_string_lossy()])?.failure()?;
    let after = all()?;
    ensure!(before == after, "{before:?}, then {after:?}");
    Ok(())
}

#[test]
fn an_up_that_is_interrupted_leaves_the_old_configuration_or_the_new_one() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    let (old, new) = (set(&["db", "host", "old", "web"]), set(&["db", "host", "new", "web"]));
    for round in 0..12_u64 {
        let path = lab.document(if round % 2 == 0 { AFTER } else { BEFORE })?;
        let mut child = spawn(&lab, &path)?;
        std::thread::sleep(Duration::from_millis(15 + 20 * (round / 2)));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
        child.wait()?;
        let status = lab.status()?;
        let whole = |eni: &serde_json::Value| eni["enforcement"] == "enforced";
        ensure!(
            status["condition"] == "up" && status["enis"].as_array().context("enis")?.iter().all(whole),
            "round {round}: {status:#}"
        );
        let now = namespaces(&lab)?;
        ensure!(now == old || now == new, "round {round}: {now:?}");
    }
    talk.end()?;
    lab.down()
}

#[test]
fn an_up_that_is_killed_at_any_moment_is_finished_or_removed_by_the_next() -> Result<()> {
    let lab = brought_up(BEFORE)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    for round in 0..24_u64 {
        let path = lab.document([AFTER, HANDED_OVER, BEFORE][round as usize % 3])?;
        let mut child = spawn(&lab, &path)?;
        std::thread::sleep(Duration::from_millis(10 + 13 * round));
        child.kill()?;
        child.wait()?;
    }
    change(&lab, HANDED_OVER)?;
    talk.end()?;
    ensure!(
        namespaces(&lab)? == set(&["db", "host", "old", "web"]),
        "{:?}",
        namespaces(&lab)?
    );
    ensure!(addresses(&lab, "db")? == set(&["10.0.2.10/24"]));
    ping(&lab, "db", "10.0.1.12")?;
    let mut child = spawn(&lab, &lab.document(AFTER)?)?;
    std::thread::sleep(Duration::from_millis(60));
    child.kill()?;
    child.wait()?;
    lab.down()?;
    ensure!(namespaces(&lab)? == set(&["host"]) && devices(&lab)?.len() == 1 && !lab.pin_dir().exists());
    Ok(())
}

fn spawn(lab: &Lab, path: &std::path::Path) -> Result<std::process::Child> {
    let mut command = lab.groundplane_command(&["up", &path.to_string_lossy()])?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?)
}
