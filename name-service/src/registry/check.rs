//! Which names, URIs, tags and patterns are acceptable.

use std::collections::BTreeSet;

use farcall_shared::names::{MAX_NAME_BYTES, MAX_TAG_BYTES, MAX_TAGS, MAX_URI_BYTES, NameError};

/// How much of a refused text an error repeats, in characters.
const MAX_ECHO_CHARS: usize = 64;

pub(super) fn name(name: &str) -> Result<(), NameError> {
    text("name", name, MAX_NAME_BYTES)?;
    untrimmed("name", name)
}

pub(super) fn uri(uri: &str) -> Result<(), NameError> {
    text("URI", uri, MAX_URI_BYTES)?;
    untrimmed("URI", uri)
}

pub(super) fn tags(tags: &BTreeSet<String>) -> Result<(), NameError> {
    if tags.len() > MAX_TAGS {
        let what = format!("metadata of {} tags", tags.len());
        return Err(NameError::Invalid {
            what,
            why: format!("at most {MAX_TAGS} tags are allowed"),
        });
    }
    tags.iter()
        .try_for_each(|tag| text("tag", tag, MAX_TAG_BYTES))
}

pub(super) fn prefix(prefix: &str) -> Result<(), NameError> {
    short("prefix", prefix, MAX_NAME_BYTES)
}

pub(super) fn pattern(pattern: &str) -> Result<(), NameError> {
    short("pattern", pattern, MAX_NAME_BYTES)
}

pub(super) fn invalid(kind: &str, text: &str, why: impl Into<String>) -> NameError {
    let mut what = format!(
        "{kind} '{}",
        text.chars()
            .take(MAX_ECHO_CHARS)
            .collect::<String>()
            .escape_debug()
    );
    what.push_str(if text.chars().nth(MAX_ECHO_CHARS).is_some() {
        "...'"
    } else {
        "'"
    });
    NameError::Invalid {
        what,
        why: why.into(),
    }
}

fn text(kind: &str, text: &str, max_bytes: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(invalid(kind, text, "it is empty"));
    }
    short(kind, text, max_bytes)?;
    match text.chars().any(char::is_control) {
        true => Err(invalid(kind, text, "it holds a control character")),
        false => Ok(()),
    }
}

fn short(kind: &str, text: &str, max_bytes: usize) -> Result<(), NameError> {
    match text.len() > max_bytes {
        true => {
            let why = format!(
                "it has {} bytes, at most {max_bytes} are allowed",
                text.len()
            );
            Err(invalid(kind, text, why))
        }
        false => Ok(()),
    }
}

fn untrimmed(kind: &str, text: &str) -> Result<(), NameError> {
    match text.trim() == text {
        true => Ok(()),
        false => Err(invalid(kind, text, "it begins or ends with a space")),
    }
}
