//! Structs in the shape of the API's JSON, each field written once.
//!
//! A field with its type's default value isn't written. Whatever else the JSON says is kept by [`super::Rest`], so no
//! struct needs to have all fields.

/// Declares structs with the names of fields that the API uses, in PascalCase but for those that say otherwise. All
/// fields are public and may be missing.
macro_rules! wire {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name {$(
            $(#[$field_meta])*
            #[serde(skip_serializing_if = "crate::resources::wire::is_default")]
            pub $field: $type,
        )*}
    )*};
}

pub(super) use wire;

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
