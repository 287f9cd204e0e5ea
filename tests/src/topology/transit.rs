//! Transit gateways of a topology. Attachments and tables are named like everything else.

use super::{Topology, net};
use groundplane::resources::{
    PeeringTgwInfo, TransitGateway, TransitGatewayPeeringAttachment, TransitGatewayPrefixListReference,
    TransitGatewayRoute, TransitGatewayRouteAttachment, TransitGatewayRouteTable, TransitGatewayRouteTableAssociation,
    TransitGatewayRouteTablePropagation, TransitGatewayVpcAttachment,
};

const ENABLE: &str = "enable";

fn onoff(on: bool) -> Option<String> {
    Some(if on { ENABLE } else { "disable" }.to_owned())
}

impl Topology {
    /// A transit gateway with a table of the same name, which everything that is attached is associated with and
    /// propagates into: by [`Topology::attach`], and not by default.
    pub fn transit_gateway(&mut self, name: &str) -> &mut Self {
        let mut gateway = TransitGateway {
            name: name.to_owned(),
            transit_gateway_id: self.id("tgw"),
            state: Some("available".to_owned()),
            ..TransitGateway::default()
        };
        gateway.options.default_route_table_association = onoff(false);
        gateway.options.default_route_table_propagation = onoff(false);
        self.resources.transit_gateways.push(gateway);
        self.transit_table(name, name)
    }

    /// One more route table of a transit gateway.
    pub fn transit_table(&mut self, gateway: &str, name: &str) -> &mut Self {
        let table = TransitGatewayRouteTable {
            name: name.to_owned(),
            transit_gateway_route_table_id: self.id("tgw-rtb"),
            transit_gateway_id: Some(self.transit_id(gateway)),
            state: Some("available".to_owned()),
            ..TransitGatewayRouteTable::default()
        };
        self.resources.transit_gateway_route_tables.push(table);
        self
    }

    /// Attaches the VPC of these subnets, one in each zone; of IPv6, too.
    pub fn attach(&mut self, gateway: &str, name: &str, subnets: &[&str]) -> &mut Self {
        let of = |name: &&str| self.resources.subnets.iter().find(|it| it.name == *name);
        let of = |name| of(name).unwrap_or_else(|| panic!("no subnet {name}"));
        let vpc_id = subnets.first().map(|name| of(name).vpc_id.clone());
        let subnet_ids = subnets.iter().map(|name| of(name).subnet_id.clone()).collect();
        let mut attachment = TransitGatewayVpcAttachment {
            name: name.to_owned(),
            transit_gateway_attachment_id: self.id("tgw-attach"),
            transit_gateway_id: Some(self.transit_id(gateway)),
            vpc_id,
            state: Some("available".to_owned()),
            subnet_ids,
            ..TransitGatewayVpcAttachment::default()
        };
        attachment.options.ipv6_support = onoff(true);
        attachment.creation_time = Some(format!("2026-01-01T00:00:{:02}Z", self.attachments()));
        self.resources.transit_gateway_vpc_attachments.push(attachment);
        self.associate_attachment(gateway, name).propagate(gateway, name)
    }

    fn attachments(&self) -> usize {
        self.resources.transit_gateway_vpc_attachments.len()
    }

    /// An attachment that joins two transit gateways; their tables of the same names are associated with it.
    pub fn join(&mut self, name: &str, requester: &str, accepter: &str) -> &mut Self {
        let side = |gateway| PeeringTgwInfo {
            transit_gateway_id: Some(self.transit_id(gateway)),
            ..PeeringTgwInfo::default()
        };
        let (requester_tgw_info, accepter_tgw_info) = (side(requester), side(accepter));
        let attachment = TransitGatewayPeeringAttachment {
            name: name.to_owned(),
            transit_gateway_attachment_id: self.id("tgw-attach"),
            requester_tgw_info,
            accepter_tgw_info,
            state: Some("available".to_owned()),
            ..TransitGatewayPeeringAttachment::default()
        };
        self.resources.transit_gateway_peering_attachments.push(attachment);
        self.associate_attachment(requester, name)
            .associate_attachment(accepter, name)
    }

    /// The table, and no other of the same transit gateway, routes what comes from an attachment.
    pub fn associate_attachment(&mut self, table: &str, attachment: &str) -> &mut Self {
        let gateway = self.transit_table_named(table).transit_gateway_id.clone();
        self.dissociate_within(gateway.as_deref(), attachment);
        let association = TransitGatewayRouteTableAssociation {
            transit_gateway_attachment_id: Some(self.attachment_id(attachment)),
            state: Some("associated".to_owned()),
            ..TransitGatewayRouteTableAssociation::default()
        };
        self.transit_table_named(table).associations.push(association);
        self
    }

    /// No table routes what comes from an attachment.
    pub fn dissociate(&mut self, attachment: &str) -> &mut Self {
        self.dissociate_within(None, attachment);
        self
    }

    fn dissociate_within(&mut self, gateway: Option<&str>, attachment: &str) {
        let id = self.attachment_id(attachment);
        let tables = self.resources.transit_gateway_route_tables.iter_mut();
        let its = tables.filter(|table| gateway.is_none() || table.transit_gateway_id.as_deref() == gateway);
        for table in its {
            let is_other = |it: &TransitGatewayRouteTableAssociation| {
                it.transit_gateway_attachment_id.as_deref() != Some(id.as_str())
            };
            table.associations.retain(is_other);
        }
    }

