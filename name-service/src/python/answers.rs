//! Entries in Python's terms.

use farcall_server::python::{PyValue, PyroUri};
use farcall_shared::names::{Entry, Selector};
use farcall_shared::uri::Uri;

/// An entry as Python is given it.
pub(super) struct Answered {
    uri: String,
    entry: Entry,
}

impl Answered {
    pub(super) fn of(entry: Entry) -> Self {
        Self {
            uri: python_uri(&entry.uri),
            entry,
        }
    }

    /// The URI as an object; text where it is none of Python's.
    pub(super) fn uri_object(&self) -> PyValue {
        match self.uri.parse::<PyroUri>() {
            Ok(uri) => uri.to_value(),
            Err(_) => self.uri.as_str().into(),
        }
    }

    pub(super) fn tags(&self) -> PyValue {
        let tags = self.entry.metadata.iter();
        PyValue::Set(tags.map(|tag| tag.as_str().into()).collect())
    }
}

/// A dict of names and URIs, or of names and both URI and tags. Of a group's members the first is given.
pub(super) fn listed(entries: Vec<Entry>, with_tags: bool) -> PyValue {
    let mut dict: Vec<(PyValue, PyValue)> = Vec::with_capacity(entries.len());
    let mut last = String::new();
    for entry in entries {
        if !dict.is_empty() && entry.name == last {
            continue;
        }
        last.clone_from(&entry.name);
        let name = entry.name.as_str().into();
        let answered = Answered::of(entry);
        let uri = answered.uri.as_str().into();
        let value = match with_tags {
            true => PyValue::Tuple(vec![uri, answered.tags()]),
            false => uri,
        };
        dict.push((name, value));
    }
    PyValue::Dict(dict)
}

pub(super) fn selects(selector: &Selector, entry: &Entry) -> bool {
    match selector {
        Selector::All(tags) => tags.is_subset(&entry.metadata),
        Selector::Any(tags) => !tags.is_disjoint(&entry.metadata),
        _ => false,
    }
}

/// Where Python finds what farcall's URI leads to: daemons answer both at the same address. Others stay as they are.
pub(super) fn python_uri(uri: &str) -> String {
    match uri.parse() {
        Ok(uri @ Uri::Object(_)) => PyroUri::of(&uri).to_string(),
        _ => uri.to_owned(),
    }
}
