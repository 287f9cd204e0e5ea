//! What the usual tools make of gateways, from inside and from outside.

use super::{APP6, DOCUMENT, NAT, OUTSIDE, OUTSIDE6, PATIENCE, WEB, WEB6, command_all, lab, lab_of};
use crate::scan::{nmap, set};
use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::{Capture, Lab};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::thread::{JoinHandle, spawn};

/// A host of a network behind the outside, which is its router.
const FAR: &str = "198.51.100.7";
/// That router as its hosts see it.
const ROUTER: &str = "198.51.100.1";
/// One more host beside [`OUTSIDE`].
const NEIGHBOUR: &str = "192.0.2.8";
/// The NAT gateway's own address: the lowest that is free.
const NAT_INSIDE: &str = "10.0.1.4";

/// With a far network, and a second host in the near one.
fn further(lab: Lab) -> Result<Lab> {
    let addresses: [&[&str]; 2] = [&["198.51.100.1/24"], &["198.51.100.7/24"]];
    lab.make_behind(("outside", "far0"), "far", addresses)?;
    lab.inside("outside", || Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
    command_all(
        &lab,
        &[
            ("outside", "ip address add 192.0.2.8/24 dev eth0"),
            ("far", "ip route add default via 198.51.100.1"),
            ("host", "ip route add 198.51.100.0/24 via 192.0.2.7"),
        ],
    )?;
    Ok(lab)
}

/// The addresses that traceroute names, one for each hop.
fn hops(lab: &Lab, from: &str, to: &str, how: &[&str]) -> Result<Vec<String>> {
    let options = ["traceroute", "-n", "-q", "1", "-N", "1", "-w", "2", "-m", "6"];
    let said = lab.run(from, &[&options, how, &[to]].concat())?.success()?.stdout;
    let hops = said.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
    Ok(hops.map(str::to_owned).collect())
}

/// How traceroute asks: by echo requests, by SYNs, by UDP.
const WAYS: [&[&str]; 3] = [&["-I"], &["-T", "-p", "80"], &[]];

/// Semantics 3.1: a NAT gateway is a hop, by its private address; routers of VPCs are none, and neither is what AWS
/// doesn't say that it is one.
#[test]
fn traceroute_shows_nat_gateways_and_nobody_else_of_the_platform() -> Result<()> {
    let lab = further(lab()?)?;
    // What ends a traceroute by UDP is an error about a tracked connection, which app's groups let in only from where
    // all connections are tracked automatically (semantics 7.6).
    let tracked = &WAYS[..2];
    for (from, to, ways, expected) in [
        ("app", FAR, &WAYS[..], &[NAT_INSIDE, OUTSIDE, FAR][..]),
        ("web", FAR, &WAYS, &[OUTSIDE, FAR]),
        ("far", WEB, &WAYS, &[ROUTER, WEB]),
        ("app", WEB, &WAYS, &[NAT_INSIDE, WEB]),
        ("app", "10.1.1.10", tracked, &["10.1.1.10"]),
        ("app", "10.2.1.10", tracked, &["10.2.1.10"]),
        ("app", OUTSIDE6, &WAYS, &[OUTSIDE6]),
        ("outside", WEB6, &WAYS, &[WEB6]),
    ] {
        for way in ways {
            let found = hops(&lab, from, to, way)?;
            ensure!(found == expected, "{from} to {to} {way:?} by way of {found:?}");
        }
    }
    lab.down()
}

/// What hping3 hears of one packet.
fn hping3(lab: &Lab, from: &str, to: &str, how: &[&str]) -> Result<String> {
    let said = lab.run(from, &[&["hping3", "-n", "-c", "1"], how, &[to]].concat())?;
    Ok(format!("{}{}", said.stdout, said.stderr))
}

#[test]
fn single_packets_and_fragments_pass_as_their_gateways_say() -> Result<()> {
    let lab = further(lab()?)?;
    let _listener = lab.inside("web", || Ok(TcpListener::bind("10.0.1.10:80")?))?;
    let syn: &[&str] = &["-S", "-p", "80"];
    let cut_syn: &[&str] = &["-S", "-p", "80", "-d", "200", "-m", "64"];
    // An error about the whole comes only if all of it has come, its checksum right.
    let cut_udp: &[&str] = &["--udp", "-p", "9", "-d", "200", "-m", "64"];
    for (from, to, how, expected) in [
        ("far", WEB, syn, "flags=SA"),
        ("app", FAR, syn, "flags=RA"),
        ("far", NAT, syn, "100% packet loss"),
        ("web", FAR, cut_syn, "flags=RA"),
        ("app", FAR, cut_syn, "100% packet loss"),
        ("web", FAR, cut_udp, "ICMP Port Unreachable from ip=198.51.100.7"),
        ("app", FAR, cut_udp, "ICMP Port Unreachable from ip=198.51.100.7"),
        ("far", WEB, cut_udp, "ICMP Port Unreachable from ip=203.0.113.10"),
    ] {
        let said = hping3(&lab, from, to, how)?;
        ensure!(said.contains(expected), "{from} to {to} {how:?}: {said}");
    }
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains("NatFragment"), "no NatFragment in\n{status}");
    lab.down()
}

