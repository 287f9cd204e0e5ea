//! What a configuration would change: objects, guests, connections, and how full the tables would be.

mod diff;
mod gather;
mod identity;
mod text;

pub use diff::Field;
pub use gather::judge;

use crate::cut::Consequences;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Field names are part of the command's output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The generation that is in force; none if nothing is up.
    pub generation: Option<u64>,
    /// In order of kind and id.
    pub changes: Vec<Change>,
    pub connections: Consequences,
    pub tables: Vec<TableSize>,
    /// What people call the objects whose ids stand in the changes.
    pub names: BTreeMap<String, String>,
}

/// An object that would be another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub action: Action,
    /// What it is, such as `security group`.
    pub kind: String,
    pub id: String,
    /// With its VPC's name before it, if it is in one.
    pub name: String,
    /// What differs; nothing if the object comes or goes as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// The object that comes or goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Change,
    Delete,
}

/// How many rows a table has, and would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    pub table: String,
    pub rows_before: u64,
    pub rows_after: u64,
    /// For both the configuration in force and the next; none if nothing is loaded yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
}

impl Preview {
    /// Whether nothing would be another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}

/// An object on its way into a comparison.
#[derive(Clone, Debug)]
struct Described {
    /// Where its kind stands among all kinds, and its id.
    order: (usize, String),
    kind: String,
    name: String,
    fields: Map<String, Value>,
}

/// The changes that make the one list of objects of the other.
fn changes(before: Vec<Described>, after: Vec<Described>) -> Vec<Change> {
    let by_order =
        |list: Vec<Described>| -> BTreeMap<_, _> { list.into_iter().map(|it| (it.order.clone(), it)).collect() };
    let (mut before, after) = (by_order(before), by_order(after));
    let mut changes = BTreeMap::new();
    for (order, after) in after {
        let change = match before.remove(&order) {
            None => Some(whole(Action::Create, after)),
            Some(before) => changed(before, after),
        };
        changes.extend(change.map(|change| (order, change)));
    }
    changes.extend(
        before
            .into_iter()
            .map(|(order, gone)| (order, whole(Action::Delete, gone))),
    );
    changes.into_values().collect()
}

fn whole(action: Action, object: Described) -> Change {
    Change {
        action,
        kind: object.kind,
        id: object.order.1,
        name: object.name,
        fields: Vec::new(),
        object: Some(Value::Object(object.fields)),
    }
}

fn changed(before: Described, after: Described) -> Option<Change> {
    let fields = diff::fields(&Value::Object(before.fields), &Value::Object(after.fields));
    (!fields.is_empty()).then_some(Change {
        action: Action::Change,
        kind: after.kind,
        id: after.order.1,
        name: after.name,
        fields,
        object: None,
    })
}
