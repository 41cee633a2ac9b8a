//! Calls an object of a Python daemon in every way there is, and ends with a failure at the first surprise.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use farcall::error::Failure;
use farcall::python::{PyValue, PythonError, PythonProxy, Raised, Serializer};
use farcall::{Arguments, CallError, Daemon, DynamicProxy, Proxy as _, Streaming, Value};
use futures_util::StreamExt;

/// What `tests/python/test_rust_caller.py` hosts.
#[farcall::remote]
trait Bench {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, Raised>;
    async fn fail(&self) -> i64;
    async fn count_to(&self, n: i64) -> Streaming<i64>;
    async fn count_then_fail(&self, n: i64) -> Streaming<i64>;
    #[oneway]
    async fn bump(&self, by: i64);
    async fn bumps(&self) -> i64;
    async fn spawn(&self, label: String) -> LabelProxy;
    async fn same(&self, label: LabelProxy) -> LabelProxy;
    async fn call_back(&self, target: ReceiverProxy, value: i64) -> i64;
    async fn blob(&self, size: u32) -> bytes::Bytes;
    async fn size(&self, data: bytes::Bytes) -> u32;
}

/// What it gives out.
#[farcall::remote]
trait Label {
    async fn whoami(&self) -> String;
}

/// What it calls back.
#[farcall::remote]
trait Receiver {
    async fn receive(&self, value: i64) -> i64;
}

#[derive(Clone)]
struct Tenfold;

impl Receiver for Tenfold {
    async fn receive(&self, value: i64) -> i64 {
        value * 10
    }
}

/// Calls Python objects.
#[derive(Parser)]
struct Args {
    /// Their URIs.
    uris: Vec<String>,
    /// Once each is connected and was called, the program says so and waits for a line; then it calls again and says how
    /// that ended.
    #[arg(long)]
    waits: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for uri in &args.uris {
        if args.waits {
            lost(uri).await.with_context(|| format!("{uri}, lost"))?;
            continue;
        }
        typed(uri).await.with_context(|| format!("{uri}, typed"))?;
        by_name(uri)
            .await
            .with_context(|| format!("{uri}, by name"))?;
        if uri.starts_with("far") {
            continue;
        }
        for serializer in [
            Serializer::Serpent,
            Serializer::Json,
            Serializer::Msgpack,
            Serializer::Marshal,
        ] {
            let called = python(uri, serializer).await;
            called.with_context(|| format!("{uri} with {serializer:?}"))?;
        }
    }
    println!("done");
    Ok(())
}

async fn typed(uri: &str) -> anyhow::Result<()> {
    let bench = BenchProxy::connect(uri).await?;
    ensure!(bench.add(2, 3).await? == 5);
    ensure!(bench.divide(7, 2).await? == Ok(3));
    let Err(raised) = bench.divide(1, 0).await? else {
        bail!("it divides by zero")
    };
    ensure!(raised.name() == "ZeroDivisionError", "{raised:?}");
    ensure!(
        raised.traceback.concat().contains("in divide"),
        "{raised:?}"
    );
    match bench.fail().await {
        Err(CallError::Failed {
            reason: Failure::Raised(raised),
            ..
        }) => {
            ensure!(
                raised.class == "builtins.KeyError"
                    && raised.arguments == [Value::from("k"), Value::from(7)]
            );
        }
        other => bail!("{other:?}"),
    }
    let numbers: Vec<_> = bench.count_to(5).await?.collect().await;
    ensure!(
        numbers == [Ok(1), Ok(2), Ok(3), Ok(4), Ok(5)],
        "{numbers:?}"
    );
    let broken: Vec<_> = bench.count_then_fail(2).await?.collect().await;
    ensure!(
        broken.len() == 3 && broken[..2] == [Ok(1), Ok(2)],
        "{broken:?}"
    );
    ensure!(
        format!("{:?}", broken[2]).contains("ValueError: stream broke"),
        "{broken:?}"
    );
    let mut open = bench.count_to(1000).await?;
    ensure!(open.next().await == Some(Ok(1)));
    drop(open);

    let before = bench.bumps().await?;
    bench.bump(2).await?;
    bench
        .oneway(|bench| async move { bench.add(1, 1).await })
        .await?;
    while bench.bumps().await? != before + 2 {
        tokio::task::yield_now().await;
    }
    let mut batch = bench.batch();
    let sums = batch.add_each(0..10, |bench, n| async move { bench.add(n, n).await });
    let broken = batch.add(|bench| async move { bench.divide(1, 0).await });
    let last = batch.add(|bench| async move { bench.add(1, 2).await });
    batch.send().await?;
    let sums: Vec<_> = sums.collect().await;
    ensure!(
        sums == (0..10).map(|n| Ok(n + n)).collect::<Vec<_>>(),
        "{sums:?}"
    );
    ensure!(broken.await?.is_err() && last.await? == 3);

    let label = bench.spawn("one".into()).await?;
    ensure!(label.whoami().await? == "one");
    ensure!(bench.same(label).await?.whoami().await? == "one");
    let daemon = Daemon::bind("127.0.0.1:0").await?;
    let ours = daemon.register("ours", Tenfold.serve())?;
    let ours = ReceiverProxy::connect(&ours.to_string()).await?;
    ensure!(bench.call_back(ours, 7).await? == 70);
    let blob = bench.blob(70_000).await?;
    ensure!(
        blob.len() == 70_000
            && blob
                .iter()
                .enumerate()
                .all(|(i, byte)| i % 256 == usize::from(*byte))
    );
    ensure!(bench.size(blob).await? == 70_000);
    daemon.shutdown().await;
    Ok(())
}

