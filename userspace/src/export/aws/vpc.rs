//! `describe-vpcs` and `describe-subnets`.

use super::{Context, Fields, add_details, arn, fields, joint};
use crate::resources::{Subnet, Vpc};
use ipnet::Ipv6Net;
use serde_json::{Value, json};

/// The Region that is assumed where nothing says it.
const REGION: &str = "us-east-1";

pub(super) fn vpc(context: &Context<'_>, vpc: &Vpc) -> Fields {
    let id = &*vpc.vpc_id;
    let blocks = std::iter::once(&vpc.cidr_block).chain(&vpc.secondary_cidr_blocks);
    let associations = blocks.map(|block| {
        let block = block.to_string();
        json!({
            "AssociationId": joint("vpc-cidr-assoc", &[id, &block]),
            "CidrBlock": block,
            "CidrBlockState": {"State": "associated"},
        })
    });
    let mut said = fields(json!({
        "VpcId": id,
        "CidrBlock": vpc.cidr_block.to_string(),
        "CidrBlockAssociationSet": associations.collect::<Vec<_>>(),
        "DhcpOptionsId": vpc.dhcp_options_id.as_deref().unwrap_or("default"),
        "InstanceTenancy": "default",
        "IsDefault": vpc.is_default,
        "State": "available",
    }));
    if !vpc.ipv6_cidr_blocks.is_empty() {
        said.insert(
            "Ipv6CidrBlockAssociationSet".to_owned(),
            ipv6("vpc-cidr-assoc", id, &vpc.ipv6_cidr_blocks),
        );
    }
    add_calls_of_their_own(context, vpc, &mut said);
    add_details(&mut said, &vpc.details, Some((&vpc.name, id)));
    said
}

/// What the API answers elsewhere, where it isn't what is assumed.
fn add_calls_of_their_own(context: &Context<'_>, vpc: &Vpc, said: &mut Fields) {
    if !vpc.enable_dns_support {
        said.insert("EnableDnsSupport".to_owned(), json!({"Value": false}));
    }
    if vpc.enable_dns_hostnames != vpc.is_default {
        let hostnames = json!({"Value": vpc.enable_dns_hostnames});
        said.insert("EnableDnsHostnames".to_owned(), hostnames);
    }
    if vpc.region != REGION && !vpc.region.is_empty() && !context.has_zone(vpc) {
        said.insert("Region".to_owned(), vpc.region.clone().into());
    }
}

pub(super) fn subnet(context: &Context<'_>, subnet: &Subnet) -> Fields {
    let id = &*subnet.subnet_id;
    let ipv6_blocks: Vec<_> = subnet.ipv6_cidr_block.into_iter().collect();
    let mut said = fields(json!({
        "SubnetId": id,
        "VpcId": subnet.vpc_id,
        "CidrBlock": subnet.cidr_block.to_string(),
        "Ipv6CidrBlockAssociationSet": ipv6("subnet-cidr-assoc", id, &ipv6_blocks),
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
        "AssignIpv6AddressOnCreation": subnet.assign_ipv6_address_on_creation,
        "EnableDns64": subnet.enable_dns64,
        "DefaultForAz": subnet.default_for_az,
        "Ipv6Native": false,
        "State": "available",
        "SubnetArn": arn(context.region_of(&subnet.vpc_id), &subnet.details, "subnet", id),
    }));
    add_details(&mut said, &subnet.details, Some((&subnet.name, id)));
    said
}

fn ipv6(prefix: &str, id: &str, blocks: &[Ipv6Net]) -> Value {
    let association = |block: &str| {
        json!({
            "AssociationId": joint(prefix, &[id, block]),
            "Ipv6CidrBlock": block,
            "Ipv6CidrBlockState": {"State": "associated"},
        })
    };
    blocks.iter().map(|block| association(&block.to_string())).collect()
}
