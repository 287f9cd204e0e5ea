//! Route tables and NACLs of a topology.

use super::Topology;
use super::net;
use super::shorthand::local_routes;
use groundplane::resources::{
    Destination, NetworkAclEntry, Route, RouteOrigin, RouteState, RouteTable, RouteTarget, Subnet,
};
use ipnet::IpNet;

impl Topology {
    /// A route table of the VPC with its local routes, for [`Topology::associate`].
    pub fn table(&mut self, name: &str) -> &mut Self {
        self.new_table(name);
        self
    }

    /// The gateway's route table (semantics 5.5), with a route of its own for each subnet that an ENI stands before.
    pub fn edge_table(&mut self, name: &str, gateway: &str) -> &mut Self {
        let RouteTarget::Gateway(id) = self.gateway(gateway) else {
            panic!("{gateway} has no route table");
        };
        self.new_table(name);
        let table = self.resources.route_tables.last_mut().expect("just made");
        table.gateway_ids = vec![id];
        self
    }

    /// What comes for a block by the gateway goes to an ENI first.
    pub fn edge_route(&mut self, table: &str, destination: &str, eni: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface(self.interface(eni).network_interface_id.clone());
        self.edge_route_to(table, destination, target)
    }

    pub fn edge_route_to(&mut self, table: &str, destination: &str, target: RouteTarget) -> &mut Self {
        let destination = Destination::Cidr(net(destination));
        let mut tables = self.resources.route_tables.iter_mut();
        let found = tables.find(|it| it.name == table);
        let routes = found
            .unwrap_or_else(|| panic!("no route table {table}"))
            .routes
            .make_mut();
        routes.retain(|it| it.destination != destination);
        routes.push(Route {
            destination,
            target,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRoute,
        });
        self
    }

    /// Nothing stands before anybody any more.
    pub fn no_edge_table(&mut self, name: &str) -> &mut Self {
        self.resources.route_tables.retain(|table| table.name != name);
        self
    }

    /// The subnet uses this table.
    pub fn associate(&mut self, subnet: &str, table: &str) -> &mut Self {
        let mut tables = self.resources.route_tables.iter();
        let found = tables.find(|it| it.name == table);
        let id = found
            .unwrap_or_else(|| panic!("no route table {table}"))
            .route_table_id
            .clone();
        self.subnet_mut(subnet).route_table_id = id;
        self
    }

    /// This table becomes the VPC's main one. Subnets that used the main one before use this one at once.
    pub fn main_table(&mut self, name: &str) -> &mut Self {
        let tables = &mut self.resources.route_tables;
        let found = tables.iter().find(|table| table.name == name);
        let (id, vpc_id) = found
            .map(|table| (table.route_table_id.clone(), table.vpc_id.clone()))
            .unwrap_or_else(|| panic!("no route table {name}"));
        let mut old = None;
        for table in tables.iter_mut().filter(|table| table.vpc_id == vpc_id) {
            if table.main {
                old = Some(table.route_table_id.clone());
            }
            table.main = table.route_table_id == id;
        }
        let mut subnets = self.resources.subnets.iter_mut();
        for subnet in subnets.by_ref().filter(|it| Some(&it.route_table_id) == old.as_ref()) {
            subnet.route_table_id.clone_from(&id);
        }
        self
    }

    /// The whole list of the subnet's NACL, both directions.
    pub fn nacl(&mut self, subnet: &str, entries: Vec<NetworkAclEntry>) -> &mut Self {
        let id = self.subnet_named(subnet).network_acl_id.clone();
        let mut acls = self.resources.network_acls.iter_mut();
        let acl = acls.find(|acl| acl.network_acl_id == id);
        acl.expect("every subnet has a NACL").entries = entries;
        self
    }

    /// A static route of the subnet's table, to a CIDR block or a prefix list's name.
    pub fn route_to(&mut self, subnet: &str, destination: &str, target: RouteTarget) -> &mut Self {
        self.route(
            subnet,
            destination,
            target,
            RouteState::Active,
            RouteOrigin::CreateRoute,
        )
    }

