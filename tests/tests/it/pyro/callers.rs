//! Rust's callers of objects that speak Python: with types, by name, in batches, over streams; here the objects are farcall's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use farcall::python::{
    Members, PythonCall, PythonError, PythonObject, PythonProxy, Raised, Returned,
};
use farcall::{Arguments, DynamicProxy, Fleet, Proxy as _, Streaming, Value};
use farcall_shared::error::{CallError, Failure};
use futures_util::{StreamExt, stream};

use super::*;
use crate::harness::assert_ends;

/// What Rust knows of [`Bench`].
#[farcall::remote]
trait Counter {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, Raised>;
    async fn divide_or_say(&self, a: i64, b: i64) -> Result<i64, String>;
    async fn divide_or_name(&self, a: i64, b: i64) -> Result<i64, Division>;
    async fn divide_or_fail(&self, a: i64, b: i64) -> i64;
    async fn text(&self) -> i64;
    async fn count_to(&self, n: i64) -> Streaming<i64>;
    async fn count_then_fail(&self, n: i64) -> Streaming<i64>;
    #[oneway]
    async fn bump(&self, by: i64);
    async fn bumps(&self) -> i64;
    async fn fetch(&self) -> CounterProxy;
    async fn call_back(&self, target: ReceiverProxy, value: i64) -> i64;
    async fn absent(&self) -> i64;
    async fn noted(&self) -> String;
}

#[farcall::remote]
pub(super) trait Receiver {
    async fn receive(&self, value: i64) -> i64;
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Division {
    ZeroDivisionError(String),
}

/// Speaks Python, and nothing else.
#[derive(Clone, Default)]
struct Bench {
    bumps: Arc<AtomicI64>,
}

fn number(value: &PyValue) -> Result<i64, Exception> {
    match value {
        PyValue::Int(number) => Ok(i64::try_from(*number).unwrap()),
        _ => Err(Exception::builtin("TypeError", "it must be int")),
    }
}

impl PythonObject for Bench {
    fn members(&self) -> Members {
        Members::of("Bench")
            .with_methods([
                "add",
                "divide",
                "divide_or_say",
                "divide_or_name",
                "divide_or_fail",
                "text",
                "count_to",
                "count_then_fail",
                "bumps",
                "fetch",
                "call_back",
                "noted",
            ])
            .with_oneway(["bump"])
            .with_attributes(["level"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        let arguments = call.positional.clone();
        match (call.method.as_str(), arguments.as_slice()) {
            ("add", [a, b]) => Ok((number(a)? + number(b)?).into()),
            (method, [a, b]) if method.starts_with("divide") => {
                let quotient = number(a)?.checked_div(number(b)?);
                let error = || Exception::builtin("ZeroDivisionError", "division by zero");
                Ok(quotient.ok_or_else(error)?.into())
            }
            ("text", []) => Ok("five".into()),
            ("count_to", [n]) => {
                let numbers = 1..=number(n)?;
                Ok(Returned::items(stream::iter(numbers.map(|n| Ok(n.into())))))
            }
            ("count_then_fail", [n]) => {
                let numbers = (1..=number(n)?).map(|n| Ok(n.into()));
                let end = [Err(Exception::builtin("ValueError", "stream broke"))];
                Ok(Returned::items(stream::iter(numbers.chain(end))))
            }
            ("bump", [by]) => {
                self.bumps.fetch_add(number(by)?, Ordering::SeqCst);
                Ok(PyValue::None.into())
            }
            ("bumps", []) => Ok(self.bumps.load(Ordering::SeqCst).into()),
            ("fetch", []) => Ok(call.hand_out(Self::default())?.into()),
            ("call_back", [target, value]) => {
                let target = PythonProxy::from_value(target).unwrap();
                let answer = target.call("receive", [value.clone()], []).await;
                Ok(answer.unwrap().into())
            }
            ("noted", []) => {
                let noted = call.annotation(*b"NOTE").unwrap_or_default();
                let text = String::from_utf8_lossy(noted).into_owned();
                call.annotate(*b"BACK", text.to_uppercase());
                Ok(text.into())
            }
            _ => Err(Exception::builtin("TypeError", "what?")),
        }
    }

    fn attribute(&self, _: &str) -> Result<PyValue, Exception> {
        Ok(10.into())
    }

    fn set_attribute(&self, _: &str, _: PyValue) -> Result<(), Exception> {
        Err(Exception::builtin("ValueError", "level cannot be negative"))
    }
}

/// A daemon with a [`Bench`], and how Python calls it.
async fn bench() -> (House, String) {
    let house = House::new().await;
    house.host("bench", Bench::default().serve());
    let uri = format!("PYRO:bench@{}", house.daemon.address());
    (house, uri)
}

#[tokio::test]
async fn a_contract_describes_an_object_of_pythons() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    assert_eq!(soon(bench.add(2, 3)).await, Ok(5));
    assert_eq!(soon(bench.divide(7, 2)).await, Ok(Ok(3)));
    let raised = soon(bench.divide(1, 0)).await.unwrap().unwrap_err();
    assert_eq!(raised.class, "builtins.ZeroDivisionError");
    assert_eq!(raised.arguments, [Value::from("division by zero")]);
    assert!(!raised.traceback.is_empty());
    let said = soon(bench.divide_or_say(1, 0)).await.unwrap();
    assert_eq!(said, Err("ZeroDivisionError: division by zero".into()));
    let named = soon(bench.divide_or_name(1, 0)).await.unwrap();
    let named_so = Division::ZeroDivisionError("division by zero".into());
    assert_eq!(named, Err(named_so));
}

#[tokio::test]
async fn an_exception_that_the_contract_has_no_place_for_is_how_the_call_failed() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    let failed = soon(bench.divide_or_fail(1, 0)).await.unwrap_err();
    let text = failed.to_string();
    let CallError::Failed {
        reason: Failure::Raised(raised),
        ..
    } = failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!(raised.name(), "ZeroDivisionError");
    assert!(text.starts_with(&format!(
        "divide_or_fail of {uri} failed: it raised ZeroDivisionError: division by zero"
    )));
}

#[tokio::test]
async fn what_does_not_fit_says_so() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    let unreadable = soon(bench.text()).await;
    assert_ends(
        unreadable,
        "Failed(Unreadable)",
        &["it must be i64, not str"],
    );
    let absent = soon(bench.absent()).await;
    assert_ends(absent, "Rejected(UnknownMethod)", &["offers no 'absent'"]);
    assert_eq!(soon(bench.add(1, 1)).await, Ok(2));
}

