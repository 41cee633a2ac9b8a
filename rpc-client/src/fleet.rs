//! Fleets: one computation spread over many objects, found by name pattern or tags, or listed.

mod ask;
pub mod balance;
mod budget;
mod digest;
mod error;
mod job;
mod learned;
mod load;
mod member;
mod members;
mod options;
mod progress;
mod results;
mod roster;
mod running;
mod submitted;
mod window;

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::error::CallError;
use farcall_shared::pyro::uri::PyroUri;
use farcall_shared::uri::Uri;
use futures_util::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Proxy;
use crate::peers::Peers;
use balance::Balance;
pub use error::FleetError;
use job::Job;
use members::Members;
use options::Options;
pub use progress::{Progress, Share};
pub use roster::{MemberId, Outlook, Roster};
pub use submitted::Submitted;

/// Many objects of one trait that share work. Cheap to clone.
///
/// It is live: members come and go as the name service says. While the name service is away it goes on with the
/// members it knows.
#[derive(Clone, Debug)]
pub struct Fleet<P> {
    members: Arc<Members<P>>,
    options: Arc<Options>,
    /// Ends the watch when the last clone goes.
    _watch: Arc<DropGuard>,
}

/// The results of all items, and a summary.
#[derive(Debug)]
pub struct Settled<R> {
    /// In the order of the items.
    pub results: Vec<Result<R, FleetError>>,
    /// Counts, shares and the first errors.
    pub summary: Progress,
}

