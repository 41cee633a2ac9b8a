//! Writes marshal, without references to earlier parts.

use super::super::serializer::Serializer;
use super::super::value::PyValue;
use super::super::{EncodeError, MAX_NESTING};
use super::{DIGIT_BITS, kind};

/// Appends a document.
pub(in super::super) fn write(value: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put(value, out, MAX_NESTING)
}

fn put(value: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    match value {
        PyValue::None => out.push(kind::NONE),
        PyValue::Bool(true) => out.push(kind::TRUE),
        PyValue::Bool(false) => out.push(kind::FALSE),
        PyValue::Int(number) => match i32::try_from(*number) {
            Ok(number) => {
                out.push(kind::INT);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Err(_) => put_long(out, *number < 0, &number.unsigned_abs().to_le_bytes()),
        },
        PyValue::Big(number) => {
            let (negative, bytes) = number.to_le_bytes();
            put_long(out, negative, &bytes);
        }
        PyValue::Float(number) => {
            out.push(kind::FLOAT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        PyValue::Complex(real, imaginary) => {
            out.push(kind::COMPLEX);
            out.extend_from_slice(&real.to_le_bytes());
            out.extend_from_slice(&imaginary.to_le_bytes());
        }
        PyValue::Str(text) => put_text(out, text)?,
        PyValue::Wtf8(text) => {
            put_head(out, kind::TEXT, text.as_bytes().len())?;
            out.extend_from_slice(text.as_bytes());
        }
        PyValue::Bytes(bytes) => {
            put_head(out, kind::BYTES, bytes.len())?;
            out.extend_from_slice(bytes);
        }
        PyValue::List(elements) => put_sequence(elements, out, kind::LIST, levels_left, put)?,
        PyValue::Tuple(elements) => put_sequence(elements, out, kind::TUPLE, levels_left, put)?,
        PyValue::Set(members) => put_sequence(members, out, kind::SET, levels_left, put_key)?,
        PyValue::Dict(entries) => {
            let below = below(levels_left)?;
            out.push(kind::DICT);
            for (key, value) in entries {
                put_key(key, out, below)?;
                put(value, out, below)?;
            }
            out.push(kind::NULL);
        }
        PyValue::Timestamp(_) | PyValue::Date(_) => {
            return Err(EncodeError::NoForm {
                serializer: Serializer::Marshal,
                what: value.type_name(),
            });
        }
    }
    Ok(())
}

fn put_sequence(
    elements: &[PyValue],
    out: &mut Vec<u8>,
    kind: u8,
    levels_left: u32,
    put: fn(&PyValue, &mut Vec<u8>, u32) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let below = below(levels_left)?;
    match (kind, u8::try_from(elements.len())) {
        (kind::TUPLE, Ok(count)) => out.extend_from_slice(&[kind::SMALL_TUPLE, count]),
        _ => put_head(out, kind, elements.len())?,
    }
    for element in elements {
        put(element, out, below)?;
    }
    Ok(())
}

/// Appends a key or a member of a set; a set among them is a frozen one.
fn put_key(key: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    match key {
        PyValue::Set(members) => put_sequence(members, out, kind::FROZEN_SET, levels_left, put_key),
        PyValue::Tuple(elements) => put_sequence(elements, out, kind::TUPLE, levels_left, put_key),
        PyValue::List(_) | PyValue::Dict(_) => Err(EncodeError::Key {
            serializer: Serializer::Marshal,
            what: key.type_name(),
        }),
        _ => put(key, out, levels_left),
    }
}

fn below(levels_left: u32) -> Result<u32, EncodeError> {
    levels_left.checked_sub(1).ok_or(EncodeError::TooDeep)
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    match u8::try_from(text.len()) {
        Ok(count) if text.is_ascii() => out.extend_from_slice(&[kind::SHORT_ASCII, count]),
        _ if text.is_ascii() => put_head(out, kind::ASCII, text.len())?,
        _ => put_head(out, kind::TEXT, text.len())?,
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_head(out: &mut Vec<u8>, kind: u8, count: usize) -> Result<(), EncodeError> {
    let Ok(short) = i32::try_from(count) else {
        return Err(EncodeError::TooLong {
            serializer: Serializer::Marshal,
            count,
        });
    };
    out.push(kind);
    out.extend_from_slice(&short.to_le_bytes());
    Ok(())
}

/// Appends an integer from its magnitude's bytes, the lowest first, of which there are few.
fn put_long(out: &mut Vec<u8>, negative: bool, bytes: &[u8]) {
    let mut digits: Vec<u16> = Vec::with_capacity(bytes.len() * 8 / DIGIT_BITS as usize + 1);
    let (mut held, mut held_bits) = (0u32, 0);
    for byte in bytes {
        held |= u32::from(*byte) << held_bits;
        held_bits += 8;
        if held_bits >= DIGIT_BITS {
            digits.push((held & 0x7fff) as u16);
            held >>= DIGIT_BITS;
            held_bits -= DIGIT_BITS;
        }
    }
    digits.push(held as u16);
    while digits.last() == Some(&0) {
        digits.pop();
    }
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    out.push(kind::LONG);
    out.extend_from_slice(&if negative { -count } else { count }.to_le_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_le_bytes());
    }
}
