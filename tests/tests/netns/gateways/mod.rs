//! Gateways with real sockets and tools: a network behind the host's uplink, a VPC with an internet gateway, a NAT
//! gateway and an egress-only gateway, one beyond a peering connection and one beyond a transit gateway.

mod endpoint;
mod tools;

use crate::stream;
use crate::uplink::outside;
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::Lab;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::thread::spawn;
use std::time::Duration;

const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      public: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }
      private: { CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: \"2001:db8:a:2::/64\" }
    security_groups:
      open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }, { IpProtocol: \"-1\", CidrIpv6: \"::/0\" }] }
      closed: {}
    route_tables:
      public:
        subnets: [public]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }
          - { DestinationIpv6CidrBlock: \"::/0\", internet_gateway: door }
      private:
        subnets: [private]
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, nat_gateway: nat }
          - { DestinationIpv6CidrBlock: \"::/0\", egress_only_internet_gateway: exit }
          - { DestinationCidrBlock: 10.1.0.0/16, vpc_peering_connection: shop-partner }
          - { DestinationCidrBlock: 10.2.0.0/16, transit_gateway: hub }
    instances:
      web:
        { subnet: public, PrivateIpAddress: 10.0.1.10, Ipv6Addresses: [\"2001:db8:a:1::10\"], groups: [open],
          elastic_ip: front, namespace: $web }
      app:
        { subnet: private, PrivateIpAddress: 10.0.2.10, Ipv6Addresses: [\"2001:db8:a:2::10\"], groups: [closed],
          namespace: $app }
  partner:
    CidrBlock: 10.1.0.0/16
    subnets: { only: { CidrBlock: 10.1.1.0/24 } }
    security_groups: { open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }] } }
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, vpc_peering_connection: shop-partner }] }
    instances:
      partner: { subnet: only, PrivateIpAddress: 10.1.1.10, groups: [open], namespace: $partner }
  depot:
    CidrBlock: 10.2.0.0/16
    subnets: { only: { CidrBlock: 10.2.1.0/24 } }
    security_groups: { open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }] } }
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 10.0.0.0/16, transit_gateway: hub }] }
    instances:
      depot: { subnet: only, PrivateIpAddress: 10.2.1.10, groups: [open], namespace: $depot }
internet_gateways:
  door: { Attachments: [{ VpcId: shop }] }
egress_only_internet_gateways:
  exit: { Attachments: [{ VpcId: shop }] }
addresses:
  front: { PublicIp: 203.0.113.10 }
  nat: { PublicIp: 203.0.113.200 }
nat_gateways:
  nat: { SubnetId: shop/public, NatGatewayAddresses: [{ AllocationId: nat }] }
vpc_peering_connections:
  shop-partner: { RequesterVpcInfo: { VpcId: shop }, AccepterVpcInfo: { VpcId: partner } }
transit_gateways:
  hub: {}
transit_gateway_vpc_attachments:
  shop: { TransitGatewayId: hub, SubnetIds: [shop/private] }
  depot: { TransitGatewayId: hub, SubnetIds: [depot/only] }
";

pub(crate) const OUTSIDE: &str = "192.0.2.7";
const OUTSIDE6: &str = "2001:db8:ffff::7";
const WEB: &str = "203.0.113.10";
const WEB6: &str = "2001:db8:a:1::10";
const APP6: &str = "2001:db8:a:2::10";
const NAT: &str = "203.0.113.200";

/// The lab, up, with an outside that knows the way to what is public.
fn lab() -> Result<Lab> {
    lab_of(DOCUMENT)
}

pub(crate) fn lab_of(document: &str) -> Result<Lab> {
    let lab = Lab::new()?;
    outside(&lab)?;
    command_all(
        &lab,
        &[
            // It is by a link-local address that a router asks for its neighbours.
            ("host", "ip -6 address add fe80::1/64 dev wan0 nodad"),
            ("host", "ip -6 address add 2001:db8:ffff::1/64 dev wan0 nodad"),
            ("outside", "ip -6 address add 2001:db8:ffff::7/64 dev eth0 nodad"),
            ("outside", "ip route add 203.0.113.0/24 via 192.0.2.1"),
            ("outside", "ip -6 route add 2001:db8:a::/56 via 2001:db8:ffff::1"),
        ],
    )?;
    lab.up(document)?;
    Ok(lab)
}

/// Runs commands, each where it belongs.
fn command_all(lab: &Lab, commands: &[(&str, &str)]) -> Result<()> {
    for (place, command) in commands {
        let command: Vec<_> = command.split(' ').collect();
        lab.run(place, &command)?.success()?;
    }
    Ok(())
}

