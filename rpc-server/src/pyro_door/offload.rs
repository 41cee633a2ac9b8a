//! Work that takes long, off the threads that do I/O.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use farcall_shared::link::Job;
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::payload::Exception;
use farcall_shared::wire::status::{Refusal, Status};
use tokio::sync::oneshot;

use super::errors;
use crate::daemon::Core;

/// Payloads from this size on are read and written in the compute pool.
const MIN_BYTES: usize = 64 << 10;

/// A collection of so many elements counts as a large payload.
const MIN_ELEMENTS: usize = 2_000;

/// Runs work on so many bytes where it delays nobody. It is never refused: a call that came must not be lost, nor one that was
/// made be told as one that was not.
pub(super) async fn sized<T: Send + 'static>(
    core: &Arc<Core>,
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Exception> {
    if bytes < MIN_BYTES {
        return Ok(work());
    }
    let (job, done) = job(work);
    if let Err((_, job)) = core.pool.submit(job) {
        // As many as there are connections, at most.
        core.tasks.spawn_blocking(job);
    }
    let done = done.await.map_err(|_| given_up());
    done.map_err(|refusal| errors::exception(&refusal))
}

/// Runs the work of a one-way call in the compute pool, whatever waits there: what waits of a connection is bounded by how many
/// of its one-way calls run.
pub(super) async fn oneway_on_pool<T: Send + 'static>(
    core: &Arc<Core>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let (job, done) = job(work);
    core.pool.submit_oneway(job);
    done.await.map_err(|_| given_up())
}

/// Runs work in the compute pool.
pub(super) async fn on_pool<T: Send + 'static>(
    core: &Arc<Core>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let (job, done) = job(work);
    if let Err((full, _)) = core.pool.submit(job) {
        let text = format!(
            "overloaded: {} compute calls are waiting here already",
            full.waiting
        );
        return Err(Refusal::new(Status::Overloaded, text));
    }
    done.await.map_err(|_| given_up())
}

/// Work for a pool, and where its outcome comes.
fn job<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> (Job, oneshot::Receiver<T>) {
    let (send, done) = oneshot::channel();
    let job = Box::new(move || {
        // Nobody waits: the client left while it was queued.
        if !send.is_closed() {
            let _ = send.send(work());
        }
    });
    (job, done)
}

fn given_up() -> Refusal {
    Refusal::new(Status::Cancelled, "the work on it was given up")
}

/// About how many bytes a value takes, found out without walking all of it.
pub(super) fn weight(value: &PyValue) -> usize {
    match value {
        PyValue::Str(text) => text.len(),
        PyValue::Bytes(bytes) => bytes.len(),
        PyValue::List(elements) | PyValue::Tuple(elements) | PyValue::Set(elements) => {
            let few = elements.len() < MIN_ELEMENTS;
            if few {
                elements.iter().take(16).map(weight).sum()
            } else {
                MIN_BYTES
            }
        }
        PyValue::Dict(entries) if entries.len() < MIN_ELEMENTS => entries
            .iter()
            .take(16)
            .map(|(_, value)| weight(value))
            .sum(),
        PyValue::Dict(_) => MIN_BYTES,
        _ => 0,
    }
}

/// Has a future take its first step in the compute pool; it goes on here if it waits.
pub(super) async fn first_on_pool<T: Send + 'static>(
    core: &Arc<Core>,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    let mut future = Box::pin(future);
    let runtime = tokio::runtime::Handle::current();
    let begun = on_pool(core, move || {
        let _inside = runtime.enter();
        let mut context = TaskContext::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => Err(future),
        }
    });
    match begun.await? {
        Ok(output) => Ok(output),
        Err(future) => Ok(future.await),
    }
}
