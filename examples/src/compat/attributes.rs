//! What the object keeps: the attribute `level`, and how often it was bumped.

use std::sync::{Mutex, MutexGuard, PoisonError};

use farcall::python::{Exception, PyValue};

use super::numbers::Number;

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
        let number = match Number::of(&value) {
            Some(number @ (Number::Int(_) | Number::Float(_))) => number,
            _ => {
                let text = format!("level must be a number, not {}", value.type_name());
                return Err(super::type_error(text));
            }
        };
        if number.is_negative() {
            return Err(Exception::builtin("ValueError", "level cannot be negative"));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }
}

/// A sum, from 0.
#[derive(Debug)]
pub(super) struct Bumps(Mutex<PyValue>);

impl Default for Bumps {
    fn default() -> Self {
        Self(Mutex::new(PyValue::Int(0)))
    }
}

impl Bumps {
    pub(super) fn get(&self) -> PyValue {
        self.locked().clone()
    }

    pub(super) fn reset(&self) {
        *self.locked() = PyValue::Int(0);
    }

    pub(super) fn add(&self, by: PyValue) -> Result<(), Exception> {
        let mut sum = self.locked();
        *sum = super::values::add(sum.clone(), by)?;
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, PyValue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
