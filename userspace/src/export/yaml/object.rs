//! Objects of kinds that packets don't depend on: as the API has them, with names for ids.

use super::Writer;
use super::text::{Map, Yaml};
use crate::document::derived;
use crate::resources::Kind;
use serde_json::Value;

impl Writer<'_> {
    pub(super) fn objects(&self, kind: &'static Kind) -> Map {
        let mut map = Map::default();
        for (object, mut fields, rest) in self.all.apart(kind) {
            let mut own = Map::default();
            let name = self.names.own(object.id);
            fields.remove(kind.id_field);
            let usual = derived::object_id(kind, name, self.region, self.account);
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

/// A list of keys and values as a mapping.
fn tags_of(tags: &Value) -> Map {
    let mut map = Map::default();
    let text = |tag: &Value, field| tag.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    for tag in tags.as_array().into_iter().flatten() {
        map.put(&text(tag, "Key"), text(tag, "Value"));
    }
    map
}
