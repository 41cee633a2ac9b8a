//! One worker process, seen from the pool: its start, its end, and what it says in between.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use farcall_server::Daemon;
use farcall_shared::uri::ObjectUri;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::StartError;
use super::post::{Desk, MAX_NEWS, News, POST, Post as _};

/// How long a worker may take to say how long its calls may last.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a worker may take to end after the last of its calls.
pub(super) const LAST_STEPS: Duration = Duration::from_secs(5);

/// How workers are started.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) max_tasks: u64,
    pub(super) start_deadline: Duration,
}

/// A worker that is ready. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) uri: ObjectUri,
    child: Child,
    /// The worker ends when this is closed, be it by the death of this process.
    lifeline: ChildStdin,
    news: mpsc::Receiver<News>,
    ready: Instant,
}

/// How a worker comes to its end.
#[derive(Debug)]
pub(super) enum End {
    /// It is dead.
    Lost { how: String, lived: Duration },
    /// It took as many calls as it may, and ends within this time.
    Spent(Duration),
}

impl Worker {
    /// Starts one and waits until it is ready.
    pub(super) async fn start(
        recipe: &Recipe,
        posts: &Daemon,
        name: String,
    ) -> Result<Self, StartError> {
        let (sender, news) = mpsc::channel(MAX_NEWS);
        let desk = Desk {
            max_tasks: recipe.max_tasks,
            taken: AtomicBool::new(false),
            news: sender,
        };
        let post = posts.register(&name, desk.serve())?;
        let mut command = Command::new(&recipe.program);
        command
            .args(&recipe.arguments)
            .env(POST, post.to_string())
            .stdin(Stdio::piped())
            // A ctrl-c in the terminal is for this process, which then ends its workers as it likes.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|why| StartError::Run {
            program: recipe.program.clone(),
            why,
        })?;
        let lifeline = child.stdin.take().ok_or(StartError::Closing)?;
        let pid = child.id().unwrap_or_default();
        let (uri, news) = first_news(&mut child, news, recipe.start_deadline).await?;
        Ok(Self {
            name,
            pid,
            uri,
            child,
            lifeline,
            news,
            ready: Instant::now(),
        })
    }

    /// Waits until it ends or is about to, which nobody asked of it.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn end(&mut self) -> End {
        loop {
            tokio::select! {
                Some(news) = self.news.recv() => {
                    if let News::Leaves(within) = news {
                        return End::Spent(within);
                    }
                }
                ended = self.child.wait() => {
                    let how = ended.map_or_else(|e| e.to_string(), |status| status.to_string());
                    return End::Lost { how, lived: self.ready.elapsed() };
                }
            }
        }
    }

    /// Asks it to end once its calls have ended, and waits until it has.
    pub(super) async fn dismiss(self) {
        let Self {
            mut child,
            lifeline,
            mut news,
            name,
            ..
        } = self;
        drop(lifeline);
        let within = tokio::select! {
            Some(News::Leaves(within)) = news.recv() => within,
            _ = timeout(ANSWER, child.wait()) => Duration::ZERO,
        };
        see_off(&name, child, within).await;
    }

    /// Waits until a worker has ended that is about to.
    pub(super) async fn leave(self, within: Duration) {
        see_off(&self.name, self.child, within).await;
    }
}

/// Waits for the worker's end; kills it when that takes too long.
async fn see_off(name: &str, mut child: Child, within: Duration) {
    let most = within.saturating_add(LAST_STEPS);
    if timeout(most, child.wait()).await.is_err() {
        tracing::warn!("the worker '{name}' does not end; it is killed");
        // It fails only for a child that has ended.
        let _ = child.kill().await;
    }
}

/// Waits until the worker is ready, fails, ends, or has taken too long.
async fn first_news(
    child: &mut Child,
    mut news: mpsc::Receiver<News>,
    deadline: Duration,
) -> Result<(ObjectUri, mpsc::Receiver<News>), StartError> {
    // What it said comes before how it ended.
    tokio::select! {
        biased;
        Some(first) = news.recv() => match first {
            News::Ready(uri) => Ok((uri, news)),
            News::Failed(why) => Err(StartError::Failed(why)),
            News::Leaves(_) => Err(StartError::Closing),
        },
        ended = child.wait() => Err(match ended {
            Ok(status) => StartError::Ended(status),
            Err(_) => StartError::Closing,
        }),
        () = tokio::time::sleep(deadline) => Err(StartError::Late(deadline)),
    }
}