    /// A static route to a middlebox.
    pub fn route_via(&mut self, subnet: &str, destination: &str, eni: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface(self.interface(eni).network_interface_id.clone());
        self.route_to(subnet, destination, target)
    }

    /// A propagated route. No gateway propagates yet, so it leads to a middlebox, which the API would refuse.
    pub fn propagate_via(&mut self, subnet: &str, destination: &str, eni: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface(self.interface(eni).network_interface_id.clone());
        let origin = RouteOrigin::EnableVgwRoutePropagation;
        self.route(subnet, destination, target, RouteState::Active, origin)
    }

    /// A static route whose target is gone.
    pub fn blackhole(&mut self, subnet: &str, destination: &str) -> &mut Self {
        let target = RouteTarget::NetworkInterface("eni-gone".to_owned());
        let origin = RouteOrigin::CreateRoute;
        self.route(subnet, destination, target, RouteState::Blackhole, origin)
    }

    /// The subnet's table as it was at first: nothing but the local routes.
    pub fn only_local_route(&mut self, subnet: &str) -> &mut Self {
        let vpc_id = self.subnet_named(subnet).vpc_id.clone();
        let mut vpcs = self.resources.vpcs.iter();
        let vpc = vpcs.find(|vpc| vpc.vpc_id == vpc_id).expect("the VPC exists");
        let routes = local_routes(vpc);
        self.table_mut(subnet).routes = routes;
        self
    }

    /// Takes a route to a block from the subnet's table.
    pub fn no_route_to(&mut self, subnet: &str, destination: &str) -> &mut Self {
        let destination = Destination::Cidr(net(destination));
        let routes = self.table_mut(subnet).routes.make_mut();
        routes.retain(|route| route.destination != destination);
        self
    }

    pub fn no_route(&mut self, subnet: &str) -> &mut Self {
        self.table_mut(subnet).routes.make_mut().clear();
        self
    }

    /// Takes the place of a route to the same destination that came into the table in the same way. A static route to a
    /// local one's destination replaces that one's target; it stays the local route (semantics 5.4).
    fn route(
        &mut self,
        subnet: &str,
        destination: &str,
        target: RouteTarget,
        state: RouteState,
        origin: RouteOrigin,
    ) -> &mut Self {
        let destination = match destination.parse::<IpNet>() {
            Ok(block) => Destination::Cidr(block),
            Err(_) => Destination::PrefixList(self.prefix_list_id(destination)),
        };
        let propagated = |origin| origin == RouteOrigin::EnableVgwRoutePropagation;
        let routes = self.table_mut(subnet).routes.make_mut();
        let replaced = |old: &Route| old.destination == destination && propagated(old.origin) == propagated(origin);
        if let Some(old) = routes.iter_mut().find(|old| replaced(old)) {
            (old.target, old.state) = (target, state);
        } else {
            routes.push(Route {
                destination,
                target,
                state,
                origin,
            });
        }
        self
    }

    pub(super) fn new_table(&mut self, name: &str) -> String {
        let route_table_id = self.id("rtb");
        let vpc = &self.resources.vpcs[self.vpc];
        self.resources.route_tables.push(RouteTable {
            route_table_id: route_table_id.clone(),
            name: name.to_owned(),
            vpc_id: vpc.vpc_id.clone(),
            main: false,
            routes: local_routes(vpc),
            ..RouteTable::default()
        });
        route_table_id
    }

    fn table_mut(&mut self, subnet: &str) -> &mut RouteTable {
        let id = self.subnet_named(subnet).route_table_id.clone();
        let mut tables = self.resources.route_tables.iter_mut();
        let table = tables.find(|table| table.route_table_id == id);
        table.expect("every subnet has a route table")
    }

    fn subnet_named(&self, name: &str) -> &Subnet {
        let found = self.resources.subnets.iter().find(|subnet| subnet.name == name);
        found.unwrap_or_else(|| panic!("no subnet {name}"))
    }

    pub(super) fn subnet_mut(&mut self, name: &str) -> &mut Subnet {
        let found = self.resources.subnets.iter_mut().find(|subnet| subnet.name == name);
        found.unwrap_or_else(|| panic!("no subnet {name}"))
    }
}
