//! Fleets: one computation spread over many objects, found by name pattern or tags.

mod map;
mod members;
mod window;

use std::future::Future;
use std::sync::Arc;

use farcall_shared::error::CallError;
use farcall_shared::uri::{Uri, UriError};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Proxy;
use crate::resolve::ResolveError;
use members::Members;

/// Many objects of one trait that share work. Cheap to clone.
///
/// It is live: members come and go as the name service says. While the name service is away it goes on with the
/// members it knows.
#[derive(Clone, Debug)]
pub struct Fleet<P> {
    members: Arc<Members<P>>,
    /// Ends the watch when the last clone goes.
    _watch: Arc<DropGuard>,
}

/// How far a `map` has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Items with a result.
    pub done: u64,
    /// All items.
    pub total: u64,
    /// Calls that were sent to another member because the first one could not end them.
    pub retried: u64,
}

/// Why a fleet could not be found or could not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// It names one object, not many.
    #[error("'{0}' names one object; a fleet is found by farname:PATTERN or farmeta:TAG,TAG")]
    NoPattern(String),
    /// The name service could not say.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nobody is there.
    #[error("no member answers: '{looked_for}' leads to {known} at the name service {names}{}", after(.last))]
    Empty {
        /// What was looked for.
        looked_for: String,
        /// How many members are known by name.
        known: usize,
        /// Where.
        names: String,
        /// The last call that failed.
        last: Option<String>,
    },
    /// An item's call ended without a value, and may not or need not be sent elsewhere.
    #[error("item {index} has no result")]
    Item {
        /// The item, counted from 0.
        index: usize,
        /// How its call ended.
        #[source]
        error: CallError,
    },
    /// An item could not be finished by anybody.
    #[error("item {index} was given up after {attempts} attempts")]
    GivenUp {
        /// The item, counted from 0.
        index: usize,
        /// How often it was tried.
        attempts: u32,
        /// How the last one ended.
        #[source]
        error: CallError,
    },
}

fn after(last: &Option<String>) -> String {
    last.as_ref()
        .map(|text| format!("; last: {text}"))
        .unwrap_or_default()
}

impl<P: Proxy> Fleet<P> {
    /// The objects that a `farname:` pattern or a `farmeta:` URI leads to, now and from now on. May be empty.
    ///
    /// # Errors
    /// Uri, NoPattern, or Resolve when the name service cannot be asked.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn find(uri: &str) -> Result<Self, FleetError> {
        let uri: Uri = uri.parse()?;
        let stop = CancellationToken::new();
        let members = Members::find(&uri, stop.clone()).await?;
        Ok(Self {
            members,
            _watch: Arc::new(stop.drop_guard()),
        })
    }

    /// How many members are known.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True when no member is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items each member finished, by name.
    pub fn shares(&self) -> Vec<(String, u64)> {
        self.members.shares()
    }

    /// Calls `call` for every item, each on some member; the results in the order of the items.
    ///
    /// An item whose call surely did not run, or may be repeated because its method is `#[idempotent]`, goes to another
    /// member when the first one fails it; any other failure ends the whole.
    ///
    /// # Errors
    /// Item or GivenUp for the first item that cannot be finished; Empty when no member answers for 10 s.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn map<T, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Vec<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.map_with(items, call, |_| {}).await
    }

    /// As [`map`](Self::map), telling how far it has come after every item.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn map_with<T, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
        progress: impl FnMut(&Progress),
    ) -> Result<Vec<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        map::Map::new(&self.members, items.into_iter().collect(), call, progress)
            .run()
            .await
    }
}
