//! Attributes of the trait and its methods: doc comments, our marks, and those that cannot be kept.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use super::errors::Errors;
use crate::model::{Repeat, Reply};

/// Our marks on a method.
pub(super) struct Marks {
    pub(super) repeat: Repeat,
    pub(super) reply: Reply,
}

/// Takes our marks out of a method's attributes and refuses those that would tear the method's parts asunder.
pub(super) fn take_marks(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Marks {
    let mut marks = Marks {
        repeat: Repeat::Never,
        reply: Reply::Sent,
    };
    attributes.retain(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") || path.is_ident("cfg_attr") {
            errors.push(
                attribute,
                "a method is there in every build, or callers and objects disagree: put it on the whole trait",
            );
        }
        let mark = if path.is_ident("idempotent") {
            marks.repeat = Repeat::Idempotent;
            "idempotent"
        } else if path.is_ident("oneway") {
            marks.reply = Reply::Oneway;
            "oneway"
        } else {
            return true;
        };
        if !matches!(attribute.meta, Meta::Path(_)) {
            errors.push(
                attribute,
                format!("`{mark}` has no options: write `#[{mark}]`"),
            );
        }
        false
    });
    marks
}

/// Refuses attributes on an argument: they would have to stand on the request's field as well.
pub(super) fn refuse_on_argument(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        let advice = if attribute.path().is_ident("serde") {
            "an argument takes no serde attributes: put it on a newtype"
        } else if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            "an argument is there in every build: put it on the whole trait"
        } else if attribute.path().is_ident("doc") {
            "an argument takes no docs of its own: put them on the method"
        } else {
            "an argument takes no attributes: remove it"
        };
        errors.push(attribute, advice);
    }
}

/// The doc comment, its lines joined, without the space that follows `///`.
pub(super) fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => Some(&meta.value),
            _ => None,
        })
        .filter_map(|value| match value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        })
        .flat_map(|text| {
            text.split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
