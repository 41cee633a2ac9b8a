//! `WorkQueue`: work that this program has done by others.

use std::fmt;
use std::marker::PhantomData;

use farcall_shared::object::Servant;
use farcall_shared::shape::Type;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::contract::Work as _;
use super::desk::Desk;
use super::{QueueError, WorkError, WorkLimits, payload};

/// A queue of items of type `T` that workers pull, and of their results of type `R`.
///
/// It is in memory: it ends with its process. Clones are the same queue. When the last one is dropped, its object still
/// works for other programs' [`WorkClient`](super::WorkClient)s.
///
/// # Examples
/// See the guide of `farcall`.
pub struct WorkQueue<T, R> {
    desk: Desk,
    types: PhantomData<fn(T) -> R>,
}

impl<T, R> Clone for WorkQueue<T, R> {
    fn clone(&self) -> Self {
        Self {
            desk: self.desk.clone(),
            types: PhantomData,
        }
    }
}

impl<T, R> fmt::Debug for WorkQueue<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue").finish_non_exhaustive()
    }
}

impl<T, R> Default for WorkQueue<T, R>
where
    T: Serialize + DeserializeOwned,
    R: DeserializeOwned,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T, R> WorkQueue<T, R>
where
    T: Serialize + DeserializeOwned,
    R: DeserializeOwned,
{
    /// An empty queue.
    pub fn new() -> Self {
        Self::with_limits(WorkLimits::default())
    }

    /// An empty queue with other bounds.
    pub fn with_limits(limits: WorkLimits) -> Self {
        Self {
            desk: Desk::new(limits, Type::of::<T>(), Type::of::<R>()),
            types: PhantomData,
        }
    }

    /// The object for a daemon to publish.
    pub fn serve(&self) -> Servant {
        self.desk.clone().serve()
    }

    /// Brings an item; gives its number, counted from 0. Waits while the queue is full, so take results meanwhile.
    ///
    /// # Errors
    /// Unencodable; Refused when the queue is closed.
    ///
    /// # Cancel safety
    /// Cancel safe: the item is there once it has its number, and else not at all.
    pub async fn push(&self, item: T) -> Result<u64, QueueError> {
        let item = payload::encode_item(&item)?;
        Ok(self.desk.push(item).await?)
    }

    /// No more items, neither from here nor from other programs. Results end, and workers, when all that is there is done.
    pub fn close(&self) {
        self.desk.close_all();
    }

    /// The next result of an item that was brought here, with the item's number, in the order in which they are done; `None`
    /// when the queue is closed and all are taken.
    ///
    /// # Cancel safety
    /// Cancel safe: each result is given once.
    pub async fn next_result(&self) -> Option<(u64, Result<R, WorkError>)> {
        self.desk.next().await.map(payload::read)
    }

    /// The results as a stream; see [`next_result`](Self::next_result).
    ///
    /// # Cancel safety
    /// Cancel safe: each result is given once.
    pub fn results(&self) -> impl Stream<Item = (u64, Result<R, WorkError>)> + Unpin + use<T, R> {
        Box::pin(stream::unfold(self.clone(), async |queue| {
            let result = queue.next_result().await?;
            Some((result, queue))
        }))
    }

    /// Waits until the queue is closed, all items are done, and every worker that is there knows: the time to shut the
    /// daemon down.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn finished(&self) {
        self.desk.deserted().await;
    }

    /// Answers all calls that wait, for a daemon that is to shut down before all is done. Workers go on asking for as long as
    /// their patience lasts.
    pub fn end(&self) {
        self.desk.end();
    }
}
