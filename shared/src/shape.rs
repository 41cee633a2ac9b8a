//! The shape of a serde type, discovered from `T: Deserialize` alone, and its signature.
//!
//! [`Type::of`] asks a type what it would read, without building a value of it: one run of its
//! `Deserialize` per node of the tree, each following a path to that node, noting what is asked of
//! it there, and stopping with an error. The view is that of a compact format
//! (`is_human_readable` is false), so an `IpAddr` is its bytes.
//!
//! What cannot be known is [`Type::Any`]: types that read whatever comes (`deserialize_any`:
//! untagged, internally tagged), parts behind a neighbour that refuses every made-up value (only
//! tuple items after the first, and map values, need such a neighbour), and what exceeds
//! [`MAX_DEPTH`], [`MAX_NODES`], [`MAX_ITEMS`] or [`MAX_VALUE_BYTES`]. Defaults, docs and
//! `skip_serializing` do not show; an alias shows as one more field or variant.
//!
//! # Signature
//!
//! The signature text of a type is what two programs must agree on to exchange its values by
//! position, as postcard does. It holds the names and the order of fields and variants, and every
//! type down to the width of integers. It does not hold the names of structs and enums, so
//! renaming one keeps it. The text is ASCII but for field and variant names:
//!
//! ```text
//! type    = word | stream | option | seq | tuple | map | struct | enum | back
//! word    = "bool" | "i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128"
//!         | "f32" | "f64" | "char" | "string" | "bytes" | "any" | "object"
//! stream  = "stream(" type ")"
//! option  = "?" type
//! seq     = "[" type "]"
//! tuple   = "(" { type "," } ")"            also arrays, tuple structs; unit, unit structs: "()"
//! map     = "map(" type "," type ")"
//! struct  = "{" { name "=" type "," } "}"
//! enum    = "<" { name content "," } ">"    std's `Result` is an enum like any other
//! content = "" | "=" type | tuple | struct  unit, newtype, tuple and struct variants
//! name    = length ":" characters           length in bytes of UTF-8; decimal digits
//! back    = "^" levels                      the type that many levels out; decimal digits
//! ```
//!
//! A reference is written `object`, a stream `stream(` type `)`. Any other newtype struct is written as what it wraps. A named type met again inside itself is written
//! as `back`; levels count every `option`, `seq`, `tuple`, `map`, `struct` and `enum` around it in
//! the text, 1 being the innermost (the content of a variant is no level of its own). So
//! `struct Node { value: u8, next: Option<Box<Node>> }` is `{5:value=u8,4:next=?^2,}`.
//!
//! [`hash`] makes a number of the text.

mod explore;
mod nesting;
mod probe;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

use crate::{reference, streaming};
pub use text::hash;

/// The deepest nesting of a type; what lies deeper is [`Type::Any`]. Reading a [`Type`] that nests
/// deeper is an error.
pub const MAX_DEPTH: usize = 64;

/// The most nodes that are explored of one type; the rest is [`Type::Any`].
pub const MAX_NODES: usize = 4_000;

/// The most items of a tuple or array that is described; a longer one is [`Type::Any`].
pub const MAX_ITEMS: usize = 256;

