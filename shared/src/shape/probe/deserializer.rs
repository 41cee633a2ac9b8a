//! The questions that a type may ask, each answered by where the probe is.

use std::any::type_name;

use serde::de::{Deserializer, Visitor};

use super::access::{Choice, Entry};
use super::{Answer, Container, Kind, Pick, Place, Probe, Step, Stop, Turn};
use crate::shape::Type;

fn container<V>(name: &'static str, kind: Kind) -> Answer {
    Answer::Container(Container {
        name,
        kind,
        visitor: type_name::<V>(),
    })
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ident $ty:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit(self.leaf(Type::$ty)?.number as $number)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_i8 visit_i8 i8 I8,
        deserialize_i16 visit_i16 i16 I16,
        deserialize_i32 visit_i32 i32 I32,
        deserialize_i64 visit_i64 i64 I64,
        deserialize_i128 visit_i128 i128 I128,
        deserialize_u8 visit_u8 u8 U8,
        deserialize_u16 visit_u16 u16 U16,
        deserialize_u32 visit_u32 u32 U32,
        deserialize_u64 visit_u64 u64 U64,
        deserialize_u128 visit_u128 u128 U128,
        deserialize_f32 visit_f32 f32 F32,
        deserialize_f64 visit_f64 f64 F64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_bool(self.leaf(Type::Bool)?.number == 1)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_char(char::from(b'0' + self.leaf(Type::Char)?.number))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_bytes(self.leaf(Type::Bytes)?.bytes)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_byte_buf(self.leaf(Type::Bytes)?.bytes.to_vec())
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.leaf(Type::Unit)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if let Place::Name(name) = self.place {
            return visitor.visit_borrowed_str(name);
        }
        match self.leaf(Type::Any)?.text {
            "" => visitor.visit_unit(),
            text => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(Answer::Option)? {
            Turn::Follow(Step::Some, inner) => visitor.visit_some(inner),
            Turn::Follow(..) => Err(Stop),
            Turn::Fill(_) => visitor.visit_none(),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(container::<V>(name, Kind::Newtype))? {
            Turn::Follow(Step::Newtype, inner) | Turn::Fill(inner) => {
                visitor.visit_newtype_struct(inner)
            }
            Turn::Follow(..) => Err(Stop),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.items(Answer::Seq, 0, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.items(Answer::Tuple(len), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.items(container::<V>(name, Kind::Tuple(len)), len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(Answer::Map)? {
            Turn::Follow(Step::Key, key) => visitor.visit_map(Entry::key(key)),
            Turn::Follow(Step::Value, value) => visitor.visit_map(Entry::value(value)),
            Turn::Follow(..) => Err(Stop),
            Turn::Fill(_) => visitor.visit_map(Entry::none()),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fields(
            container::<V>(name, Kind::Struct(fields)),
            fields.len(),
            visitor,
        )
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.turn::<V::Value>(container::<V>(name, Kind::Enum(variants)))? {
            Turn::Follow(Step::Variant(name), content) => {
                visitor.visit_enum(Choice { name, content })
            }
            Turn::Follow(..) => Err(Stop),
            Turn::Fill(content) => {
                let pick = match content.run.how.filler.variant {
                    Pick::First => variants.first(),
                    Pick::Last => variants.last(),
                };
                visitor.visit_enum(Choice {
                    name: pick.ok_or(Stop)?,
                    content,
                })
            }
        }
    }
}