#[test]
fn scanners_see_the_open_port_of_a_public_address_and_what_is_outside() -> Result<()> {
    const SCANNED: &str = "20-25,79-81,440-445";
    let shopfront = "{ ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }] }";
    let document = DOCUMENT
        .replace(
            "      closed: {}",
            &format!("      closed: {{}}\n      shopfront: {shopfront}"),
        )
        .replace("[open],\n          elastic_ip", "[shopfront],\n          elastic_ip");
    let lab = further(lab_of(&document)?)?;
    let listen = || {
        let listeners = [22, 80, 443].map(|port| TcpListener::bind(("0.0.0.0", port)));
        listeners.into_iter().collect::<Result<Vec<_>, _>>().map_err(Into::into)
    };
    let _listeners = [lab.inside("web", listen)?, lab.inside("far", listen)?];
    let scan = |from: &str, to: &str| -> Result<BTreeMap<String, BTreeSet<u16>>> {
        let mut seen = nmap(&lab, from, to, SCANNED, &[])?;
        seen.remove("filtered");
        Ok(seen)
    };
    let seen = scan("far", WEB)?;
    ensure!(seen == BTreeMap::from([("open".to_owned(), set(&[80]))]), "{seen:?}");
    let seen = scan("far", NAT)?;
    ensure!(seen.is_empty(), "{seen:?} of a NAT gateway");
    for guest in ["app", "web"] {
        let seen = scan(guest, FAR)?;
        let closed = set(&[20, 21, 23, 24, 25, 79, 81, 440, 441, 442, 444, 445]);
        let expected = [("open".to_owned(), set(&[22, 80, 443])), ("closed".to_owned(), closed)];
        ensure!(seen == BTreeMap::from(expected), "{guest} sees {seen:?}");
    }
    lab.down()
}

/// Answers one request with the address that it came from.
fn serve(lab: &Lab, place: &str, address: &str) -> Result<JoinHandle<Result<()>>> {
    let listener = lab.inside(place, || Ok(TcpListener::bind((address.parse::<IpAddr>()?, 80))?))?;
    Ok(spawn(move || {
        let (mut stream, peer) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        _ = stream.read(&mut [0; 1024])?;
        write!(stream, "HTTP/1.0 200 OK\r\n\r\n{}", peer.ip())?;
        Ok(())
    }))
}

fn curl(lab: &Lab, from: &str, (place, bound): (&str, &str), address: &str) -> Result<String> {
    let server = serve(lab, place, bound)?;
    let url = match address.contains(':') {
        true => format!("http://[{address}]/"),
        false => format!("http://{address}/"),
    };
    let said = lab.run(from, &["curl", "-sS", "--max-time", "5", &url])?.success()?;
    server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    Ok(said.stdout)
}

#[test]
fn web_servers_see_public_addresses() -> Result<()> {
    let lab = further(lab()?)?;
    for (from, server, address, seen) in [
        ("app", ("far", FAR), FAR, NAT),
        ("app", ("outside", OUTSIDE), OUTSIDE, NAT),
        ("app", ("outside", NEIGHBOUR), NEIGHBOUR, NAT),
        ("app", ("outside", OUTSIDE6), OUTSIDE6, APP6),
        ("web", ("far", FAR), FAR, WEB),
        ("web", ("outside", NEIGHBOUR), NEIGHBOUR, WEB),
        ("far", ("web", "10.0.1.10"), WEB, FAR),
        ("app", ("web", "10.0.1.10"), WEB, NAT),
    ] {
        let said = curl(&lab, from, server, address).with_context(|| format!("{from} to {address}"))?;
        ensure!(said == seen, "{from} is seen as {said} at {address}");
    }
    lab.down()
}

