//! Resources and bindings in a few words: two subnets, a middlebox, a second VPC with the same CIDR.
//!
//! Everything is deterministic. Ids and devices count up from the first object; MAC addresses count up within a VPC,
//! so that two VPCs built alike have the same addresses on both layers, and nothing but their ENIs' devices tells
//! their packets apart.

mod shorthand;

pub use shorthand::{anywhere, nacl_rule, net, open_nacl};

use groundplane::plan::{Binding, Bindings, GuestKind};
use groundplane::resources::{
    NetworkAcl, NetworkAclEntry, NetworkInterface, Resources, Route, RouteState, RouteTable, RouteTarget,
    SecurityGroup, SecurityGroupRule, Subnet, Vpc,
};
use groundplane_abi::{Device, Mac};
use shorthand::local_route;
use std::net::Ipv4Addr;

/// Resources being put together, and the devices their ENIs hang on. Objects are named by what they are called here;
/// names are unique in a topology. A wrong name or CIDR is a mistake in the test, so it panics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    pub resources: Resources,
    pub bindings: Bindings,
    made: u64,
}

/// What an ENI's groups admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    pub ingress: bool,
    pub egress: bool,
}

impl Groups {
    pub const OPEN: Self = Self {
        ingress: true,
        egress: true,
    };
    /// Nothing new comes in.
    pub const OUTBOUND: Self = Self {
        ingress: false,
        egress: true,
    };
    /// Nothing new goes out.
    pub const INBOUND: Self = Self {
        ingress: true,
        egress: false,
    };
    pub const CLOSED: Self = Self {
        ingress: false,
        egress: false,
    };
    pub const ALL: [Self; 4] = [Self::OPEN, Self::OUTBOUND, Self::INBOUND, Self::CLOSED];

    fn name(self, vpc: &str) -> String {
        let kind = match (self.ingress, self.egress) {
            (true, true) => "open",
            (false, true) => "outbound",
            (true, false) => "inbound",
            (false, false) => "closed",
        };
        format!("{vpc}-{kind}")
    }
}

/// An ENI as a test needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    pub device: Device,
    pub mac: [u8; 6],
    pub ip: [u8; 4],
}

impl Topology {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One VPC with a middlebox: `web` and `db` in a subnet each, `web2` beside `web`, `box` in a third subnet and able
    /// to forward (its check is off). All groups and NACLs are open, all routes local.
    #[must_use]
    pub fn three_subnets() -> Self {
        let mut topology = Self::new();
        topology.vpc("red", "10.0.0.0/16");
        topology
            .subnet("front", "10.0.1.0/24")
            .eni("web", "10.0.1.10")
            .eni("web2", "10.0.1.11");
        topology.subnet("back", "10.0.2.0/24").eni("db", "10.0.2.10");
        topology
            .subnet("middle", "10.0.3.0/24")
            .eni("box", "10.0.3.10")
            .source_dest_check("box", false);
        topology
    }

    /// A VPC. What follows is in it. Its four groups admit what [`Groups`] says.
    pub fn vpc(&mut self, name: &str, cidr: &str) -> &mut Self {
        let vpc_id = self.id("vpc");
        let cidr_block = net(cidr);
        self.resources.vpcs.push(Vpc {
            vpc_id: vpc_id.clone(),
            name: name.to_owned(),
            cidr_block,
        });
        for groups in Groups::ALL {
            let rules = [(false, groups.ingress), (true, groups.egress)];
            let rules = rules.into_iter().filter(|(_, open)| *open);
            let rules = rules.map(|(is_egress, _)| SecurityGroupRule {
                is_egress,
                ip_protocol: None,
                cidr_ipv4: anywhere(),
            });
            let group = SecurityGroup {
                group_id: self.id("sg"),
                group_name: groups.name(name),
                vpc_id: vpc_id.clone(),
                rules: rules.collect(),
            };
            self.resources.security_groups.push(group);
        }
        self
    }

