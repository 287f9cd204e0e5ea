//! Agents that end, however they do, and the next one.

use super::lab_with_agent;
use crate::{eni, listens, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Agent, Background, Lab, Talk, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

const IDLE: usize = 100;

/// Connections on which nothing is said.
struct Idle(Vec<(TcpStream, TcpStream)>);

impl Idle {
    fn open(lab: &Lab) -> Result<Self> {
        let listener = lab.inside("db", || Ok(TcpListener::bind("10.0.1.20:7000")?))?;
        let connect = || {
            let connect = || {
                Ok(TcpStream::connect_timeout(
                    &"10.0.1.20:7000".parse()?,
                    Duration::from_secs(5),
                )?)
            };
            (0..IDLE).map(|_| connect()).collect::<Result<Vec<_>>>()
        };
        // A socket stays in the namespace it was made in, whoever uses it.
        let clients = lab.inside("web", connect)?;
        let pairs = clients.into_iter().map(|client| Ok((client, listener.accept()?.0)));
        Ok(Self(pairs.collect::<Result<_>>()?))
    }

    /// Both sides of each say something, and it arrives.
    fn all_live(&self) -> Result<()> {
        for (number, (client, server)) in self.0.iter().enumerate() {
            let said = u8::try_from(number)?;
            for (mut from, mut to) in [(client, server), (server, client)] {
                to.set_read_timeout(Some(Duration::from_secs(5)))?;
                from.write_all(&[said])?;
                let mut heard = [0];
                to.read_exact(&mut heard)
                    .with_context(|| format!("connection {number} is broken"))?;
                ensure!(heard == [said]);
            }
        }
        Ok(())
    }
}

fn sent(lab: &Lab) -> Result<u64> {
    eni(&lab.status()?, "web")?["sent_packets"]
        .as_u64()
        .context("packets are counted")
}

/// A stream that must not have stood still.
struct Stream {
    report: PathBuf,
    client: Background,
    _server: Background,
}

impl Stream {
    fn start(lab: &Lab) -> Result<Self> {
        let server = lab.start("db", &["iperf3", "-s", "-1"])?;
        listens(lab, "db", 5201)?;
        let report = lab.dir().join("stream.json");
        let path = report.to_string_lossy();
        let client = lab.start(
            "web",
            &["iperf3", "-c", "10.0.1.20", "-t", "8", "-J", "--logfile", &path],
        )?;
        Ok(Self {
            client,
            _server: server,
            report,
        })
    }

    fn end(self) -> Result<()> {
        self.client.wait()?;
        let report: Value = serde_json::from_str(&std::fs::read_to_string(self.report)?)?;
        ensure!(report["error"].is_null(), "{}", report["error"]);
        let intervals = report["intervals"].as_array().context("the stream has intervals")?;
        let seconds = |interval: &Value| interval["sum"]["seconds"].as_f64().unwrap_or_default();
        // After the machine has stood still, iperf3 has an interval of no length.
        let mut whole = intervals.iter().filter(|interval| seconds(interval) > 0.5);
        let stood_still = whole.any(|interval| interval["sum"]["bytes"] == 0);
        let all: f64 = intervals.iter().map(seconds).sum();
        ensure!(all > 7.0 && !stood_still, "{intervals:?}");
        Ok(())
    }
}

/// What an agent says of what it has taken over.
fn is_adopted(agent: &Agent, generation: &Value) -> Result<()> {
    let status: Value = agent.client()?.get("/v1/status")?;
    let adopted = &status["agent"]["adopted"];
    ensure!(
        adopted["generation"] == *generation && adopted["guests"] == 2,
        "{adopted}"
    );
    ensure!(adopted["findings"] == json!([]), "{adopted}");
    ensure!(
        status["condition"] == "up" && status["generation"] == *generation,
        "{status}"
    );
    Ok(())
}

#[test]
fn connections_and_counters_go_on_when_agents_are_killed_and_started() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let idle = Idle::open(&lab)?;
    let talk = Talk::start(&lab, "web", "db", "10.0.1.20:7001")?;
    let stream = Stream::start(&lab)?;
    let (generation, counted) = (lab.status()?["generation"].clone(), sent(&lab)?);

    agent.kill()?;
    std::thread::sleep(Duration::from_millis(500));
    let without = sent(&lab)?;
    ensure!(without > counted, "{counted} packets, then {without}");

    let agent = lab.agent(&[])?;
    is_adopted(&agent, &generation)?;
    agent.stop()?;
    for _ in 0..3 {
        lab.agent(&[])?.kill()?;
    }
    let agent = lab.agent(&[])?;
    ensure!(sent(&lab)? > without);

    idle.all_live()?;
    let rounds = talk.rounds();
    let slowest = talk.end()?;
    ensure!(
        rounds > 100 && slowest < Duration::from_secs(1),
        "{rounds} rounds, one took {slowest:?}"
    );
    stream.end()?;
    agent.stop()
}

#[test]
fn an_agent_without_documents_serves_what_was_applied_last() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    agent.stop()?;
    ping(&lab, "web", "10.0.1.20")?;
    let agent = lab.agent(&[])?;
    ensure!(agent.client()?.get::<Value>("/v1/config")?["generation"] == 1);
    ping(&lab, "web", "10.0.1.20")
}

#[test]
fn an_agent_that_waits_for_the_host_can_be_ended() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    agent.stop()?;
    let held = std::fs::File::open(lab.state_dir())?;
    held.lock()?;
    let waiting = lab.begin_agent(&[], &[], &[])?;
    eventually(|| Ok(waiting.socket().exists()))?;
    waiting.signal(Signal::SIGTERM)?;
    ensure!(waiting.ended()?.success());
    held.unlock()?;
    lab.agent(&[])?.stop()
}
