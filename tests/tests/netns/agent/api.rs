//! What the socket answers, and to whom.

use super::{LAB, asking_for, lab_with_agent, with_third};
use crate::{eni, ping};
use anyhow::{Context, Result, bail, ensure};
use groundplane::api::Code;
use groundplane::api::client::Error;
use groundplane_tests::netns::{Agent, Lab, Talk, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;

/// The failure that an answer has to be.
fn failure(answer: std::result::Result<Value, Error>) -> Result<(Code, String)> {
    match answer {
        Err(Error::Failure(failure)) => Ok((failure.code, failure.message)),
        Err(other) => Err(other.into()),
        Ok(value) => bail!("it was done: {value}"),
    }
}

#[test]
fn a_document_is_put_in_force_told_of_and_taken_back_over_the_socket() -> Result<()> {
    let lab = Lab::new()?;
    let agent = lab.agent(&[])?;
    let client = agent.client()?;
    ensure!(client.get::<Value>("/v1/status")?["condition"] == "nothing_up");
    ensure!(failure(client.get("/v1/config"))?.0 == Code::Conflict);

    let mut steps = Vec::new();
    let first: Value = client.follow("/v1/apply", &asking_for(&lab, LAB)?, |step, _| {
        steps.push(step.to_owned())
    })?;
    ensure!(
        first["outcome"] == "brought_up" && !steps.is_empty(),
        "{first} {steps:?}"
    );
    ping(&lab, "web", "10.0.1.20")?;

    let larger = asking_for(&lab, &with_third())?;
    let planned: Value = client.post("/v1/plan", &larger)?;
    ensure!(
        planned["changes"].as_array().is_some_and(|changes| !changes.is_empty()),
        "{planned}"
    );
    let second: Value = client.follow("/v1/apply", &larger, |_, _| ())?;
    ensure!(second["generation"].as_u64() > first["generation"].as_u64(), "{second}");
    ping(&lab, "web", "10.0.1.30")?;
    let config: Value = client.get("/v1/config")?;
    ensure!(config["sources"][0] == larger["sources"][0], "{config}");
    let resources: Value = client.get("/v1/resources")?;
    let enis = resources["NetworkInterfaces"].as_array().map(Vec::len);
    ensure!(enis == Some(3), "{resources}");

    taken_back(&agent, &second)?;
    ensure!(!lab.pin_dir().exists());
    agent.stop()
}

/// Rolls back and takes down.
fn taken_back(agent: &Agent, second: &Value) -> Result<()> {
    let client = agent.client()?;
    let third: Value = client.follow("/v1/rollback", &json!({}), |_, _| ())?;
    ensure!(third["generation"].as_u64() > second["generation"].as_u64(), "{third}");
    let generations: Value = client.get("/v1/generations")?;
    ensure!(
        generations["generations"].as_array().map(Vec::len) == Some(3),
        "{generations}"
    );
    let status: Value = client.get("/v1/status")?;
    eni(&status, "web")?;
    ensure!(
        eni(&status, "new").is_err() && status["agent"]["pid"] == agent.id(),
        "{status}"
    );

    let down: Value = client.follow("/v1/down", &json!({}), |_, _| ())?;
    ensure!(down["was_up"] == true, "{down}");
    ensure!(client.get::<Value>("/v1/status")?["condition"] == "nothing_up");
    Ok(())
}

#[test]
fn a_wrong_document_is_refused_with_its_problems_and_changes_nothing() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let before = agent.client()?.get::<Value>("/v1/generations")?;
    let wrong = json!({ "sources": [{ "name": "wrong.yaml", "text": "vpcs:\n  red: 3\n" }] });
    for path in ["/v1/apply", "/v1/plan"] {
        match agent.client()?.post::<Value>(path, &wrong) {
            Err(Error::Failure(failure)) => {
                ensure!(failure.code == Code::Refused, "{failure:?}");
                let problems = failure.diagnostics.context("problems")?;
                ensure!(problems["problems"][0]["line"] == 2, "{problems}");
                ensure!(failure.rendered.is_some_and(|text| text.contains("wrong.yaml:2:")));
            }
            other => bail!("{path}: {other:?}"),
        }
    }
    ensure!(agent.client()?.get::<Value>("/v1/generations")? == before);
    ping(&lab, "web", "10.0.1.20")
}

