//! The filter in front of an uplink: with real packets, on devices that can and that can't, and taken off again.

use super::{apply, inventory, is_as_it_was, outside, uplink};
use anyhow::{Context, Result, ensure};
use groundplane::install::netlink::Netlink;
use groundplane_tests::netns::{Lab, eventually};
use serde_json::Value;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread::spawn;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A guest with a public address whose TCP port 80 is open, and an address that nobody has.
pub(super) const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets: { front: { CidrBlock: 10.0.1.0/24 } }
    security_groups:
      web: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }] }
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }
    instances:
      web:
        subnet: front
        PrivateIpAddress: 10.0.1.10
        namespace: $web
        groups: [web]
        associations: [{ PrivateIpAddress: 10.0.1.10, PublicIp: 203.0.113.10 }]
internet_gateways:
  door: { Attachments: [{ VpcId: red, State: available }] }
addresses:
  spare: { PublicIp: 203.0.113.11, Domain: vpc }
";

pub(super) fn with(xdp: &str) -> String {
    format!("{DOCUMENT}uplinks: {{ wan: {{ device: wan0, xdp: {xdp} }} }}\n")
}

/// A lab with somebody outside who looks for public addresses on the link.
pub(super) fn lab() -> Result<Lab> {
    let lab = Lab::new()?;
    outside(&lab)?;
    let route = ["ip", "route", "add", "203.0.113.0/24", "dev", "eth0"];
    lab.run("outside", &route)?.success()?;
    Ok(lab)
}

/// Whether the device runs an XDP program: by its driver, and by the kernel.
fn xdp(lab: &Lab, device: &str) -> Result<(bool, bool)> {
    let link = lab.inside("host", || Ok(Netlink::open()?.get(device)?))?;
    Ok((link.native_xdp.is_some(), link.generic_xdp.is_some()))
}

/// How many packets of a list of drops have a reason.
fn packets(drops: &Value, reason: &str) -> u64 {
    let drops = drops.as_array().into_iter().flatten();
    let those = drops.filter(|drop| drop["reason"] == reason);
    those.filter_map(|drop| drop["packets"].as_u64()).sum()
}

fn filtered(lab: &Lab, reason: &str) -> Result<u64> {
    Ok(packets(&lab.status()?["filtered"], reason))
}

/// The same that got past the filter.
fn walked(lab: &Lab, reason: &str) -> Result<u64> {
    let status = lab.status()?;
    let places = ["enis", "gateways"].map(|list| status[list].as_array().cloned().unwrap_or_default());
    Ok(places
        .iter()
        .flatten()
        .map(|place| packets(&place["drops"], reason))
        .sum())
}

/// So many packets from outside, as `hping3` says it.
fn flood(lab: &Lab, arguments: &[&str]) -> Result<()> {
    let mut command = vec!["hping3", "-q", "-i", "u200"];
    command.extend(arguments);
    // It ends with an error if nobody answers.
    lab.run("outside", &command).map(drop)
}

/// Whether somebody outside gets an answer of a guest's by a port, which may take a second question.
fn answers(lab: &Lab, port: u16) -> Result<bool> {
    answers_within(lab, port, PATIENCE)
}

/// Whether there is none.
fn is_silent(lab: &Lab, port: u16) -> Result<bool> {
    Ok(!answers_within(lab, port, Duration::from_millis(700))?)
}

fn answers_within(lab: &Lab, port: u16, patience: Duration) -> Result<bool> {
    let listener = lab.inside("web", || Ok(TcpListener::bind(("10.0.1.10", port))?))?;
    listener.set_nonblocking(true)?;
    let address = format!("203.0.113.10:{port}").parse()?;
    lab.inside("outside", || Ok(TcpStream::connect_timeout(&address, patience).is_ok()))
}

#[test]
fn what_nobody_may_open_is_dropped_before_the_kernel_sees_it() -> Result<()> {
    let lab = lab()?;
    for (mode, expected) in [("native", (true, false)), ("generic", (false, true))] {
        lab.up(&with(mode))?;
        ensure!(xdp(&lab, "wan0")? == expected, "{mode}");
        ensure!(uplink(&lab)?["xdp"] == mode && uplink(&lab)?["condition"] == "up");
        ensure!(answers(&lab, 80)?, "{mode}: the open port is open");
        ensure!(is_silent(&lab, 81)?, "{mode}: another one isn't");
        let before = filtered(&lab, "GroupIngress")?;
        flood(&lab, &["-S", "-p", "81", "-c", "500", "--rand-source", "203.0.113.10"])?;
        flood(&lab, &["-S", "-p", "80", "-c", "500", "203.0.113.11"])?;
        flood(&lab, &["-S", "-p", "80", "-c", "300", "-a", "10.7.7.7", "203.0.113.10"])?;
        eventually(|| Ok(filtered(&lab, "GroupIngress")? >= before + 400))?;
        ensure!(filtered(&lab, "NobodysPublicAddress")? >= 500);
        ensure!(filtered(&lab, "PrivateSource")? >= 300);
        ensure!(walked(&lab, "GroupIngress")? == 0, "{:#}", lab.status()?);
        let told = lab.groundplane(&["status"])?.success()?.stdout;
        ensure!(told.contains("filter of wan0"), "{told}");
        // What may be an answer goes on to where all the rules are.
        flood(&lab, &["--udp", "-p", "53", "-c", "100", "203.0.113.10"])?;
        ensure!(walked(&lab, "GroupIngress")? >= 100, "{:#}", lab.status()?);
        lab.down()?;
        ensure!(xdp(&lab, "wan0")? == (false, false));
    }
    Ok(())
}

