//! The peers, each in a room of its own: a server that prints its address, and a client that calls.

mod farcall;
mod limit;
mod tarpc;

use std::future::Future;
use std::io::Write;
use std::pin::Pin;

use clap::ValueEnum;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeerName {
    /// Hand-made length framing on raw TCP, in batches: the most a tokio program could do.
    Limit,
    /// farcall, the method a plain fn.
    Farcall,
    /// farcall, the method an async fn.
    FarcallAsync,
    /// Stock tarpc over its own TCP transport, with the codec that farcall uses.
    Tarpc,
}

impl PeerName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Farcall => "farcall",
            Self::FarcallAsync => "farcall-async",
            Self::Tarpc => "tarpc",
        }
    }
}

/// A connection that calls `process(i64) -> i64`.
pub(crate) trait Caller: Send + Sync + 'static {
    /// Keeps `window` calls in flight until `stop` says so after each; gives how many ended.
    fn call_all<'a>(
        &'a self,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<u64>> + Send + 'a>>;
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

pub(crate) fn serve(peer: PeerName) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        match peer {
            PeerName::Limit => limit::serve().await,
            PeerName::Farcall | PeerName::FarcallAsync => farcall::serve().await,
            PeerName::Tarpc => tarpc::serve().await,
        }
    })
}

pub(crate) async fn connect(peer: PeerName, address: &str) -> anyhow::Result<Box<dyn Caller>> {
    Ok(match peer {
        PeerName::Limit => Box::new(limit::connect(address).await?),
        PeerName::Farcall => Box::new(farcall::connect(address, farcall::Kind::Plain).await?),
        PeerName::FarcallAsync => Box::new(farcall::connect(address, farcall::Kind::Async).await?),
        PeerName::Tarpc => Box::new(tarpc::connect(address).await?),
    })
}

/// Tells the parent where this server listens, and ends when the parent does.
async fn ready(address: &str) -> anyhow::Result<()> {
    println!("{address}");
    std::io::stdout().flush()?;
    let mut nothing = [0; 1];
    tokio::io::AsyncReadExt::read(&mut tokio::io::stdin(), &mut nothing).await?;
    Ok(())
}

/// Keeps `window` calls of `call` in flight, each in a task of its own as a program's callers are.
async fn pipeline<F, Fut>(
    window: usize,
    stop: &(dyn Fn() -> bool + Sync),
    latency: &(dyn Fn(u64) + Sync),
    call: F,
) -> anyhow::Result<u64>
where
    F: Fn(i64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<i64>> + Send,
{
    if window == 1 {
        let mut count = 0;
        while !stop() {
            let start = std::time::Instant::now();
            anyhow::ensure!(call(3).await? == 9, "a wrong answer");
            latency(start.elapsed().as_nanos() as u64);
            count += 1;
        }
        return Ok(count);
    }
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..window {
        let (call, ended) = (call.clone(), ended.clone());
        callers.spawn(async move {
            let mut count = 0u64;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                anyhow::ensure!(call(3).await? == 9, "a wrong answer");
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    while !stop() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut count = 0;
    while let Some(ended) = callers.join_next().await {
        count += ended??;
    }
    Ok(count)
}
