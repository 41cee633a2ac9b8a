//! The crew of a pool: each keeper keeps one place filled, for as long as workers can be started.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farcall_client::{MemberId, Outlook, Proxy, Roster};
use farcall_server::Daemon;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::child::{End, Recipe, Worker};
use super::starts::{Starts, Verdict};
use super::{Event, StartError};

/// Who looks on.
pub(super) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// What all keepers share.
pub(super) struct Crew<P: Proxy> {
    pub(super) name: String,
    pub(super) recipe: Recipe,
    pub(super) roster: Roster<P>,
    /// Hosts the posts.
    pub(super) posts: Daemon,
    /// Holds the sockets.
    pub(super) _directory: TempDir,
    pub(super) observer: Option<Observer>,
    /// How many workers were started.
    pub(super) hired: AtomicU64,
    pub(super) starts: Mutex<Starts>,
    /// The pool is closing or gave up.
    pub(super) stop: CancellationToken,
}

/// A worker that gets work. Dropping it takes it off the roster and kills it.
#[derive(Debug)]
pub(super) struct Placed<P: Proxy> {
    worker: Worker,
    listed: Listed<P>,
}

/// A place on the roster.
#[derive(Debug)]
struct Listed<P: Proxy> {
    roster: Roster<P>,
    member: MemberId,
}

impl<P: Proxy> Drop for Listed<P> {
    fn drop(&mut self) {
        self.roster.remove(self.member);
    }
}

impl<P: Proxy> Crew<P> {
    /// Starts one more worker, which gets no work yet. With the error comes the worker's name.
    pub(super) async fn hire(&self) -> Result<Worker, (String, StartError)> {
        let number = self.hired.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{}.{number}", self.name);
        let started = Worker::start(&self.recipe, &self.posts, name.clone()).await;
        if started.is_err() {
            self.posts.unregister(&name).await;
        }
        started.map_err(|why| (name, why))
    }

    /// Has a worker get work.
    pub(super) fn place(&self, worker: Worker) -> Placed<P> {
        let member = self.roster.add(&worker.name, worker.uri.clone());
        let roster = self.roster.clone();
        let listed = Listed { roster, member };
        self.starts.lock().ready();
        self.tell(Event::Ready {
            worker: worker.name.clone(),
            pid: worker.pid,
        });
        Placed { worker, listed }
    }

    /// Keeps a place filled until the pool closes or no worker starts any more.
    pub(super) async fn keep(self: Arc<Self>, mut placed: Placed<P>) {
        loop {
            let name = placed.worker.name.clone();
            let end = self.stop.run_until_cancelled(placed.worker.end()).await;
            let Placed { worker, listed } = placed;
            drop(listed);
            let successor = match end {
                None => {
                    worker.dismiss().await;
                    return;
                }
                Some(End::Lost { how, lived }) => {
                    let pause = self.starts.lock().lost(lived);
                    self.tell(Event::Lost {
                        worker: name.clone(),
                        how,
                    });
                    self.successor(pause).await
                }
                Some(End::Spent(within)) => {
                    self.starts.lock().spent();
                    self.tell(Event::Spent {
                        worker: name.clone(),
                    });
                    // It gets ready while the last calls run, and gets work when they are over: never do more work than asked.
                    let successor = self.successor(Duration::ZERO);
                    tokio::join!(successor, worker.leave(within)).0
                }
            };
            self.posts.unregister(&name).await;
            match successor {
                Some(worker) => placed = self.place(worker),
                None => return,
            }
        }
    }

    /// Starts a worker for a place that is empty, however often that takes; gives none when the pool closes or gives up.
    async fn successor(&self, pause: Duration) -> Option<Worker> {
        self.stop
            .run_until_cancelled(self.start_until_one_is_ready(pause))
            .await
            .flatten()
    }

    async fn start_until_one_is_ready(&self, mut pause: Duration) -> Option<Worker> {
        loop {
            tokio::time::sleep(pause).await;
            let (worker, why) = match self.hire().await {
                Ok(worker) => return Some(worker),
                Err((worker, why)) => (worker, in_one_line(&why)),
            };
            let verdict = self.starts.lock().failed();
            self.tell(Event::NotStarted {
                worker,
                why: why.clone(),
            });
            match verdict {
                Verdict::Again(next) => pause = next,
                Verdict::GiveUp => {
                    self.roster.look_out(Outlook::NoMore(why.clone()));
                    self.tell(Event::GivenUp { why });
                    self.stop.cancel();
                    return None;
                }
            }
        }
    }

    fn tell(&self, event: Event) {
        match &event {
            Event::Ready { .. } | Event::Spent { .. } => tracing::debug!("{event}"),
            Event::Lost { .. } | Event::NotStarted { .. } => tracing::warn!("{event}"),
            Event::GivenUp { .. } => tracing::error!("{event}"),
        }
        if let Some(observer) = &self.observer {
            observer(&event);
        }
    }
}

/// An error with all its causes.
pub(super) fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}

impl<P: Proxy> fmt::Debug for Crew<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("name", &self.name)
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}
