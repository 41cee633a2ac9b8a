//! How pools end: closed, dropped, or with the process that has them.

use std::process::Stdio;

use farcall::{Fleet, FleetError};
use tokio::process::Command;

use super::{PROGRAM, Pipe, all_hold, builder, have_ended, is_alive, pids, told};
use crate::harness::{assert_words, begun, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_closed_answers_what_is_in_flight_and_ends_its_workers() {
    let pipe = Pipe::new().await;
    let pool = soon(builder([]).start()).await.unwrap();
    let (fleet, workers) = (Fleet::clone(&pool), pids(&pool).await);
    let path = pipe.path().to_owned();
    let reading = fleet.submit(path, |mill, path| mill.read(path));
    let writing = pipe.writer().await;
    let closing = begun(pool.close()).await;
    writing.write("in time").await;
    soon(closing).await;
    assert_eq!(soon(reading).await.unwrap(), "in time");
    assert!(!workers.iter().any(|(_, pid)| is_alive(*pid)));
    let late = soon(fleet.map([1], |mill, n| mill.square(n))).await;
    assert_words(&told(&late.unwrap_err()), &["the pool is closed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_dropped_kills_its_workers_and_nobody_waits_for_them() {
    let pool = soon(builder([]).start()).await.unwrap();
    let (fleet, workers) = (Fleet::clone(&pool), pids(&pool).await);
    let holding = tokio::spawn({
        let fleet = fleet.clone();
        async move { fleet.map(0..10, |mill, _| mill.hold_safely()).await }
    });
    all_hold(&pool).await;
    drop(pool);
    have_ended(&workers).await;
    let error = soon(holding).await.unwrap().unwrap_err();
    assert!(matches!(error, FleetError::Empty { .. }), "{error:?}");
    assert_words(&told(&error), &["the pool is closed"]);
    assert!(fleet.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_end_with_a_parent_that_is_killed_and_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut parent = Command::new(PROGRAM)
        .arg("parent")
        .env("TMPDIR", directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = parent.stdout.take().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(output));
    let mut workers = Vec::new();
    for name in ["one", "other"] {
        let line = soon(lines.next_line()).await.unwrap().unwrap();
        workers.push((name.to_owned(), line.parse().unwrap()));
    }
    assert!(workers.iter().all(|(_, pid)| is_alive(*pid)));
    soon(parent.kill()).await.unwrap();
    // They have its stdout: it ends with the last of them.
    assert_eq!(soon(lines.next_line()).await.unwrap(), None);
    have_ended(&workers).await;
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "files of the pool");
}
