//! VPC links with real sockets: processes of the host reach guests through an agent, by both kinds of links.

use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Agent, Lab, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::thread::spawn;
use std::time::Duration;

/// `$link` is what the link says beside its place, `$socket` a path.
const DOCUMENT: &str = "
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    subnets:
      a: { CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1a }
      b: { CidrBlock: 10.0.2.0/24, AvailabilityZone: us-east-1b }
    security_groups:
      link: { egress: [{ IpProtocol: tcp, FromPort: 8080, ToPort: 8080, CidrIpv4: 10.0.2.0/24 }] }
      orders: { ingress: [{ IpProtocol: \"-1\", group: link }] }
      legacy: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.1.50/32 }] }
    instances:
      orders: { subnet: b, PrivateIpAddress: 10.0.2.10, groups: [orders], namespace: $orders }
      legacy: { subnet: a, PrivateIpAddress: 10.0.1.10, groups: [legacy], namespace: $legacy }
load_balancers:
  legacy:
    Type: network
    Scheme: internal
    AvailabilityZones: [{ SubnetId: shop/a, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.1.50 }] }]
listeners:
  legacy: { LoadBalancerArn: legacy, Protocol: TCP, Port: 80, DefaultActions: [{ Type: forward, TargetGroupArn: legacy }] }
target_groups:
  legacy:
    VpcId: shop
    TargetType: ip
    Protocol: TCP
    Port: 80
    TargetHealthDescriptions: [{ Target: { Id: 10.0.1.10 }, TargetHealth: { State: healthy } }]
vpc_links:
  shop: { SubnetIds: [shop/a, shop/b], SecurityGroupIds: [shop/link]LINK }
rest_vpc_links:
  legacy: { targetArns: [legacy] }
integrations:
  orders: { vpc_link: shop, address: \"10.0.2.10:8080\", listen: \"127.0.0.1:8080\" }
  legacy: { vpc_link: legacy, listener: legacy, listen: SOCKET }
  closed: { vpc_link: shop, address: \"10.0.2.10:80\", listen: \"127.0.0.1:8082\", connections: 1 }
";

const ORDERS: &str = "127.0.0.1:8080";
const PATIENCE: Duration = Duration::from_secs(20);

fn path(lab: &Lab) -> PathBuf {
    lab.dir().join("legacy.sock")
}

fn document(lab: &Lab, link: &str) -> String {
    let socket = path(lab);
    DOCUMENT
        .replace("LINK", link)
        .replace("SOCKET", &socket.to_string_lossy())
}

fn apply(lab: &Lab, agent: &Agent, text: &str) -> Result<groundplane_tests::netns::Output> {
    let document = lab.document(text)?;
    let socket = agent.socket().to_string_lossy().into_owned();
    lab.groundplane(&["apply", &document.to_string_lossy(), "--socket", &socket])
}

/// Answers each connection with the address that it sees, after it has heard all of what is said.
fn serve(lab: &Lab, guest: &str, address: &str) -> Result<()> {
    let listener = lab.inside(guest, || Ok(TcpListener::bind(address)?))?;
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            spawn(move || {
                let mut heard = Vec::new();
                let peer = stream.peer_addr()?.ip();
                stream.read_to_end(&mut heard)?;
                stream.write_all(format!("{peer} {}", heard.len()).as_bytes())
            });
        }
    });
    Ok(())
}

/// Says something long, and hears who is seen by whoever has heard all of it.
fn ask(stream: &mut (impl Read + Write), done: impl FnOnce() -> std::io::Result<()>) -> Result<String> {
    const LEN: usize = 400_000;
    stream.write_all(&vec![7; LEN])?;
    done()?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard)?;
    let (seen, len) = heard.split_once(' ').context("an address and a number")?;
    ensure!(len == LEN.to_string(), "{heard}");
    Ok(seen.to_owned())
}

fn ask_orders(lab: &Lab) -> Result<String> {
    let mut stream = lab.inside("host", || Ok(TcpStream::connect(ORDERS)?))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let other = stream.try_clone()?;
    ask(&mut stream, || other.shutdown(Shutdown::Write))
}

fn ask_legacy(lab: &Lab) -> Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(path(lab))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let other = stream.try_clone()?;
    ask(&mut stream, || other.shutdown(Shutdown::Write))
}

