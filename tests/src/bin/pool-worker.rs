//! What the tests of pools start: a worker, good or bad in the way that its argument says, or a pool to be killed.

use std::future::pending;
use std::path::Path;

use anyhow::{Context as _, ensure};
use farcall::Servant;
use farcall::pool::{InitializerError, Pool, worker};
use farcall_tests::mill::{Mill as _, MillProxy, Stone};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (how, what) = match &arguments[..] {
        [] => ("good", ""),
        [how] => (how.as_str(), ""),
        [how, what, ..] => (how.as_str(), what.as_str()),
    };
    if how != "astray" {
        worker(initializer(how, what)).await;
    }
    ensure!(
        matches!(how, "astray" | "parent"),
        "only a pool starts a worker that is {how}"
    );
    let pool = Pool::<MillProxy>::builder()
        .processes(2)
        .args(["good"])
        .start()
        .await?;
    for (name, pid) in pool.broadcast(|mill| mill.pid()).await {
        println!("{}", pid.context(name)?);
    }
    pending().await
}

async fn initializer(how: &str, what: &str) -> Result<Servant, InitializerError> {
    match how {
        "failing" => {
            let missing = anyhow::anyhow!("no such model: {what}");
            return Err(missing.context("cannot load").into());
        }
        "greeting" => tokio::fs::write(what, std::process::id().to_string()).await?,
        "broken-by" if Path::new(what).exists() => return Err("it is broken by now".into()),
        "panicking" => panics(what),
        "exiting" => std::process::exit(what.parse()?),
        "hanging" => pending().await,
        _ => {}
    }
    Ok(Stone::new().serve())
}

#[expect(clippy::panic, reason = "a worker that panics is what this is")]
fn panics(text: &str) {
    panic!("{text}")
}