impl<R> Settled<R> {
    /// All results, or the error of the first item that has none.
    ///
    /// # Errors
    /// Item or GivenUp.
    pub fn into_results(self) -> Result<Vec<R>, FleetError> {
        self.results.into_iter().collect()
    }
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
            options: Arc::default(),
            _watch: Arc::new(stop.drop_guard()),
        })
    }

    /// The objects of a list, one `far:` or `farname:` URI for each; always the same ones.
    ///
    /// # Errors
    /// Uri for the first that is malformed, Pattern for the first that may lead to many objects.
    pub fn of<U: AsRef<str>>(uris: impl IntoIterator<Item = U>) -> Result<Self, FleetError> {
        let mut members = Vec::new();
        for uri in uris {
            let uri: Uri = uri.as_ref().parse()?;
            let one = match &uri {
                Uri::Object(_) => true,
                Uri::Name(uri) => !uri.name.contains(['*', '?', '[']),
                Uri::Python(uri) => !matches!(uri, PyroUri::Meta { .. }),
                Uri::Meta(_) => false,
            };
            if !one {
                return Err(FleetError::Pattern(uri.to_string()));
            }
            members.push(uri);
        }
        Ok(Self {
            members: Members::list(members),
            options: Arc::default(),
            _watch: Arc::new(CancellationToken::new().drop_guard()),
        })
    }

    /// A fleet without members, and the roster by which this process adds them. `of_what` is what errors call it, such as
    /// `a pool of 4 processes`.
    pub fn rostered(of_what: &str) -> (Self, Roster<P>) {
        let members = Members::nobody(of_what);
        let fleet = Self {
            members: Arc::clone(&members),
            options: Arc::default(),
            _watch: Arc::new(CancellationToken::new().drop_guard()),
        };
        (fleet, Roster::new(members))
    }

    /// How many members are known.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True when no member is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same fleet, its calls going where this policy says; see [`balance`].
    pub fn with_balance(mut self, policy: impl Balance) -> Self {
        Arc::make_mut(&mut self.options).balance = Arc::new(policy);
        self
    }

    /// The same fleet, each job within this deadline: when it is over, the job ends as [`FleetError::Deadline`] and its
    /// calls are cancelled. Without one a job takes as long as its items take, each call at most 30 s.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        Arc::make_mut(&mut self.options).deadline = Some(deadline);
        self
    }

    /// The same fleet, each job going on for so long while no member answers; 10 s unless this is called. A job that finds
    /// no member at its beginning ends at once: [`wait_for`](Self::wait_for) waits.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        Arc::make_mut(&mut self.options).patience = patience;
        self
    }

    /// Waits until the fleet has so many members.
    ///
    /// # Errors
    /// TooFew after `within`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for(&self, members: usize, within: Duration) -> Result<(), FleetError> {
        let mut changes = self.members.changes();
        let enough = async { while self.len() < members && changes.changed().await.is_ok() {} };
        let waited = tokio::time::timeout(within, enough).await;
        if waited.is_ok() && self.len() >= members {
            return Ok(());
        }
        Err(self.members.too_few(members, within))
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
        mut progress: impl FnMut(&Progress),
    ) -> Result<Vec<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        let items: Vec<T> = items.into_iter().collect();
        let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut job = Job::new(&self.members, &self.options, items.into_iter(), call);
        job.drain(|index, result, so_far| {
            if let Some(place) = results.get_mut(index) {
                *place = Some(result?);
            }
            progress(so_far);
            Ok(())
        })
        .await?;
        Ok(results.into_iter().flatten().collect())
    }

    /// As [`map`](Self::map), going on when items fail: each has its result or its error, and there is a summary.
    ///
    /// # Errors
    /// Empty or Deadline. Items' own errors are among the results.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn map_settled<T, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Settled<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        let items: Vec<T> = items.into_iter().collect();
        let mut results: Vec<Option<Result<R, FleetError>>> = items.iter().map(|_| None).collect();
        let mut job = Job::new(&self.members, &self.options, items.into_iter(), call);
        job.drain(|index, result, _| {
            if let Some(place) = results.get_mut(index) {
                *place = Some(result);
            }
            Ok(())
        })
        .await?;
        Ok(Settled {
            results: results.into_iter().flatten().collect(),
            summary: job.progress.clone(),
        })
    }

    /// As [`map`](Self::map) for items that are pairs: `fleet.starmap(pairs, |worker, a, b| worker.add(a, b))`. For
    /// more, `map` takes tuples: `|worker, (a, b, c)| …`.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn starmap<A, B, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = (A, B)>,
        call: F,
    ) -> Result<Vec<R>, FleetError>
    where
        A: Clone,
        B: Clone,
        F: Fn(P, A, B) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.map(items, |proxy, (a, b)| call(proxy, a, b)).await
    }

    /// Puts items together by twos until one is left, on the members: neighbours first, then what came of them. The order
    /// is kept, so `call` need only be associative. `None` where there are no items.
    ///
    /// # Errors
    /// As [`map`](Self::map); the index is that of a pair.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn reduce<T, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Option<T>, FleetError>
    where
        T: Clone,
        F: Fn(P, T, T) -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        let mut items: Vec<T> = items.into_iter().collect();
        while items.len() > 1 {
            let mut rest = items.into_iter();
            let mut pairs = Vec::with_capacity(rest.len() / 2);
            let mut odd = None;
            while let Some(one) = rest.next() {
                match rest.next() {
                    Some(other) => pairs.push((one, other)),
                    None => odd = Some(one),
                }
            }
            items = self.starmap(pairs, &call).await?;
            items.extend(odd);
        }
        Ok(items.pop())
    }

    /// Calls one member, chosen by the fleet's [policy](balance). As in [`map`](Self::map) the call goes to another member
    /// when the first one could not end it; when its methods are `#[idempotent]` and it is late, it is made a second time
    /// elsewhere and the first value counts. At most one call in twenty is.
    ///
    /// # Errors
    /// Item or GivenUp, with index 0; Empty when no member is known, or none answers for 10 s.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    pub async fn call<R, F, Fut>(&self, call: F) -> Result<R, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        let call = |proxy, ()| call(proxy);
        let items = std::iter::once(());
        Job::new(&self.members, &self.options, items, call)
            .only()
            .await
    }

    /// As [`call`](Self::call), for a key: with the policy [`Rendezvous`](balance::Rendezvous) always the same member
    /// while it is there.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    pub async fn call_for<K, R, F, Fut>(&self, key: &K, call: F) -> Result<R, FleetError>
    where
        K: Hash + ?Sized,
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        let call = |proxy, ()| call(proxy);
        let items = std::iter::once(());
        Job::new(&self.members, &self.options, items, call)
            .keyed(balance::key(key))
            .only()
            .await
    }

    /// As [`map`](Self::map), giving each result as it comes, with the index of its item. Items are pulled as members
    /// have room for them, and only while the stream is polled; the first error ends it.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels every call in flight.
    pub fn map_unordered<I, R, F, Fut>(
        &self,
        items: I,
        call: F,
    ) -> impl Stream<Item = Result<(usize, R), FleetError>> + Unpin + use<P, I, R, F, Fut>
    where
        I: IntoIterator<Item: Clone>,
        F: Fn(P, I::Item) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        results::as_they_come(Job::new(
            &self.members,
            &self.options,
            items.into_iter(),
            call,
        ))
    }

    /// As [`map`](Self::map), giving each result in the order of the items as soon as its turn has come. Items are pulled
    /// only while the stream is polled, and at most 1,024 ahead of the results that were taken, or twice as many as are in
    /// flight where that is more, so that the input may be longer than memory; the first error ends it.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels every call in flight.
    pub fn imap<I, R, F, Fut>(
        &self,
        items: I,
        call: F,
    ) -> impl Stream<Item = Result<R, FleetError>> + Unpin + use<P, I, R, F, Fut>
    where
        I: IntoIterator<Item: Clone>,
        F: Fn(P, I::Item) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        results::in_order(Job::new(
            &self.members,
            &self.options,
            items.into_iter(),
            call,
        ))
    }

    /// As [`map`](Self::map), for calls without a result.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn for_each<T, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<(), FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<(), CallError>>,
    {
        self.map(items, call).await.map(drop)
    }

    /// Calls `call` for one item on some member, from now on, whether or not the handle is polled. The item goes to another
    /// member as in [`map`](Self::map).
    ///
    /// # Panics
    /// Outside of a tokio runtime. Where `call` panics, awaiting the handle does.
    pub fn submit<T, R, F, Fut>(&self, item: T, call: F) -> Submitted<R>
    where
        P: Send,
        T: Clone + Send + 'static,
        R: Send + 'static,
        F: Fn(P, T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, CallError>> + Send + 'static,
    {
        let job = Job::new(&self.members, &self.options, std::iter::once(item), call);
        Submitted::new(Peers::current().tasks().spawn(job.only()))
    }

    /// Calls `call` on every member that is known now, all at once; each member's result, by its name. Nothing is tried
    /// again.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn broadcast<R, F, Fut>(&self, call: F) -> Vec<(String, Result<R, CallError>)>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        ask::everybody(&self.members, call).await
    }

    /// Calls `call` on every member that is known now, all at once, and gives the first value; the other calls are
    /// cancelled.
    ///
    /// # Errors
    /// Empty when no member is known; Quorum when all failed.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn race<R, F, Fut>(&self, call: F) -> Result<R, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        let mut first = ask::quorum(&self.members, 1, call).await?;
        first.pop().ok_or_else(|| self.members.empty(None))
    }

    /// Calls `call` on every member that is known now, all at once, and gives the first `wanted` values in the order they
    /// came; the other calls are cancelled.
    ///
    /// # Errors
    /// Empty when no member is known; Quorum as soon as too many failed, or at once when there are too few.
    ///
    /// # Cancel safety
    /// Dropping the future cancels every call in flight.
    pub async fn quorum<R, F, Fut>(&self, wanted: usize, call: F) -> Result<Vec<R>, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        ask::quorum(&self.members, wanted, call).await
    }
}
