//! Reads marshal.
//!
//! A part that an earlier one is referred to by is read again, from where that stands: so nothing is kept, and what is
//! read again in all can be bounded.

use super::super::cursor::Cursor;
use super::super::serializer::Serializer;
use super::super::value::{IntError, PyValue};
use super::super::{DecodeError, Flaw, MAX_INT_DIGITS};
use super::{DIGIT_BITS, kind};

/// So many times a document's own bytes, and so many more, are read again because later parts refer to them.
///
/// The names of a thousand records' fields are there once.
const MAX_REPEATS: usize = 8;
const MAX_MORE_REPEATED_BYTES: usize = 64 << 10;

/// Reads a document. What follows is skipped, as Python does.
pub(in super::super) fn read(bytes: &[u8]) -> Result<PyValue, DecodeError> {
    let mut reader = Reader {
        cursor: Cursor::new(Serializer::Marshal, bytes),
        seen: Vec::new(),
        replays: 0,
        repeatable_bytes: MAX_REPEATS * bytes.len() + MAX_MORE_REPEATED_BYTES,
    };
    reader.value()
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    /// Where the parts stand that later ones may refer to.
    seen: Vec<Seen>,
    /// In how many of them the reader is again.
    replays: u32,
    /// How much may still be read again.
    repeatable_bytes: usize,
}

#[derive(Clone, Copy)]
struct Seen {
    start: usize,
    /// 0 while it is being read.
    end: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<PyValue, DecodeError> {
        let at = self.cursor.at();
        match self.optional()? {
            Some(value) => Ok(value),
            None => Err(self.cursor.fail_at(at, Flaw::UnknownType(kind::NULL))),
        }
    }

    /// Reads a value; `None` where a dict ends.
    fn optional(&mut self) -> Result<Option<PyValue>, DecodeError> {
        let start = self.cursor.at();
        let byte = self.cursor.byte()?;
        let place = self.seen.len();
        let is_remembered = byte & kind::REMEMBER != 0 && self.replays == 0;
        if is_remembered {
            self.seen.push(Seen { start, end: 0 });
        }
        let value = match byte & !kind::REMEMBER {
            kind::NULL => return Ok(None),
            kind::SEEN => self.again(start)?,
            kind::TUPLE | kind::SMALL_TUPLE | kind::LIST | kind::SET | kind::FROZEN_SET => {
                self.sequence(byte & !kind::REMEMBER)?
            }
            kind::DICT => self.dict()?,
            kind => self.plain(kind, start)?,
        };
        if is_remembered && let Some(seen) = self.seen.get_mut(place) {
            seen.end = self.cursor.at();
        }
        Ok(Some(value))
    }

    fn plain(&mut self, kind: u8, start: usize) -> Result<PyValue, DecodeError> {
        let cursor = &mut self.cursor;
        Ok(match kind {
            kind::NONE => PyValue::None,
            kind::TRUE => PyValue::Bool(true),
            kind::FALSE => PyValue::Bool(false),
            kind::INT => PyValue::Int(i32::from_le_bytes(cursor.array()?).into()),
            kind::LONG => long(cursor)?,
            kind::FLOAT => PyValue::Float(f64::from_le_bytes(cursor.array()?)),
            kind::COMPLEX => PyValue::Complex(
                f64::from_le_bytes(cursor.array()?),
                f64::from_le_bytes(cursor.array()?),
            ),
            kind::BYTES => {
                let count = count(cursor)?;
                PyValue::Bytes(cursor.take(count)?.to_vec())
            }
            kind::TEXT | kind::TEXT_INTERNED | kind::ASCII | kind::ASCII_INTERNED => {
                let count = count(cursor)?;
                text(cursor, count)?
            }
            kind::SHORT_ASCII | kind::SHORT_ASCII_INTERNED => {
                let count = cursor.byte()?.into();
                text(cursor, count)?
            }
            unknown => return Err(cursor.fail_at(start, Flaw::UnknownType(unknown))),
        })
    }

