//! Objects of kinds that packets don't depend on yet. They are kept as the API has them, but for names in the places of
//! ids.

use super::identity::{is_connection, name_in_field, take_name};
use super::registry::{self, Registry, is_id};
use super::{Output, not_found};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::fields::Fields;
use crate::document::json;
use crate::document::places::{connection, follow, follow_to_name};
use crate::document::schema::Object;
use crate::document::tree::{Entry, Node, Value as Tree};
use crate::resources::{Kind, Tags, kinds, lay_over};
use serde_json::{Map, Value, json};

/// An endpoint of somebody else's has an id; every other one is here.
fn check_connection(object: &Object<'_>, id: &str, registry: &Registry<'_>, problems: &mut Problems) {
    let given = object.node.field(object.kind.id_field);
    let is_elsewhere = given.is_some() && is_id(object.kind.prefix, id);
    if registry.has(id) || is_elsewhere {
        return;
    }
    let name = given.map_or(object.name, |given| Spanned {
        value: id,
        span: given.span,
    });
    let names = registry.names(object.kind.prefix);
    let otherwise = "name an endpoint in VpcEndpointId";
    let code = "InvalidVpcEndpointId.NotFound";
    not_found("there is no VPC endpoint", name, code, names, otherwise, problems);
}

/// Reads the objects.
pub(super) fn resolve(
    objects: &[Object<'_>],
    ids: &[String],
    registry: &Registry<'_>,
    out: &mut Output,
    problems: &mut Problems,
) {
    for (object, id) in objects.iter().zip(ids) {
        let Object { kind, name, .. } = *object;
        let known_by = match is_connection(object) {
            true => connection(id),
            false => id.clone(),
        };
        out.places.add(kind.section, &known_by, name.span);
        if object.is_dumped {
            out.dumped.insert(known_by);
            let mut said = json::object(object.node, problems);
            let label = take_name(kind, name.value, &mut said);
            put(object, label, Value::Object(said.clone()), &said, out, problems);
        } else {
            written((object, id), registry, out, problems);
        }
    }
}

/// Reads an object in the document's words.
fn written((object, id): (&Object<'_>, &str), registry: &Registry<'_>, out: &mut Output, problems: &mut Problems) {
    let Object { kind, name, node, .. } = *object;
    let owner = format!("{} {}", kind.name, quote(name.value));
    let Some(mut fields) = Fields::of(node, owner, name.span, problems) else {
        return;
    };
    if is_connection(object) {
        check_connection(object, id, registry, problems);
    }
    let label = fields.any_text("Name", problems).unwrap_or(name.value).to_owned();
    let tags = fields.tags(problems);
    let rest = fields.rest(problems);
    let mut said = said((object, id), registry, problems);
    if !tags.is_empty() {
        said.insert("Tags".to_owned(), labels(&tags));
    }
    let label = name_in_field(kind, label, &mut said);
    let from = Value::Object(said.clone());
    lay_over(&mut said, &rest);
    put(object, label, from, &said, out, problems);
}

/// The object as JSON, with ids in the places of names.
fn said((object, id): (&Object<'_>, &str), registry: &Registry<'_>, problems: &mut Problems) -> Map<String, Value> {
    let id_field = (object.kind.id_field.to_owned(), id.into());
    let Tree::Mapping(entries) = &object.node.value else {
        return Map::from_iter([id_field]);
    };
    let vpc = object.node.field("VpcId").and_then(|vpc| match &vpc.value {
        Tree::Scalar { text, .. } => Some(registry.outside("vpc", text).unwrap_or(text)),
        _ => None,
    });
    let mut writer = Writer {
        registry,
        kind: object.kind,
        vpc_id: vpc,
        problems,
    };
    // Of some kinds, a name is a field of the API: a hosted zone's is its domain.
    let is_field = |key: &str| key == "Name" && object.kind.name_field() == Some("Name");
    let own = ["Name", "tags", "rest", object.kind.id_field];
    let entries = entries
        .iter()
        .filter(|entry| !own.contains(&&*entry.key) || is_field(&entry.key));
    let fields = entries.map(|entry| (entry.key.clone(), writer.field(entry)));
    std::iter::once(id_field).chain(fields).collect()
}

fn labels(tags: &Tags) -> Value {
    let tag = |(key, value): (&String, &String)| json!({ "Key": key, "Value": value });
    tags.iter().map(tag).collect()
}

struct Writer<'a, 'p> {
    registry: &'a Registry<'a>,
    kind: &'static Kind,
    /// The VPC that the object is in.
    vpc_id: Option<&'a str>,
    problems: &'p mut Problems,
}

impl Writer<'_, '_> {
    fn field(&mut self, entry: &Entry) -> Value {
        let Entry { key, value, .. } = entry;
        // Their groups are people in a directory.
        if key == "AuthorizationRules" {
            return json::json(value, self.problems);
        }
        match referenced(key) {
            Some(kind) => self.reference(kind, value),
            None if key == "ResourceId" => self.any_of(&["vpc", "subnet", "eni", "tgw", "tgw-attach"], value),
            None if key == "ResourceArn" => self.any_of(&["vpc", "subnet"], value),
            None if key == "InstanceId" => self.any_of(&["eni"], value),
            None if key == "Target" => self.target(value),
            None if key == "ServiceName" && self.kind.section == "vpc_endpoints" => self.any_of(&["vpce-svc"], value),
            None => self.value(value),
        }
    }

    /// A target, which may be an instance by its name. What can be an address is one.
    fn target(&mut self, node: &Node) -> Value {
        let Tree::Mapping(entries) = &node.value else {
            return self.value(node);
        };
        let is_name = |node: &Node| match &node.value {
            Tree::Scalar { text, .. } => text.parse::<std::net::IpAddr>().is_err(),
            _ => false,
        };
        let fields = entries.iter().map(|entry| {
            let value = match &*entry.key {
                "Id" if is_name(&entry.value) => self.any_of(&["eni"], &entry.value),
                _ => self.field(entry),
            };
            (entry.key.clone(), value)
        });
        Value::Object(fields.collect())
    }

    /// The id of what may be of several kinds.
    fn any_of(&mut self, kinds: &[&str], node: &Node) -> Value {
        let Tree::Scalar { text, .. } = &node.value else {
            return self.value(node);
        };
        let mut found = kinds
            .iter()
            .filter_map(|prefix| self.registry.find(prefix, text, self.vpc_id));
        found.next().map_or_else(|| self.value(node), |id| id.to_owned().into())
    }

    fn value(&mut self, node: &Node) -> Value {
        match &node.value {
            Tree::Mapping(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.clone(), self.field(entry)));
                Value::Object(fields.collect())
            }
            Tree::List(items) => items.iter().map(|item| self.value(item)).collect(),
            _ => json::json(node, self.problems),
        }
    }

    /// An id, or a list of them, where there may be names.
    fn reference(&mut self, kind: &'static Kind, node: &Node) -> Value {
        match &node.value {
            Tree::List(items) => items.iter().map(|item| self.reference(kind, item)).collect(),
            Tree::Scalar { text, .. } if !node.is_empty() => self.id(kind, text, node.span).into(),
            _ => self.value(node),
        }
    }

    fn id(&mut self, kind: &'static Kind, name: &str, span: Span) -> String {
        let prefix = registry::prefix(kind);
        if let Some(id) = self.registry.find(prefix, name, self.vpc_id) {
            return id.to_owned();
        }
        // Kinds that share a prefix share a field, too, and ids without a form can't be told from names. In the place
        // of a subnet may be `local`.
        if !kind.prefix.is_empty() && !matches!(name, "" | "local") && !is_id(kind.prefix, name) {
            let what = format!("there is no {}", kind.name);
            let names = self.registry.names(prefix);
            let otherwise = "write its name, VPC/NAME if several VPCs have one of that name, or its id";
            let name = Spanned { value: name, span };
            not_found(&what, name, not_found_code(kind), names, otherwise, self.problems);
        }
        name.to_owned()
    }
}

/// Fields that name an object by what it is for.
const ROLES: [(&str, &str); 10] = [
    ("TargetNetworkId", "subnets"),
    ("TargetSubnet", "subnets"),
    ("VPCId", "vpcs"),
    ("HostVPCId", "vpcs"),
    ("SourceIpamPoolId", "ipam_pools"),
    ("NetworkLoadBalancerArn", "load_balancers"),
    ("GatewayLoadBalancerArn", "load_balancers"),
    ("targetArn", "load_balancers"),
    ("GatewayLoadBalancerEndpointId", "vpc_endpoints"),
    ("TransportTransitGatewayAttachmentId", "transit_gateway_vpc_attachments"),
];

/// The kind that a field names an object of, or several: `SubnetId`, `SubnetIds`, `AllocationId`.
pub(super) fn referenced(field: &str) -> Option<&'static Kind> {
    let one = field.strip_suffix('s').unwrap_or(field);
    let one = if one == "SecurityGroupId" || one == "SecurityGroup" || one == "Group" && field == "Groups" {
        "GroupId"
    } else {
        one
    };
    // `Id` alone, in whatever letters, is everybody's.
    let role = ROLES
        .iter()
        .find(|(field, _)| *field == one)
        .map(|(_, section)| *section);
    let has_own_field = |kind: &&Kind| kind.id_field.len() > 2 && kind.id_field == one || Some(kind.section) == role;
    kinds().iter().find(has_own_field)
}

