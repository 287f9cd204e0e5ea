//! A large configuration, of a file for each VPC, over devices that are there already.

use groundplane::document::Source;
use std::fmt::Write as _;

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub vpcs: usize,
    /// In each VPC, likewise below.
    pub enis: usize,
    pub route_tables: usize,
    pub groups: usize,
    /// In each table.
    pub routes: usize,
}

impl Size {
    /// 1000 ENIs in 50 VPCs, 200 tables with 100,000 routes in all, 500 groups.
    pub const LARGE: Self = Self {
        vpcs: 50,
        enis: 20,
        route_tables: 4,
        groups: 10,
        routes: 500,
    };

    #[must_use]
    pub const fn all_enis(&self) -> usize {
        self.vpcs * self.enis
    }
}

/// The host side of an ENI, by its number in the whole configuration.
#[must_use]
pub fn device(number: usize) -> String {
    format!("large{number}")
}

/// The files. In the first group of the first VPC `port` is open.
#[must_use]
pub fn sources(size: Size, port: u16) -> Vec<Source> {
    let vpcs = 0..size.vpcs;
    vpcs.map(|vpc| Source::new(format!("vpc-{vpc:03}.yaml"), text(size, vpc, port).into_bytes()))
        .collect()
}

/// The file of one VPC. Writing to a string can't fail.
#[must_use]
pub fn text(size: Size, vpc: usize, port: u16) -> String {
    let mut text = format!("vpcs:\n  vpc-{vpc:03}:\n    CidrBlock: 10.0.0.0/16\n    subnets:\n");
    for table in 0..size.route_tables {
        let _ = writeln!(text, "      s{table}: {{ CidrBlock: 10.0.{table}.0/24 }}");
    }
    text += "    security_groups:\n";
    for group in 0..size.groups {
        let port = if (vpc, group) == (0, 0) {
            usize::from(port)
        } else {
            1000 + group
        };
        let _ = writeln!(text, "      g{group}:\n        ingress:");
        let _ = writeln!(
            text,
            "        - {{ IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIpv4: 0.0.0.0/0 }}"
        );
        let _ = writeln!(
            text,
            "        - {{ IpProtocol: udp, FromPort: 53, ToPort: 53, group: g{} }}",
            (group + 1) % size.groups
        );
    }
    text += "    instances:\n";
    for eni in 0..size.enis {
        let (subnet, groups) = (eni % size.route_tables, eni % size.groups);
        let number = vpc * size.enis + eni;
        let _ = writeln!(
            text,
            "      i{eni:03}: {{ subnet: s{subnet}, PrivateIpAddress: 10.0.{subnet}.{}, groups: [g{groups}], SourceDestCheck: false, device: {} }}",
            10 + eni,
            device(number),
        );
    }
    text += "    route_tables:\n";
    for table in 0..size.route_tables {
        let _ = writeln!(text, "      t{table}:\n        subnets: [s{table}]\n        routes:");
        for route in 0..size.routes {
            let (high, low) = (route / 256, route % 256);
            // In the next table's subnet: what it passes on must not come back to it.
            let turn = route % (size.enis / size.route_tables);
            let eni = turn * size.route_tables + (table + 1) % size.route_tables;
            let _ = writeln!(
                text,
                "        - {{ DestinationCidrBlock: 172.{}.{low}.0/24, instance: i{eni:03} }}",
                16 + high
            );
        }
    }
    text
}
