//! End to end, with real sockets and tools between namespaces. Needs root, BPF, and the binary that `cargo xtask build`
//! makes; fails, loudly, where it can't run.

mod agent;
mod appliances;
mod balancer;
mod boot;
mod connections;
mod flip;
mod gateways;
mod history;
mod host_side;
mod isolation;
mod kill;
mod large;
mod lifecycle;
mod monitor;
mod mtu;
mod nat64;
mod reach;
mod recovery;
mod scan;
mod scenarios;
mod tap;
mod update;
mod upgrade;
mod uplink;
mod verbs;
mod vpc_links;

use anyhow::{Context, Result, ensure};
use groundplane::install::{Engine, EngineOptions, LoadOptions, Quiet};
use groundplane::object::object;
use groundplane_tests::netns::{Lab, eventually};
use serde_json::Value;

/// Two VPCs with the same CIDR and the same addresses.
const TWO_VPCS: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      web2: { subnet: front, PrivateIpAddress: 10.0.1.11, namespace: $web2 }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, namespace: $db }
  blue:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
    instances:
      blue-web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $blue-web }
      blue-only: { subnet: front, PrivateIpAddress: 10.0.1.20, namespace: $blue-only }
";

/// A lab in which the two VPCs are up.
fn two_vpcs() -> Result<Lab> {
    let lab = Lab::new()?;
    lab.up(TWO_VPCS)?;
    Ok(lab)
}

/// Takes the lab's host over, as an agent does. To be called inside of it.
fn engine(lab: &Lab) -> Result<Engine> {
    let options = EngineOptions {
        state_dir: lab.state_dir(),
        pins: Some(lab.pin_dir()),
        load: LoadOptions {
            object: object()?,
            ..LoadOptions::default()
        },
    };
    let (engine, adopted) = Engine::open(options, &Quiet)?;
    eprintln!("{adopted:?}");
    Ok(engine)
}

fn ping(lab: &Lab, from: &str, address: &str) -> Result<()> {
    lab.run(from, &["ping", "-c", "2", "-i", "0.2", "-W", "2", address])?
        .success()?;
    Ok(())
}

fn no_ping(lab: &Lab, from: &str, address: &str) -> Result<()> {
    lab.run(from, &["ping", "-c", "1", "-W", "1", address])?.failure()?;
    Ok(())
}

/// Waits until somebody listens on a TCP port of a guest.
fn listens(lab: &Lab, guest: &str, port: u16) -> Result<()> {
    let filter = format!("sport = :{port}");
    eventually(|| Ok(!lab.run(guest, &["ss", "-Hltn", &filter])?.success()?.stdout.is_empty()))
        .with_context(|| format!("nobody listens on port {port} of {guest}"))
}

/// What `status` says of an instance.
fn eni<'a>(status: &'a Value, name: &str) -> Result<&'a Value> {
    let mut enis = status["enis"].as_array().context("status lists ENIs")?.iter();
    enis.find(|eni| eni["name"] == name)
        .with_context(|| format!("status knows no {name}"))
}

/// The same, asked now.
fn status_of(lab: &Lab, name: &str) -> Result<Value> {
    eni(&lab.status()?, name).cloned()
}

/// How many packets of an ENI were dropped for a reason.
fn drops(lab: &Lab, eni: &str, reason: &str) -> Result<u64> {
    let status = lab.status()?;
    let drops = self::eni(&status, eni)?["drops"]
        .as_array()
        .context("an ENI lists its drops")?;
    let of_reason = drops.iter().filter(|it| it["reason"] == reason);
    Ok(of_reason.filter_map(|it| it["packets"].as_u64()).sum())
}

fn is_dropped(lab: &Lab, eni: &str, reason: &str) -> Result<()> {
    ensure!(
        drops(lab, eni, reason)? > 0,
        "no {reason} at {eni}: {:#}",
        lab.status()?
    );
    Ok(())
}

/// The host side of an ENI.
fn device(status: &Value, eni: &str) -> Result<String> {
    Ok(self::eni(status, eni)?["device"]
        .as_str()
        .context("an ENI has a device")?
        .to_owned())
}

/// Bits per second of one TCP stream. That iperf3 ends well says nothing: with `-J` it does when nobody listens, too.
fn stream(lab: &Lab, from: &str, to: &str, address: &str) -> Result<f64> {
    let _server = lab.start(to, &["iperf3", "-s", "-1"])?;
    listens(lab, to, 5201)?;
    let report = lab
        .run(from, &["iperf3", "-c", address, "-t", "1", "-J"])?
        .success()?
        .json()?;
    report["end"]["sum_received"]["bits_per_second"]
        .as_f64()
        .context("iperf3 reports a rate")
}

/// The same of the best of a few: a machine that stands still slows one of them.
fn best_stream(lab: &Lab, from: &str, to: &str, address: &str) -> Result<f64> {
    let mut best: f64 = 0.0;
    for _ in 0..5 {
        best = best.max(stream(lab, from, to, address)?);
        if best > 1e9 {
            break;
        }
    }
    Ok(best)
}

/// TCP segments a guest received whose checksum was wrong.
fn checksum_errors(lab: &Lab, guest: &str) -> Result<u64> {
    let text = lab.run(guest, &["cat", "/proc/net/snmp"])?.success()?.stdout;
    let mut tcp = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (tcp.next().context("names")?, tcp.next().context("values")?);
    let at = names
        .split(' ')
        .position(|name| name == "InCsumErrors")
        .context("no InCsumErrors")?;
    Ok(values.split(' ').nth(at).context("no value")?.parse()?)
}
