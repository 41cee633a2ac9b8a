//! The post of a worker: an object of the pool's, by which one worker hears its terms and tells how it fares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farcall_shared::uri::{ObjectUri, Uri};
use tokio::sync::mpsc;

/// The environment variable that makes a process a worker: the URI of its post.
pub(super) const POST: &str = "FARCALL_POOL_POST";

/// The socket of the posts, in the pool's directory; each worker's socket lies beside it.
pub(super) const POSTS_SOCKET: &str = "pool";

/// What one worker says at most before it is heard.
pub(super) const MAX_NEWS: usize = 4;

/// What a worker says to the pool that started it.
#[farcall_macros::remote(crate = farcall_shared)]
pub(super) trait Post {
    /// Takes the post: how many calls the worker may take. Nothing when another process has taken it.
    async fn take(&self) -> Option<u64>;
    /// It serves its object at this URI.
    async fn ready(&self, uri: String);
    /// It cannot serve.
    async fn failed(&self, why: String);
    /// It takes no more calls, and ends once those that it took have ended; none of them lasts longer than this.
    async fn leaves(&self, within_ms: u64);
}

/// What came of a worker.
#[derive(Debug)]
pub(super) enum News {
    Ready(ObjectUri),
    Failed(String),
    /// It ends within this time.
    Leaves(Duration),
}

/// The pool's side.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) max_tasks: u64,
    pub(super) taken: AtomicBool,
    pub(super) news: mpsc::Sender<News>,
}

impl Post for Desk {
    async fn take(&self) -> Option<u64> {
        let free = !self.taken.swap(true, Ordering::Relaxed);
        free.then_some(self.max_tasks)
    }

    async fn ready(&self, uri: String) {
        let news = match uri.parse() {
            Ok(Uri::Object(uri)) => News::Ready(uri),
            _ => News::Failed(format!("it says that its object is at '{uri}'")),
        };
        self.tell(news).await;
    }

    async fn failed(&self, why: String) {
        self.tell(News::Failed(why)).await;
    }

    async fn leaves(&self, within_ms: u64) {
        let within = Duration::from_millis(within_ms);
        self.tell(News::Leaves(within)).await;
    }
}

impl Desk {
    /// Who does not listen any more knows already that the worker ends.
    async fn tell(&self, news: News) {
        let _ = self.news.send(news).await;
    }
}
