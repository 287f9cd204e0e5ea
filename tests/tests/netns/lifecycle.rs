//! `up` and `down`: all of it or nothing, and only what is ours.

use super::{TWO_VPCS, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, eventually};
use std::collections::BTreeSet;
use std::process::Stdio;

/// What there is on the lab's host that `up` could have made: devices by name, namespaces,
/// pins.
fn inventory(lab: &Lab) -> Result<(BTreeSet<String>, BTreeSet<String>, bool)> {
    let links = lab.on_host(&["ip", "-j", "link"])?.success()?.json()?;
    let names = links.as_array().context("a list of devices")?.iter();
    let devices = names
        .filter_map(|link| link["ifname"].as_str().map(str::to_owned))
        .collect();
    Ok((devices, lab.namespaces()?, lab.pin_dir().exists()))
}

#[test]
fn down_removes_exactly_what_up_made() -> Result<()> {
    let lab = Lab::new()?;
    // Somebody else's: a device, a namespace and a file beside ours.
    lab.on_host(&[
        "ip", "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1",
    ])?
    .success()?;
    let foreign = lab.namespace("foreign");
    lab.on_host(&["ip", "netns", "add", &foreign])?.success()?;
    let before = inventory(&lab)?;
    lab.up(TWO_VPCS)?;
    ensure!(inventory(&lab)? != before);
    lab.down()?;
    ensure!(
        inventory(&lab)? == before,
        "{:?} before, {:?} after",
        before,
        inventory(&lab)?
    );
    lab.down()?;
    ensure!(inventory(&lab)? == before, "a second down has nothing to do");
    Ok(())
}

#[test]
fn up_again_changes_nothing() -> Result<()> {
    let lab = super::two_vpcs()?;
    let before = inventory(&lab)?;
    lab.up(TWO_VPCS)?;
    ensure!(inventory(&lab)? == before);
    ping(&lab, "web", "10.0.2.10")
}

#[test]
fn killed_up_leaves_nothing_that_stands_in_the_way() -> Result<()> {
    let lab = Lab::new()?;
    let before = inventory(&lab)?;
    let path = lab.document(TWO_VPCS)?;
    for round in 0..6_u64 {
        let mut command = lab.groundplane_command(&["up", &path.to_string_lossy()])?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        std::thread::sleep(std::time::Duration::from_millis(20 + 40 * round));
        child.kill()?;
        child.wait()?;
        if round % 2 == 0 {
            lab.down()?;
            ensure!(inventory(&lab)? == before, "round {round}: {:?}", inventory(&lab)?);
        }
    }
    lab.up(TWO_VPCS)?;
    ping(&lab, "web", "10.0.2.10")?;
    lab.down()?;
    ensure!(inventory(&lab)? == before);
    Ok(())
}

#[test]
fn wrong_document_names_every_problem_and_changes_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let before = inventory(&lab)?;
    let path = lab.document(
        "vpcs:
  red:
    CidrBlock: 10.0.0.0/33
    colour: red
  blue:
    CidrBlock: 10.0.0.0/16
    subnets:
      a: { CidrBlock: 10.0.1.0/24 }
      b: { CidrBlock: 10.0.1.128/25 }
    instances:
      one: { subnet: a, namespace: $one }
      two: { subnet: nowhere, namespace: $one }
      three: { subnet: a }
      four: { subnet: a, namespace: $nowhere, adopt: true }
",
    )?;
    let output = lab.groundplane(&["up", &path.to_string_lossy()])?;
    ensure!(output.code == Some(4), "{output}");
    let text = format!("{}{}", output.stdout, output.stderr);
    for line in [3, 4, 9, 12, 13, 14] {
        ensure!(
            text.contains(&format!("vpc.yaml:{line}:")),
            "nothing is said of line {line}: {text}"
        );
    }
    ensure!(
        inventory(&lab)? == before && !lab.state_dir().exists(),
        "something was changed"
    );
    Ok(())
}

#[test]
fn packets_flow_while_no_process_of_ours_runs() -> Result<()> {
    // `up` has ended when it returns; everything after it is the kernel's doing.
    let lab = super::two_vpcs()?;
    let pings = lab
        .run(
            "web",
            &["ping", "-q", "-c", "200", "-i", "0.002", "-w", "10", "10.0.2.10"],
        )?
        .success()?
        .stdout;
    ensure!(pings.contains(" 0% packet loss"), "{pings}");
    let status = lab.status()?;
    let web = status["enis"]
        .as_array()
        .and_then(|enis| enis.iter().find(|it| it["name"] == "web"))
        .context("web")?;
    ensure!(
        web["sent_packets"].as_u64() >= Some(200) && web["enforcement"] == "enforced",
        "{web:#}"
    );
    Ok(())
}

#[test]
fn without_root_it_says_so_in_one_sentence() -> Result<()> {
    let lab = Lab::new()?;
    let path = lab.document(TWO_VPCS)?;
    let command = lab.groundplane_command(&["up", &path.to_string_lossy()])?;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let (enter, rest) = words.split_at(words.iter().position(|word| word == "--").context("nsenter's --")? + 1);
    let as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned);
    let line = [enter, &as_nobody, rest].concat();
    let output = std::process::Command::new(&line[0]).args(&line[1..]).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{text}");
    ensure!(text.contains("root") && text.trim().lines().count() <= 2, "{text}");
    Ok(())
}

#[test]
fn guest_gone_is_seen() -> Result<()> {
    let lab = super::two_vpcs()?;
    lab.on_host(&["ip", "netns", "delete", &lab.namespace("web2")])?
        .success()?;
    eventually(|| {
        let status = lab.status()?;
        let enis = status["enis"].as_array().context("enis")?;
        Ok(enis
            .iter()
            .any(|eni| eni["name"] == "web2" && eni["enforcement"] != "enforced"))
    })?;
    ping(&lab, "web", "10.0.2.10")?;
    lab.down()
}