/// AWS's code for an id that is nobody's, where it has one (semantics 30).
fn not_found_code(kind: &Kind) -> Option<&'static str> {
    Some(match kind.prefix {
        "vpc" => "InvalidVpcID.NotFound",
        "subnet" => "InvalidSubnetID.NotFound",
        "eni" => "InvalidNetworkInterfaceID.NotFound",
        "rtb" => "InvalidRouteTableID.NotFound",
        "acl" => "InvalidNetworkAclID.NotFound",
        "sg" => "InvalidGroup.NotFound",
        "pl" => "InvalidPrefixListID.NotFound",
        "igw" => "InvalidInternetGatewayID.NotFound",
        "eigw" | "vgw" => "InvalidGatewayID.NotFound",
        "nat" => "NatGatewayNotFound",
        "eipalloc" => "InvalidAllocationID.NotFound",
        "pcx" => "InvalidVpcPeeringConnectionID.NotFound",
        "vpce" => "InvalidVpcEndpointId.NotFound",
        "vpce-svc" => "InvalidVpcEndpointServiceId.NotFound",
        "dopt" => "InvalidDhcpOptionID.NotFound",
        _ => return None,
    })
}

/// Puts an object among the resources. Fields that it can't have, and values that they can't have, are reported.
fn put(
    object: &Object<'_>,
    name: String,
    from: Value,
    said: &Map<String, Value>,
    out: &mut Output,
    problems: &mut Problems,
) {
    let Object {
        kind,
        node,
        name: at,
        is_dumped,
    } = *object;
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let from = serde_path_to_error::Deserializer::new(from, &mut track);
    let mut ignored = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
    let from = serde_ignored::Deserializer::new(from, &mut ignored);
    let read = out.resources.read(kind, name, from, said);
    if let Err(error) = read {
        let path: Vec<_> = track.path().iter().map(ToString::to_string).collect();
        let message = format!("{} {} isn't as it should be: {error}", kind.name, quote(at.value));
        let problem = Problem::error(follow(node, at.span, &path), message);
        problems.report(problem.code("InvalidParameterValue"));
    }
    // Of a dump, it is kept.
    for path in unknown.into_iter().filter(|_| !is_dumped) {
        let steps: Vec<_> = path.split('.').filter(|step| *step != "?").collect();
        let span = follow_to_name(node, at.span, &steps);
        let field = steps.last().copied().unwrap_or_default();
        let message = format!("{} {} has no field {}", kind.name, quote(at.value), quote(field));
        let help = "put what the API has and this program doesn't know below rest";
        problems.report(Problem::error(span, message).help(help));
    }
}
