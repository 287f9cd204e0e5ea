//! `describe-network-interfaces`.

use super::{Context, Fields, fields, tags};
use crate::resources::{Allowance, ConnectionTracking, EniAssociation, NetworkInterface};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

pub(super) fn network_interface(context: &Context<'_>, eni: &NetworkInterface) -> Fields {
    let zone = context
        .subnets
        .get(&*eni.subnet_id)
        .map_or("", |subnet| &subnet.availability_zone);
    let group = |id: &String| {
        let name = context.group_names.get(&**id).copied().unwrap_or_default();
        json!({"GroupId": id, "GroupName": name})
    };
    let mut said = fields(json!({
        "NetworkInterfaceId": eni.network_interface_id,
        "VpcId": eni.vpc_id,
        "SubnetId": eni.subnet_id,
        "AvailabilityZone": zone,
        "MacAddress": eni.mac_address.to_string(),
        "PrivateIpAddresses": addresses(eni),
        "Ipv6Addresses": eni.ipv6_addresses.iter().map(|it| json!({"Ipv6Address": it})).collect::<Vec<_>>(),
        "Groups": eni.groups.iter().map(group).collect::<Vec<_>>(),
        "SourceDestCheck": eni.source_dest_check,
        "InterfaceType": eni.interface_type.name(),
        "Description": eni.description,
        "RequesterManaged": eni.requester_managed,
        "Status": if eni.attachment.is_some() { "in-use" } else { "available" },
        "TagSet": tags(&eni.details, Some((&eni.name, &eni.network_interface_id))),
    }));
    for (field, value) in optional(eni) {
        said.extend(value.map(|value| (field.to_owned(), value)));
    }
    said
}

/// What not every ENI has.
fn optional(eni: &NetworkInterface) -> [(&'static str, Option<Value>); 11] {
    let list = |list: Vec<Value>| (!list.is_empty()).then_some(Value::Array(list));
    let prefixes4 = eni.ipv4_prefixes.iter().map(|it| json!({"Ipv4Prefix": it.to_string()}));
    let prefixes6 = eni.ipv6_prefixes.iter().map(|it| json!({"Ipv6Prefix": it.to_string()}));
    let primary = eni.private_ip_addresses.first();
    let owner = &eni.details.owner_id;
    [
        ("PrivateIpAddress", primary.map(|address| json!(address))),
        ("Association", primary.and_then(|address| association_of(eni, *address))),
        ("Ipv4Prefixes", list(prefixes4.collect())),
        ("Ipv6Prefixes", list(prefixes6.collect())),
        (
            "Attachment",
            eni.attachment.as_ref().and_then(|it| serde_json::to_value(it).ok()),
        ),
        ("DenyAllIgwTraffic", eni.deny_all_igw_traffic.then_some(true.into())),
        ("RequesterId", eni.requester_id.clone().map(Value::from)),
        ("OwnerId", (!owner.is_empty()).then(|| owner.clone().into())),
        ("ConnectionTrackingConfiguration", tracking(eni.connection_tracking)),
        // No field of the API's: how much of this host's tables the ENI may use.
        ("Allowance", allowance(eni.allowance)),
        ("Ipv6Address", eni.ipv6_addresses.first().map(|address| json!(address))),
    ]
}

fn addresses(eni: &NetworkInterface) -> Vec<Value> {
    let all = eni.private_ip_addresses.iter().enumerate();
    let address = |(index, address): (usize, &Ipv4Addr)| {
        let mut said = fields(json!({"PrivateIpAddress": address, "Primary": index == 0}));
        said.extend(association_of(eni, *address).map(|association| ("Association".to_owned(), association)));
        Value::Object(said)
    };
    all.map(address).collect()
}

/// The public address of a private one.
fn association_of(eni: &NetworkInterface, address: Ipv4Addr) -> Option<Value> {
    let found = eni.associations.iter().find(|it| it.private_ip_address == address)?;
    let EniAssociation {
        public_ip,
        allocation_id,
        association_id,
        ip_owner_id,
        ..
    } = found;
    let mut said = fields(json!({"PublicIp": public_ip}));
    for (field, value) in [
        ("AllocationId", allocation_id),
        ("AssociationId", association_id),
        ("IpOwnerId", ip_owner_id),
    ] {
        said.extend(value.clone().map(|value| (field.to_owned(), value.into())));
    }
    Some(Value::Object(said))
}

/// What was set, which isn't what AWS has by itself.
fn tracking(tracking: ConnectionTracking) -> Option<Value> {
    (tracking != ConnectionTracking::default()).then(|| {
        json!({
            "TcpEstablishedTimeout": tracking.tcp_established_timeout,
            "UdpStreamTimeout": tracking.udp_stream_timeout,
            "UdpTimeout": tracking.udp_timeout,
        })
    })
}

fn allowance(allowance: Allowance) -> Option<Value> {
    (allowance != Allowance::default()).then(|| {
        json!({
            "connections": allowance.connections,
            "first_packets": allowance.first_packets,
            "first_packets_burst": allowance.first_packets_burst,
        })
    })
}
