//! Numbers as Python's source has them: four radices, underscores, fractions, exponents and a `j`.

use super::super::cursor::Cursor;
use super::super::number::parse_float;
use super::super::value::{IntError, PyValue};
use super::super::{DecodeError, Flaw, MAX_INT_DIGITS};

const MALFORMED: Flaw = Flaw::Syntax("a malformed number");

/// Reads a number without a sign.
pub(super) fn unsigned(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let bits = match (cursor.peek(), cursor.peek_second()) {
        (Some(b'0'), Some(b'x' | b'X')) => Some(4),
        (Some(b'0'), Some(b'o' | b'O')) => Some(3),
        (Some(b'0'), Some(b'b' | b'B')) => Some(1),
        _ => None,
    };
    let number = match bits {
        Some(bits) => of_bits(cursor, bits),
        None => decimal(cursor),
    }?;
    match cursor.peek() {
        Some(byte) if byte == b'_' || byte == b'.' || byte.is_ascii_alphanumeric() => {
            Err(cursor.fail_at(at, MALFORMED))
        }
        _ => Ok(number),
    }
}

/// The value of a number that is neither complex nor a bool.
pub(super) fn real(value: &PyValue) -> Option<f64> {
    match value {
        PyValue::Int(number) => Some(*number as f64),
        PyValue::Big(number) => number.as_str().parse().ok(),
        PyValue::Float(number) => Some(*number),
        _ => None,
    }
}

/// The number with the other sign.
pub(super) fn negate(number: PyValue) -> PyValue {
    match number {
        // `i128::MIN` has no positive counterpart that is small: its digits come as a big one.
        PyValue::Int(number) => PyValue::Int(-number),
        PyValue::Big(number) => {
            PyValue::int(true, number.as_str().as_bytes()).unwrap_or(PyValue::Big(number))
        }
        PyValue::Float(number) => PyValue::Float(-number),
        PyValue::Complex(real, imaginary) => PyValue::Complex(-real, -imaginary),
        other => other,
    }
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let whole = digits(cursor);
    let mut is_float = false;
    if cursor.eat(b'.') {
        is_float = true;
        if whole == 0 && digits(cursor) == 0 {
            return Err(cursor.fail_at(at, MALFORMED));
        }
        digits(cursor);
    }
    if matches!(cursor.peek(), Some(b'e' | b'E')) {
        is_float = true;
        cursor.skip(1);
        if !cursor.eat(b'-') {
            cursor.eat(b'+');
        }
        if digits(cursor) == 0 {
            return Err(cursor.fail_at(at, MALFORMED));
        }
    }
    let text = cursor.since(at);
    if cursor.eat(b'j') || cursor.eat(b'J') {
        let imaginary = float(text).ok_or_else(|| cursor.fail_at(at, MALFORMED))?;
        return Ok(PyValue::Complex(0.0, imaginary));
    }
    if is_float {
        let number = float(text).ok_or_else(|| cursor.fail_at(at, MALFORMED))?;
        return Ok(PyValue::Float(number));
    }
    let text = clean(text).ok_or_else(|| cursor.fail_at(at, MALFORMED))?;
    if text.first() == Some(&b'0') && text.iter().any(|digit| *digit != b'0') {
        return Err(cursor.fail_at(at, Flaw::Syntax("an integer with leading zeros")));
    }
    PyValue::int(false, &text).map_err(|error| cursor.fail_at(at, flaw(error)))
}

/// Takes digits and underscores; how many.
fn digits(cursor: &mut Cursor<'_>) -> usize {
    cursor
        .take_while(|byte| byte == b'_' || byte.is_ascii_digit())
        .len()
}

fn float(text: &[u8]) -> Option<f64> {
    parse_float(&clean(text)?)
}

/// The text without its underscores, each of which must stand between two digits.
fn clean(text: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    if !text.contains(&b'_') {
        return Some(text.into());
    }
    let stands_between = |at: usize| {
        let neighbours = [at.checked_sub(1), Some(at + 1)];
        neighbours.into_iter().all(|at| {
            at.and_then(|at| text.get(at))
                .is_some_and(u8::is_ascii_digit)
        })
    };
    let sound = (0..text.len()).all(|at| text[at] != b'_' || stands_between(at));
    let without = text.iter().copied().filter(|byte| *byte != b'_');
    sound.then(|| without.collect())
}

/// Reads digits of so many bits each, behind their `0x`, `0o` or `0b`.
fn of_bits(cursor: &mut Cursor<'_>, bits: u32) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    cursor.skip(2);
    let text = cursor.take_while(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    // An underscore may follow the letter too: with a digit for it, it stands between digits.
    let text = [b"0", text].concat();
    let digits = without_underscores(&text, bits).ok_or_else(|| cursor.fail_at(at, MALFORMED))?;
    if digits.len() > 4 * MAX_INT_DIGITS {
        return Err(cursor.fail_at(at, Flaw::IntTooLong));
    }
    PyValue::int_from_le_bytes(false, &pack(&digits, bits))
        .map_err(|error| cursor.fail_at(at, flaw(error)))
}

/// The digits' values, if all of them are of so many bits.
fn without_underscores(text: &[u8], bits: u32) -> Option<Vec<u8>> {
    let sound = text.last().is_some_and(|last| *last != b'_')
        && text.len() > 1
        && !text.windows(2).any(|two| two == b"__");
    let digits = text.iter().filter(|byte| **byte != b'_');
    let value = |byte: &u8| char::from(*byte).to_digit(1 << bits);
    let values = digits.map(|byte| value(byte).and_then(|value| u8::try_from(value).ok()));
    if sound { values.collect() } else { None }
}

/// The bytes, the lowest first, of digits of so many bits, the highest first.
fn pack(digits: &[u8], bits: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(digits.len() / 2 + 1);
    let (mut held, mut held_bits) = (0u32, 0);
    for digit in digits.iter().rev() {
        held |= u32::from(*digit) << held_bits;
        held_bits += bits;
        if held_bits >= 8 {
            bytes.push((held & 0xff) as u8);
            held >>= 8;
            held_bits -= 8;
        }
    }
    bytes.push((held & 0xff) as u8);
    bytes
}

fn flaw(error: IntError) -> Flaw {
    match error {
        IntError::TooLong => Flaw::IntTooLong,
        IntError::Malformed => MALFORMED,
    }
}
