//! Resources as AWS's command line prints them, so that reading it again gives the same resources.

mod network_acl;
mod network_interface;
mod prefix_list;
mod route_table;
mod security_group;
mod vpc;

use crate::document::derived_id;
use crate::resources::{Details, Kind, Object, Resources, RouteTable, Subnet, Vpc, kind, kinds, lay_over};
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The fields of an object.
type Fields = Map<String, Value>;

/// What one call of the command line answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The call's name, such as `describe-vpcs`, with the service's name before it if that isn't ec2.
    pub call: String,
    pub json: Value,
}

/// All resources in one object: the answers of all calls together. What the API answers without saying whose it is,
/// such as the entries of a prefix list, is among the fields of its owner.
#[must_use]
pub fn aws(resources: &Resources) -> Map<String, Value> {
    let mut all = Map::new();
    for (kind, objects) in objects(resources) {
        let objects: Vec<_> = objects.into_iter().map(Value::Object).collect();
        let answer = match kind.section {
            // The API has one of them for an account in a Region.
            "vpc_block_public_access_options" if objects.len() == 1 => objects.into_iter().next(),
            _ if objects.is_empty() => None,
            _ => Some(Value::Array(objects)),
        };
        all.extend(answer.map(|answer| (kind.key.to_owned(), answer)));
    }
    let rules = security_group::rules(resources);
    if !rules.is_empty() {
        all.insert("SecurityGroupRules".to_owned(), Value::Array(rules));
    }
    all
}

/// The same as one answer for each call.
#[must_use]
pub fn aws_answers(resources: &Resources) -> Vec<Answer> {
    let call_of = |key: &str| {
        let kind = kinds().iter().find(|kind| kind.key == key);
        kind.map_or("describe-security-group-rules", |kind| kind.call)
    };
    let mut answers: Vec<Answer> = Vec::new();
    for (key, objects) in aws(resources) {
        let call = call_of(&key);
        match answers.iter_mut().find(|answer| answer.call == call) {
            Some(Answer {
                json: Value::Object(answer),
                ..
            }) => _ = answer.insert(key, objects),
            _ => answers.push(Answer {
                call: call.to_owned(),
                json: json!({ key: objects }),
            }),
        }
    }
    answers
}

/// All objects by kind, complete.
pub(crate) fn objects(resources: &Resources) -> Vec<(&'static Kind, Vec<Fields>)> {
    let mut all = Vec::new();
    let core = core(resources);
    for kind in kinds() {
        let objects: Vec<Fields> = if kind.is_core {
            let core = core.iter().filter(|object| object.kind == kind);
            core.map(CoreObject::complete).collect()
        } else {
            let later = resources.write(kind).into_iter();
            later.map(|(object, fields)| named(fields, object)).collect()
        };
        all.push((kind, objects));
    }
    all
}

/// Adds the tag that says a name, unless it is the id or there is another field for it.
fn named(mut fields: Fields, object: Object<'_>) -> Fields {
    let Object { kind, id, name } = object;
    if kind.name_field().is_some() || name.is_empty() || name == id {
        return fields;
    }
    let tag = json!({"Key": "Name", "Value": name});
    match fields.get_mut("Tags") {
        Some(Value::Array(tags)) => tags.push(tag),
        _ => _ = fields.insert("Tags".to_owned(), json!([tag])),
    }
    fields
}

/// An object of one of the kinds that have structs of their own making.
pub(crate) struct CoreObject<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) id: &'a str,
    /// What its fields say, without what is kept in the rest.
    pub(crate) written: Fields,
    details: &'a Details,
}

impl CoreObject<'_> {
    fn complete(&self) -> Fields {
        let mut fields = self.written.clone();
        lay_over(&mut fields, &self.details.rest);
        fields
    }
}

/// What the fields of the objects say that have structs of their own making, and of the rules of groups; by id, and
/// without what is kept in the rest.
pub(crate) fn written(resources: &Resources) -> HashMap<String, Fields> {
    let objects = core(resources)
        .into_iter()
        .map(|object| (object.id.to_owned(), object.written));
    let rules = resources.security_groups.iter().flat_map(|group| {
        let rules = group.rules.iter();
        rules.map(|rule| (rule.security_group_rule_id.clone(), security_group::rule(group, rule)))
    });
    objects.chain(rules).collect()
}

fn core(resources: &Resources) -> Vec<CoreObject<'_>> {
    let (it, context) = (resources, &Context::of(resources));
    let mut all = Vec::new();
    add(&mut all, "vpcs", &it.vpcs, |o| {
        (&o.vpc_id, &o.details, vpc::vpc(context, o))
    });
    add(&mut all, "subnets", &it.subnets, |o| {
        (&o.subnet_id, &o.details, vpc::subnet(context, o))
    });
    add(&mut all, "route_tables", &it.route_tables, |o| {
        (&o.route_table_id, &o.details, route_table::route_table(context, o))
    });
    add(&mut all, "network_acls", &it.network_acls, |o| {
        (&o.network_acl_id, &o.details, network_acl::network_acl(context, o))
    });
    add(&mut all, "security_groups", &it.security_groups, |o| {
        (&o.group_id, &o.details, security_group::security_group(context, o))
    });
    add(&mut all, "prefix_lists", &it.prefix_lists, |o| {
        (&o.prefix_list_id, &o.details, prefix_list::prefix_list(context, o))
    });
    add(&mut all, "network_interfaces", &it.network_interfaces, |o| {
        let written = network_interface::network_interface(context, o);
        (&o.network_interface_id, &o.details, written)
    });
    all
}

