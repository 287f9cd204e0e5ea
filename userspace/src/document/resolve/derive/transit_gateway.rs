//! Transit gateways: the table that AWS makes with one, and what is in it unless somebody says otherwise (semantics
//! 1.2, 18.1).

use super::Given;
use crate::document::check::is_there;
use crate::document::ids::id;
use crate::document::places::Places;
use crate::resources::{
    Resources, Subnet, TransitGateway, TransitGatewayRouteTable, TransitGatewayRouteTableAssociation,
    TransitGatewayRouteTablePropagation,
};
use std::collections::{HashMap, HashSet};

type Table = TransitGatewayRouteTable;

pub(super) fn complete(resources: &mut Resources, given: &Given<'_>, places: &mut Places<'_>) {
    name_vpcs(resources);
    for index in 0..resources.transit_gateways.len() {
        let Some(gateway) = resources.transit_gateways.get(index) else {
            continue;
        };
        if is_there(gateway.state.as_deref()) {
            let made = made(gateway, &resources.transit_gateway_route_tables);
            if let Some(made) = made {
                places.alias(
                    "transit_gateway_route_tables",
                    &made.transit_gateway_route_table_id,
                    &gateway.transit_gateway_id,
                );
                resources.transit_gateway_route_tables.push(made);
            }
        }
    }
    let defaults = defaults(resources);
    let ends = ends(resources, given.dumped);
    associate(resources, &defaults, &ends);
    propagate(resources, &defaults, &ends);
    for table in &mut resources.transit_gateway_route_tables {
        table.associations.retain(|one| !is_off(one.state.as_deref()));
        table.propagations.retain(|one| !is_off(one.state.as_deref()));
    }
}

/// Whether an entry is there to say that an attachment isn't: it has kept the attachment out of the default table, and
/// means nothing more.
fn is_off(state: Option<&str>) -> bool {
    state.is_some_and(|state| state.eq_ignore_ascii_case("disassociated") || state.eq_ignore_ascii_case("disabled"))
}

/// Attachments that are in a default table's associations, or else its propagations, unless a document says that they
/// aren't: the table and the attachment.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    pub(crate) associations: Vec<(String, String)>,
    pub(crate) propagations: Vec<(String, String)>,
}

impl Absent {
    pub(crate) fn of(resources: &Resources) -> Self {
        let mut absent = Self::default();
        let tables = &resources.transit_gateway_route_tables;
        let defaults = defaults(resources);
        for end in ends(resources, &HashSet::new()) {
            let Some(its) = defaults.get(&end.gateway) else {
                continue;
            };
            let known = |table: &Table| associates(table, &end);
            let default = its.association.as_ref().filter(|_| !tables.iter().any(known));
            let pair = default.map(|table| (table.clone(), end.attachment.clone()));
            absent.associations.extend(pair);
            let default = its.propagation.as_ref().filter(|_| end.kind == "vpc");
            let lacks = |id: &&String| {
                let mut tables = tables.iter();
                tables.any(|table| table.transit_gateway_route_table_id == **id && !propagates(table, &end))
            };
            let pair = default
                .filter(lacks)
                .map(|table| (table.clone(), end.attachment.clone()));
            absent.propagations.extend(pair);
        }
        absent
    }
}

fn defaults(resources: &Resources) -> HashMap<String, Defaults> {
    let gateways = resources.transit_gateways.iter();
    let there = gateways.filter(|gateway| is_there(gateway.state.as_deref()));
    let defaults = there.map(|gateway| {
        let defaults = Defaults::of(gateway, &resources.transit_gateway_route_tables);
        (gateway.transit_gateway_id.clone(), defaults)
    });
    defaults.collect()
}

/// Whether a table of the end's transit gateway says something of its association.
fn associates(table: &Table, end: &End) -> bool {
    let mut said = table.associations.iter();
    table.transit_gateway_id.as_ref() == Some(&end.gateway)
        && said.any(|one| one.transit_gateway_attachment_id.as_ref() == Some(&end.attachment))
}

/// Whether a table says something of an end's prefixes.
fn propagates(table: &Table, end: &End) -> bool {
    let mut said = table.propagations.iter();
    said.any(|one| one.transit_gateway_attachment_id.as_ref() == Some(&end.attachment))
}

/// A VPC is told by its subnets.
fn name_vpcs(resources: &mut Resources) {
    let subnets: HashMap<&str, &Subnet> = resources.subnets.iter().map(|it| (&*it.subnet_id, it)).collect();
    for attachment in &mut resources.transit_gateway_vpc_attachments {
        if attachment.vpc_id.is_none() {
            let mut ids = attachment.subnet_ids.iter();
            let subnet = ids.find_map(|id| subnets.get(&**id));
            attachment.vpc_id = subnet.map(|subnet| subnet.vpc_id.clone());
        }
    }
}

/// Whether what comes from attachments is routed by a default table, and whether one takes their prefixes over.
fn is_on(gateway: &TransitGateway) -> (bool, bool) {
    let is_on = |option: &Option<String>| super::is_one_of(option.as_deref(), &["enable"]);
    let options = &gateway.options;
    (
        is_on(&options.default_route_table_association),
        is_on(&options.default_route_table_propagation),
    )
}

