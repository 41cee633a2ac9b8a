//! Arguments: Python's values become those of a method.

use std::sync::Arc;

use super::super::payload::Proxy;
use super::super::uri::PyroUri;
use super::super::value::PyValue;
use super::Misfit;
use crate::reference::{self, Reference, Referent};
use crate::shape::{Content, Field, Type, Variant};
use crate::value::Value;
use crate::wire::depth::MAX_DEPTH;

/// A value that was made to fit, as far as the type tells.
#[derive(Debug)]
pub struct Taken {
    /// The value.
    pub value: Value,
    /// What did not fit. Only a type's own `Deserialize` knows whether it takes that all the same: some read text that look
    /// like numbers here.
    pub misfit: Option<Misfit>,
}

/// Makes a value fit a type: bytes and lists of numbers, whole and floating-point numbers, tuples, sets and lists become what
/// the type has; a proxy or a URI becomes a reference.
///
/// # Errors
/// When no type of farcall's could take it.
pub fn take(value: PyValue, ty: &Type) -> Result<Taken, Misfit> {
    let mut misfit = None;
    let value = Taker {
        misfit: &mut misfit,
        levels: MAX_DEPTH,
    }
    .take(value, ty)?;
    Ok(Taken { value, misfit })
}

struct Taker<'a> {
    /// The first one.
    misfit: &'a mut Option<Misfit>,
    levels: usize,
}

impl Taker<'_> {
    fn take(&mut self, value: PyValue, ty: &Type) -> Result<Value, Misfit> {
        let Some(levels) = self.levels.checked_sub(1) else {
            return Err(Misfit {
                path: Vec::new(),
                expected: format!("nested at most {MAX_DEPTH} levels"),
                found: "deeper".to_owned(),
            });
        };
        let mut below = Taker {
            misfit: self.misfit,
            levels,
        };
        below.take_as(value, ty)
    }

    fn take_as(&mut self, value: PyValue, ty: &Type) -> Result<Value, Misfit> {
        if let Some(reference) = reference(&value) {
            return Ok(match ty {
                Type::String => Value::Text(reference.to_string()),
                _ => {
                    let fits = matches!(ty, Type::Any | Type::Recursive(_) | Type::Option(_))
                        || matches!(ty, Type::Newtype { name, .. } if name == reference::NAME);
                    if !fits {
                        self.note(Misfit::new(ty, &value));
                    }
                    Value::Object(reference)
                }
            });
        }
        match (ty, value) {
            (Type::Option(_), PyValue::None) => Ok(Value::Null),
            (Type::Option(inner), value) => self.take_as(value, inner),
            (Type::Newtype { name, inner }, value) if name != reference::NAME => {
                self.take_as(value, inner)
            }
            (Type::F32 | Type::F64, PyValue::Int(number)) => Ok(Value::Float(number as f64)),
            (Type::Seq(inner), PyValue::Bytes(bytes)) if **inner == Type::U8 => Ok(numbers(&bytes)),
            (Type::Tuple(_), PyValue::Bytes(bytes)) => Ok(numbers(&bytes)),
            (Type::Bytes, value) => self.bytes(value, ty),
            (Type::Seq(inner), value) if value.as_elements().is_some() => {
                self.elements(value, |_| inner)
            }
            (Type::Tuple(items) | Type::TupleStruct { items, .. }, value)
                if value
                    .as_elements()
                    .is_some_and(|it| it.len() == items.len()) =>
            {
                self.elements(value, |place| items.get(place).unwrap_or(&Type::Any))
            }
            (Type::Struct { fields, .. }, PyValue::Dict(entries)) => self.fields(entries, fields),
            (Type::Struct { fields, .. }, value)
                if value
                    .as_elements()
                    .is_some_and(|it| it.len() == fields.len()) =>
            {
                self.elements(value, |place| {
                    fields.get(place).map_or(&Type::Any, |field| &field.ty)
                })
            }
            (Type::Map(key, inner), PyValue::Dict(entries)) => self.map(entries, key, inner),
            (Type::Enum { variants, .. }, value) => self.variant(value, variants, ty),
            (ty, value) => self.plain(value, ty),
        }
    }

    /// What is converted as it is, whatever the type; a misfit is noted.
    fn plain(&mut self, value: PyValue, ty: &Type) -> Result<Value, Misfit> {
        if !could_be(&value, ty) {
            self.note(Misfit::new(ty, &value));
        }
        match value {
            PyValue::List(_) | PyValue::Tuple(_) | PyValue::Set(_) => {
                self.elements(value, |_| &Type::Any)
            }
            PyValue::Dict(entries) => self.map(entries, &Type::Any, &Type::Any),
            PyValue::Big(_) | PyValue::Complex(..) | PyValue::Wtf8(_) => {
                Err(Misfit::new(ty, &value))
            }
            value => Value::try_from(value).map_err(|error| Misfit {
                path: Vec::new(),
                expected: ty.to_string(),
                found: error.to_string(),
            }),
        }
    }

    fn bytes(&mut self, value: PyValue, ty: &Type) -> Result<Value, Misfit> {
        let byte = |element: &PyValue| match element {
            PyValue::Int(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        let listed = value.as_elements().map(|it| it.iter().map(byte).collect());
        match listed.flatten() {
            Some(bytes) => Ok(Value::Bytes(bytes)),
            None => self.plain(value, ty),
        }
    }

    fn elements<'t>(
        &mut self,
        value: PyValue,
        ty: impl Fn(usize) -> &'t Type,
    ) -> Result<Value, Misfit> {
        let (PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements)) = value
        else {
            return Ok(Value::Null);
        };
        let mut list = Vec::with_capacity(elements.len());
        for (place, element) in elements.into_iter().enumerate() {
            let name = || format!("item {place}");
            list.push(self.inside(name, |here| here.take(element, ty(place)))?);
        }
        Ok(Value::List(list))
    }

    fn fields(
        &mut self,
        entries: Vec<(PyValue, PyValue)>,
        fields: &[Field],
    ) -> Result<Value, Misfit> {
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let name = key.as_str().unwrap_or_default().to_owned();
            // The class of a Python object says nothing of its fields.
            if name == "__class__" {
                continue;
            }
            let field = fields.iter().find(|field| field.name == name);
            let ty = field.map_or(&Type::Any, |field| &field.ty);
            let value = self.inside(|| format!("field '{name}'"), |here| here.take(value, ty))?;
            map.push((self.take(key, &Type::Any)?, value));
        }
        Ok(Value::Map(map))
    }

    fn map(
        &mut self,
        entries: Vec<(PyValue, PyValue)>,
        key: &Type,
        inner: &Type,
    ) -> Result<Value, Misfit> {
        let mut map = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let place = || format!("the value of {}", key_shown(&name));
            let value = self.inside(place, |here| here.take(value, inner))?;
            let name = self.inside(
                || "a key".to_owned(),
                |here| here.take(as_key(name, key), key),
            )?;
            map.push((name, value));
        }
        Ok(Value::Map(map))
    }

    fn variant(
        &mut self,
        value: PyValue,
        variants: &[Variant],
        ty: &Type,
    ) -> Result<Value, Misfit> {
        let known = |name: &str| variants.iter().find(|variant| variant.name == name);
        match value {
            PyValue::Str(name) if known(&name).is_some() => Ok(Value::Text(name)),
            PyValue::Dict(mut entries) if entries.len() == 1 => {
                let Some((name, content)) = entries.pop() else {
                    return Ok(Value::Null);
                };
                let content = match name.as_str().and_then(known) {
                    Some(variant) => self.content(content, &variant.content)?,
                    None => {
                        self.note(Misfit::new(ty, &PyValue::Dict(Vec::new())));
                        self.take(content, &Type::Any)?
                    }
                };
                Ok(Value::Map(vec![(self.take(name, &Type::Any)?, content)]))
            }
            value => {
                self.note(Misfit::new(ty, &value));
                self.plain(value, &Type::Any)
            }
        }
    }

    fn content(&mut self, value: PyValue, content: &Content) -> Result<Value, Misfit> {
        match (content, value) {
            (Content::Newtype(ty), value) => self.take(value, ty),
            (Content::Tuple(items), value) if value.as_elements().is_some() => {
                self.elements(value, |place| items.get(place).unwrap_or(&Type::Any))
            }
            (Content::Struct(fields), PyValue::Dict(entries)) => self.fields(entries, fields),
            (_, value) => self.take(value, &Type::Any),
        }
    }

    /// Has misfits inside of a place say where they are.
    fn inside<T>(
        &mut self,
        place: impl Fn() -> String,
        take: impl FnOnce(&mut Taker<'_>) -> Result<T, Misfit>,
    ) -> Result<T, Misfit> {
        let mut misfit = None;
        let taken = take(&mut Taker {
            misfit: &mut misfit,
            levels: self.levels,
        });
        if let Some(misfit) = misfit {
            self.note(misfit.inside(&place));
        }
        taken.map_err(|misfit| misfit.inside(place))
    }

    fn note(&mut self, misfit: Misfit) {
        self.misfit.get_or_insert(misfit);
    }
}