/// Connects, says as much as a few segments hold, gets the same again, and says as whom the server saw the client.
pub(crate) fn seen_as(lab: &Lab, from: &str, to: &str, (bound, address): (&str, &str)) -> Result<IpAddr> {
    const LEN: usize = 200_000;
    let at = |address: &str| match address.contains(':') {
        true => format!("[{address}]:7000"),
        false => format!("{address}:7000"),
    };
    let listener = lab.inside(to, || Ok(TcpListener::bind(at(bound))?))?;
    let server = spawn(move || -> Result<IpAddr> {
        let (mut stream, peer) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut heard = vec![0; LEN];
        stream.read_exact(&mut heard)?;
        stream.write_all(&heard)?;
        Ok(peer.ip())
    });
    let connect = || Ok(TcpStream::connect_timeout(&at(address).parse()?, PATIENCE)?);
    let mut stream = lab
        .inside(from, connect)
        .with_context(|| format!("{from} doesn't reach {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let said: Vec<u8> = (0..LEN).map(|at| at.to_le_bytes()[0]).collect();
    stream.write_all(&said)?;
    let mut heard = vec![0; LEN];
    stream.read_exact(&mut heard)?;
    ensure!(heard == said, "something else came back");
    server.join().map_err(|_| anyhow::anyhow!("the server panicked"))?
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn guests_and_the_outside_reach_each_other_as_their_gateways_say() -> Result<()> {
    let lab = lab()?;
    for (from, to, bound, address, seen) in [
        ("outside", "web", "10.0.1.10", WEB, OUTSIDE),
        ("web", "outside", OUTSIDE, OUTSIDE, WEB),
        ("app", "outside", OUTSIDE, OUTSIDE, NAT),
        // By its public address, from inside of the same VPC: out and in again on the host.
        ("app", "web", "10.0.1.10", WEB, NAT),
        ("app", "partner", "10.1.1.10", "10.1.1.10", "10.0.2.10"),
        ("app", "depot", "10.2.1.10", "10.2.1.10", "10.0.2.10"),
        ("outside", "web", WEB6, WEB6, OUTSIDE6),
        ("app", "outside", OUTSIDE6, OUTSIDE6, APP6),
    ] {
        let found = seen_as(&lab, from, to, (bound, address))?;
        ensure!(found.to_string() == seen, "{from} is seen as {found} by {to}");
    }
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    let line = status.lines().find(|line| line.contains("192.0.2.7:7000"));
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
    ensure!(
        words.starts_with(&["NAT", "gateway"]) && words.ends_with(&["1", "55000"]),
        "{status}"
    );
    lab.down()
}

#[test]
fn nothing_comes_in_that_no_gateway_lets_in() -> Result<()> {
    let lab = lab()?;
    let refused = |from: &str, address: &str| -> Result<()> {
        let connect = || Ok(TcpStream::connect_timeout(&address.parse()?, Duration::from_millis(700)).is_err());
        ensure!(lab.inside(from, connect)?, "{from} reaches {address}");
        Ok(())
    };
    refused("outside", "203.0.113.200:80")?;
    refused("outside", "[2001:db8:a:2::10]:80")?;
    // Peering isn't transitive, and leads to no gateway.
    refused("partner", "10.2.1.10:80")?;
    refused("partner", "192.0.2.7:80")?;
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    for reason in ["NatNoMapping", "EgressOnly", "NoRoute"] {
        ensure!(status.contains(reason), "no {reason} in\n{status}");
    }
    lab.down()
}

#[test]
fn tools_work_through_gateways() -> Result<()> {
    let lab = lab()?;
    for guest in ["web", "app"] {
        lab.run(guest, &["ping", "-c", "2", "-W", "2", OUTSIDE])?.success()?;
    }
    lab.run("outside", &["ping", "-c", "2", "-W", "2", WEB])?.success()?;
    // A packet that doesn't fit the internet, from whom hears the answer.
    let large = lab.run(
        "web",
        &["ping", "-c", "1", "-W", "2", "-M", "do", "-s", "1600", OUTSIDE],
    )?;
    let said = format!("{}{}", large.stdout, large.stderr);
    ensure!(said.contains("mtu = 1500") || said.contains("mtu=1500"), "{said}");
    let rate = stream(&lab, "app", "outside", OUTSIDE)?;
    ensure!(rate > 1e6, "{rate} bit/s");
    lab.down()
}

#[test]
fn what_is_the_hosts_own_on_an_uplink_goes_on() -> Result<()> {
    let lab = lab()?;
    let found = seen_as(&lab, "outside", "host", ("192.0.2.1", "192.0.2.1"))?;
    ensure!(found.to_string() == OUTSIDE);
    let found = seen_as(&lab, "host", "outside", (OUTSIDE, OUTSIDE))?;
    ensure!(found.to_string() == "192.0.2.1");
    lab.down()?;
    let found = seen_as(&lab, "outside", "host", ("192.0.2.1", "192.0.2.1"))?;
    ensure!(found.to_string() == OUTSIDE);
    Ok(())
}

#[test]
fn the_host_reaches_elastic_ips_and_guests_reach_what_the_host_reaches() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(&DOCUMENT.replace("{ device: wan0, announce: route }", "{ kind: host }"))?;
    let found = seen_as(&lab, "host", "web", ("10.0.1.10", WEB))?;
    ensure!(found.to_string() == "198.18.0.1", "the host is seen as {found}");
    for guest in ["web", "app"] {
        let found = seen_as(&lab, guest, "outside", (OUTSIDE, OUTSIDE))?;
        ensure!(found.to_string() == "192.0.2.1", "{guest} is seen as {found}");
    }
    lab.down()
}
