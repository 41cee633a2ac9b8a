//! An object that shows everything that Python expects of one: what `pyro-object` hosts.

mod attributes;
mod calls;
mod failing;
mod numbers;
mod spawned;
mod values;

use std::sync::atomic::{AtomicI64, Ordering};

use farcall::python::{Exception, Members, PyValue, PythonCall, PythonObject, Returned};

/// The object.
#[derive(Debug, Default)]
pub struct Compat {
    level: attributes::Level,
    bumps: attributes::Bumps,
}

impl PythonObject for Compat {
    fn members(&self) -> Members {
        Members::of("CompatObject")
            .with_methods([
                "echo",
                "add",
                "describe",
                "collect",
                "nothing",
                "sample",
                "pair",
                "blob",
                "size",
                "big_text",
                "divide",
                "fail",
                "fail_homemade",
                "nap",
                "bumps",
                "reset_bumps",
                "count_to",
                "count_then_fail",
                "spawn",
                "call_back",
                "correlation",
                "mirror_annotation",
                "__len__",
                "__getitem__",
            ])
            .with_oneway(["bump"])
            .with_attributes(["level", "version"])
            .with_hidden(["hidden", "_secret"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        match call.method.as_str() {
            "nap" => calls::nap(call).await.map(Returned::from),
            "call_back" => calls::call_back(call).await.map(Returned::from),
            "bump" => calls::bump(call, &self.bumps).await.map(Returned::from),
            "bumps" => {
                let [] = call.arguments([])?;
                Ok(self.bumps.get().into())
            }
            "reset_bumps" => {
                let [] = call.arguments([])?;
                self.bumps.reset();
                Ok(PyValue::None.into())
            }
            "count_to" => calls::count(call, None),
            "count_then_fail" => {
                let broken = Exception::builtin("ValueError", "stream broke");
                calls::count(call, Some(broken))
            }
            "fail" | "fail_homemade" | "divide" => failing::call(call).map(Returned::from),
            "spawn" => spawned::spawn(call).map(Returned::from),
            "correlation" => {
                let correlation = call.correlation();
                let [] = call.arguments([])?;
                Ok(correlation.into())
            }
            "mirror_annotation" => calls::mirror(call).map(Returned::from),
            _ => values::call(call).map(Returned::from),
        }
    }

    fn attribute(&self, name: &str) -> Result<PyValue, Exception> {
        match name {
            "level" => Ok(self.level.get()),
            _ => Ok("compat-1".into()),
        }
    }

    fn set_attribute(&self, name: &str, value: PyValue) -> Result<(), Exception> {
        match name {
            "level" => self.level.set(value),
            _ => {
                let text =
                    format!("attempt to access unexposed or unknown remote attribute '{name}'");
                Err(Exception::builtin("AttributeError", text))
            }
        }
    }
}

/// Counts, for each connection by itself.
#[derive(Debug, Default)]
pub struct Session(AtomicI64);

impl PythonObject for Session {
    fn members(&self) -> Members {
        Members::of("CompatSession").with_methods(["next"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        let [] = call.arguments([])?;
        Ok((self.0.fetch_add(1, Ordering::SeqCst) + 1).into())
    }
}

fn type_error(text: impl Into<String>) -> Exception {
    Exception::builtin("TypeError", text.into())
}

fn unsupported(operator: &str, a: &PyValue, b: &PyValue) -> Exception {
    let (a, b) = (a.type_name(), b.type_name());
    type_error(format!(
        "unsupported operand type(s) for {operator}: '{a}' and '{b}'"
    ))
}

/// A whole number, as an argument of this name; the nearest that there is in so many bits.
fn int(value: &PyValue, name: &str) -> Result<i128, Exception> {
    match value {
        PyValue::Int(number) => Ok(*number),
        PyValue::Bool(value) => Ok((*value).into()),
        PyValue::Big(number) if number.as_str().starts_with('-') => Ok(i128::MIN),
        PyValue::Big(_) => Ok(i128::MAX),
        other => Err(type_error(format!(
            "argument '{name}' must be int, not {}",
            other.type_name()
        ))),
    }
}

/// Seconds, as an argument of this name.
fn seconds(value: &PyValue, name: &str) -> Result<std::time::Duration, Exception> {
    let number = match value {
        PyValue::Float(number) => *number,
        other => int(other, name)? as f64,
    };
    std::time::Duration::try_from_secs_f64(number)
        .map_err(|_| Exception::builtin("ValueError", "sleep length must be non-negative"))
}
