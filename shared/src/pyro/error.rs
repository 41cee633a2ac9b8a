//! Why bytes are no value, and why a value has no bytes.

use super::serializer::Serializer;
use super::{MAX_INT_DIGITS, MAX_NESTING};

/// A payload that is not what its serializer writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {serializer} payload is malformed at byte {at}: {flaw}")]
pub struct DecodeError {
    /// How it should have been written.
    pub serializer: Serializer,
    /// Where it stopped being so.
    pub at: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// It stops in the middle of a value.
    #[error("it ends too early")]
    Ended,
    /// More follows the value.
    #[error("more follows the value")]
    Trailing,
    /// Nothing of the format begins or goes on like this.
    #[error("{0}")]
    Syntax(&'static str),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A text holds half of a character.
    #[error("a text holds a lone surrogate, which is no character")]
    Surrogate,
    /// Lists in lists, deeper than [`MAX_NESTING`].
    #[error("nested deeper than {MAX_NESTING} levels")]
    TooDeep,
    /// An integer longer than [`MAX_INT_DIGITS`].
    #[error("an integer of more than {MAX_INT_DIGITS} digits")]
    IntTooLong,
    /// A key of a dict or a member of a set that Python could not look up.
    #[error("a {0} can be neither a key nor a member of a set")]
    Unhashable(&'static str),
    /// A type that the format knows and a value does not.
    #[error("unknown type {0:#04x}")]
    UnknownType(u8),
    /// It refers to its own parts again and again.
    #[error("it repeats its parts too often")]
    TooRepetitive,
}

/// A value that a serializer cannot write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It has no form there.
    #[error("{serializer} has no form for {what}")]
    NoForm {
        /// How it was to be written.
        serializer: Serializer,
        /// Python's name of the type.
        what: &'static str,
    },
    /// It may stand there, but not as a key of a dict or a member of a set.
    #[error("{serializer} has no form for {what} as a key or a member of a set")]
    Key {
        /// How it was to be written.
        serializer: Serializer,
        /// Python's name of the type.
        what: &'static str,
    },
    /// It nests deeper than [`MAX_NESTING`].
    #[error("nested deeper than {MAX_NESTING} levels")]
    TooDeep,
    /// A text, or a number of elements, that the format has no length for.
    #[error("{serializer} has no length for {count} bytes or elements")]
    TooLong {
        /// How it was to be written.
        serializer: Serializer,
        /// Of how many.
        count: usize,
    },
}
