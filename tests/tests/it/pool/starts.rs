//! Pools that cannot start: each says why, and none waits for ever.

use std::time::Duration;

use farcall::pool::{Builder, PoolError, StartError};
use farcall_tests::mill::MillProxy;

use super::{builder, told};
use crate::harness::{assert_words, soon};

async fn fails(builder: Builder<MillProxy>) -> PoolError {
    soon(builder.start())
        .await
        .expect_err("a pool that cannot start")
}

#[tokio::test]
async fn a_pool_of_none_or_of_workers_that_take_nothing_is_an_error() {
    let none = fails(builder([]).processes(0)).await;
    assert!(matches!(none, PoolError::Processes(0)), "{none:?}");
    let idle = fails(builder([]).max_tasks_per_child(0)).await;
    assert!(matches!(idle, PoolError::NoTasks), "{idle:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = fails(builder([]).program("/missing/program")).await;
    assert_words(
        &told(&error),
        &["worker.", "did not start", "/missing/program"],
    );
}

#[tokio::test]
async fn what_an_initializer_says_is_told_with_its_causes() {
    let error = fails(builder(["failing", "llama"])).await;
    assert_words(
        &told(&error),
        &["did not start", "cannot load: no such model: llama"],
    );
    let error = fails(builder(["panicking", "no memory"])).await;
    assert_words(&told(&error), &["panicked", "no memory"]);
}

#[tokio::test]
async fn an_initializer_that_ends_the_process_is_told() {
    let error = fails(builder(["exiting", "3"])).await;
    assert_words(&told(&error), &["before it was ready", "exit status: 3"]);
}

#[tokio::test]
async fn an_initializer_that_hangs_is_waited_for_until_its_deadline() {
    let deadline = Duration::from_millis(200);
    let error = fails(builder(["hanging"]).start_deadline(deadline)).await;
    match error {
        PoolError::Worker {
            why: StartError::Late(late),
            ..
        } => assert_eq!(late, deadline),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_told_from_one() {
    let error = fails(builder([]).program("true")).await;
    assert_words(&told(&error), &["exit status: 0", "farcall::pool::worker"]);
    // It starts a pool of itself instead, which must not go on for ever.
    let error = fails(builder(["astray"])).await;
    assert_words(&told(&error), &["before it was ready"]);
}
