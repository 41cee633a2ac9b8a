//! Where a reader stands in its payload, and how deep; running short is an error, never a panic.

use super::scan;
use super::serializer::Serializer;
use super::{DecodeError, Flaw, MAX_NESTING};

/// A payload, as far as it was read.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    serializer: Serializer,
    bytes: &'a [u8],
    at: usize,
    levels_left: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(serializer: Serializer, bytes: &'a [u8]) -> Self {
        Self {
            serializer,
            bytes,
            at: 0,
            levels_left: MAX_NESTING,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes elsewhere; beyond the end is at the end.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    pub(super) fn fail(&self, flaw: Flaw) -> DecodeError {
        self.fail_at(self.at, flaw)
    }

    pub(super) fn fail_at(&self, at: usize, flaw: Flaw) -> DecodeError {
        DecodeError {
            serializer: self.serializer,
            at,
            flaw,
        }
    }

    /// What is wrong with the byte that comes: `why`, unless there is none.
    pub(super) fn unexpected(&self, why: &'static str) -> DecodeError {
        match self.peek() {
            Some(_) => self.fail(Flaw::Syntax(why)),
            None => self.fail(Flaw::Ended),
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The bytes from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The byte behind the one that comes.
    pub(super) fn peek_second(&self) -> Option<u8> {
        self.rest().get(1).copied()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.go_to(self.at.saturating_add(count));
    }

    /// Takes `byte`, if it comes.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    /// Takes `word`, if it comes.
    pub(super) fn eat_word(&mut self, word: &[u8]) -> bool {
        let comes = self.rest().starts_with(word);
        if comes {
            self.at += word.len();
        }
        comes
    }

    /// Takes what comes while it is like this.
    #[inline]
    pub(super) fn take_while(&mut self, is_like: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let count = rest.iter().position(|byte| !is_like(*byte));
        let taken = &rest[..count.unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Takes what comes before the first byte that `is_end`, which may be far away.
    #[inline]
    pub(super) fn take_until(&mut self, is_end: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let taken = &rest[..scan::position(rest, is_end).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest().split_at_checked(count) {
            Some((taken, _)) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.fail(Flaw::Ended)),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().split_first_chunk::<N>() {
            Some((taken, _)) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(self.fail(Flaw::Ended)),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a text of so many bytes.
    pub(super) fn text(&mut self, count: usize) -> Result<&'a str, DecodeError> {
        let at = self.at;
        let bytes = self.take(count)?;
        std::str::from_utf8(bytes).map_err(|_| self.fail_at(at, Flaw::Utf8))
    }

    /// One level down.
    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        let left = self.levels_left.checked_sub(1);
        self.levels_left = left.ok_or_else(|| self.fail(Flaw::TooDeep))?;
        Ok(())
    }

    /// One level up.
    pub(super) fn leave(&mut self) {
        self.levels_left += 1;
    }

    /// Room for so many elements as are announced, but not more than costs little: each may announce as many again.
    pub(super) fn room<T>(count: usize) -> Vec<T> {
        const MOST: usize = 32;
        Vec::with_capacity(count.min(MOST))
    }

    /// Sees that nothing follows.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fail(Flaw::Trailing)),
        }
    }
}
