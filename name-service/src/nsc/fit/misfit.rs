//! Why JSON does not fit a type, and where in it.

use std::fmt::{self, Display};

use farcall_shared::descriptor::{did_you_mean, similar};
use farcall_shared::shape::{Content, Type, Variant};
use serde_json::Value as Json;

use super::super::output::shortened;

/// Why JSON does not fit, with the way to the part that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Misfit {
    /// `.field[3]`, from the whole value; empty for the whole.
    pub(in super::super) path: String,
    /// What is wrong there: `must be u8, not "x"`.
    pub(in super::super) why: String,
}

impl Misfit {
    pub(super) fn new(why: String) -> Self {
        Self {
            path: String::new(),
            why,
        }
    }

    /// Another kind of value than the type wants.
    pub(super) fn wrong(ty: &Type, json: &Json) -> Self {
        Self::new(format!("must be {}, not {}", named(ty), shown(json)))
    }

    pub(super) fn out_of_range<T: Display>(ty: &Type, json: &Json, least: T, most: T) -> Self {
        Self::new(format!(
            "must be {ty}, from {least} to {most}, not {}",
            shown(json)
        ))
    }

    pub(super) fn no_variant(ty: &Type, json: &Json) -> Self {
        Self::new(format!(
            "must be {}, as \"Variant\" or {{\"Variant\": content}}, not {}",
            named(ty),
            shown(json)
        ))
    }

    pub(super) fn wrong_content(variant: &Variant, json: &Json) -> Self {
        let Variant { name, content } = variant;
        let form = match content {
            Content::Unit => format!("\"{name}\""),
            Content::Newtype(_) => format!("{{\"{name}\": value}}"),
            Content::Tuple(_) => format!("{{\"{name}\": [values]}}"),
            Content::Struct(_) => format!("{{\"{name}\": {{fields}}}}"),
        };
        Self::new(format!(
            "must be {}, written {form}, not with {}",
            shortened(&variant.to_string()),
            shown(json)
        ))
    }

    /// A part that the type does not have.
    pub(super) fn unknown<'a>(
        part: &str,
        wanted: &str,
        known: impl IntoIterator<Item = &'a str>,
        ty: &Type,
    ) -> Self {
        Self::new(format!(
            "has no {part} '{}'{}; it is {}",
            shortened(wanted),
            did_you_mean(&similar(wanted, known)),
            named(ty)
        ))
    }

    /// The same, in an item of a list.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.path.insert_str(0, &format!("[{index}]"));
        self
    }

    /// The same, in a field or the content of a variant.
    pub(super) fn under(mut self, name: &str) -> Self {
        self.path.insert_str(0, &format!(".{}", shortened(name)));
        self
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.why)
    }
}

pub(super) fn named(ty: &Type) -> String {
    shortened(&ty.to_string())
}

pub(super) fn shown(json: &Json) -> String {
    shortened(&json.to_string())
}
