//! What the tests share: a contract, an object of it behind a gate, a house that hosts it, and a wire to cut.

mod desk;
mod gate;
mod house;
mod mill;
mod outcomes;
mod steps;
mod town;
mod wire;

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

pub(crate) use desk::{Clerk, Desk, DeskBlocking, DeskProxy};
pub(crate) use gate::Gate;
pub(crate) use house::{House, NameService};
pub(crate) use mill::{Mill, MillHouse, MillProxy, Miller, mills};
pub(crate) use outcomes::{assert_ends, assert_unconnected, assert_words, ending};
pub(crate) use steps::{Steps, StepsHouse, StepsProxy};
pub(crate) use town::Town;
pub(crate) use wire::Wire;

/// A free port of this machine alone.
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";

/// Longer than anything here takes: past it a test fails, with its line, rather than hang.
const SOON: Duration = Duration::from_secs(10);

/// Begins a call without waiting for its end, as a task that awaits it does.
pub(crate) async fn begun<F: Future>(call: F) -> Pin<Box<F>> {
    let mut call = Box::pin(call);
    poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending(), "it was over at once");
        Poll::Ready(())
    })
    .await;
    call
}

/// Awaits what has to happen by itself; a test fails when it does not.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(SOON, future).await {
            Ok(output) => output,
            Err(_) => panic!("what {place} waits for did not happen within {SOON:?}"),
        }
    }
}
