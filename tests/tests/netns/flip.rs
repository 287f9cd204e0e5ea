//! One configuration in the place of another, a thousand times, while packets ask: none is judged by a mixture.

use super::drops;
use anyhow::{Result, ensure};
use groundplane::install::kernel::Datapath;
use groundplane_tests::netns::Lab;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

const FLIPS: usize = 1000;
/// Room for what comes while the machine stands still.
const BUFFER: usize = 16 << 20;

/// Admitted by either configuration, by rules that only one of them has: a mixture looks for rules that aren't there.
const ADMITTED: u16 = 1000;
/// Denied by either configuration, at one end by the one and at the other end by the other: a mixture may admit it.
const DENIED: u16 = 3000;

/// Two routed instances; every table that stands between them has another name in the other configuration. One denies
/// where packets leave, the other where they arrive.
fn document(name: &str, leaves: &str, arrives: &str) -> String {
    let rules = |allowed: &str| {
        format!("{{ RuleNumber: 100, RuleAction: allow, Protocol: udp, PortRange: {allowed}, CidrBlock: 0.0.0.0/0 }}")
    };
    format!(
        "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: {{ CidrBlock: 10.0.1.0/24 }}
      back: {{ CidrBlock: 10.0.2.0/24 }}
    network_acls:
      {name}-front: {{ subnets: [front], egress: [{}] }}
      {name}-back: {{ subnets: [back], ingress: [{}] }}
    route_tables:
      {name}: {{ subnets: [front, back] }}
    security_groups:
      {name}:
        ingress: [{{ IpProtocol: udp, FromPort: 1, ToPort: 5000, CidrIpv4: 10.0.1.0/24 }}]
        egress: [{{ IpProtocol: udp, FromPort: 1, ToPort: 5000, CidrIpv4: 10.0.2.0/24 }}]
    instances:
      web: {{ subnet: front, PrivateIpAddress: 10.0.1.10, groups: [{name}], namespace: $web }}
      db: {{ subnet: back, PrivateIpAddress: 10.0.2.10, groups: [{name}], namespace: $db }}
",
        rules(leaves),
        rules(arrives)
    )
}

/// How many datagrams a socket hears until it is over.
fn hear(socket: &UdpSocket, over: &AtomicBool, heard: &AtomicU64) -> Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &BUFFER)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    loop {
        // Asked first: what was sent before it was over is heard.
        let is_over = over.load(Ordering::Relaxed);
        if socket.recv(&mut [0; 16]).is_ok() {
            heard.fetch_add(1, Ordering::Relaxed);
        } else if is_over {
            return Ok(());
        }
    }
}

/// Sends a datagram to either port, from a port of its own each time, so that each is a first packet; says how many.
fn ask(lab: &Lab, over: &AtomicBool) -> Result<u64> {
    // Far below what an ENI may open in a second.
    const PAUSE: Duration = Duration::from_micros(400);
    lab.inside("web", || {
        let mut sent = 0;
        for port in (10_000..60_000).cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let socket = UdpSocket::bind(("10.0.1.10", port))?;
            for to in [ADMITTED, DENIED] {
                socket.send_to(&port.to_be_bytes(), ("10.0.2.10", to))?;
            }
            sent += 1;
            sleep(PAUSE);
        }
        Ok(sent)
    })
}

#[test]
fn no_packet_is_judged_by_a_mixture_of_two_configurations_and_none_is_lost() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&document("one", "{ From: 1, To: 5000 }", "{ From: 1, To: 2000 }"))?;
    let mut datapath = Datapath::open(&lab.pin_dir())?;
    let one = datapath.plan()?;
    lab.up(&document("two", "{ From: 1, To: 2000 }", "{ From: 1, To: 5000 }"))?;
    let two = datapath.plan()?;
    ensure!(one != two, "they are two configurations");

    let listen = |port| lab.inside("db", || Ok(UdpSocket::bind(("10.0.2.10", port))?));
    let sockets = [listen(ADMITTED)?, listen(DENIED)?];
    let (over, silent) = (AtomicBool::new(false), AtomicBool::new(false));
    let heard = [AtomicU64::new(0), AtomicU64::new(0)];
    let sent = scope(|scope| -> Result<u64> {
        for (socket, heard) in sockets.iter().zip(&heard) {
            scope.spawn(|| hear(socket, &over, heard));
        }
        let asker = scope.spawn(|| ask(&lab, &silent));
        let flipped = (0..FLIPS).try_for_each(|flip| {
            let plan = if flip % 2 == 0 { &one } else { &two };
            datapath.apply(plan).map(drop)
        });
        silent.store(true, Ordering::Relaxed);
        let sent = asker.join().map_err(|_| anyhow::anyhow!("the asker panicked"))?;
        // What is on its way arrives.
        sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        flipped?;
        sent
    })?;
    let [admitted, denied] = heard.map(AtomicU64::into_inner);
    println!("{FLIPS} flips, {sent} packets of either kind");
    ensure!(sent > FLIPS as u64, "only {sent} packets were sent");
    ensure!(
        (admitted, denied) == (sent, 0),
        "{admitted} of {sent} arrived, and {denied} that none admits"
    );
    let by_rule = drops(&lab, "web", "NaclEgress")? + drops(&lab, "db", "NaclIngress")?;
    ensure!(
        by_rule == sent,
        "{by_rule} of {sent} were denied by the rules that deny them"
    );
    Ok(())
}