async fn by_name(uri: &str) -> anyhow::Result<()> {
    let bench = DynamicProxy::connect(uri).await?;
    let five = bench
        .call(
            "add",
            Arguments::positional([Value::from(2), Value::from(3)]),
        )
        .await?;
    ensure!(five == Value::from(5));
    let named = Arguments::named([("b", Value::from("y")), ("a", Value::from("x"))]);
    ensure!(bench.call("add", named).await? == Value::from("xy"));
    ensure!(bench.describe().await?.method("add").is_some());
    Ok(())
}

async fn python(uri: &str, serializer: Serializer) -> anyhow::Result<()> {
    let bench = PythonProxy::new(uri)?.with_serializer(serializer);
    ensure!(bench.call("add", [2.into(), 3.into()], []).await? == 5.into());
    let keyword = [("b".to_owned(), 4.into())];
    ensure!(bench.call("add", [2.into()], keyword).await? == 6.into());
    match bench.call("divide", [1.into(), 0.into()], []).await {
        Err(PythonError::Raised { exception, .. }) => {
            ensure!(exception.class == "builtins.ZeroDivisionError")
        }
        other => bail!("{other:?}"),
    }
    ensure!(matches!(
        bench.call("hidden", [], []).await,
        Err(PythonError::Missing { .. })
    ));
    if serializer != Serializer::Marshal {
        ensure!(bench.attribute("level").await? == 10.into());
        bench.set_attribute("level", 11.into()).await?;
        ensure!(bench.attribute("level").await? == 11.into());
        bench.set_attribute("level", 10.into()).await?;
        let mut batch = bench.batch();
        batch
            .call("add", [1.into(), 1.into()], [])
            .call("divide", [1.into(), 0.into()], []);
        batch.call("add", [1.into(), 1.into()], []);
        let results = batch.send().await?;
        ensure!(
            matches!(results.as_slice(), [Ok(PyValue::Int(2)), Err(_)]),
            "{results:?}"
        );
    }
    ensure!(bench.call("__len__", [], []).await? == 3.into());
    let items: Vec<_> = bench
        .stream("count_to", [3.into()], [])
        .await?
        .collect()
        .await;
    ensure!(
        items.len() == 3 && items.iter().all(Result::is_ok),
        "{items:?}"
    );
    match bench.call("count_to", [3.into()], []).await {
        Err(PythonError::Kind { .. }) => {}
        other => bail!("{other:?}"),
    }
    match bench
        .clone()
        .with_deadline(Duration::from_millis(200))
        .call("nap", [1.0.into()], [])
        .await
    {
        Err(PythonError::Unknown { .. }) => {}
        other => bail!("{other:?}"),
    }
    let noting = bench
        .clone()
        .with_correlation(0x0102_0304)
        .with_annotation(*b"QQIN", *b"abc");
    ensure!(noting.call("annotation", [], []).await?.as_str() == Some("abc"));
    let id = noting.call("correlation", [], []).await?;
    ensure!(
        id.as_str() == Some("00000000-0000-0000-0000-000001020304"),
        "{id:?}"
    );
    Ok(())
}

/// A daemon that is killed: the call in flight may have run, the next was not sent.
async fn lost(uri: &str) -> anyhow::Result<()> {
    let bench = PythonProxy::new(uri)?;
    ensure!(bench.call("add", [1.into(), 1.into()], []).await? == 2.into());
    println!("waiting");
    match bench.call("nap", [30.0.into()], []).await {
        Err(PythonError::Unknown { .. }) => {}
        other => bail!("{other:?}"),
    }
    match bench.call("add", [1.into(), 1.into()], []).await {
        Err(PythonError::NotSent { .. }) => Ok(()),
        other => bail!("{other:?}"),
    }
}
