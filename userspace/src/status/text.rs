//! The status as people read it.

use crate::document::Xdp;
use crate::rule;
use crate::status::{Condition, EniStatus, MappingStatus, Status, UplinkStatus};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use std::fmt;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::NothingUp => return f.write_str("Nothing is up."),
            Condition::EndedByReboot => {
                return f
                    .write_str("Nothing is up: what was ended with the last boot. `groundplane up FILE` starts anew.");
            }
            Condition::NotLoaded => {
                return f.write_str(
                    "The programs are gone although nobody took them down. `groundplane down` removes the rest.",
                );
            }
            Condition::Unfinished => writeln!(
                f,
                "An `up` is under way, or was killed; another one finishes it, and `groundplane down` removes all."
            )?,
            Condition::Up => writeln!(f, "Up, configuration {}.", self.generation)?,
        }
        if !self.enis.is_empty() {
            write!(
                f,
                "\n{}\n\n{}\n\n{}",
                eni_table(&self.enis).trim_fmt(),
                rule_table(&self.enis).trim_fmt(),
                drop_table(self)
            )?;
        }
        if !self.mappings.is_empty() {
            write!(f, "\n\n{}", mapping_table(&self.mappings).trim_fmt())?;
        }
        if !self.uplinks.is_empty() {
            write!(f, "\n\n{}", uplink_table(&self.uplinks).trim_fmt())?;
        }
        Ok(())
    }
}

fn mapping_table(mappings: &[MappingStatus]) -> Table {
    const NUMBERS: std::ops::Range<usize> = 4..6;
    let mut table = plain_table();
    table.set_header(["GATEWAY", "ADDRESS", "PROTOCOL", "DESTINATION", "MAPPINGS", "OF"]);
    for mapping in mappings {
        table.add_row([
            mapping.gateway.clone(),
            mapping.address.to_string(),
            mapping.protocol.clone(),
            mapping.whom(),
            mapping.mappings.to_string(),
            mapping.most.to_string(),
        ]);
    }
    align_right(&mut table, NUMBERS);
    table
}

fn uplink_table(uplinks: &[UplinkStatus]) -> Table {
    let mut table = plain_table();
    table.set_header(["UPLINK", "BY", "DEVICE", "XDP", "WORKS", "LEADS TO", "ADDRESSES"]);
    for uplink in uplinks {
        let owned: Vec<_> = uplink.owned.iter().map(ToString::to_string).collect();
        table.add_row([
            uplink.name.clone(),
            uplink.by(),
            uplink.device.clone(),
            uplink.xdp.word().to_owned(),
            uplink.words().to_owned(),
            uplink.leads_to(uplinks.len() == 1),
            owned.join(" "),
        ]);
    }
    table
}

fn eni_table(enis: &[EniStatus]) -> Table {
    const NUMBERS: std::ops::Range<usize> = 7..10;
    let header = "INSTANCE VPC SUBNET ADDRESS GUEST DEVICE ENFORCED PACKETS BYTES CONNECTIONS";
    let mut table = plain_table();
    table.set_header(header.split(' '));
    for eni in enis {
        let guest = eni
            .namespace
            .as_ref()
            .map_or_else(|| "tap".to_owned(), |name| format!("namespace {name}"));
        table.add_row([
            eni.name.clone(),
            eni.vpc.clone(),
            eni.subnet.clone(),
            eni.address.to_string(),
            guest,
            eni.device.clone(),
            eni.enforcement.words().to_owned(),
            eni.sent_packets.to_string(),
            eni.sent_bytes.to_string(),
            eni.live_connections.to_string(),
        ]);
    }
    align_right(&mut table, NUMBERS);
    table
}

