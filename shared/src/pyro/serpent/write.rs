//! Writes what Python's serpent writes, byte for byte.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::number::put_float;
use super::super::serializer::Serializer;
use super::super::value::{PyValue, put_date, put_timestamp};
use super::super::{EncodeError, MAX_NESTING};
use super::HEADER;
use super::text::{put_bytes, put_text, put_wtf8};

/// Appends a document.
pub(in super::super) fn write(value: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(HEADER);
    put(value, out, MAX_NESTING)
}

fn put(value: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    match value {
        PyValue::None => out.extend_from_slice(b"None"),
        PyValue::Bool(true) => out.extend_from_slice(b"True"),
        PyValue::Bool(false) => out.extend_from_slice(b"False"),
        PyValue::Int(number) => put_int(out, *number),
        PyValue::Big(number) => out.extend_from_slice(number.as_str().as_bytes()),
        PyValue::Float(number) if number.is_nan() => {
            below(levels_left)?;
            put_any_float(out, *number);
        }
        PyValue::Float(number) => put_any_float(out, *number),
        PyValue::Complex(real, imaginary) => {
            below(levels_left)?;
            put_complex(out, *real, *imaginary);
        }
        PyValue::Str(text) => put_text(out, text),
        PyValue::Wtf8(text) => put_wtf8(out, text),
        PyValue::Bytes(bytes) => {
            below(levels_left)?;
            put_base64(out, bytes);
        }
        PyValue::List(elements) => {
            let below = below(levels_left)?;
            out.push(b'[');
            put_elements(elements, out, |element, out| put(element, out, below))?;
            out.push(b']');
        }
        PyValue::Tuple(elements) => put_tuple(elements, out, levels_left, put)?,
        // An empty set has no literal.
        PyValue::Set(members) if members.is_empty() => {
            put_tuple(members, out, levels_left, put)?;
        }
        PyValue::Set(members) => {
            let below = below(levels_left)?;
            out.push(b'{');
            put_elements(members, out, |member, out| put_key(member, out, below))?;
            out.push(b'}');
        }
        PyValue::Dict(entries) => {
            let below = below(levels_left)?;
            out.push(b'{');
            put_elements(entries, out, |(key, value), out| {
                put_key(key, out, below)?;
                out.push(b':');
                put(value, out, below)
            })?;
            out.push(b'}');
        }
        PyValue::Timestamp(seconds) => quoted(out, |out| put_timestamp(out, *seconds)),
        PyValue::Date(ordinal) => quoted(out, |out| put_date(out, *ordinal)),
    }
    Ok(())
}

/// Appends a key or a member of a set: what Python's reader can look up.
///
/// Bytes are a literal there, since a dict could not be looked up; Python's writer gets that wrong.
fn put_key(key: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    let no_key = |what| EncodeError::Key {
        serializer: Serializer::Serpent,
        what,
    };
    match key {
        PyValue::Bytes(bytes) => put_bytes(out, bytes),
        PyValue::Tuple(elements) => return put_tuple(elements, out, levels_left, put_key),
        PyValue::List(_) | PyValue::Dict(_) | PyValue::Set(_) => {
            return Err(no_key(key.type_name()));
        }
        PyValue::Float(number) if number.is_nan() => return Err(no_key("nan")),
        PyValue::Complex(real, imaginary) if real.is_nan() || imaginary.is_nan() => {
            return Err(no_key("nan"));
        }
        _ => return put(key, out, levels_left),
    }
    Ok(())
}

/// One level down; whatever is written in brackets is a level to its reader.
fn below(levels_left: u32) -> Result<u32, EncodeError> {
    levels_left.checked_sub(1).ok_or(EncodeError::TooDeep)
}

fn put_elements<T>(
    elements: &[T],
    out: &mut Vec<u8>,
    mut put: impl FnMut(&T, &mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        put(element, out)?;
    }
    Ok(())
}

fn put_tuple(
    elements: &[PyValue],
    out: &mut Vec<u8>,
    levels_left: u32,
    put: fn(&PyValue, &mut Vec<u8>, u32) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let below = below(levels_left)?;
    out.push(b'(');
    put_elements(elements, out, |element, out| put(element, out, below))?;
    if elements.len() == 1 {
        out.push(b',');
    }
    out.push(b')');
    Ok(())
}

fn put_int(out: &mut Vec<u8>, number: i128) {
    // Writing to a vector cannot fail; the smaller type is quicker.
    let _ = match i64::try_from(number) {
        Ok(number) => write!(out, "{number}"),
        Err(_) => write!(out, "{number}"),
    };
}

fn put_any_float(out: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        out.extend_from_slice(b"{'__class__':'float','value':'nan'}");
    } else if number.is_infinite() {
        let overflows: &[u8] = if number > 0.0 {
            b"1e30000"
        } else {
            b"-1e30000"
        };
        out.extend_from_slice(overflows);
    } else {
        put_float(out, number);
    }
}

fn put_complex(out: &mut Vec<u8>, real: f64, imaginary: f64) {
    if real.is_nan() || imaginary.is_nan() {
        out.extend_from_slice(b"{'__class__':'complex','real':");
        put_any_float(out, real);
        out.extend_from_slice(b",'imag':");
        put_any_float(out, imaginary);
        out.push(b'}');
        return;
    }
    out.push(b'(');
    put_any_float(out, real);
    if imaginary.is_sign_positive() {
        out.push(b'+');
    }
    put_any_float(out, imaginary);
    out.extend_from_slice(b"j)");
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    quoted_between(out, b"{'data': '", b"', 'encoding': 'base64'}", |out| {
        let start = out.len();
        // At most two more than four for each three.
        out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        let written = STANDARD.encode_slice(bytes, &mut out[start..]);
        out.truncate(start + written.unwrap_or_default());
    });
}

fn quoted(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    quoted_between(out, b"'", b"'", put);
}

fn quoted_between(out: &mut Vec<u8>, open: &[u8], close: &[u8], put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(open);
    put(out);
    out.extend_from_slice(close);
}
