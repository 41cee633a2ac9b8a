//! Methods that raise.

use farcall::python::{Exception, PyValue, PythonCall};

use super::numbers::Number;
use super::unsupported;

/// What `fail` raises of Python's own classes.
const BUILTINS: [&str; 10] = [
    "ValueError",
    "KeyError",
    "TypeError",
    "RuntimeError",
    "IndexError",
    "LookupError",
    "NotImplementedError",
    "PermissionError",
    "FileNotFoundError",
    "TimeoutError",
];

/// And of Pyro's.
const OF_PYRO: [&str; 3] = ["PyroError", "NamingError", "DaemonError"];

pub(super) fn call(call: PythonCall) -> Result<PyValue, Exception> {
    match call.method.as_str() {
        "fail" => {
            let [kind, message] = call.arguments([("kind", None), ("message", None)])?;
            Err(raised(kind.as_str().unwrap_or_default(), message))
        }
        "divide" => {
            let [a, b] = call.arguments([("a", None), ("b", None)])?;
            divide(&a, &b)
        }
        _ => {
            let [] = call.arguments([])?;
            // Of a class that no Python client has: its name goes into the text of one that all have.
            let text = "HomemadeError: nobody knows this one";
            Err(Exception::pyro("PyroError", text))
        }
    }
}

fn raised(kind: &str, message: PyValue) -> Exception {
    match kind {
        _ if BUILTINS.contains(&kind) => Exception::builtin(kind, message),
        _ if OF_PYRO.contains(&kind) => Exception::pyro(kind, message),
        _ => Exception::builtin("ValueError", format!("unknown kind of error '{kind}'")),
    }
}

fn divide(a: &PyValue, b: &PyValue) -> Result<PyValue, Exception> {
    let quotient = match (Number::of(a), Number::of(b)) {
        (Some(a), Some(b)) => a.floor_divide(b)?,
        _ => None,
    };
    quotient.ok_or_else(|| unsupported("//", a, b))
}