#[test]
fn a_change_of_a_group_or_of_the_filter_itself_holds_at_once() -> Result<()> {
    let lab = lab()?;
    let before = inventory(&lab)?;
    lab.up(&with("native"))?;
    ensure!(answers(&lab, 80)? && is_silent(&lab, 81)?);
    apply(
        &lab,
        &with("native").replace("FromPort: 80, ToPort: 80", "FromPort: 81, ToPort: 81"),
    )?;
    ensure!(is_silent(&lab, 80)? && answers(&lab, 81)?);
    for (mode, expected) in [
        ("generic", (false, true)),
        ("off", (false, false)),
        ("native", (true, false)),
    ] {
        apply(&lab, &with(mode))?;
        ensure!(xdp(&lab, "wan0")? == expected, "{mode}");
        ensure!(answers(&lab, 80)? && is_silent(&lab, 81)?, "{mode}");
    }
    apply(&lab, DOCUMENT)?;
    ensure!(xdp(&lab, "wan0")? == (false, false), "no uplink, no filter");
    lab.down()?;
    is_as_it_was(&lab, &before)
}

#[test]
fn there_is_no_filter_unless_somebody_asks_for_it() -> Result<()> {
    let lab = lab()?;
    lab.up(&format!("{DOCUMENT}uplinks: {{ wan: {{ device: wan0 }} }}\n"))?;
    ensure!(xdp(&lab, "wan0")? == (false, false));
    flood(&lab, &["-S", "-p", "81", "-c", "200", "203.0.113.10"])?;
    ensure!(walked(&lab, "GroupIngress")? >= 200 && filtered(&lab, "GroupIngress")? == 0);
    lab.down()
}

/// Answers to what guests and the host have asked, whatever port they come to.
#[test]
fn answers_and_what_is_the_hosts_pass() -> Result<()> {
    let lab = lab()?;
    lab.up(&with("native"))?;
    for (asker, bound) in [("web", "10.0.1.10"), ("host", "192.0.2.1")] {
        let server = lab.inside("outside", || Ok(UdpSocket::bind("192.0.2.7:5300")?))?;
        server.set_read_timeout(Some(PATIENCE))?;
        let answering = spawn(move || -> Result<()> {
            let mut heard = [0; 64];
            let (len, peer) = server.recv_from(&mut heard)?;
            server.send_to(heard.get(..len).context("it was received")?, peer)?;
            Ok(())
        });
        let client = lab.inside(asker, || Ok(UdpSocket::bind((bound, 0))?))?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.send_to(b"a question", "192.0.2.7:5300")?;
        let mut heard = [0; 64];
        let len = client.recv(&mut heard)?;
        ensure!(heard.starts_with(b"a question") && len == 10);
        answering.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
        // A web server of the outside's, asked from a port that is closed to everybody.
        let listener = lab.inside("outside", || Ok(TcpListener::bind("192.0.2.7:8080")?))?;
        let address = "192.0.2.7:8080".parse()?;
        lab.inside(asker, || Ok(TcpStream::connect_timeout(&address, PATIENCE)?))
            .with_context(|| format!("{asker} asks"))?;
        drop(listener);
    }
    lab.run("outside", &["ping", "-c", "1", "-W", "2", "192.0.2.1"])?
        .success()?;
    // A port of the host's that nobody listens on: refused, and not silent.
    let closed = lab.inside("outside", || {
        Ok(TcpStream::connect_timeout(&"192.0.2.1:81".parse()?, PATIENCE))
    })?;
    let refused = closed.expect_err("nobody listens").kind();
    ensure!(refused == std::io::ErrorKind::ConnectionRefused, "{refused}");
    lab.down()
}

