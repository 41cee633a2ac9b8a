//! What Python asks: arguments of the types that Python's own name server takes.

use std::collections::BTreeSet;

use farcall_server::python::{Exception, PyValue, PyroUri};

use super::patterns::Pattern;

/// Which names are meant.
pub(super) enum Question {
    Prefix(String),
    Regex(Pattern),
}

impl Question {
    /// The first of two that is given.
    pub(super) fn first(prefix: &PyValue, pattern: &PyValue) -> Result<Option<Self>, Exception> {
        if let Some(prefix) = filled(prefix) {
            return text(prefix, "prefix").map(Self::Prefix).map(Some);
        }
        let pattern = filled(pattern).map(regex).transpose()?;
        Ok(pattern.map(Self::Regex))
    }
}

/// A value that counts as given: neither nothing nor empty.
pub(super) fn filled(value: &PyValue) -> Option<&PyValue> {
    is_true(value).then_some(value)
}

/// Python's truth.
pub(super) fn is_true(value: &PyValue) -> bool {
    match value {
        PyValue::None => false,
        PyValue::Bool(value) => *value,
        PyValue::Int(number) => *number != 0,
        PyValue::Float(number) => *number != 0.0,
        PyValue::Str(text) => !text.is_empty(),
        PyValue::Dict(entries) => !entries.is_empty(),
        value => value.as_elements().is_none_or(|it| !it.is_empty()),
    }
}

pub(super) fn text(value: &PyValue, what: &str) -> Result<String, Exception> {
    match value {
        PyValue::Str(text) => Ok(text.clone()),
        other => Err(type_error(&format!(
            "{what} must be a str, not {}",
            other.type_name()
        ))),
    }
}

fn regex(value: &PyValue) -> Result<Pattern, Exception> {
    Pattern::new(&text(value, "regex")?)
}

/// Tags, from any collection of text.
pub(super) fn tags(value: &PyValue, what: &str) -> Result<BTreeSet<String>, Exception> {
    let tags = match value {
        PyValue::None => return Ok(BTreeSet::new()),
        PyValue::Str(_) => {
            return Err(type_error(&format!(
                "{what} should not be a str, but another iterable (set, list, etc)"
            )));
        }
        PyValue::Dict(entries) => entries.iter().map(|(key, _)| key).collect(),
        value => match value.as_elements() {
            Some(elements) => elements.iter().collect::<Vec<_>>(),
            None => {
                return Err(type_error(&format!(
                    "'{}' object is not iterable",
                    value.type_name()
                )));
            }
        },
    };
    let tags = tags.into_iter();
    tags.map(|tag| text(tag, "a tag of the metadata")).collect()
}

/// The URI that is registered, from text or from Python's object.
pub(super) fn registered_uri(value: &PyValue) -> Result<String, Exception> {
    if let Ok(uri) = PyroUri::from_value(value) {
        return Ok(uri.to_string());
    }
    let PyValue::Str(text) = value else {
        return Err(type_error("only URIs or strings can be registered"));
    };
    let of_farcall = text.parse::<farcall_shared::uri::Uri>().is_ok();
    if of_farcall || text.parse::<PyroUri>().is_ok() {
        return Ok(text.clone());
    }
    Err(Exception::pyro("PyroError", format!("invalid uri: {text}")))
}

pub(super) fn type_error(text: &str) -> Exception {
    Exception::builtin("TypeError", text)
}
