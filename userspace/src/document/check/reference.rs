//! Whether there is what an object names by its id (the rows of semantics 30 that end with NotFound or Malformed).

use super::context::Context;
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::ids::is_id;
use crate::resources::{Kind, Object, Resources, RouteTarget, kind_of_id, kinds};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A kind of object as others name it.
struct Named {
    /// What ids begin with.
    prefix: &'static str,
    not_found: &'static str,
    malformed: &'static str,
    /// In the fields of these names, be it one id or a list.
    fields: &'static [&'static str],
}

const NAMED: &[Named] = &[
    Named {
        prefix: "vpc",
        not_found: "InvalidVpcID.NotFound",
        malformed: "InvalidVpcID.Malformed",
        fields: &["VpcId"],
    },
    Named {
        prefix: "subnet",
        not_found: "InvalidSubnetID.NotFound",
        malformed: "InvalidSubnetID.Malformed",
        fields: &["SubnetId", "SubnetIds", "TargetNetworkId", "TargetSubnet"],
    },
    Named {
        prefix: "rtb",
        not_found: "InvalidRouteTableID.NotFound",
        malformed: "InvalidRouteTableID.Malformed",
        fields: &["RouteTableIds"],
    },
    Named {
        prefix: "sg",
        not_found: "InvalidGroup.NotFound",
        malformed: "InvalidGroupId.Malformed",
        fields: &["GroupId", "SecurityGroupIds", "SecurityGroups"],
    },
    Named {
        prefix: "eni",
        not_found: "InvalidNetworkInterfaceID.NotFound",
        malformed: "InvalidNetworkInterfaceID.Malformed",
        fields: &["NetworkInterfaceId"],
    },
    Named {
        prefix: "eipalloc",
        not_found: "InvalidAllocationID.NotFound",
        malformed: "InvalidAllocationID.Malformed",
        fields: &["AllocationId"],
    },
    Named {
        prefix: "igw",
        not_found: "InvalidInternetGatewayID.NotFound",
        malformed: "InvalidInternetGatewayID.Malformed",
        fields: &[],
    },
    Named {
        prefix: "eigw",
        not_found: "InvalidGatewayID.NotFound",
        malformed: "InvalidGatewayID.Malformed",
        fields: &[],
    },
    Named {
        prefix: "nat",
        not_found: "NatGatewayNotFound",
        malformed: "NatGatewayMalformed",
        fields: &[],
    },
    Named {
        prefix: "pcx",
        not_found: "InvalidVpcPeeringConnectionID.NotFound",
        malformed: "InvalidVpcPeeringConnectionID.Malformed",
        fields: &[],
    },
    Named {
        prefix: "pl",
        not_found: "InvalidPrefixListID.NotFound",
        malformed: "InvalidPrefixListID.Malformed",
        fields: &["PrefixListId"],
    },
    Named {
        prefix: "vpce",
        not_found: "InvalidVpcEndpointId.NotFound",
        malformed: "InvalidVpcEndpointId.Malformed",
        fields: &["GatewayLoadBalancerEndpointId"],
    },
    Named {
        prefix: "tgw",
        not_found: "InvalidTransitGatewayID.NotFound",
        malformed: "InvalidTransitGatewayID.Malformed",
        fields: &["TransitGatewayId"],
    },
    Named {
        prefix: "tgw-attach",
        not_found: "InvalidTransitGatewayAttachmentID.NotFound",
        malformed: "InvalidTransitGatewayAttachmentID.Malformed",
        fields: &["TransitGatewayAttachmentId"],
    },
    Named {
        prefix: "tgw-rtb",
        not_found: "InvalidRouteTableID.NotFound",
        malformed: "InvalidRouteTableID.Malformed",
        fields: &["TransitGatewayRouteTableId"],
    },
    Named {
        prefix: "vgw",
        not_found: "InvalidVpnGatewayID.NotFound",
        malformed: "InvalidVpnGatewayID.Malformed",
        fields: &["VpnGatewayId"],
    },
    Named {
        prefix: "cgw",
        not_found: "InvalidCustomerGatewayID.NotFound",
        malformed: "InvalidCustomerGatewayID.Malformed",
        fields: &["CustomerGatewayId"],
    },
    Named {
        prefix: "dopt",
        not_found: "InvalidDhcpOptionID.NotFound",
        malformed: "InvalidDhcpOptionID.Malformed",
        fields: &[],
    },
    Named {
        prefix: "tmt",
        not_found: "InvalidTrafficMirrorTargetId.NotFound",
        malformed: "InvalidTrafficMirrorTargetId.Malformed",
        fields: &["TrafficMirrorTargetId"],
    },
    Named {
        prefix: "tmf",
        not_found: "InvalidTrafficMirrorFilterId.NotFound",
        malformed: "InvalidTrafficMirrorFilterId.Malformed",
        fields: &["TrafficMirrorFilterId"],
    },
    Named {
        prefix: "ipam-pool",
        not_found: "InvalidIpamPoolId.NotFound",
        malformed: "InvalidIpamPoolId.Malformed",
        fields: &["SourceIpamPoolId"],
    },
];

