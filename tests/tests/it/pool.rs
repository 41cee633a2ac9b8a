//! Pools of worker processes: what they do, and what becomes of the work when a process dies.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

mod deaths;
mod ends;
mod pipe;
mod starts;
mod work;

use std::error::Error;

use farcall::Fleet;
use farcall::pool::{Builder, Event, Pool};
use farcall_tests::mill::MillProxy;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::harness::soon;
use pipe::Pipe;

/// The program that the workers run.
const PROGRAM: &str = env!("CARGO_BIN_EXE_pool-worker");

/// Two workers that are as the arguments say, such as `failing TEXT`.
fn builder<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Builder<MillProxy> {
    Pool::builder()
        .program(PROGRAM)
        .args(arguments)
        .processes(2)
}

/// A pool, and what happens in it from now on.
async fn watched(builder: Builder<MillProxy>) -> (Pool<MillProxy>, mpsc::Receiver<Event>) {
    let (sender, mut events) = mpsc::channel(1_000);
    let observer = move |event: &Event| sender.try_send(event.clone()).unwrap();
    let pool = soon(builder.observe(observer).start()).await.unwrap();
    for _ in 0..pool.len() {
        assert!(matches!(events.recv().await, Some(Event::Ready { .. })));
    }
    (pool, events)
}

/// The workers' names and processes, in the order in which they got ready.
async fn pids(fleet: &Fleet<MillProxy>) -> Vec<(String, u32)> {
    let asked = soon(fleet.broadcast(|mill| mill.pid())).await;
    asked
        .into_iter()
        .map(|(name, pid)| (name, pid.unwrap()))
        .collect()
}

/// Waits until some call holds at each worker.
async fn all_hold(fleet: &Fleet<MillProxy>) {
    soon(async {
        loop {
            let held = fleet.broadcast(|mill| mill.held()).await;
            if held.iter().all(|(_, held)| matches!(held, Ok(1..))) {
                return;
            }
        }
    })
    .await
}

/// Lets the calls go on that hold anywhere now.
async fn open(fleet: &Fleet<MillProxy>) {
    for (_, opened) in soon(fleet.broadcast(|mill| mill.open())).await {
        opened.unwrap();
    }
}

/// SIGKILL.
async fn kill(pid: u32) {
    let killed = soon(Command::new("kill").args(["-9", &pid.to_string()]).status()).await;
    assert!(killed.unwrap().success());
}

/// False once there is no such process, or only its exit code.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits until there are no such processes.
async fn have_ended(pids: &[(String, u32)]) {
    soon(async {
        while pids.iter().any(|(_, pid)| is_alive(*pid)) {
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// An error with all its causes.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
