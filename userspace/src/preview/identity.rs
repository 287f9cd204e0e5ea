//! What tells one element of a list from the others, so that a list is compared by what its elements are and not by
//! where they stand.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What makes up an element's identity. The first of these of which an element has at least the first field is taken;
/// the others of it are added as far as the element has them.
const IDENTITIES: [&[&str]; 22] = [
    &["SecurityGroupRuleId"],
    &["RuleNumber", "Egress"],
    &["TrafficMirrorFilterRuleId"],
    &["DestinationCidrBlock"],
    &["DestinationIpv6CidrBlock"],
    &["DestinationPrefixListId"],
    &["IpProtocol", "FromPort", "ToPort"],
    &["Key"],
    &["CidrIp"],
    &["CidrIpv6"],
    &["UserId", "GroupId"],
    &["GroupId"],
    &["PrefixListId"],
    &["PrivateIpAddress"],
    &["Ipv6Address"],
    &["CidrBlock"],
    &["Ipv6CidrBlock"],
    &["Cidr"],
    &["SubnetId"],
    &["GatewayId"],
    &["NetworkInterfaceId"],
    &["Name", "Type"],
];

/// The elements of a list by what they are, if that is different for each of them.
pub(super) fn by_identity(list: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let mut found = BTreeMap::new();
    for element in list {
        if found.insert(identity(element)?, element).is_some() {
            return None;
        }
    }
    Some(found)
}

fn identity(element: &Value) -> Option<String> {
    match element {
        Value::Object(fields) => of_object(fields),
        Value::Array(_) | Value::Null => None,
        scalar => Some(words(scalar)),
    }
}

fn of_object(fields: &Map<String, Value>) -> Option<String> {
    let mut identities = IDENTITIES.into_iter();
    let names = identities.find(|names| names.first().is_some_and(|first| fields.contains_key(*first)))?;
    let values: Vec<_> = names.iter().filter_map(|name| fields.get(*name)).map(words).collect();
    Some(values.join(" "))
}

/// A value without quotation marks where it needs none.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
