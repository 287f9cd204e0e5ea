//! Inside of a subnet, where nothing is routed: small packets and a TCP stream, against a Linux bridge.

use crate::Options;
use crate::packets::{Runs, Way};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::sides::Side;
use crate::stream::{Direction, Stream};
use anyhow::Result;
use std::net::Ipv4Addr;

const DOCUMENT: &str = "
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    subnets: { front: { CidrBlock: 10.0.1.0/24 } }
    security_groups:
      client: {}
      server: { ingress: [{ IpProtocol: \"-1\", group: client }] }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, groups: [client], namespace: $web }
      db: { subnet: front, PrivateIpAddress: 10.0.1.11, groups: [server], namespace: $db }
";

const WAY: Way = Way {
    what: "inside of a subnet",
    from: "web",
    to: "db",
    address: Ipv4Addr::new(10, 0, 1, 11),
};

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let (ours, bridge) = (Side::ours(DOCUMENT)?, Side::bridge(DOCUMENT)?);
    let mut rows = Runs::new(options).compare((WAY, &ours), &[(WAY, &bridge, Bar::None)])?;
    let streams = [
        Stream::new(&ours.lab, WAY.from, (WAY.to, WAY.address))?,
        Stream::new(&bridge.lab, WAY.from, (WAY.to, WAY.address))?,
    ];
    let mut figures = [const { Vec::new() }; 2];
    for _ in 0..options.rounds() {
        for (stream, figures) in streams.iter().zip(&mut figures) {
            figures.push(stream.gbit_per_second(Direction::FromClient, 1, options)?);
        }
    }
    let [own, theirs] = figures.map(Sample::of);
    let what = "TCP, one stream, inside of a subnet".to_owned();
    rows.push(Row::new(what, "Gbit/s", own?, (bridge.name, theirs?), Bar::None)?);
    Ok(rows)
}
