//! Reads JSON.

use super::super::cursor::Cursor;
use super::super::number::parse_float;
use super::super::serializer::Serializer;
use super::super::value::{IntError, PyValue};
use super::super::{DecodeError, Flaw};

const MALFORMED: Flaw = Flaw::Syntax("a malformed number");

/// Reads a document.
pub(in super::super) fn read(bytes: &[u8]) -> Result<PyValue, DecodeError> {
    let mut cursor = Cursor::new(Serializer::Json, bytes);
    skip_blanks(&mut cursor);
    let value = value(&mut cursor)?;
    cursor.finish()?;
    Ok(value)
}

fn skip_blanks(cursor: &mut Cursor<'_>) {
    cursor.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
}

/// Reads a value and the blanks behind it.
fn value(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let value = match cursor.peek() {
        Some(b'"') => PyValue::Str(text(cursor)?),
        Some(b'{') => object(cursor)?,
        Some(b'[') => array(cursor)?,
        Some(b'-' | b'0'..=b'9') => number(cursor)?,
        _ => word(cursor)?,
    };
    skip_blanks(cursor);
    Ok(value)
}

fn word(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    const WORDS: [(&[u8], PyValue); 5] = [
        (b"null", PyValue::None),
        (b"true", PyValue::Bool(true)),
        (b"false", PyValue::Bool(false)),
        (b"NaN", PyValue::Float(f64::NAN)),
        (b"Infinity", PyValue::Float(f64::INFINITY)),
    ];
    let found = WORDS.into_iter().find(|(word, _)| cursor.eat_word(word));
    match found {
        Some((_, value)) => Ok(value),
        None => Err(cursor.unexpected("no value begins like this")),
    }
}

fn array(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    open(cursor)?;
    let mut elements = Vec::new();
    if !cursor.eat(b']') {
        loop {
            elements.push(value(cursor)?);
            if !comma(cursor, b']')? {
                break;
            }
        }
    }
    cursor.leave();
    Ok(PyValue::List(elements))
}

fn object(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    open(cursor)?;
    let mut entries = Vec::new();
    if !cursor.eat(b'}') {
        loop {
            if cursor.peek() != Some(b'"') {
                return Err(cursor.unexpected("no text in quotes as a key"));
            }
            let key = PyValue::Str(text(cursor)?);
            skip_blanks(cursor);
            if !cursor.eat(b':') {
                return Err(cursor.unexpected("a key without a value"));
            }
            skip_blanks(cursor);
            entries.push((key, value(cursor)?));
            if !comma(cursor, b'}')? {
                break;
            }
        }
    }
    cursor.leave();
    Ok(PyValue::Dict(entries))
}

fn open(cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    cursor.enter()?;
    cursor.skip(1);
    skip_blanks(cursor);
    Ok(())
}

/// Takes a comma, which is true, or the end of the brackets.
fn comma(cursor: &mut Cursor<'_>, end: u8) -> Result<bool, DecodeError> {
    if cursor.eat(b',') {
        skip_blanks(cursor);
        return Ok(true);
    }
    if cursor.eat(end) {
        return Ok(false);
    }
    Err(cursor.unexpected("no comma and no end of the brackets"))
}

fn number(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let negative = cursor.eat(b'-');
    if negative && cursor.eat_word(b"Infinity") {
        return Ok(PyValue::Float(f64::NEG_INFINITY));
    }
    let whole = digits(cursor);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return Err(cursor.fail_at(at, MALFORMED));
    }
    let mut is_float = false;
    if cursor.eat(b'.') {
        is_float = true;
        if digits(cursor).is_empty() {
            return Err(cursor.fail_at(at, MALFORMED));
        }
    }
    if cursor.eat(b'e') || cursor.eat(b'E') {
        is_float = true;
        if !cursor.eat(b'-') {
            cursor.eat(b'+');
        }
        if digits(cursor).is_empty() {
            return Err(cursor.fail_at(at, MALFORMED));
        }
    }
    if is_float {
        let number = parse_float(cursor.since(at));
        return number
            .map(PyValue::Float)
            .ok_or_else(|| cursor.fail_at(at, MALFORMED));
    }
    PyValue::int(negative, whole).map_err(|error| {
        cursor.fail_at(
            at,
            match error {
                IntError::TooLong => Flaw::IntTooLong,
                IntError::Malformed => MALFORMED,
            },
        )
    })
}

fn digits<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    cursor.take_while(|byte| byte.is_ascii_digit())
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, DecodeError> {
    cursor.skip(1);
    let mut text = String::new();
    loop {
        let at = cursor.at();
        let run = cursor.take_until(|byte| (byte < b' ') | (byte == b'"') | (byte == b'\\'));
        let run = std::str::from_utf8(run).map_err(|_| cursor.fail_at(at, Flaw::Utf8))?;
        text.push_str(run);
        if cursor.eat(b'"') {
            return Ok(text);
        }
        if !cursor.eat(b'\\') {
            return Err(cursor.unexpected("a control character in a text"));
        }
        text.push(escape(cursor)?);
    }
}

/// Reads what follows a backslash.
fn escape(cursor: &mut Cursor<'_>) -> Result<char, DecodeError> {
    let at = cursor.at();
    Ok(match cursor.byte()? {
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return by_number(cursor, at),
        _ => return Err(cursor.fail_at(at, Flaw::Syntax("an unknown escape"))),
    })
}

/// Reads a character of one or two escapes of four digits; the `u` of the first one was read.
fn by_number(cursor: &mut Cursor<'_>, at: usize) -> Result<char, DecodeError> {
    let first = four_digits(cursor)?;
    let units = if (0xd800..0xdc00).contains(&first) && cursor.eat_word(b"\\u") {
        vec![first, four_digits(cursor)?]
    } else {
        vec![first]
    };
    let mut characters = char::decode_utf16(units);
    match (characters.next(), characters.next()) {
        (Some(Ok(character)), None) => Ok(character),
        _ => Err(cursor.fail_at(at, Flaw::Surrogate)),
    }
}

fn four_digits(cursor: &mut Cursor<'_>) -> Result<u16, DecodeError> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = cursor.peek().and_then(|byte| char::from(byte).to_digit(16));
        let Some(digit) = digit else {
            return Err(cursor.unexpected("an escape with too few digits"));
        };
        number = number << 4 | digit as u16;
        cursor.skip(1);
    }
    Ok(number)
}