    /// A subnet of the last VPC, with a route table and an open NACL of its own. What follows is in it.
    pub fn subnet(&mut self, name: &str, cidr: &str) -> &mut Self {
        let vpc = self.resources.vpcs.last().expect("a subnet follows its VPC");
        let (vpc_id, vpc_cidr) = (vpc.vpc_id.clone(), vpc.cidr_block);
        let route_table_id = self.id("rtb");
        self.resources.route_tables.push(RouteTable {
            route_table_id: route_table_id.clone(),
            name: name.to_owned(),
            vpc_id: vpc_id.clone(),
            main: false,
            routes: vec![local_route(vpc_cidr)],
        });
        let network_acl_id = self.id("acl");
        self.resources.network_acls.push(NetworkAcl {
            network_acl_id: network_acl_id.clone(),
            name: name.to_owned(),
            vpc_id: vpc_id.clone(),
            is_default: false,
            entries: open_nacl(),
        });
        let subnet_id = self.id("subnet");
        let (name, cidr_block) = (name.to_owned(), net(cidr));
        self.resources.subnets.push(Subnet {
            subnet_id,
            name,
            vpc_id,
            cidr_block,
            route_table_id,
            network_acl_id,
        });
        self
    }

    /// An ENI of the last subnet on a veth, with open groups and its check on.
    pub fn eni(&mut self, name: &str, address: &str) -> &mut Self {
        let subnet = self.resources.subnets.last().expect("an ENI follows its subnet");
        let (vpc_id, subnet_id) = (subnet.vpc_id.clone(), subnet.subnet_id.clone());
        let in_vpc = self
            .resources
            .network_interfaces
            .iter()
            .filter(|eni| eni.vpc_id == vpc_id)
            .count();
        let groups = vec![self.group_id(&vpc_id, Groups::OPEN)];
        let network_interface_id = self.id("eni");
        let index = u32::try_from(self.bindings.len()).expect("few ENIs");
        let device = Device(10 + index);
        self.bindings.insert(
            network_interface_id.clone(),
            Binding {
                device,
                kind: GuestKind::Veth,
            },
        );
        self.resources.network_interfaces.push(NetworkInterface {
            network_interface_id,
            name: name.to_owned(),
            vpc_id,
            subnet_id,
            mac_address: Mac([2, 0xaa, 0, 0, 0, u8::try_from(in_vpc + 1).expect("few ENIs")]),
            private_ip_addresses: vec![address.parse().expect("an IPv4 address")],
            groups,
            source_dest_check: true,
        });
        self
    }

    /// Puts the ENI on a tap.
    pub fn tap(&mut self, eni: &str) -> &mut Self {
        let id = self.interface(eni).network_interface_id.clone();
        self.bindings.get_mut(&id).expect("every ENI is bound").kind = GuestKind::Tap;
        self
    }

    pub fn secondary_address(&mut self, eni: &str, address: &str) -> &mut Self {
        let address: Ipv4Addr = address.parse().expect("an IPv4 address");
        self.interface_mut(eni).private_ip_addresses.push(address);
        self
    }

    pub fn source_dest_check(&mut self, eni: &str, on: bool) -> &mut Self {
        self.interface_mut(eni).source_dest_check = on;
        self
    }

    pub fn groups(&mut self, eni: &str, groups: Groups) -> &mut Self {
        let vpc_id = self.interface(eni).vpc_id.clone();
        let group = self.group_id(&vpc_id, groups);
        self.interface_mut(eni).groups = vec![group];
        self
    }

    /// Two groups, whose rules add up (semantics 6.1).
    pub fn two_groups(&mut self, eni: &str, groups: [Groups; 2]) -> &mut Self {
        let vpc_id = self.interface(eni).vpc_id.clone();
        let groups = groups.map(|groups| self.group_id(&vpc_id, groups)).to_vec();
        self.interface_mut(eni).groups = groups;
        self
    }

