//! Gateway Load Balancers with real sockets: a web server whose internet, and whose neighbours in other subnets, are
//! behind appliances of another VPC that has the same addresses.

mod failover;
mod forged;

use crate::gateways::{OUTSIDE, lab_of};
use crate::{checksum_errors, is_dropped, listens, no_ping, ping};
use anyhow::{Context, Result, ensure};
use groundplane_tests::appliance::{Appliance, Manner};
use groundplane_tests::netns::{Background, Capture, Lab, Talk, eventually};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// `$health` is what is said of both appliances' health, `$failover` what becomes of flows whose appliance is gone.
const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      web: { CidrBlock: 10.0.10.0/24, Ipv6CidrBlock: \"2001:db8:a:10::/64\" }
      app: { CidrBlock: 10.0.20.0/24 }
      inspection: { CidrBlock: 10.0.30.0/24, Ipv6CidrBlock: \"2001:db8:a:30::/64\" }
      same: { CidrBlock: 10.0.1.0/24 }
    security_groups:
      open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }, { IpProtocol: \"-1\", CidrIpv6: \"::/0\" }] }
    route_tables:
      arriving:
        gateways: [door]
        routes:
          - { DestinationCidrBlock: 10.0.10.0/24, vpc_endpoint: inspection }
          - { DestinationIpv6CidrBlock: \"2001:db8:a:10::/64\", vpc_endpoint: inspection }
      web:
        subnets: [web]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, vpc_endpoint: inspection }
          - { DestinationIpv6CidrBlock: \"::/0\", vpc_endpoint: inspection }
          - { DestinationCidrBlock: 10.0.20.0/24, vpc_endpoint: inspection }
      app:
        subnets: [app]
        routes: [{ DestinationCidrBlock: 10.0.10.0/24, vpc_endpoint: inspection }]
      inspected:
        subnets: [inspection]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }
          - { DestinationIpv6CidrBlock: \"::/0\", internet_gateway: door }
    instances:
      web:
        { subnet: web, PrivateIpAddress: 10.0.10.10, Ipv6Addresses: [\"2001:db8:a:10::10\"], groups: [open],
          elastic_ip: front, namespace: $web }
      app: { subnet: app, PrivateIpAddress: 10.0.20.10, groups: [open], namespace: $app }
      victim: { subnet: same, PrivateIpAddress: 10.0.1.50, groups: [open], namespace: $victim }
  security:
    CidrBlock: 10.0.0.0/16
    subnets: { appliances: { CidrBlock: 10.0.1.0/24 } }
    security_groups:
      appliance:
        ingress:
          - { IpProtocol: udp, FromPort: 6081, ToPort: 6081, CidrIpv4: 10.0.1.0/24 }
          - { IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.1.0/24 }
    instances:
      fw1: { subnet: appliances, PrivateIpAddress: 10.0.1.81, groups: [appliance], namespace: $fw1 }
      fw2: { subnet: appliances, PrivateIpAddress: 10.0.1.82, groups: [appliance], namespace: $fw2 }
internet_gateways:
  door: { Attachments: [{ VpcId: shop }] }
addresses:
  front: { PublicIp: 203.0.113.10 }
load_balancers:
  inspection:
    Type: gateway
    AvailabilityZones:
      - { SubnetId: appliances, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.1.50 }] }
listeners:
  all: { LoadBalancerArn: inspection, DefaultActions: [{ Type: forward, TargetGroupArn: appliances }] }
target_groups:
  appliances:
    VpcId: security
    TargetType: instance
    Protocol: GENEVE
    Port: 6081
    HealthCheckIntervalSeconds: 5
    HealthCheckTimeoutSeconds: 2
    HealthyThresholdCount: 2
    UnhealthyThresholdCount: 2
    Attributes:
      - { Key: target_failover.on_unhealthy, Value: $failover }
      - { Key: target_failover.on_deregistration, Value: $failover }
    TargetHealthDescriptions:
      - { Target: { Id: fw1 }$health }
      - { Target: { Id: fw2 }$health }
vpc_endpoint_services:
  inspection: { GatewayLoadBalancerArns: [inspection], AcceptanceRequired: false }
vpc_endpoints:
  inspection:
    VpcEndpointType: GatewayLoadBalancer
    VpcId: shop
    ServiceName: inspection
    SubnetIds: [shop/inspection]
";

const WEB: &str = "203.0.113.10";
const WEB6: &str = "2001:db8:a:10::10";
const WEB_INSIDE: &str = "10.0.10.10";
const OUTSIDE6: &str = "2001:db8:ffff::7";
const PATIENCE: Duration = Duration::from_secs(3);

/// What the document says of a target's health.
const HEALTHY: &str = ", TargetHealth: { State: healthy }";
const NO_REBALANCE: &str = "no_rebalance";
const REBALANCE: &str = "rebalance";

fn document(failover: &str, health: &str) -> String {
    DOCUMENT.replace("$failover", failover).replace("$health", health)
}

/// Two appliances that run.
struct Appliances([Option<Appliance>; 2]);

impl Appliances {
    fn start(lab: &Lab) -> Result<Self> {
        Ok(Self([
            Some(lab.inside("fw1", Appliance::start)?),
            Some(lab.inside("fw2", Appliance::start)?),
        ]))
    }

    fn behave(&self, manner: Manner) {
        self.0.iter().flatten().for_each(|appliance| appliance.behave(manner));
    }

    /// How many packets each has got, and how many of all were sent back.
    fn counts(&self) -> ([u64; 2], u64) {
        let counts = self
            .0
            .each_ref()
            .map(|it| it.as_ref().map_or((0, 0), Appliance::counts));
        (
            counts.map(|(got, _)| got),
            counts.iter().map(|(_, returned)| returned).sum(),
        )
    }

    /// How many packets pass while something is done.
    fn passed(&self, work: impl FnOnce() -> Result<()>) -> Result<u64> {
        let (_, before) = self.counts();
        work()?;
        self.settle()?;
        Ok(self.counts().1 - before)
    }

    /// Waits until nothing more comes: what has arrived may not be counted yet.
    fn settle(&self) -> Result<()> {
        let mut last = None;
        eventually(|| {
            let now = self.counts();
            let is_same = last.replace(now) == Some(now);
            std::thread::sleep(Duration::from_millis(200));
            Ok(is_same)
        })
    }
}

fn lab() -> Result<(Lab, Appliances)> {
    let lab = lab_of(&document(NO_REBALANCE, HEALTHY))?;
    let appliances = Appliances::start(&lab)?;
    Ok((lab, appliances))
}

/// A web server that hands out what is in the lab's directory, and takes what is put there.
fn serve(lab: &Lab, place: &str) -> Result<Background> {
    let (dir, root) = (lab.dir().display(), lab.dir().join(place));
    fs::create_dir_all(&root)?;
    let path = lab.dir().join(format!("{place}.conf"));
    let text = format!(
        "daemon off; master_process off; user root; pid {dir}/{place}.pid; error_log {dir}/{place}.log; events {{}}\n\
         http {{ access_log off; client_max_body_size 0; client_body_temp_path {dir}/{place}.body;\n\
         server {{ listen 80; listen [::]:80; root {}; dav_methods PUT; }} }}\n",
        root.display()
    );
    fs::write(&path, text)?;
    let nginx = lab.start(place, &["nginx", "-p", &dir.to_string(), "-c", &path.to_string_lossy()])?;
    listens(lab, place, 80)?;
    Ok(nginx)
}

/// Bytes that no shift and no gap leaves as they are.
fn noise(len: u32) -> Vec<u8> {
    let words = (0..len / 4).map(|at| (at.wrapping_mul(2_654_435_761) ^ at >> 7).to_le_bytes());
    words.flatten().collect()
}

/// Fetches a file and puts one there: both are the same on either side.
fn exchange(lab: &Lab, from: &str, to: &str, address: &str) -> Result<()> {
    let content = noise(8 << 20);
    let [got, source] = ["got", "source"].map(|name| lab.dir().join(name));
    fs::write(&source, &content)?;
    fs::write(lab.dir().join(to).join("file"), &content)?;
    let url = |name: &str| match address.contains(':') {
        true => format!("http://[{address}]/{name}"),
        false => format!("http://{address}/{name}"),
    };
    let curl = |arguments: &[&str]| {
        let all = [&["curl", "-sSf", "--max-time", "40"], arguments].concat();
        lab.run(from, &all)?.success().map(drop)
    };
    curl(&["-o", &got.to_string_lossy(), &url("file")]).with_context(|| format!("{from} fetches of {address}"))?;
    ensure!(fs::read(&got)? == content, "{from} gets something else of {address}");
    curl(&["-T", &source.to_string_lossy(), &url("put")]).with_context(|| format!("{from} puts to {address}"))?;
    ensure!(
        fs::read(lab.dir().join(to).join("put"))? == content,
        "{address} gets something else of {from}"
    );
    Ok(())
}

#[test]
fn files_of_both_families_pass_appliances_both_ways_unharmed() -> Result<()> {
    let (lab, appliances) = lab()?;
    let _servers = [serve(&lab, "web")?, serve(&lab, "outside")?];
    for (from, to, address) in [
        ("outside", "web", WEB),
        ("web", "outside", OUTSIDE),
        ("outside", "web", WEB6),
        ("web", "outside", OUTSIDE6),
        ("app", "web", WEB_INSIDE),
    ] {
        let passed = appliances.passed(|| exchange(&lab, from, to, address))?;
        // 16 MiB in packets of 8500 bytes at most, and none goes another way.
        ensure!(passed > 2000, "{from} to {address}: {passed}");
    }
    for guest in ["web", "outside", "app"] {
        ensure!(checksum_errors(&lab, guest)? == 0, "wrong checksums at {guest}");
    }
    lab.down()
}

#[test]
fn pings_pass_appliances_both_ways() -> Result<()> {
    let (lab, appliances) = lab()?;
    for (from, address) in [
        ("outside", WEB),
        ("web", OUTSIDE),
        ("outside", WEB6),
        ("web", OUTSIDE6),
        ("app", WEB_INSIDE),
    ] {
        let passed = appliances.passed(|| ping(&lab, from, address))?;
        ensure!(
            passed == 4,
            "{from} to {address}: two pings and two answers, not {passed}"
        );
    }
    // What stays in its subnet's VPC by its own route doesn't.
    let passed = appliances.passed(|| ping(&lab, "app", "10.0.1.50"))?;
    ensure!(passed == 0, "{passed}");
    lab.down()
}

/// Semantics 16.3, 23: 8500 bytes, without a word about more; the MSS is lowered, so that TCP needs none.
#[test]
fn what_is_larger_than_8500_bytes_is_gone_and_tcp_is_told_before() -> Result<()> {
    let (lab, appliances) = lab()?;
    let ping_of = |len: u32| {
        let payload = (len - 28).to_string();
        lab.run(
            "app",
            &["ping", "-M", "do", "-c", "1", "-W", "1", "-s", &payload, WEB_INSIDE],
        )
    };
    ping_of(8500)?.success()?;
    let said = ping_of(8501)?.failure()?;
    ensure!(!said.stdout.contains("mtu"), "{said}");
    is_dropped_somewhere(&lab, "EndpointMtu")?;
    let opening = "tcp[tcpflags] & tcp-syn != 0";
    let captures = [
        Capture::start(&lab, "web", opening)?,
        Capture::start(&lab, "app", opening)?,
    ];
    let talk = Talk::start(&lab, "app", "web", &format!("{WEB_INSIDE}:7000"))?;
    eventually(|| Ok(talk.rounds() > 10))?;
    talk.end()?;
    for (capture, theirs) in captures.into_iter().zip(["app", "web"]) {
        let seen = capture.read(&lab)?;
        ensure!(
            seen.contains("mss 8460") && seen.contains("mss 8961"),
            "what {theirs} offers isn't lowered: {seen}"
        );
    }
    // Whole segments are as large as that, with what is around them.
    let capture = Capture::start(&lab, "fw1", "greater 8580 or udp port 6081 and greater 8500")?;
    let other = Capture::start(&lab, "fw2", "greater 8580 or udp port 6081 and greater 8500")?;
    let rate = crate::stream(&lab, "app", "web", WEB_INSIDE)?;
    ensure!(rate > 1e6, "{rate} bit/s");
    let seen = capture.read(&lab)? + &other.read(&lab)?;
    ensure!(seen.contains("length 8568)"), "no packet of 8568 bytes: {seen}");
    ensure!(appliances.counts().1 > 0);
    lab.down()
}

/// The reason stands somewhere in the status, at whatever ENI.
fn is_dropped_somewhere(lab: &Lab, reason: &str) -> Result<()> {
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains(reason), "no {reason} in {status}");
    Ok(())
}

/// Whether a connection can't be made.
fn is_refused(lab: &Lab, from: &str, to: &str) -> Result<bool> {
    let address: SocketAddr = to.parse()?;
    let wait = Duration::from_millis(1500);
    lab.inside(from, || Ok(TcpStream::connect_timeout(&address, wait).is_err()))
}

#[test]
fn an_appliance_that_is_silent_or_lies_lets_nothing_pass_and_status_says_why() -> Result<()> {
    let (lab, mut appliances) = lab()?;
    let _server = serve(&lab, "web")?;
    let address = format!("{WEB}:80");
    // It keeps what it gets: nobody is told, and only the appliances know.
    appliances.behave(Manner::Drop);
    let passed = appliances.passed(|| {
        ensure!(is_refused(&lab, "outside", &address)?);
        no_ping(&lab, "outside", WEB)
    })?;
    ensure!(passed == 0 && appliances.counts().0.iter().sum::<u64>() > 1);
    // It changes what it has to send back as it was.
    appliances.behave(Manner::ChangeCookie);
    ensure!(is_refused(&lab, "outside", &address)?);
    no_ping(&lab, "web", OUTSIDE)?;
    is_dropped_somewhere(&lab, "GeneveMismatch")?;
    // Nobody is there: what its kernel says of that is nothing that a node takes.
    appliances.0 = [None, None];
    ensure!(is_refused(&lab, "outside", &address)?);
    is_dropped_somewhere(&lab, "GeneveProtocol")?;
    let appliances = Appliances::start(&lab)?;
    ping(&lab, "outside", WEB)?;
    ensure!(!is_refused(&lab, "outside", &address)?);
    // No appliance at all.
    let text = document(NO_REBALANCE, HEALTHY);
    let (before, rest) = text.split_once("    TargetHealthDescriptions:").context("targets")?;
    let (_, after) = rest.split_once("vpc_endpoint_services").context("services")?;
    lab.up(&format!("{before}vpc_endpoint_services{after}"))?;
    ensure!(is_refused(&lab, "outside", &address)?);
    is_dropped_somewhere(&lab, "GeneveNoTarget")?;
    drop(appliances);
    lab.down()
}

#[test]
fn an_endpoint_that_goes_away_takes_its_connections_with_it_and_nobody_elses() -> Result<()> {
    let (lab, appliances) = lab()?;
    let through = Talk::start(&lab, "app", "web", &format!("{WEB_INSIDE}:7000"))?;
    let beside = Talk::start(&lab, "app", "victim", "10.0.1.50:7000")?;
    eventually(|| Ok(through.rounds() > 10 && beside.rounds() > 10))?;
    let text = document(NO_REBALANCE, HEALTHY);
    let rejected = text.replace(
        "    SubnetIds: [shop/inspection]\n",
        "    SubnetIds: [shop/inspection]\n    State: rejected\n",
    );
    lab.up(&rejected)?;
    let (stood, went_on) = (through.rounds(), beside.rounds());
    std::thread::sleep(Duration::from_millis(500));
    ensure!(through.rounds() <= stood + 1, "a rejected endpoint goes on");
    eventually(|| Ok(beside.rounds() > went_on + 10))?;
    // What was sent meanwhile is sent again.
    lab.up(&text)?;
    eventually(|| Ok(through.rounds() > stood + 10))?;
    through.end()?;
    beside.end()?;
    is_dropped(&lab, "app", "BlackholeRoute")?;
    drop(appliances);
    lab.down()
}

/// Semantics 16: there is a finisher while there is somebody who needs it, and it is made again when it is gone.
#[test]
fn the_finisher_is_there_while_it_is_needed_and_repaired() -> Result<()> {
    let (lab, appliances) = lab()?;
    let name = groundplane::install::names::finisher(&lab.state_dir());
    let namespace = std::path::Path::new("/run/netns").join(&name);
    ensure!(namespace.exists());
    lab.on_host(&["ip", "link", "delete", &name])?.success()?;
    no_ping(&lab, "outside", WEB)?;
    let doctor = lab.groundplane(&["doctor"])?.failure()?.stdout;
    ensure!(doctor.contains("finisher") || doctor.contains("appliances"), "{doctor}");
    lab.up(&document(NO_REBALANCE, HEALTHY))?;
    ping(&lab, "outside", WEB)?;
    // Without an endpoint nobody needs it.
    let text = document(NO_REBALANCE, HEALTHY);
    let (before, _) = text.split_once("vpc_endpoints:").context("endpoints")?;
    let without: Vec<_> = before.lines().filter(|line| !line.contains("vpc_endpoint:")).collect();
    let without = without
        .join("\n")
        .replace("        routes:\n      web", "      web")
        .replace("        routes:\n    instances", "    instances");
    lab.up(&without)?;
    ensure!(!namespace.exists());
    drop(appliances);
    lab.down()
}
