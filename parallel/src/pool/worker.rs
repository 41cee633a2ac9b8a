//! The worker's side: takes its post, makes its object, serves it until it is dismissed or spent.

use std::error::Error;
use std::future::Future;
use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use farcall_client::Remote;
use farcall_server::Daemon;
use farcall_shared::object::Servant;
use farcall_shared::uri::{Address, Uri};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::child::LAST_STEPS;
use super::counted::{Count, Counted};
use super::crew::in_one_line;
use super::post::{POST, PostProxy};

/// How long the farewell to a pool may take that is gone, as a rule.
const FAREWELL: Duration = Duration::from_secs(1);

/// Longer than any call may last: the worker itself ends earlier, by the deadlines of its calls.
const GRACE: Duration = Duration::from_secs(31 * 24 * 3600);

/// Whether this process has become a worker.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Why an initializer failed; its text, with all causes, goes to whoever started the pool. Any error becomes one by `?`.
pub type InitializerError = Box<dyn Error + Send + Sync>;

/// Makes a process that a pool started a worker, and returns at once in any other. Call it first thing in `main`.
///
/// In a worker it awaits the initializer, serves the object that this gives until the pool is done with it, and ends the
/// process: it does not return. A worker prints to the stdout and stderr of the pool's process. Its stdin is a pipe whose
/// end ends it, be it by the death of that process.
pub async fn worker(initializer: impl Future<Output = Result<Servant, InitializerError>>) {
    let Ok(post) = std::env::var(POST) else {
        return;
    };
    IS_WORKER.store(true, Ordering::Relaxed);
    let code = match work(&post, initializer).await {
        Ok(Ending::Served) => 0,
        // The pool tells.
        Ok(Ending::Failed) => 1,
        Err(why) => {
            let _ = writeln!(io::stderr(), "a worker of a pool: {why}");
            1
        }
    };
    std::process::exit(code)
}

/// True in a process that was started as a worker and has not become one.
pub(super) fn is_astray() -> bool {
    std::env::var_os(POST).is_some() && !IS_WORKER.load(Ordering::Relaxed)
}

/// How a worker ended that its pool has heard of.
enum Ending {
    Served,
    Failed,
}

/// Where the worker is to be.
struct Place {
    parent: u32,
    name: String,
    directory: PathBuf,
}

async fn work(
    post: &str,
    initializer: impl Future<Output = Result<Servant, InitializerError>>,
) -> Result<Ending, String> {
    let place = Place::of(post)?;
    let no_pool = |e: &dyn Error| format!("the pool that started it is gone: {}", in_one_line(e));
    let remote = Remote::connect(post, PostProxy::<Remote>::descriptor()).await;
    let post = PostProxy::over(remote.map_err(|e| no_pool(&e))?);
    let Some(max_tasks) = post.take().await.map_err(|e| no_pool(&e))? else {
        return Err(format!(
            "it inherited {POST} from a worker; remove that from its environment"
        ));
    };
    let serving = Arc::new(OnceLock::new());
    let ready = async {
        let dismissed = watch_stdin(Arc::clone(&serving)).map_err(|e| e.to_string())?;
        let object = initialized(initializer).await?;
        let count = Arc::new(Count::new(max_tasks));
        let daemon = place.host(object, &count).await?;
        let _ = serving.set(Arc::clone(&count));
        Ok((dismissed, count, daemon))
    };
    let (dismissed, count, (daemon, uri)) = match ready.await {
        Ok(ready) => ready,
        Err(why) => {
            post.failed(why).await.map_err(|e| no_pool(&e))?;
            return Ok(Ending::Failed);
        }
    };
    post.ready(uri).await.map_err(|e| no_pool(&e))?;
    tokio::select! {
        () = dismissed.cancelled() => {}
        () = count.spent.cancelled() => {}
    }
    place.leave(&post, &count, &daemon).await;
    Ok(Ending::Served)
}

/// Awaits the initializer; a panic of it is a failure.
async fn initialized(
    initializer: impl Future<Output = Result<Servant, InitializerError>>,
) -> Result<Servant, String> {
    match AssertUnwindSafe(initializer).catch_unwind().await {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(e)) => Err(in_one_line(&*e)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(format!(
                "its initializer panicked: {}",
                text.unwrap_or_default()
            ))
        }
    }
}

impl Place {
    fn of(post: &str) -> Result<Self, String> {
        let place = match post.parse() {
            Ok(Uri::Object(uri)) => match &uri.address {
                Address::Unix(socket) => socket.parent().map(|directory| Self {
                    parent: parent_id(),
                    name: uri.object.to_string(),
                    directory: directory.to_owned(),
                }),
                Address::Tcp { .. } => None,
            },
            _ => None,
        };
        place.ok_or_else(|| format!("{POST} is '{post}', which is no post of a pool"))
    }

    /// Serves the object; gives its URI.
    async fn host(&self, object: Servant, count: &Arc<Count>) -> Result<(Daemon, String), String> {
        let number = self.name.rsplit('.').next().unwrap_or(&self.name);
        let socket = Address::Unix(self.directory.join(number));
        let daemon = Daemon::builder()
            .compute_threads(1)
            .grace(GRACE)
            .bind(&socket.to_string())
            .await
            .map_err(|e| in_one_line(&e))?;
        let object = Servant::of(Counted::new(object, Arc::clone(count)));
        let uri = daemon
            .register(&self.name, object)
            .map_err(|e| in_one_line(&e))?;
        Ok((daemon, uri.to_string()))
    }

    /// Ends with the last of the calls that it took.
    async fn leave(&self, post: &PostProxy<Remote>, count: &Count, daemon: &Daemon) {
        let within = count.remaining();
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        if parent_id() == self.parent {
            let _ = timeout(FAREWELL, post.leaves(within_ms)).await;
        }
        let most = count.remaining() + LAST_STEPS / 2;
        if timeout(most, daemon.shutdown()).await.is_err() {
            tracing::warn!("a call lasts longer than its deadline; it is cut");
        }
        if parent_id() != self.parent {
            clear(&self.directory);
        }
    }
}

/// Removes what a pool left that was killed.
fn clear(directory: &Path) {
    let _ = std::fs::remove_dir_all(directory);
}

/// Waits for the end of stdin in a thread of its own, since a read of it cannot be cancelled; a process that does not serve
/// yet ends with it, and one that serves is told.
fn watch_stdin(serving: Arc<OnceLock<Arc<Count>>>) -> io::Result<CancellationToken> {
    let dismissed = CancellationToken::new();
    let tell = dismissed.clone();
    let watch = move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        tell.cancel();
        if let Some(count) = serving.get() {
            // The worker ends by itself, unless what it runs holds up its runtime.
            let (_open, never) = mpsc::channel::<()>();
            let _ = never.recv_timeout(count.remaining() + LAST_STEPS);
        }
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .name("farcall-dismissal".into())
        .spawn(watch)?;
    Ok(dismissed)
}