#[tokio::test]
async fn iterators_are_streams() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    let items = soon(bench.count_to(5)).await.unwrap();
    let items: Vec<i64> = soon(items.map(|item| item.unwrap()).collect()).await;
    assert_eq!(items, [1, 2, 3, 4, 5]);
    let mut broken = soon(bench.count_then_fail(2)).await.unwrap();
    assert_eq!(soon(broken.next()).await, Some(Ok(1)));
    assert_eq!(soon(broken.next()).await, Some(Ok(2)));
    let end = soon(broken.next()).await.unwrap().unwrap_err();
    assert!(
        end.to_string().contains("ValueError: stream broke"),
        "{end}"
    );
    assert_eq!(soon(broken.next()).await, None);
    // Other calls go on while a stream is open.
    let mut open = soon(bench.count_to(1_000)).await.unwrap();
    assert_eq!(soon(open.next()).await, Some(Ok(1)));
    assert_eq!(soon(bench.add(1, 1)).await, Ok(2));
    assert_eq!(soon(open.next()).await, Some(Ok(2)));
}

#[tokio::test]
async fn one_way_calls_are_not_waited_for() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    assert_eq!(soon(bench.bump(2)).await, Ok(()));
    let sent = bench.oneway(|bench| async move {
        let pair = (bench.bump(3), bench.add(1, 1));
        tokio::join!(pair.0, pair.1)
    });
    assert_eq!(soon(sent).await, Ok(()));
    let arrived = async {
        while soon(bench.bumps()).await != Ok(5) {
            tokio::task::yield_now().await;
        }
    };
    soon(arrived).await;
}

#[tokio::test]
async fn batches_go_on_or_stop() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    for stops in [false, true] {
        let mut batch = bench.batch();
        if stops {
            batch = batch.stop_at_first_error();
        }
        let first = batch.add(|bench| async move { bench.add(1, 2).await });
        let broken = batch.add(|bench| async move { bench.divide(1, 0).await });
        let last = batch.add(|bench| async move { bench.add(3, 4).await });
        soon(batch.send()).await.unwrap();
        assert_eq!(soon(first).await, Ok(3));
        assert_eq!(
            soon(broken).await.unwrap().unwrap_err().name(),
            "ZeroDivisionError"
        );
        match stops {
            false => assert_eq!(soon(last).await, Ok(7)),
            true => assert_ends(soon(last).await, "Rejected(Skipped)", &["raised"]),
        }
    }
}

