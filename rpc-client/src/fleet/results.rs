//! The results of a job as streams.

use std::collections::BTreeMap;
use std::future::Future;

use farcall_shared::error::CallError;
use futures_util::{Stream, stream};

use super::FleetError;
use super::job::Job;
use crate::Proxy;

/// As they come, until an error.
pub(super) fn as_they_come<P, I, R, F, Fut>(
    job: Job<P, I, R, F, Fut>,
) -> impl Stream<Item = Result<(usize, R), FleetError>> + Unpin
where
    P: Proxy,
    I: Iterator<Item: Clone>,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    Box::pin(stream::unfold(Some(job), async |job| {
        let mut job = job?;
        match job.next(usize::MAX).await? {
            Ok((index, Ok(result))) => Some((Ok((index, result)), Some(job))),
            Ok((_, Err(error))) | Err(error) => Some((Err(error), None)),
        }
    }))
}

/// In the order of the items, until an error.
pub(super) fn in_order<P, I, R, F, Fut>(
    job: Job<P, I, R, F, Fut>,
) -> impl Stream<Item = Result<R, FleetError>> + Unpin
where
    P: Proxy,
    I: Iterator<Item: Clone>,
    F: Fn(P, I::Item) -> Fut,
    Fut: Future<Output = Result<R, CallError>>,
{
    let state = Some((job, Early::default()));
    Box::pin(stream::unfold(state, async |state| {
        let (mut job, mut early) = state?;
        while !early.has_next() {
            match job.next(early.taken + job.ahead()).await? {
                Ok((index, Ok(result))) => {
                    early.results.insert(index, result);
                }
                Ok((_, Err(error))) | Err(error) => return Some((Err(error), None)),
            }
        }
        let result = early.results.remove(&early.taken)?;
        early.taken += 1;
        Some((Ok(result), Some((job, early))))
    }))
}

/// Results that came before their turn.
struct Early<R> {
    taken: usize,
    results: BTreeMap<usize, R>,
}

impl<R> Default for Early<R> {
    fn default() -> Self {
        Self {
            taken: 0,
            results: BTreeMap::new(),
        }
    }
}

impl<R> Early<R> {
    fn has_next(&self) -> bool {
        self.results.contains_key(&self.taken)
    }
}
