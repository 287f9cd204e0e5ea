//! Hosts on which the same guests are joined in different ways: by Groundplane, by the kernel's own forwarding with and
//! without rules, by bare redirects. The guests, their devices and what lies outside are the same everywhere.

use crate::nftables::{Guest, UPLINK, device, guests, ruleset};
use crate::program::{load, loaded_mut, object};
use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, TcAttachType};
use groundplane::document::{self, Resolved};
use groundplane::install::guest::{self, Addressing};
use groundplane::install::link;
use groundplane::install::names::GUEST_DEVICE;
use groundplane::install::netlink::Netlink;
use groundplane_abi::Mac;
use groundplane_tests::netns::Lab;
use std::net::Ipv4Addr;
use std::path::Path;

/// What Groundplane's side runs, and what the kernel's rules are made of.
pub(crate) const DOCUMENT: &str = include_str!("../../../bench/shop.yaml");

pub(crate) const DB: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 10);
/// Of the load balancer's node, and of the endpoint.
pub(crate) const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 50);
pub(crate) const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 1, 1, 70);
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// Who a bare redirect joins with whom.
const JOINED: [(&str, &str); 2] = [("web", "db"), ("app", "outside")];

/// A host, whose guests live as long as it does.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) lab: Lab,
    /// Detaches the programs when it is dropped.
    _programs: Option<Ebpf>,
}

impl Side {
    /// Groundplane.
    pub(crate) fn ours(document: &str) -> Result<Self> {
        let lab = Lab::new()?;
        make_outside(&lab)?;
        lab.up(document)?;
        Ok(Self {
            name: "groundplane",
            lab,
            _programs: None,
        })
    }

