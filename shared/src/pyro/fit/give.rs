//! Results: a method's values become Python's.

use super::super::value::{ConvertError, PyValue};
use crate::reference::Reference;
use crate::shape::{Content, Type};
use crate::value::Value;

/// What a value of this type is in Python: a struct is a dict, a tuple a tuple, a run of `u8` bytes, an enum as
/// [`to_value`](crate::value::to_value) says. `hand_out` makes a proxy of a reference.
///
/// # Errors
/// Those of `hand_out`, and Stream for a stream that is not the whole result.
pub fn give<E: From<ConvertError>>(
    value: Value,
    ty: &Type,
    hand_out: &mut dyn FnMut(Reference) -> Result<PyValue, E>,
) -> Result<PyValue, E> {
    match (ty, value) {
        (_, Value::Object(reference)) => hand_out(reference),
        (Type::Option(inner) | Type::Newtype { inner, .. }, value) => give(value, inner, hand_out),
        (Type::Seq(inner), Value::List(list)) => match (&**inner, bytes(&list)) {
            (Type::U8, Some(bytes)) => Ok(PyValue::Bytes(bytes)),
            (inner, _) => elements(list, |_| inner, hand_out).map(PyValue::List),
        },
        (Type::Tuple(items) | Type::TupleStruct { items, .. }, Value::List(list)) => {
            let ty = |place| items.get(place).unwrap_or(&Type::Any);
            elements(list, ty, hand_out).map(PyValue::Tuple)
        }
        (Type::Struct { fields, .. }, Value::Map(map)) => entries(map, hand_out, |name| {
            let field = fields.iter().find(|field| Some(&*field.name) == name);
            field.map_or((&Type::Any, &Type::Any), |field| (&Type::Any, &field.ty))
        }),
        (Type::Map(key, inner), Value::Map(map)) => entries(map, hand_out, |_| (key, inner)),
        (Type::Enum { variants, .. }, Value::Map(mut map)) if map.len() == 1 => {
            let Some((name, content)) = map.pop() else {
                return Ok(PyValue::None);
            };
            let variant = variants.iter().find(|it| Some(&*it.name) == name.as_str());
            let content = match variant.map(|variant| &variant.content) {
                Some(Content::Newtype(ty)) => give(content, ty, hand_out)?,
                _ => give(content, &Type::Any, hand_out)?,
            };
            let name = give(name, &Type::Any, hand_out)?;
            Ok(PyValue::Dict(vec![(name, content)]))
        }
        (_, Value::List(list)) => elements(list, |_| &Type::Any, hand_out).map(PyValue::List),
        (_, Value::Map(map)) => entries(map, hand_out, |_| (&Type::Any, &Type::Any)),
        (_, value) => PyValue::try_from(value).map_err(E::from),
    }
}

fn elements<'t, E: From<ConvertError>>(
    list: Vec<Value>,
    ty: impl Fn(usize) -> &'t Type,
    hand_out: &mut dyn FnMut(Reference) -> Result<PyValue, E>,
) -> Result<Vec<PyValue>, E> {
    let numbered = list.into_iter().enumerate();
    let mut give = |(place, value)| give(value, ty(place), hand_out);
    numbered.map(&mut give).collect()
}

fn entries<'t, E: From<ConvertError>>(
    map: Vec<(Value, Value)>,
    hand_out: &mut dyn FnMut(Reference) -> Result<PyValue, E>,
    types: impl Fn(Option<&str>) -> (&'t Type, &'t Type),
) -> Result<PyValue, E> {
    let mut dict = Vec::with_capacity(map.len());
    for (key, value) in map {
        let (key_type, value_type) = types(key.as_str());
        let value = give(value, value_type, hand_out)?;
        dict.push((give(key, key_type, hand_out)?, value));
    }
    Ok(PyValue::Dict(dict))
}

/// The bytes, if all of these are some.
fn bytes(list: &[Value]) -> Option<Vec<u8>> {
    let byte = |value: &Value| match value {
        Value::Int(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    list.iter().map(byte).collect()
}
