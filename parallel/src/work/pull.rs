//! `pull`: a worker, from its first item to the last.

mod attend;
mod run;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::contract::{Refusal, Taken};
use super::persist::Distant;
use super::{MAX_AT_A_TIME, QueueError, WorkError};

/// How long a worker waits for a queue that is away, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The least patience: calls that wait for an item wait for 5 s.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Items whose result was taken.
    pub done: u64,
    /// Items that were reported as failed.
    pub failed: u64,
    /// Items whose end was refused, because another worker had them by then.
    pub late: u64,
}

/// Computes items of the queue that `uri` names, one at a time, until the queue is closed and all is done.
///
/// `run` is called on a thread where it holds up nobody's I/O, so it may compute for as long as it likes. An error or a panic
/// of it is the end of its item, and of nothing else. The queue may be away, at the beginning too, for 30 s. See [`Worker`]
/// for other settings, and [`pull_async`] for work that waits.
///
/// # Errors
/// Uri; Types when the items or results are of another type; Call when the queue is away for too long.
///
/// # Cancel safety
/// Dropping the future gives the items in work back at once, and counts them as lost. A function that is running goes on
/// until it returns, and its result is dropped.
pub fn pull<T, R, E, F>(
    uri: &str,
    run: F,
) -> impl Future<Output = Result<Pulled, QueueError>> + Send + use<T, R, E, F>
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
    E: Display + Send + 'static,
    F: Fn(T) -> Result<R, E> + Send + Sync + 'static,
{
    Worker::of(uri).pull(run)
}

/// As [`pull`], for work that waits: `run` must not compute or block for long.
///
/// # Errors
/// As [`pull`].
///
/// # Cancel safety
/// Dropping the future drops those of `run`, gives their items back at once, and counts them as lost.
pub fn pull_async<T, R, E, F, Fut>(
    uri: &str,
    run: F,
) -> impl Future<Output = Result<Pulled, QueueError>> + Send + use<T, R, E, F, Fut>
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
    E: Display + Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    Worker::of(uri).pull_async(run)
}

/// A worker, before it begins.
#[derive(Clone, Debug)]
pub struct Worker {
    uri: String,
    name: String,
    at_a_time: u32,
    patience: Duration,
}

impl Worker {
    /// A worker of the queue that `uri` names: one item at a time, 30 s of patience.
    pub fn of(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            name: format!("process {}", std::process::id()),
            at_a_time: 1,
            patience: PATIENCE,
        }
    }

    /// What errors call it; `process PID` unless set. Two workers may have the same name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many items it has at a time, 1 to 1,024.
    pub fn at_a_time(mut self, items: u32) -> Self {
        self.at_a_time = items.clamp(1, MAX_AT_A_TIME);
        self
    }

    /// How long the queue may be away, at least 10 s; 30 s unless set.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(LEAST_PATIENCE);
        self
    }

    /// Computes until the work is done; see [`pull`].
    ///
    /// # Errors
    /// As [`pull`].
    ///
    /// # Cancel safety
    /// As [`pull`].
    pub async fn pull<T, R, E, F>(self, run: F) -> Result<Pulled, QueueError>
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
        E: Display + Send + 'static,
        F: Fn(T) -> Result<R, E> + Send + Sync + 'static,
    {
        let (run, name) = (run::computing(run), self.name.clone());
        let run = move |item| {
            let mut task = JoinSet::new();
            let (run, worker) = (run.clone(), name.clone());
            task.spawn_blocking(move || run(item, worker));
            run::ended(task, name.clone())
        };
        self.work::<T, R, _, _>(run).await
    }

    /// Works until the work is done; see [`pull_async`].
    ///
    /// # Errors
    /// As [`pull`].
    ///
    /// # Cancel safety
    /// As [`pull_async`].
    pub async fn pull_async<T, R, E, F, Fut>(self, run: F) -> Result<Pulled, QueueError>
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
        E: Display + Send + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let (run, name) = (run::waiting(run), self.name.clone());
        let run = move |item| {
            let mut task = JoinSet::new();
            task.spawn(run(item, name.clone()));
            run::ended(task, name.clone())
        };
        self.work::<T, R, _, _>(run).await
    }

    async fn work<T, R, F, Fut>(self, run: F) -> Result<Pulled, QueueError>
    where
        T: DeserializeOwned,
        R: DeserializeOwned,
        F: Fn(Bytes) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<Bytes, WorkError>> + Send + 'static,
    {
        let queue = Distant::new(&self.uri, self.patience)?;
        let terms = queue.terms::<T, R>().await?;
        // Another run of this worker is another worker.
        let me = format!("{} #{:08x}", self.name, fastrand::u32(..));
        let mut tasks = JoinSet::new();
        let lease = Duration::from_millis(terms.lease_ms);
        tasks.spawn(attend::attend(queue.clone(), me.clone(), lease));
        for place in 0..self.at_a_time {
            tasks.spawn(fill(queue.clone(), me.clone(), place, run.clone()));
        }
        let mut all = Pulled::default();
        let mut left = self.at_a_time;
        while left > 0
            && let Some(ended) = tasks.join_next().await
        {
            match ended {
                Ok(pulled) => {
                    let pulled = pulled?;
                    all.done += pulled.done;
                    all.failed += pulled.failed;
                    all.late += pulled.late;
                    left -= 1;
                }
                Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
                // The runtime is shutting down.
                Err(_) => break,
            }
        }
        Ok(all)
    }
}

/// Keeps one place of a worker filled.
async fn fill<F, Fut>(
    queue: Distant,
    worker: String,
    place: u32,
    run: F,
) -> Result<Pulled, QueueError>
where
    F: Fn(Bytes) -> Fut,
    Fut: Future<Output = Result<Bytes, WorkError>>,
{
    let mut pulled = Pulled::default();
    loop {
        let (lease, item) = match queue.ask(|work| work.take(worker.clone(), place)).await? {
            Taken::Item { lease, item } => (lease, item),
            Taken::Nothing => continue,
            Taken::Closed => return Ok(pulled),
        };
        let end = run(item).await;
        let ends = if end.is_ok() {
            &mut pulled.done
        } else {
            &mut pulled.failed
        };
        match queue.ask(|work| work.finish(lease, end.clone())).await {
            Ok(()) => *ends += 1,
            Err(QueueError::Refused(Refusal::Over { .. })) => pulled.late += 1,
            Err(error) => return Err(error),
        }
    }
}
