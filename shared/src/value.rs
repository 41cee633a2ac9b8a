//! The dynamic value: what a caller passes and receives when it knows no types.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use de::ValueDeserializer;
pub use items::Items;

use crate::reference::Reference;
use crate::wire::depth::{MAX_DEPTH, deserialize_limited, serialize_limited};

mod convert;
mod de;
mod items;
mod json;
mod ser;
#[cfg(test)]
mod tests;

/// Any value that a self-describing format (JSON, MessagePack) can carry.
///
/// postcard is not self-describing: it writes a `Value` and cannot read one.
///
/// Read one from outside through [`deserialize_limited`], as the functions here do: whatever walks over a value,
/// dropping it included, recurses once for each level.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: unit, `None`, JSON's `null`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; beyond 64 bits, MessagePack carries it as 16 bytes and gives it back so.
    Int(i128),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes; JSON shows them as a list of numbers.
    Bytes(Vec<u8>),
    /// Values in their order: a sequence or a tuple.
    List(Vec<Value>),
    /// Keys and their values in their order: a map or a struct.
    Map(Vec<(Value, Value)>),
    /// An object; only an argument or a result, or a part of one, can be it. Typed and dynamic proxies are made of the
    /// reference, and give one.
    Object(Reference),
    /// A stream; only an argument or a result, or a part of one, can be it.
    Stream(Items),
}

impl Value {
    /// The number, if this is a whole number between `i64::MIN` and `i64::MAX`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The value of the first entry whose key is this text, if this is a map that has one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map
                .iter()
                .find(|(key, _)| key.as_str() == Some(name))
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Compact text in the manner of JSON: `{"name":"x","data":[1,2.5,null]}`, with bytes as `b"\x00\xff"`, and what has no
/// text of its own between `<` and `>`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            // `Debug` keeps the point of 1.0, so that it does not look like a whole number.
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::List(list) => {
                f.write_str("[")?;
                for (i, value) in list.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{value}")?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (i, (key, value)) in map.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{key}:{value}")?;
                }
                f.write_str("}")
            }
            Self::Object(reference) => write!(f, "<{reference}>"),
            Self::Stream(_) => f.write_str("<a stream>"),
        }
    }
}

/// Turns a value of a known type into a dynamic one.
///
/// Structs become maps with text keys; enums take the form that JSON gives them: a unit variant is its name, any
/// other a map of one entry from its name to its content. Types that have a form for people (an IP address) take it.
///
/// # Errors
///
/// A number above `i128::MAX`, a value that nests deeper than [`MAX_DEPTH`] levels, and what the type itself reports.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
    serialize_limited(value, ser::ValueSerializer, MAX_DEPTH)
}

/// Turns a dynamic value into one of a known type; the other direction of [`to_value`].
///
/// Structs and the fields of a variant are read from maps and from lists (the fields in their order), lists of
/// numbers from bytes. A whole number is taken as a floating-point one when none of it is lost, never the reverse.
///
/// # Errors
///
/// The value does not fit the type; the text says what was found and what was expected.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ValueError> {
    deserialize_limited(de::ValueDeserializer(value), MAX_DEPTH)
}

/// Why a value of a known type could not become a dynamic one, or the reverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    message: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

impl serde::ser::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
        }
    }
}

impl serde::de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
        }
    }
}
