//! What the payloads mean: greetings, calls, exceptions, references to objects.

mod connect;
mod exception;
mod invoke;
mod proxy;

pub use connect::{Connect, Connected, Metadata};
pub use exception::{BatchFailure, Exception};
pub use invoke::{Blob, Call, Invoke};
pub use proxy::{DAEMON_CLASS, Proxy, daemon};

use super::value::PyValue;
use super::{DecodeError, MessageError};

/// A payload that could be read, and does not mean what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It could not even be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is something else.
    #[error("{what} must be {expected}, not {found}")]
    Shape {
        /// Which part.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
        /// The type that it is.
        found: &'static str,
    },
    /// An object of this class is another, or lacks something.
    #[error("this is no sound {0}")]
    Class(&'static str),
}

/// A payload that could not be written, or a message that is too large with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The payload.
    #[error(transparent)]
    Encode(#[from] super::EncodeError),
    /// The message.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// The object that every daemon hosts.
pub const DAEMON_OBJECT: &str = "Pyro.Daemon";

/// The method of it that gives the next item of a stream, by the stream's id.
pub const NEXT_ITEM: &str = "get_next_stream_item";

/// The method of it that ends a stream, by the stream's id.
pub const CLOSE_STREAM: &str = "close_stream";

/// The method of it that describes an object, by the object's id.
pub const METADATA: &str = "get_metadata";

/// The name that a call has which is a batch of them.
pub const BATCH: &str = "<batch>";

/// The name that a call has which reads an attribute: its argument is the attribute's name.
pub const GET_ATTRIBUTE: &str = "__getattr__";

/// The name that a call has which writes an attribute: its arguments are name and value.
pub const SET_ATTRIBUTE: &str = "__setattr__";

/// The elements of a list, a tuple or a set, if all of them are text; none for `None`.
pub(super) fn texts(value: &PyValue) -> Option<Vec<String>> {
    if *value == PyValue::None {
        return Some(Vec::new());
    }
    let texts = value.as_elements()?.iter();
    texts.map(|text| text.as_str().map(str::to_owned)).collect()
}

fn text(value: PyValue, what: &'static str) -> Result<String, PayloadError> {
    match value {
        PyValue::Str(text) => Ok(text),
        other => Err(PayloadError::Shape {
            what,
            expected: "str",
            found: other.type_name(),
        }),
    }
}

fn elements(value: PyValue, what: &'static str) -> Result<Vec<PyValue>, PayloadError> {
    match value {
        PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements) => Ok(elements),
        other => Err(PayloadError::Shape {
            what,
            expected: "a list or a tuple",
            found: other.type_name(),
        }),
    }
}

/// The entries of a dict with text as its keys; none for `None`.
fn entries(value: PyValue, what: &'static str) -> Result<Vec<(String, PyValue)>, PayloadError> {
    match value {
        PyValue::None => Ok(Vec::new()),
        PyValue::Dict(entries) => entries
            .into_iter()
            .map(|(key, value)| Ok((text(key, what)?, value)))
            .collect(),
        other => Err(PayloadError::Shape {
            what,
            expected: "a dict or None",
            found: other.type_name(),
        }),
    }
}

/// Takes the last value with this key out of a dict.
fn take(entries: &mut Vec<(PyValue, PyValue)>, name: &str) -> Option<PyValue> {
    let at = entries
        .iter()
        .rposition(|(key, _)| key.as_str() == Some(name))?;
    Some(entries.swap_remove(at).1)
}
