//! A link to the host: packets of both directions, and what the host is set to meanwhile.

use super::{HOST, ends, inventory, is_as_it_was, outside, routes, uplink, with};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Lab, Wire, binary};
use groundplane_tests::packet::Packet;
use std::net::UdpSocket;
use std::time::Duration;

const OURS: [u8; 6] = [2, 0, 0, 0, 0x4d, 1];
const HOSTS: [u8; 6] = [2, 0, 0, 0, 0x4d, 2];
const WEB: [u8; 4] = [203, 0, 113, 10];
const OUTSIDE: [u8; 4] = [192, 0, 2, 7];

/// Checks that a packet which comes by the link from a guest's public address reaches who is outside as the host's, and
/// that the answer comes back by the link to the guest's address.
pub(super) fn passes(lab: &Lab) -> Result<()> {
    let (ours, _) = ends(lab)?;
    let wire = lab.wire("host", &ours)?;
    let server = lab.inside("outside", || Ok(UdpSocket::bind("192.0.2.7:7000")?))?;
    server.set_read_timeout(Some(Duration::from_secs(5)))?;
    let question = Packet::udp()
        .from(OURS, WEB, 5000)
        .to(HOSTS, OUTSIDE, 7000)
        .payload(b"who");
    wire.send(&question.build())?;
    let mut heard = [0; 16];
    let (len, from) = server.recv_from(&mut heard).context("nothing came outside")?;
    ensure!(
        &heard[..len] == b"who" && from.ip().to_string() == "192.0.2.1",
        "from {from}"
    );
    server.send_to(b"you", from)?;
    let answer = wire.receive(|frame| is_udp(frame, OUTSIDE, WEB))?;
    ensure!(answer[..6] == OURS && answer.ends_with(b"you"), "{answer:x?}");
    Ok(())
}

fn is_udp(frame: &[u8], from: [u8; 4], to: [u8; 4]) -> bool {
    frame.get(23) == Some(&17) && frame.get(26..30) == Some(&from) && frame.get(30..34) == Some(&to)
}

#[test]
fn a_link_to_the_host_is_made_once_and_nothing_of_it_is_left() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let before = inventory(&lab)?;
    lab.up(&with(HOST))?;
    let up = uplink(&lab)?;
    ensure!(
        up["condition"] == "up" && up["kind"] == "host" && up["address"] == "198.18.0.1",
        "{up:#}"
    );
    let blocks = ["203.0.113.10", "203.0.113.11", "2001:db8:a::/56"];
    ensure!(routes(&lab)? == blocks, "{:?}", routes(&lab)?);
    let there = inventory(&lab)?;
    lab.up(&with(HOST))?;
    is_as_it_was(&lab, &there)?;
    lab.down()?;
    is_as_it_was(&lab, &before)
}

#[test]
fn packets_leave_as_the_hosts_and_answers_find_back() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.on_host(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])?
        .success()?;
    lab.up(&with(HOST))?;
    passes(&lab)?;
    // Who outside knows the way may ask as well.
    let route = ["ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1"];
    lab.run("outside", &route)?.success()?;
    let (ours, _) = ends(&lab)?;
    let wire = lab.wire("host", &ours)?;
    ask(&lab, "outside", "203.0.113.10:80")?;
    wire.receive(|frame| is_udp(frame, OUTSIDE, WEB))?;
    lab.down()
}

fn ask(lab: &Lab, from: &str, whom: &str) -> Result<()> {
    let socket = lab.inside(from, || Ok(UdpSocket::bind("0.0.0.0:0")?))?;
    socket.send_to(b"x", whom)?;
    Ok(())
}

fn asked(lab: &Lab, wire: &Wire, source: [u8; 4]) -> Result<()> {
    ask(lab, "host", "203.0.113.10:80")?;
    let frame = wire.receive(|frame| is_udp(frame, source, WEB))?;
    ensure!(frame[..6] == OURS && frame[6..12] == HOSTS, "{frame:x?}");
    Ok(())
}