    /// The table takes over an attachment's prefixes.
    pub fn propagate(&mut self, table: &str, attachment: &str) -> &mut Self {
        self.no_propagation(table, attachment);
        let propagation = TransitGatewayRouteTablePropagation {
            transit_gateway_attachment_id: Some(self.attachment_id(attachment)),
            state: Some("enabled".to_owned()),
            ..TransitGatewayRouteTablePropagation::default()
        };
        self.transit_table_named(table).propagations.push(propagation);
        self
    }

    pub fn no_propagation(&mut self, table: &str, attachment: &str) -> &mut Self {
        let id = self.attachment_id(attachment);
        let is_other =
            |it: &TransitGatewayRouteTablePropagation| it.transit_gateway_attachment_id.as_deref() != Some(id.as_str());
        self.transit_table_named(table).propagations.retain(is_other);
        self
    }

    /// A static route, to a CIDR block or by a reference to a prefix list; a blackhole if it leads nowhere. It takes
    /// the place of one to the same destination.
    pub fn transit_route(&mut self, table: &str, destination: &str, attachment: Option<&str>) -> &mut Self {
        let target = attachment.map(|name| TransitGatewayRouteAttachment {
            transit_gateway_attachment_id: Some(self.attachment_id(name)),
            ..TransitGatewayRouteAttachment::default()
        });
        let is_list = self.resources.prefix_lists.iter().any(|list| list.name == destination);
        if is_list {
            let list = Some(self.prefix_list_id(destination));
            let references = &mut self.transit_table_named(table).prefix_list_references;
            references.retain(|it| it.prefix_list_id != list);
            references.push(TransitGatewayPrefixListReference {
                prefix_list_id: list,
                state: Some("available".to_owned()),
                blackhole: Some(target.is_none()),
                transit_gateway_attachment: target,
                ..TransitGatewayPrefixListReference::default()
            });
            return self;
        }
        let block = Some(net(destination));
        let routes = &mut self.transit_table_named(table).routes;
        routes.retain(|it| it.destination_cidr_block != block);
        routes.push(TransitGatewayRoute {
            destination_cidr_block: block,
            state: Some(if target.is_some() { "active" } else { "blackhole" }.to_owned()),
            transit_gateway_attachments: target.into_iter().collect(),
            route_type: Some("static".to_owned()),
            ..TransitGatewayRoute::default()
        });
        self
    }

    /// No static routes and no references any more.
    pub fn no_transit_routes(&mut self, table: &str) -> &mut Self {
        let table = self.transit_table_named(table);
        table.routes.clear();
        table.prefix_list_references.clear();
        self
    }

    /// Whether groups may be referred to across the transit gateway.
    pub fn transit_references(&mut self, gateway: &str, on: bool) -> &mut Self {
        let mut gateways = self.resources.transit_gateways.iter_mut();
        let found = gateways.find(|it| it.name == gateway);
        let gateway = found.unwrap_or_else(|| panic!("no transit gateway {gateway}"));
        gateway.options.security_group_referencing_support = onoff(on);
        self
    }

    /// Whether groups may be referred to across the attachment.
    pub fn attachment_references(&mut self, attachment: &str, on: bool) -> &mut Self {
        let options = &mut self.vpc_attachment(attachment).options;
        options.security_group_referencing_support = onoff(on);
        self
    }

    pub fn appliance_mode(&mut self, attachment: &str, on: bool) -> &mut Self {
        self.vpc_attachment(attachment).options.appliance_mode_support = onoff(on);
        self
    }

    pub fn ipv6_support(&mut self, attachment: &str, on: bool) -> &mut Self {
        self.vpc_attachment(attachment).options.ipv6_support = onoff(on);
        self
    }

    /// `available` and the like.
    pub fn attachment_state(&mut self, attachment: &str, state: &str) -> &mut Self {
        self.vpc_attachment(attachment).state = Some(state.to_owned());
        self
    }

    fn vpc_attachment(&mut self, name: &str) -> &mut TransitGatewayVpcAttachment {
        let mut attachments = self.resources.transit_gateway_vpc_attachments.iter_mut();
        let found = attachments.find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("no attachment {name}"))
    }

    fn attachment_id(&self, name: &str) -> String {
        let vpcs = self.resources.transit_gateway_vpc_attachments.iter();
        let mut vpcs = vpcs.map(|it| (&it.name, &it.transit_gateway_attachment_id));
        let joins = self.resources.transit_gateway_peering_attachments.iter();
        let mut joins = joins.map(|it| (&it.name, &it.transit_gateway_attachment_id));
        let found = vpcs.find(|it| it.0 == name).or_else(|| joins.find(|it| it.0 == name));
        found.unwrap_or_else(|| panic!("no attachment {name}")).1.clone()
    }

    fn transit_id(&self, name: &str) -> String {
        let mut gateways = self.resources.transit_gateways.iter();
        let found = gateways.find(|it| it.name == name);
        found
            .unwrap_or_else(|| panic!("no transit gateway {name}"))
            .transit_gateway_id
            .clone()
    }

    fn transit_table_named(&mut self, name: &str) -> &mut TransitGatewayRouteTable {
        let mut tables = self.resources.transit_gateway_route_tables.iter_mut();
        let found = tables.find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("no transit gateway route table {name}"))
    }
}