#[test]
fn drops_are_told_to_all_who_listen_and_connections_are_listed_and_ended() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let (tell, told) = channel();
    for _ in 0..2 {
        let (client, tell) = (agent.client()?, tell.clone());
        std::thread::spawn(move || {
            client.listen::<Value>("/v1/events?reason=NoRoute", |drop| {
                // The test may have ended.
                let _ = tell.send(drop["reason"].clone());
                false
            })
        });
    }
    let mut told_to = 0;
    eventually(|| {
        lab.run("web", &["ping", "-c", "1", "-W", "1", "192.0.2.1"])?
            .failure()?;
        told_to += told.try_iter().filter(|reason| reason == "NoRoute").count();
        Ok(told_to == 2)
    })?;

    let _talk = Talk::start(&lab, "web", "db", "10.0.1.20:80")?;
    let client = agent.client()?;
    let connections = |client: &groundplane::api::Client| -> Result<usize> {
        let mut count = 0;
        client.listen::<Value>("/v1/flows?eni=db&port=80", |_| {
            count += 1;
            true
        })?;
        Ok(count)
    };
    eventually(|| Ok(connections(&client)? == 1))?;
    let flushed: Value = client.post("/v1/flush", &json!({ "selector": { "eni": "db", "port": 80 } }))?;
    ensure!(flushed["ended"] == 1, "{flushed}");
    ensure!(failure(client.post("/v1/flush", &json!({ "selector": {} })))?.0 == Code::BadRequest);
    ensure!(failure(client.get("/v1/flows?eni=nobody"))?.0 == Code::BadRequest);
    Ok(())
}

#[test]
fn nobody_but_root_may_ask() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let socket = agent.socket().to_string_lossy().into_owned();
    let ask = ["curl", "-sS", "--unix-socket", &socket, "http://localhost/v1/status"];
    let stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    lab.on_host(&ask)?.success()?;
    // The lab's own directory may be closed to others, so that only the socket's mode is asked.
    fs::set_permissions(lab.dir(), fs::Permissions::from_mode(0o755))?;
    lab.on_host(&[&stranger[..], &ask].concat())?.failure()?;
    // Also if somebody opens the socket to all.
    fs::set_permissions(agent.socket(), fs::Permissions::from_mode(0o666))?;
    let answer = lab.on_host(&[&stranger[..], &ask].concat())?.success()?.json()?;
    ensure!(answer["error"]["code"] == "Forbidden", "{answer}");
    agent.stop()?;

    let agent = lab.agent(&["--group", "nogroup"])?;
    let metadata = fs::metadata(agent.socket())?;
    ensure!(metadata.permissions().mode() & 0o777 == 0o660);
    let answer = lab.on_host(&[&stranger[..], &ask].concat())?.success()?.json()?;
    ensure!(answer["condition"] == "up", "{answer}");
    Ok(())
}

#[test]
fn a_second_agent_is_refused_and_the_first_one_goes_on() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let second = lab.begin_agent(&[], &[], &[])?;
    let log = lab.dir().join("second");
    fs::write(&log, second.log())?;
    let status = second.ended()?;
    ensure!(status.code() == Some(1), "{status}");
    ensure!(agent.client()?.get::<Value>("/v1/status")?["condition"] == "up");
    agent.stop()
}

#[test]
fn who_hangs_up_does_not_stop_what_was_begun() -> Result<()> {
    let (lab, agent) = lab_with_agent()?;
    let body = asking_for(&lab, &with_third())?.to_string();
    let mut stream = UnixStream::connect(agent.socket())?;
    write!(
        stream,
        "POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    // The answer tells each step, and so it has begun.
    stream.read_exact(&mut [0])?;
    drop(stream);
    eventually(|| Ok(eni(&agent.client()?.get("/v1/status")?, "new").is_ok()))?;
    ping(&lab, "web", "10.0.1.30")?;
    agent.signal(Signal::SIGTERM)?;
    ensure!(agent.ended()?.success());
    ping(&lab, "web", "10.0.1.30")
}
