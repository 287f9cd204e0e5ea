//! A tap guest, played by the test: delivery there is another path than to a veth.

use super::is_dropped;
use anyhow::{Context, Result, ensure};
use groundplane::install::tap;
use groundplane_tests::netns::Lab;
use groundplane_tests::packet::{BROADCAST, Packet, Parsed, ROUTER, ethertype, flag};
use nix::poll::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const WITH_A_TAP: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      vm: { subnet: front, PrivateIpAddress: 10.0.1.50, tap: vm0 }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
";
const WEB: [u8; 4] = [10, 0, 1, 10];
const VM: [u8; 4] = [10, 0, 1, 50];
const DB: [u8; 4] = [10, 0, 2, 10];

/// The virtual machine's side of the tap.
struct Machine {
    tap: File,
    mac: [u8; 6],
}

impl Machine {
    fn start(lab: &Lab) -> Result<Self> {
        lab.up(WITH_A_TAP)?;
        let tap = lab.inside("host", || Ok(tap::open("vm0")?))?;
        let mut machine = Self { tap, mac: [0; 6] };
        // Who asks for the machine's address is told its MAC by the platform.
        lab.run("web", &["ping", "-c", "1", "-W", "1", "10.0.1.50"])?
            .failure()?;
        let neighbours = lab
            .run("web", &["ip", "-j", "neighbour", "show", "10.0.1.50"])?
            .success()?
            .json()?;
        let mac = neighbours[0]["lladdr"]
            .as_str()
            .context("web learned the machine's MAC")?;
        for (place, text) in machine.mac.iter_mut().zip(mac.split(':')) {
            *place = u8::from_str_radix(text, 16)?;
        }
        Ok(machine)
    }

    fn send(&mut self, packet: &Packet) -> Result<()> {
        self.tap.write_all(&packet.build()).context("the tap takes a frame")
    }

    /// The first frame that is meant, within two seconds.
    fn receive(&mut self, is_meant: impl Fn(&Parsed) -> bool) -> Result<Parsed> {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let mut ready = [PollFd::new(self.tap.as_fd(), PollFlags::POLLIN)];
            if poll(&mut ready, 100_u16)? == 0 {
                continue;
            }
            let mut frame = vec![0; 65_536];
            let len = self.tap.read(&mut frame)?;
            let read = Parsed::read(&frame[..len]);
            if let Ok(parsed) = read
                && is_meant(&parsed)
            {
                return Ok(parsed);
            }
        }
        anyhow::bail!("no such frame came to the machine")
    }

    fn ask(&mut self, address: [u8; 4]) -> Result<[u8; 6]> {
        self.send(&Packet::arp_request(self.mac, VM, address))?;
        let answer = self.receive(|frame| frame.arp.is_some() && frame.src == address)?;
        Ok(answer.source_mac)
    }
}

#[test]
fn machine_asks_and_is_answered() -> Result<()> {
    let lab = Lab::new()?;
    let mut machine = Machine::start(&lab)?;
    ensure!(machine.ask([10, 0, 1, 1])? == ROUTER);
    let web = machine.ask(WEB)?;
    let ping = |mac, ip| {
        Packet::ping(5)
            .from(machine.mac, VM, 0)
            .to(mac, ip, 0)
            .payload(b"by hand")
    };
    let (near, far) = (ping(web, WEB), ping(ROUTER, DB));
    machine.send(&near)?;
    let pong = machine.receive(|frame| frame.protocol == 1 && frame.src == WEB)?;
    ensure!(
        (pong.ports, &*pong.payload, pong.source_mac) == ((0, 5), &b"by hand"[..], web),
        "{pong:?}"
    );
    machine.send(&far)?;
    let pong = machine.receive(|frame| frame.protocol == 1 && frame.src == DB)?;
    ensure!(
        (pong.ports, pong.source_mac, pong.ttl) == ((0, 5), ROUTER, 64),
        "{pong:?}"
    );
    Ok(())
}

