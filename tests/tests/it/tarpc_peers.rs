//! tarpc as it comes: its stock clients at our door, its plain services on our daemon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use farcall::error::Rejection;
use farcall::{Arguments, CallInfo, Context, Daemon, DynamicProxy, Hook, TarpcStub, Value};
use serde::{Deserialize, Serialize};
use tarpc::client::{Config, RpcError};
use tarpc::context;
use tarpc::server::Serve;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_serde::formats::Json;

use crate::harness::{Desk as _, Gate, House, assert_ends, assert_unconnected, assert_words, soon};
use crate::hooks::Clock;

/// The desk as a program sees it that knows tarpc only.
#[tarpc::service]
pub(crate) trait Stock {
    async fn square(number: i64) -> i64;
    async fn echo(text: String) -> String;
    async fn wait(number: u64) -> u64;
    async fn grind(number: u64) -> u64;
    async fn fail(text: String) -> Result<u64, String>;
    async fn panic(text: String);
    async fn panic_later(text: String);
    async fn panic_computing(text: String);
}

async fn stock_client(address: &farcall::Address) -> StockClient {
    let transport = tarpc::serde_transport::tcp::connect(address.to_string(), Json::default);
    let transport = soon(transport).await.unwrap();
    StockClient::new(Config::default(), transport).spawn()
}

/// A daemon whose desk is offered to stock tarpc clients.
async fn door(builder: farcall::Builder) -> (House, StockClient) {
    let house = House::with(builder).await;
    let offered = house.daemon.offer_tarpc(
        "127.0.0.1:0",
        house.clerk.clone().serve_tarpc(),
        Serve::serve,
    );
    let client = stock_client(&offered.await.unwrap()).await;
    (house, client)
}

