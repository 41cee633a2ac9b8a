//! Reads a Python literal: what `ast.literal_eval` takes, save an ellipsis and characters by their names.
//!
//! Where Python is strict about indentation and lines outside of brackets, this reader is not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::cursor::Cursor;
use super::super::scan;
use super::super::serializer::Serializer;
use super::super::value::PyValue;
use super::super::{DecodeError, Flaw};
use super::{literal, number};

/// Reads a document.
pub(in super::super) fn read(bytes: &[u8]) -> Result<PyValue, DecodeError> {
    let mut cursor = Cursor::new(Serializer::Serpent, bytes);
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(cursor.fail_at(error.valid_up_to(), Flaw::Utf8));
    }
    if let Some(at) = scan::position(bytes, |byte| byte == 0) {
        return Err(cursor.fail_at(at, Flaw::Syntax("a zero byte")));
    }
    skip_blanks(&mut cursor);
    let mut value = expression(&mut cursor)?;
    if cursor.peek() == Some(b',') {
        cursor.enter()?;
        value = rest_of_tuple(&mut cursor, value)?;
    }
    cursor.finish()?;
    Ok(value)
}

/// Skips blanks, ends of lines, comments and backslashes at ends of lines.
fn skip_blanks(cursor: &mut Cursor<'_>) {
    loop {
        match cursor.peek() {
            Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0c') => cursor.skip(1),
            Some(b'#') => {
                cursor.take_while(|byte| byte != b'\n' && byte != b'\r');
            }
            Some(b'\\') if matches!(cursor.peek_second(), Some(b'\n' | b'\r')) => cursor.skip(2),
            _ => return,
        }
    }
}

