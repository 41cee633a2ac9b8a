//! The attribute `level`.

use farcall::python::{Exception, PyValue};
use std::sync::Mutex;
use std::sync::PoisonError;

/// Starts at 10; never negative.
#[derive(Debug)]
pub(super) struct Level(Mutex<PyValue>);

impl Default for Level {
    fn default() -> Self {
        Self(Mutex::new(PyValue::Int(10)))
    }
}

impl Level {
    pub(super) fn get(&self) -> PyValue {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set(&self, value: PyValue) -> Result<(), Exception> {
        let negative = match &value {
            PyValue::Int(number) => *number < 0,
            PyValue::Float(number) => *number < 0.0,
            other => {
                let text = format!("level must be a number, not {}", other.type_name());
                return Err(super::type_error(text));
            }
        };
        if negative {
            return Err(Exception::builtin("ValueError", "level cannot be negative"));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }
}
