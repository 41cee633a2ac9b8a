//! A Python value, as the serializers of Pyro5 carry them.

mod big_int;
mod convert;
mod dates;
mod wtf8;

pub use big_int::BigInt;
pub use convert::ConvertError;
pub use wtf8::Wtf8;

pub(super) use big_int::IntError;
pub(super) use dates::{MAX_DATE_ORDINAL, is_timestamp, put_date, put_timestamp};
pub(super) use wtf8::{Piece, put_surrogate};

/// Any value that one of Pyro5's serializers carries.
///
/// Objects of other classes are dicts with a key `__class__`; see [`payload`](super::payload) for those with a meaning.
///
/// | variant | serpent | json | msgpack | marshal |
/// |---|---|---|---|---|
/// | None, Bool, Int, Big, Float, Str, List | yes | yes | yes | yes |
/// | Wtf8 | yes | no | no | yes |
/// | Complex | yes | no | yes | yes |
/// | Bytes | a dict of base64, read as bytes again | no | yes | yes |
/// | Tuple | yes | a list | a list | yes |
/// | Set | yes; an empty one is an empty tuple | a list | a list | yes |
/// | Dict | keys: anything hashable | keys: text; None and plain numbers become text | keys: text and bytes | yes |
/// | Timestamp, Date | ISO 8601 as text | ISO 8601 as text | yes | no |
///
/// Two entries of a dict may have the same key; the last one counts, as in Python.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PyValue {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of up to 128 bits.
    Int(i128),
    /// A larger one.
    Big(BigInt),
    /// A floating-point number.
    Float(f64),
    /// A complex number: its real and its imaginary part.
    Complex(f64, f64),
    /// Text.
    Str(String),
    /// Text with halves of characters among its characters.
    Wtf8(Wtf8),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<PyValue>),
    /// A tuple.
    Tuple(Vec<PyValue>),
    /// A set or a frozen set.
    Set(Vec<PyValue>),
    /// A dict, in its order.
    Dict(Vec<(PyValue, PyValue)>),
    /// A `datetime`, in seconds since 1970 UTC; only msgpack carries it so.
    Timestamp(f64),
    /// A `date`: days since the end of the year 0; only msgpack carries it so.
    Date(u32),
}

impl PyValue {
    /// What Python calls the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) | Self::Wtf8(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Dict(_) => "dict",
            Self::Timestamp(_) => "datetime",
            Self::Date(_) => "date",
        }
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if this is a list, a tuple or a set.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) | Self::Tuple(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value of the last entry with this text as its key, if this is a dict that has one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Dict(entries) => {
                let mut backwards = entries.iter().rev();
                let found = backwards.find(|(key, _)| key.as_str() == Some(name));
                found.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The name of the class, if this is an object written as a dict.
    #[must_use]
    pub fn class_name(&self) -> Option<&str> {
        self.field("__class__")?.as_str()
    }

    /// The first part that cannot be a key or a member of a set, by its type's name.
    pub(super) fn unhashable(&self) -> Option<&'static str> {
        match self {
            Self::List(_) | Self::Dict(_) | Self::Set(_) => Some(self.type_name()),
            Self::Tuple(elements) => elements.iter().find_map(Self::unhashable),
            _ => None,
        }
    }
}

/// A dict with text as its keys.
pub(super) fn dict<const N: usize>(entries: [(&str, PyValue); N]) -> PyValue {
    let entries = entries.map(|(key, value)| (PyValue::from(key), value));
    PyValue::Dict(entries.into())
}