/// The most bytes that a value may take, with the values around it on the way to one of its parts;
/// the parts of a larger one are [`Type::Any`], lest they overflow the stack. An item of a sequence
/// or in a box is on the stack before its size is seen: hundreds of KiB of it can still overflow a
/// small stack, as reading a real one would.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The shape of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// `()`, and any unit struct.
    Unit,
    /// `bool`.
    Bool,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`, and `isize`.
    I64,
    /// `i128`.
    I128,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`, and `usize`.
    U64,
    /// `u128`.
    U128,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// Text.
    String,
    /// A run of bytes read as one piece.
    Bytes,
    /// A value or nothing.
    Option(#[serde(deserialize_with = "nesting::deeper")] Box<Type>),
    /// Any number of values of one type.
    Seq(#[serde(deserialize_with = "nesting::deeper")] Box<Type>),
    /// A fixed number of values, of one type each: a tuple or an array.
    Tuple(#[serde(deserialize_with = "nesting::deeper")] Vec<Type>),
    /// Keys and their values; also what a struct with flattened fields reads.
    Map(
        #[serde(deserialize_with = "nesting::deeper")] Box<Type>,
        #[serde(deserialize_with = "nesting::deeper")] Box<Type>,
    ),
    /// A struct with named fields.
    Struct {
        /// Its name.
        name: String,
        /// Its fields in their order.
        fields: Vec<Field>,
    },
    /// A struct around one unnamed field.
    Newtype {
        /// Its name.
        name: String,
        /// What it wraps.
        #[serde(deserialize_with = "nesting::deeper")]
        inner: Box<Type>,
    },
    /// A struct with unnamed fields.
    TupleStruct {
        /// Its name.
        name: String,
        /// Its fields in their order.
        #[serde(deserialize_with = "nesting::deeper")]
        items: Vec<Type>,
    },
    /// An enum; also `Result`.
    Enum {
        /// Its name.
        name: String,
        /// Its variants in their order.
        variants: Vec<Variant>,
    },
    /// The enclosing type of this name once more: the innermost if several have it.
    Recursive(String),
    /// Something that the type alone does not tell.
    Any,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as serde has it.
    pub name: String,
    /// Its type.
    #[serde(deserialize_with = "nesting::deeper")]
    pub ty: Type,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name, as serde has it.
    pub name: String,
    /// What it carries.
    #[serde(deserialize_with = "nesting::deeper")]
    pub content: Content,
}

/// What a variant carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing.
    Unit,
    /// One unnamed value; [`Type::Any`] also for content that the type alone does not tell.
    Newtype(Type),
    /// Unnamed values.
    Tuple(Vec<Type>),
    /// Named values.
    Struct(Vec<Field>),
}

impl Type {
    /// The least and the largest number of a type of whole numbers, as far as a dynamic value goes; nothing for other types.
    pub fn whole_numbers(&self) -> Option<(i128, i128)> {
        Some(match self {
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
            Self::I128 => (i128::MIN, i128::MAX),
            Self::U8 => (0, u8::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
            Self::U128 => (0, i128::MAX),
            _ => return None,
        })
    }

    /// The shape of `T`.
    ///
    /// Runs the type's own `Deserialize` up to some thousand times with made-up input that ends in
    /// an error; a panic in there makes that part [`Type::Any`]. Ask once and keep the answer; it
    /// is the same on every machine and in every build.
    ///
    /// # Examples
    ///
    /// ```
    /// use farcall_shared::shape::Type;
    ///
    /// let ty = Type::of::<Result<Vec<(u8, Option<String>)>, ()>>();
    /// assert_eq!(ty.to_string(), "Result<[(u8, string?)], ()>");
    /// ```
    #[must_use]
    pub fn of<T: for<'de> Deserialize<'de>>() -> Type {
        explore::explore(probe::run::<T>)
    }

    /// Whether [`Type::Recursive`] or [`Type::Any`] is anywhere inside: the tree does not show all there is.
    #[must_use]
    pub fn is_recursive(&self) -> bool {
        match self {
            Type::Recursive(_) | Type::Any => true,
            Type::Option(inner) | Type::Seq(inner) | Type::Newtype { inner, .. } => {
                inner.is_recursive()
            }
            Type::Tuple(items) | Type::TupleStruct { items, .. } => {
                items.iter().any(Type::is_recursive)
            }
            Type::Map(key, value) => key.is_recursive() || value.is_recursive(),
            Type::Struct { fields, .. } => fields.iter().any(|field| field.ty.is_recursive()),
            Type::Enum { variants, .. } => variants
                .iter()
                .any(|variant| variant.content.is_recursive()),
            _ => false,
        }
    }

    /// Whether a reference or a stream is anywhere inside, as far as the tree shows.
    #[must_use]
    pub fn attaches(&self) -> bool {
        match self {
            Type::Newtype { name, inner } => {
                name == reference::NAME || name == streaming::NAME || inner.attaches()
            }
            Type::Option(inner) | Type::Seq(inner) => inner.attaches(),
            Type::Tuple(items) | Type::TupleStruct { items, .. } => {
                items.iter().any(Type::attaches)
            }
            Type::Map(key, value) => key.attaches() || value.attaches(),
            Type::Struct { fields, .. } => fields.iter().any(|field| field.ty.attaches()),
            Type::Enum { variants, .. } => {
                variants.iter().any(|variant| variant.content.attaches())
            }
            _ => false,
        }
    }

    /// The canonical text that changes when the compact encoding, or the meaning of a field, does.
    ///
    /// The [module's documentation](self#signature) has the grammar.
    #[must_use]
    pub fn signature_text(&self) -> String {
        let mut out = String::new();
        self.write_signature(&mut out);
        out
    }

    /// Appends [`signature_text`](Type::signature_text) to `out`.
    pub fn write_signature(&self, out: &mut String) {
        text::Signature::new(out).ty(self);
    }
}

impl Content {
    fn attaches(&self) -> bool {
        match self {
            Content::Unit => false,
            Content::Newtype(inner) => inner.attaches(),
            Content::Tuple(items) => items.iter().any(Type::attaches),
            Content::Struct(fields) => fields.iter().any(|field| field.ty.attaches()),
        }
    }

    fn is_recursive(&self) -> bool {
        match self {
            Content::Unit => false,
            Content::Newtype(inner) => inner.is_recursive(),
            Content::Tuple(items) => items.iter().any(Type::is_recursive),
            Content::Struct(fields) => fields.iter().any(|field| field.ty.is_recursive()),
        }
    }
}
