//! Appliances that stop, that are deregistered, and that come back: what becomes of the flows that they have.

use super::{Appliances, HEALTHY, NO_REBALANCE, REBALANCE, WEB_INSIDE, document};
use crate::gateways::lab_of;
use anyhow::{Context, Result, ensure};
use groundplane_tests::appliance::Appliance;
use groundplane_tests::netns::Lab;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

const NAMES: [&str; 2] = ["fw1", "fw2"];
const PORT: u16 = 7000;
/// Two looks in a row, and some more.
const TWO_LOOKS: Duration = Duration::from_secs(20);
/// TCP says again what nobody has answered, ever more seldom.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(2);

/// Says again whatever it hears, to any number of clients.
fn serve(lab: &Lab) -> Result<()> {
    let listener = lab.inside("web", || Ok(TcpListener::bind(("0.0.0.0", PORT))?))?;
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            spawn(move || {
                let mut heard = [0; 8];
                while stream.read_exact(&mut heard).is_ok() && stream.write_all(&heard).is_ok() {}
            });
        }
    });
    Ok(())
}

/// A connection through an appliance.
struct Flow {
    stream: TcpStream,
    by: usize,
}

impl Flow {
    fn open(lab: &Lab, appliances: &Appliances) -> Result<Self> {
        // What ends a connection before passes as well.
        appliances.settle()?;
        let (before, _) = appliances.counts();
        let address: SocketAddr = format!("{WEB_INSIDE}:{PORT}").parse()?;
        let stream = lab.inside("app", || Ok(TcpStream::connect_timeout(&address, SHORT)?))?;
        let mut flow = Self { stream, by: 0 };
        for _ in 0..4 {
            flow.talk(SHORT)?;
        }
        let (now, _) = appliances.counts();
        let passed = [0, 1].map(|at| now[at] - before[at]);
        flow.by = usize::from(passed[1] > passed[0]);
        ensure!(
            passed[1 - flow.by] == 0,
            "both appliances have got of one connection: {passed:?}"
        );
        Ok(flow)
    }

    fn talk(&mut self, patience: Duration) -> Result<()> {
        let mut heard = [0; 8];
        self.stream.set_read_timeout(Some(patience))?;
        self.stream.write_all(b"anything")?;
        self.stream.read_exact(&mut heard)?;
        ensure!(&heard == b"anything");
        Ok(())
    }
}

/// Waits until the appliances are in these states.
fn until(lab: &Lab, wanted: [&str; 2]) -> Result<()> {
    let socket = lab.socket().to_string_lossy().into_owned();
    let start = Instant::now();
    loop {
        let shown = lab.groundplane(&["show", "target-health", "--output", "json", "--socket", &socket])?;
        let shown = shown.success()?.json()?;
        let targets = shown["TargetHealthDescriptions"].as_array().context("a list")?;
        let states = targets
            .iter()
            .map(|it| it["TargetHealth"]["State"].as_str().unwrap_or_default());
        if states.clone().eq(wanted) {
            // The datapath knows within a second what is shown.
            sleep(Duration::from_secs(3));
            return Ok(());
        }
        ensure!(
            start.elapsed() < TWO_LOOKS,
            "not {wanted:?} but {targets:?} {}",
            lab.groundplane(&["status"])?
        );
        sleep(Duration::from_millis(100));
    }
}

/// Semantics 16.3: what becomes of the flow of an appliance that stops, and of those that begin then.
fn fail(failover: &str) -> Result<()> {
    let lab = lab_of(&document(failover, HEALTHY))?;
    let mut appliances = Appliances::start(&lab)?;
    serve(&lab)?;
    let path = lab.document(&document(failover, ""))?;
    let agent = lab.agent(&["--network", &path.to_string_lossy()])?;
    until(&lab, ["healthy"; 2])?;
    let mut flow = Flow::open(&lab, &appliances)?;
    let (gone, other) = (flow.by, 1 - flow.by);
    appliances.0[gone] = None;
    let mut states = ["healthy"; 2];
    states[gone] = "unhealthy";
    until(&lab, states)?;
    for _ in 0..8 {
        let new = Flow::open(&lab, &appliances).context("a new flow goes to an appliance that is gone")?;
        ensure!(new.by == other);
    }
    let patience = if failover == REBALANCE { PATIENCE } else { SHORT };
    let goes_on = flow.talk(patience).is_ok();
    ensure!(goes_on == (failover == REBALANCE), "{failover}: {goes_on}");
    // Back again, it gets some of what begins then; and of a flow that has waited for it, what is said again.
    appliances.0[gone] = Some(lab.inside(NAMES[gone], Appliance::start)?);
    until(&lab, ["healthy"; 2])?;
    let by: Result<BTreeSet<_>> = (0..24).map(|_| Ok(Flow::open(&lab, &appliances)?.by)).collect();
    ensure!(by?.len() == 2, "who is back gets nothing");
    if !goes_on {
        let mut heard = [0; 8];
        flow.stream.set_read_timeout(Some(PATIENCE))?;
        flow.stream.read_exact(&mut heard)?;
    }
    agent.stop()?;
    lab.down()
}

#[test]
fn a_flow_of_an_appliance_that_stops_waits_for_it() -> Result<()> {
    fail(NO_REBALANCE)
}

#[test]
fn a_flow_of_an_appliance_that_stops_goes_on_by_another_where_it_rebalances() -> Result<()> {
    fail(REBALANCE)
}

/// An appliance that is deregistered, and still there: its flows stay with it, or leave it.
#[test]
fn flows_of_an_appliance_that_is_deregistered_stay_or_leave_as_the_group_says() -> Result<()> {
    for failover in [NO_REBALANCE, REBALANCE] {
        let text = document(failover, HEALTHY);
        let lab = lab_of(&text)?;
        let appliances = Appliances::start(&lab)?;
        serve(&lab)?;
        let mut flow = Flow::open(&lab, &appliances)?;
        let (gone, other) = (flow.by, 1 - flow.by);
        lab.up(&text.replace(
            &format!("      - {{ Target: {{ Id: {} }}{HEALTHY} }}\n", NAMES[gone]),
            "",
        ))?;
        let (before, _) = appliances.counts();
        flow.talk(SHORT)?;
        let (now, _) = appliances.counts();
        let by = if failover == REBALANCE { other } else { gone };
        ensure!(
            now[by] > before[by] && now[1 - by] == before[1 - by],
            "{failover}: {before:?} {now:?}"
        );
        for _ in 0..8 {
            ensure!(
                Flow::open(&lab, &appliances)?.by == other,
                "a new flow goes to who is gone"
            );
        }
        lab.down()?;
    }
    Ok(())
}
