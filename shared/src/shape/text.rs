//! Types as text: for people, and as the signature whose hash two programs compare.

use std::fmt::{self, Display, Formatter, Write};

use super::{Content, Field, Type, Variant};
use crate::{reference, streaming};

/// From this many equal items on, a tuple is written as an array; serde does not tell them apart.
const ARRAY_ITEMS: usize = 3;

/// FNV-1a of 64 bits over the bytes of `text`: the same in every build and on every machine.
///
/// The offset basis and the prime are those that Fowler, Noll and Vo publish at
/// <http://www.isthe.com/chongo/tech/comp/fnv/>. The hash tells types apart that differ by
/// accident; it does not withstand somebody who searches for a collision.
///
/// # Examples
///
/// ```
/// use farcall_shared::shape::{Type, hash};
///
/// let text = Type::of::<(u8, String)>().signature_text();
/// assert_eq!(text, "(u8,string,)");
/// assert_eq!(hash(&text), 0x1212_dc68_3f76_d5f4);
/// ```
#[must_use]
pub fn hash(text: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    text.bytes().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// The word of a type that has no parts.
fn word(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Unit => "()",
        Type::Bool => "bool",
        Type::I8 => "i8",
        Type::I16 => "i16",
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::I128 => "i128",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::U128 => "u128",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Any => "any",
        _ => return None,
    })
}

/// What travels beside a value.
enum Attached<'a> {
    Object,
    Stream(&'a Type),
}

/// A reference or a stream, told by the name of its newtype.
fn attached<'a>(name: &str, inner: &'a Type) -> Option<Attached<'a>> {
    match inner {
        _ if name == reference::NAME => Some(Attached::Object),
        Type::Tuple(parts) if name == streaming::NAME => match parts.as_slice() {
            [_, Type::Option(item)] => Some(Attached::Stream(item)),
            _ => None,
        },
        _ => None,
    }
}

/// Writes the signature of one type.
pub(super) struct Signature<'a> {
    out: &'a mut String,
    /// How many types lie around the place at hand, as counted by a back reference.
    level: usize,
    /// The named types around it, and the level at which each stands.
    inside: Vec<(&'a str, usize)>,
}

impl<'a> Signature<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Signature {
            out,
            level: 0,
            inside: Vec::new(),
        }
    }

    pub(super) fn ty(&mut self, ty: &'a Type) {
        match ty {
            Type::Option(inner) => self.within("?", "", |s| s.ty(inner)),
            Type::Seq(inner) => self.within("[", "]", |s| s.ty(inner)),
            Type::Map(key, value) => self.within("map(", ")", |s| {
                s.ty(key);
                s.out.push(',');
                s.ty(value);
            }),
            Type::Tuple(items) => self.within("(", ")", |s| s.items(items)),
            Type::TupleStruct { name, items } => {
                self.named(name, |s| s.within("(", ")", |s| s.items(items)))
            }
            Type::Struct { name, fields } => {
                self.named(name, |s| s.within("{", "}", |s| s.fields(fields)))
            }
            Type::Enum { name, variants } => {
                self.named(name, |s| s.within("<", ">", |s| s.variants(variants)))
            }
            Type::Newtype { name, inner } => match attached(name, inner) {
                Some(Attached::Object) => self.out.push_str("object"),
                Some(Attached::Stream(item)) => self.within("stream(", ")", |s| s.ty(item)),
                None => self.named(name, |s| s.ty(inner)),
            },
            Type::Recursive(name) => self.back(name),
            leaf => self.out.push_str(word(leaf).unwrap_or("any")),
        }
    }

    fn within(&mut self, open: &str, close: &str, parts: impl FnOnce(&mut Self)) {
        self.out.push_str(open);
        self.level += 1;
        parts(self);
        self.level -= 1;
        self.out.push_str(close);
    }

    fn named(&mut self, name: &'a str, body: impl FnOnce(&mut Self)) {
        self.inside.push((name, self.level));
        body(self);
        self.inside.pop();
    }

    fn back(&mut self, name: &str) {
        let levels = self
            .inside
            .iter()
            .rfind(|(outer, _)| *outer == name)
            .map(|(_, level)| self.level - level);
        match levels {
            Some(levels) => _ = write!(self.out, "^{levels}"),
            None => self.out.push_str("any"),
        }
    }

    fn items(&mut self, items: &'a [Type]) {
        for item in items {
            self.ty(item);
            self.out.push(',');
        }
    }

    fn fields(&mut self, fields: &'a [Field]) {
        for field in fields {
            self.name(&field.name);
            self.out.push('=');
            self.ty(&field.ty);
            self.out.push(',');
        }
    }

    fn variants(&mut self, variants: &'a [Variant]) {
        for variant in variants {
            self.name(&variant.name);
            match &variant.content {
                Content::Unit => {}
                Content::Newtype(inner) => {
                    self.out.push('=');
                    self.ty(inner);
                }
                Content::Tuple(items) => {
                    self.out.push('(');
                    self.items(items);
                    self.out.push(')');
                }
                Content::Struct(fields) => {
                    self.out.push('{');
                    self.fields(fields);
                    self.out.push('}');
                }
            }
            self.out.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        _ = write!(self.out, "{}:{name}", name.len());
    }
}

