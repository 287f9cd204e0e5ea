//! What scanners see of a guest behind a group and a network ACL: exactly the open ports.

use anyhow::{Context, Result, ensure};
use groundplane_tests::netns::Lab;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

/// `db` may be asked on ports 20 to 25, 80, 440 to 446 and, over IPv6, 5432; of them the ACL denies 443 and 444.
const GUARDED: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      front: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: '2001:db8:a:1::/64' }
      back: { CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: '2001:db8:a:2::/64' }
    security_groups:
      client: { ingress: [] }
      admin:
        ingress:
          - { IpProtocol: tcp, FromPort: 20, ToPort: 25, CidrIpv4: 10.0.1.0/24 }
          - { IpProtocol: tcp, FromPort: 20, ToPort: 25, CidrIpv6: '2001:db8:a:1::/64' }
      server:
        ingress:
          - { IpProtocol: tcp, FromPort: 80, ToPort: 80, group: client }
          - { IpProtocol: tcp, FromPort: 440, ToPort: 446, CidrIpv4: 0.0.0.0/0 }
          - { IpProtocol: tcp, FromPort: 440, ToPort: 446, CidrIpv6: '::/0' }
          - { IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIpv6: '::/0' }
    network_acls:
      strict:
        subnets: [back]
        ingress:
          - { RuleNumber: 90, RuleAction: deny, Protocol: tcp, PortRange: { From: 443, To: 444 }, CidrBlock: 10.0.1.0/24 }
          - { RuleNumber: 91, RuleAction: deny, Protocol: tcp, PortRange: { From: 443, To: 444 }, Ipv6CidrBlock: '::/0' }
          - { RuleNumber: 100, RuleAction: allow, Protocol: '-1', CidrBlock: 0.0.0.0/0 }
          - { RuleNumber: 101, RuleAction: allow, Protocol: '-1', Ipv6CidrBlock: '::/0' }
        egress:
          - { RuleNumber: 100, RuleAction: allow, Protocol: '-1', CidrBlock: 0.0.0.0/0 }
          - { RuleNumber: 101, RuleAction: allow, Protocol: '-1', Ipv6CidrBlock: '::/0' }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, Ipv6Addresses: ['2001:db8:a:1::10'], groups: [client], namespace: $web }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, Ipv6Addresses: ['2001:db8:a:2::10'], groups: [admin, server], namespace: $db }
";

const SCANNED: &str = "18-27,79-81,438-448,5430-5434";
/// Who listens, whether anybody may ask or not.
const SERVED: [u16; 9] = [19, 22, 24, 80, 440, 443, 446, 447, 5432];
const OPEN: [u16; 5] = [22, 24, 80, 440, 446];
/// Admitted, and nobody listens.
const CLOSED: [u16; 7] = [20, 21, 23, 25, 441, 442, 445];

pub(crate) fn set(ports: &[u16]) -> BTreeSet<u16> {
    ports.iter().copied().collect()
}

/// The ports that nmap has an answer of, by state; the others are filtered, which its last words count.
pub(crate) fn nmap(
    lab: &Lab,
    from: &str,
    address: &str,
    ports: &str,
    family: &[&str],
) -> Result<BTreeMap<String, BTreeSet<u16>>> {
    let options = ["-n", "-Pn", "-sS", "-T4", "--max-retries", "2", "-oG", "-", "-p", ports];
    let said = lab
        .run(from, &[&["nmap"], family, &options, &[address]].concat())?
        .success()?
        .stdout;
    let Some((_, ports)) = said.split_once("Ports: ") else {
        ensure!(said.contains("Ignored State: filtered"), "{said}");
        return Ok(BTreeMap::new());
    };
    let ports = ports.split(['\t', '\n']).next().unwrap_or_default();
    let mut seen = BTreeMap::<_, BTreeSet<u16>>::new();
    for port in ports.split(", ") {
        let (number, rest) = port.split_once('/').context("a port and its state")?;
        let state = rest.split('/').next().unwrap_or_default();
        seen.entry(state.to_owned()).or_default().insert(number.parse()?);
    }
    Ok(seen)
}

/// The ports that answer hping3's scan with SYN and ACK.
fn hping3(lab: &Lab, address: &str) -> Result<BTreeSet<u16>> {
    let said = lab
        .run("web", &["hping3", "-S", "--scan", SCANNED, address])?
        .success()?
        .stdout;
    let answers = said.lines().filter(|line| line.contains(".S..A..."));
    let number = |line: &str| line.split_once(':')?.0.split_whitespace().next()?.parse().ok();
    Ok(answers.filter_map(number).collect())
}

#[test]
fn scanners_see_exactly_the_open_ports() -> Result<()> {
    let lab = Lab::new()?;
    lab.up(GUARDED)?;
    let listen = || {
        let listeners = SERVED.map(|port| TcpListener::bind(("::", port)));
        listeners.into_iter().collect::<Result<Vec<_>, _>>().map_err(Into::into)
    };
    let _listeners = lab.inside("db", listen)?;
    let mut seen = nmap(&lab, "web", "10.0.2.10", SCANNED, &[])?;
    seen.remove("filtered");
    let expected =
        |open: BTreeSet<u16>| BTreeMap::from([("open".to_owned(), open), ("closed".to_owned(), set(&CLOSED))]);
    ensure!(seen == expected(set(&OPEN)), "{seen:?}");
    let answering = hping3(&lab, "10.0.2.10")?;
    ensure!(answering == set(&OPEN), "{answering:?}");
    let mut seen = nmap(&lab, "web", "2001:db8:a:2::10", SCANNED, &["-6"])?;
    seen.remove("filtered");
    let open6 = set(&[&OPEN[..], &[5432]].concat());
    ensure!(seen == expected(open6), "over IPv6 {seen:?}");
    Ok(())
}
