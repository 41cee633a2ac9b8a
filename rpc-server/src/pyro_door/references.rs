//! References between farcall and Python: the one's URIs as the other's.

use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::{Metadata, Proxy};
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::reference::{Reference, Referent};
use farcall_shared::uri::Uri;
use farcall_shared::value::Value;

use super::request::Asked;
use super::target::Target;

/// A value whose references to this daemon's own objects are the objects.
pub(super) fn localized(asked: &Asked, value: Value) -> Value {
    match value {
        Value::Object(reference) => Value::Object(local(asked, &reference).unwrap_or(reference)),
        Value::List(list) => {
            let elements = list.into_iter().map(|value| localized(asked, value));
            Value::List(elements.collect())
        }
        Value::Map(map) => {
            let entries = map.into_iter();
            Value::Map(
                entries
                    .map(|(key, value)| (key, localized(asked, value)))
                    .collect(),
            )
        }
        other => other,
    }
}

fn local(asked: &Asked, reference: &Reference) -> Option<Reference> {
    let Referent::Uri(uri) = &reference.to else {
        return None;
    };
    let PyroUri::Object { object, address } = uri.parse().ok()? else {
        return None;
    };
    if address != asked.core.uri_reached(&object, asked.reached).address {
        return None;
    }
    Target::servant(&asked.core, &object).map(Reference::local)
}

/// The proxy of an object that a URI leads to; farcall's own daemons answer Python at the same address.
pub(super) fn proxy(uri: &str) -> PyValue {
    match uri.parse::<Uri>() {
        Ok(uri) => Proxy::new(PyroUri::of(&uri), Metadata::default()).into_value(),
        Err(_) => uri.into(),
    }
}