/// For people: `Job { id: u64, tags: [string], limits: {string: f32}, note: string? }`, and
/// `Shape <Dot | Circle(f64) | Rect(w: u32, h: u32)>`.
impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Type::Option(inner) => write!(f, "{inner}?"),
            Type::Seq(inner) => write!(f, "[{inner}]"),
            Type::Map(key, value) => write!(f, "{{{key}: {value}}}"),
            Type::Tuple(items) => match array(items) {
                Some(item) => write!(f, "[{item}; {}]", items.len()),
                None => list(f, "(", items, ")"),
            },
            Type::TupleStruct { name, items } => {
                f.write_str(name)?;
                list(f, "(", items, ")")
            }
            Type::Newtype { name, inner } => match attached(name, inner) {
                Some(Attached::Object) => f.write_str("object"),
                Some(Attached::Stream(item)) => write!(f, "stream of {item}"),
                None => write!(f, "{name}({inner})"),
            },
            Type::Struct { name, fields } if fields.is_empty() => write!(f, "{name} {{}}"),
            Type::Struct { name, fields } => {
                f.write_str(name)?;
                list(f, " { ", fields, " }")
            }
            Type::Enum { name, variants } => match result(name, variants) {
                Some((ok, err)) => write!(f, "Result<{ok}, {err}>"),
                None => {
                    write!(f, "{name} <")?;
                    separated(f, " | ", variants)?;
                    f.write_str(">")
                }
            },
            Type::Recursive(name) => f.write_str(name),
            leaf => f.write_str(word(leaf).unwrap_or("any")),
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)
    }
}

impl Display for Variant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.content {
            Content::Unit => Ok(()),
            Content::Newtype(inner) => write!(f, "({inner})"),
            Content::Tuple(items) => list(f, "(", items, ")"),
            Content::Struct(fields) => list(f, "(", fields, ")"),
        }
    }
}

/// The one type of all items, if there are enough of them.
fn array(items: &[Type]) -> Option<&Type> {
    let (first, rest) = items.split_first()?;
    (items.len() >= ARRAY_ITEMS && rest.iter().all(|item| item == first)).then_some(first)
}

/// Both types of std's `Result`.
fn result<'a>(name: &str, variants: &'a [Variant]) -> Option<(&'a Type, &'a Type)> {
    match variants {
        [
            Variant {
                name: first,
                content: Content::Newtype(ok),
            },
            Variant {
                name: second,
                content: Content::Newtype(err),
            },
        ] if name == "Result" && first == "Ok" && second == "Err" => Some((ok, err)),
        _ => None,
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, open: &str, parts: &[T], close: &str) -> fmt::Result {
    f.write_str(open)?;
    separated(f, ", ", parts)?;
    f.write_str(close)
}

fn separated<T: Display>(f: &mut Formatter<'_>, separator: &str, parts: &[T]) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}
