//! The way out of the host: what is made for it on the host, beside whom, and that nothing of it is left.

mod change;
mod cutter;
mod device;
mod filter;
mod kill;
mod link;
mod own;
mod several;
mod xdp;

use anyhow::{Context, Result, ensure};
use aya::programs::{SchedClassifier, TcAttachType};
use groundplane::install::names;
use groundplane::install::netlink::Netlink;
use groundplane_tests::netns::Lab;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A VPC with a guest that has a public address, and one that nobody has, behind an uplink that each test writes.
const VPC: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      front: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }
    instances:
      web:
        subnet: front
        PrivateIpAddress: 10.0.1.10
        namespace: $web
        associations: [{ PrivateIpAddress: 10.0.1.10, PublicIp: 203.0.113.10 }]
internet_gateways:
  door: { Attachments: [{ VpcId: red, State: available }] }
addresses:
  spare: { PublicIp: 203.0.113.11, Domain: vpc }
";

const HOST: &str = "uplinks: { out: { kind: host } }\n";

fn with(uplink: &str) -> String {
    format!("{VPC}{uplink}")
}

/// Puts a document in force by `apply`.
fn apply(lab: &Lab, text: &str) -> Result<()> {
    let path = lab.document(text)?;
    lab.groundplane(&["apply", &path.to_string_lossy()])?
        .success()
        .map(drop)
}

/// What there is on the lab's host that an uplink could have changed, by what it is.
fn inventory(lab: &Lab) -> Result<BTreeMap<&'static str, String>> {
    let commands: [(&str, &[&str]); 6] = [
        ("addresses", &["ip", "-o", "address"]),
        ("routes", &["ip", "route"]),
        ("IPv6 routes", &["ip", "-6", "route"]),
        ("neighbours", &["ip", "neighbour", "show", "nud", "permanent"]),
        ("nftables", &["nft", "list", "ruleset"]),
        ("settings", &["sh", "-c", SETTINGS]),
    ];
    let said = |(what, command): (&'static str, &[&str])| {
        let output = lab.on_host(command)?.success()?.stdout;
        Ok((what, without_counters(&output)))
    };
    let mut all: BTreeMap<_, _> = commands.into_iter().map(said).collect::<Result<_>>()?;
    all.insert("devices and programs", lab.inside("host", programs)?);
    let cutter = Path::new("/run/netns").join(names::cutter(&lab.state_dir()));
    all.insert("cutter", cutter.exists().to_string());
    Ok(all)
}

/// The devices of a host with the programs for packets that come in by them.
fn programs() -> Result<String> {
    let mut text = String::new();
    for link in Netlink::open()?.links()?.into_values() {
        let (_, programs) = SchedClassifier::query_tcx(&link.name, TcAttachType::Ingress)?;
        let programs: Vec<_> = programs
            .iter()
            .map(|program| program.name_as_str().unwrap_or_default())
            .collect();
        let xdp = (link.native_xdp.is_some(), link.generic_xdp.is_some());
        text += &format!("{} {} {:?} {programs:?} {xdp:?}\n", link.index, link.name, link.alias);
    }
    Ok(text)
}

/// Rules of a packet filter without what they have counted.
fn without_counters(text: &str) -> String {
    let mut before = "";
    let words = text.split_inclusive(' ').map(|word| {
        let is_count = matches!(std::mem::replace(&mut before, word), "packets " | "bytes ");
        if is_count { "N " } else { word }
    });
    words.collect()
}

/// All settings of the host, but for those of devices that come and go, of which the cutter's is one.
const SETTINGS: &str = "cd /proc/sys/net && grep -H . ipv4/ip_forward ipv4/conf/*/forwarding ipv4/conf/*/rp_filter \
                        ipv6/conf/*/forwarding ipv6/conf/*/accept_ra | grep -v /gpx";

/// Checks that the host is as it was.
fn is_as_it_was(lab: &Lab, before: &BTreeMap<&'static str, String>) -> Result<()> {
    for (what, now) in inventory(lab)? {
        let before = before.get(what).context("the same is looked at")?;
        ensure!(now == *before, "{what} before:\n{before}\nand after:\n{now}");
    }
    Ok(())
}

/// What `status` says of the uplink.
fn uplink(lab: &Lab) -> Result<Value> {
    let status = lab.status()?;
    let uplinks = status["uplinks"].as_array().context("status lists uplinks")?;
    uplinks.first().cloned().context("there is an uplink")
}

/// The names of both ends of a link to the host.
fn ends(lab: &Lab) -> Result<(String, String)> {
    let uplink = uplink(lab)?;
    let name = |field: &str| uplink[field].as_str().map(str::to_owned).context("a link has two ends");
    Ok((name("device")?, name("host_device")?))
}

/// The blocks that the host leads to the uplink.
fn routes(lab: &Lab) -> Result<Vec<String>> {
    let (_, end) = ends(lab)?;
    let mut blocks = Vec::new();
    for family in ["-4", "-6"] {
        let routes = lab
            .on_host(&["ip", family, "-j", "route", "show", "dev", &end])?
            .success()?
            .json()?;
        let routes = routes.as_array().context("a list of routes")?.iter();
        let by_gateway = routes.filter(|route| route["gateway"].is_string());
        blocks.extend(by_gateway.filter_map(|route| route["dst"].as_str().map(str::to_owned)));
    }
    Ok(blocks)
}

/// Makes a network behind the lab's host: `wan0` with 192.0.2.1 leads to a namespace `outside` with 192.0.2.7, which
/// knows nothing of anybody else.
pub(crate) fn outside(lab: &Lab) -> Result<()> {
    lab.make_behind(("host", "wan0"), "outside", [&["192.0.2.1/24"], &["192.0.2.7/24"]])
}
