//! A load balancer that faces the internet, and clients of it there.

use super::{Connection, Server};
use crate::gateways::{OUTSIDE, lab_of};
use anyhow::{Context, Result, ensure};
use std::io::{ErrorKind, Read, Write};

/// `@web1` and `@web2` are how healthy the servers are said to be.
const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    subnets: { public: { CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1a } }
    security_groups:
      web: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }] }
    route_tables:
      public: { subnets: [public], routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }
    instances:
      web1: { subnet: public, PrivateIpAddress: 10.0.1.60, groups: [web], namespace: $web1 }
      web2: { subnet: public, PrivateIpAddress: 10.0.1.61, groups: [web], namespace: $web2 }
internet_gateways:
  door: { Attachments: [{ VpcId: shop }] }
addresses:
  front: { PublicIp: 203.0.113.10 }
load_balancers:
  web:
    Type: network
    AvailabilityZones: [{ SubnetId: shop/public, LoadBalancerAddresses: [{ AllocationId: front }] }]
listeners:
  web: { LoadBalancerArn: web, Port: 80, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: web }] }
target_groups:
  web:
    Protocol: TCP
    Port: 80
    VpcId: shop
    TargetType: instance
    TargetHealthDescriptions:
      - { Target: { Id: web1 }, TargetHealth: { State: @web1 } }
      - { Target: { Id: web2 }, TargetHealth: { State: @web2 } }
";
const WEB: &str = "203.0.113.10";

fn document(states: [&str; 2]) -> String {
    DOCUMENT.replace("@web1", states[0]).replace("@web2", states[1])
}

/// Semantics 13.5: who loses its target is told so, wherever it is.
#[test]
fn a_client_on_the_internet_is_reset_when_its_target_is_not_well_any_more() -> Result<()> {
    let lab = lab_of(&document(["healthy"; 2]))?;
    let _servers = [
        Server::start(&lab, "web1", "10.0.1.60")?,
        Server::start(&lab, "web2", "10.0.1.61")?,
    ];
    let mut connection = Connection::open(&lab, "outside", WEB)?;
    ensure!(connection.seen_as.to_string() == OUTSIDE, "its address is preserved");
    connection.talk()?;
    let states = ["web1", "web2"].map(|name| {
        if name == connection.server {
            "unhealthy"
        } else {
            "healthy"
        }
    });
    lab.up(&document(states))?;
    connection.stream.write_all(b"anybody?")?;
    let end = connection.stream.read(&mut [0]).map_err(|error| error.kind());
    ensure!(end == Err(ErrorKind::ConnectionReset), "{end:?}");
    // What is no connection's is answered as well, and what opens one gets to the other server.
    let scan = ["hping3", "-c", "1", "-n", "-A", "-p", "80", WEB];
    let answer = lab.run("outside", &scan)?;
    ensure!(answer.stdout.contains("flags=R"), "{answer}");
    let next = Connection::open(&lab, "outside", WEB)?;
    ensure!(next.server != connection.server, "{}", next.server);
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    let line = status.lines().find(|line| line.contains("BalancerReset"));
    line.with_context(|| format!("it isn't counted: {status}"))?;
    lab.down()
}
