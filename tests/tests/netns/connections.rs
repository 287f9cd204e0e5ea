//! Live connections: listing them, ending them, and what becomes of them when rules go.

use super::{ping, status_of};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Talk, eventually};
use serde_json::Value;
use std::thread::sleep;
use std::time::Duration;

/// `db` admits two ports, each by a rule of its own.
const TWO_PORTS: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    security_groups:
      db:
        ingress:
          - { IpProtocol: tcp, FromPort: 7000, ToPort: 7000, CidrIpv4: 10.0.1.0/24 }
          - { IpProtocol: tcp, FromPort: 7001, ToPort: 7001, CidrIpv4: 10.0.1.0/24 }
          - { IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIpv4: 10.0.1.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      other: { subnet: front, PrivateIpAddress: 10.0.1.11, namespace: $other }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, groups: [db], namespace: $db }
";

/// The rule that goes.
const RULE: &str = "          - { IpProtocol: tcp, FromPort: 7000, ToPort: 7000, CidrIpv4: 10.0.1.0/24 }\n";

fn one_port() -> String {
    TWO_PORTS.replace(RULE, "")
}

/// A lab with a conversation by each of the two rules.
fn talking() -> Result<(Lab, Talk, Talk)> {
    let lab = Lab::new()?;
    lab.up(TWO_PORTS)?;
    let first = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    let second = Talk::start(&lab, "web", "db", "10.0.2.10:7001")?;
    Ok((lab, first, second))
}