/// What rules an ENI is under, and what it may keep track of.
fn rule_table(enis: &[EniStatus]) -> Table {
    const NUMBERS: std::ops::Range<usize> = 3..6;
    let mut table = plain_table();
    table.set_header(["INSTANCE", "GROUPS", "NETWORK ACL", "TRACKED", "AVAILABLE", "EXCEEDED"]);
    for eni in enis {
        table.add_row([
            format!("{}/{}", eni.vpc, eni.name),
            rule::names(&eni.groups),
            eni.network_acl.name.clone(),
            eni.tracked_connections.to_string(),
            eni.conntrack_allowance_available.to_string(),
            eni.conntrack_allowance_exceeded.to_string(),
        ]);
    }
    align_right(&mut table, NUMBERS);
    table
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn drop_table(status: &Status) -> String {
    let mut table = plain_table();
    table.set_header(["DROPPED AT", "REASON", "RULE", "PACKETS", "BECAUSE"]);
    let of_enis = status.enis.iter();
    let of_enis = of_enis.map(|eni| (format!("{}/{}", eni.vpc, eni.name), &eni.drops));
    let of_gateways = status.gateways.iter();
    let of_gateways = of_gateways.map(|gateway| (gateway.name.clone(), &gateway.drops));
    let of_filters = std::iter::once((filters(&status.uplinks), &status.filtered));
    for (name, drops) in of_enis.chain(of_gateways).chain(of_filters) {
        for drop in drops {
            table.add_row([
                name.clone(),
                drop.reason.clone(),
                drop.rule.as_ref().map_or_else(String::new, ToString::to_string),
                drop.packets.to_string(),
                drop.meaning.to_owned(),
            ]);
        }
    }
    if table.is_empty() {
        "Nothing was dropped.".to_owned()
    } else {
        table.trim_fmt()
    }
}

/// What people call the filters, which count together.
fn filters(uplinks: &[UplinkStatus]) -> String {
    let filtered = uplinks.iter().filter(|uplink| uplink.xdp != Xdp::Off);
    let devices: Vec<_> = filtered.map(|uplink| &*uplink.device).collect();
    if devices.is_empty() {
        "filter".to_owned()
    } else {
        format!("filter of {}", devices.join(", "))
    }
}

/// Columns and nothing else, so that the usual tools can cut them.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::kernel::DropCause;
    use crate::install::state::Place;
    use crate::install::state::tests::guest;
    use crate::install::uplink;
    use crate::status::{DropStatus, Enforcement, UplinkKind};
    use groundplane_abi::DropReason;
    use groundplane_abi::eni::Counter;
    use std::net::Ipv4Addr;

    fn dropped(reason: DropReason, rule: u16, packets: u64) -> DropStatus {
        let guest = guest("web", Place::Tap);
        DropStatus::new(Some(&guest), DropCause { reason, rule }, Counter { packets, bytes: 60 })
    }

    fn eni(name: &str, drops: Vec<DropStatus>) -> EniStatus {
        let guest = guest(name, Place::Tap);
        EniStatus {
            name: name.to_owned(),
            network_interface_id: format!("eni-{name}"),
            vpc: "blue".to_owned(),
            subnet: "front".to_owned(),
            address: Ipv4Addr::new(10, 0, 1, 10),
            addresses: vec![Ipv4Addr::new(10, 0, 1, 10).into()],
            mac_address: "02:00:00:00:01:10".to_owned(),
            network_acl: guest.network_acl,
            groups: guest.groups,
            device: "gp000000000001".to_owned(),
            namespace: Some(name.to_owned()),
            enforcement: Enforcement::Enforced,
            sent_packets: 12,
            sent_bytes: 3456,
            live_connections: 1,
            opened_connections: 2,
            tracked_connections: 3,
            conntrack_allowance_available: 32_765,
            conntrack_allowance_exceeded: 0,
            drops,
        }
    }

    fn host() -> UplinkStatus {
        UplinkStatus {
            name: "out".to_owned(),
            kind: UplinkKind::Host,
            device: "gpu00000000001".to_owned(),
            host_device: Some("gph00000000001".to_owned()),
            address: Some(Ipv4Addr::new(198, 18, 0, 1)),
            condition: uplink::Condition::Up,
            xdp: Xdp::Off,
            destinations: Vec::new(),
            owned: ["203.0.113.10/32", "2001:db8:a::/56"]
                .map(|block| block.parse().unwrap())
                .to_vec(),
        }
    }

    fn behind(device: &str) -> UplinkStatus {
        UplinkStatus {
            name: device.to_owned(),
            kind: UplinkKind::Device,
            device: device.to_owned(),
            host_device: None,
            address: None,
            xdp: Xdp::Native,
            destinations: (1..=5).map(|n| format!("10.{n}.0.0/16").parse().unwrap()).collect(),
            owned: vec!["203.0.113.10/32".parse().unwrap()],
            ..host()
        }
    }

    fn up(drops: Vec<DropStatus>) -> Status {
        Status {
            condition: Condition::Up,
            generation: 4,
            enis: vec![eni("web", drops)],
            uplinks: vec![host(), behind("wan1")],
            filtered: vec![dropped(DropReason::PRIVATE_SOURCE, 0, 9)],
            gateways: Vec::new(),
            mappings: vec![MappingStatus {
                gateway: "NAT gateway 10.0.1.4".to_owned(),
                address: Ipv4Addr::new(10, 0, 1, 5),
                protocol: "tcp".to_owned(),
                destination: Ipv4Addr::new(192, 0, 2, 7),
                destination_port: Some(443),
                mappings: 3,
                most: 55_000,
            }],
        }
    }

    /// The lines of the tables, with one space between columns.
    fn lines(status: &Status) -> Vec<String> {
        let text = status.to_string();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn people_read_who_is_enforced_and_why_packets_died() {
        let lines = lines(&up(vec![
            dropped(DropReason::NO_ROUTE, 0, 3),
            dropped(DropReason::NACL_INGRESS, 100, 2),
        ]));
        assert_eq!(lines[0], "Up, configuration 4.");
        assert_eq!(
            lines[2],
            "web blue front 10.0.1.10 namespace web gp000000000001 yes 12 3456 1"
        );
        assert_eq!(lines[4], "blue/web web web 3 32765 0");
        for (line, start) in [
            (&lines[6], "blue/web NoRoute 3 the subnet's route table has no route"),
            (
                &lines[7],
                "blue/web NaclIngress ACL web entry 100 2 the NACL of the subnet it enters",
            ),
            (&lines[8], "filter of wan1 PrivateSource 9"),
        ] {
            assert!(line.starts_with(start), "{line}");
        }
    }

    #[test]
    fn people_read_what_leaves_by_which_uplink() {
        let lines = lines(&up(Vec::new()));
        assert_eq!(lines[8], "NAT gateway 10.0.1.4 10.0.1.5 tcp 192.0.2.7:443 3 55000");
        assert_eq!(
            lines[10..],
            [
                "out the host at 198.18.0.1 gpu00000000001 off yes all else 203.0.113.10/32 2001:db8:a::/56",
                "wan1 a device wan1 native yes 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16 and 1 more 203.0.113.10/32",
            ]
        );
        assert_eq!(host().leads_to(true), "everywhere");
    }

    #[test]
    fn an_unknown_reason_still_has_its_number() {
        let drop = dropped(DropReason(u16::MAX), 0, 1);
        assert_eq!(
            (drop.reason.as_str(), drop.number, drop.meaning),
            ("Reason65535", u16::MAX, "")
        );
    }

    #[test]
    fn nothing_up_is_one_sentence() {
        let status = Status {
            gateways: Vec::new(),
            mappings: Vec::new(),
            condition: Condition::NothingUp,
            generation: 0,
            enis: Vec::new(),
            uplinks: Vec::new(),
            filtered: Vec::new(),
        };
        assert_eq!(status.to_string(), "Nothing is up.");
    }
}
