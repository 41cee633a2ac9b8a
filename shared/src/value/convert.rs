//! Dynamic values from plain Rust ones.

use super::Value;
use crate::reference::Reference;
use crate::streaming::Streaming;

macro_rules! from_number {
    ($($type:ty)*) => {$(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Int(i128::from(number))
            }
        }
    )*};
}

// Not `u8`: a `Vec<u8>` would become a list, and most mean `Value::Bytes`.
from_number! { i32 i64 u32 u64 }

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Self::Object(reference)
    }
}

impl From<Streaming<Value>> for Value {
    fn from(items: Streaming<Value>) -> Self {
        Self::Stream(items.into())
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
