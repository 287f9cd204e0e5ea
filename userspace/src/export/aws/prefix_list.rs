//! `describe-managed-prefix-lists`, with what `get-managed-prefix-list-entries` answers.

use super::{Context, Fields, add_details, arn, fields};
use crate::resources::{AddressFamily, PrefixList};
use serde_json::{Value, json};

pub(super) fn prefix_list(context: &Context<'_>, list: &PrefixList) -> Fields {
    let id = &*list.prefix_list_id;
    let family = match list.address_family {
        AddressFamily::Ipv4 => "IPv4",
        AddressFamily::Ipv6 => "IPv6",
    };
    let entries = list.entries.iter().map(|block| {
        let mut said = fields(json!({"Cidr": block.to_string()}));
        let description = list.descriptions.get(block).cloned();
        said.extend(description.map(|text| ("Description".to_owned(), text.into())));
        Value::Object(said)
    });
    let mut said = fields(json!({
        "PrefixListId": id,
        "PrefixListName": list.name,
        "PrefixListArn": arn(context.region, &list.details, "prefix-list", id),
        "AddressFamily": family,
        "MaxEntries": list.max_entries,
        "Version": list.version,
        "State": "create-complete",
        "Entries": entries.collect::<Vec<_>>(),
    }));
    add_details(&mut said, &list.details, None);
    said
}