    fn sequence(&mut self, kind: u8) -> Result<PyValue, DecodeError> {
        self.cursor.enter()?;
        let count = match kind {
            kind::SMALL_TUPLE => self.cursor.byte()?.into(),
            _ => count(&mut self.cursor)?,
        };
        let mut elements = Cursor::room(count);
        for _ in 0..count {
            elements.push(self.value()?);
        }
        self.cursor.leave();
        Ok(match kind {
            kind::LIST => PyValue::List(elements),
            kind::SET | kind::FROZEN_SET => PyValue::Set(elements),
            _ => PyValue::Tuple(elements),
        })
    }

    fn dict(&mut self) -> Result<PyValue, DecodeError> {
        self.cursor.enter()?;
        let mut entries = Vec::new();
        while let Some(key) = self.optional()? {
            entries.push((key, self.value()?));
        }
        self.cursor.leave();
        Ok(PyValue::Dict(entries))
    }

    /// Reads again what the number that comes refers to.
    fn again(&mut self, start: usize) -> Result<PyValue, DecodeError> {
        let number = u32::from_le_bytes(self.cursor.array()?) as usize;
        let Some(seen) = self.seen.get(number).copied().filter(|seen| seen.end > 0) else {
            let why = Flaw::Syntax("it refers to a part that is not there yet");
            return Err(self.cursor.fail_at(start, why));
        };
        let left = self.repeatable_bytes.checked_sub(seen.end - seen.start);
        self.repeatable_bytes =
            left.ok_or_else(|| self.cursor.fail_at(start, Flaw::TooRepetitive))?;
        let back = self.cursor.at();
        self.cursor.go_to(seen.start);
        self.replays += 1;
        // References may follow references; each is a level.
        self.cursor.enter()?;
        let value = self.value()?;
        self.cursor.leave();
        self.replays -= 1;
        self.cursor.go_to(back);
        Ok(value)
    }
}

/// A count in four bytes, of what takes at least one byte each.
fn count(cursor: &mut Cursor<'_>) -> Result<usize, DecodeError> {
    let count = u32::from_le_bytes(cursor.array()?) as usize;
    if count > cursor.rest().len() {
        return Err(cursor.fail(Flaw::Ended));
    }
    Ok(count)
}

fn text(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let text = PyValue::text_from_bytes(cursor.take(count)?.to_vec());
    text.ok_or_else(|| cursor.fail_at(at, Flaw::Utf8))
}

/// Reads an integer: the count of its digits, negative for negative ones, and the digits, the lowest first.
fn long(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let count = i32::from_le_bytes(cursor.array()?);
    let digits = count.unsigned_abs() as usize;
    // Each digit takes more than four decimal ones.
    if digits > MAX_INT_DIGITS / 4 {
        return Err(cursor.fail_at(at, Flaw::IntTooLong));
    }
    let mut bytes = Vec::with_capacity(2 * digits + 1);
    let (mut held, mut held_bits) = (0u32, 0);
    for _ in 0..digits {
        let digit = u16::from_le_bytes(cursor.array()?);
        if digit >> DIGIT_BITS != 0 {
            return Err(cursor.fail_at(at, Flaw::Syntax("a digit out of range")));
        }
        held |= u32::from(digit) << held_bits;
        held_bits += DIGIT_BITS;
        while held_bits >= 8 {
            bytes.push((held & 0xff) as u8);
            held >>= 8;
            held_bits -= 8;
        }
    }
    bytes.push((held & 0xff) as u8);
    PyValue::int_from_le_bytes(count < 0, &bytes).map_err(|error| {
        cursor.fail_at(
            at,
            match error {
                IntError::TooLong => Flaw::IntTooLong,
                IntError::Malformed => Flaw::Syntax("a malformed number"),
            },
        )
    })
}
