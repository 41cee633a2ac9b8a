//! Exceptions, as Python raises them again at the caller.

use super::super::value::{PyValue, dict};
use super::{PayloadError, elements, entries, take, text, texts};

/// The attribute that holds the lines of the traceback.
const TRACEBACK: &str = "_pyroTraceback";

/// An exception.
///
/// Python's client knows the classes of `builtins` and `Pyro5.errors`; an object of any other class is an error of its own
/// there, and costs it the connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// Module and name of its class, such as `builtins.ValueError`.
    pub class: String,
    /// What its constructor was given; a message, mostly.
    pub arguments: Vec<PyValue>,
    /// Its other attributes.
    pub attributes: Vec<(String, PyValue)>,
    /// The lines of the traceback at the daemon, the ends of lines included.
    pub traceback: Vec<String>,
}

/// The exception that stands in a batch's results where a call failed.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchFailure(pub Exception);

impl Exception {
    /// One of Python's own, by its name: `ValueError`.
    #[must_use]
    pub fn builtin(name: &str, message: impl Into<PyValue>) -> Self {
        Self::new(format!("builtins.{name}"), message)
    }

    /// One of Pyro's, by its name: `NamingError`.
    #[must_use]
    pub fn pyro(name: &str, message: impl Into<PyValue>) -> Self {
        Self::new(format!("Pyro5.errors.{name}"), message)
    }

    /// What ends a stream.
    #[must_use]
    pub fn stop_iteration() -> Self {
        Self {
            arguments: Vec::new(),
            ..Self::builtin("StopIteration", PyValue::None)
        }
    }

    /// What stands in the result that begins a stream, for clients that know no streams.
    #[must_use]
    pub fn stream() -> Self {
        Self::pyro("ProtocolError", "result of call is an iterator")
    }

    fn new(class: String, message: impl Into<PyValue>) -> Self {
        Self {
            class,
            arguments: vec![message.into()],
            attributes: Vec::new(),
            traceback: Vec::new(),
        }
    }

    /// With the lines of a traceback.
    #[must_use]
    pub fn with_traceback(mut self, lines: Vec<String>) -> Self {
        self.traceback = lines;
        self
    }

    /// The name of the class without its module.
    #[must_use]
    pub fn name(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// What Python's `str()` shows, where that is the message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self.arguments.as_slice() {
            [message] => message.as_str(),
            _ => None,
        }
    }

    /// True if this dict is an exception: it says so, or its class is one of Pyro's errors.
    #[must_use]
    pub fn is(value: &PyValue) -> bool {
        let Some(class) = value.class_name() else {
            return false;
        };
        class.starts_with("Pyro5.errors.")
            || value.field("__exception__") == Some(&PyValue::Bool(true))
    }

    /// The dict that Python sends.
    #[must_use]
    pub fn into_value(self) -> PyValue {
        let attributes = self.attributes.into_iter();
        let mut attributes: Vec<_> = attributes
            .map(|(name, value)| (name.into(), value))
            .collect();
        let lines = match self.traceback {
            lines if lines.is_empty() => PyValue::None,
            lines => PyValue::List(lines.into_iter().map(PyValue::from).collect()),
        };
        attributes.push((TRACEBACK.into(), lines));
        dict([
            ("__class__", self.class.into()),
            ("__exception__", true.into()),
            ("args", PyValue::Tuple(self.arguments)),
            ("attributes", PyValue::Dict(attributes)),
        ])
    }

    /// Reads the dict that Python sends. What is missing is empty, and so is a traceback of other than text.
    ///
    /// # Errors
    /// It has no class, or its parts are of other types.
    pub fn from_value(value: PyValue) -> Result<Self, PayloadError> {
        let PyValue::Dict(mut parts) = value else {
            return Err(PayloadError::Shape {
                what: "an exception",
                expected: "a dict",
                found: value.type_name(),
            });
        };
        let class = take(&mut parts, "__class__").unwrap_or_default();
        let arguments = take(&mut parts, "args").unwrap_or(PyValue::Tuple(Vec::new()));
        let attributes = take(&mut parts, "attributes").unwrap_or_default();
        let mut attributes = entries(attributes, "an exception's attributes")?;
        let at = attributes.iter().rposition(|(name, _)| name == TRACEBACK);
        let traceback = at.and_then(|at| texts(&attributes.remove(at).1));
        Ok(Self {
            class: text(class, "an exception's class")?,
            arguments: elements(arguments, "an exception's arguments")?,
            attributes,
            traceback: traceback.unwrap_or_default(),
        })
    }
}

impl BatchFailure {
    /// The name of the class, as it is on the wire.
    pub const CLASS: &str = "Pyro5.core._ExceptionWrapper";

    /// The dict that Python sends.
    #[must_use]
    pub fn into_value(self) -> PyValue {
        dict([
            ("__class__", Self::CLASS.into()),
            ("exception", self.0.into_value()),
        ])
    }

    /// Reads the dict that Python sends.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_value(value: PyValue) -> Result<Self, PayloadError> {
        let is_one = value.class_name() == Some(Self::CLASS);
        let exception = match value {
            PyValue::Dict(mut parts) if is_one => take(&mut parts, "exception"),
            _ => None,
        };
        let exception = exception.ok_or(PayloadError::Class(Self::CLASS))?;
        Exception::from_value(exception).map(Self)
    }
}