    /// The whole list of the subnet's NACL, both directions.
    pub fn nacl(&mut self, subnet: &str, entries: Vec<NetworkAclEntry>) -> &mut Self {
        let id = self.subnet_named(subnet).network_acl_id.clone();
        let acl = self
            .resources
            .network_acls
            .iter_mut()
            .find(|acl| acl.network_acl_id == id);
        acl.expect("every subnet has a NACL").entries = entries;
        self
    }

    /// A route of the subnet's table to a middlebox.
    pub fn route_via(&mut self, subnet: &str, destination: &str, eni: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface(self.interface(eni).network_interface_id.clone());
        self.route(
            subnet,
            Route {
                destination_cidr_block: net(destination),
                target,
                state: RouteState::Active,
            },
        )
    }

    /// A route whose target is gone.
    pub fn blackhole(&mut self, subnet: &str, destination: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface("eni-gone".to_owned());
        self.route(
            subnet,
            Route {
                destination_cidr_block: net(destination),
                target,
                state: RouteState::Blackhole,
            },
        )
    }

    /// The subnet's table as it was at first: nothing but the local route.
    pub fn only_local_route(&mut self, subnet: &str) -> &mut Self {
        let vpc_id = self.subnet_named(subnet).vpc_id.clone();
        let vpc = self
            .resources
            .vpcs
            .iter()
            .find(|vpc| vpc.vpc_id == vpc_id)
            .expect("the VPC exists");
        let local = local_route(vpc.cidr_block);
        self.table_mut(subnet).routes = vec![local];
        self
    }

    pub fn no_route(&mut self, subnet: &str) -> &mut Self {
        self.table_mut(subnet).routes.clear();
        self
    }

    /// The ENI as a test needs it.
    #[must_use]
    pub fn guest(&self, eni: &str) -> Guest {
        let eni = self.interface(eni);
        let device = self.bindings[&eni.network_interface_id].device;
        let address = eni.private_ip_addresses.first().expect("an ENI has an address");
        Guest {
            device,
            mac: eni.mac_address.0,
            ip: address.octets(),
        }
    }

    #[must_use]
    pub fn interface(&self, name: &str) -> &NetworkInterface {
        let found = self.resources.network_interfaces.iter().find(|eni| eni.name == name);
        found.unwrap_or_else(|| panic!("no ENI {name}"))
    }

    /// The `NetworkInterfaceId` of the ENI on a device.
    #[must_use]
    pub fn eni_on(&self, device: Device) -> Option<&str> {
        self.bindings
            .iter()
            .find(|(_, binding)| binding.device == device)
            .map(|(id, _)| id.as_str())
    }

    fn route(&mut self, subnet: &str, route: Route) -> &mut Self {
        let table = self.table_mut(subnet);
        table
            .routes
            .retain(|old| old.destination_cidr_block != route.destination_cidr_block);
        table.routes.push(route);
        self
    }

    fn table_mut(&mut self, subnet: &str) -> &mut RouteTable {
        let id = self.subnet_named(subnet).route_table_id.clone();
        let table = self
            .resources
            .route_tables
            .iter_mut()
            .find(|table| table.route_table_id == id);
        table.expect("every subnet has a route table")
    }

    fn subnet_named(&self, name: &str) -> &Subnet {
        let found = self.resources.subnets.iter().find(|subnet| subnet.name == name);
        found.unwrap_or_else(|| panic!("no subnet {name}"))
    }

    fn interface_mut(&mut self, name: &str) -> &mut NetworkInterface {
        let found = self
            .resources
            .network_interfaces
            .iter_mut()
            .find(|eni| eni.name == name);
        found.unwrap_or_else(|| panic!("no ENI {name}"))
    }

    fn group_id(&self, vpc_id: &str, groups: Groups) -> String {
        let vpc = self
            .resources
            .vpcs
            .iter()
            .find(|vpc| vpc.vpc_id == vpc_id)
            .expect("the VPC exists");
        let name = groups.name(&vpc.name);
        let found = self
            .resources
            .security_groups
            .iter()
            .find(|group| group.group_name == name);
        found.expect("every VPC has the four groups").group_id.clone()
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-{:017x}", self.made)
    }
}
