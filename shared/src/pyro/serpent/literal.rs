//! String literals: quotes, prefixes and escapes of Python's source.

use super::super::cursor::Cursor;
use super::super::value::put_surrogate;
use super::super::{DecodeError, Flaw};

/// What the letters in front of a quote say.
#[derive(Clone, Copy, Default)]
struct Prefix {
    is_bytes: bool,
    is_raw: bool,
    letters: usize,
}

/// True when a literal comes.
pub(super) fn begins(cursor: &Cursor<'_>) -> bool {
    prefix(cursor).is_some()
}

/// Appends what one literal holds; true if it is of bytes.
pub(super) fn read(cursor: &mut Cursor<'_>, content: &mut Vec<u8>) -> Result<bool, DecodeError> {
    let Some(prefix) = prefix(cursor) else {
        return Err(cursor.unexpected("letters in front of a quote that mean nothing"));
    };
    cursor.skip(prefix.letters);
    let quote = cursor.byte()?;
    let is_triple = cursor.eat_word(&[quote, quote]);
    let literal = Literal {
        prefix,
        quote,
        is_triple,
    };
    literal.content(cursor, content)?;
    Ok(prefix.is_bytes)
}

fn prefix(cursor: &Cursor<'_>) -> Option<Prefix> {
    let mut prefix = Prefix::default();
    let mut is_unicode = false;
    for byte in cursor.rest().iter().take(3) {
        match byte.to_ascii_lowercase() {
            b'\'' | b'"' => return Some(prefix),
            b'r' if !prefix.is_raw && !is_unicode => prefix.is_raw = true,
            b'b' if !prefix.is_bytes && !is_unicode => prefix.is_bytes = true,
            b'u' if prefix.letters == 0 => is_unicode = true,
            _ => return None,
        }
        prefix.letters += 1;
    }
    None
}

/// A literal whose opening quotes were read.
struct Literal {
    prefix: Prefix,
    quote: u8,
    is_triple: bool,
}

impl Literal {
    /// Reads up to the closing quotes.
    fn content(&self, cursor: &mut Cursor<'_>, content: &mut Vec<u8>) -> Result<(), DecodeError> {
        loop {
            let quote = self.quote;
            // Without branches, so that many bytes are looked at together.
            let run = cursor.take_until(|byte| {
                (byte == quote) | (byte == b'\\') | (byte == b'\n') | (byte == b'\r')
            });
            if self.prefix.is_bytes && !run.is_ascii() {
                return Err(cursor.fail(Flaw::Syntax("bytes with other characters than ASCII")));
            }
            content.extend_from_slice(run);
            let Some(byte) = cursor.peek() else {
                return Err(cursor.fail(Flaw::Ended));
            };
            if byte == b'\\' {
                self.backslash(cursor, content)?;
            } else if byte == self.quote {
                if self.closes(cursor) {
                    return Ok(());
                }
                content.push(byte);
            } else if self.is_triple {
                end_of_line(cursor);
                content.push(b'\n');
            } else {
                return Err(cursor.fail(Flaw::Syntax("a text that goes over the end of its line")));
            }
        }
    }

    /// Takes a quote; true when the literal is over.
    fn closes(&self, cursor: &mut Cursor<'_>) -> bool {
        let quotes = [self.quote; 3];
        if !self.is_triple {
            cursor.skip(1);
            return true;
        }
        if cursor.eat_word(&quotes) {
            return true;
        }
        cursor.skip(1);
        false
    }

    fn backslash(&self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        cursor.skip(1);
        let Some(escaped) = cursor.peek() else {
            return Err(cursor.fail(Flaw::Ended));
        };
        if self.prefix.is_raw {
            out.push(b'\\');
            return self.raw(cursor, escaped, out);
        }
        match escaped {
            b'\n' | b'\r' => {
                end_of_line(cursor);
                return Ok(());
            }
            b'0'..=b'7' => return self.octal(cursor, out),
            b'x' | b'u' | b'U' | b'N' if escaped == b'x' || !self.prefix.is_bytes => {
                return self.by_number(cursor, escaped, out);
            }
            _ => {}
        }
        let meant = match escaped {
            b'\\' | b'\'' | b'"' => escaped,
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            // What is no escape stands for itself, with its backslash.
            _ => {
                out.push(b'\\');
                return Ok(());
            }
        };
        cursor.skip(1);
        out.push(meant);
        Ok(())
    }

    /// In a raw literal, what follows a backslash cannot end it.
    fn raw(
        &self,
        cursor: &mut Cursor<'_>,
        escaped: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        match escaped {
            b'\n' | b'\r' => {
                end_of_line(cursor);
                out.push(b'\n');
            }
            b'\\' | b'\'' | b'"' => {
                cursor.skip(1);
                out.push(escaped);
            }
            _ => {}
        }
        Ok(())
    }

    fn octal(&self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let mut number = 0;
        for _ in 0..3 {
            let Some(digit @ b'0'..=b'7') = cursor.peek() else {
                break;
            };
            number = number * 8 + u32::from(digit - b'0');
            cursor.skip(1);
        }
        self.put(cursor, number, out)
    }

    /// Reads `x41`, `u0041` and `U00000041`.
    fn by_number(
        &self,
        cursor: &mut Cursor<'_>,
        kind: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let count = match kind {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => return Err(cursor.fail(Flaw::Syntax("a character by its name"))),
        };
        cursor.skip(1);
        let mut number = 0u32;
        for _ in 0..count {
            let digit = cursor.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(cursor.unexpected("an escape with too few digits"));
            };
            number = number << 4 | digit;
            cursor.skip(1);
        }
        self.put(cursor, number, out)
    }

    fn put(&self, cursor: &Cursor<'_>, number: u32, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.prefix.is_bytes {
            out.push((number & 0xff) as u8);
            return Ok(());
        }
        if let Some(half) = u16::try_from(number)
            .ok()
            .filter(|n| (0xd800..0xe000).contains(n))
        {
            put_surrogate(out, half);
            return Ok(());
        }
        let Some(character) = char::from_u32(number) else {
            let why = "an escape for a character that does not exist";
            return Err(cursor.fail(Flaw::Syntax(why)));
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// Takes the end of a line, of one or two bytes.
fn end_of_line(cursor: &mut Cursor<'_>) {
    let two = cursor.eat_word(b"\r\n");
    if !two {
        cursor.skip(1);
    }
}
