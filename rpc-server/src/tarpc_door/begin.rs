//! Where a call of the tarpc door begins.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use futures_util::FutureExt;
use tarpc::ServerError;
use tokio::sync::oneshot;

use super::answer::draining;
use crate::daemon::Core;

/// tarpc does not say which methods compute, so every call begins in the compute pool and goes on in its task if it waits.
pub(super) async fn first_on_the_pool<R: Send + 'static>(
    core: Arc<Core>,
    future: impl Future<Output = Result<R, ServerError>> + Send + 'static,
) -> Result<R, ServerError> {
    let mut future = Box::pin(AssertUnwindSafe(future).catch_unwind().map(|result| {
        result.unwrap_or_else(|_| {
            Err(ServerError::new(
                io::ErrorKind::Other,
                "the method panicked".into(),
            ))
        })
    }));
    let runtime = tokio::runtime::Handle::current();
    let (begin, begun) = oneshot::channel();
    let job = Box::new(move || {
        // Nobody waits: the caller cancelled it while it was queued.
        if begin.is_closed() {
            return;
        }
        let _inside = runtime.enter();
        let first = future
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()));
        let _ = begin.send(match first {
            Poll::Ready(result) => Begun::Over(result),
            Poll::Pending => Begun::Waits(future),
        });
    });
    if let Err((full, _)) = core.pool.submit(job) {
        let text = format!(
            "overloaded: {} compute calls are waiting here already",
            full.waiting
        );
        return Err(ServerError::new(io::ErrorKind::WouldBlock, text));
    }
    match begun.await {
        Ok(Begun::Over(result)) => result,
        // Here, so that a cancel that ends this future ends the method, too.
        Ok(Begun::Waits(future)) => future.await,
        Err(_) => Err(draining()),
    }
}

/// A call after its first poll.
enum Begun<R, F> {
    Over(R),
    Waits(F),
}
