//! From a URI to the objects it may lead to.

use std::collections::BTreeSet;

use farcall_shared::error::CallError;
use farcall_shared::link::{Bind, Bound};
use farcall_shared::names::{Entry, NAME_SERVER, NameError, NameServerProxy, Selector};
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::uri::{Address, ObjectUri, Uri, UriError, with_default_port};
use farcall_shared::wire::codec::Codec;

use crate::peers::{PeerError, Peers};

/// Why a URI leads nowhere.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name service cannot be reached.
    #[error(
        "cannot reach the name service: {0}; start one with `ns`, or name it with FARCALL_NS=HOST:PORT"
    )]
    Away(String),
    /// The name service refused.
    #[error("{0} at the name service {1}")]
    Refused(NameError, Address),
    /// A call to the name service did not end well.
    #[error("the name service did not answer")]
    Call(#[from] CallError),
    /// Nothing carries the tags.
    #[error("no object carries all of the tags {tags} at the name service {names}")]
    NoneTagged {
        /// The tags, with commas.
        tags: String,
        /// The name service.
        names: Address,
    },
    /// The name leads to something that is not a farcall object.
    #[error("the name '{name}' leads to '{uri}': {why}")]
    Foreign {
        /// The name.
        name: String,
        /// Where it leads.
        uri: String,
        /// What is wrong with that.
        why: String,
    },
    /// What `FARCALL_NS` says is no address.
    #[error("the environment variable FARCALL_NS: {0}")]
    Environment(UriError),
}

impl From<PeerError> for ResolveError {
    fn from(error: PeerError) -> Self {
        Self::Away(error.to_string())
    }
}

/// The name service a URI means: its own, else `FARCALL_NS`, else `localhost:9090`.
///
/// # Errors
/// Environment.
pub(crate) fn names_address(given: Option<&Address>) -> Result<Address, ResolveError> {
    if let Some(address) = given {
        return Ok(address.clone());
    }
    match std::env::var("FARCALL_NS") {
        Ok(text) => with_default_port(&text).map_err(ResolveError::Environment),
        Err(_) => Ok(Address::default_names()),
    }
}

/// The name service at an address.
///
/// # Errors
/// Away, or Call when something else listens there.
///
/// # Cancel safety
/// Cancel safe.
pub async fn names_at(address: &Address) -> Result<NameServerProxy<Bound>, ResolveError> {
    let link = Peers::current().link(address).await?;
    let bind = Bind {
        object: NAME_SERVER.into(),
        incarnation: 0,
        codec: Codec::Postcard,
        descriptor: Some(NameServerProxy::<Bound>::descriptor().into()),
        label: format!("far:{NAME_SERVER}@{address}").into(),
    };
    let bound = link
        .bind(&bind)
        .map_err(|e| ResolveError::Away(e.to_string()))?;
    bound.accepted().await?;
    Ok(NameServerProxy::over(bound))
}

/// An object that a URI leads to.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// One of farcall's.
    Object(ObjectUri),
    /// One of a Python program's.
    Python(PyroUri),
}

/// Where a URI leads, in random order, so that callers spread.
pub(crate) async fn resolve(uri: &Uri) -> Result<Vec<Found>, ResolveError> {
    let entries = match uri {
        Uri::Object(uri) => return Ok(vec![Found::Object(uri.clone())]),
        Uri::Python(uri) => return Ok(vec![Found::Python(uri.clone())]),
        Uri::Name(uri) => {
            let address = names_address(uri.names.as_ref())?;
            let names = names_at(&address).await?;
            let found = names.lookup(uri.name.clone()).await?;
            found.map_err(|e| ResolveError::Refused(e, address))?
        }
        Uri::Meta(uri) => {
            let address = names_address(uri.names.as_ref())?;
            let tags: BTreeSet<String> = uri.tags.iter().cloned().collect();
            let names = names_at(&address).await?;
            let page = names.list(Selector::All(tags), None, 1000).await?;
            let entries = page
                .map_err(|e| ResolveError::Refused(e, address.clone()))?
                .entries;
            if entries.is_empty() {
                return Err(ResolveError::NoneTagged {
                    tags: uri.tags.join(", "),
                    names: address,
                });
            }
            entries
        }
    };
    let mut found: Vec<Found> = entries.iter().map(found).collect::<Result<_, _>>()?;
    fastrand::shuffle(&mut found);
    Ok(found)
}

/// Where an entry leads, as long as that is an object of farcall's.
pub(crate) fn object_uri(entry: &Entry) -> Result<ObjectUri, ResolveError> {
    match found(entry)? {
        Found::Object(uri) => Ok(uri),
        Found::Python(_) => Err(ResolveError::Foreign {
            name: entry.name.clone(),
            uri: entry.uri.clone(),
            why: "a fleet finds objects of farcall's, and has Python's by Fleet::of".into(),
        }),
    }
}

fn found(entry: &Entry) -> Result<Found, ResolveError> {
    let foreign = |why: String| ResolveError::Foreign {
        name: entry.name.clone(),
        uri: entry.uri.clone(),
        why,
    };
    match entry.uri.parse::<Uri>() {
        Ok(Uri::Object(uri)) => Ok(Found::Object(uri)),
        Ok(Uri::Python(uri @ PyroUri::Object { .. })) => Ok(Found::Python(uri)),
        Ok(_) => Err(foreign("it is a name again".into())),
        Err(e) => Err(foreign(e.to_string())),
    }
}
