//! Load balancers and PrivateLink with real sockets: a provider and a consumer with the same blocks, two web servers
//! behind a load balancer, an endpoint that has to be accepted.

mod health;
mod outside;
mod told;

use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::Lab;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// `$state` is what the provider says of the endpoint, `$web2` how healthy the second server is said to be.
const DOCUMENT: &str = "
vpcs:
  provider:
    CidrBlock: 10.0.0.0/16
    subnets:
      a: { CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1a }
      b: { CidrBlock: 10.0.3.0/24, AvailabilityZone: us-east-1b }
    security_groups:
      web: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.0.0/16 }] }
    instances:
      web1: { subnet: a, PrivateIpAddress: 10.0.1.60, groups: [web], namespace: $web1 }
      web2: { subnet: b, PrivateIpAddress: 10.0.3.60, groups: [web], namespace: $web2 }
      neighbour: { subnet: a, PrivateIpAddress: 10.0.1.90, groups: [web], namespace: $neighbour }
      stranger: { subnet: b, PrivateIpAddress: 10.0.3.90, groups: [web], namespace: $stranger }
  consumer:
    CidrBlock: 10.0.0.0/16
    subnets:
      a: { CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1a }
      other: { CidrBlock: 10.0.2.0/24, AvailabilityZone: us-east-1b }
    security_groups:
      endpoint: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.0.0/16 }] }
      client: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }] }
    instances:
      client: { subnet: a, PrivateIpAddress: 10.0.1.10, groups: [client], namespace: $client }
      far: { subnet: other, PrivateIpAddress: 10.0.2.10, groups: [client], namespace: $far }
load_balancers:
  web:
    Type: network
    Scheme: internal
    AvailabilityZones:
      - { SubnetId: provider/a, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.1.50 }] }
      - { SubnetId: provider/b, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.3.50 }] }
    Attributes: [{ Key: load_balancing.cross_zone.enabled, Value: \"true\" }]
target_groups:
  web:
    Protocol: TCP
    Port: 80
    VpcId: provider
    TargetType: ip
    Attributes: [{ Key: preserve_client_ip.enabled, Value: \"$preserve\" }]
    TargetHealthDescriptions:
      - { Target: { Id: 10.0.1.60 } }
      - { Target: { Id: 10.0.3.60 }, TargetHealth: { State: $health } }
listeners:
  web: { LoadBalancerArn: web, Port: 80, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: web }] }
vpc_endpoint_services:
  shop: { NetworkLoadBalancerArns: [web], AcceptanceRequired: true }
vpc_endpoints:
  shop:
    VpcEndpointType: Interface
    VpcId: consumer
    ServiceName: shop
    SubnetIds: [consumer/a]
    Groups: [{ GroupId: consumer/endpoint }]
    State: $state
";

/// The endpoint's address: the lowest that is free.
const ENDPOINT: &str = "10.0.1.4";
const NODE: &str = "10.0.1.50";
const PATIENCE: Duration = Duration::from_secs(3);

fn document(state: &str, health: &str, preserve: bool) -> String {
    let text = DOCUMENT.replace("$state", state).replace("$health", health);
    text.replace("$preserve", if preserve { "true" } else { "false" })
}

/// A server that says to each client who it is and as whom it sees the client, then repeats what it hears.
struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(lab: &Lab, guest: &'static str, address: &str) -> Result<Self> {
        let listener = lab.inside(guest, || Ok(TcpListener::bind(format!("{address}:80"))?))?;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, peer)) => {
                        spawn(move || serve(stream, guest, peer));
                    }
                    Err(_) => sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What a test is about has been said by then.
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, guest: &str, peer: SocketAddr) {
    let said = format!("{guest} {}\n", peer.ip());
    let mut buffer = [0; 16_384];
    if stream.set_nonblocking(false).is_err() || stream.write_all(said.as_bytes()).is_err() {
        return;
    }
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..len]).is_err() {
            return;
        }
    }
}

/// A connection, and what its server has said.
struct Connection {
    stream: TcpStream,
    server: String,
    seen_as: IpAddr,
}

impl Connection {
    fn open(lab: &Lab, from: &str, to: &str) -> Result<Self> {
        let address: SocketAddr = format!("{to}:80").parse()?;
        let mut stream = lab.inside(from, || Ok(TcpStream::connect_timeout(&address, PATIENCE)?))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = Vec::new();
        let mut byte = [0];
        while byte != *b"\n" {
            stream.read_exact(&mut byte)?;
            line.extend(byte);
        }
        let line = String::from_utf8(line)?;
        let (server, seen_as) = line.trim().split_once(' ').context("a name and an address")?;
        Ok(Self {
            stream,
            server: server.to_owned(),
            seen_as: seen_as.parse()?,
        })
    }

