//! Whether JSON fits a type, and the dynamic value that it then is. Pure.
//!
//! A field that a struct lacks is left to the object: shapes do not tell which fields have a default, and show an
//! alias as one more field. A field that a struct does not have is refused, though serde would skip it: it is
//! misspelt. Types with a form for people that their shape does not show (IP addresses) are taken in that form.

mod misfit;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use farcall_shared::shape::{Content, Field, Type, Variant};
use farcall_shared::value::Value;
use serde_json::Value as Json;

pub(super) use self::misfit::Misfit;

/// The most types within types that one value is followed through: a type may be recursive without end.
const MAX_LEVELS: usize = 300;

/// Makes the value that an argument of type `ty` wants, of JSON.
pub(super) fn fit(json: Json, ty: &Type) -> Result<Value, Misfit> {
    fit_within(json, ty, &Scope::Outermost)
}

/// Whether text that is no JSON may mean itself where this type is wanted.
pub(super) fn takes_bare_text(ty: &Type) -> bool {
    match ty {
        Type::Option(inner) | Type::Newtype { inner, .. } => takes_bare_text(inner),
        Type::Any | Type::Recursive(_) => false,
        _ => true,
    }
}

/// The types around the one at hand.
enum Scope<'a> {
    Outermost,
    Inside {
        ty: &'a Type,
        outer: &'a Scope<'a>,
        level: usize,
    },
}

impl<'a> Scope<'a> {
    fn level(&self) -> usize {
        match self {
            Self::Outermost => 0,
            Self::Inside { level, .. } => *level,
        }
    }

    fn inside(&'a self, ty: &'a Type) -> Scope<'a> {
        Scope::Inside {
            ty,
            outer: self,
            level: self.level() + 1,
        }
    }

    /// Where `outer` is, but as many levels in as here: a type that is nothing but itself must come to an end.
    fn back_at(&self, outer: &'a Scope<'a>) -> Scope<'a> {
        Scope::Inside {
            ty: &Type::Any,
            outer,
            level: self.level(),
        }
    }

    /// The innermost type of this name, and what is around it.
    fn find(&'a self, wanted: &str) -> Option<(&'a Type, &'a Scope<'a>)> {
        let mut scope = self;
        while let Self::Inside { ty, outer, .. } = scope {
            if name(ty) == Some(wanted) {
                return Some((ty, outer));
            }
            scope = outer;
        }
        None
    }
}

fn name(ty: &Type) -> Option<&str> {
    match ty {
        Type::Struct { name, .. }
        | Type::Newtype { name, .. }
        | Type::TupleStruct { name, .. }
        | Type::Enum { name, .. } => Some(name),
        _ => None,
    }
}

fn fit_within(json: Json, ty: &Type, around: &Scope<'_>) -> Result<Value, Misfit> {
    if around.level() >= MAX_LEVELS {
        return Err(Misfit::new(format!(
            "nests deeper than {MAX_LEVELS} levels"
        )));
    }
    let scope = around.inside(ty);
    match (ty, json) {
        (Type::Any, json) => Ok(json.into()),
        (Type::Recursive(name), json) => match around.find(name) {
            Some((named, outer)) => fit_within(json, named, &scope.back_at(outer)),
            None => Ok(json.into()),
        },
        (Type::Newtype { inner, .. }, json) => fit_within(json, inner, &scope),
        (Type::Option(_) | Type::Unit, Json::Null) => Ok(Value::Null),
        (Type::Option(inner), json) => fit_within(json, inner, &scope),
        (Type::Bool, Json::Bool(value)) => Ok(Value::Bool(value)),
        (Type::F32 | Type::F64, json) => float(json, ty),
        (Type::String, Json::String(text)) => Ok(Value::Text(text)),
        (Type::Char, Json::String(text)) if text.chars().count() == 1 => Ok(Value::Text(text)),
        (Type::Bytes, json) => bytes(json),
        (Type::Seq(item), Json::Array(list)) => items(list, |_| item, &scope),
        (Type::Tuple(_), Json::String(text)) if is_address(&text) => Ok(Value::Text(text)),
        (Type::Tuple(types) | Type::TupleStruct { items: types, .. }, Json::Array(list)) => {
            tuple(list, types, ty, &scope)
        }
        (Type::Map(key, value), Json::Object(map)) => {
            let entry = |(text, json): (String, Json)| {
                let value = fit_within(json, value, &scope).map_err(|e| e.under(&text))?;
                Ok((map_key(text, key, &scope)?, value))
            };
            map.into_iter()
                .map(entry)
                .collect::<Result<_, _>>()
                .map(Value::Map)
        }
        (Type::Struct { fields, .. }, Json::Object(map)) => structure(map, fields, ty, &scope),
        (Type::Enum { variants, name }, json) => enumeration(json, name, variants, ty, &scope),
        (ty, json) => match ty.whole_numbers() {
            Some(bounds) => integer(json, ty, bounds),
            None => Err(Misfit::wrong(ty, &json)),
        },
    }
}

