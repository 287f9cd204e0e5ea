//! 9001 bytes pass inside a VPC, and what a guest's kernel leaves to the interface is still done.

use super::{best_stream, checksum_errors, listens};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Capture, Lab};
use std::fs;
use std::path::Path;

const BOTH_FAMILIES: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:0:100::/56
    subnets:
      front: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: '2001:db8:0:101::/64' }
      back: { CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: '2001:db8:0:102::/64' }
      old: { CidrBlock: 10.0.3.0/24 }
    instances:
      web:
        subnet: front
        PrivateIpAddresses: [10.0.1.10, 10.0.1.20]
        Ipv6Addresses: ['2001:db8:0:101::10', '2001:db8:0:101::20']
        namespace: $web
      web2: { subnet: front, PrivateIpAddress: 10.0.1.11, Ipv6Addresses: ['2001:db8:0:101::11'], namespace: $web2 }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, Ipv6Addresses: ['2001:db8:0:102::10'], namespace: $db }
      old: { subnet: old, PrivateIpAddress: 10.0.3.10, namespace: $old }
      vm: { subnet: front, PrivateIpAddress: 10.0.1.50, tap: vm0 }
";

/// A guest of the other subnet, in each family.
const DB: [&str; 2] = ["10.0.2.10", "2001:db8:0:102::10"];
/// A guest of the same subnet.
const WEB2: [&str; 2] = ["10.0.1.11", "2001:db8:0:101::11"];

fn lab() -> Result<Lab> {
    let lab = Lab::new()?;
    lab.up(BOTH_FAMILIES)?;
    Ok(lab)
}

/// A ping of one packet that may not be fragmented.
fn ping_of(lab: &Lab, address: &str, len: u32) -> Result<bool> {
    let payload = (len - if address.contains(':') { 48 } else { 28 }).to_string();
    let command = ["ping", "-M", "do", "-c", "1", "-W", "2", "-s", &payload, address];
    Ok(lab.run("web", &command)?.code == Some(0))
}

#[test]
fn packets_of_9001_bytes_pass_whole_inside_a_subnet_and_between_subnets() -> Result<()> {
    let lab = lab()?;
    for address in DB.into_iter().chain(WEB2) {
        ensure!(ping_of(&lab, address, 9001)?, "9001 bytes to {address}");
        ensure!(!ping_of(&lab, address, 9002)?, "9002 bytes to {address}");
    }
    Ok(())
}

#[test]
fn both_ends_of_every_device_have_an_mtu_of_9001() -> Result<()> {
    let lab = lab()?;
    let mtu = |place: &str, device: &str| -> Result<u64> {
        let link = lab
            .run(place, &["ip", "-j", "link", "show", device])?
            .success()?
            .json()?;
        link[0]["mtu"].as_u64().context("a device has an MTU")
    };
    let status = lab.status()?;
    for eni in status["enis"].as_array().context("status lists ENIs")? {
        let (name, device) = (&eni["name"], eni["device"].as_str().context("a device")?);
        ensure!(mtu("host", device)? == 9001, "host side of {name}");
    }
    for guest in ["web", "web2", "db", "old"] {
        ensure!(mtu(guest, "eth0")? == 9001, "{guest}");
    }
    Ok(())
}

#[test]
fn a_guest_has_every_address_of_its_eni_and_learns_none_by_itself() -> Result<()> {
    let lab = lab()?;
    let show = |guest: &str, command: &[&str]| -> Result<String> { Ok(lab.run(guest, command)?.success()?.stdout) };
    let addresses = show(
        "web",
        &["ip", "-o", "address", "show", "dev", "eth0", "scope", "global"],
    )?;
    for address in [
        "10.0.1.10/24",
        "10.0.1.20/32",
        "2001:db8:0:101::10/64",
        "2001:db8:0:101::20/64",
    ] {
        ensure!(addresses.contains(&format!(" {address} ")), "{address}: {addresses}");
    }
    ensure!(
        !addresses.contains("tentative") && !addresses.contains("dadfailed"),
        "{addresses}"
    );
    let routes = show("web", &["ip", "-6", "route", "show", "default"])?;
    ensure!(routes.starts_with("default via fe80:ec2::1 dev eth0"), "{routes}");
    for setting in ["accept_ra", "autoconf", "disable_ipv6"] {
        let path = format!("/proc/sys/net/ipv6/conf/eth0/{setting}");
        ensure!(show("web", &["cat", &path])?.trim() == "0", "{setting}");
    }
    let silent = show("old", &["cat", "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"])?;
    ensure!(silent.trim() == "1", "an ENI without IPv6 is silent there");
    for source in ["10.0.1.20", "2001:db8:0:101::20"] {
        let to = DB[usize::from(source.contains(':'))];
        lab.run("web", &["ping", "-c", "1", "-W", "2", "-I", source, to])?
            .success()?;
    }
    Ok(())
}

#[test]
fn segments_larger_than_the_mtu_reach_the_receiver_whole_and_no_checksum_is_wrong() -> Result<()> {
    let lab = lab()?;
    for address in DB {
        let capture = Capture::start(&lab, "db", &format!("dst host {address} and greater 20000"))?;
        let rate = best_stream(&lab, "web", "db", address)?;
        ensure!(rate > 1e9, "{rate} bit/s to {address}");
        let seen = capture.read(&lab)?;
        ensure!(seen.lines().count() > 10, "no large segment to {address}: {seen}");
        ensure!(checksum_errors(&lab, "db")? == 0, "wrong checksums from {address}");
    }
    Ok(())
}

#[test]
fn checksums_made_in_software_arrive_as_they_were_made() -> Result<()> {
    let lab = lab()?;
    lab.run("web", &["ethtool", "-K", "eth0", "tx", "off"])?.success()?;
    for address in DB.into_iter().chain(WEB2) {
        let to = if DB.contains(&address) { "db" } else { "web2" };
        let capture = Capture::start(&lab, to, &format!("dst host {address}"))?;
        let file = lab.dir().join("sent");
        fs::write(&file, vec![b'x'; 200_000])?;
        send(&lab, &file, to, address)?;
        lab.run("web", &["ping", "-c", "1", "-W", "2", address])?.success()?;
        let seen = capture.read(&lab)?;
        // How tcpdump tells of wrong ones in TCP, in an IP header, in UDP. A right one may well end in "bad".
        let wrong = ["(incorrect", "bad cksum", "bad udp cksum"];
        ensure!(
            seen.matches("(correct)").count() > 10 && !wrong.iter().any(|wrong| seen.contains(wrong)),
            "{address}: {seen}"
        );
        ensure!(checksum_errors(&lab, to)? == 0, "wrong checksums to {address}");
    }
    Ok(())
}

/// Sends a file over TCP to a guest that throws it away.
fn send(lab: &Lab, file: &Path, to: &str, address: &str) -> Result<()> {
    let server = lab.start(to, &["iperf3", "-s", "-1"])?;
    listens(lab, to, 5201)?;
    let command = ["iperf3", "-c", address, "-n", "200000", "-F", &file.to_string_lossy()];
    lab.run("web", &command)?.success()?;
    server.wait()
}
