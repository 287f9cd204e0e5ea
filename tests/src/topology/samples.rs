//! Topologies that many tests begin with.

use super::Topology;

/// The outside host `x` of T0, and its IPv6 address.
pub const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:ffff::7"];

/// The service list of T0, which is named like the service, and an address of it. `x` has that as well.
pub const S3: &str = "com.amazonaws.us-east-1.s3";
pub const S3_ADDRESS: &str = "192.0.2.20";

const T0_ZONES: [(&str, &str); 8] = [
    ("P1", "az1"),
    ("P3", "az2"),
    ("B1", "az1"),
    ("C1", "az1"),
    ("A1", "az1"),
    ("A2", "az1"),
    ("A3", "az2"),
    ("APUB", "az1"),
];

impl Topology {
    /// One VPC with a middlebox: `web` and `db` in a subnet each, `web2` beside `web`, `box` in a third subnet and able
    /// to forward (its check is off). All groups and NACLs are open, all routes local. Everybody has an address of
    /// either family.
    #[must_use]
    pub fn three_subnets() -> Self {
        let mut topology = Self::new();
        topology.vpc("red", "10.0.0.0/16").block("2001:db8:1::/56");
        topology
            .subnet("front", "10.0.1.0/24")
            .subnet6("2001:db8:1:1::/64")
            .eni6("web", "10.0.1.10", "2001:db8:1:1::10")
            .eni6("web2", "10.0.1.11", "2001:db8:1:1::11");
        topology
            .subnet("back", "10.0.2.0/24")
            .subnet6("2001:db8:1:2::/64")
            .eni6("db", "10.0.2.10", "2001:db8:1:2::10");
        topology
            .subnet("middle", "10.0.3.0/24")
            .subnet6("2001:db8:1:3::/64")
            .eni6("box", "10.0.3.10", "2001:db8:1:3::10")
            .source_dest_check("box", false);
        topology
    }

    /// The base topology T0 of semantics 32.0, as far as it consists of what there is: nothing on-premises.
    /// A1, A2, A3 and APUB have a table each, which is the same as the shared ones as long as all say the same.
    ///
    /// VPC-A comes last: what a test adds is in VPC-A.
    #[must_use]
    pub fn t0() -> Self {
        let mut topology = Self::new();
        topology.vpc("VPC-P", "10.0.0.0/16");
        topology.subnet("P1", "10.0.1.0/24").eni("t1", "10.0.1.60");
        topology.subnet("P3", "10.0.3.0/24").eni("t3", "10.0.3.60");
        topology.vpc("VPC-B", "10.1.0.0/16");
        topology.subnet("B1", "10.1.1.0/24").eni("b1", "10.1.1.10");
        topology.vpc("VPC-C", "10.2.0.0/16");
        topology.subnet("C1", "10.2.1.0/24").eni("c1", "10.2.1.10");
        topology.vpc("VPC-A", "10.0.0.0/16").block("2001:db8:a::/56");
        topology.internet_gateway("igw-A");
        topology
            .subnet("A1", "10.0.1.0/24")
            .subnet6("2001:db8:a:1::/64")
            .eni6("a1", "10.0.1.10", "2001:db8:a:1::10")
            .eni6("a1x", "10.0.1.11", "2001:db8:a:1::11");
        topology
            .subnet("A2", "10.0.2.0/24")
            .subnet6("2001:db8:a:2::/64")
            .eni6("a2", "10.0.2.10", "2001:db8:a:2::10");
        topology
            .subnet("A3", "10.0.3.0/24")
            .subnet6("2001:db8:a:3::/64")
            .eni6("a3", "10.0.3.10", "2001:db8:a:3::10");
        topology
            .subnet("APUB", "10.0.10.0/24")
            .subnet6("2001:db8:a:10::/64")
            .route_out("APUB", "0.0.0.0/0", "igw-A")
            .eni6("p1", "10.0.10.10", "2001:db8:a:10::10")
            .eni6("p2", "10.0.10.11", "2001:db8:a:10::11")
            .eni6("p3", "10.0.10.12", "2001:db8:a:10::12")
            .public_address("p1", "203.0.113.10")
            .public_address("p2", "203.0.113.11")
            .nat_gateway("nat-A", "10.0.10.200", Some("203.0.113.200"));
        topology.service_list(S3, &["192.0.2.0/24"]);
        topology.private_link();
        topology
    }

    /// T0's zones, load balancer, service and endpoint.
    fn private_link(&mut self) {
        for (subnet, zone) in T0_ZONES {
            self.zone(subnet, zone);
        }
        self.load_balancer("nlb-P", &[("P1", "10.0.1.50"), ("P3", "10.0.3.50")])
            .target_group("targets-P", "ip", "TCP", 8443)
            .target("targets-P", "t1")
            .target("targets-P", "t3")
            .listener("nlb-P", "TCP", 443, "targets-P")
            .endpoint_service("svc-P", &["nlb-P"])
            .endpoint("vpce-1", "svc-P", &[("A1", "10.0.1.70"), ("A3", "10.0.3.70")])
            .within("APUB");
    }

    /// The middlebox of several of T0's scenarios (semantics S10): `fw` in a subnet of its own, its check off.
    pub fn firewall(&mut self) -> &mut Self {
        self.subnet("A-FW", "10.0.20.0/24")
            .eni("fw", "10.0.20.10")
            .source_dest_check("fw", false)
    }
}
