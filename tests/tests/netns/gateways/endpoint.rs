//! Gateway endpoints of two VPCs of one CIDR, whose clients have the same address.

use super::{PATIENCE, command_all};
use crate::uplink::outside;
use anyhow::{Result, ensure};
use groundplane_tests::netns::Lab;
use socket2::{Domain, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
prefix_lists:
  com.amazonaws.eu-central-1.s3: { account: AWS, MaxEntries: 1, entries: [198.51.100.0/24] }
vpcs:
  one:
    CidrBlock: 10.0.0.0/16
    subnets: { only: { CidrBlock: 10.0.1.0/24 } }
    route_tables: { private: { subnets: [only] } }
    instances: { one: { subnet: only, PrivateIpAddress: 10.0.1.10, namespace: $one } }
  two:
    CidrBlock: 10.0.0.0/16
    subnets: { only: { CidrBlock: 10.0.1.0/24 } }
    route_tables: { private: { subnets: [only] } }
    instances: { two: { subnet: only, PrivateIpAddress: 10.0.1.10, namespace: $two } }
vpc_endpoints:
  of-one: { VpcId: one, ServiceName: com.amazonaws.eu-central-1.s3, RouteTableIds: [one/private] }
  of-two: { VpcId: two, ServiceName: com.amazonaws.eu-central-1.s3, RouteTableIds: [two/private] }
";

const SERVICE: &str = "198.51.100.20:443";

/// A connection from a port of the client's, if there is one within a time.
fn connect(lab: &Lab, from: &str, port: u16, patience: Duration) -> Result<Option<TcpStream>> {
    lab.inside(from, || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([10, 0, 1, 10], port)).into())?;
        let service: SocketAddr = SERVICE.parse()?;
        let connected = socket.connect_timeout(&service.into(), patience);
        Ok(connected.is_ok().then(|| TcpStream::from(socket)))
    })
}

#[test]
fn clients_with_one_address_in_two_vpcs_use_one_service_at_once() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    command_all(
        &lab,
        &[
            ("outside", "ip address add 198.51.100.20/32 dev eth0"),
            ("outside", "ip route add 10.0.0.0/8 via 192.0.2.1"),
            ("host", "ip route add 198.51.100.0/24 via 192.0.2.7"),
        ],
    )?;
    lab.up(DOCUMENT)?;
    let listener = lab.inside("outside", || Ok(TcpListener::bind(SERVICE)?))?;
    let mut talks = Vec::new();
    for (guest, port) in [("one", 5001), ("two", 5002), ("one", 5003), ("two", 5004)] {
        let client = connect(&lab, guest, port, PATIENCE)?;
        let client = client.ok_or_else(|| anyhow::anyhow!("{guest} doesn't reach the service"))?;
        let (server, peer) = listener.accept()?;
        ensure!(peer.to_string() == format!("10.0.1.10:{port}"), "seen as {peer}");
        talks.push((client, server, port));
    }
    // Each hears what is meant for it.
    for (client, server, port) in &mut talks {
        client.write_all(&port.to_be_bytes())?;
        let mut heard = [0; 2];
        server.read_exact(&mut heard)?;
        server.write_all(&heard)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.read_exact(&mut heard)?;
        ensure!(u16::from_be_bytes(heard) == *port, "somebody else's answer");
    }
    // Nobody gets what the other one asked for.
    let stolen = connect(&lab, "two", 5001, Duration::from_millis(700))?;
    ensure!(stolen.is_none(), "two has the answers of one");
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains("GatewayEndpointTaken"), "{status}");
    let (client, server, _) = talks.first_mut().expect("four talk");
    server.write_all(b"still")?;
    let mut heard = [0; 5];
    client.read_exact(&mut heard)?;
    lab.down()
}
