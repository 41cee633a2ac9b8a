//! Methods that raise.

use farcall::python::{Exception, PyValue, PythonCall};

use super::type_error;

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

/// Floor division.
fn divide(a: &PyValue, b: &PyValue) -> Result<PyValue, Exception> {
    let zero = |text: &str| Exception::builtin("ZeroDivisionError", text);
    match (number(a)?, number(b)?) {
        (Number::Int(_), Number::Int(0)) => Err(zero("integer division or modulo by zero")),
        (Number::Int(a), Number::Int(b)) => {
            let quotient = a.checked_div_euclid(b).ok_or_else(overflow)?;
            // Euclid's quotient is the floor where the divisor is positive.
            let floor = if b < 0 && a.rem_euclid(b) != 0 {
                quotient - 1
            } else {
                quotient
            };
            Ok(PyValue::Int(floor))
        }
        (a, b) => match b.as_float() {
            0.0 => Err(zero("float floor division by zero")),
            b => Ok(PyValue::Float((a.as_float() / b).floor())),
        },
    }
}

fn overflow() -> Exception {
    Exception::builtin("OverflowError", "the result has more than 128 bits")
}

#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

fn number(value: &PyValue) -> Result<Number, Exception> {
    match value {
        PyValue::Int(number) => Ok(Number::Int(*number)),
        PyValue::Bool(value) => Ok(Number::Int((*value).into())),
        PyValue::Float(number) => Ok(Number::Float(*number)),
        other => Err(type_error(format!(
            "unsupported operand type(s) for //: '{}'",
            other.type_name()
        ))),
    }
}
