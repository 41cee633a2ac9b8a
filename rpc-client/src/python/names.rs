//! Where Python objects are: names and tags, looked up at a name server of Python's or at `ns`.

use std::time::Duration;

use farcall_shared::error::NotSent;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::uri::Address;

use super::{PythonError, PythonProxy};
use crate::resolve::names_address;

/// The object that answers for names in Python.
const NAME_SERVER: &str = "Pyro.NameServer";

/// The id and the address of the object that a URI leads to.
pub(super) async fn locate(uri: &PyroUri, within: Duration) -> Result<(String, Address), NotSent> {
    let found = match uri {
        PyroUri::Object { object, address } => return Ok((object.clone(), address.clone())),
        PyroUri::Name { name, names } => by_name(name, names.as_ref(), within).await,
        PyroUri::Meta { tags, names } => by_tags(tags, names.as_ref(), within).await,
    };
    match found {
        Ok(PyroUri::Object { object, address }) => Ok((object, address)),
        Ok(other) => Err(NotSent::Unresolved(format!(
            "{uri} leads to another name, {other}"
        ))),
        Err(reason) => Err(reason),
    }
}

async fn by_name(
    name: &str,
    names: Option<&Address>,
    within: Duration,
) -> Result<PyroUri, NotSent> {
    let names = server(names, within)?;
    let looking_up = names.call("lookup", [name.into()], []);
    let found = Box::pin(looking_up).await.map_err(unresolved)?;
    PyroUri::from_value(&found).map_err(|e| NotSent::Unresolved(format!("{name}: {e}")))
}

/// Any of the objects that carry all the tags.
async fn by_tags(
    tags: &[String],
    names: Option<&Address>,
    within: Duration,
) -> Result<PyroUri, NotSent> {
    let names = server(names, within)?;
    let all = tags.iter().map(|tag| tag.as_str().into()).collect();
    let plain = [
        ("meta_all".to_owned(), PyValue::List(all)),
        ("return_metadata".to_owned(), false.into()),
    ];
    let looking_up = names.call("yplookup", [], plain);
    let found = Box::pin(looking_up).await.map_err(unresolved)?;
    let uris = match &found {
        PyValue::Dict(entries) => entries.as_slice(),
        _ => &[],
    };
    let chosen = match uris {
        [] => None,
        uris => uris.get(fastrand::usize(..uris.len())),
    };
    let uri = chosen.and_then(|(_, uri)| uri.as_str()).ok_or_else(|| {
        let text = format!("no object carries all of the tags {}", tags.join(", "));
        NotSent::Unresolved(text)
    })?;
    uri.parse()
        .map_err(|e| NotSent::Unresolved(format!("the name server answers with {uri}: {e}")))
}

fn server(names: Option<&Address>, within: Duration) -> Result<PythonProxy, NotSent> {
    let address = names_address(names).map_err(|e| NotSent::Unresolved(e.to_string()))?;
    let object = NAME_SERVER.to_owned();
    Ok(PythonProxy::of(PyroUri::Object { object, address }).with_deadline(within))
}

fn unresolved(error: PythonError) -> NotSent {
    NotSent::Unresolved(error.to_string())
}
