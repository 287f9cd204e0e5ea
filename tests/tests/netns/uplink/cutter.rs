//! What is larger than an uplink takes and may be fragmented: in which pieces it leaves, what arrives, and that what
//! makes them is made again when it is gone.

use super::{HOST, inventory, is_as_it_was, outside, with};
use anyhow::{Context, Result, ensure};
use groundplane::install::names;
use groundplane_tests::netns::{Capture, Lab, eventually};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const DEVICE: &str = "uplinks: { wan: { device: wan0, announce: route } }\n";
/// A subnet behind a NAT gateway, beside that of [`super::VPC`].
const BEHIND_NAT: [(&str, &str); 3] = [
    (
        "    route_tables:\n",
        "    route_tables:
      private: { subnets: [back], routes: [{ DestinationCidrBlock: 0.0.0.0/0, nat_gateway: nat }] }\n",
    ),
    (
        "    subnets:\n",
        "    subnets:\n      back: { CidrBlock: 10.0.2.0/24 }\n",
    ),
    (
        "    instances:\n",
        "    instances:\n      app: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $app }\n",
    ),
];
const NAT: &str = "nat_gateways:\n  nat: { SubnetId: red/front, NatGatewayAddresses: [{ AllocationId: spare }] }\n";

/// A host with a network behind it that takes large segments of TCP, and guests of which nothing forbids fragments.
fn lab(uplink: &str) -> Result<Lab> {
    let lab = Lab::new()?;
    outside(&lab)?;
    for route in ["203.0.113.0/24", "192.0.2.1"] {
        let via = if route.contains('/') {
            &["via", "192.0.2.1"][..]
        } else {
            &["dev", "eth0"]
        };
        let command = [&["ip", "route", "add", route], via, &["advmss", "8961"]].concat();
        lab.run("outside", &command)?.success()?;
    }
    lab.up(&document(uplink))?;
    for guest in ["web", "app"] {
        lab.inside(guest, || Ok(fs::write("/proc/sys/net/ipv4/ip_no_pmtu_disc", "1")?))?;
    }
    Ok(lab)
}

fn document(uplink: &str) -> String {
    let all = BEHIND_NAT
        .iter()
        .fold(with(uplink), |text, (from, to)| text.replacen(from, to, 1));
    format!("{all}{NAT}")
}

/// Sends a datagram outside, where exactly that has to arrive.
fn datagram(lab: &Lab, from: &str, len: usize) -> Result<()> {
    let server = lab.inside("outside", || Ok(UdpSocket::bind("192.0.2.7:7000")?))?;
    server.set_read_timeout(Some(PATIENCE))?;
    let client = lab.inside(from, || Ok(UdpSocket::bind("0.0.0.0:0")?))?;
    let said: Vec<u8> = (0..len).map(|at| (at * at).to_le_bytes()[0]).collect();
    client.send_to(&said, "192.0.2.7:7000")?;
    let mut heard = vec![0; 10_000];
    let (heard_len, peer) = server
        .recv_from(&mut heard)
        .with_context(|| format!("{len} bytes of {from}'s don't arrive"))?;
    ensure!(
        heard.get(..heard_len) == Some(&*said),
        "something else arrives from {from}"
    );
    server.send_to(b"yes", peer)?;
    client.set_read_timeout(Some(PATIENCE))?;
    let (answer_len, _) = client.recv_from(&mut heard).context("no answer")?;
    ensure!(heard.get(..answer_len) == Some(&b"yes"[..]));
    Ok(())
}

/// The fragments that arrive outside while something is done, by how they are told of.
fn fragments(lab: &Lab, work: impl FnOnce() -> Result<()>) -> Result<Vec<String>> {
    let capture = Capture::start(lab, "outside", "src net 203.0.113.0/24 or src host 192.0.2.1")?;
    work()?;
    let seen = capture.read(lab)?;
    let packets = seen.lines().filter(|line| line.contains("ttl"));
    let packets: Vec<_> = packets.map(str::to_owned).collect();
    let is_fragment = |line: &&String| line.contains("flags [+]") || !line.contains("offset 0,");
    let fragments: Vec<_> = packets.iter().filter(is_fragment).cloned().collect();
    ensure!(
        packets.iter().all(|line| length(line).is_some_and(|len| len <= 1500)),
        "{seen}"
    );
    Ok(fragments)
}

/// The length of a packet, as tcpdump tells it.
fn length(line: &str) -> Option<u32> {
    line.rsplit("length ").next()?.trim_end_matches([')', ':']).parse().ok()
}