/// The reference that a proxy or a URI of Python's is.
fn reference(value: &PyValue) -> Option<Reference> {
    let uri = match value.class_name()? {
        Proxy::CLASS => Proxy::from_value(value).ok()?.uri,
        PyroUri::CLASS => PyroUri::from_value(value).ok()?,
        _ => return None,
    };
    Some(Reference {
        to: Referent::Uri(Arc::from(uri.to_string())),
        descriptor: None,
    })
}

fn numbers(bytes: &[u8]) -> Value {
    Value::List(
        bytes
            .iter()
            .map(|byte| Value::Int((*byte).into()))
            .collect(),
    )
}

/// A key, as it was before a serializer made text of it.
fn as_key(key: PyValue, ty: &Type) -> PyValue {
    let number = match (&key, ty) {
        (PyValue::Str(text), ty) if ty.whole_numbers().is_some() => PyValue::int_from_digits(text),
        _ => None,
    };
    number.unwrap_or(key)
}

fn key_shown(key: &PyValue) -> String {
    match key {
        PyValue::Str(text) => format!("'{}'", crate::wire::cut(text, 40)),
        PyValue::Int(number) => number.to_string(),
        other => format!("a {}", other.type_name()),
    }
}

/// False when a value is surely none of a type, by the form that most types have.
fn could_be(value: &PyValue, ty: &Type) -> bool {
    match (ty, value) {
        (Type::Any | Type::Recursive(_), _) => true,
        (Type::Unit, value) => *value == PyValue::None,
        (Type::Bool, value) => matches!(value, PyValue::Bool(_)),
        (Type::F32 | Type::F64, value) => matches!(value, PyValue::Float(_)),
        (Type::Char, PyValue::Str(text)) => text.chars().count() == 1,
        (Type::String, value) => {
            matches!(
                value,
                PyValue::Str(_) | PyValue::Date(_) | PyValue::Timestamp(_)
            )
        }
        (Type::Bytes, value) => matches!(value, PyValue::Bytes(_)),
        (ty, PyValue::Int(number)) => ty
            .whole_numbers()
            .is_some_and(|(least, most)| least <= *number && *number <= most),
        _ => false,
    }
}