fn integer(json: Json, ty: &Type, (least, most): (i128, i128)) -> Result<Value, Misfit> {
    let number = match (&json, ty) {
        (Json::Number(number), _) => number.as_i128(),
        // Results show numbers beyond 64 bits as text, so they are read from text too.
        (Json::String(text), Type::I128 | Type::U128) => text.parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(Value::Int(number)),
        Some(_) => Err(Misfit::out_of_range(ty, &json, least, most)),
        None if json.is_number() => Err(Misfit::new(format!(
            "must be {ty}, a whole number from {least} to {most}, not {json}"
        ))),
        None => Err(Misfit::wrong(ty, &json)),
    }
}

fn float(json: Json, ty: &Type) -> Result<Value, Misfit> {
    match json.as_f64() {
        Some(number) if *ty == Type::F32 && number.abs() > f64::from(f32::MAX) => {
            Err(Misfit::out_of_range(ty, &json, f32::MIN, f32::MAX))
        }
        Some(number) => Ok(Value::Float(number)),
        None => Err(Misfit::wrong(ty, &json)),
    }
}

/// Text stays text: whoever reads bytes reads it as its UTF-8, or has another form for people (a UUID).
fn bytes(json: Json) -> Result<Value, Misfit> {
    let byte = |(i, json): (usize, &Json)| {
        let byte = json.as_u64().and_then(|number| u8::try_from(number).ok());
        byte.ok_or_else(|| Misfit::wrong(&Type::U8, json).at(i))
    };
    match json {
        Json::String(text) => Ok(Value::Text(text)),
        Json::Array(list) => list
            .iter()
            .enumerate()
            .map(byte)
            .collect::<Result<_, _>>()
            .map(Value::Bytes),
        json => Err(Misfit::new(format!(
            "must be bytes, a list of numbers from 0 to 255 or text, not {}",
            misfit::shown(&json)
        ))),
    }
}

/// Each item with its type; the caller saw to it that there is one for each.
fn items<'t>(
    list: Vec<Json>,
    ty: impl Fn(usize) -> &'t Type,
    scope: &Scope<'_>,
) -> Result<Value, Misfit> {
    let item = |(i, json)| fit_within(json, ty(i), scope).map_err(|e: Misfit| e.at(i));
    list.into_iter()
        .enumerate()
        .map(item)
        .collect::<Result<_, _>>()
        .map(Value::List)
}

fn tuple(
    list: Vec<Json>,
    types: &[Type],
    whole: &Type,
    scope: &Scope<'_>,
) -> Result<Value, Misfit> {
    if list.len() != types.len() {
        return Err(Misfit::new(format!(
            "must be {}, a list of {}, not of {}",
            misfit::named(whole),
            types.len(),
            list.len()
        )));
    }
    items(list, |i| types.get(i).unwrap_or(&Type::Any), scope)
}

/// JSON has text for keys only; others are read out of it.
fn map_key(text: String, ty: &Type, scope: &Scope<'_>) -> Result<Value, Misfit> {
    let as_text = fit_within(Json::String(text.clone()), ty, scope);
    as_text.or_else(|e| match serde_json::from_str(&text) {
        Ok(json) => fit_within(json, ty, scope).map_err(|e| e.under(&text)),
        Err(_) => Err(e.under(&text)),
    })
}

fn structure(
    map: serde_json::Map<String, Json>,
    fields: &[Field],
    whole: &Type,
    scope: &Scope<'_>,
) -> Result<Value, Misfit> {
    let field = |(name, json): (String, Json)| {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known = fields.iter().map(|field| field.name.as_str());
            return Err(Misfit::unknown("field", &name, known, whole));
        };
        let value = fit_within(json, &field.ty, scope).map_err(|e| e.under(&name))?;
        Ok((Value::Text(name), value))
    };
    map.into_iter()
        .map(field)
        .collect::<Result<_, _>>()
        .map(Value::Map)
}

fn enumeration(
    json: Json,
    name: &str,
    variants: &[Variant],
    whole: &Type,
    scope: &Scope<'_>,
) -> Result<Value, Misfit> {
    let (chosen, content) = match json {
        Json::String(text) if matches!(name, "IpAddr" | "SocketAddr") && is_address(&text) => {
            return Ok(Value::Text(text));
        }
        Json::String(variant) => (variant, Json::Null),
        Json::Object(map) if map.len() == 1 => match map.into_iter().next() {
            Some(entry) => entry,
            None => return Err(Misfit::new("must be one variant".into())),
        },
        json => return Err(Misfit::no_variant(whole, &json)),
    };
    let Some(variant) = variants.iter().find(|variant| variant.name == chosen) else {
        let known = variants.iter().map(|variant| variant.name.as_str());
        return Err(Misfit::unknown("variant", &chosen, known, whole));
    };
    let value = match (&variant.content, content) {
        (Content::Unit, Json::Null) => return Ok(Value::Text(chosen)),
        (Content::Newtype(ty), json) => fit_within(json, ty, scope),
        (Content::Tuple(types), Json::Array(list)) => {
            tuple(list, types, &Type::Tuple(types.clone()), scope)
        }
        (Content::Struct(fields), Json::Object(map)) => structure(map, fields, whole, scope),
        (_, json) => Err(Misfit::wrong_content(variant, &json)),
    };
    let value = value.map_err(|e| e.under(&chosen))?;
    Ok(Value::Map(vec![(Value::Text(chosen), value)]))
}

/// Whether this is an IP address, with a port or without: such types look like lists of bytes and are read as text.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok()
}
