//! VPC links with real sockets: processes of the host reach guests through an agent, by both kinds of links.

mod kinds;
mod life;
mod limits;
mod sockets;

use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Agent, Lab, Output, eventually};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::spawn;
use std::time::Duration;

/// `LINK` is what the link says beside its place, `SOCKET` a path.
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
      echo: { subnet: b, PrivateIpAddress: 10.0.2.11, groups: [orders], namespace: $echo }
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
  echo: { vpc_link: shop, address: \"10.0.2.11:8080\", listen: \"127.0.0.1:8083\" }
  closed: { vpc_link: shop, address: \"10.0.2.10:80\", listen: \"127.0.0.1:8082\", connections: 1 }
";

const ORDERS: &str = "127.0.0.1:8080";
const ECHO: &str = "127.0.0.1:8083";
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

fn apply(lab: &Lab, agent: &Agent, text: &str) -> Result<Output> {
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

/// Who is reached by an integration from the host.
fn connect(lab: &Lab, address: &str) -> Result<TcpStream> {
    let stream = lab.inside("host", || Ok(TcpStream::connect(address)?))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask_orders(lab: &Lab) -> Result<String> {
    ask_at(lab, ORDERS)
}

fn ask_at(lab: &Lab, address: &str) -> Result<String> {
    let mut stream = connect(lab, address)?;
    let other = stream.try_clone()?;
    ask(&mut stream, || other.shutdown(Shutdown::Write))
}

fn ask_legacy(lab: &Lab) -> Result<String> {
    let mut stream = UnixStream::connect(path(lab))?;
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

/// Says back whatever it hears.
fn echo(lab: &Lab) -> Result<()> {
    let listener = lab.inside("echo", || Ok(TcpListener::bind("0.0.0.0:8080")?))?;
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            spawn(move || std::io::copy(&mut stream.try_clone()?, &mut stream));
        }
    });
    Ok(())
}

/// Whether what is said to the one who echoes comes back.
fn is_echoed(stream: &mut TcpStream) -> bool {
    let mut heard = [0; 5];
    let said = stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut heard));
    said.is_ok() && &heard == b"hello"
}

/// Whether the other end has ended, or broken.
fn is_over(stream: &mut impl Read) -> bool {
    stream.read(&mut [0; 1]).unwrap_or_default() == 0
}

fn begin() -> Result<(Lab, Agent)> {
    let lab = Lab::new()?;
    let text = document(&lab, "");
    begin_with(lab, &text)
}

fn begin_with(lab: Lab, text: &str) -> Result<(Lab, Agent)> {
    let document = lab.document(text)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    echo(&lab)?;
    serve(&lab, "orders", "0.0.0.0:8080")?;
    serve(&lab, "orders", "0.0.0.0:80")?;
    serve(&lab, "legacy", "0.0.0.0:80")?;
    eventually(|| Ok(path(&lab).exists()))?;
    // The last of them in order.
    crate::listens(&lab, "host", 8080)?;
    Ok((lab, agent))
}