/// Reads a value and the blanks behind it: an operand, or the sum of a real and an imaginary number.
fn expression(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let value = operand(cursor)?;
    skip_blanks(cursor);
    match (cursor.peek(), number::real(&value)) {
        (Some(sign @ (b'+' | b'-')), Some(real)) => {
            cursor.skip(1);
            skip_blanks(cursor);
            let at = cursor.at();
            let PyValue::Complex(_, imaginary) = number::unsigned(cursor)? else {
                return Err(
                    cursor.fail_at(at, Flaw::Syntax("a sum of other than a complex number"))
                );
            };
            skip_blanks(cursor);
            let imaginary = if sign == b'-' { -imaginary } else { imaginary };
            Ok(PyValue::Complex(real, imaginary))
        }
        _ => Ok(value),
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    match cursor.peek() {
        Some(b'0'..=b'9') => number::unsigned(cursor),
        Some(b'.') if cursor.rest().starts_with(b"...") => {
            Err(cursor.fail(Flaw::Syntax("an ellipsis, which is no value")))
        }
        Some(b'.') => number::unsigned(cursor),
        Some(sign @ (b'+' | b'-')) => {
            cursor.skip(1);
            skip_blanks(cursor);
            let number = number::unsigned(cursor)?;
            Ok(if sign == b'-' {
                number::negate(number)
            } else {
                number
            })
        }
        Some(b'\'' | b'"') => text(cursor),
        Some(b'(') => parenthesis(cursor),
        Some(b'[') => list(cursor),
        Some(b'{') => braces(cursor),
        Some(byte) if byte == b'_' || byte.is_ascii_alphabetic() => word(cursor),
        _ => Err(cursor.unexpected("no value begins like this")),
    }
}

/// Reads a name that is a value, an empty set, or a text with letters in front of its quote.
fn word(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let word =
        cursor.take_while(|byte| byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80);
    if matches!(cursor.peek(), Some(b'\'' | b'"')) {
        cursor.go_to(at);
        return text(cursor);
    }
    match word {
        b"None" => Ok(PyValue::None),
        b"True" => Ok(PyValue::Bool(true)),
        b"False" => Ok(PyValue::Bool(false)),
        b"set" => {
            for bracket in *b"()" {
                skip_blanks(cursor);
                if !cursor.eat(bracket) {
                    return Err(cursor.unexpected("a set() with something in it"));
                }
            }
            Ok(PyValue::Set(Vec::new()))
        }
        _ => Err(cursor.fail_at(at, Flaw::Syntax("a name that is no value"))),
    }
}

/// Reads string literals, which are one when they follow each other.
fn text(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let start = cursor.at();
    let mut content = Vec::new();
    let is_bytes = literal::read(cursor, &mut content)?;
    loop {
        skip_blanks(cursor);
        if !literal::begins(cursor) {
            break;
        }
        let at = cursor.at();
        if literal::read(cursor, &mut content)? != is_bytes {
            return Err(cursor.fail_at(at, Flaw::Syntax("text and bytes side by side")));
        }
    }
    if is_bytes {
        return Ok(PyValue::Bytes(content));
    }
    PyValue::text_from_bytes(content).ok_or_else(|| cursor.fail_at(start, Flaw::Utf8))
}

/// Reads a tuple, or a value in parentheses.
fn parenthesis(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    open(cursor)?;
    if cursor.eat(b')') {
        cursor.leave();
        return Ok(PyValue::Tuple(Vec::new()));
    }
    let first = expression(cursor)?;
    let value = if cursor.peek() == Some(b',') {
        rest_of_tuple(cursor, first)?
    } else {
        first
    };
    close(cursor, b')')?;
    Ok(value)
}

/// Reads the other elements, up to what closes the tuple.
fn rest_of_tuple(cursor: &mut Cursor<'_>, first: PyValue) -> Result<PyValue, DecodeError> {
    let mut elements = vec![first];
    while cursor.eat(b',') {
        skip_blanks(cursor);
        if matches!(cursor.peek(), None | Some(b')')) {
            break;
        }
        elements.push(expression(cursor)?);
    }
    Ok(PyValue::Tuple(elements))
}

fn list(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    open(cursor)?;
    let mut elements = Vec::new();
    while cursor.peek() != Some(b']') {
        elements.push(expression(cursor)?);
        if !comma(cursor) {
            break;
        }
    }
    close(cursor, b']')?;
    Ok(PyValue::List(elements))
}

/// Reads a dict or a set.
fn braces(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    open(cursor)?;
    if cursor.eat(b'}') {
        cursor.leave();
        return Ok(PyValue::Dict(Vec::new()));
    }
    let first = key(cursor)?;
    let value = if cursor.peek() == Some(b':') {
        plain(rest_of_dict(cursor, first)?)
    } else {
        PyValue::Set(rest_of_set(cursor, first)?)
    };
    close(cursor, b'}')?;
    Ok(value)
}

fn rest_of_dict(
    cursor: &mut Cursor<'_>,
    first: PyValue,
) -> Result<Vec<(PyValue, PyValue)>, DecodeError> {
    let mut entries = Vec::new();
    let mut next = Some(first);
    while let Some(name) = next {
        if !cursor.eat(b':') {
            return Err(cursor.unexpected("a key without a value"));
        }
        skip_blanks(cursor);
        entries.push((name, expression(cursor)?));
        next = if comma(cursor) && cursor.peek() != Some(b'}') {
            Some(key(cursor)?)
        } else {
            None
        };
    }
    Ok(entries)
}

fn rest_of_set(cursor: &mut Cursor<'_>, first: PyValue) -> Result<Vec<PyValue>, DecodeError> {
    let mut members = vec![first];
    while comma(cursor) && cursor.peek() != Some(b'}') {
        members.push(key(cursor)?);
    }
    Ok(members)
}

fn key(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let key = expression(cursor)?;
    match key.unhashable() {
        Some(what) => Err(cursor.fail_at(at, Flaw::Unhashable(what))),
        None => Ok(key),
    }
}

fn open(cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    cursor.enter()?;
    cursor.skip(1);
    skip_blanks(cursor);
    Ok(())
}

fn close(cursor: &mut Cursor<'_>, bracket: u8) -> Result<(), DecodeError> {
    if !cursor.eat(bracket) {
        return Err(cursor.unexpected("no comma and no end of the brackets"));
    }
    cursor.leave();
    Ok(())
}

fn comma(cursor: &mut Cursor<'_>) -> bool {
    let comes = cursor.eat(b',');
    if comes {
        skip_blanks(cursor);
    }
    comes
}

/// A dict, or the value for which serpent's writer has only a dict.
fn plain(entries: Vec<(PyValue, PyValue)>) -> PyValue {
    use PyValue::{Bytes, Complex, Float, Str};
    let value = match entries.as_slice() {
        [(Str(a), Str(data)), (Str(b), Str(encoding))]
        | [(Str(b), Str(encoding)), (Str(a), Str(data))]
            if a == "data" && b == "encoding" && encoding == "base64" =>
        {
            STANDARD.decode(data).ok().map(Bytes)
        }
        [(Str(a), Str(class)), (Str(b), Str(value))]
            if a == "__class__" && class == "float" && b == "value" && value == "nan" =>
        {
            Some(Float(f64::NAN))
        }
        [
            (Str(a), Str(class)),
            (Str(b), Float(real)),
            (Str(c), Float(imaginary)),
        ] if a == "__class__" && class == "complex" && b == "real" && c == "imag" => {
            Some(Complex(*real, *imaginary))
        }
        _ => None,
    };
    value.unwrap_or(PyValue::Dict(entries))
}
