//! Two networks behind two devices, each with its own way out: who leaves by which, who is answered for by whom, and
//! that the one has nothing to do with what becomes of the other.

use super::{inventory, is_as_it_was};
use crate::gateways::seen_as;
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Talk, eventually};
use serde_json::Value;
use std::net::TcpStream;
use std::time::Duration;

const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      front: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }
    security_groups:
      open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }, { IpProtocol: \"-1\", CidrIpv6: \"::/0\" }] }
    route_tables:
      main:
        routes:
          - { DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }
          - { DestinationIpv6CidrBlock: \"::/0\", internet_gateway: door }
    instances:
      web:
        { subnet: front, PrivateIpAddress: 10.0.1.10, Ipv6Addresses: [\"2001:db8:a:1::10\"], groups: [open],
          elastic_ip: front, namespace: $web }
internet_gateways:
  door: { Attachments: [{ VpcId: red }] }
addresses:
  front: { PublicIp: 203.0.113.10 }
";

const TWO: &str = "uplinks:
  lan: { device: wan1, destinations: [198.51.100.0/24, \"2001:db8:f::/48\"] }
  wan: { device: wan0 }
";

const WEB: [&str; 2] = ["203.0.113.10", "2001:db8:a:1::10"];
/// In both networks.
const TWIN: &str = "192.0.2.77";

fn with(uplinks: &str) -> String {
    format!("{DOCUMENT}{uplinks}")
}

/// A network behind a device of the host, which finds public addresses there by asking for them.
fn network(lab: &Lab, device: &str, name: &str, near: [&str; 3], far: [&str; 3]) -> Result<()> {
    lab.make_behind(("host", device), name, [&near, &far])?;
    for command in [
        "ip route add 203.0.113.0/24 dev eth0",
        "ip -6 route add 2001:db8:a::/56 dev eth0",
    ] {
        lab.run(name, &command.split(' ').collect::<Vec<_>>())?.success()?;
    }
    Ok(())
}

fn outside(lab: &Lab) -> Result<()> {
    let near = ["192.0.2.1/24", "2001:db8:e::1/64", "fe80::1/64"];
    network(
        lab,
        "wan0",
        "outside",
        near,
        ["192.0.2.7/24", "2001:db8:e::7/64", "192.0.2.77/32"],
    )
}

fn beyond(lab: &Lab) -> Result<()> {
    let near = ["198.51.100.1/24", "2001:db8:f::1/64", "fe80::1/64"];
    network(
        lab,
        "wan1",
        "beyond",
        near,
        ["198.51.100.7/24", "2001:db8:f::7/64", "192.0.2.77/32"],
    )
}

fn lab() -> Result<Lab> {
    let lab = Lab::new()?;
    outside(&lab)?;
    beyond(&lab)?;
    Ok(lab)
}

/// What `status` says of an uplink.
fn uplink(lab: &Lab, name: &str) -> Result<Value> {
    let status = lab.status()?;
    let uplinks = status["uplinks"].as_array().context("status lists uplinks")?;
    let found = uplinks.iter().find(|uplink| uplink["name"] == name);
    found.cloned().with_context(|| format!("there is an uplink {name}"))
}

/// The guest asks somebody, who sees it by its public address.
fn asks(lab: &Lab, network: &str, address: &str) -> Result<()> {
    let expected = if address.contains(':') { WEB[1] } else { WEB[0] };
    let found = seen_as(lab, "web", network, (address, address))?;
    ensure!(found.to_string() == expected, "{network} sees {found}");
    Ok(())
}

fn is_unreachable(lab: &Lab, address: &str) -> Result<bool> {
    let address = address.parse()?;
    lab.inside("web", || {
        Ok(TcpStream::connect_timeout(&address, Duration::from_millis(700)).is_err())
    })
}

/// The MAC of a device, and of whom a network has heard that an address is its own.
fn macs(lab: &Lab, device: &str, network: &str, address: &str) -> Result<[Value; 2]> {
    let link = lab.on_host(&["ip", "-j", "link", "show", device])?.success()?.json()?;
    let heard = lab.run(network, &["ip", "-j", "neighbour", "show", "to", address])?;
    let heard = heard.success()?.json()?;
    Ok([link[0]["address"].clone(), heard[0]["lladdr"].clone()])
}

#[test]
fn each_network_is_reached_by_its_device_and_reaches_what_is_public() -> Result<()> {
    let lab = lab()?;
    let before = inventory(&lab)?;
    lab.up(&with(TWO))?;
    let networks = [
        ("outside", "wan0", ["192.0.2.7", "2001:db8:e::7"]),
        ("beyond", "wan1", ["198.51.100.7", "2001:db8:f::7"]),
    ];
    for (network, device, addresses) in networks {
        for (address, (own, public)) in addresses.into_iter().zip(["10.0.1.10", WEB[1]].into_iter().zip(WEB)) {
            asks(&lab, network, address)?;
            let found = seen_as(&lab, network, "web", (own, public))?;
            ensure!(found.to_string() == address, "{network} is seen as {found}");
            let [mac, heard] = macs(&lab, device, network, public)?;
            ensure!(
                mac == heard && mac.is_string(),
                "{public} in {network}: {heard} and not {mac}"
            );
        }
    }
    let [one, other] = ["wan0", "wan1"].map(|device| macs(&lab, device, "outside", WEB[0]));
    ensure!(one?[0] != other?[0], "two devices have two MACs");
    for name in ["lan", "wan"] {
        ensure!(uplink(&lab, name)?["condition"] == "up", "{:#}", lab.status()?);
    }
    let told = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(
        told.contains("198.51.100.0/24 2001:db8:f::/48") && told.contains("all else"),
        "{told}"
    );
    let written = lab.groundplane(&["export"])?.success()?.stdout;
    ensure!(
        written.contains("destinations: [198.51.100.0/24, \"2001:db8:f::/48\"]"),
        "{written}"
    );
    lab.down()?;
    is_as_it_was(&lab, &before)
}

#[test]
fn other_destinations_hold_from_the_next_packet_on() -> Result<()> {
    let lab = lab()?;
    lab.up(&with(TWO))?;
    let talk = Talk::start(&lab, "web", "outside", "192.0.2.7:7001")?;
    let apply = |uplinks: &str| -> Result<()> {
        let path = lab.document(&with(uplinks))?;
        lab.groundplane(&["apply", &path.to_string_lossy()])?
            .success()
            .map(drop)
    };
    asks(&lab, "outside", TWIN)?;
    apply(&TWO.replace("[198", &format!("[{TWIN}/32, 198")))?;
    asks(&lab, "beyond", TWIN)?;
    apply(TWO)?;
    asks(&lab, "outside", TWIN)?;
    // The two exchange their parts, under other names, with a filter.
    let exchanged = "uplinks:
  a: { device: wan1, xdp: generic }
  b: { device: wan0, destinations: [192.0.2.7/32, \"2001:db8:e::/64\"] }
";
    apply(exchanged)?;
    asks(&lab, "beyond", TWIN)?;
    asks(&lab, "beyond", "198.51.100.7")?;
    asks(&lab, "outside", "2001:db8:e::7")?;
    ensure!(uplink(&lab, "a")?["xdp"] == "generic" && uplink(&lab, "b")?["xdp"] == "off");
    // Of one alone, whatever its slot, nothing is asked.
    apply("uplinks: { b: { device: wan0 } }\n")?;
    asks(&lab, "outside", TWIN)?;
    apply(TWO)?;
    asks(&lab, "beyond", "198.51.100.7")?;
    let rounds = talk.rounds();
    eventually(|| Ok(talk.rounds() > rounds))?;
    talk.end()?;
    lab.down()
}

#[test]
fn a_device_that_goes_takes_nobody_elses_packets_along_and_is_back_when_it_comes_back() -> Result<()> {
    let lab = lab()?;
    lab.up(&with(TWO))?;
    let agent = lab.agent(&[])?;
    let talk = Talk::start(&lab, "web", "outside", "192.0.2.7:7001")?;
    lab.remove_guest("beyond")?;
    eventually(|| Ok(uplink(&lab, "lan")?["condition"] == "device_missing"))?;
    ensure!(uplink(&lab, "wan")?["condition"] == "up");
    // Once the agent has heard of it, it is said where such packets end.
    eventually(|| {
        ensure!(is_unreachable(&lab, "198.51.100.7:7000")?);
        Ok(lab.groundplane(&["status"])?.success()?.stdout.contains("NoUplink"))
    })?;
    asks(&lab, "outside", TWIN)?;
    beyond(&lab)?;
    eventually(|| Ok(uplink(&lab, "lan")?["condition"] == "up"))?;
    asks(&lab, "beyond", "198.51.100.7")?;
    talk.end()?;
    lab.remove_guest("outside")?;
    eventually(|| Ok(uplink(&lab, "wan")?["condition"] == "device_missing"))?;
    asks(&lab, "beyond", "198.51.100.7")?;
    ensure!(is_unreachable(&lab, "192.0.2.77:7000")?);
    agent.stop()?;
    lab.down()
}