/// The private addresses in what tcpdump has said, those in quotes of errors as well.
fn private(said: &str) -> BTreeSet<&str> {
    let words = said.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let is_address = |word: &&str| word.matches('.').count() >= 3;
    let blocks = ["10.", "192.168.", "100.64.", "172.16."];
    let words = words.filter(is_address);
    words
        .filter(|word| blocks.iter().any(|block| word.starts_with(block)))
        .collect()
}

#[test]
fn no_private_address_is_seen_outside() -> Result<()> {
    let lab = further(lab()?)?;
    let capture = Capture::start(&lab, "outside", "ip")?;
    for guest in ["web", "app"] {
        crate::ping(&lab, guest, FAR)?;
        hops(&lab, guest, FAR, &[])?;
        // From whom nobody is, to where the outside isn't, and in pieces.
        hping3(&lab, guest, FAR, &["-S", "-a", "10.0.1.99"])?;
        hping3(&lab, guest, FAR, &["-S", "-a", "192.168.5.5"])?;
        hping3(&lab, guest, "192.168.5.5", &["-S"])?;
        hping3(&lab, guest, FAR, &["--udp", "-p", "9", "-d", "200", "-m", "64"])?;
    }
    curl(&lab, "app", ("far", FAR), FAR)?;
    curl(&lab, "far", ("web", "10.0.1.10"), WEB)?;
    // A guest's own error quotes what it has got; a traceroute's are about what it has got as well.
    let refused = hping3(&lab, "far", WEB, &["--udp", "-p", "9"])?;
    ensure!(
        refused.contains("ICMP Port Unreachable from ip=203.0.113.10"),
        "{refused}"
    );
    let seen = capture.read(&lab)?;
    for public in [WEB, NAT, "udp port 9 unreachable", "time exceeded in-transit"] {
        ensure!(seen.contains(public), "no {public} in {seen}");
    }
    ensure!(private(&seen).is_empty(), "{:?} in {seen}", private(&seen));
    lab.down()
}

/// The MSS of all segments that open a connection, as one side gets them.
fn mss(lab: &Lab, from: &str, server: (&str, &str), address: &str) -> Result<[BTreeSet<String>; 2]> {
    let filter = "tcp[tcpflags] & tcp-syn != 0";
    let captures = [
        Capture::start(lab, server.0, filter)?,
        Capture::start(lab, from, filter)?,
    ];
    curl(lab, from, server, address)?;
    let read = |capture: Capture| -> Result<BTreeSet<String>> {
        let seen = capture.read(lab)?;
        let options = seen.split("[mss ").skip(1);
        Ok(options
            .filter_map(|rest| rest.split([',', ']']).next())
            .map(str::to_owned)
            .collect())
    };
    let [there, back] = captures.map(read);
    Ok([there?, back?])
}

/// Semantics 23: 9001 bytes are what guests offer, 8500 what a NAT gateway and a transit gateway carry.
#[test]
fn nat_and_transit_gateways_lower_the_mss_and_others_do_not() -> Result<()> {
    let lab = lab()?;
    let (offered, lowered) = ("8961", "8460");
    // Each side sees what it says itself, and what the other one says.
    for (from, server, address, expected) in [
        (
            "app",
            ("outside", OUTSIDE),
            OUTSIDE,
            [[lowered, "1460"], [offered, "1460"]],
        ),
        (
            "web",
            ("outside", OUTSIDE),
            OUTSIDE,
            [[offered, "1460"], [offered, "1460"]],
        ),
        (
            "app",
            ("depot", "10.2.1.10"),
            "10.2.1.10",
            [[lowered, offered], [offered, lowered]],
        ),
        (
            "app",
            ("partner", "10.1.1.10"),
            "10.1.1.10",
            [[offered, offered], [offered, offered]],
        ),
    ] {
        let expected = expected.map(|said| said.map(str::to_owned).into_iter().collect::<BTreeSet<_>>());
        let seen = mss(&lab, from, server, address)?;
        ensure!(seen == expected, "{from} to {address}: {seen:?}");
    }
    lab.down()
}
