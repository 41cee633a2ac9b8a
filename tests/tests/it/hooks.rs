//! Hooks: each sees the beginning and the end of every call, may refuse it, and is nobody else's risk.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farcall::error::Rejection;
use farcall::{
    Arguments, CallError, CallInfo, Context, Daemon, DynamicProxy, Fleet, Hook, Proxy, Value,
};
use tokio::sync::Semaphore;

use crate::harness::{
    DeskProxy, House, MillHouse, MillProxy, Wire, assert_ends, begun, ending, soon,
};

/// A hook that writes down what it sees. Clones write in the same book.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<Semaphore>,
}

impl Clock {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            lines: Arc::default(),
            ended: Arc::new(Semaphore::new(0)),
        }
    }

    /// Another hook that writes in the same book.
    fn and(&self, name: &'static str) -> Self {
        Self {
            name,
            ..self.clone()
        }
    }

    fn write(&self, line: &str) {
        let line = format!("{}: {line}", self.name);
        self.lines.lock().unwrap().push(line);
    }

    /// What was written, once so many more calls have ended.
    #[track_caller]
    pub(crate) fn ended(&self, count: u32) -> impl Future<Output = Vec<String>> {
        soon(async move {
            self.ended.acquire_many(count).await.unwrap().forget();
            std::mem::take(&mut *self.lines.lock().unwrap())
        })
    }
}

impl Hook for Clock {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        self.write(call.method());
        Ok(())
    }

    fn after(&self, call: &CallInfo, ended: Result<(), &CallError>, _: Duration) {
        let end = match ended {
            Ok(()) => "Done".into(),
            Err(error) => ending(Err::<(), _>(error.clone())).0,
        };
        self.write(&format!("{} {end}", call.method()));
        self.ended.add_permits(1);
    }
}

async fn watched(clock: &Clock) -> House {
    House::with(Daemon::builder().hook(clock.clone())).await
}

#[tokio::test]
async fn each_hook_is_around_those_after_it() {
    let outer = Clock::new("outer");
    let builder = Daemon::builder()
        .hook(outer.clone())
        .hook(outer.and("inner"));
    let house = House::with(builder).await;
    assert_eq!(soon(house.desk.echo("x".into())).await, Ok("x".into()));
    assert_eq!(
        outer.ended(2).await,
        [
            "outer: echo",
            "inner: echo",
            "inner: echo Done",
            "outer: echo Done"
        ]
    );
}

