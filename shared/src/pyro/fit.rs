//! Python's values as a method's types want them, and what methods give in Python's types.

mod give;
mod take;

use std::fmt;

use super::value::PyValue;
use crate::shape::Type;

pub use give::give;
pub use take::{Taken, take};

/// A Python value that does not fit the type that is expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the value, from the outside: `item 3`, `field 'start'`.
    path: Vec<String>,
    expected: String,
    found: String,
}

impl Misfit {
    fn new(expected: &Type, found: &PyValue) -> Self {
        Self {
            path: Vec::new(),
            expected: expected.to_string(),
            found: shown(found),
        }
    }

    /// The same, one level further out.
    fn inside(mut self, place: impl FnOnce() -> String) -> Self {
        self.path.insert(0, place());
        self
    }
}

/// `item 3, field 'start' must be u64, not str`, as what goes on behind an argument's name.
impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.path {
            write!(f, ", {place}")?;
        }
        write!(f, " must be {}, not {}", self.expected, self.found)
    }
}

/// What an error says of a value: its type, and a number itself, which may be out of bounds.
fn shown(value: &PyValue) -> String {
    match value {
        PyValue::Int(number) => format!("the int {number}"),
        PyValue::Big(_) => "an int of more than 128 bits".to_owned(),
        PyValue::Wtf8(_) => "a str with half a character in it".to_owned(),
        other => other.type_name().to_owned(),
    }
}

/// The type of the items of a stream of this type, which stands beside the stream's place.
#[must_use]
pub fn item_type(ty: &Type) -> &Type {
    match ty {
        Type::Newtype { inner, .. } => match &**inner {
            Type::Tuple(parts) => match parts.last() {
                Some(Type::Option(item)) => item,
                _ => &Type::Any,
            },
            _ => &Type::Any,
        },
        _ => &Type::Any,
    }
}
