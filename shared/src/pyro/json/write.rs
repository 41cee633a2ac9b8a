//! Writes what Python's `json.dumps(value, ensure_ascii=False)` writes, byte for byte.

use std::io::Write as _;

use super::super::number::put_float;
use super::super::scan;
use super::super::serializer::Serializer;
use super::super::value::{PyValue, put_date, put_timestamp};
use super::super::{EncodeError, MAX_NESTING};

/// Appends a document.
pub(in super::super) fn write(value: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put(value, out, MAX_NESTING)
}

fn put(value: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    match value {
        PyValue::Str(text) => put_text(out, text),
        PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements) => {
            let below = below(levels_left)?;
            out.push(b'[');
            for (i, element) in elements.iter().enumerate() {
                put_comma(out, i);
                put(element, out, below)?;
            }
            out.push(b']');
        }
        PyValue::Dict(entries) => {
            let below = below(levels_left)?;
            out.push(b'{');
            for (i, (key, value)) in entries.iter().enumerate() {
                put_comma(out, i);
                put_key(key, out)?;
                out.extend_from_slice(b": ");
                put(value, out, below)?;
            }
            out.push(b'}');
        }
        PyValue::Timestamp(seconds) => {
            out.push(b'"');
            put_timestamp(out, *seconds);
            out.push(b'"');
        }
        PyValue::Date(ordinal) => {
            out.push(b'"');
            put_date(out, *ordinal);
            out.push(b'"');
        }
        PyValue::Complex(..) | PyValue::Bytes(_) => return Err(no_form(value.type_name())),
        PyValue::Wtf8(_) => return Err(no_form("a lone surrogate")),
        plain => {
            put_plain(plain, out);
        }
    }
    Ok(())
}

/// Appends what can be a key too, in quotes; false if this cannot.
fn put_plain(value: &PyValue, out: &mut Vec<u8>) -> bool {
    // Writing to a vector cannot fail.
    match value {
        PyValue::None => out.extend_from_slice(b"null"),
        PyValue::Bool(value) => drop(write!(out, "{value}")),
        PyValue::Int(number) => match i64::try_from(*number) {
            Ok(number) => drop(write!(out, "{number}")),
            Err(_) => drop(write!(out, "{number}")),
        },
        PyValue::Big(number) => out.extend_from_slice(number.as_str().as_bytes()),
        PyValue::Float(number) if number.is_nan() => out.extend_from_slice(b"NaN"),
        PyValue::Float(f64::INFINITY) => out.extend_from_slice(b"Infinity"),
        PyValue::Float(f64::NEG_INFINITY) => out.extend_from_slice(b"-Infinity"),
        PyValue::Float(number) => put_float(out, *number),
        _ => return false,
    }
    true
}

fn put_key(key: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let PyValue::Str(text) = key {
        put_text(out, text);
        return Ok(());
    }
    out.push(b'"');
    if !put_plain(key, out) {
        return Err(EncodeError::Key {
            serializer: Serializer::Json,
            what: key.type_name(),
        });
    }
    out.push(b'"');
    Ok(())
}

fn no_form(what: &'static str) -> EncodeError {
    EncodeError::NoForm {
        serializer: Serializer::Json,
        what,
    }
}

fn below(levels_left: u32) -> Result<u32, EncodeError> {
    levels_left.checked_sub(1).ok_or(EncodeError::TooDeep)
}

fn put_comma(out: &mut Vec<u8>, i: usize) {
    if i > 0 {
        out.extend_from_slice(b", ");
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    let is_escaped = |byte| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    while let Some(at) = scan::position(rest, is_escaped) {
        out.extend_from_slice(&rest[..at]);
        put_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}