/// Adds the objects of a kind.
fn add<'a, T>(
    all: &mut Vec<CoreObject<'a>>,
    section: &str,
    objects: &'a [T],
    of: impl Fn(&'a T) -> (&'a str, &'a Details, Fields),
) {
    let Some(kind) = kind(section) else { return };
    all.extend(objects.iter().map(|object| {
        let (id, details, written) = of(object);
        CoreObject {
            kind,
            id,
            written,
            details,
        }
    }));
}

/// What objects say of each other.
struct Context<'a> {
    vpcs: HashMap<&'a str, &'a Vpc>,
    subnets: HashMap<&'a str, &'a Subnet>,
    /// Names of groups by id.
    group_names: HashMap<&'a str, &'a str>,
    /// Subnets by their route tables and ACLs, in order of id.
    users: HashMap<&'a str, Vec<&'a str>>,
    /// The Region of the first VPC.
    region: &'a str,
}

impl<'a> Context<'a> {
    fn of(resources: &'a Resources) -> Self {
        let tables: HashMap<&str, &RouteTable> = resources
            .route_tables
            .iter()
            .map(|table| (&*table.route_table_id, table))
            .collect();
        let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
        for subnet in &resources.subnets {
            let table = &*subnet.route_table_id;
            // Nobody names the main table to use it.
            if tables.get(table).is_some_and(|table| !table.main) {
                users.entry(table).or_default().push(&subnet.subnet_id);
            }
            users.entry(&subnet.network_acl_id).or_default().push(&subnet.subnet_id);
        }
        let groups = resources.security_groups.iter();
        Self {
            vpcs: resources.vpcs.iter().map(|vpc| (&*vpc.vpc_id, vpc)).collect(),
            subnets: resources
                .subnets
                .iter()
                .map(|subnet| (&*subnet.subnet_id, subnet))
                .collect(),
            group_names: groups.map(|group| (&*group.group_id, &*group.group_name)).collect(),
            users,
            region: resources.vpcs.first().map_or("", |vpc| &vpc.region),
        }
    }

    /// Who uses a route table or an ACL.
    fn users(&self, id: &str) -> &[&'a str] {
        self.users.get(id).map_or(&[], Vec::as_slice)
    }

    fn region_of(&self, vpc_id: &str) -> &'a str {
        self.vpcs.get(vpc_id).map_or(self.region, |vpc| &vpc.region)
    }

    /// The zone of a VPC's subnets that stands for its Region.
    fn has_zone(&self, vpc: &Vpc) -> bool {
        let mut subnets = self.subnets.values().filter(|subnet| subnet.vpc_id == vpc.vpc_id);
        subnets.any(|subnet| subnet.availability_zone.starts_with(&vpc.region))
    }
}

/// An ARN of EC2.
fn arn(region: &str, details: &Details, what: &str, id: &str) -> String {
    format!("arn:aws:ec2:{region}:{}:{what}/{id}", details.owner_id)
}

/// The id of what joins two objects, where the API has one and nobody chose it.
fn joint(prefix: &str, path: &[&str]) -> String {
    derived_id(prefix, path)
}

/// Puts the owner and the tags to an object's fields, if there are any. The name is the tag `Name` unless it has a
/// field of its own or is the id.
fn add_details(fields: &mut Fields, details: &Details, name: Option<(&str, &str)>) {
    if !details.owner_id.is_empty() {
        fields.insert("OwnerId".to_owned(), details.owner_id.clone().into());
    }
    let tags = tags(details, name);
    if !tags.is_empty() {
        fields.insert("Tags".to_owned(), Value::Array(tags));
    }
}

/// The name goes with the id of its object.
fn tags(details: &Details, name: Option<(&str, &str)>) -> Vec<Value> {
    let name = name
        .filter(|(name, id)| name != id && !name.is_empty())
        .map(|(name, _)| ("Name", name));
    let own = details.tags.iter().map(|(key, value)| (&**key, &**value));
    let all = own.filter(|(key, _)| *key != "Name" || name.is_none()).chain(name);
    all.map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// A field that is named after the family of its block.
fn block_field(block: IpNet, ipv4: &str, ipv6: &str) -> (String, Value) {
    let field = match block {
        IpNet::V4(_) => ipv4,
        IpNet::V6(_) => ipv6,
    };
    (field.to_owned(), block.to_string().into())
}

/// The fields of `json!({…})`.
fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}
