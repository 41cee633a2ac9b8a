//! A pool of worker processes on this machine, which is a fleet.
//!
//! It does what Python's `multiprocessing.Pool` does: [`Pool`] starts processes of this same program, or of another one, and
//! they share the work. A process that dies is replaced: items that it had are run again where their method is
//! `#[idempotent]`, and are an error otherwise. Nothing waits for it.
//!
//! The program says first thing in `main` what its workers are, with [`worker`], which returns at once in any other process.

mod builder;
mod child;
mod counted;
mod crew;
mod event;
mod post;
mod starts;
mod worker;

use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use farcall_client::{Fleet, Outlook, Proxy};
use farcall_server::{DaemonError, PublishError};
use tokio::task::JoinSet;

pub use builder::Builder;
use crew::Crew;
pub use event::Event;
pub use worker::{InitializerError, worker};

/// The most processes of a pool.
pub const MAX_PROCESSES: usize = 1024;

/// Worker processes that share work: a [`Fleet`] whose members they are.
///
/// A worker computes one call at a time and waits in any number of them. One that ends is replaced at once. Dropping the
/// pool kills the workers; [`close`](Self::close) lets them end what they are at. Workers whose parent is killed end, too.
///
/// `Fleet::clone(&pool)` is a fleet to hand on; it has no members any more once the pool is gone.
#[derive(Debug)]
pub struct Pool<P: Proxy> {
    fleet: Fleet<P>,
    crew: Arc<Crew<P>>,
    /// Each keeps one place filled.
    keepers: JoinSet<()>,
}

/// Why a pool could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// That many processes are no pool.
    #[error("a pool has 1 to {MAX_PROCESSES} processes, not {0}")]
    Processes(usize),
    /// Workers that take no calls are of no use.
    #[error("max_tasks_per_child is at least 1")]
    NoTasks,
    /// This process is a worker itself and does not behave as one.
    #[error(
        "a pool started this process as a worker: its main must call farcall::pool::worker before it starts a pool of its own"
    )]
    InWorker,
    /// This program's own file is not to be found.
    #[error("cannot find this program's own file")]
    Executable(#[source] io::Error),
    /// There is no place for the sockets.
    #[error("cannot make a directory for the sockets of the pool")]
    Directory(#[source] io::Error),
    /// The workers have nowhere to report to.
    #[error("cannot listen to the workers of the pool")]
    Listen(#[from] DaemonError),
    /// A worker did not start.
    #[error("the worker '{worker}' did not start")]
    Worker {
        /// Its name.
        worker: String,
        /// Why.
        #[source]
        why: StartError,
    },
    /// The runtime is shutting down.
    #[error("the program is shutting down")]
    Closing,
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system would not start the program.
    #[error("cannot run {}", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
    /// The name does not do.
    #[error(transparent)]
    Name(#[from] PublishError),
    /// Its initializer failed, or the worker could not listen; in its own words.
    #[error("{0}")]
    Failed(String),
    /// It ended first, or never became a worker.
    #[error("it ended before it was ready ({0}); does its main call farcall::pool::worker first?")]
    Ended(ExitStatus),
    /// It took too long.
    #[error("it was not ready within {0:?}; does its main call farcall::pool::worker first?")]
    Late(Duration),
    /// The pool is closing.
    #[error("the pool is closing")]
    Closing,
}

impl<P: Proxy> Pool<P> {
    /// Settings first; [`start`](Builder::start) ends them.
    pub fn builder() -> Builder<P> {
        Builder::default()
    }

    /// Ends the workers: calls in flight are answered, each within its own deadline; new ones find nobody.
    ///
    /// # Cancel safety
    /// Dropping the future kills the workers that are left.
    pub async fn close(mut self) {
        self.retire();
        self.crew.stop.cancel();
        while self.keepers.join_next().await.is_some() {}
    }

    /// Has nobody wait for a worker any more.
    fn retire(&self) {
        let why = "the pool is closed".into();
        self.crew.roster.look_out(Outlook::NoMore(why));
    }
}

impl<P: Proxy> Deref for Pool<P> {
    type Target = Fleet<P>;

    fn deref(&self) -> &Fleet<P> {
        &self.fleet
    }
}

impl<P: Proxy> Drop for Pool<P> {
    /// The keepers go with it, and each kills its worker.
    fn drop(&mut self) {
        self.retire();
    }
}