    /// Says as much as many segments hold, and hears the same.
    fn talk(&mut self) -> Result<()> {
        const LEN: usize = 300_000;
        let said: Vec<u8> = (0..LEN).map(|at| at.to_le_bytes()[0]).collect();
        let mut speaker = self.stream.try_clone()?;
        let spoken = said.clone();
        let speaking = spawn(move || speaker.write_all(&spoken));
        let mut heard = vec![0; LEN];
        self.stream.read_exact(&mut heard)?;
        speaking.join().map_err(|_| anyhow::anyhow!("it panicked"))??;
        ensure!(heard == said, "something else came back");
        Ok(())
    }
}

fn is_refused(lab: &Lab, from: &str, to: &str) -> Result<bool> {
    let address: SocketAddr = to.parse()?;
    let wait = Duration::from_millis(700);
    lab.inside(from, || Ok(TcpStream::connect_timeout(&address, wait).is_err()))
}

/// How many of some connections each server gets, and that all of them see the client as an address.
fn shares(lab: &Lab, from: &str, to: &str, seen_as: &str) -> Result<BTreeMap<String, usize>> {
    let mut shares = BTreeMap::new();
    for _ in 0..24 {
        let connection = Connection::open(lab, from, to).with_context(|| format!("{from} to {to}"))?;
        let seen = connection.seen_as.to_string();
        ensure!(seen == seen_as, "{} sees {seen}", connection.server);
        *shares.entry(connection.server).or_insert(0) += 1;
    }
    Ok(shares)
}

fn servers(lab: &Lab) -> Result<[Server; 2]> {
    Ok([
        Server::start(lab, "web1", "10.0.1.60")?,
        Server::start(lab, "web2", "10.0.3.60")?,
    ])
}

#[test]
fn a_consumer_reaches_both_servers_once_its_endpoint_is_accepted() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&document("pendingAcceptance", "healthy", false))?;
    let _servers = servers(&lab)?;
    ensure!(is_refused(&lab, "client", &format!("{ENDPOINT}:80"))?);
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains("EndpointNotAvailable"), "{status}");
    lab.up(&document("available", "healthy", false))?;
    for client in ["client", "far"] {
        let shares = shares(&lab, client, ENDPOINT, NODE)?;
        ensure!(shares.len() == 2, "{client}: {shares:?}");
        Connection::open(&lab, client, ENDPOINT)?.talk()?;
    }
    // One way only: nobody of the provider's reaches the consumer, by whatever address.
    ensure!(is_refused(&lab, "web1", "10.0.1.10:80")?);
    ensure!(is_refused(&lab, "web1", &format!("{ENDPOINT}:80"))?);
    // Nothing but the listener's port, and no ping.
    ensure!(is_refused(&lab, "client", &format!("{ENDPOINT}:81"))?);
    let ping = lab.run("far", &["ping", "-c", "1", "-W", "1", ENDPOINT])?;
    ensure!(ping.success().is_err(), "an endpoint answers pings");
    // A provider that changes its mind ends what there is.
    let mut connection = Connection::open(&lab, "client", ENDPOINT)?;
    lab.up(&document("rejected", "healthy", false))?;
    ensure!(connection.talk().is_err(), "a rejected endpoint goes on");
    lab.down()
}

#[test]
fn connections_stay_with_their_servers_whatever_becomes_of_the_others() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&document("available", "healthy", false))?;
    let _servers = servers(&lab)?;
    let mut of_each = BTreeMap::new();
    while of_each.len() < 2 {
        let connection = Connection::open(&lab, "client", ENDPOINT)?;
        of_each.insert(connection.server.clone(), connection);
    }
    lab.up(&document("available", "draining", false))?;
    let shares_now = shares(&lab, "client", ENDPOINT, NODE)?;
    ensure!(shares_now.keys().eq(["web1"]), "{shares_now:?}");
    for connection in of_each.values_mut() {
        connection.talk()?;
    }
    // Whom an unhealthy target has left gets a reset.
    lab.up(&document("available", "unhealthy", false))?;
    for (server, connection) in &mut of_each {
        ensure!(connection.talk().is_ok() == (server == "web1"), "{server}");
    }
    lab.down()
}

#[test]
fn a_client_in_the_vpc_is_seen_as_itself_where_it_is_preserved() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(&document("available", "healthy", false))?;
    let _servers = servers(&lab)?;
    for (preserve, seen) in [(false, None), (true, Some(["10.0.1.90", "10.0.3.90"]))] {
        lab.up(&document("available", "healthy", preserve))?;
        for (client, node, own) in [
            ("neighbour", NODE, 0),
            ("neighbour", "10.0.3.50", 0),
            ("stranger", NODE, 1),
            ("stranger", "10.0.3.50", 1),
        ] {
            let seen = seen.map_or(node, |seen| seen[own]);
            let shares = shares(&lab, client, node, seen)?;
            ensure!(shares.len() == 2, "{client} by {node}: {shares:?}");
            Connection::open(&lab, client, node)?.talk()?;
        }
        // Through an endpoint nobody is.
        shares(&lab, "client", ENDPOINT, NODE)?;
    }
    lab.down()
}
