//! Dynamic values out of a format, and values of known types out of dynamic ones.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{Value, ValueError};
use crate::attach::{self, Attachment};
use crate::streaming::Streaming;

/// The most elements to make room for before they are seen: the announced number is not to be trusted.
const MAX_RESERVED: usize = 1024;

pub(super) fn reserve(announced: Option<usize>) -> usize {
    announced.unwrap_or(0).min(MAX_RESERVED)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

// The narrower numbers, borrowed text and borrowed bytes arrive at these through serde's defaults.
impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        match i128::try_from(number) {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(E::custom(format_args!(
                "number {number} is above {}",
                i128::MAX
            ))),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::with_capacity(reserve(seq.size_hint()));
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::with_capacity(reserve(entries.size_hint()));
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(attached(&map).unwrap_or(Value::Map(map)))
    }
}

/// The object or the stream whose place in the list behind the message this map is, if it is one.
fn attached(map: &[(Value, Value)]) -> Option<Value> {
    let [(Value::Text(key), Value::Int(place))] = map else {
        return None;
    };
    if key != attach::KEY {
        return None;
    }
    let taken = attach::taken(u16::try_from(*place).ok()?)?;
    match taken.attachment {
        Attachment::Reference(reference) => Some(Value::Object(reference)),
        _ => {
            let items = Streaming::arrived(taken).ok()?;
            Some(Value::Stream(items.into()))
        }
    }
}

/// Reads values of known types out of a [`Value`].
pub(crate) struct ValueDeserializer(pub(crate) Value);

impl IntoDeserializer<'_, ValueError> for ValueDeserializer {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Int(number) => visit_whole(number, visitor),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Text(text) => visitor.visit_string(text),
            Value::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Value::List(list) => visit_list(list.into_iter().map(Self), visitor),
            Value::Map(map) => {
                let mut entries = MapDeserializer::new(
                    map.into_iter().map(|(key, value)| (Self(key), Self(value))),
                );
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
            Value::Object(reference) => {
                let place = attach::lodge(Attachment::Reference(reference));
                let place = place.ok_or_else(|| {
                    ValueError::invalid_type(Unexpected::Other("an object"), &visitor)
                })?;
                let place = (Value::Text(attach::KEY.into()), Value::Int(place.into()));
                Self(Value::Map(vec![place])).deserialize_any(visitor)
            }
            Value::Stream(_) => Err(ValueError::invalid_type(unexpected(&self.0), &visitor)),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Int(number) if fits(number, f32::MANTISSA_DIGITS) => {
                visitor.visit_f32(number as f32)
            }
            Value::Int(number) => Err(inexact(number, "f32")),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Int(number) if fits(number, f64::MANTISSA_DIGITS) => {
                visitor.visit_f64(number as f64)
            }
            Value::Int(number) => Err(inexact(number, "f64")),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    // MessagePack writes a unit struct as an empty list.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::List(list) if list.is_empty() => visitor.visit_unit(),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Bytes(bytes) => visit_list(bytes.into_iter(), visitor),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let (name, content) = match self.0 {
            Value::Map(map) => match <[_; 1]>::try_from(map) {
                Ok([(name, content)]) => (name, Some(content)),
                Err(map) => {
                    let expected = "a map of one entry from a variant to its content";
                    return Err(ValueError::invalid_length(map.len(), &expected));
                }
            },
            name @ Value::Text(_) => (name, None),
            other => return Err(ValueError::invalid_type(unexpected(&other), &visitor)),
        };
        visitor.visit_enum(Variant { name, content })
    }

    // Derived visitors take the number of a field or of a variant as `u64` only.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Int(number) if u64::try_from(number).is_ok() => visitor.visit_u64(number as u64),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit map struct
    }
}

fn visit_whole<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, ValueError> {
    if let Ok(number) = i64::try_from(number) {
        return visitor.visit_i64(number);
    }
    match u64::try_from(number) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_i128(number),
    }
}

fn visit_list<'de, V, I>(list: I, visitor: V) -> Result<V::Value, ValueError>
where
    V: Visitor<'de>,
    I: Iterator<Item: IntoDeserializer<'de, ValueError>>,
{
    let mut elements = SeqDeserializer::new(list);
    let value = visitor.visit_seq(&mut elements)?;
    elements.end()?;
    Ok(value)
}

/// Whether a floating-point number with so many binary digits is exactly this one.
fn fits(number: i128, digits: u32) -> bool {
    let size = number.unsigned_abs();
    size == 0 || u128::BITS - size.leading_zeros() - size.trailing_zeros() <= digits
}

fn inexact(number: i128, target: &str) -> ValueError {
    ValueError::custom(format_args!("whole number {number} has no exact {target}"))
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => Unexpected::Signed(number),
            (_, Ok(number)) => Unexpected::Unsigned(number),
            _ => Unexpected::Other("a number of 128 bits"),
        },
        Value::Float(number) => Unexpected::Float(*number),
        Value::Text(text) => Unexpected::Str(text),
        Value::Bytes(bytes) => Unexpected::Bytes(bytes),
        Value::List(_) => Unexpected::Seq,
        Value::Map(_) => Unexpected::Map,
        Value::Object(_) => Unexpected::Other("an object"),
        Value::Stream(_) => Unexpected::Other("a stream"),
    }
}

/// The variant of an enum: its name, and its content unless it has none.
struct Variant {
    name: Value,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = ValueError;
    type Variant = Content;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Content), ValueError> {
        Ok((
            seed.deserialize(ValueDeserializer(self.name))?,
            Content(self.content),
        ))
    }
}

struct Content(Option<Value>);

impl Content {
    fn require(self, expected: &str) -> Result<Value, ValueError> {
        self.0
            .ok_or_else(|| ValueError::invalid_type(Unexpected::UnitVariant, &expected))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(other) => Err(ValueError::invalid_type(
                unexpected(&other),
                &"a variant without content",
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ValueError> {
        seed.deserialize(ValueDeserializer(self.require("a variant with content")?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        ValueDeserializer(self.require("a variant with a list of fields")?).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        ValueDeserializer(self.require("a variant with named fields")?).deserialize_any(visitor)
    }
}
