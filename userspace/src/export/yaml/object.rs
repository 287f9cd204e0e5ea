//! Objects of kinds that packets don't depend on: as the API has them, with names for ids.

use super::Writer;
use super::text::{Map, Yaml};
use crate::document::derived;
use crate::resources::Kind;
use serde_json::{Value, json};

impl Writer<'_> {
    pub(super) fn objects(&self, kind: &'static Kind) -> Map {
        let mut map = Map::default();
        let is_table = kind.section == "transit_gateway_route_tables";
        let absent = is_table.then(|| derived::Absent::of(self.all));
        for (object, mut fields, rest) in self.all.apart(kind) {
            if let Some(absent) = &absent {
                keep_out(object.id, absent, &mut fields);
            }
            let mut own = Map::default();
            let name = self.names.own(object.id);
            fields.remove(kind.id_field);
            let type_of = fields.get("Type").and_then(Value::as_str);
            let usual = derived::object_id(kind, type_of, name, (self.region, self.account));
            own.put_if(usual != object.id, kind.id_field, object.id);
            // Of a few kinds, a field of the API's says it.
            let has_label = object.name != name && kind.name_field().is_none();
            own.put_if(has_label, "Name", object.name);
            let tags = fields.remove("Tags");
            for (field, value) in &fields {
                own.put(field, self.value(field, value));
            }
            own.put_map("tags", tags.as_ref().map(tags_of).unwrap_or_default());
            own.put_map("rest", Map::from(rest));
            map.put(name, own);
        }
        map
    }

    fn value(&self, field: &str, value: &Value) -> Yaml {
        match value {
            Value::String(id) if derived::referenced(field).is_some() => self.names.path(id).into(),
            Value::Array(items) => Yaml::List(items.iter().map(|item| self.value(field, item)).collect()),
            Value::Object(fields) => {
                let mut map = Map::default();
                for (field, value) in fields {
                    map.put(field, self.value(field, value));
                }
                map.into()
            }
            other => other.into(),
        }
    }
}

/// Says of attachments that they are in no default table, since they would be in it otherwise.
fn keep_out(table: &str, absent: &derived::Absent, fields: &mut serde_json::Map<String, Value>) {
    for (field, pairs, state) in [
        ("Associations", &absent.associations, "disassociated"),
        ("TransitGatewayRouteTablePropagations", &absent.propagations, "disabled"),
    ] {
        for (_, attachment) in pairs.iter().filter(|(own, _)| own == table) {
            let entry = json!({"TransitGatewayAttachmentId": attachment, "State": state});
            let list = fields.entry(field).or_insert_with(|| json!([]));
            list.as_array_mut()
                .into_iter()
                .for_each(|list| list.push(entry.clone()));
        }
    }
}

/// A list of keys and values as a mapping.
fn tags_of(tags: &Value) -> Map {
    let mut map = Map::default();
    let text = |tag: &Value, field| tag.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    for tag in tags.as_array().into_iter().flatten() {
        map.put(&text(tag, "Key"), text(tag, "Value"));
    }
    map
}
