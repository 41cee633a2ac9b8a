//! The four serializers of Pyro5, by the numbers of the wire.

use std::fmt;

use super::value::PyValue;
use super::{DecodeError, EncodeError, json, marshal, msgpack, serpent};

/// How a payload is written; the numbers are the wire's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Serializer {
    /// Python literals: what Pyro5 uses when nothing else is said.
    #[default]
    Serpent = 1,
    /// Python's own format of compiled code.
    Marshal = 2,
    /// JSON as Python writes it, with `NaN` and integers of any size.
    Json = 3,
    /// MessagePack with four types of Pyro's.
    Msgpack = 4,
}

/// A number that no serializer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown serializer {0} (known are 1 serpent, 2 marshal, 3 json, 4 msgpack)")]
pub struct UnknownSerializer(pub u8);

impl Serializer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Serpent, Self::Marshal, Self::Json, Self::Msgpack];

    /// The serializer with this number.
    ///
    /// # Errors
    /// There is none.
    pub fn from_number(number: u8) -> Result<Self, UnknownSerializer> {
        let mut all = Self::ALL.into_iter();
        all.find(|serializer| serializer.number() == number)
            .ok_or(UnknownSerializer(number))
    }

    /// The number that a message carries.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name that a proxy's `_pyroSerializer` has.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Serpent => "serpent",
            Self::Marshal => "marshal",
            Self::Json => "json",
            Self::Msgpack => "msgpack",
        }
    }

    /// Reads a payload.
    ///
    /// Memory is in proportion to the payload: less than 100 bytes for each of its bytes in the worst case, which is a
    /// payload of nothing but the shortest elements. marshal may repeat its parts, up to eight times as much.
    ///
    /// # Errors
    /// The first flaw, and where it is.
    pub fn decode(self, payload: &[u8]) -> Result<PyValue, DecodeError> {
        match self {
            Self::Serpent => serpent::read(payload),
            Self::Marshal => marshal::read(payload),
            Self::Json => json::read(payload),
            Self::Msgpack => msgpack::read(payload),
        }
    }

    /// Appends a payload to `out`. On an error `out` is as before.
    ///
    /// # Errors
    /// The value has no form there: see the table of [`PyValue`].
    pub fn encode(self, value: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let written = match self {
            Self::Serpent => serpent::write(value, out),
            Self::Marshal => marshal::write(value, out),
            Self::Json => json::write(value, out),
            Self::Msgpack => msgpack::write(value, out),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
