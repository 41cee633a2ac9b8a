//! Writes MessagePack.

use rmp::encode::{
    write_array_len, write_bin_len, write_bool, write_ext_meta, write_f64, write_map_len,
    write_nil, write_sint, write_str_len, write_uint,
};

use super::super::serializer::Serializer;
use super::super::value::PyValue;
use super::super::{EncodeError, MAX_NESTING};
use super::ext;

/// Appends a document.
pub(in super::super) fn write(value: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put(value, out, MAX_NESTING)
}

fn put(value: &PyValue, out: &mut Vec<u8>, levels_left: u32) -> Result<(), EncodeError> {
    match value {
        PyValue::None => ok(write_nil(out)),
        PyValue::Bool(value) => ok(write_bool(out, *value)),
        PyValue::Int(number) => put_int(out, *number)?,
        PyValue::Big(number) => put_ext(out, ext::INT, number.as_str().as_bytes())?,
        PyValue::Float(number) => ok(write_f64(out, *number)),
        PyValue::Complex(real, imaginary) => {
            let parts = [real.to_le_bytes(), imaginary.to_le_bytes()];
            put_ext(out, ext::COMPLEX, parts.as_flattened())?;
        }
        PyValue::Str(text) => {
            ok(write_str_len(out, length(text.len())?));
            out.extend_from_slice(text.as_bytes());
        }
        PyValue::Wtf8(_) => {
            return Err(EncodeError::NoForm {
                serializer: Serializer::Msgpack,
                what: "a lone surrogate",
            });
        }
        PyValue::Bytes(bytes) => {
            ok(write_bin_len(out, length(bytes.len())?));
            out.extend_from_slice(bytes);
        }
        PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements) => {
            let below = below(levels_left)?;
            ok(write_array_len(out, length(elements.len())?));
            for element in elements {
                put(element, out, below)?;
            }
        }
        PyValue::Dict(entries) => {
            let below = below(levels_left)?;
            ok(write_map_len(out, length(entries.len())?));
            for (key, value) in entries {
                put_key(key, out)?;
                put(value, out, below)?;
            }
        }
        PyValue::Timestamp(seconds) => put_ext(out, ext::TIMESTAMP, &seconds.to_le_bytes())?,
        PyValue::Date(ordinal) => put_ext(out, ext::DATE, &i64::from(*ordinal).to_le_bytes())?,
    }
    Ok(())
}

/// Appends a key: text or bytes, as Python's reader insists.
fn put_key(key: &PyValue, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match key {
        PyValue::Str(_) | PyValue::Bytes(_) => put(key, out, 0),
        _ => Err(EncodeError::Key {
            serializer: Serializer::Msgpack,
            what: key.type_name(),
        }),
    }
}

fn put_int(out: &mut Vec<u8>, number: i128) -> Result<(), EncodeError> {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => ok(write_sint(out, number)),
        (_, Ok(number)) => ok(write_uint(out, number)),
        _ => put_ext(out, ext::INT, number.to_string().as_bytes())?,
    }
    Ok(())
}

fn put_ext(out: &mut Vec<u8>, kind: i8, data: &[u8]) -> Result<(), EncodeError> {
    ok(write_ext_meta(out, length(data.len())?, kind));
    out.extend_from_slice(data);
    Ok(())
}

fn length(count: usize) -> Result<u32, EncodeError> {
    u32::try_from(count).map_err(|_| EncodeError::TooLong {
        serializer: Serializer::Msgpack,
        count,
    })
}

fn below(levels_left: u32) -> Result<u32, EncodeError> {
    levels_left.checked_sub(1).ok_or(EncodeError::TooDeep)
}

/// Writing to a vector cannot fail.
fn ok<T, E>(_: Result<T, E>) {}