/// Kinds whose objects name what others own, or what only AWS knows.
const FREE: [&str; 6] = [
    "vpc_peering_connections",
    "vpc_endpoint_connections",
    "reservations",
    "hosted_zones",
    "network_insights_paths",
    "network_insights_analyses",
];

/// What only AWS makes, for its own services, so that nobody has to write it; and rules whose `GroupId` is a group of
/// people in a directory.
const OF_SERVICES: [&str; 4] = [
    "AuthorizationRules",
    "LoadBalancerAddresses",
    "NatGatewayAddresses",
    "TransitGatewayAttachments",
];

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let mut missing = Missing {
        all,
        known: known(all.all),
        unknown: BTreeMap::new(),
    };
    for kind in kinds()
        .iter()
        .filter(|kind| !kind.is_core && !FREE.contains(&kind.section))
    {
        for (object, fields) in all.all.write(kind) {
            missing.object(object, &fields, problems);
        }
    }
    missing.routes(problems);
    for vpc in &all.all.vpcs {
        if let Some(options) = vpc.dhcp_options_id.as_deref().filter(|id| *id != "default") {
            let sets = NAMED.iter().find(|named| named.prefix == "dopt");
            missing.id(&vpc.vpc_id, &["dhcp_options".to_owned()], options, sets, problems);
        }
    }
    missing.tell(problems);
}

/// What ids of the objects of a configuration begin with.
fn known(all: &Resources) -> BTreeSet<&'static str> {
    kinds()
        .iter()
        .filter(|kind| !all.objects(kind).is_empty())
        .map(|kind| kind.prefix)
        .collect()
}

struct Missing<'c, 'a> {
    all: &'c Context<'a>,
    known: BTreeSet<&'static str>,
    /// The first reference to each kind of which there is nothing at all, and to how many.
    unknown: BTreeMap<&'static str, (Span, String, usize)>,
}

impl Missing<'_, '_> {
    fn object(&mut self, object: Object<'_>, fields: &Map<String, Value>, problems: &mut Problems) {
        let shared = [
            ("TransitGatewayOwnerId", "TransitGatewayId"),
            ("VpcOwnerId", "VpcId"),
            ("VpcOwnerId", "SubnetIds"),
        ];
        let owner = fields.get("OwnerId").and_then(Value::as_str);
        for (field, value) in fields {
            let others = shared.iter().any(|(whose, what)| {
                let whose = fields.get(*whose).and_then(Value::as_str);
                field == what && whose.is_some_and(|whose| !self.is_ours(whose, owner))
            });
            if field != object.kind.id_field && !others {
                self.value(object, &mut vec![field.clone()], field, value, problems);
            }
        }
    }