#[tokio::test]
async fn a_hook_sees_every_call_whatever_runs_it_and_however_it_ends() {
    let clock = Clock::new("clock");
    let house = watched(&clock).await;
    for _ in 0..30 {
        assert_eq!(soon(house.desk.square(3)).await, Ok(9));
        assert_eq!(
            clock.ended(1).await,
            ["clock: square", "clock: square Done"]
        );
    }
    let waits = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    assert_eq!(*clock.lines.lock().unwrap(), ["clock: wait"]);
    house.gate().open(1);
    soon(waits).await.unwrap();
    assert_eq!(clock.ended(1).await, ["clock: wait", "clock: wait Done"]);

    soon(house.desk.note("x".into())).await.unwrap();
    assert_eq!(clock.ended(1).await, ["clock: note", "clock: note Done"]);
    soon(house.desk.fail("x".into()))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(clock.ended(1).await, ["clock: fail", "clock: fail Done"]);
    soon(house.desk.panic("x".into())).await.unwrap_err();
    assert_eq!(clock.ended(1).await[1], "clock: panic Failed(Panic)");
    soon(house.desk.panic_computing("x".into()))
        .await
        .unwrap_err();
    assert_eq!(
        clock.ended(1).await[1],
        "clock: panic_computing Failed(Panic)"
    );
    let later = begun(house.desk.panic_later("x".into())).await;
    house.gate().open(1);
    soon(later).await.unwrap_err();
    assert_eq!(clock.ended(1).await[1], "clock: panic_later Failed(Panic)");

    let dynamic = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let bad = dynamic.call("square", Arguments::positional([Value::from("x")]));
    soon(bad).await.unwrap_err();
    assert_eq!(
        clock.ended(1).await[1],
        "clock: square Rejected(BadArguments)"
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_has_one_end() {
    let clock = Clock::new("clock");
    let builder = Daemon::builder().hook(clock.clone()).compute_threads(1);
    let house = House::with(builder).await;
    let waits = begun(house.desk.wait(1)).await;
    house.gate().arrived(1).await;
    drop(waits);
    let lines = clock.ended(1).await;
    assert_eq!(lines, ["clock: wait", "clock: wait Unknown(Cancelled)"]);

    let first = begun(house.desk.grind(1)).await;
    house.gate().arrived(1).await;
    let queued = begun(house.desk.grind(2)).await;
    house.works_around(&clock).await;
    drop(queued);
    house.works_around(&clock).await;
    house.gate().open(1);
    soon(first).await.unwrap();
    let mut lines = clock.ended(2).await;
    lines.sort();
    let ends = [
        "clock: grind",
        "clock: grind",
        "clock: grind Done",
        "clock: grind Rejected(Other)",
    ];
    assert_eq!(lines, ends);
}

impl House {
    /// Sees that calls that wait for nothing are answered, and forgets what a hook saw of them.
    async fn works_around(&self, clock: &Clock) {
        soon(self.desk.echo(String::new())).await.unwrap();
        let mut lines = clock.ended(1).await;
        lines.retain(|line| !line.contains("echo"));
        *clock.lines.lock().unwrap() = lines;
    }
}

#[tokio::test]
async fn calls_of_a_connection_that_is_cut_have_one_end_each() {
    let clock = Clock::new("clock");
    let house = watched(&clock).await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    let calls = [begun(desk.wait(1)).await, begun(desk.wait(2)).await];
    house.gate().arrived(2).await;
    wire.cut().await;
    for call in calls {
        soon(call).await.unwrap_err();
    }
    let mut lines = clock.ended(2).await;
    lines.sort();
    let cancelled = "clock: wait Unknown(Cancelled)";
    assert_eq!(lines, ["clock: wait", "clock: wait", cancelled, cancelled]);
    house.works().await;
}

/// Refuses calls of a method.
struct Guard(&'static str, fn(String) -> Rejection);

impl Hook for Guard {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        assert_eq!((call.object(), call.service()), ("desk", "Desk"));
        match call.method() == self.0 {
            true => Err((self.1)(format!("nobody may {call}"))),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_hook_refuses_calls_before_they_start() {
    let clock = Clock::new("outer");
    let builder = Daemon::builder()
        .hook(clock.clone())
        .hook(Guard("count", Rejection::Unauthorised))
        .hook(Guard("wait", Rejection::Overloaded))
        .hook(Guard("fail", Rejection::Other))
        .hook(clock.and("inner"));
    let house = House::with(builder).await;
    assert_ends(
        soon(house.desk.count()).await,
        "Rejected(Unauthorised)",
        &["count of far:desk@", "nobody may count of desk"],
    );
    assert_eq!(
        clock.ended(1).await,
        ["outer: count", "outer: count Rejected(Unauthorised)"]
    );
    let refused = soon(house.desk.wait(1)).await;
    assert_ends(refused, "Rejected(Overloaded)", &["nobody may wait"]);
    let refused = soon(house.desk.fail("x".into())).await;
    assert_ends(refused, "Rejected(Unauthorised)", &[]);
    assert_eq!(house.clerk.runs(), 0);
    house.works().await;
}

/// Panics, before or after.
struct Bomb(&'static str);

impl Hook for Bomb {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        assert!(self.0 != "before" || call.method() != "count", "tick");
        Ok(())
    }

    fn after(&self, call: &CallInfo, _: Result<(), &CallError>, _: Duration) {
        assert!(self.0 != "after" || call.method() == "square", "tock");
    }
}

#[tokio::test]
async fn a_hook_that_panics_costs_its_call_an_error_and_nobody_else_anything() {
    let clock = Clock::new("outer");
    let builder = Daemon::builder().hook(clock.clone()).hook(Bomb("before"));
    let house = House::with(builder).await;
    assert_ends(
        soon(house.desk.count()).await,
        "Rejected(Unauthorised)",
        &["hook", "tick"],
    );
    assert_eq!(
        clock.ended(1).await[1],
        "outer: count Rejected(Unauthorised)"
    );
    assert_eq!(house.clerk.runs(), 0);
    house.works().await;

    let clock = Clock::new("outer");
    let builder = Daemon::builder().hook(clock.clone()).hook(Bomb("after"));
    let house = House::with(builder).await;
    for _ in 0..3 {
        assert_ends(
            soon(house.desk.count()).await,
            "Failed(Panic)",
            &["hook", "tock"],
        );
        let waits = begun(house.desk.wait(1)).await;
        house.gate().arrived(1).await;
        let given_up = begun(house.desk.wait(2)).await;
        house.gate().arrived(1).await;
        drop(given_up);
        let lines = clock.ended(2).await;
        assert!(lines.contains(&"outer: count Failed(Panic)".into()));
        assert!(lines.contains(&"outer: wait Failed(Panic)".into()));
        house.gate().open(1);
        assert_ends(soon(waits).await, "Failed(Panic)", &["tock"]);
        assert_eq!(soon(house.desk.square(2)).await, Ok(4));
        let lines = clock.ended(2).await;
        let failed = lines.iter().filter(|line| line.ends_with("Failed(Panic)"));
        assert_eq!(failed.count(), 1, "{lines:?}");
    }
}

/// Notes who calls.
struct Porter(Arc<Mutex<Vec<(u64, String)>>>);

impl Porter {
    fn note(&self) {
        let call = Context::current().unwrap();
        let seen = (call.connection(), call.peer().to_string());
        self.0.lock().unwrap().push(seen);
    }
}

impl Hook for Porter {
    fn before(&self, _: &CallInfo) -> Result<(), Rejection> {
        self.note();
        Ok(())
    }

    fn after(&self, _: &CallInfo, _: Result<(), &CallError>, _: Duration) {
        self.note();
    }
}

#[tokio::test]
async fn a_hook_of_a_daemons_runs_in_the_context_of_its_call() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let clock = Clock::new("outer");
    let builder = Daemon::builder()
        .hook(clock.clone())
        .hook(Porter(Arc::clone(&seen)));
    let house = House::with(builder.compute_threads(1)).await;
    house.works().await;
    let waits = begun(house.desk.wait(1)).await;
    let first = begun(house.desk.grind(1)).await;
    house.gate().arrived(2).await;
    let queued = begun(house.desk.grind(2)).await;
    soon(house.desk.echo(String::new())).await.unwrap();
    drop((waits, queued));
    house.gate().abandoned(1).await;
    house.gate().open(1);
    soon(first).await.unwrap();
    clock.ended(6).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 12);
    assert!(seen.iter().all(|each| *each == seen[0]), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_sees_every_item_of_a_fleets_chunk() {
    const ITEMS: u32 = 2_000;
    let clock = Clock::new("clock");
    let house = MillHouse::with(Daemon::builder().hook(clock.clone())).await;
    let fleet = Fleet::<MillProxy>::of([house.uri.clone()]).unwrap();
    let squares = soon(fleet.map(0..u64::from(ITEMS), |mill, n| mill.square(n))).await;
    assert!(squares.unwrap().into_iter().eq((0..2_000).map(|n| n * n)));
    let lines = clock.ended(ITEMS).await;
    let ends = lines.iter().filter(|line| line.ends_with("Done")).count();
    assert_eq!((lines.len(), ends), (4_000, 2_000));
}

#[tokio::test]
async fn a_proxys_hook_sees_its_calls_and_no_others() {
    let house = House::new().await;
    let clock = Clock::new("clock");
    let desk = house.desk.with_hook(clock.clone());
    assert_eq!(soon(desk.square(4)).await, Ok(16));
    assert_eq!(
        clock.ended(1).await,
        ["clock: square", "clock: square Done"]
    );
    soon(desk.note("x".into())).await.unwrap();
    assert_eq!(clock.ended(1).await, ["clock: note", "clock: note Done"]);
    let panicked = soon(desk.panic("x".into())).await;
    assert_ends(panicked, "Failed(Panic)", &[]);
    assert_eq!(clock.ended(1).await[1], "clock: panic Failed(Panic)");
    let given_up = begun(desk.wait(1)).await;
    house.gate().arrived(1).await;
    drop(given_up);
    assert_eq!(clock.ended(1).await[1], "clock: wait Unknown(Cancelled)");
    house.works().await;
    assert!(clock.lines.lock().unwrap().is_empty());

    let dynamic = soon(DynamicProxy::connect(&house.uri)).await.unwrap();
    let dynamic = dynamic.with_hook(clock.clone());
    let square = dynamic.call("square", Arguments::positional([Value::Int(5)]));
    assert_eq!(soon(square).await, Ok(Value::Int(25)));
    assert_eq!(
        clock.ended(1).await,
        ["clock: square", "clock: square Done"]
    );
}

#[tokio::test]
async fn all_attempts_of_a_call_are_one_to_a_proxys_hook() {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let clock = Clock::new("clock");
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    let desk = desk.with_hook(clock.clone());
    let waits = begun(desk.wait_safely(7)).await;
    house.gate().arrived(1).await;
    wire.cut().await;
    let lets_it_in = async {
        house.gate().abandoned(1).await;
        house.gate().arrived(1).await;
        house.gate().open(1);
    };
    let (ended, ()) = tokio::join!(soon(waits), lets_it_in);
    assert_eq!(ended, Ok(7));
    assert_eq!(
        clock.ended(1).await,
        ["clock: wait_safely", "clock: wait_safely Done"]
    );
    assert_eq!(house.clerk.runs(), 2);
}

/// Refuses everything.
struct Wall;

impl Hook for Wall {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        Err(Rejection::Unauthorised(format!("{call} is over the wall")))
    }
}

#[tokio::test]
async fn what_a_proxys_hook_refuses_is_not_sent() {
    let house = House::new().await;
    let clock = Clock::new("outer");
    let desk = house.desk.with_hook(clock.clone()).with_hook(Wall);
    assert_ends(
        soon(desk.count()).await,
        "NotSent(Refused)",
        &["count of far:desk@", "over the wall"],
    );
    assert_ends(soon(desk.note("x".into())).await, "NotSent(Refused)", &[]);
    let lines = clock.ended(2).await;
    assert_eq!(lines[1], "outer: count Rejected(Unauthorised)");
    assert_eq!(house.clerk.runs(), 0);
    house.works().await;
}

#[tokio::test]
async fn a_proxys_hook_that_panics_costs_its_call_an_error() {
    let house = House::new().await;
    let desk = house.desk.with_hook(Bomb("before"));
    let refused = soon(desk.count()).await;
    assert_ends(refused, "NotSent(Refused)", &["tick"]);
    let desk = house.desk.with_hook(Bomb("after"));
    assert_ends(soon(desk.count()).await, "Failed(Panic)", &["tock"]);
    assert_eq!(soon(desk.square(2)).await, Ok(4));
    assert_eq!(house.clerk.runs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_with_a_hook_of_a_proxys_still_travel_together() {
    const ITEMS: u64 = 2_000;
    let house = MillHouse::ready().await;
    let clock = Clock::new("clock");
    let fleet = Fleet::<MillProxy>::of([house.uri.clone()]).unwrap();
    let hook = clock.clone();
    let squares = soon(fleet.map(0..ITEMS, move |mill, n| {
        mill.with_hook(hook.clone()).square(n)
    }));
    assert!(
        squares
            .await
            .unwrap()
            .into_iter()
            .eq((0..ITEMS).map(|n| n * n))
    );
    let lines = clock.ended(ITEMS as u32).await;
    let ends = lines.iter().filter(|line| line.ends_with("Done")).count();
    assert_eq!(ends, ITEMS as usize);
}

#[tokio::test]
async fn hooks_are_around_the_calls_of_batches_and_one_way_calls() {
    let there = Clock::new("there");
    let house = watched(&there).await;
    let here = Clock::new("here");
    let desk = house.desk.with_hook(here.clone());
    let mut batch = desk.batch();
    let square = batch.add(|desk| desk.square(3));
    let failed = batch.add(|desk| desk.panic("on purpose".into()));
    let dropped = batch.add(|desk| desk.echo("x".into()));
    drop(dropped);
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(square).await, Ok(9));
    soon(failed).await.unwrap_err();
    let mut lines = here.ended(3).await;
    lines.sort();
    assert_eq!(
        lines,
        [
            "here: echo",
            "here: echo Unknown(Cancelled)",
            "here: panic",
            "here: panic Failed(Panic)",
            "here: square",
            "here: square Done"
        ]
    );
    assert_eq!(
        there.ended(2).await,
        [
            "there: square",
            "there: square Done",
            "there: panic",
            "there: panic Failed(Panic)"
        ]
    );
    soon(desk.oneway(|desk| desk.echo("y".into())))
        .await
        .unwrap();
    assert_eq!(here.ended(1).await, ["here: echo", "here: echo Done"]);
    assert_eq!(there.ended(1).await, ["there: echo", "there: echo Done"]);
}
