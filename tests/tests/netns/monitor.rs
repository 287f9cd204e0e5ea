//! `groundplane monitor`: drops while they happen, with their cause.

use super::{drops, eni, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, eventually};
use serde_json::{Value, json};
use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

const GUARDED: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
      quiet: { CidrBlock: 10.0.3.0/24 }
    security_groups:
      open:
        ingress: [{ IpProtocol: '-1', CidrIpv4: 0.0.0.0/0 }]
      shut:
        ingress: [{ IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIpv4: 0.0.0.0/0 }]
    network_acls:
      strict:
        subnets: [quiet]
        ingress:
          - { RuleNumber: 90, Protocol: tcp, PortRange: { From: 23, To: 23 }, CidrBlock: 0.0.0.0/0, RuleAction: deny }
          - { RuleNumber: 100, Protocol: tcp, PortRange: { From: 0, To: 65535 }, CidrBlock: 0.0.0.0/0, RuleAction: allow }
        egress:
          - { RuleNumber: 100, Protocol: '-1', CidrBlock: 0.0.0.0/0, RuleAction: allow }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, groups: [open], namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, groups: [shut], namespace: $db }
      vault: { subnet: quiet, PrivateIpAddress: 10.0.3.10, groups: [open], namespace: $vault }
";

fn lab() -> Result<Lab> {
    let lab = Lab::new()?;
    lab.up(GUARDED)?;
    Ok(lab)
}

/// A monitor that writes to a file.
struct Monitor {
    child: Child,
    file: PathBuf,
}

impl Monitor {
    fn start(lab: &Lab, name: &str, args: &[&str]) -> Result<Self> {
        let file = lab.dir().join(name);
        let mut command = lab.groundplane_command(&[&["monitor"], args].concat())?;
        command.stdin(Stdio::null()).stdout(File::create(&file)?);
        let child = command.spawn()?;
        let monitor = Self { child, file };
        // It listens soon after it has mapped the buffer.
        let maps = format!("/proc/{}/maps", monitor.child.id());
        eventually(|| Ok(fs::read_to_string(&maps).is_ok_and(|maps| maps.contains("bpf-map"))))?;
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(monitor)
    }

    fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.file)?)
    }

    /// What it said once it has ended by itself.
    fn end(mut self) -> Result<String> {
        eventually(|| Ok(self.child.try_wait()?.is_some())).context("the monitor doesn't end")?;
        ensure!(self.child.wait()?.success());
        self.said()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn connect(lab: &Lab, from: &str, address: &str, port: &str) -> Result<()> {
    // Its exit code says whether an answer came, which none should.
    let command = ["hping3", "-q", "-S", "-c", "1", "-s", "4000", "-k", "-p", port, address];
    lab.run(from, &command).map(drop)
}

/// Whether a drop was told of with these fields, each named by its path.
fn is(told: &Value, fields: &[(&str, Value)]) -> Result<()> {
    for (path, expected) in fields {
        ensure!(told.pointer(path) == Some(expected), "{path} of {told:#}");
    }
    Ok(())
}

#[test]
fn each_drop_is_told_with_its_cause() -> Result<()> {
    let lab = lab()?;
    let monitor = Monitor::start(&lab, "told", &["--output", "json", "--count", "4"])?;
    connect(&lab, "web", "10.0.3.10", "23")?;
    no_ping(&lab, "web", "10.0.3.10")?;
    connect(&lab, "web", "10.0.2.10", "22")?;
    connect(&lab, "web", "192.0.2.1", "80")?;
    let told = monitor.end()?;
    let told: Vec<Value> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [entry, rest, group, route] = &*told else {
        anyhow::bail!("four drops: {told:#?}")
    };
    is(
        entry,
        &[
            ("/instance", json!("red/vault")),
            ("/sender", json!("red/web")),
            ("/direction", json!("ingress")),
            ("/reason", json!("NaclIngress")),
            ("/code", json!("SUBNET_ACL_RESTRICTION")),
            ("/rule/network_acl/name", json!("strict")),
            ("/rule/network_acl/entry", json!("90")),
            ("/packet/protocol", json!("tcp")),
            ("/packet/src", json!("10.0.1.10")),
            ("/packet/src_port", json!(4000)),
            ("/packet/dst", json!("10.0.3.10")),
            ("/packet/dst_port", json!(23)),
        ],
    )?;
    let denied_by_rest = [("/rule/network_acl/entry", json!("*")), ("/packet/icmp_type", json!(8))];
    is(rest, &denied_by_rest)?;
    let denied_by_group = [
        ("/instance", json!("red/db")),
        ("/reason", json!("GroupIngress")),
        ("/rule/security_groups/0/name", json!("shut")),
    ];
    is(group, &denied_by_group)?;
    let without_route = [
        ("/instance", json!("red/web")),
        ("/reason", json!("NoRoute")),
        ("/rule", json!(null)),
    ];
    is(route, &without_route)
}

#[test]
fn people_read_one_line_for_each_drop() -> Result<()> {
    let lab = lab()?;
    let monitor = Monitor::start(&lab, "lines", &["--count", "2"])?;
    connect(&lab, "web", "10.0.3.10", "23")?;
    connect(&lab, "web", "10.0.2.10", "22")?;
    let told = monitor.end()?;
    let lines: Vec<_> = told.lines().filter_map(|line| line.split_once(' ')).collect();
    let [(time, first), (_, second)] = &*lines else {
        anyhow::bail!("two lines: {told}")
    };
    ensure!(
        time.len() == "2026-01-02T03:04:05.678Z".len() && time.ends_with('Z'),
        "{time}"
    );
    ensure!(
        first.starts_with(
            "red/vault ingress NaclIngress (SUBNET_ACL_RESTRICTION) [ACL strict entry 90] \
             tcp 10.0.1.10:4000 > 10.0.3.10:23 len "
        ),
        "{first}"
    );
    ensure!(
        second.starts_with(
            "red/db ingress GroupIngress (ENI_SG_RULES_MISMATCH) [implicit deny of shut] \
             tcp 10.0.1.10:4000 > 10.0.2.10:22 len "
        ),
        "{second}"
    );
    Ok(())
}

#[test]
fn several_monitors_hear_the_same_and_each_only_what_it_asked_for() -> Result<()> {
    let lab = lab()?;
    let all = ["all-1", "all-2", "all-3"].map(|name| Monitor::start(&lab, name, &["--count", "20"]));
    let by_eni = Monitor::start(&lab, "eni", &["--count", "10", "--eni", "red/db"])?;
    let by_reason = Monitor::start(&lab, "reason", &["--count", "10", "--reason", "NoRoute"])?;
    for _ in 0..10 {
        connect(&lab, "web", "10.0.2.10", "22")?;
        connect(&lab, "web", "192.0.2.1", "80")?;
    }
    let heard = all
        .into_iter()
        .map(|monitor| monitor?.end())
        .collect::<Result<Vec<_>>>()?;
    // But for the time: each reads the clock by itself, so that they may differ by a millisecond.
    let what = |said: &String| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(_, what)| what.to_owned()).collect()
    };
    let what: Vec<_> = heard.iter().map(what).collect();
    ensure!(
        what[0].len() == 20 && what[0] == what[1] && what[1] == what[2],
        "{heard:#?}"
    );
    for (monitor, word) in [
        (by_eni, " red/db ingress GroupIngress "),
        (by_reason, " red/web egress NoRoute "),
    ] {
        let heard = monitor.end()?;
        ensure!(
            heard.lines().count() == 10 && heard.lines().all(|line| line.contains(word)),
            "{heard}"
        );
    }
    Ok(())
}

