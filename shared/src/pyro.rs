//! Pyro5's wire, pure: messages, Python's values, its four serializers and what the payloads mean; no sockets, clocks or
//! tasks.
//!
//! A door that serves Python clients and a client of Python's daemons are both made of these rooms: [`message`] cuts and
//! writes messages, [`Serializer`] turns a payload into a [`PyValue`] and back, [`payload`] says what stands in it.

pub mod error;
pub mod fit;
pub mod message;
pub mod payload;
pub mod serializer;
pub mod uri;
pub mod value;

mod cursor;
mod json;
mod marshal;
mod msgpack;
mod number;
mod raised;
mod scan;
mod serpent;
#[cfg(test)]
mod tests;

pub use error::{DecodeError, EncodeError, Flaw};
pub use message::MessageError;
pub use raised::Raised;
pub use serializer::Serializer;
pub use value::{BigInt, PyValue};

/// The levels that a value may nest: as many as Python's own serpent writes and its reader takes.
///
/// A list, tuple, set or dict is one level; the tuple around a call's parts counts.
pub const MAX_NESTING: u32 = 200;

/// The most decimal digits of an integer, which is Python's own limit.
pub const MAX_INT_DIGITS: usize = 4300;
