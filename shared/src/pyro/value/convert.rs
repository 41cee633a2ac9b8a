//! Python's values from plain Rust ones, and to and from farcall's dynamic values.

use super::{BigInt, PyValue, Wtf8, put_date, put_timestamp};
use crate::value::Value;
use crate::wire::depth::MAX_DEPTH;

/// A Python value that farcall's dynamic value has no place for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// An integer beyond 128 bits.
    #[error("the integer {0} has more than 128 bits")]
    BigInt(BigInt),
    /// A text with halves of characters.
    #[error("the text {0:?} holds a lone surrogate, which is no character")]
    Surrogate(Wtf8),
    /// A complex number.
    #[error("a complex number has no form here")]
    Complex,
    /// Deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A reference to an object, which only a connection can hand out.
    #[error("an object has no form here")]
    Object,
    /// A stream, which only a whole result can be.
    #[error("a stream has no form inside of other values")]
    Stream,
}

/// A list or a map of farcall's becomes a list or a dict; nothing is lost.
impl TryFrom<Value> for PyValue {
    type Error = ConvertError;

    fn try_from(value: Value) -> Result<Self, ConvertError> {
        Ok(match value {
            Value::Null => Self::None,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(number) => Self::Int(number),
            Value::Float(number) => Self::Float(number),
            Value::Text(text) => Self::Str(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::List(list) => {
                let elements = list.into_iter().map(Self::try_from);
                Self::List(elements.collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let entry = |(key, value)| Ok((Self::try_from(key)?, Self::try_from(value)?));
                Self::Dict(map.into_iter().map(entry).collect::<Result<_, _>>()?)
            }
            Value::Object(_) => return Err(ConvertError::Object),
            Value::Stream(_) => return Err(ConvertError::Stream),
        })
    }
}

/// Tuples and sets become lists, dates and times text in the form of ISO 8601.
impl TryFrom<PyValue> for Value {
    type Error = ConvertError;

    fn try_from(value: PyValue) -> Result<Self, ConvertError> {
        to_value(value, MAX_DEPTH)
    }
}

fn to_value(value: PyValue, levels_left: usize) -> Result<Value, ConvertError> {
    let below = || levels_left.checked_sub(1).ok_or(ConvertError::TooDeep);
    Ok(match value {
        PyValue::None => Value::Null,
        PyValue::Bool(value) => Value::Bool(value),
        PyValue::Int(number) => Value::Int(number),
        PyValue::Big(number) => return Err(ConvertError::BigInt(number)),
        PyValue::Float(number) => Value::Float(number),
        PyValue::Complex(..) => return Err(ConvertError::Complex),
        PyValue::Str(text) => Value::Text(text),
        PyValue::Wtf8(text) => return Err(ConvertError::Surrogate(text)),
        PyValue::Bytes(bytes) => Value::Bytes(bytes),
        PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements) => {
            let below = below()?;
            let elements = elements.into_iter().map(|element| to_value(element, below));
            Value::List(elements.collect::<Result<_, _>>()?)
        }
        PyValue::Dict(entries) => {
            let below = below()?;
            let entry = |(key, value)| Ok((to_value(key, below)?, to_value(value, below)?));
            Value::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
        PyValue::Timestamp(seconds) => text(|out| put_timestamp(out, seconds)),
        PyValue::Date(ordinal) => text(|out| put_date(out, ordinal)),
    })
}

fn text(put: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    put(&mut out);
    Value::Text(String::from_utf8_lossy(&out).into_owned())
}

impl From<&str> for PyValue {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for PyValue {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for PyValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for PyValue {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}

impl From<f64> for PyValue {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl<T: Into<PyValue>> From<Option<T>> for PyValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
