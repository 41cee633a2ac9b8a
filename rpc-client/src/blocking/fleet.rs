//! A fleet whose verbs wait.

use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use farcall_shared::error::CallError;

use super::engine::Engine;
use super::iter::Iter;
use crate::fleet::balance::Balance;
use crate::fleet::{FleetError, Progress, Settled};
use crate::{Proxy, fleet};

/// A [`Fleet`](crate::Fleet) for programs without async code. Cheap to clone.
///
/// Its verbs are those of the other, with the same meaning, and end when they are over: closures still give the future of a
/// call, which needs no `await`.
#[derive(Clone, Debug)]
pub struct Fleet<P> {
    engine: Engine,
    fleet: fleet::Fleet<P>,
}

impl<P: Proxy> Fleet<P> {
    /// The objects that a `farname:` pattern or a `farmeta:` URI leads to, now and from now on. May be empty.
    ///
    /// # Errors
    /// Uri, NoPattern, Resolve when the name service cannot be asked, or Start.
    pub fn find(uri: &str) -> Result<Self, FleetError> {
        let engine = Engine::start()?;
        let fleet = engine.wait(fleet::Fleet::find(uri))?;
        Ok(Self { engine, fleet })
    }

    /// The objects of a list, one `far:` or `farname:` URI for each; always the same ones.
    ///
    /// # Errors
    /// Uri for the first that is malformed, Pattern for the first that may lead to many objects, or Start.
    pub fn of<U: AsRef<str>>(uris: impl IntoIterator<Item = U>) -> Result<Self, FleetError> {
        Self::over(&fleet::Fleet::of(uris)?)
    }

    /// The same fleet as another, such as a pool.
    ///
    /// # Errors
    /// Start.
    pub fn over(fleet: &fleet::Fleet<P>) -> Result<Self, FleetError> {
        Ok(Self {
            engine: Engine::start()?,
            fleet: fleet.clone(),
        })
    }

    /// How many members are known.
    pub fn len(&self) -> usize {
        self.fleet.len()
    }

    /// True when no member is known.
    pub fn is_empty(&self) -> bool {
        self.fleet.is_empty()
    }

    /// How many items each member finished, by name.
    pub fn shares(&self) -> Vec<(String, u64)> {
        self.fleet.shares()
    }

    /// The same fleet, its calls going where this policy says; see [`balance`](crate::balance).
    pub fn with_balance(mut self, policy: impl Balance) -> Self {
        self.fleet = self.fleet.with_balance(policy);
        self
    }