#[test]
fn what_comes_too_fast_to_be_told_is_counted() -> Result<()> {
    let lab = lab()?;
    let monitor = Monitor::start(&lab, "flood", &["--output", "json"])?;
    let flood = ["hping3", "-q", "-S", "-p", "80", "-c", "20000", "-i", "u1", "192.0.2.1"];
    lab.run("web", &flood)?;
    let told = || -> Result<(u64, u64)> {
        let said = monitor.said()?;
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (lost, drops): (Vec<_>, Vec<_>) = lines.partition(|line| line["lost"].is_u64());
        Ok((
            drops.len() as u64,
            lost.iter().filter_map(|line| line["lost"].as_u64()).sum(),
        ))
    };
    let dropped = drops(&lab, "web", "NoRoute")?;
    eventually(|| told().map(|(told, lost)| told + lost == dropped))
        .with_context(|| format!("{:?} of {dropped} drops", told()))?;
    let (told, lost) = told()?;
    ensure!(told > 0 && lost > 0, "{told} told, {lost} lost");
    Ok(())
}

#[test]
fn a_monitor_learns_of_new_instances_and_ends_with_the_deployment() -> Result<()> {
    let lab = lab()?;
    let monitor = Monitor::start(&lab, "news", &[])?;
    lab.up(&format!(
        "{GUARDED}      late: {{ subnet: front, PrivateIpAddress: 10.0.1.99, groups: [shut], namespace: $late }}\n"
    ))?;
    ping(&lab, "late", "10.0.1.10")?;
    no_ping(&lab, "web", "10.0.1.99")?;
    eventually(|| Ok(monitor.said()?.contains(" red/late ingress GroupIngress ")))?;
    lab.down()?;
    let said = monitor.end()?;
    ensure!(said.ends_with("It was taken down.\n"), "{said}");
    Ok(())
}

#[test]
fn without_anything_up_a_monitor_says_so() -> Result<()> {
    let lab = Lab::new()?;
    let output = lab.groundplane(&["monitor"])?.failure()?;
    ensure!(output.stderr.contains("nothing is up"), "{output}");
    Ok(())
}

#[test]
fn status_names_the_rules_and_the_connections() -> Result<()> {
    let lab = lab()?;
    connect(&lab, "web", "10.0.3.10", "23")?;
    connect(&lab, "web", "10.0.2.10", "22")?;
    let status = lab.status()?;
    let (vault, db) = (eni(&status, "vault")?, eni(&status, "db")?);
    let denied = &vault["drops"][0];
    ensure!(
        denied["reason"] == "NaclIngress"
            && denied["rule"]["network_acl"]["name"] == "strict"
            && denied["rule"]["network_acl"]["entry"] == "90",
        "{vault:#}"
    );
    ensure!(db["groups"][0]["name"] == "shut" && db["drops"][0]["reason"] == "GroupIngress");
    ensure!(vault["conntrack_allowance_available"].as_u64() > Some(0) && vault["conntrack_allowance_exceeded"] == 0);
    Ok(())
}