fn server_error<T: std::fmt::Debug>(result: Result<T, RpcError>, words: &[&str]) {
    match result.expect_err("a call that brings no value") {
        RpcError::Server(error) => assert_words(&error.detail, words),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stock_tarpc_client_calls_an_object_at_the_tarpc_door() {
    let (house, stock) = door(Daemon::builder()).await;
    assert_eq!(
        soon(stock.square(context::current(), 12)).await.unwrap(),
        144
    );
    assert_eq!(
        soon(stock.echo(context::current(), "hallo".into()))
            .await
            .unwrap(),
        "hallo"
    );
    assert_eq!(
        soon(stock.fail(context::current(), "no".into()))
            .await
            .unwrap(),
        Err("no".into())
    );
    // One that waits holds up no other.
    let waits = stock.wait(context::current(), 5);
    let meanwhile = async {
        house.gate().arrived(1).await;
        assert_eq!(stock.square(context::current(), 3).await.unwrap(), 9);
        house.gate().open(1);
    };
    let (waited, ()) = soon(Box::pin(async { tokio::join!(waits, meanwhile) })).await;
    assert_eq!(waited.unwrap(), 5);
    // The same object as behind farcall's own door.
    assert_eq!(soon(house.desk.count()).await, Ok(2));
}

#[tokio::test]
async fn a_panic_at_the_tarpc_door_is_an_error_and_the_connection_lives_on() {
    let (house, stock) = door(Daemon::builder()).await;
    server_error(
        soon(stock.panic(context::current(), "oh".into())).await,
        &["panicked"],
    );
    server_error(
        soon(stock.panic_computing(context::current(), "oh".into())).await,
        &["panicked"],
    );
    house.gate().open(1);
    server_error(
        soon(stock.panic_later(context::current(), "oh".into())).await,
        &["panicked"],
    );
    assert_eq!(soon(stock.square(context::current(), 3)).await.unwrap(), 9);
    house.works().await;
}

#[tokio::test]
async fn computing_at_the_tarpc_door_holds_up_no_io_and_a_full_queue_is_told() {
    let (house, stock) = door(Daemon::builder().compute_threads(1).max_compute_queue(0)).await;
    // A queue of no places: nothing computes.
    server_error(
        soon(stock.square(context::current(), 1)).await,
        &["overloaded"],
    );
    let (house, stock) = {
        drop(house);
        door(Daemon::builder().compute_threads(1)).await
    };
    let grinds = stock.grind(context::current(), 1);
    let meanwhile = async {
        house.gate().arrived(1).await;
        assert_eq!(house.desk.echo("hello".into()).await, Ok("hello".into()));
        house.gate().open(1);
    };
    let (ground, ()) = soon(async { tokio::join!(grinds, meanwhile) }).await;
    assert_eq!(ground.unwrap(), 1);
}

#[tokio::test]
async fn a_stock_client_that_stops_waiting_cancels_its_call() {
    let (house, stock) = door(Daemon::builder()).await;
    let mut context = context::current();
    context.deadline = Instant::now() + Duration::from_millis(200);
    let expired = soon(stock.wait(context, 1)).await;
    assert!(
        matches!(expired, Err(RpcError::DeadlineExceeded)),
        "{expired:?}"
    );
    house.gate().arrived(1).await;
    house.gate().abandoned(1).await;
    assert_eq!(soon(stock.square(context::current(), 3)).await.unwrap(), 9);
}

#[tokio::test]
async fn calls_at_the_tarpc_door_are_answered_before_the_daemon_ends() {
    let (house, stock) = door(Daemon::builder()).await;
    let (waiting, late) = (stock.clone(), stock.clone());
    let mut calls = JoinSet::new();
    calls.spawn(async move { waiting.wait(context::current(), 5).await });
    house.gate().arrived(1).await;
    let meanwhile = async {
        server_error(late.square(context::current(), 3).await, &["draining"]);
        house.gate().open(1);
        calls.join_next().await.unwrap().unwrap()
    };
    let ((), answered) = soon(async { tokio::join!(house.daemon.shutdown(), meanwhile) }).await;
    assert_eq!(answered.unwrap(), 5);
    assert!(soon(stock.square(context::current(), 3)).await.is_err());
}

/// Keeps something for each session, and refuses to echo.
struct Porter(Arc<Semaphore>);

/// What it keeps.
struct Visit(Arc<Semaphore>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Hook for Porter {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        let here = Context::current().unwrap();
        assert!(here.peer().to_string().starts_with("127.0.0.1:"));
        here.session()
            .get_or_insert_with(|| Visit(Arc::clone(&self.0)));
        match call.method() {
            "echo" => Err(Rejection::Unauthorised(format!("no {}", call.service()))),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn calls_at_the_tarpc_door_have_hooks_and_a_session() {
    let (clock, gone) = (Clock::new("clock"), Arc::new(Semaphore::new(0)));
    let builder = Daemon::builder().hook(clock.clone());
    let (house, stock) = door(builder.hook(Porter(Arc::clone(&gone)))).await;
    soon(stock.square(context::current(), 2)).await.unwrap();
    assert_eq!(
        clock.ended(1).await,
        ["clock: square", "clock: square Done"]
    );
    let refused = soon(stock.echo(context::current(), "x".into())).await;
    server_error(refused, &["unauthorised: no "]);
    let refused = clock.ended(1).await;
    assert_eq!(refused[1], "clock: echo Rejected(Unauthorised)");
    soon(stock.panic(context::current(), "x".into()))
        .await
        .unwrap_err();
    assert_eq!(clock.ended(1).await[1], "clock: panic Failed(Error)");

    let mut hasty = context::current();
    hasty.deadline = Instant::now() + Duration::from_millis(200);
    soon(stock.wait(hasty, 1)).await.unwrap_err();
    assert_eq!(clock.ended(1).await[1], "clock: wait Unknown(Cancelled)");
    assert_eq!(gone.available_permits(), 0);
    drop(stock);
    soon(gone.acquire()).await.unwrap().forget();
    drop(house);
}

#[tokio::test]
async fn a_daemon_that_ends_closes_its_tarpc_door() {
    let (house, stock) = door(Daemon::builder()).await;
    assert_eq!(soon(stock.square(context::current(), 3)).await.unwrap(), 9);
    let begin = Instant::now();
    soon(house.daemon.shutdown()).await;
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(soon(stock.square(context::current(), 3)).await.is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Greeting {
    text: String,
    times: u8,
}

/// A service that was written for tarpc.
#[tarpc::service]
pub(crate) trait Greeter {
    /// Greets somebody.
    async fn greet(name: String, times: u8) -> Greeting;
    async fn checked_div(left: i64, right: i64) -> Result<i64, String>;
    async fn wait(number: u64) -> u64;
    async fn panic(text: String);
}

#[derive(Clone)]
struct Host(Gate);

impl Greeter for Host {
    async fn greet(self, _: context::Context, name: String, times: u8) -> Greeting {
        Greeting {
            text: format!("hello {name}"),
            times,
        }
    }
    async fn checked_div(self, _: context::Context, left: i64, right: i64) -> Result<i64, String> {
        left.checked_div(right)
            .ok_or_else(|| "nothing divides by zero".into())
    }
    async fn wait(self, _: context::Context, number: u64) -> u64 {
        self.0.pass().await;
        number
    }
    async fn panic(self, _: context::Context, text: String) {
        panic!("{text}");
    }
}

type Stub = TarpcStub<GreeterRequest, GreeterResponse>;

async fn greeter() -> (House, String, GreeterClient<Stub>) {
    let house = House::new().await;
    let service = Host(house.gate().clone()).serve();
    let uri = house
        .daemon
        .register_tarpc("greeter", service, Serve::serve)
        .unwrap()
        .to_string();
    let client = GreeterClient::from(soon(Stub::connect(&uri)).await.unwrap());
    (house, uri, client)
}

#[tokio::test]
async fn a_plain_tarpc_service_is_called_by_its_own_client_over_farcall() {
    let (house, _, greeter) = greeter().await;
    let greeting = soon(greeter.greet(context::current(), "you".into(), 3))
        .await
        .unwrap();
    let expected = Greeting {
        text: "hello you".into(),
        times: 3,
    };
    assert_eq!(greeting, expected);
    assert_eq!(
        soon(greeter.checked_div(context::current(), 7, 2))
            .await
            .unwrap(),
        Ok(3)
    );
    let zero = soon(greeter.checked_div(context::current(), 7, 0))
        .await
        .unwrap();
    assert_eq!(zero, Err("nothing divides by zero".into()));
    let waits = greeter.wait(context::current(), 8);
    let release = async {
        house.gate().arrived(1).await;
        house.gate().open(1);
    };
    let (waited, ()) = soon(async { tokio::join!(waits, release) }).await;
    assert_eq!(waited.unwrap(), 8);
}

#[tokio::test]
async fn outcomes_become_tarpcs_errors() {
    let (house, _, greeter) = greeter().await;
    let panicked = soon(greeter.panic(context::current(), "lost my voice".into())).await;
    server_error(panicked, &["panic of far:greeter@", "lost my voice"]);

    let mut hasty = context::current();
    hasty.deadline = Instant::now() + Duration::from_millis(200);
    let late = soon(greeter.wait(hasty, 1)).await;
    assert!(matches!(late, Err(RpcError::DeadlineExceeded)), "{late:?}");
    house.gate().arrived(1).await;
    house.gate().abandoned(1).await;

    hasty.deadline = Instant::now();
    let too_late = soon(greeter.greet(hasty, "you".into(), 1)).await;
    assert!(matches!(too_late, Err(RpcError::Send(_))), "{too_late:?}");

    assert!(soon(house.daemon.unregister("greeter")).await);
    let gone = soon(greeter.greet(context::current(), "you".into(), 1)).await;
    server_error(gone, &["greet of far:greeter@", "was rejected"]);
    house.works().await;
    soon(house.daemon.shutdown()).await;
    let away = soon(greeter.greet(context::current(), "you".into(), 1)).await;
    assert!(matches!(away, Err(RpcError::Send(_))), "{away:?}");
}

#[tokio::test]
async fn a_plain_tarpc_service_is_called_by_name_too() {
    let (house, uri, _) = greeter().await;
    let dynamic = soon(DynamicProxy::connect(&uri)).await.unwrap();
    let arguments = Arguments::named([
        ("times", Value::Int(2)),
        ("name", Value::Text("you".into())),
    ]);
    let greeting = soon(dynamic.call("greet", arguments)).await.unwrap();
    assert_eq!(
        greeting.field("text"),
        Some(&Value::Text("hello you".into()))
    );
    assert_eq!(greeting.field("times"), Some(&Value::Int(2)));
    let divide = |right| {
        dynamic.call(
            "checked_div",
            Arguments::positional([Value::Int(7), Value::Int(right)]),
        )
    };
    assert_eq!(soon(divide(2)).await, Ok(Value::Int(3)));
    assert_ends(
        soon(divide(0)).await,
        "Failed(Error)",
        &["nothing divides by zero"],
    );
    let panics = dynamic.call("panic", Arguments::positional([Value::Text("oh".into())]));
    assert_ends(soon(panics).await, "Failed(Panic)", &["oh"]);
    let wrong = dynamic.call("greet", Arguments::positional([Value::Int(1)]));
    assert_ends(
        soon(wrong).await,
        "Rejected(BadArguments)",
        &["greet(name: string, times: u8)"],
    );
    let described = soon(dynamic.describe()).await.unwrap();
    assert_eq!(described.service, "Greeter");
    house.works().await;
}

#[tokio::test]
async fn a_tarpc_stub_sees_that_its_object_is_there() {
    let (house, uri, _) = greeter().await;
    let wrong = soon(Stub::connect(&uri.replace("greeter", "greter"))).await;
    assert_unconnected(wrong, &["'greter'", "did you mean greeter?"]);
    // An object of another contract has none of the methods.
    let desk = GreeterClient::from(soon(Stub::connect(&house.uri)).await.unwrap());
    let greeting = soon(desk.greet(context::current(), "you".into(), 1)).await;
    server_error(greeting, &["Desk has no method 'greet'"]);
    house.works().await;
}
