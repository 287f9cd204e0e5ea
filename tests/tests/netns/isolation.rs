//! Who isn't meant to talk can't, and it is counted why.

use super::{device, drops, is_dropped, no_ping, ping, two_vpcs};
use anyhow::{Result, ensure};
use groundplane_tests::netns::Lab;

#[test]
fn two_vpcs_with_the_same_cidr_never_meet() -> Result<()> {
    let lab = two_vpcs()?;
    ping(&lab, "blue-web", "10.0.1.20")?;
    ping(&lab, "web", "10.0.1.11")?;
    no_ping(&lab, "web", "10.0.1.20")?;
    no_ping(&lab, "blue-web", "10.0.1.11")?;
    no_ping(&lab, "blue-web", "10.0.2.10")?;
    is_dropped(&lab, "blue-web", "NoOwner")?;
    is_dropped(&lab, "web", "ArpUnanswered")
}

#[test]
fn guests_do_not_reach_the_hosts_addresses() -> Result<()> {
    let lab = two_vpcs()?;
    lab.on_host(&["ip", "address", "add", "192.0.2.1/32", "dev", "lo"])?
        .success()?;
    no_ping(&lab, "web", "192.0.2.1")?;
    is_dropped(&lab, "web", "NoRoute")
}

#[test]
fn host_does_not_reach_guests() -> Result<()> {
    let lab = two_vpcs()?;
    let device = device(&lab.status()?, "web")?;
    lab.on_host(&["ip", "address", "add", "10.0.1.99/24", "dev", &device])?
        .success()?;
    no_ping(&lab, "host", "10.0.1.10")?;
    no_ping(&lab, "web", "10.0.1.99")?;
    is_dropped(&lab, "web", "HostPacket")
}

fn hping(lab: &Lab, from: &str, args: &[&str]) -> Result<()> {
    // Its exit code says whether an answer came, which none should.
    lab.run(from, &[&["hping3", "-q", "-c", "3", "-i", "u20000"], args].concat())
        .map(drop)
}

#[test]
fn spoofed_address_is_dropped_and_counted() -> Result<()> {
    let lab = two_vpcs()?;
    hping(&lab, "web", &["-S", "-p", "80", "-a", "10.0.1.11", "10.0.2.10"])?;
    ensure!(drops(&lab, "web", "SourceCheck")? == 3, "{:#}", lab.status()?);
    Ok(())
}

#[test]
fn spoofed_mac_is_dropped_and_counted() -> Result<()> {
    let lab = two_vpcs()?;
    lab.run("web", &["ip", "link", "set", "eth0", "address", "02:09:09:09:09:09"])?
        .success()?;
    no_ping(&lab, "web", "10.0.1.11")?;
    is_dropped(&lab, "web", "SourceMac")
}

#[test]
fn broadcast_ping_is_dropped_and_counted() -> Result<()> {
    let lab = two_vpcs()?;
    lab.run("web", &["ping", "-b", "-c", "1", "-W", "1", "10.0.1.255"])?
        .failure()?;
    is_dropped(&lab, "web", "Multicast")
}
