//! Guests that disappear and come back while the agent runs, such as containers that are started anew.

use crate::{eni, ping};
use anyhow::{Result, ensure};
use groundplane_tests::netns::{Agent, Lab, Talk, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A namespace and a device that somebody else makes, and two guests that have nothing to do with them.
const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
    security_groups:
      open:
        ingress:
          - { IpProtocol: '-1', CidrIpv4: 10.0.0.0/16 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, groups: [open], namespace: $web }
      db: { subnet: front, PrivateIpAddress: 10.0.1.20, groups: [open], namespace: $db }
      box: { subnet: front, PrivateIpAddress: 10.0.1.30, groups: [open], namespace: $box, adopt: true }
";

fn make(lab: &Lab) -> Result<()> {
    lab.on_host(&["ip", "netns", "add", &lab.namespace("box")])?.success()?;
    Ok(())
}

fn remove(lab: &Lab) -> Result<()> {
    lab.on_host(&["ip", "netns", "delete", &lab.namespace("box")])?
        .success()?;
    Ok(())
}

/// How long it takes until a guest answers again.
fn until_it_answers(lab: &Lab, address: &str) -> Result<Duration> {
    let start = Instant::now();
    eventually(|| {
        let ping = lab.run("web", &["ping", "-c", "1", "-W", "0.1", address])?;
        Ok(ping.code == Some(0))
    })?;
    Ok(start.elapsed())
}

fn generation(agent: &Agent) -> Result<Value> {
    Ok(agent.client()?.get::<Value>("/v1/status")?["generation"].clone())
}

#[test]
fn a_container_that_is_started_anew_is_bound_again_and_nobody_else_notices() -> Result<()> {
    let lab = Lab::new()?;
    make(&lab)?;
    let document = lab.document(DOCUMENT)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    ping(&lab, "web", "10.0.1.30")?;
    let talk = Talk::start(&lab, "web", "db", "10.0.1.20:7000")?;

    for round in 0..3 {
        let before = generation(&agent)?;
        remove(&lab)?;
        eventually(|| Ok(generation(&agent)? != before))?;
        make(&lab)?;
        let waited = until_it_answers(&lab, "10.0.1.30")?;
        println!("bound again after {waited:?}");
        ensure!(waited < Duration::from_secs(5), "round {round} took {waited:?}");
    }
    // So quickly that nobody saw it gone.
    remove(&lab)?;
    make(&lab)?;
    until_it_answers(&lab, "10.0.1.30")?;
    ensure!(
        eni(&lab.status()?, "box")?["enforcement"] == "enforced",
        "{}",
        lab.status()?
    );

    let rounds = talk.rounds();
    let slowest = talk.end()?;
    ensure!(
        rounds > 100 && slowest < Duration::from_secs(1),
        "{rounds} rounds, one took {slowest:?}"
    );
    ensure!(
        agent.log().contains("red/box is gone") && agent.log().contains("red/box is back"),
        "{}",
        agent.log()
    );
    agent.stop()
}

#[test]
fn a_guest_that_went_while_no_agent_ran_is_seen_to_by_the_next_one() -> Result<()> {
    let lab = Lab::new()?;
    make(&lab)?;
    let document = lab.document(DOCUMENT)?;
    lab.agent(&["--network", &document.to_string_lossy()])?.stop()?;
    remove(&lab)?;
    let agent = lab.agent(&[])?;
    ping(&lab, "web", "10.0.1.20")?;
    make(&lab)?;
    until_it_answers(&lab, "10.0.1.30")?;
    agent.stop()
}