#[test]
fn what_is_too_large_leaves_in_fragments_by_either_kind_of_uplink() -> Result<()> {
    // The host is a hop, and so is the NAT gateway.
    for (uplink, ttls) in [(DEVICE, [("web", 64), ("app", 63)]), (HOST, [("web", 63), ("app", 62)])] {
        let lab = lab(uplink)?;
        for (guest, ttl) in ttls {
            for (len, pieces) in [(1472, 0), (1473, 2), (2000, 2), (8000, 6)] {
                let seen = fragments(&lab, || datagram(&lab, guest, len))?;
                ensure!(seen.len() == pieces, "{guest}'s {len} bytes by {uplink}: {seen:#?}");
                let has_ttl = |line: &String| line.contains(&format!("ttl {ttl},"));
                ensure!(seen.iter().all(has_ttl), "{guest} by {uplink}: {seen:#?}");
            }
            let seen = fragments(&lab, || {
                let address = crate::gateways::seen_as(&lab, guest, "outside", ("192.0.2.7", "192.0.2.7"))?;
                ensure!(!address.to_string().starts_with("10."), "{guest} is seen as {address}");
                Ok(())
            })?;
            ensure!(seen.len() > 20, "{guest} by {uplink}: {seen:#?}");
            ensure!(crate::checksum_errors(&lab, "outside")? == 0, "{guest} by {uplink}");
        }
        // Of fragments as well.
        lab.run(
            "web",
            &["ping", "-M", "dont", "-c", "1", "-W", "5", "-s", "9500", "192.0.2.7"],
        )?
        .success()?;
        lab.down()?;
    }
    Ok(())
}

/// The kernel in the cutter objects to options that the datapath lets pass. It has no address, and nobody hears it.
#[test]
fn what_the_cutter_says_itself_goes_nowhere() -> Result<()> {
    let lab = lab(DEVICE)?;
    let capture = Capture::start(&lab, "outside", "ip")?;
    // A record of the route that begins before its list: the header's length, DF clear, an option of three bytes.
    let mut packet = vec![
        0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 10, 192, 0, 2, 7, 7, 3, 1, 0,
    ];
    packet.extend([0x1b, 0x58, 0x1b, 0x58, 0x07, 0xd0, 0, 0]);
    packet.resize(24 + 2000, 7);
    let send = || {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(255.into()))?;
        socket.send_to(&packet, &SocketAddr::from(([192, 0, 2, 7], 7000)).into())?;
        Ok(())
    };
    lab.inside("web", send)?;
    let is_told = |line: &str| line.contains("the cutter") && line.contains("UnusableAddress");
    let is_dropped = || Ok(lab.groundplane(&["status"])?.success()?.stdout.lines().any(is_told));
    eventually(is_dropped).context("what it says isn't dropped")?;
    ensure!(leaves(&lab));
    let seen = capture.read(&lab)?;
    ensure!(!seen.contains("ICMP") && seen.contains("offset 1480"), "{seen}");
    lab.down()
}

/// Whether a datagram of 2000 bytes leaves.
fn leaves(lab: &Lab) -> bool {
    datagram(lab, "web", 2000).is_ok()
}

#[test]
fn a_cutter_that_is_gone_is_made_again() -> Result<()> {
    let lab = lab(DEVICE)?;
    let name = names::cutter(&lab.state_dir());
    let doctor = || Ok::<_, anyhow::Error>(lab.groundplane(&["doctor"])?.stdout);
    let whole = "what is too large for an uplink leaves in fragments";
    let away: [&[&str]; 3] = [
        &["ip", "link", "delete", &name],
        &["ip", "netns", "delete", &name],
        &["ip", "-n", &name, "link", "set", "cutter", "down"],
    ];
    for command in away {
        ensure!(leaves(&lab) && doctor()?.contains(whole), "before {command:?}");
        lab.on_host(command)?.success()?;
        eventually(|| Ok(!doctor()?.contains(whole)))?;
        ensure!(doctor()?.contains("groundplane up with the same documents makes it again"));
        lab.up(&document(DEVICE))?;
        ensure!(leaves(&lab), "after {command:?}");
    }
    // The agent notices by itself.
    let agent = lab.agent(&[])?;
    for command in &away[..2] {
        lab.on_host(command)?.success()?;
        eventually(|| Ok(doctor()?.contains(whole)))?;
        ensure!(leaves(&lab), "after {command:?}");
    }
    agent.stop()?;
    lab.down()
}

#[test]
fn nothing_of_a_cutter_is_left_and_its_names_are_nobody_elses() -> Result<()> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let before = inventory(&lab)?;
    let name = names::cutter(&lab.state_dir());
    let namespace = Path::new("/run/netns").join(&name);
    lab.up(&with(DEVICE))?;
    ensure!(namespace.exists());
    // Without an uplink there is none.
    lab.up(&with(""))?;
    ensure!(!namespace.exists());
    lab.up(&with(DEVICE))?;
    lab.down()?;
    ensure!(!namespace.exists());
    is_as_it_was(&lab, &before)?;
    lab.on_host(&["ip", "netns", "add", &name])?.success()?;
    let path = lab.document(&with(DEVICE))?;
    let said = lab.groundplane(&["up", &path.to_string_lossy()])?;
    lab.on_host(&["ip", "netns", "delete", &name])?.success()?;
    ensure!(said.failure()?.stderr.contains("exists already and is not ours"));
    is_as_it_was(&lab, &before)
}