#[tokio::test]
async fn objects_travel_both_ways() {
    let (house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    let fetched = soon(bench.fetch()).await.unwrap();
    assert_eq!(soon(fetched.add(4, 4)).await, Ok(8));
    #[derive(Clone)]
    struct Ours;
    impl Receiver for Ours {
        async fn receive(&self, value: i64) -> i64 {
            value * 10
        }
    }
    let registered = house.daemon.register("ours", Ours.serve()).unwrap();
    let target = soon(ReceiverProxy::connect(&registered.to_string())).await;
    let answer = bench.call_back(target.unwrap(), 7);
    assert_eq!(soon(answer).await, Ok(70));
    let homeless = bench.call_back(ReceiverProxy::to(Ours.serve()), 7);
    assert_ends(
        soon(homeless).await,
        "NotSent(Unencodable)",
        &["register it in a daemon"],
    );
}

#[tokio::test]
async fn callers_without_types_call_by_name_and_look_at_attributes() {
    let (_house, uri) = bench().await;
    let bench = soon(DynamicProxy::connect(&uri)).await.unwrap();
    let arguments = || Arguments::positional([Value::from(2), Value::from(3)]);
    assert_eq!(
        soon(bench.call("add", arguments())).await,
        Ok(Value::from(5))
    );
    let mut batch = bench.batch();
    let sum = batch.call("add", arguments());
    soon(batch.send()).await.unwrap();
    assert_eq!(soon(sum).await, Ok(Value::from(5)));
    let described = soon(bench.describe()).await.unwrap();
    assert!(described.method("add").is_some());

    let bench = PythonProxy::new(&uri).unwrap();
    assert_eq!(soon(bench.attribute("level")).await.unwrap(), 10.into());
    let error = soon(bench.set_attribute("level", 3.into())).await;
    assert!(matches!(error, Err(PythonError::Raised { exception, .. })
        if exception.class == "builtins.ValueError"));
    let error = soon(bench.attribute("depth")).await.unwrap_err();
    assert!(error.to_string().contains("offers no 'depth'"), "{error}");
}

#[tokio::test]
async fn metadata_of_four_characters_is_an_annotation() {
    let (_house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    let bench = bench
        .with_metadata("NOTE", "psst")
        .with_metadata("longer", "x");
    let (noted, back) =
        farcall::metadata_of(&bench, |bench| async move { bench.noted().await }).await;
    assert_eq!(noted, Ok("psst".to_owned()));
    assert_eq!(back.get("BACK"), Some(&b"PSST"[..]));
}

#[tokio::test]
async fn a_daemon_that_comes_again_is_called_again_and_one_that_is_gone_is_told() {
    let (house, uri) = bench().await;
    let bench = soon(CounterProxy::connect(&uri)).await.unwrap();
    assert_eq!(soon(bench.add(1, 1)).await, Ok(2));
    let address = house.daemon.address().to_string();
    soon(house.daemon.shutdown()).await;
    let once = bench.with_retries(farcall::Retries::Never);
    let gone = soon(once.add(1, 1)).await;
    assert_ends(gone, "NotSent(Unreachable)", &[&address]);
    let again = farcall::Daemon::bind(&address).await.unwrap();
    again.register("bench", Bench::default().serve()).unwrap();
    assert_eq!(soon(bench.add(1, 1)).await, Ok(2));
}

#[tokio::test]
async fn a_fleet_may_have_objects_of_pythons() {
    let benches = [bench().await, bench().await];
    let fleet = Fleet::<CounterProxy>::of(benches.iter().map(|(_, uri)| uri)).unwrap();
    let sums = fleet.map(0..100, |bench, n| async move { bench.add(n, 1).await });
    assert_eq!(soon(sums).await.unwrap(), (1..=100).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_without_async_code_call_them_too() {
    let (_house, uri) = bench().await;
    let calls = tokio::task::spawn_blocking(move || {
        let bench = CounterBlocking::connect(&uri).unwrap();
        assert_eq!(bench.add(2, 3), Ok(5));
        let numbers = farcall::blocking::iter(bench.count_to(3).unwrap());
        assert_eq!(numbers.map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3]);
    });
    soon(calls).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_says_nothing_ends_at_the_deadline_and_junk_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("PYRO:bench@{}", listener.local_addr().unwrap());
    let bench = PythonProxy::new(&uri).unwrap();
    let hurried = bench.with_deadline(std::time::Duration::from_millis(50));
    let error = soon(hurried.call("add", [], [])).await.unwrap_err();
    assert!(matches!(error, PythonError::NotSent { .. }), "{error}");
    drop(listener.accept().await.unwrap());
    for junk in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[b'P'; 1000], b""] {
        let junk_then_end = async {
            let (mut peer, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut peer, junk)
                .await
                .unwrap();
        };
        let bench = PythonProxy::new(&uri).unwrap();
        let (error, ()) =
            soon(async { tokio::join!(bench.call("add", [], []), junk_then_end) }).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no Pyro daemon answers at"), "{error}");
    }
}
