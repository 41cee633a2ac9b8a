//! Reads MessagePack.

use rmp::Marker;

use super::super::cursor::Cursor;
use super::super::serializer::Serializer;
use super::super::value::{IntError, MAX_DATE_ORDINAL, PyValue, is_timestamp};
use super::super::{DecodeError, Flaw};
use super::ext;

/// Reads a document.
pub(in super::super) fn read(bytes: &[u8]) -> Result<PyValue, DecodeError> {
    let mut cursor = Cursor::new(Serializer::Msgpack, bytes);
    let value = value(&mut cursor)?;
    cursor.finish()?;
    Ok(value)
}

fn value(cursor: &mut Cursor<'_>) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    Ok(match Marker::from_u8(cursor.byte()?) {
        Marker::Null => PyValue::None,
        Marker::True => PyValue::Bool(true),
        Marker::False => PyValue::Bool(false),
        Marker::FixPos(number) => PyValue::Int(number.into()),
        Marker::FixNeg(number) => PyValue::Int(number.into()),
        Marker::U8 => PyValue::Int(cursor.byte()?.into()),
        Marker::U16 => PyValue::Int(u16::from_be_bytes(cursor.array()?).into()),
        Marker::U32 => PyValue::Int(u32::from_be_bytes(cursor.array()?).into()),
        Marker::U64 => PyValue::Int(u64::from_be_bytes(cursor.array()?).into()),
        Marker::I8 => PyValue::Int(i8::from_be_bytes(cursor.array()?).into()),
        Marker::I16 => PyValue::Int(i16::from_be_bytes(cursor.array()?).into()),
        Marker::I32 => PyValue::Int(i32::from_be_bytes(cursor.array()?).into()),
        Marker::I64 => PyValue::Int(i64::from_be_bytes(cursor.array()?).into()),
        Marker::F32 => PyValue::Float(f32::from_be_bytes(cursor.array()?).into()),
        Marker::F64 => PyValue::Float(f64::from_be_bytes(cursor.array()?)),
        Marker::FixStr(count) => text(cursor, count.into())?,
        Marker::Str8 => one_byte(cursor, text)?,
        Marker::Str16 => two_bytes(cursor, text)?,
        Marker::Str32 => four_bytes(cursor, text)?,
        Marker::Bin8 => one_byte(cursor, bytes)?,
        Marker::Bin16 => two_bytes(cursor, bytes)?,
        Marker::Bin32 => four_bytes(cursor, bytes)?,
        Marker::FixArray(count) => array(cursor, count.into())?,
        Marker::Array16 => two_bytes(cursor, array)?,
        Marker::Array32 => four_bytes(cursor, array)?,
        Marker::FixMap(count) => map(cursor, count.into())?,
        Marker::Map16 => two_bytes(cursor, map)?,
        Marker::Map32 => four_bytes(cursor, map)?,
        Marker::FixExt1 => extension(cursor, 1)?,
        Marker::FixExt2 => extension(cursor, 2)?,
        Marker::FixExt4 => extension(cursor, 4)?,
        Marker::FixExt8 => extension(cursor, 8)?,
        Marker::FixExt16 => extension(cursor, 16)?,
        Marker::Ext8 => one_byte(cursor, extension)?,
        Marker::Ext16 => two_bytes(cursor, extension)?,
        Marker::Ext32 => four_bytes(cursor, extension)?,
        Marker::Reserved => return Err(cursor.fail_at(at, Flaw::UnknownType(0xc1))),
    })
}

type Read = fn(&mut Cursor<'_>, usize) -> Result<PyValue, DecodeError>;

/// Reads what stands behind its length in one byte.
fn one_byte(cursor: &mut Cursor<'_>, read: Read) -> Result<PyValue, DecodeError> {
    let count = cursor.byte()?.into();
    read(cursor, count)
}

fn two_bytes(cursor: &mut Cursor<'_>, read: Read) -> Result<PyValue, DecodeError> {
    let count = u16::from_be_bytes(cursor.array()?).into();
    read(cursor, count)
}

fn four_bytes(cursor: &mut Cursor<'_>, read: Read) -> Result<PyValue, DecodeError> {
    let count = u32::from_be_bytes(cursor.array()?) as usize;
    read(cursor, count)
}

fn text(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    cursor.text(count).map(PyValue::from)
}

fn bytes(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    cursor
        .take(count)
        .map(|bytes| PyValue::Bytes(bytes.to_vec()))
}

fn array(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    cursor.enter()?;
    let mut elements = Cursor::room(count);
    for _ in 0..count {
        elements.push(value(cursor)?);
    }
    cursor.leave();
    Ok(PyValue::List(elements))
}

fn map(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    cursor.enter()?;
    let mut entries = Cursor::room(count);
    for _ in 0..count {
        let at = cursor.at();
        let key = value(cursor)?;
        if let Some(what) = key.unhashable() {
            return Err(cursor.fail_at(at, Flaw::Unhashable(what)));
        }
        entries.push((key, value(cursor)?));
    }
    cursor.leave();
    Ok(PyValue::Dict(entries))
}

fn extension(cursor: &mut Cursor<'_>, count: usize) -> Result<PyValue, DecodeError> {
    let at = cursor.at();
    let [kind] = cursor.array()?;
    let data = cursor.take(count)?;
    let value = match i8::from_be_bytes([kind]) {
        ext::COMPLEX => complex(data),
        ext::INT => int(data),
        ext::TIMESTAMP => timestamp(data),
        ext::DATE => date(data),
        _ => Err(Flaw::UnknownType(kind)),
    };
    value.map_err(|flaw| cursor.fail_at(at, flaw))
}

fn complex(data: &[u8]) -> Result<PyValue, Flaw> {
    let (real, imaginary) = data
        .split_first_chunk()
        .and_then(|(real, rest)| Some((real, rest.try_into().ok()?)))
        .ok_or(Flaw::Syntax("a complex number of other than 16 bytes"))?;
    Ok(PyValue::Complex(
        f64::from_le_bytes(*real),
        f64::from_le_bytes(imaginary),
    ))
}

fn int(data: &[u8]) -> Result<PyValue, Flaw> {
    let (negative, digits) = match data.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, data),
    };
    PyValue::int(negative, digits).map_err(|error| match error {
        IntError::TooLong => Flaw::IntTooLong,
        IntError::Malformed => Flaw::Syntax("an integer of other than digits"),
    })
}

fn timestamp(data: &[u8]) -> Result<PyValue, Flaw> {
    let seconds = data.try_into().map(f64::from_le_bytes);
    match seconds {
        Ok(seconds) if is_timestamp(seconds) => Ok(PyValue::Timestamp(seconds)),
        _ => Err(Flaw::Syntax("a time outside of the years 1 to 9999")),
    }
}

fn date(data: &[u8]) -> Result<PyValue, Flaw> {
    let long = data.try_into().map(i64::from_le_bytes);
    let short = || data.try_into().map(i32::from_le_bytes).map(i64::from);
    let ordinal = long.or_else(|_| short()).ok();
    let ordinal = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok());
    match ordinal {
        Some(ordinal @ 1..=MAX_DATE_ORDINAL) => Ok(PyValue::Date(ordinal)),
        _ => Err(Flaw::Syntax("a date outside of the years 1 to 9999")),
    }
}
