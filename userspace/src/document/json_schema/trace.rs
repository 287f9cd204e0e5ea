//! The shape of a type that serde reads, found out by having it read nothing.
//!
//! A type asks its deserializer for what it wants. Each time, one way through it is gone: at a struct to one of its
//! fields, at a list to an item. What is asked for at the end of the way is what is there.

use crate::resources::{Kind, Resources};
use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// The JSON Schema of an object of a kind that packets don't depend on.
pub(super) fn schema(kind: &Kind) -> Value {
    at(kind, &mut Vec::new())
}

/// The schema of what is at the end of a way.
fn at(kind: &Kind, way: &mut Vec<Step>) -> Value {
    /// No type is deeper.
    const DEPTH: usize = 16;
    let found = RefCell::new(Found::Anything);
    let tracer = Tracer { way, found: &found };
    // It is never read to its end, and what was found out stands in `found`.
    _ = Resources::default().read(kind, String::new(), tracer, &Map::new());
    if way.len() > DEPTH {
        return json!({});
    }
    let mut inside = |step| {
        way.push(step);
        let inside = at(kind, way);
        way.pop();
        inside
    };
    match found.into_inner() {
        Found::Anything => json!({}),
        Found::Word(name) => json!({ "type": name }),
        Found::Maybe => maybe(inside(Step::In)),
        Found::List => json!({ "type": "array", "items": inside(Step::In) }),
        Found::Mapping => json!({ "type": "object", "additionalProperties": inside(Step::In) }),
        Found::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|field| ((*field).to_owned(), inside(Step::Field(field))));
            let properties: Map<_, _> = fields.collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        }
    }
}

/// The same, or null.
fn maybe(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.clone(), "null"]);
    }
    schema
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    /// To the value that may be there, an item of a list, a value of a mapping.
    In,
}

enum Found {
    Anything,
    /// By the name that JSON Schema has for it.
    Word(&'static str),
    Maybe,
    List,
    Mapping,
    Struct(&'static [&'static str]),
}

#[derive(Clone, Copy)]
struct Tracer<'a> {
    way: &'a [Step],
    found: &'a RefCell<Found>,
}

impl<'a> Tracer<'a> {
    /// One step on, or the end of the way.
    fn step(self, found: Found) -> Result<(Step, Self), Error> {
        let Some((step, way)) = self.way.split_first() else {
            *self.found.borrow_mut() = found;
            return Err(Error::custom("the end of the way"));
        };
        Ok((*step, Self { way, ..self }))
    }

    fn word<T>(self, name: &'static str) -> Result<T, Error> {
        *self.found.borrow_mut() = Found::Word(name);
        Err(Error::custom("the end of the way"))
    }
}

macro_rules! words {
    ($($method:ident $name:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            self.word($name)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    words! {
        deserialize_bool "boolean";
        deserialize_i8 "integer";
        deserialize_i16 "integer";
        deserialize_i32 "integer";
        deserialize_i64 "integer";
        deserialize_u8 "integer";
        deserialize_u16 "integer";
        deserialize_u32 "integer";
        deserialize_u64 "integer";
        deserialize_f32 "number";
        deserialize_f64 "number";
        deserialize_char "string";
        deserialize_str "string";
        deserialize_string "string";
        deserialize_bytes "string";
        deserialize_byte_buf "string";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self.step(Found::Maybe)?.1)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.step(Found::List)?.1)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (_, tracer) = self.step(Found::Mapping)?;
        visitor.visit_map(Entry {
            key: Some("key"),
            tracer,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.step(Found::Struct(fields))? {
            (Step::Field(field), tracer) => visitor.visit_map(Entry {
                key: Some(field),
                tracer,
            }),
            (Step::In, _) => Err(Error::custom("no way")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.word("string")
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("anything"))
    }

    serde::forward_to_deserialize_any! { i128 u128 unit unit_struct tuple tuple_struct identifier ignored_any }
}

impl<'de> SeqAccess<'de> for Tracer<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        seed.deserialize(*self).map(Some)
    }
}

/// The one entry of a mapping.
struct Entry<'a> {
    key: Option<&'static str>,
    tracer: Tracer<'a>,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let key = self.key.take();
        let key: Option<BorrowedStrDeserializer<'_, Error>> = key.map(BorrowedStrDeserializer::new);
        key.map(|key| seed.deserialize(key.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.tracer)
    }
}
