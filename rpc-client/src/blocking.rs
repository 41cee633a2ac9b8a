//! The same fleets and proxies for programs without async code: functions that wait.
//!
//! All of them work on the thread that calls them, and on a runtime of this module's that serves the connections. It starts
//! when it is first needed, and lasts until the process ends.
//!
//! Code that runs in an async runtime may call them, too, and then holds up the thread it is on. So what it waits for must
//! not need that thread: in a runtime of one thread, a daemon there cannot answer, nor does a proxy that was connected there
//! get replies.

pub(crate) mod call;
mod engine;
mod fleet;
mod iter;

use std::future::Future;

use futures_util::Stream;

pub use engine::StartError;
pub use fleet::{Fleet, Submitted};
pub use iter::Iter;

use crate::error::chain;
use crate::{ConnectError, Proxy, Remote};
use engine::Engine;

/// A typed proxy for the object that `uri` leads to, as its own `connect` gives it. Its calls are futures for [`wait`]; for a
/// trait `Worker`, `WorkerBlocking` is the proxy whose methods wait by themselves.
///
/// # Errors
/// See [`ConnectError`]; each names the culprit.
pub fn connect<P: Proxy>(uri: &str) -> Result<P, ConnectError> {
    let remote = Engine::start()?.wait(Remote::connect(uri, P::descriptor()))?;
    Ok(P::from_remote(remote))
}

/// The items of a stream, each waited for when it is asked for.
///
/// The stream may borrow and need not be `Send`; one that is not `Unpin` is boxed first, with `Box::pin`.
///
/// # Panics
/// As [`wait`]. A panic of the stream's goes on where the next item is asked for.
pub fn iter<S: Stream + Unpin>(stream: S) -> Iter<S> {
    Iter::new(engine(), stream)
}

/// Waits on this thread until a future is over: a call, a [`connect`](crate::DynamicProxy::connect), the start of a pool.
///
/// The future may borrow and need not be `Send`. Any number of threads may wait at a time.
///
/// # Panics
/// Where there is no runtime to wait with, see [`StartError`]; [`connect`], [`Fleet::find`], [`Fleet::of`] and the calls of
/// blocking proxies give that as an error. A panic of the future's goes on here.
pub fn wait<F: Future>(future: F) -> F::Output {
    engine().wait(future)
}

#[expect(
    clippy::panic,
    reason = "documented; a result of any type has no place for the error"
)]
fn engine() -> Engine {
    match Engine::start() {
        Ok(engine) => engine,
        Err(error) => panic!("{}", chain(&error)),
    }
}