    /// Whether an account is that of a VPC of the configuration, or the object's own.
    fn is_ours(&self, account: &str, owner: Option<&str>) -> bool {
        owner == Some(account) || self.all.all.vpcs.iter().any(|vpc| vpc.details.owner_id == account)
    }

    fn value(
        &mut self,
        object: Object<'_>,
        path: &mut Vec<String>,
        field: &str,
        value: &Value,
        problems: &mut Problems,
    ) {
        match value {
            Value::String(text) => {
                let expected = NAMED.iter().find(|named| named.fields.contains(&field));
                let is_any = field == "ResourceId" && object.kind.section == "flow_logs";
                if expected.is_some() || is_any {
                    self.id(object.id, path, text, expected, problems);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.value(object, path, field, item, problems);
                    path.pop();
                }
            }
            Value::Object(fields) if !OF_SERVICES.contains(&field) => {
                for (field, value) in fields {
                    path.push(field.clone());
                    self.value(object, path, field, value, problems);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Looks for an object, whose absence is told at a field.
    fn id(&mut self, of: &str, path: &[String], id: &str, expected: Option<&'static Named>, problems: &mut Problems) {
        if self.all.has(id) || matches!(id, "" | "local") {
            return;
        }
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let span = self.all.place((of, &path));
        let prefix = expected
            .map(|named| named.prefix)
            .or_else(|| Some(kind_of_id(id)?.prefix));
        if prefix.is_some_and(|prefix| is_id(prefix, id)) {
            self.absent(span, id, problems);
        } else if !problems.is_told(span) {
            let code = expected.map_or("InvalidParameterValue", |named| named.malformed);
            let problem = Problem::error(
                span,
                format!("{} is the id of nothing that could be meant here", quote(id)),
            );
            problems.report(
                problem
                    .code(code)
                    .help("name an object of this configuration, or write its id"),
            );
        }
    }

    fn absent(&mut self, span: Span, id: &str, problems: &mut Problems) {
        let Some(kind) = kind_of_id(id) else { return };
        let Some(named) = NAMED.iter().find(|named| named.prefix == kind.prefix) else {
            return;
        };
        if self.known.contains(named.prefix) {
            let problem = Problem::error(span, format!("there is no {} {id}", kind.name)).code(named.not_found);
            problems.report(problem.help("name one of this configuration, or add it"));
        } else {
            let first = || (span, id.to_owned(), 0);
            self.unknown.entry(named.prefix).or_insert_with(first).2 += 1;
        }
    }

    fn routes(&mut self, problems: &mut Problems) {
        for table in &self.all.all.route_tables {
            for route in table
                .routes
                .iter()
                .filter(|route| route.state == crate::resources::RouteState::Active)
            {
                let (RouteTarget::Gateway(id)
                | RouteTarget::NatGateway(id)
                | RouteTarget::EgressOnlyInternetGateway(id)
                | RouteTarget::VpcPeeringConnection(id)
                | RouteTarget::TransitGateway(id)
                | RouteTarget::VpcEndpoint(id)) = &route.target
                else {
                    continue;
                };
                if !self.all.has(id) {
                    self.absent(self.all.route_place(table, route), id, problems);
                }
            }
        }
    }

    /// Of a kind of which nothing is known, nothing can be said but that.
    fn tell(self, problems: &mut Problems) {
        for (prefix, (span, id, count)) in self.unknown {
            let Some(kind) = kinds().iter().find(|kind: &&Kind| kind.prefix == prefix) else {
                continue;
            };
            let more = if count > 1 {
                format!(", nor of {} more references to some", count - 1)
            } else {
                String::new()
            };
            let message = format!("no {} is known, so nothing can be said of {id}{more}", kind.name);
            let help = format!("add them below {}, or what `aws {}` prints", kind.section, call(kind));
            problems.report(Problem::warning(span, message).help(help));
        }
    }
}

/// The command that prints them.
fn call(kind: &Kind) -> String {
    if kind.call.contains(' ') {
        kind.call.to_owned()
    } else {
        format!("ec2 {}", kind.call)
    }
}