#[test]
fn a_filter_that_was_lost_is_told_of_and_comes_back() -> Result<()> {
    let lab = lab()?;
    lab.up(&with("native"))?;
    let links = lab.pin_dir().join("links");
    let pins = std::fs::read_dir(links)?.map(|entry| Ok(entry?.path().join("uplink_filter")));
    let pins: Vec<_> = pins.collect::<Result<_>>()?;
    let pin = pins.iter().find(|pin| pin.exists()).context("the filter is pinned")?;
    std::fs::remove_file(pin)?;
    eventually(|| Ok(xdp(&lab, "wan0")? == (false, false)))?;
    ensure!(uplink(&lab)?["condition"] == "not_filtered", "{:#}", uplink(&lab)?);
    let doctor = lab.groundplane(&["doctor"])?.stdout;
    ensure!(doctor.contains("without its filter"), "{doctor}");
    lab.up(&with("native"))?;
    ensure!(xdp(&lab, "wan0")? == (true, false) && uplink(&lab)?["condition"] == "up");
    // And with the device.
    let agent = lab.agent(&[])?;
    lab.remove_guest("outside")?;
    eventually(|| Ok(uplink(&lab)?["condition"] == "device_missing"))?;
    outside(&lab)?;
    eventually(|| Ok(uplink(&lab)?["condition"] == "up"))?;
    ensure!(xdp(&lab, "wan0")? == (true, false));
    agent.stop()?;
    lab.down()
}

#[test]
fn a_driver_that_can_not_and_a_device_that_is_taken_are_told_of() -> Result<()> {
    let lab = lab()?;
    lab.on_host(&["ip", "link", "add", "dull0", "type", "bridge"])?
        .success()?;
    let path = lab.document(&with("native").replace("wan0", "dull0"))?;
    let said = lab.groundplane(&["up", &path.to_string_lossy()])?.failure()?;
    ensure!(
        said.stderr.contains("dull0 can't run XDP programs by its driver"),
        "{said}"
    );
    lab.up(&with("generic").replace("wan0", "dull0"))?;
    ensure!(xdp(&lab, "dull0")? == (false, true));
    lab.down()?;
    ensure!(xdp(&lab, "dull0")? == (false, false));

    // Somebody else's program: one of another deployment's.
    let other = Lab::new()?;
    other.up(DOCUMENT)?;
    let pin = other.pin_dir().join("programs/1/uplink_filter");
    let pin = pin.to_string_lossy();
    let attach = ["ip", "link", "set", "dev", "wan0", "xdpgeneric", "pinned", &pin];
    lab.on_host(&attach)?.success()?;
    let path = lab.document(&with("native"))?;
    let said = lab.groundplane(&["up", &path.to_string_lossy()])?.failure()?;
    ensure!(said.stderr.contains("wan0 runs an XDP program already"), "{said}");
    ensure!(!lab.state_dir().join("state.json").exists() || lab.status()?["condition"] == "nothing_up");
    // Without a filter it is no business of ours, and stays when we go.
    lab.up(&with("off"))?;
    ensure!(uplink(&lab)?["condition"] == "up");
    lab.down()?;
    ensure!(xdp(&lab, "wan0")? == (false, true));
    other.down()
}

/// The largest packets that a veth pair takes: the program is attached all the same, and they pass.
#[test]
fn an_mtu_of_several_buffers_is_no_hindrance() -> Result<()> {
    let lab = lab()?;
    for (place, device) in [("host", "wan0"), ("outside", "eth0")] {
        lab.run(place, &["ip", "link", "set", device, "mtu", "9000"])?
            .success()?;
    }
    lab.up(&with("native"))?;
    ensure!(xdp(&lab, "wan0")? == (true, false));
    let ping = ["ping", "-c", "2", "-W", "2", "-M", "do", "-s", "8900", "192.0.2.1"];
    lab.run("outside", &ping)?.success()?;
    lab.down()
}

#[test]
fn who_is_killed_leaves_no_filter_behind() -> Result<()> {
    use std::process::Stdio;
    let lab = lab()?;
    let before = inventory(&lab)?;
    lab.up(DOCUMENT)?;
    for round in 0..12_u64 {
        let path = lab.document(&with("native"))?;
        let mut command = lab.groundplane_command(&["apply", &path.to_string_lossy()])?;
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn()?;
        std::thread::sleep(Duration::from_millis(10 + 8 * round));
        child.kill()?;
        child.wait()?;
        if round % 2 == 0 {
            lab.up(&with("native"))?;
            ensure!(xdp(&lab, "wan0")? == (true, false), "round {round}");
        } else {
            lab.down()?;
            is_as_it_was(&lab, &before)?;
        }
        lab.up(DOCUMENT)?;
        ensure!(xdp(&lab, "wan0")? == (false, false), "round {round}");
    }
    lab.down()?;
    is_as_it_was(&lab, &before)
}