fn run(lab: &Lab, words: &[&str], text: &str) -> Result<groundplane_tests::netns::Output> {
    let path = lab.document(text)?;
    let words: Vec<_> = words
        .iter()
        .copied()
        .chain([&*path.to_string_lossy()])
        .map(str::to_owned)
        .collect();
    lab.groundplane(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn goes_on(talk: &Talk) -> Result<()> {
    let before = talk.rounds();
    eventually(|| Ok(talk.rounds() > before + 20))
}

/// Nothing is said for a second.
fn has_stopped(talk: &Talk) -> Result<()> {
    eventually(|| {
        let before = talk.rounds();
        sleep(Duration::from_secs(1));
        Ok(talk.rounds() == before)
    })
}

fn flows(lab: &Lab, filter: &[&str]) -> Result<Vec<Value>> {
    let words = [&["flows", "--output", "json"], filter].concat();
    let text = lab.groundplane(&words)?.success()?.stdout;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[test]
fn live_connections_are_listed_with_their_ends_and_what_they_have_carried() -> Result<()> {
    let (lab, first, second) = talking()?;
    goes_on(&first)?;
    goes_on(&second)?;
    let all = flows(&lab, &["--protocol", "tcp"])?;
    ensure!(all.len() == 2, "{all:#?}");
    let [flow] = &flows(&lab, &["--port", "7000"])?[..] else {
        anyhow::bail!("not one connection to port 7000");
    };
    ensure!(
        flow["from"]["instance"] == "red/web" && flow["to"]["instance"] == "red/db",
        "{flow:#}"
    );
    ensure!(
        flow["source"] == "10.0.1.10" && flow["destination"] == "10.0.2.10",
        "{flow:#}"
    );
    ensure!(
        flow["protocol"] == "tcp" && flow["state"] == "established" && flow["tracked"] == "both",
        "{flow:#}"
    );
    for counter in ["packets", "reply_packets", "bytes", "reply_bytes"] {
        ensure!(
            flow[counter].as_u64().is_some_and(|count| count > 20),
            "{counter}: {flow:#}"
        );
    }
    ensure!(
        flow["age_seconds"].as_u64().is_some_and(|age| age < 60) && flow["idle_seconds"] == 0,
        "{flow:#}"
    );
    first.end()?;
    second.end()?;
    Ok(())
}

#[test]
fn connections_are_chosen_by_their_ends_their_groups_and_what_opened_them() -> Result<()> {
    let (lab, first, second) = talking()?;
    ping(&lab, "other", "10.0.2.10")?;
    for (filter, count) in [
        (&["--eni", "db"][..], 3),
        (&["--eni", "red/web"], 2),
        (&["--eni", "other"], 1),
        (&["--group", "db"], 3),
        (&["--protocol", "icmp"], 1),
        (&["--src", "10.0.1.10"], 2),
        (&["--src", "10.0.1.0/24"], 3),
        (&["--dst", "10.0.1.0/24"], 0),
        (&["--eni", "other", "--port", "7000"], 0),
    ] {
        let found = flows(&lab, filter)?;
        ensure!(found.len() == count, "{filter:?}: {found:#?}");
    }
    let nobody = lab.groundplane(&["flows", "--eni", "nobody"])?;
    ensure!(
        nobody.code == Some(1) && nobody.stderr.contains("no ENI in force is called"),
        "{nobody}"
    );
    first.end()?;
    second.end()?;
    Ok(())
}

#[test]
fn a_connection_that_lost_its_rule_goes_on_until_it_is_flushed_and_others_do_not_notice() -> Result<()> {
    let (lab, first, second) = talking()?;
    run(&lab, &["apply"], &one_port())?.success()?;
    goes_on(&first)?;
    let tried = lab
        .groundplane(&["flush", "--port", "7000", "--dry-run", "--output", "json"])?
        .json()?;
    ensure!(tried == serde_json::json!({"found": 1, "ended": 0}), "{tried:#}");
    goes_on(&first)?;
    let said = lab.groundplane(&["flush", "--port", "7000"])?.success()?.stdout;
    ensure!(said == "1 connection ended.\n", "{said}");
    has_stopped(&first)?;
    goes_on(&second)?;
    let tracked = status_of(&lab, "db")?["tracked_connections"].clone();
    ensure!(tracked == 1, "the books say {tracked}");
    second.end().map(drop)
}

#[test]
fn flush_wants_to_be_told_what() -> Result<()> {
    let (lab, first, second) = talking()?;
    let output = lab.groundplane(&["flush"])?;
    ensure!(output.code == Some(64), "{output}");
    // What is admitted is taken up again by its next packet.
    let said = lab.groundplane(&["flush", "--all", "--output", "json"])?.json()?;
    ensure!(said["ended"].as_u64().is_some_and(|ended| ended >= 2), "{said:#}");
    goes_on(&first)?;
    goes_on(&second)?;
    first.end()?;
    second.end()?;
    Ok(())
}

#[test]
fn a_plan_says_what_would_differ_and_which_connections_would_not_be_admitted_and_changes_nothing() -> Result<()> {
    let (lab, first, second) = talking()?;
    let before = lab.status()?["generation"].clone();
    let output = run(&lab, &["plan", "--output", "json"], &one_port())?;
    ensure!(output.code == Some(2), "{output}");
    let plan = output.json()?;
    is_one_rule_less(&plan)?;
    would_go_on_unless_cut(&plan["connections"])?;
    ensure!(lab.status()?["generation"] == before);
    let same = run(&lab, &["plan"], TWO_PORTS)?;
    ensure!(
        same.code == Some(0) && same.stdout == "Nothing would change.\n",
        "{same}"
    );
    first.end()?;
    second.end()?;
    Ok(())
}

fn is_one_rule_less(plan: &Value) -> Result<()> {
    let [change] = &plan["changes"].as_array().context("changes")?[..] else {
        anyhow::bail!("not one change: {plan:#}");
    };
    ensure!(
        change["action"] == "change" && change["kind"] == "security group" && change["name"] == "red/db",
        "{change:#}"
    );
    let fields = change["fields"].as_array().context("fields")?;
    ensure!(
        fields.len() == 1 && fields[0]["path"] == "IpPermissions[tcp 7000 7000]",
        "{change:#}"
    );
    Ok(())
}

/// Of the two connections, the one that the removed rule had admitted.
fn would_go_on_unless_cut(connections: &Value) -> Result<()> {
    ensure!(
        connections["looked_at"] == 2 && connections["go_on_unless_cut"] == 1 && connections["end"] == 0,
        "{connections:#}"
    );
    let connection = &connections["connections"][0];
    ensure!(
        connection["destination_port"] == 7000 && connection["reason"] == "GroupIngress",
        "{connection:#}"
    );
    ensure!(
        connection["dropped_at"] == "red/db" && connection["rule"] == "implicit deny of db",
        "{connection:#}"
    );
    Ok(())
}

#[test]
fn a_plan_tells_what_ends_whatever_is_done() -> Result<()> {
    let (lab, first, second) = talking()?;
    let closed = TWO_PORTS.replace(
        "    instances:",
        "    network_acls:\n      shut: { subnets: [back] }\n    instances:",
    );
    let output = run(&lab, &["plan"], &closed)?;
    ensure!(output.code == Some(2), "{output}");
    ensure!(
        output.stdout.contains("2 would end, and 0 would not be admitted"),
        "{output}"
    );
    ensure!(
        output.stdout.contains("ends: NaclIngress at red/db, ACL shut entry *"),
        "{output}"
    );
    run(&lab, &["apply"], &closed)?.success()?;
    has_stopped(&first)?;
    has_stopped(&second)
}

#[test]
fn apply_with_cut_ends_what_the_removed_rule_had_admitted_and_nothing_else() -> Result<()> {
    let (lab, first, second) = talking()?;
    run(&lab, &["apply"], &one_port())?.success()?;
    goes_on(&first)?;
    // The same again, now cutting what the change before has left.
    let said = run(&lab, &["apply", "--cut", "--output", "json"], &one_port())?
        .success()?
        .json()?;
    ensure!(said["cut"] == 1, "{said:#}");
    has_stopped(&first)?;
    goes_on(&second)?;
    second.end().map(drop)
}

#[test]
fn a_change_cuts_in_one_go() -> Result<()> {
    let (lab, first, second) = talking()?;
    let said = run(&lab, &["apply", "--cut"], &one_port())?.success()?.stdout;
    ensure!(said.contains("1 connection cut"), "{said}");
    has_stopped(&first)?;
    goes_on(&second)?;
    second.end().map(drop)
}

#[test]
fn rollback_takes_up_the_configuration_before_and_cuts_on_request() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&one_port())?;
    lab.up(TWO_PORTS)?;
    let first = Talk::start(&lab, "web", "db", "10.0.2.10:7000")?;
    let second = Talk::start(&lab, "web", "db", "10.0.2.10:7001")?;
    let before = lab.status()?["generation"].as_u64().context("a generation")?;
    let said = lab.groundplane(&["rollback", "--output", "json"])?.success()?.json()?;
    ensure!(
        said["generation"]
            .as_u64()
            .is_some_and(|generation| generation > before),
        "{said:#}"
    );
    goes_on(&first)?;
    // Forth, and back again.
    lab.groundplane(&["rollback"])?.success()?;
    goes_on(&first)?;
    let said = lab
        .groundplane(&["rollback", "--cut", "--output", "json"])?
        .success()?
        .json()?;
    ensure!(said["cut"] == 1, "{said:#}");
    has_stopped(&first)?;
    goes_on(&second)?;
    let refused = Talk::start(&lab, "web", "db", "10.0.2.10:7002");
    ensure!(refused.is_err(), "what no rule admits is refused");
    second.end().map(drop)
}

#[test]
fn rollback_without_a_configuration_before_says_so() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(TWO_PORTS)?;
    let output = lab.groundplane(&["rollback"])?;
    ensure!(output.code == Some(1) && output.stderr.contains("before"), "{output}");
    Ok(())
}
