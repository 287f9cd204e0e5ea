//! Two values to the fewest fields that differ.

use super::identity::by_identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Names with dots between them; an element of a list by what it is, in brackets: `Routes[10.9.0.0/16].State`.
    pub path: String,
    /// None if there was nothing, and likewise below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What differs between two values, in order of the paths.
pub(super) fn fields(before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Field>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(path, before.get(name), after.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => match (by_identity(one), by_identity(other)) {
            (Some(one), Some(other)) if one != other => {
                let identities: BTreeSet<_> = one.keys().chain(other.keys()).collect();
                for identity in identities {
                    let (one, other) = (one.get(identity).copied(), other.get(identity).copied());
                    compare(format!("{path}[{identity}]"), one, other, found);
                }
            }
            // What the elements are doesn't tell them apart, or it is their order alone that differs.
            _ => found.push(field(path, before, after)),
        },
        _ => found.push(field(path, before, after)),
    }
}

fn field(path: String, before: Option<&Value>, after: Option<&Value>) -> Field {
    Field {
        path,
        before: before.cloned(),
        after: after.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn paths(before: &Value, after: &Value) -> Vec<String> {
        fields(before, after).into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn a_route_among_many_is_told_by_its_destination() {
        let routes = |state: &str| {
            json!({"Routes": [
                {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": state},
            ]})
        };
        let found = fields(&routes("active"), &routes("blackhole"));
        let expected = Field {
            path: "Routes[0.0.0.0/0].State".to_owned(),
            before: Some(json!("active")),
            after: Some(json!("blackhole")),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn an_element_that_comes_in_front_leaves_the_others_alone() {
        let entries = |numbers: &[u16]| -> Value {
            let entry = |number: &u16| json!({"RuleNumber": number, "Egress": false, "RuleAction": "allow"});
            json!({"Entries": numbers.iter().map(entry).collect::<Vec<_>>()})
        };
        assert_eq!(
            paths(&entries(&[100, 200]), &entries(&[50, 200, 100])),
            ["Entries[50 false]"]
        );
    }

    #[test]
    fn a_block_is_told_below_the_permission_it_belongs_to() {
        let permissions = |blocks: &[&str]| {
            let ranges: Vec<_> = blocks.iter().map(|block| json!({"CidrIp": block})).collect();
            json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}]})
        };
        let found = paths(
            &permissions(&["10.0.0.0/8"]),
            &permissions(&["10.0.0.0/8", "192.0.2.0/24"]),
        );
        assert_eq!(found, ["IpPermissions[tcp 22 22].IpRanges[192.0.2.0/24]"]);
    }

    #[test]
    fn lists_whose_order_alone_differs_differ_as_a_whole() {
        assert_eq!(
            paths(&json!({"DnsServers": ["a", "b"]}), &json!({"DnsServers": ["b", "a"]})),
            ["DnsServers"]
        );
        assert_eq!(
            paths(&json!({"DnsServers": ["a", "a"]}), &json!({"DnsServers": ["a"]})),
            ["DnsServers"]
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0_u8..5).prop_map(Value::from),
            "[a-c]{1,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![Just("Key"), Just("CidrIp"), Just("State"), Just("Routes")];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_differs_if_and_only_if_the_values_are_equal(before in value(), after in value()) {
            prop_assert_eq!(fields(&before, &after).is_empty(), before == after);
        }

        #[test]
        fn what_differs_is_the_same_the_other_way_round(before in value(), after in value()) {
            let turned = |field: Field| Field { before: field.after, after: field.before, ..field };
            let back: Vec<_> = fields(&after, &before).into_iter().map(turned).collect();
            prop_assert_eq!(fields(&before, &after), back);
        }
    }
}