#[test]
fn machine_is_asked_and_answers() -> Result<()> {
    let lab = Lab::new()?;
    let mut machine = Machine::start(&lab)?;
    for guest in ["web", "db"] {
        let ping = lab.start(guest, &["ping", "-c", "1", "-W", "5", "10.0.1.50"])?;
        let asked = machine.receive(|frame| frame.protocol == 1 && frame.ports.0 == 0x0800)?;
        ensure!(asked.destination_mac == machine.mac && asked.dst == VM, "{asked:?}");
        let pong = Packet::pong(asked.ports.1)
            .from(machine.mac, VM, 0)
            .to(asked.source_mac, asked.src, 0);
        machine.send(&pong.payload(&asked.payload))?;
        ping.wait()?;
    }
    Ok(())
}

#[test]
fn tcp_from_a_veth_reaches_the_machine_with_a_clean_checksum() -> Result<()> {
    let lab = Lab::new()?;
    let mut machine = Machine::start(&lab)?;
    let _curl = lab.start("db", &["curl", "-s", "--max-time", "5", "http://10.0.1.50:8080/"])?;
    // `Parsed` refuses a wrong checksum.
    let syn = machine.receive(|frame| frame.protocol == 6 && frame.ports.1 == 8080)?;
    ensure!(syn.tcp_flags & flag::SYN != 0 && syn.src == DB, "{syn:?}");
    Ok(())
}

#[test]
fn what_a_machine_must_not_send_is_dropped_and_counted() -> Result<()> {
    let lab = Lab::new()?;
    let mut machine = Machine::start(&lab)?;
    let mac = machine.mac;
    let good = || Packet::udp().from(mac, VM, 1).to(ROUTER, DB, 9).payload(b"x");
    let cases = [
        (good().vlan(ethertype::VLAN, 7), "VlanTagged"),
        (good().from_mac([2, 9, 9, 9, 9, 9]), "SourceMac"),
        (good().ip_from(WEB, 1), "SourceCheck"),
        (good().to_mac(BROADCAST), "Multicast"),
        (good().to_mac([2, 9, 9, 9, 9, 9]), "UnknownMac"),
        (good().options(&[131, 7, 4, 10, 0, 0, 1]), "SourceRouted"),
        (good().fragment(1, 8191, false), "BadFragment"),
        (
            good().damaged(groundplane_tests::packet::Damage::IpTotalLength(1500)),
            "BadIpHeader",
        ),
        (
            good().damaged(groundplane_tests::packet::Damage::UdpLength(3)),
            "BadTransportHeader",
        ),
        (
            Packet::ethertype(ethertype::LLDP, &[0; 46])
                .from_mac(mac)
                .to_mac(ROUTER),
            "NotIp",
        ),
        (Packet::ipv6([1; 16], [2; 16]).from_mac(mac), "NoIpv6"),
        (Packet::arp_request(mac, WEB, DB), "ArpSpoofed"),
        (Packet::arp_probe(mac, VM), "ArpUnanswered"),
        (
            Packet::udp().from(mac, VM, 1).to(ROUTER, [169, 254, 169, 254], 80),
            "LinkLocalService",
        ),
    ];
    for (packet, reason) in cases {
        let before = super::drops(&lab, "vm", reason)?;
        machine.send(&packet)?;
        ensure!(
            super::drops(&lab, "vm", reason)? == before + 1,
            "{reason}: {:#}",
            lab.status()?
        );
        is_dropped(&lab, "vm", reason)?;
    }
    Ok(())
}

#[test]
fn host_does_not_reach_the_machine() -> Result<()> {
    let lab = Lab::new()?;
    let mut machine = Machine::start(&lab)?;
    lab.on_host(&["ip", "address", "add", "10.0.1.99/24", "dev", "vm0"])?
        .success()?;
    super::no_ping(&lab, "host", "10.0.1.50")?;
    ensure!(
        machine.receive(|frame| frame.src == [10, 0, 1, 99]).is_err(),
        "the host's packet came to the machine"
    );
    is_dropped(&lab, "vm", "HostPacket")
}
