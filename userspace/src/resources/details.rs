//! What every AWS object has, and no packet ever depends on.

use serde_json::Value;
use std::collections::BTreeMap;

/// Who an object belongs to, how people label it, and what AWS said of it that no field here has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `OwnerId`: 12 digits.
    pub owner_id: String,
    pub tags: Tags,
    pub rest: Rest,
}

/// Labels by key. `Name` is among them only where it isn't the object's name.
pub type Tags = BTreeMap<String, String>;

/// What the JSON of an object says beyond, or otherwise than, the fields of its struct: a merge patch (RFC 7386) to be
/// laid over what the struct writes, in which lists of the same length are laid over each other item by item. `null` is
/// a field that the struct writes and the JSON didn't have.
pub type Rest = serde_json::Map<String, Value>;
