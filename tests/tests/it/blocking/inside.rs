//! Waiting where one should not or hardly can: in async code, in objects, in `Drop`, at the end of a thread.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use farcall::{CallError, Daemon, blocking};
use tokio::runtime::Builder;

use crate::harness::{DeskBlocking, House, LOOPBACK, Town, assert_ends};

fn desk(town: &Town) -> DeskBlocking {
    DeskBlocking::connect(&town.service.uri("desk.1")).unwrap()
}

#[test]
fn async_code_may_wait_too() {
    let town = Town::open(1);
    let before = desk(&town);
    let work = async {
        assert_eq!(before.square(2), Ok(4));
        assert_eq!(desk(&town).square(3), Ok(9));
        let elsewhere = before.clone();
        let task = tokio::task::spawn_blocking(move || elsewhere.square(4));
        assert_eq!(task.await.unwrap(), Ok(16));
    };
    let single = Builder::new_current_thread().enable_all().build().unwrap();
    single.block_on(work);
}

/// The connection and the object are served by the thread that waits.
#[tokio::test]
async fn a_call_that_needs_its_own_thread_ends_by_its_deadline() {
    let house = House::new().await;
    let deadline = Duration::from_millis(100);
    let desk = DeskBlocking::from(house.desk.with_deadline(deadline));
    let began = Instant::now();
    let ended = desk.square(2);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(matches!(
        ended,
        Err(CallError::Unknown {
            idempotent: true,
            ..
        })
    ));
    assert_ends(
        ended,
        "Unknown(Deadline)",
        &["square of far:desk@", "100ms"],
    );
    // Off that thread it works.
    let desk = DeskBlocking::from(house.desk.clone());
    let task = tokio::task::spawn_blocking(move || desk.square(3));
    assert_eq!(task.await.unwrap(), Ok(9));
}

/// Asks the next one, if there is one, and waits for it.
#[farcall::remote]
trait Relay {
    async fn pass(&self) -> u32;
}

struct Runner(Option<RelayBlocking>);

impl Relay for Runner {
    async fn pass(&self) -> u32 {
        1 + self.0.as_ref().map_or(0, |next| next.pass().unwrap())
    }
}

#[test]
fn daemons_of_a_program_without_async_code_may_wait_for_each_other() {
    const DAEMONS: u32 = 6;
    let mut daemons = Vec::new();
    let mut next = None;
    // Each holds up a thread of the runtime that serves them all.
    for _ in 0..DAEMONS {
        let daemon = blocking::wait(Daemon::bind(LOOPBACK)).unwrap();
        let uri = daemon.register("relay", Runner(next).serve()).unwrap();
        next = Some(RelayBlocking::connect(&uri.to_string()).unwrap());
        daemons.push(daemon);
    }
    assert_eq!(next.unwrap().pass(), Ok(DAEMONS));
}

/// Leaves a note when it goes.
struct Farewell(DeskBlocking, &'static str);

impl Drop for Farewell {
    fn drop(&mut self) {
        assert_eq!(self.0.echo(self.1.into()), Ok(self.1.into()));
        self.0.note(self.1.into()).unwrap();
    }
}

#[test]
fn a_value_that_is_dropped_may_call() {
    let town = Town::open(1);
    let desk = desk(&town);
    drop(Farewell(desk.clone(), "in order"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _farewell = Farewell(desk.clone(), "in a panic");
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    let lines = town.soon(town.members[0].clerk.noted(2));
    assert_eq!(lines, ["in order", "in a panic"]);
}

/// Tells how its call ended when its thread does.
struct LastWord(DeskBlocking, mpsc::Sender<Result<i64, CallError>>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.1.send(self.0.square(2)).unwrap();
    }
}

thread_local! {
    static LAST_WORD: RefCell<Option<LastWord>> = const { RefCell::new(None) };
}

#[test]
fn at_the_end_of_a_thread_a_call_works_or_is_an_error() {
    let town = Town::open(1);
    let desk = desk(&town);
    let (sender, receiver) = mpsc::channel();
    let (kept, own) = (desk.clone(), sender.clone());
    // What the runtime keeps in the thread goes before what was there before it.
    let thread = thread::spawn(move || {
        LAST_WORD.set(Some(LastWord(kept.clone(), own)));
        kept.square(3).unwrap();
    });
    thread.join().unwrap();
    assert_ends(
        receiver.recv().unwrap(),
        "NotSent(NoRuntime)",
        &["square of farname:desk.1", "at its end"],
    );
    let thread = thread::spawn(move || {
        desk.square(3).unwrap();
        LAST_WORD.set(Some(LastWord(desk, sender)));
    });
    thread.join().unwrap();
    assert_eq!(receiver.recv().unwrap(), Ok(4));
}
