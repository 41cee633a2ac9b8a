//! The one writer: gathers changes, keeps them in the store with one fsync for all, then shows and answers them.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farcall_shared::names::{NameError, Revision};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};

use crate::registry::Registry;
use crate::store::{CommitError, Store};

/// Changes that may wait for the store; past it callers are refused.
const MAX_QUEUE: usize = 16_384;

/// Changes that share one fsync.
const MAX_BATCH: usize = 1_024;

/// The longest sleep of a writer that has nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// How long leases that are over wait for a store that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A change on its way: makes it, then answers once it is known whether the store kept it.
type Change = Box<dyn FnOnce(&mut Registry, Duration) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), &CommitError>) + Send>;

/// The registry behind its writer.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: Option<SyncSender<Change>>,
    thread: Option<JoinHandle<()>>,
    news: watch::Receiver<Revision>,
}

struct Shared {
    registry: Mutex<Registry>,
    start: Instant,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the writer's thread; times of the registry count from `start`.
    pub(crate) fn start(store: Store, registry: Registry, start: Instant) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            registry: Mutex::new(registry),
            start,
        });
        let (queue, changes) = sync_channel(MAX_QUEUE);
        let (tell, news) = watch::channel(0);
        let writing = Arc::clone(&shared);
        let name = "farcall-names".to_owned();
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || writing.run(store, &changes, &tell))?;
        Ok(Self {
            shared,
            queue: Some(queue),
            thread: Some(thread),
            news,
        })
    }

    /// The registry as it is kept: no change is seen that the store may still refuse.
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.shared.registry.lock()
    }

    /// Told after every batch of changes.
    pub(crate) fn news(&self) -> watch::Receiver<Revision> {
        self.news.clone()
    }

    /// Makes a change and waits until the store has kept it.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        make: impl FnOnce(&mut Registry, Duration) -> Result<T, NameError> + Send + 'static,
    ) -> Result<T, NameError> {
        let (tell, told) = oneshot::channel();
        let change: Change = Box::new(move |registry, now| {
            let result = make(registry, now);
            Box::new(move |kept| {
                let answer = match (result, kept) {
                    (Ok(_), Err(e)) => Err(NameError::Storage { why: e.to_string() }),
                    (result, _) => result,
                };
                // Whoever asked may be gone.
                let _ = tell.send(answer);
            })
        });
        let ending = || NameError::Storage {
            why: "the name service is shutting down".into(),
        };
        let queue = self.queue.as_ref().ok_or_else(ending)?;
        queue.try_send(change).map_err(|e| match e {
            TrySendError::Full(_) => NameError::Full {
                what: format!("{MAX_QUEUE} changes wait for the store; try again"),
            },
            TrySendError::Disconnected(_) => ending(),
        })?;
        told.await.map_err(|_| ending())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, mut store: Store, changes: &Receiver<Change>, tell: &watch::Sender<Revision>) {
        let mut failed = false;
        loop {
            // A store that failed is tried again for the next caller, but not at once for a lease that is over.
            let sleep = if failed {
                AFTER_FAILURE
            } else {
                self.until_next_expiry()
            };
            let first = match changes.recv_timeout(sleep) {
                Ok(change) => Some(change),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Those that came while the last batch was written share the next fsync.
            let batch: Vec<Change> = first
                .into_iter()
                .chain(changes.try_iter().take(MAX_BATCH - 1))
                .collect();
            failed = self.write(&mut store, batch, tell).is_err();
        }
    }

    fn until_next_expiry(&self) -> Duration {
        let due = self.registry.lock().next_expiry();
        let left = due.map(|due| due.saturating_sub(self.start.elapsed()));
        left.map_or(LONGEST_SLEEP, |left| left.min(LONGEST_SLEEP))
    }

    fn write(
        &self,
        store: &mut Store,
        batch: Vec<Change>,
        tell: &watch::Sender<Revision>,
    ) -> Result<(), CommitError> {
        let now = self.start.elapsed();
        let mut registry = self.registry.lock();
        registry.expire(now);
        let answers: Vec<Answer> = batch
            .into_iter()
            .map(|change| change(&mut registry, now))
            .collect();
        let log = registry.take_log();
        if log.is_empty() {
            registry.confirm();
            drop(registry);
            answers.into_iter().for_each(|answer| answer(Ok(())));
            return Ok(());
        }
        // Readers see none of it before it is kept.
        registry.undo();
        drop(registry);
        let mut kept = store.commit(&log);
        if kept.is_ok() {
            let mut registry = self.registry.lock();
            if let Err(e) = registry.redo(now, &log) {
                tracing::error!("the registry and its store differ: {e}");
                kept = Err(CommitError::inconsistent(&e));
            }
            tell.send_replace(registry.revision());
        }
        if let Err(e) = &kept {
            tracing::error!("{e}");
        }
        answers
            .into_iter()
            .for_each(|answer| answer(kept.as_ref().copied()));
        kept
    }
}
