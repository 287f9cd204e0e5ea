//! Structs in the shape of the API's JSON, each field written once.
//!
//! A field with its type's default value isn't written. Whatever else the JSON says is kept by [`super::Rest`], so no
//! struct needs to have all fields.

/// Declares structs with the names of fields that the API uses, in PascalCase but for those that say otherwise. All
/// fields are public and may be missing. Two services have camelCase.
macro_rules! wire {
    (camelCase $($structs:tt)*) => { wire! { @as "camelCase" $($structs)* } };
    (@as $case:literal $($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Clone, Debug, Default, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = $case, default)]
        $(#[$meta])*
        pub struct $name {$(
            #[serde(skip_serializing_if = "crate::resources::wire::is_default")]
            $(#[$field_meta])*
            pub $field: $type,
        )*}
    )*};
    ($($structs:tt)*) => { wire! { @as "PascalCase" $($structs)* } };
}

/// The same for kinds of objects, which also have a name, tags, and a rest.
macro_rules! noun {
    (camelCase $($structs:tt)*) => { noun! { @as "camelCase" $($structs)* } };
    (@as $case:literal $($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Clone, Debug, Default, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = $case, default)]
        $(#[$meta])*
        pub struct $name {
            /// The name in the document, or the `Name` tag of a dump.
            #[serde(skip)]
            pub name: String,
            $(
                #[serde(skip_serializing_if = "crate::resources::wire::is_default")]
                $(#[$field_meta])*
                pub $field: $type,
            )*
            #[serde(rename = "Tags", alias = "tags", with = "crate::resources::wire::tags")]
            #[serde(skip_serializing_if = "crate::resources::wire::is_default")]
            pub tags: crate::resources::Tags,
            #[serde(skip)]
            pub rest: crate::resources::Rest,
        }

        impl crate::resources::kind::Noun for $name {
            fn labels(&mut self) -> (&mut String, &mut crate::resources::Rest) {
                (&mut self.name, &mut self.rest)
            }

            fn rest(&self) -> &crate::resources::Rest {
                &self.rest
            }

            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
    ($($structs:tt)*) => { noun! { @as "PascalCase" $($structs)* } };
}

pub(super) use {noun, wire};

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether a text of the API is one of its words, whatever its case.
pub(crate) fn says(text: Option<&str>, word: &str) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case(word))
}

/// Tags as most of the API has them: a list of `Key` and `Value`. A few services print a mapping, or lower case.
pub(super) mod tags {
    use crate::resources::Tags;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tag<T> {
        #[serde(alias = "key")]
        key: T,
        #[serde(alias = "value", default)]
        value: T,
    }

    pub(in crate::resources) fn serialize<S: Serializer>(tags: &Tags, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(tags.iter().map(|(key, value)| Tag { key, value }))
    }

    pub(in crate::resources) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tags, D::Error> {
        from.deserialize_any(Labels)
    }

    struct Labels;

    impl<'de> serde::de::Visitor<'de> for Labels {
        type Value = Tags;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of tags, each with Key and Value")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Tags, A::Error> {
            let mut tags = Tags::new();
            while let Some(Tag { key, value }) = list.next_element::<Tag<String>>()? {
                tags.insert(key, value);
            }
            Ok(tags)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut mapping: A) -> Result<Tags, A::Error> {
            let mut tags = Tags::new();
            while let Some((key, value)) = mapping.next_entry::<String, String>()? {
                tags.insert(key, value);
            }
            Ok(tags)
        }
    }
}
