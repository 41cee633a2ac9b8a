//! Bounds the nesting of a [`Type`](super::Type) that is read from outside, whatever the format.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error};

use super::MAX_DEPTH;

thread_local! {
    static LEVEL: Cell<usize> = const { Cell::new(0) };
}

/// Reads a part one level further in.
pub(super) fn deeper<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let _level = Level::enter()
        .ok_or_else(|| D::Error::custom(format_args!("a type nests deeper than {MAX_DEPTH}")))?;
    T::deserialize(deserializer)
}

/// One level; leaves it when dropped.
struct Level;

impl Level {
    fn enter() -> Option<Level> {
        LEVEL.with(|level| {
            if level.get() >= MAX_DEPTH {
                return None;
            }
            level.set(level.get() + 1);
            Some(Level)
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        LEVEL.with(|level| level.set(level.get().saturating_sub(1)));
    }
}