    /// The kernel's forwarding, and nothing else.
    pub(crate) fn kernel() -> Result<Self> {
        let lab = Lab::new()?;
        let resolved = resolved(&lab, DOCUMENT)?;
        make_guests(&lab, &resolved)?;
        make_outside(&lab)?;
        for guest in guests(&resolved)? {
            let router = format!("{}/{}", router(&guest), guest.subnet.cidr_block.prefix_len());
            // Endpoints and load balancers' nodes have nobody but the host who answers for them.
            let enis = resolved.resources.network_interfaces.iter();
            let nodes = enis.filter(|eni| eni.subnet_id == guest.subnet.subnet_id && eni.interface_type.is_component());
            let nodes = nodes
                .flat_map(|eni| &eni.private_ip_addresses)
                .map(|node| format!("{node}/32"));
            for address in std::iter::once(router).chain(nodes) {
                lab.on_host(&["ip", "address", "add", &address, "dev", &guest.device])?
                    .success()?;
            }
        }
        lab.inside("host", || Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
        Ok(Self {
            name: "kernel forwarding",
            lab,
            _programs: None,
        })
    }

    /// A bridge. Guests of one subnet have need of nothing else.
    pub(crate) fn bridge(document: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let resolved = resolved(&lab, document)?;
        make_guests(&lab, &resolved)?;
        let make = ["ip", "link", "add", "bench", "mtu", "9001", "type", "bridge"];
        lab.on_host(&make)?.success()?;
        for guest in guests(&resolved)? {
            lab.on_host(&["ip", "link", "set", &guest.device, "master", "bench"])?
                .success()?;
        }
        lab.on_host(&["ip", "link", "set", "bench", "up"])?.success()?;
        Ok(Self {
            name: "Linux bridge",
            lab,
            _programs: None,
        })
    }

    /// Forwarding with rules that do what the document says.
    pub(crate) fn nftables() -> Result<Self> {
        let side = Self {
            name: "kernel + nftables",
            ..Self::kernel()?
        };
        let path = side.lab.dir().join("rules");
        std::fs::write(&path, ruleset(&resolved(&side.lab, DOCUMENT)?)?)?;
        side.lab.on_host(&["nft", "-f", &path.to_string_lossy()])?.success()?;
        // As whoever runs a gateway sets it: none of the bench's connections may be refused for want of room. The first
        // namespace's table is everybody's.
        side.lab.inside("host", || {
            Ok(std::fs::write(
                "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait",
                "10",
            )?)
        })?;
        Ok(side)
    }

    /// Redirects, with an MTU.
    pub(crate) fn bare(programs: &Path, mtu: u32) -> Result<Self> {
        let lab = Lab::new()?;
        let resolved = resolved(&lab, DOCUMENT)?;
        make_guests(&lab, &resolved)?;
        make_outside(&lab)?;
        for guest in guests(&resolved)? {
            let router = router(&guest).to_string();
            tell_neighbour(&lab, guest.name, &router, &Mac::ROUTER.to_string())?;
            let set_mtu = ["ip", "link", "set", GUEST_DEVICE, "mtu", &mtu.to_string()];
            lab.run(guest.name, &set_mtu)?.success()?;
        }
        // Towards a guest the kernel takes a frame for its own by the MAC of the device that it comes in by.
        tell_neighbour(&lab, "app", "10.0.3.1", OUTER_MACS[1])?;
        tell_neighbour(&lab, "outside", "192.0.2.1", OUTER_MACS[0])?;
        lab.run("outside", &["ip", "route", "add", "10.0.0.0/16", "via", "192.0.2.1"])?
            .success()?;
        let attached = lab.inside("host", || attach(programs))?;
        Ok(Self {
            name: "bare redirects",
            lab,
            _programs: Some(attached),
        })
    }
}

/// What a lab's document means.
fn resolved(lab: &Lab, document: &str) -> Result<Resolved> {
    let text = document.replace('$', &lab.namespace(""));
    document::parse("shop.yaml", text.as_bytes()).map_err(|problems| anyhow::anyhow!("{problems}"))
}

/// The first address behind the subnet's own.
fn router(guest: &Guest<'_>) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(guest.subnet.cidr_block.network()) + 1)
}

/// Makes guests as Groundplane makes them.
fn make_guests(lab: &Lab, resolved: &Resolved) -> Result<()> {
    for guest in guests(resolved)? {
        lab.make_guest(guest.name)?;
        let namespace = lab.namespace(guest.name);
        lab.inside("host", || {
            let netlink = Netlink::open()?;
            let mac = guest.eni.mac_address;
            link::create_veth(&netlink, &guest.device, "bench", &namespace, GUEST_DEVICE, mac)?;
            netlink.set_up(&guest.device)?;
            Ok(())
        })?;
        guest::configure(&namespace, GUEST_DEVICE, &Addressing::of(guest.eni, guest.subnet))?;
        guest::enable_loopback(&namespace)?;
    }
    Ok(())
}

/// Of the uplink, and of the device behind it.
const OUTER_MACS: [&str; 2] = ["02:bb:00:00:00:01", "02:bb:00:00:00:02"];

/// The outside, and the device that leads there.
fn make_outside(lab: &Lab) -> Result<()> {
    lab.make_behind(
        ("host", UPLINK),
        "outside",
        [&["192.0.2.1/24"], &[&format!("{OUTSIDE}/24")]],
    )?;
    for ((place, device), mac) in [("host", UPLINK), ("outside", GUEST_DEVICE)].iter().zip(OUTER_MACS) {
        lab.run(place, &["ip", "link", "set", device, "address", mac])?
            .success()?;
    }
    let route = ["ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1"];
    lab.run("outside", &route)?.success()?;
    Ok(())
}

/// Nobody answers for the routers where everything is redirected, so their MACs are told.
fn tell_neighbour(lab: &Lab, place: &str, address: &str, mac: &str) -> Result<()> {
    let command = format!("ip neigh replace {address} lladdr {mac} dev {GUEST_DEVICE} nud permanent");
    lab.run(place, &command.split(' ').collect::<Vec<_>>())?.success()?;
    Ok(())
}

/// As Groundplane sends: into a guest's namespace, and out of the uplink.
fn attach(programs: &Path) -> Result<Ebpf> {
    let mut ebpf = object(programs, "peer")?;
    let netlink = Netlink::open()?;
    let mut peers: Array<_, u32> = ebpf.map_mut("PEERS").context("no map PEERS")?.try_into()?;
    let devices = JOINED.map(|(guest, other)| match other {
        "outside" => (device(guest), UPLINK.to_owned()),
        other => (device(guest), device(other)),
    });
    for (one, other) in &devices {
        let (one, other) = (netlink.get(one)?.index, netlink.get(other)?.index);
        peers.set(one, other, 0)?;
        peers.set(other, one, 0)?;
    }
    load(&mut ebpf, "redirect")?;
    load(&mut ebpf, "redirect_to_peer")?;
    for (one, other) in &devices {
        let program = if other == UPLINK {
            "redirect"
        } else {
            "redirect_to_peer"
        };
        for (device, program) in [(one, program), (other, "redirect_to_peer")] {
            let order = TcAttachOptions::TcxOrder(LinkOrder::first());
            loaded_mut(&mut ebpf, program)?.attach_with_options(device, TcAttachType::Ingress, order)?;
        }
    }
    Ok(ebpf)
}
