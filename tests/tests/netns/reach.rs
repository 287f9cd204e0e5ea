//! Who is meant to talk can talk, with the tools people use.

use super::{best_stream, checksum_errors, listens, ping, stream, two_vpcs};
use anyhow::{Result, ensure};
use groundplane_tests::netns::{Background, Capture, Lab};
use std::fs;

/// Rules that refer to groups don't admit what comes through a middlebox (semantics 6.3), so the group here is open.
const INSPECTED: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    security_groups:
      open: { ingress: [{ IpProtocol: '-1', CidrIpv4: 10.0.0.0/16 }] }
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
      middle: { CidrBlock: 10.0.3.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, groups: [open], namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, groups: [open], namespace: $db }
      box: { subnet: middle, PrivateIpAddress: 10.0.3.10, SourceDestCheck: false, groups: [open], namespace: $box }
    route_tables:
      there: { subnets: [front], routes: [{ DestinationCidrBlock: 10.0.2.0/24, instance: box }] }
      back: { subnets: [back], routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: box }] }
";

/// nginx with one page, on port 80 of a guest.
fn serve(lab: &Lab, guest: &str) -> Result<Background> {
    let dir = lab.dir().display();
    let path = lab.dir().join("nginx.conf");
    let text = format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; events {{}}\n\
         http {{ access_log off; server {{ listen 80; location / {{ return 200 'a page of {guest}'; }} }} }}\n"
    );
    fs::write(&path, text)?;
    let nginx = lab.start(guest, &["nginx", "-p", &dir.to_string(), "-c", &path.to_string_lossy()])?;
    listens(lab, guest, 80)?;
    Ok(nginx)
}

fn fetch(lab: &Lab, from: &str, address: &str) -> Result<String> {
    let url = format!("http://{address}/");
    Ok(lab
        .run(from, &["curl", "-sS", "--max-time", "5", &url])?
        .success()?
        .stdout)
}

#[test]
fn guests_of_a_vpc_reach_each_other() -> Result<()> {
    let lab = two_vpcs()?;
    ping(&lab, "web", "10.0.1.11")?;
    ping(&lab, "web", "10.0.2.10")?;
    ping(&lab, "db", "10.0.1.11")
}

#[test]
fn tcp_streams_at_full_speed_and_no_checksum_is_wrong() -> Result<()> {
    let lab = two_vpcs()?;
    for (to, address) in [("web2", "10.0.1.11"), ("db", "10.0.2.10")] {
        let rate = best_stream(&lab, "web", to, address)?;
        ensure!(rate > 1e9, "{rate} bit/s to {to}");
        ensure!(checksum_errors(&lab, to)? == 0, "wrong checksums at {to}");
    }
    Ok(())
}

#[test]
fn http_passes() -> Result<()> {
    let lab = two_vpcs()?;
    let _nginx = serve(&lab, "db")?;
    ensure!(fetch(&lab, "web", "10.0.2.10")? == "a page of db");
    Ok(())
}

#[test]
fn traffic_passes_the_middlebox_both_ways() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(INSPECTED)?;
    lab.run("box", &["sysctl", "-qw", "net.ipv4.ip_forward=0"])?.success()?;
    super::no_ping(&lab, "web", "10.0.2.10")?;
    lab.run("box", &["sysctl", "-qw", "net.ipv4.ip_forward=1"])?.success()?;
    ping(&lab, "web", "10.0.2.10")?;
    ping(&lab, "db", "10.0.1.10")?;
    let _nginx = serve(&lab, "db")?;
    ensure!(fetch(&lab, "web", "10.0.2.10")? == "a page of db");
    ensure!(stream(&lab, "web", "db", "10.0.2.10")? > 1e8);
    Ok(())
}

#[test]
fn nmap_sees_what_is_there() -> Result<()> {
    let lab = two_vpcs()?;
    let _nginx = serve(&lab, "db")?;
    let hosts = lab
        .run("web", &["nmap", "-n", "-sn", "10.0.1.2-15", "10.0.2.10-15"])?
        .success()?
        .stdout;
    for address in ["10.0.1.10", "10.0.1.11", "10.0.2.10"] {
        ensure!(
            hosts.contains(&format!("for {address}\n")),
            "{address} is missing in {hosts}"
        );
    }
    ensure!(hosts.contains("(3 hosts up)"), "{hosts}");
    let ports = lab
        .run("web", &["nmap", "-n", "-Pn", "-sS", "-p", "79-81", "10.0.2.10"])?
        .success()?
        .stdout;
    ensure!(
        ports.contains("80/tcp open") && ports.contains("79/tcp closed"),
        "{ports}"
    );
    Ok(())
}

#[test]
fn receiver_sees_clean_checksums_of_software_made_packets() -> Result<()> {
    let lab = two_vpcs()?;
    let capture = Capture::start(&lab, "db", "tcp and dst host 10.0.2.10")?;
    lab.run(
        "web",
        &["hping3", "-q", "-S", "-p", "80", "-c", "3", "-i", "u20000", "10.0.2.10"],
    )?;
    let seen = capture.read(&lab)?;
    ensure!(
        seen.matches("(correct)").count() >= 3 && !seen.contains("incorrect"),
        "{seen}"
    );
    Ok(())
}