/// The default table, where a transit gateway has one that nobody names.
fn made(gateway: &TransitGateway, tables: &[Table]) -> Option<Table> {
    let (associates, propagates) = is_on(gateway);
    let options = &gateway.options;
    let named = [
        &options.association_default_route_table_id,
        &options.propagation_default_route_table_id,
    ];
    let mut own = tables
        .iter()
        .filter(|table| table.transit_gateway_id.as_ref() == Some(&gateway.transit_gateway_id));
    let is_default = |table: &Table| {
        table.default_association_route_table == Some(true) || table.default_propagation_route_table == Some(true)
    };
    let there = named.iter().any(|id| id.is_some()) || own.any(is_default);
    (!there && (associates || propagates)).then(|| Table {
        transit_gateway_route_table_id: id("tgw-rtb", &["", &gateway.transit_gateway_id]),
        name: gateway.name.clone(),
        transit_gateway_id: Some(gateway.transit_gateway_id.clone()),
        default_association_route_table: Some(associates),
        default_propagation_route_table: Some(propagates),
        ..Table::default()
    })
}

/// The ids of a transit gateway's default tables.
struct Defaults {
    association: Option<String>,
    propagation: Option<String>,
}

impl Defaults {
    fn of(gateway: &TransitGateway, tables: &[Table]) -> Self {
        let (associates, propagates) = is_on(gateway);
        let own = || {
            let its = |table: &&Table| table.transit_gateway_id.as_ref() == Some(&gateway.transit_gateway_id);
            tables.iter().filter(its)
        };
        let find = |named: &Option<String>, is_default: fn(&Table) -> Option<bool>| {
            let is_it = |table: &&Table| match named {
                Some(id) => table.transit_gateway_route_table_id == *id,
                None => is_default(table) == Some(true),
            };
            let found = own().find(is_it);
            found.map(|table| table.transit_gateway_route_table_id.clone())
        };
        let options = &gateway.options;
        let association = find(&options.association_default_route_table_id, |table| {
            table.default_association_route_table
        });
        let propagation = find(&options.propagation_default_route_table_id, |table| {
            table.default_propagation_route_table
        });
        // Both are the same unless somebody says otherwise.
        Self {
            association: association.clone().or(propagation.clone()).filter(|_| associates),
            propagation: propagation.or(association).filter(|_| propagates),
        }
    }
}

/// What is attached to a transit gateway, as that one sees it.
struct End {
    gateway: String,
    attachment: String,
    resource: Option<String>,
    kind: &'static str,
}

/// What is attached and not out of a dump, which says itself what is in which table.
fn ends(resources: &Resources, dumped: &HashSet<String>) -> Vec<End> {
    let mut ends = Vec::new();
    let is_new = |id: &str, state: Option<&str>| is_there(state) && !dumped.contains(id);
    for one in &resources.transit_gateway_vpc_attachments {
        let id = &one.transit_gateway_attachment_id;
        if let Some(gateway) = one.transit_gateway_id.clone()
            && is_new(id, one.state.as_deref())
        {
            ends.push(End {
                gateway,
                attachment: id.clone(),
                resource: one.vpc_id.clone(),
                kind: "vpc",
            });
        }
    }
    for one in &resources.transit_gateway_peering_attachments {
        let id = &one.transit_gateway_attachment_id;
        if !is_new(id, one.state.as_deref()) {
            continue;
        }
        let of_accepter = one.accepter_transit_gateway_attachment_id.as_ref().unwrap_or(id);
        let (requester, accepter) = (&one.requester_tgw_info, &one.accepter_tgw_info);
        for (own, other, id) in [(requester, accepter, id), (accepter, requester, of_accepter)] {
            ends.extend(own.transit_gateway_id.clone().map(|gateway| End {
                gateway,
                attachment: id.clone(),
                resource: other.transit_gateway_id.clone(),
                kind: "peering",
            }));
        }
    }
    ends
}

/// Each end that no table of its transit gateway routes is routed by the default one.
fn associate(resources: &mut Resources, defaults: &HashMap<String, Defaults>, ends: &[End]) {
    let tables = &mut resources.transit_gateway_route_tables;
    for end in ends {
        let default = defaults.get(&end.gateway).and_then(|it| it.association.as_ref());
        let Some(default) = default.filter(|_| !tables.iter().any(|table| associates(table, end))) else {
            continue;
        };
        if let Some(table) = find(tables, default) {
            table.associations.push(TransitGatewayRouteTableAssociation {
                transit_gateway_attachment_id: Some(end.attachment.clone()),
                resource_id: end.resource.clone(),
                resource_type: Some(end.kind.to_owned()),
                state: Some("associated".to_owned()),
            });
        }
    }
}

/// The prefixes of each VPC are in the default table, unless that says otherwise of the attachment.
fn propagate(resources: &mut Resources, defaults: &HashMap<String, Defaults>, ends: &[End]) {
    let tables = &mut resources.transit_gateway_route_tables;
    for end in ends.iter().filter(|end| end.kind == "vpc") {
        let default = defaults.get(&end.gateway).and_then(|it| it.propagation.as_ref());
        let table = default.and_then(|id| find(tables, id));
        if let Some(table) = table.filter(|table| !propagates(table, end)) {
            table.propagations.push(TransitGatewayRouteTablePropagation {
                transit_gateway_attachment_id: Some(end.attachment.clone()),
                resource_id: end.resource.clone(),
                resource_type: Some(end.kind.to_owned()),
                state: Some("enabled".to_owned()),
                ..TransitGatewayRouteTablePropagation::default()
            });
        }
    }
}

fn find<'t>(tables: &'t mut [Table], id: &str) -> Option<&'t mut Table> {
    let mut tables = tables.iter_mut();
    tables.find(|table| table.transit_gateway_route_table_id == id)
}