/// What is told of an integration.
fn told(lab: &Lab, agent: &Agent, name: &str) -> Result<Value> {
    let socket = agent.socket().to_string_lossy().into_owned();
    let shown = lab.groundplane(&["show", "integrations", name, "--socket", &socket, "--output", "json"])?;
    let shown = shown.success()?.json()?;
    Ok(shown["integrations"][0].clone())
}

fn begin() -> Result<(Lab, Agent)> {
    let lab = Lab::new()?;
    let document = lab.document(&document(&lab, ""))?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    serve(&lab, "orders", "0.0.0.0:8080")?;
    serve(&lab, "orders", "0.0.0.0:80")?;
    serve(&lab, "legacy", "0.0.0.0:80")?;
    eventually(|| Ok(path(&lab).exists()))?;
    Ok((lab, agent))
}

#[test]
fn the_host_reaches_guests_by_links_of_both_kinds_and_no_guest_the_host() -> Result<()> {
    let (lab, agent) = begin()?;
    // Each network interface of the link's has its turn, and the target sees nothing else.
    let seen = (0..4).map(|_| ask_orders(&lab)).collect::<Result<BTreeSet<_>>>()?;
    let shown = told(&lab, &agent, "orders")?;
    ensure!(seen.len() == 2, "{seen:?} {shown}");
    // Of the load balancer its node.
    ensure!(ask_legacy(&lab)? == "10.0.1.50");
    let mode = std::fs::metadata(path(&lab))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    ensure!(
        shown["counted"]["accepted"] == 4 && shown["counted"]["failed"] == 0,
        "{shown}"
    );
    ensure!(shown["counted"]["sent"] == 1_600_000, "{shown}");
    // The link's groups let nothing else out.
    let mut stream = lab.inside("host", || Ok(TcpStream::connect("127.0.0.1:8082")?))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut second = lab.inside("host", || Ok(TcpStream::connect("127.0.0.1:8082")?))?;
    ensure!(second.read(&mut [0; 1]).is_err(), "there is room for one");
    ensure!(stream.read(&mut [0; 1]).is_err(), "nobody is reached");
    let closed = told(&lab, &agent, "closed")?;
    ensure!(
        closed["counted"]["failed"] == 1 && closed["counted"]["refused"] == 1,
        "{closed}"
    );
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains("GroupEgress"), "{status}");
    // One way only.
    for address in &seen {
        let wait = Duration::from_millis(500);
        let address = format!("{address}:8080").parse()?;
        let refused = lab.inside("orders", || Ok(TcpStream::connect_timeout(&address, wait).is_err()))?;
        ensure!(refused, "{address} lets a guest in");
    }
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(
        status.contains("VpcLinkOneWay") && status.contains("VPC link 10.0."),
        "{status}"
    );
    agent.stop()?;
    ensure!(!path(&lab).exists(), "its file is left");
    lab.down()
}

#[test]
fn a_link_that_is_not_available_refuses_and_its_place_is_for_good() -> Result<()> {
    let (lab, agent) = begin()?;
    ask_orders(&lab)?;
    let mut open = lab.inside("host", || Ok(TcpStream::connect(ORDERS)?))?;
    open.set_read_timeout(Some(PATIENCE))?;
    apply(&lab, &agent, &document(&lab, ", VpcLinkStatus: INACTIVE"))?.success()?;
    ensure!(
        open.read(&mut [0; 1]).unwrap_or_default() == 0,
        "who was connected still is"
    );
    let is_refused = || lab.inside("host", || Ok(TcpStream::connect(ORDERS).is_err()));
    eventually(is_refused)?;
    let shown = told(&lab, &agent, "orders")?;
    let refused = shown["refused"].as_str().unwrap_or_default();
    ensure!(refused.starts_with("X_VPCLINK_INACTIVE"), "{shown}");
    // The other one goes on.
    ensure!(ask_legacy(&lab)? == "10.0.1.50");
    apply(&lab, &agent, &document(&lab, ""))?.success()?;
    eventually(|| Ok(ask_orders(&lab).is_ok()))?;
    let moved = document(&lab, "").replace("[shop/a, shop/b]", "[shop/a]");
    let told = apply(&lab, &agent, &moved)?.stderr;
    ensure!(told.contains("BadRequestException"), "{told}");
    ask_orders(&lab)?;
    // Who takes over from an agent that was killed finds its file, and replaces it.
    agent.kill()?;
    ensure!(path(&lab).exists());
    let agent = lab.agent(&[])?;
    eventually(|| Ok(ask_legacy(&lab).is_ok() && ask_orders(&lab).is_ok()))?;
    agent.stop()?;
    lab.down()
}
