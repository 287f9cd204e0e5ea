//! Targets that an agent looks after: what becomes of one that stops, and what is told of those that can't be well.

use super::{Connection, DOCUMENT, ENDPOINT, Server, document, shares};
use anyhow::{Context, Result, bail, ensure};
use groundplane::install::names;
use groundplane_tests::netns::{Agent, Lab, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// As short as AWS has them: two looks in a row take ten seconds.
const QUICK: &str = "HealthCheckIntervalSeconds: 5\n    HealthCheckTimeoutSeconds: 2\n    HealthyThresholdCount: 2\n    \
                     UnhealthyThresholdCount: 2\n    ";
/// Until a target is seen to be something else.
const TWO_LOOKS: Duration = Duration::from_secs(30);

/// The document with an accepted endpoint, in which nothing is said of a target.
fn unsaid() -> String {
    let text = document("available", "", false);
    text.replace(", TargetHealth: { State:  }", "").replacen(
        "TargetType: ip\n    ",
        &format!("TargetType: ip\n    {QUICK}"),
        1,
    )
}

fn lab_with_agent(text: &str) -> Result<(Lab, Agent)> {
    let lab = Lab::new()?;
    let document = lab.document(text)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    Ok((lab, agent))
}

/// State and reason of each target, by its address.
fn health(lab: &Lab, arguments: &[&str]) -> Result<BTreeMap<String, (String, String)>> {
    let all = [&["show", "target-health", "--output", "json"], arguments].concat();
    let shown = lab.groundplane(&all)?.success()?.json()?;
    let targets = shown["TargetHealthDescriptions"].as_array().context("a list")?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target = |described: &Value| {
        let health = &described["TargetHealth"];
        (
            word(&described["Target"]["Id"]),
            (word(&health["State"]), word(&health["Reason"])),
        )
    };
    Ok(targets.iter().map(target).collect())
}

/// Waits until the targets are in these states, for these reasons.
fn until(lab: &Lab, patience: Duration, wanted: [(&str, &str); 2]) -> Result<Duration> {
    let socket = lab.socket();
    let arguments = ["--socket", &socket.to_string_lossy()];
    let start = Instant::now();
    loop {
        let found = health(lab, &arguments)?;
        let of = |address: &str| found.get(address).map(|(state, reason)| (&**state, &**reason));
        if [of("10.0.1.60"), of("10.0.3.60")] == wanted.map(Some) {
            return Ok(start.elapsed());
        }
        if start.elapsed() > patience {
            bail!("not {wanted:?} within {patience:?}: {found:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

const HEALTHY: (&str, &str) = ("healthy", "");

#[test]
fn a_target_that_stops_gets_nothing_until_it_is_back() -> Result<()> {
    let (lab, agent) = lab_with_agent(&unsaid())?;
    let _web1 = Server::start(&lab, "web1", "10.0.1.60")?;
    let web2 = Server::start(&lab, "web2", "10.0.3.60")?;
    let waited = until(&lab, TWO_LOOKS, [HEALTHY, HEALTHY])?;
    println!("both were healthy after {waited:?}");
    let mut of_each = BTreeMap::new();
    while of_each.len() < 2 {
        let connection = Connection::open(&lab, "client", ENDPOINT)?;
        of_each.insert(connection.server.clone(), connection);
    }
    let generations =
        || Ok::<_, anyhow::Error>(agent.client()?.get::<Value>("/v1/generations")?["generations"].clone());
    let before = generations()?;

    drop(web2);
    let refused = ("unhealthy", "Target.FailedHealthChecks");
    let waited = until(&lab, TWO_LOOKS, [HEALTHY, refused])?;
    println!("one was unhealthy after {waited:?}");
    // The datapath knows within a second what is shown.
    eventually(|| Ok(shares(&lab, "client", ENDPOINT, super::NODE).is_ok_and(|it| it.keys().eq(["web1"]))))?;
    for (server, connection) in &mut of_each {
        ensure!(connection.talk().is_ok() == (server == "web1"), "{server}");
    }
    // It is the same configuration.
    let count = |value: &Value| value.as_array().map(Vec::len);
    ensure!(count(&generations()?) == count(&before), "{:#}", generations()?);

    let _web2 = Server::start(&lab, "web2", "10.0.3.60")?;
    let waited = until(&lab, TWO_LOOKS, [HEALTHY, HEALTHY])?;
    println!("it was healthy again after {waited:?}");
    eventually(|| Ok(shares(&lab, "client", ENDPOINT, super::NODE).is_ok_and(|it| it.len() == 2)))?;
    agent.stop()?;
    lab.down()
}

#[test]
fn who_is_not_well_is_told_with_the_reason_and_serves_where_nobody_is() -> Result<()> {
    let http = "HealthCheckProtocol: HTTP\n    HealthCheckPath: /missing\n    HealthCheckPort: \"8080\"\n    ";
    let text = unsaid().replacen("HealthCheckInterval", &format!("{http}HealthCheckInterval"), 1);
    // One server's groups admit the node at the port that is asked, the other's don't.
    let text = text
        .replacen(
            "      web: { ingress",
            "      asked: { ingress: [{ IpProtocol: tcp, FromPort: 8080, ToPort: 8080, CidrIpv4: 10.0.0.0/16 }] }\n      web: { ingress",
            1,
        )
        .replacen("10.0.1.60, groups: [web]", "10.0.1.60, groups: [web, asked]", 1);
    let (lab, agent) = lab_with_agent(&text)?;
    let _servers = super::servers(&lab)?;
    let serve = |guest| lab.start(guest, &["python3", "-m", "http.server", "8080"]);
    let _http = [serve("web1")?, serve("web2")?];
    let mismatch = ("unhealthy", "Target.ResponseCodeMismatch");
    until(&lab, TWO_LOOKS, [mismatch, ("unhealthy", "Target.Timeout")])?;
    let socket = lab.socket();
    let shown = lab.groundplane(&["show", "target-health", "web", "--socket", &socket.to_string_lossy()])?;
    let shown = shown.success()?.stdout;
    ensure!(
        shown.contains("Health checks failed with these codes: [404]"),
        "{shown}"
    );
    // Where nobody is well, all serve.
    eventually(|| Ok(shares(&lab, "client", ENDPOINT, super::NODE).is_ok_and(|it| it.len() == 2)))?;
    // What was found out stays in force when the agent ends, however it does, until the next one begins anew.
    agent.kill()?;
    let without = lab.groundplane(&["show", "target-health"])?.success()?.stdout;
    ensure!(without.contains("No agent runs"), "{without}");
    ensure!(health(&lab, &[])?.values().all(|(state, _)| state == "unhealthy"));
    let agent = lab.agent(&[])?;
    let initial = ("initial", "Elb.RegistrationInProgress");
    until(&lab, Duration::from_millis(500), [initial, initial]).or_else(|_| {
        let checking = ("initial", "Elb.InitialHealthChecking");
        until(&lab, TWO_LOOKS, [checking, checking])
    })?;
    ensure!(!agent.log().contains("WARN"), "{}", agent.log());
    agent.stop()?;
    ensure!(health(&lab, &[])?.values().all(|(state, _)| state == "healthy"));
    lab.down()
}

#[test]
fn what_a_document_says_of_a_target_stands() -> Result<()> {
    let text = DOCUMENT.replace("$state", "available").replace("$preserve", "false");
    let (lab, agent) = lab_with_agent(&text.replace("$health", "draining"))?;
    let _servers = super::servers(&lab)?;
    let draining = ("draining", "Target.DeregistrationInProgress");
    let initial = ("initial", "Elb.RegistrationInProgress");
    until(&lab, TWO_LOOKS, [initial, draining])?;
    agent.stop()?;
    lab.down()
}

#[test]
fn a_target_is_asked_over_tls_whoever_has_signed_its_certificate() -> Result<()> {
    let https = "HealthCheckProtocol: HTTPS\n    HealthCheckInterval";
    let (lab, agent) = lab_with_agent(&unsaid().replacen("HealthCheckInterval", https, 1))?;
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| lab.dir().join(name));
    let [key, certificate] = [key.to_string_lossy(), certificate.to_string_lossy()];
    let sign = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=nobody -days 1 -keyout";
    let sign: Vec<_> = sign.split(' ').chain([&*key, "-out", &*certificate]).collect();
    lab.run("web1", &sign)?.success()?;
    let serve = [
        "openssl",
        "s_server",
        "-accept",
        "80",
        "-www",
        "-key",
        &*key,
        "-cert",
        &*certificate,
    ];
    let _tls = lab.start("web1", &serve)?;
    // What speaks no TLS isn't well.
    let _plain = Server::start(&lab, "web2", "10.0.3.60")?;
    until(&lab, TWO_LOOKS, [HEALTHY, ("unhealthy", "Target.FailedHealthChecks")])?;
    agent.stop()?;
    lab.down()
}

#[test]
fn the_service_port_is_there_while_it_is_needed_and_made_again_when_it_is_gone() -> Result<()> {
    let (lab, _agent) = lab_with_agent(&unsaid())?;
    let name = names::service(&lab.state_dir());
    let namespace = Path::new("/run/netns").join(&name);
    ensure!(namespace.exists());
    let _servers = super::servers(&lab)?;
    until(&lab, TWO_LOOKS, [HEALTHY, HEALTHY])?;
    // Somebody removes the namespace, or the device.
    lab.on_host(&["ip", "netns", "delete", &name])?.success()?;
    let is_there = || Ok::<_, anyhow::Error>(lab.on_host(&["ip", "link", "show", &name])?.code == Some(0));
    let whole = "an agent can check the health of load balancers' targets";
    let is_whole = || Ok(lab.groundplane(&["doctor"])?.stdout.contains(whole));
    eventually(is_whole)?;
    lab.on_host(&["ip", "link", "delete", &name])?.success()?;
    eventually(is_whole)?;
    // Looks go on, from the new one.
    std::thread::sleep(Duration::from_secs(12));
    until(&lab, Duration::from_secs(1), [HEALTHY, HEALTHY])?;
    // Nothing is to be looked after where all is said.
    let said = document("available", "healthy", false).replacen(
        "10.0.1.60 }",
        "10.0.1.60 }, TargetHealth: { State: healthy }",
        1,
    );
    let apply = lab.document(&said)?;
    let socket = lab.socket();
    lab.groundplane(&["apply", &apply.to_string_lossy(), "--socket", &socket.to_string_lossy()])?
        .success()?;
    ensure!(!namespace.exists() && !is_there()?);
    let apply = lab.document(&unsaid())?;
    lab.groundplane(&["apply", &apply.to_string_lossy(), "--socket", &socket.to_string_lossy()])?
        .success()?;
    ensure!(namespace.exists() && is_there()?);
    lab.groundplane(&["down", "--socket", &socket.to_string_lossy()])?
        .success()?;
    ensure!(!namespace.exists() && !is_there()?);
    Ok(())
}