#[test]
fn the_host_asks_under_an_address_that_an_internet_gateway_lets_in() -> Result<()> {
    let lab = Lab::new()?;
    lab.on_host(&["ip", "address", "add", "10.9.9.9/32", "dev", "lo"])?
        .success()?;
    lab.up(&with(HOST))?;
    let (ours, _) = ends(&lab)?;
    asked(&lab, &lab.wire("host", &ours)?, [198, 18, 0, 1])?;
    lab.up(&with("uplinks: { out: { kind: host, address: 192.0.2.99 } }\n"))?;
    let (same, _) = ends(&lab)?;
    ensure!(same == ours);
    asked(&lab, &lab.wire("host", &ours)?, [192, 0, 2, 99])?;
    let addresses = lab.on_host(&["ip", "-br", "address"])?.success()?.stdout;
    ensure!(!addresses.contains("198.18.0.1"), "{addresses}");
    lab.down()
}

#[test]
fn what_was_set_before_or_by_somebody_else_meanwhile_stays() -> Result<()> {
    let lab = Lab::new()?;
    let forward = |value: &str| -> Result<()> {
        let set = format!("echo {value} > /proc/sys/net/ipv4/ip_forward");
        lab.on_host(&["sh", "-c", &set])?.success().map(drop)
    };
    let is = |value: &str| -> Result<()> {
        let found = lab
            .on_host(&["cat", "/proc/sys/net/ipv4/ip_forward"])?
            .success()?
            .stdout;
        ensure!(found.trim() == value, "ip_forward is {found}");
        Ok(())
    };
    forward("1")?;
    lab.up(&with(HOST))?;
    lab.down()?;
    is("1")?;
    forward("0")?;
    lab.up(&with(HOST))?;
    is("1")?;
    forward("0")?;
    lab.up(&with(HOST))?;
    is("1")?;
    forward("0")?;
    lab.down()?;
    is("0")
}

#[test]
fn a_host_that_forwards_keeps_the_routes_that_its_router_advertises() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let route = [
        "ip", "-6", "route", "add", "default", "via", "fe80::7", "dev", "wan0", "proto", "ra",
    ];
    lab.on_host(&route)?.success()?;
    let before = inventory(&lab)?;
    let accepted = || -> Result<String> {
        let setting = "/proc/sys/net/ipv6/conf/wan0/accept_ra";
        Ok(lab.on_host(&["cat", setting])?.success()?.stdout.trim().to_owned())
    };
    ensure!(accepted()? == "1");
    lab.up(&with(HOST))?;
    ensure!(accepted()? == "2");
    lab.down()?;
    is_as_it_was(&lab, &before)
}

#[test]
fn what_is_the_hosts_own_is_no_public_address() -> Result<()> {
    let lab = Lab::new()?;
    let refused = |word: &str| -> Result<()> {
        let before = inventory(&lab)?;
        let path = lab.document(&with(HOST))?;
        let said = lab.groundplane(&["up", &path.to_string_lossy()])?.failure()?;
        ensure!(said.stderr.contains(word), "{said}");
        ensure!(!lab.state_dir().exists());
        is_as_it_was(&lab, &before)
    };
    let lo = |verb: &str, address: &str| lab.on_host(&["ip", "address", verb, address, "dev", "lo"])?.success();
    lo("add", "203.0.113.11/32")?;
    refused("203.0.113.11 is this host's own address")?;
    lo("delete", "203.0.113.11/32")?;
    lo("add", "2001:db8:a:7::1/128")?;
    refused("2001:db8:a:7::1 is this host's own address")?;
    lo("delete", "2001:db8:a:7::1/128")?;
    outside(&lab)?;
    let route = ["ip", "route", "add", "203.0.113.10", "via", "192.0.2.7"];
    lab.on_host(&route)?.success()?;
    refused("the host has a route to 203.0.113.10/32 already")
}

#[test]
fn two_deployments_of_one_document_have_links_of_their_own() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    lab.up(&with(HOST))?;
    let one = inventory(&lab)?;
    let other = with(HOST)
        .replace("$web", "$other")
        .replace("203.0.113", "198.51.100")
        .replace(":a:", ":b:");
    let other = lab.document(&other)?;
    let pins = format!("{}x", lab.pin_dir().display());
    let state = lab.dir().join("other");
    let state = state.to_string_lossy();
    let program = binary()?;
    let program = program.to_string_lossy();
    let up = [
        &*program,
        "up",
        &other.to_string_lossy(),
        "--state-dir",
        &state,
        "--pin-dir",
        &pins,
    ];
    lab.on_host(&up)?.success()?;
    passes(&lab)?;
    lab.on_host(&[&program, "down", "--state-dir", &state])?.success()?;
    is_as_it_was(&lab, &one)?;
    passes(&lab)?;
    lab.down()
}
