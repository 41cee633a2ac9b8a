//! `WorkClient`: work that another program's queue has done.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::contract::{JobId, Outcome, Put};
use super::persist::Distant;
use super::{CLIENT_LEASE, QueueError, WorkError, payload};

/// How long a client waits for a queue that is away: 30 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// Brings items to a [`WorkQueue`](super::WorkQueue) of another program, and collects their results: its own and nobody
/// else's. Clones are the same client.
///
/// When the last clone is dropped, or its process dies, the queue forgets its items 60 s later.
///
/// # Examples
/// See the guide of `farcall`.
pub struct WorkClient<T, R> {
    inner: Arc<Inner>,
    types: PhantomData<fn(T) -> R>,
}

#[derive(Debug)]
struct Inner {
    queue: Distant,
    job: JobId,
    items: Mutex<Items>,
    results: Mutex<Results>,
    /// Says that the client is there.
    _keeping: JoinSet<()>,
}

/// What was brought.
#[derive(Debug, Default)]
struct Items {
    count: u64,
    /// The next one, on its way.
    next: Option<Bytes>,
}

impl Items {
    /// Sees that the next one is there, if there is one.
    async fn flush(&mut self, queue: &Distant, job: JobId) -> Result<(), QueueError> {
        while let Some(item) = &self.next {
            let index = self.count;
            let put = queue.ask(|work| work.put(job, index, item.clone()));
            if put.await? == Put::Accepted {
                self.count += 1;
                self.next = None;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Results {
    here: VecDeque<Outcome>,
    /// How many came.
    came: u64,
    are_over: bool,
}

impl<T, R> Clone for WorkClient<T, R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            types: PhantomData,
        }
    }
}

impl<T, R> fmt::Debug for WorkClient<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkClient")
            .field(&self.inner.queue)
            .finish()
    }
}

impl<T, R> WorkClient<T, R>
where
    T: Serialize + DeserializeOwned,
    R: DeserializeOwned,
{
    /// Finds the queue that `uri` names. Waits for one that is away for at most 30 s.
    ///
    /// # Errors
    /// Uri; Types when its items or results are of another type; Refused when it is closed or full; Call when it is away.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(uri: &str) -> Result<Self, QueueError> {
        let queue = Distant::new(uri, PATIENCE)?;
        queue.terms::<T, R>().await?;
        // The queue's own job is 0.
        let job = fastrand::u64(1..);
        queue.ask(|work| work.open(job)).await?;
        let mut keeping = JoinSet::new();
        keeping.spawn(keep(queue.clone(), job));
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                job,
                items: Mutex::default(),
                results: Mutex::default(),
                _keeping: keeping,
            }),
            types: PhantomData,
        })
    }

    /// Brings an item; gives its number, counted from 0. Waits while the queue is full, so take results meanwhile.
    ///
    /// # Errors
    /// Unencodable; Refused when the queue is closed or has forgotten this client; Call when it is away for longer than
    /// 30 s.
    ///
    /// # Cancel safety
    /// When the future is dropped the item may be there or not; if not, it comes with the next `push` or `close`.
    pub async fn push(&self, item: T) -> Result<u64, QueueError> {
        let item = payload::encode_item(&item)?;
        let Inner {
            queue, job, items, ..
        } = &*self.inner;
        let mut items = items.lock().await;
        items.flush(queue, *job).await?;
        let index = items.count;
        items.next = Some(item);
        items.flush(queue, *job).await?;
        Ok(index)
    }

    /// No more items from this client. Its results end when all are there.
    ///
    /// # Errors
    /// Refused when the queue has forgotten this client; Call when it is away for longer than 30 s.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn close(&self) -> Result<(), QueueError> {
        let Inner {
            queue, job, items, ..
        } = &*self.inner;
        items.lock().await.flush(queue, *job).await?;
        queue.ask(|work| work.close(*job)).await
    }

    /// The next result of this client's items, with the item's number, in the order in which they are done; `None` when the
    /// client, or the queue, is closed and all are taken.
    ///
    /// # Errors
    /// Refused when the queue has forgotten this client; Call when it is away for longer than 30 s.
    ///
    /// # Cancel safety
    /// Cancel safe: each result is given once.
    pub async fn next_result(&self) -> Result<Option<(u64, Result<R, WorkError>)>, QueueError> {
        let Inner {
            queue,
            job,
            results,
            ..
        } = &*self.inner;
        let mut results = results.lock().await;
        loop {
            if let Some(outcome) = results.here.pop_front() {
                return Ok(Some(payload::read(outcome)));
            }
            let from = results.came;
            if results.are_over {
                return Ok(None);
            }
            let more = queue.ask(|work| work.results(*job, from)).await?;
            results.came += more.outcomes.len() as u64;
            results.are_over = more.is_over;
            results.here.extend(more.outcomes);
            if more.is_over {
                // What was fetched is kept there until somebody says so; and by itself for a minute.
                let _ = queue.within(PATIENCE).forget(*job).await;
            }
        }
    }

    /// The results as a stream, which ends after the first error; see [`next_result`](Self::next_result).
    ///
    /// # Cancel safety
    /// Cancel safe: each result is given once.
    pub fn results(
        &self,
    ) -> impl Stream<Item = Result<(u64, Result<R, WorkError>), QueueError>> + Unpin + use<T, R>
    {
        Box::pin(stream::unfold(Some(self.clone()), async |client| {
            let client = client?;
            match client.next_result().await.transpose()? {
                Ok(result) => Some((Ok(result), Some(client))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

/// Renews the client's lease.
async fn keep(queue: Distant, job: JobId) {
    loop {
        tokio::time::sleep(CLIENT_LEASE / 4).await;
        // A queue that is away or knows nothing of it tells whoever asks for results.
        let _ = queue.within(CLIENT_LEASE / 4).keep(job).await;
    }
}
