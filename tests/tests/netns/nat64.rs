//! A guest that has IPv6 alone reaches what has IPv4 alone, through a NAT gateway (semantics 10.8), with real sockets
//! and tools.

use crate::gateways::{OUTSIDE, PATIENCE, seen_as};
use crate::uplink::outside;
use anyhow::{Result, ensure};
use groundplane_tests::netns::{Lab, eventually};
use std::net::UdpSocket;

const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      public: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }
      six: { CidrBlock: 10.0.6.0/24, Ipv6CidrBlock: \"2001:db8:a:6::/64\" }
    security_groups:
      closed: {}
    route_tables:
      public:
        subnets: [public]
        routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }]
      six:
        subnets: [six]
        routes: [{ DestinationIpv6CidrBlock: \"64:ff9b::/96\", nat_gateway: nat }]
    instances:
      six: { subnet: six, Ipv6Addresses: [\"2001:db8:a:6::10\"], groups: [closed], namespace: $six }
internet_gateways:
  door: { Attachments: [{ VpcId: shop }] }
addresses:
  nat: { PublicIp: 203.0.113.200 }
nat_gateways:
  nat: { SubnetId: shop/public, NatGatewayAddresses: [{ AllocationId: nat }] }
";

const NAT: &str = "203.0.113.200";
/// [`OUTSIDE`] as IPv6 has it.
const OUTSIDE64: &str = "64:ff9b::c000:207";

fn lab() -> Result<Lab> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.run("outside", &["ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1"])?
        .success()?;
    lab.up(DOCUMENT)?;
    Ok(lab)
}

#[test]
fn s65_a_guest_with_ipv6_alone_reaches_ipv4_by_a_nat_gateway() -> Result<()> {
    let lab = lab()?;
    let found = seen_as(&lab, "six", "outside", (OUTSIDE, OUTSIDE64))?;
    ensure!(found.to_string() == NAT, "it is seen as {found}");
    lab.run("six", &["ping", "-c", "3", "-W", "2", OUTSIDE64])?.success()?;
    lab.down()
}

#[test]
fn datagrams_and_what_is_said_of_them_come_back() -> Result<()> {
    let lab = lab()?;
    let server = lab.inside("outside", || Ok(UdpSocket::bind((OUTSIDE, 7000))?))?;
    let client = lab.inside("six", || Ok(UdpSocket::bind("[::]:0")?))?;
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(PATIENCE))?;
    }
    client.connect((OUTSIDE64, 7000))?;
    client.send(b"a question")?;
    let mut heard = [0; 64];
    let (len, from) = server.recv_from(&mut heard)?;
    ensure!(
        &heard[..len] == b"a question" && from.ip().to_string() == NAT,
        "from {from}"
    );
    server.send_to(b"an answer", from)?;
    let len = client.recv(&mut heard)?;
    ensure!(&heard[..len] == b"an answer");
    // Nobody is there any more: the outside's kernel says so in ICMP, and the guest's socket hears it in ICMPv6.
    drop(server);
    client.send(b"another question")?;
    let refused = client.recv(&mut heard).map_err(|error| error.kind());
    ensure!(refused == Err(std::io::ErrorKind::ConnectionRefused), "{refused:?}");
    lab.down()
}

#[test]
fn much_passes_at_full_size() -> Result<()> {
    let lab = lab()?;
    for direction in [None, Some("-R")] {
        let server = lab.start("outside", &["iperf3", "-s", "-1"])?;
        eventually(|| {
            Ok(lab
                .run("outside", &["ss", "-Htln", "sport", "=", ":5201"])?
                .stdout
                .contains("5201"))
        })?;
        let mut client = vec!["iperf3", "-6", "-c", OUTSIDE64, "-t", "1", "-J"];
        client.extend(direction);
        lab.run("six", &client)?.success()?;
        server.wait()?;
    }
    let flows = lab.groundplane(&["flows"])?.success()?.stdout;
    // One of each family: to the gateway, and from there.
    ensure!(
        flows.contains("[64:ff9b::c000:207]:5201") && flows.contains(" 192.0.2.7:5201"),
        "{flows}"
    );
    ensure!(
        flows.contains("NAT gateway 10.0.1.") && flows.contains("the internet"),
        "{flows}"
    );
    lab.down()
}

#[test]
fn what_routers_on_the_way_say_is_heard() -> Result<()> {
    let lab = lab()?;
    for (where_, command) in [
        ("outside", "sysctl -qw net.ipv4.ip_forward=1"),
        ("outside", "ip link add narrow mtu 1300 type bridge"),
        ("outside", "ip address add 198.51.100.1/24 dev narrow"),
        ("outside", "ip link set narrow up"),
        ("outside", "ip route add unreachable 198.51.101.0/24"),
        ("host", "ip route add 198.51.100.0/23 via 192.0.2.7"),
    ] {
        let command: Vec<_> = command.split(' ').collect();
        lab.run(where_, &command)?.success()?;
    }
    for (command, expected) in [
        ("ping -c 1 -W 2 64:ff9b::198.51.101.7", "No route"),
        ("ping -c 1 -W 2 -M do -s 1600 64:ff9b::198.51.100.7", "mtu = 1500"),
        // Twenty bytes more than IPv4's, by which the headers differ.
        ("ping -c 1 -W 2 -M do -s 1400 64:ff9b::198.51.100.7", "mtu = 1320"),
        ("ping -c 1 -W 2 -t 2 64:ff9b::198.51.100.7", "Time exceeded"),
    ] {
        let words: Vec<_> = command.split(' ').collect();
        let heard = lab.run("six", &words)?;
        let said = format!("{}{}", heard.stdout, heard.stderr).replace("mtu=", "mtu = ");
        ensure!(said.contains(expected), "{command}: {said}");
    }
    lab.down()
}
