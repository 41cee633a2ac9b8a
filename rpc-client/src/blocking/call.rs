//! One call of a proxy whose methods wait.

use std::future::Future;
use std::time::{Duration, Instant};

use farcall_shared::error::CallError;

use super::engine::Engine;
use crate::Remote;

/// How long after its deadline a call is given up by the thread that waits for it. Only a call whose connection is served by
/// that very thread, or by others that are held up, has not ended by then.
const SLACK: Duration = Duration::from_secs(1);

/// Waits for a call of the method with this number.
///
/// # Errors
/// Those of the call; NotSent where there is no runtime for it.
pub fn call<T>(
    remote: &Remote,
    method: u16,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let engine = match Engine::start() {
        Ok(engine) => engine,
        Err(error) => return Err(remote.without_runtime(method, &error)),
    };
    let end = Instant::now().checked_add(remote.deadline().saturating_add(SLACK));
    match engine.wait_until(end, call) {
        Some(ended) => ended,
        None => Err(remote.given_up(method)),
    }
}
