//! Python exceptions in farcall's own types: [`Raised`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::payload::Exception;
use super::value::PyValue;
use crate::value::Value;

/// An exception that a Python object raised.
///
/// It stands in [`Failure::Raised`](crate::error::Failure::Raised), and may be the error of a method's `Result` in a contract
/// for a Python object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Raised {
    /// Module and name of its class, such as `builtins.ValueError`.
    pub class: String,
    /// What Python's `str()` shows of it, as a rule.
    pub message: String,
    /// What its constructor was given; what has no form in farcall is text.
    pub arguments: Vec<Value>,
    /// The lines of the traceback at the daemon, the ends of lines included.
    pub traceback: Vec<String>,
}

impl Raised {
    /// The name of the class without its module.
    #[must_use]
    pub fn name(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }
}

impl From<Exception> for Raised {
    fn from(exception: Exception) -> Self {
        let arguments: Vec<Value> = exception.arguments.into_iter().map(shown).collect();
        let message = match arguments.as_slice() {
            [] => String::new(),
            [one] => text(one),
            more => {
                let texts: Vec<String> = more.iter().map(text).collect();
                format!("({})", texts.join(", "))
            }
        };
        Self {
            class: exception.class,
            message,
            arguments,
            traceback: exception.traceback,
        }
    }
}

/// A value, or its text where farcall has none like it.
fn shown(value: PyValue) -> Value {
    Value::try_from(value.clone()).unwrap_or_else(|_| Value::Text(format!("{value:?}")))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// `ValueError: what was said`.
impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.message.as_str() {
            "" => Ok(()),
            message => write!(f, ": {message}"),
        }
    }
}

impl std::error::Error for Raised {}

/// Arguments are the same when they look the same: `nan` is.
impl PartialEq for Raised {
    fn eq(&self, other: &Self) -> bool {
        self.class == other.class
            && self.message == other.message
            && self.traceback == other.traceback
            && format!("{:?}", self.arguments) == format!("{:?}", other.arguments)
    }
}

impl Eq for Raised {}
