//! A bound on nesting for any serde format, so that a deeply nested value is an error and not a stack overflow.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod de;
mod ser;
#[cfg(test)]
mod tests;

/// The levels that a value may nest where nothing else is said.
///
/// Each sequence, tuple, map, struct, newtype and `Some` is one level, and so is the content of an
/// enum variant; a variant with several fields or named ones is two, as it is in JSON
/// (`{"Move":{"x":1}}`). serde_json stops reading at 128 levels of brackets by itself, so that it
/// can read whatever it wrote within this bound.
///
/// Measured at this bound in debug builds on x86-64, in KiB of stack for the worst of postcard,
/// MessagePack, JSON and the conversions of [`Value`](crate::value::Value): small recursive types
/// and dynamic values take 301; an enum of 12 variants with six fields each 565 to read and 915 to
/// write; one of 37 such variants 581 to read, but 2,293 to write as MessagePack and 2,603 to
/// become a `Value`, which is more than the usual stack of 2 MiB. Release builds take at most 253.
pub const MAX_DEPTH: usize = 64;

/// Reads a value that nests at most `max_depth` levels.
///
/// # Errors
///
/// Those of the deserializer, and past the bound its custom error "nested deeper than 64 levels" (with the number
/// given here). A format whose errors carry no text, such as postcard, says only that something custom went wrong.
#[inline]
pub fn deserialize_limited<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    max_depth: usize,
) -> Result<T, D::Error> {
    T::deserialize(DepthLimited::new(deserializer, max_depth))
}

/// Writes a value that nests at most `max_depth` levels; the levels are counted as for reading.
///
/// What was written before the error stays written: drop the buffer, or cut it back.
///
/// # Errors
///
/// Those of the serializer, and past the bound its custom error, as for [`deserialize_limited`].
#[inline]
pub fn serialize_limited<S: Serializer, T: Serialize + ?Sized>(
    value: &T,
    serializer: S,
    max_depth: usize,
) -> Result<S::Ok, S::Error> {
    value.serialize(DepthLimited::new(serializer, max_depth))
}

/// A deserializer or serializer, or a part that one hands out, with a bound on nesting.
///
/// It forwards everything as it is and counts the levels on the way. The one difference: `rmp_serde` in its
/// `BytesMode::ForceIterables` recognises iterators over bytes by their size in memory, and does not recognise these.
#[derive(Clone, Copy, Debug)]
pub struct DepthLimited<T> {
    inner: T,
    room: Room,
}

impl<T> DepthLimited<T> {
    /// Bounds `inner` to `max_depth` levels.
    #[inline]
    pub fn new(inner: T, max_depth: usize) -> Self {
        let max = u32::try_from(max_depth).unwrap_or(u32::MAX);
        Self {
            inner,
            room: Room { left: max, max },
        }
    }
}

/// The levels still open, and how many there were.
#[derive(Clone, Copy, Debug)]
struct Room {
    left: u32,
    max: u32,
}

impl Room {
    /// One level down.
    #[inline]
    fn enter(self) -> Result<Self, TooDeep> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self {
                left,
                max: self.max,
            }),
            None => Err(TooDeep { max: self.max }),
        }
    }

    /// Puts `inner` at this level.
    #[inline]
    fn bound<T>(self, inner: T) -> DepthLimited<T> {
        DepthLimited { inner, room: self }
    }
}

/// The text of the error.
#[derive(Debug)]
struct TooDeep {
    max: u32,
}

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nested deeper than {} levels", self.max)
    }
}
