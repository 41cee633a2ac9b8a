//! Settings of a pool, and its start.

use std::ffi::OsString;
use std::fmt;
use std::fs::Permissions;
use std::marker::PhantomData;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use farcall_client::{Fleet, Outlook, Proxy};
use farcall_server::Daemon;
use farcall_shared::uri::Address;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::child::Recipe;
use super::crew::{Crew, Observer};
use super::post::POSTS_SOCKET;
use super::starts::Starts;
use super::{Event, MAX_PROCESSES, Pool, PoolError, worker};

/// Settings of a [`Pool`].
///
/// # Defaults
/// One process of this same program for each core, without arguments; any number of calls for each; named `worker.1`,
/// `worker.2` and so on; 30 s until a worker must be ready.
pub struct Builder<P> {
    name: String,
    processes: usize,
    max_tasks: u64,
    program: Option<PathBuf>,
    arguments: Vec<OsString>,
    start_deadline: Duration,
    observer: Option<Observer>,
    proxy: PhantomData<fn() -> P>,
}

impl<P> Default for Builder<P> {
    fn default() -> Self {
        Self {
            name: "worker".into(),
            processes: std::thread::available_parallelism().map_or(1, usize::from),
            max_tasks: u64::MAX,
            program: None,
            arguments: Vec::new(),
            start_deadline: Duration::from_secs(30),
            observer: None,
            proxy: PhantomData,
        }
    }
}

impl<P: Proxy> Builder<P> {
    /// How many workers there are at a time.
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = processes;
        self
    }

    /// How many calls a worker takes before another takes its place; it takes exactly so many.
    pub fn max_tasks_per_child(mut self, calls: u64) -> Self {
        self.max_tasks = calls;
        self
    }

    /// The program that workers run instead of this one; its `main` calls [`worker`](super::worker()), too.
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// The arguments of the workers' program.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// What the workers are called, before the dot and their number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a worker may take until it is ready.
    pub fn start_deadline(mut self, deadline: Duration) -> Self {
        self.start_deadline = deadline;
        self
    }

    /// Has this hear what happens to workers, at once and between their calls: it must not block.
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts the workers; ready when all of them are.
    ///
    /// # Errors
    /// See [`PoolError`]; Worker for the first that does not start, and then no other is left.
    ///
    /// # Cancel safety
    /// Dropping the future kills what was started.
    pub async fn start(self) -> Result<Pool<P>, PoolError> {
        if !(1..=MAX_PROCESSES).contains(&self.processes) {
            return Err(PoolError::Processes(self.processes));
        }
        if self.max_tasks == 0 {
            return Err(PoolError::NoTasks);
        }
        if worker::is_astray() {
            return Err(PoolError::InWorker);
        }
        let program = match self.program {
            Some(program) => program,
            None => std::env::current_exe().map_err(PoolError::Executable)?,
        };
        let directory = private_directory()?;
        let socket = Address::Unix(directory.path().join(POSTS_SOCKET));
        let posts = Daemon::builder()
            .compute_threads(1)
            .bind(&socket.to_string())
            .await?;
        let (fleet, roster) = Fleet::rostered(&format!(
            "a pool of {} processes of {}",
            self.processes,
            program.display()
        ));
        roster.look_out(Outlook::More);
        let crew = Arc::new(Crew {
            name: self.name,
            recipe: Recipe {
                program,
                arguments: self.arguments,
                max_tasks: self.max_tasks,
                start_deadline: self.start_deadline,
            },
            roster,
            posts,
            _directory: directory,
            observer: self.observer,
            hired: AtomicU64::new(0),
            starts: Mutex::new(Starts::default()),
            stop: CancellationToken::new(),
        });
        let mut starting = JoinSet::new();
        for _ in 0..self.processes {
            let crew = Arc::clone(&crew);
            starting.spawn(async move { crew.hire().await });
        }
        let mut placed = Vec::with_capacity(self.processes);
        while let Some(started) = starting.join_next().await {
            match started {
                Ok(Ok(worker)) => placed.push(crew.place(worker)),
                Ok(Err((worker, why))) => return Err(PoolError::Worker { worker, why }),
                // The runtime ends.
                Err(_) => return Err(PoolError::Closing),
            }
        }
        let keepers = placed
            .into_iter()
            .map(|placed| Arc::clone(&crew).keep(placed))
            .collect();
        Ok(Pool {
            fleet,
            crew,
            keepers,
        })
    }
}

/// A directory that only this user can enter: who can reach the sockets can call the workers.
fn private_directory() -> Result<TempDir, PoolError> {
    tempfile::Builder::new()
        .prefix("farcall-pool-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(PoolError::Directory)
}

impl<P> fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("processes", &self.processes)
            .finish_non_exhaustive()
    }
}