    /// The same fleet, each job within this deadline; see [`with_deadline`](crate::Fleet::with_deadline).
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.fleet = self.fleet.with_deadline(deadline);
        self
    }

    /// The same fleet, each job going on for so long while no member answers; see
    /// [`with_patience`](crate::Fleet::with_patience).
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.fleet = self.fleet.with_patience(patience);
        self
    }

    /// Waits until the fleet has so many members.
    ///
    /// # Errors
    /// TooFew after `within`.
    pub fn wait_for(&self, members: usize, within: Duration) -> Result<(), FleetError> {
        self.engine.wait(self.fleet.wait_for(members, within))
    }

    /// Calls `call` for every item, each on some member; see [`map`](crate::Fleet::map).
    ///
    /// # Errors
    /// Item or GivenUp for the first item that cannot be finished; Empty when no member answers for 10 s.
    pub fn map<T, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Vec<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.map(items, call))
    }

    /// As [`map`](Self::map), telling how far it has come after every item.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_with<T, R, F, Fut>(
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
        self.engine.wait(self.fleet.map_with(items, call, progress))
    }

    /// As [`map`](Self::map), going on when items fail: each has its result or its error, and there is a summary.
    ///
    /// # Errors
    /// Empty or Deadline. Items' own errors are among the results.
    pub fn map_settled<T, R, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Settled<R>, FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.map_settled(items, call))
    }

    /// As [`map`](Self::map) for items that are pairs; see [`starmap`](crate::Fleet::starmap).
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn starmap<A, B, R, F, Fut>(
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
        self.engine.wait(self.fleet.starmap(items, call))
    }

    /// As [`map`](Self::map), for calls without a result.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn for_each<T, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<(), FleetError>
    where
        T: Clone,
        F: Fn(P, T) -> Fut,
        Fut: Future<Output = Result<(), CallError>>,
    {
        self.engine.wait(self.fleet.for_each(items, call))
    }

    /// As [`map`](Self::map), giving each result as it comes, with the index of its item. Items are pulled as members
    /// have room for them, and only while the next result is asked for; the first error ends it.
    ///
    /// Dropping the iterator cancels every call in flight.
    pub fn map_unordered<I, R, F, Fut>(
        &self,
        items: I,
        call: F,
    ) -> impl Iterator<Item = Result<(usize, R), FleetError>> + use<P, I, R, F, Fut>
    where
        I: IntoIterator<Item: Clone>,
        F: Fn(P, I::Item) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        Iter::new(self.engine, self.fleet.map_unordered(items, call))
    }

    /// As [`map`](Self::map), giving each result in the order of the items as soon as its turn has come. Items are pulled
    /// only while the next result is asked for, and at most 1,024 ahead of the results that were taken, or twice as many as
    /// are in flight, so that the input may be longer than memory; the first error ends it.
    ///
    /// Dropping the iterator cancels every call in flight.
    pub fn imap<I, R, F, Fut>(
        &self,
        items: I,
        call: F,
    ) -> impl Iterator<Item = Result<R, FleetError>> + use<P, I, R, F, Fut>
    where
        I: IntoIterator<Item: Clone>,
        F: Fn(P, I::Item) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        Iter::new(self.engine, self.fleet.imap(items, call))
    }

    /// Puts items together by twos until one is left, on the members; see [`reduce`](crate::Fleet::reduce).
    ///
    /// # Errors
    /// As [`map`](Self::map); the index is that of a pair.
    pub fn reduce<T, F, Fut>(
        &self,
        items: impl IntoIterator<Item = T>,
        call: F,
    ) -> Result<Option<T>, FleetError>
    where
        T: Clone,
        F: Fn(P, T, T) -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        self.engine.wait(self.fleet.reduce(items, call))
    }

    /// Calls one member, chosen by the fleet's policy; see [`call`](crate::Fleet::call).
    ///
    /// # Errors
    /// Item or GivenUp, with index 0; Empty when no member is known, or none answers for 10 s.
    pub fn call<R, F, Fut>(&self, call: F) -> Result<R, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.call(call))
    }

    /// As [`call`](Self::call), for a key: with the policy [`Rendezvous`](crate::balance::Rendezvous) always the same
    /// member while it is there.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_for<K, R, F, Fut>(&self, key: &K, call: F) -> Result<R, FleetError>
    where
        K: Hash + ?Sized,
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.call_for(key, call))
    }

    /// Calls `call` for one item on some member, from now on, while this thread goes on.
    pub fn submit<T, R, F, Fut>(&self, item: T, call: F) -> Submitted<R>
    where
        T: Clone + Send + 'static,
        R: Send + 'static,
        F: Fn(P, T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, CallError>> + Send + 'static,
    {
        let _entered = self.engine.enter();
        Submitted {
            engine: self.engine,
            item: self.fleet.submit(item, call),
        }
    }

    /// Calls `call` on every member that is known now, all at once; each member's result, by its name. Nothing is tried
    /// again.
    pub fn broadcast<R, F, Fut>(&self, call: F) -> Vec<(String, Result<R, CallError>)>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.broadcast(call))
    }

    /// Calls `call` on every member that is known now, all at once, and gives the first value; the other calls are
    /// cancelled.
    ///
    /// # Errors
    /// Empty when no member is known; Quorum when all failed.
    pub fn race<R, F, Fut>(&self, call: F) -> Result<R, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.race(call))
    }

    /// Calls `call` on every member that is known now, all at once, and gives the first `wanted` values in the order they
    /// came; the other calls are cancelled.
    ///
    /// # Errors
    /// Empty when no member is known; Quorum as soon as too many failed, or at once when there are too few.
    pub fn quorum<R, F, Fut>(&self, wanted: usize, call: F) -> Result<Vec<R>, FleetError>
    where
        F: Fn(P) -> Fut,
        Fut: Future<Output = Result<R, CallError>>,
    {
        self.engine.wait(self.fleet.quorum(wanted, call))
    }
}

/// An item that was submitted. Dropping it cancels the item's call.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct Submitted<R> {
    engine: Engine,
    item: fleet::Submitted<R>,
}

impl<R: Send + 'static> Submitted<R> {
    /// Waits for the result.
    ///
    /// # Errors
    /// Cancelled; Item or GivenUp, with index 0; Empty when no member answers for 10 s.
    ///
    /// # Panics
    /// Where the closure that was submitted did.
    pub fn wait(self) -> Result<R, FleetError> {
        self.engine.wait(self.item)
    }

    /// True once there is a result, or it was cancelled.
    pub fn is_done(&self) -> bool {
        self.item.is_done()
    }

    /// Cancels the item's call, unless it ended; [`wait`](Self::wait) then gives [`FleetError::Cancelled`].
    pub fn cancel(&self) {
        self.item.cancel();
    }
}
