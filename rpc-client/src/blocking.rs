//! The same fleets and proxies for programs without async code: functions that wait.
//!
//! All of them work on the thread that calls them, and on a runtime of this module's that serves the connections. It starts
//! when it is first needed, and lasts until the process ends.
//!
//! Code that runs in an async runtime may call them, too, and then holds up the thread it is on. So what it waits for must
//! not need that thread: in a runtime of one thread, a daemon there cannot answer.

mod engine;
mod fleet;
mod results;

use std::future::Future;

pub use engine::StartError;
pub use fleet::{Fleet, Submitted};

use crate::{ConnectError, Proxy, Remote};
use engine::Engine;

/// A typed proxy for the object that `uri` leads to, as its own `connect` gives it. Its calls are futures for [`wait`].
///
/// # Errors
/// See [`ConnectError`]; each names the culprit.
pub fn connect<P: Proxy>(uri: &str) -> Result<P, ConnectError> {
    let remote = Engine::start()?.wait(Remote::connect(uri, P::descriptor()))?;
    Ok(P::from_remote(remote))
}

/// Waits on this thread until a future is over: a call, a [`connect`](crate::DynamicProxy::connect), the start of a pool.
///
/// The future may borrow and need not be `Send`. Any number of threads may wait at a time.
///
/// # Panics
/// Where the operating system does not let the runtime of this module start; [`connect`], [`Fleet::find`] and [`Fleet::of`]
/// give that as an error. A panic of the future's goes on here.
#[expect(
    clippy::panic,
    reason = "documented; a result of any type has no place for the error"
)]
pub fn wait<F: Future>(future: F) -> F::Output {
    match Engine::start() {
        Ok(engine) => engine.wait(future),
        Err(error) => panic!("{error}"),
    }
}
