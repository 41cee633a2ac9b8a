//! The peers, each in a room of its own: a server that prints its address, and a client that calls.

mod capnp;
pub(crate) mod farcall;
mod limit;
pub(crate) mod python;
mod remoc;
mod tarpc;
pub(crate) mod tonic;
mod volo;

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use clap::ValueEnum;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;

use crate::measure::What;

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
    /// tonic with prost's codec, without TLS.
    Tonic,
    /// capnp-rpc over its two-party network.
    Capnp,
    /// remoc's remote traits.
    Remoc,
    /// volo's thrift, multiplexed.
    Volo,
    /// Pyro5 in Python, a thread and a proxy for each call in flight.
    Pyro5,
    /// grpcio in Python, with its futures.
    Grpcio,
    /// Python's multiprocessing.Pool of two workers.
    Pool,
    /// The same, mapping one item at a time.
    #[value(name = "pool-1")]
    Pool1,
    /// Celery of two workers, over a Redis server of its own.
    Celery,
    /// Ray of two workers.
    Ray,
}

impl PeerName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Farcall => "farcall",
            Self::FarcallAsync => "farcall-async",
            Self::Tarpc => "tarpc",
            Self::Tonic => "tonic",
            Self::Capnp => "capnp",
            Self::Remoc => "remoc",
            Self::Volo => "volo",
            Self::Pyro5 => "pyro5",
            Self::Grpcio => "grpcio",
            Self::Pool => "pool",
            Self::Pool1 => "pool-1",
            Self::Celery => "celery",
            Self::Ray => "ray",
        }
    }

    /// Whether all it does is to spread items over workers that it starts itself.
    pub(crate) fn only_maps(self) -> bool {
        matches!(self, Self::Pool1 | Self::Celery | Self::Ray)
    }
}

/// The count of calls that ended, once all have.
pub(crate) type Calls<'a> = Pin<Box<dyn Future<Output = anyhow::Result<u64>> + 'a>>;

/// A connection that calls `process(i64) -> i64` and `echo(Bytes) -> Bytes`.
pub(crate) trait Caller: 'static {
    /// Makes calls and checks every answer, of an echo its length; gives how many ended.
    fn call_all<'a>(&'a self, what: What, load: Load<'a>) -> Calls<'a>;
}

/// How many calls are made at a time, and how long.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    /// So many are in flight.
    pub(crate) window: usize,
    /// Asked now and then, with one in flight after each.
    pub(crate) stop: &'a (dyn Fn() -> bool + Sync),
    /// Told how long each took, in nanoseconds, with one in flight.
    pub(crate) latency: &'a (dyn Fn(u64) + Sync),
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

const ONLY_MAPS: &str = "it has no server to call";

/// Runs this many servers of a peer until the parent ends; an address for each, in one line.
pub(crate) fn serve(peer: PeerName, servers: usize) -> anyhow::Result<()> {
    ADDRESSES.lock().expected = servers;
    runtime()?.block_on(async {
        let mut serving: FuturesUnordered<_> = (0..servers).map(|_| serve_one(peer)).collect();
        serving.next().await.unwrap_or(Ok(()))
    })
}

async fn serve_one(peer: PeerName) -> anyhow::Result<()> {
    match peer {
        PeerName::Limit => limit::serve().await,
        PeerName::Farcall | PeerName::FarcallAsync => farcall::serve().await,
        PeerName::Tarpc => tarpc::serve().await,
        PeerName::Tonic => tonic::serve().await,
        PeerName::Capnp => capnp::serve().await,
        PeerName::Remoc => remoc::serve().await,
        PeerName::Volo => volo::serve().await,
        PeerName::Pyro5 => python::serve(python::PYRO5).await,
        PeerName::Grpcio => python::serve(python::GRPCIO).await,
        PeerName::Pool => python::serve(python::POOL).await,
        PeerName::Pool1 | PeerName::Celery | PeerName::Ray => anyhow::bail!("{ONLY_MAPS}"),
    }
}

pub(crate) async fn connect(peer: PeerName, address: &str) -> anyhow::Result<Box<dyn Caller>> {
    Ok(match peer {
        PeerName::Limit => Box::new(limit::connect(address).await?),
        PeerName::Farcall => Box::new(farcall::connect_plain(address).await?),
        PeerName::FarcallAsync => Box::new(farcall::connect_waiting(address).await?),
        PeerName::Tarpc => Box::new(tarpc::connect(address).await?),
        PeerName::Tonic => Box::new(tonic::connect(address).await?),
        PeerName::Capnp => Box::new(capnp::connect(address).await?),
        PeerName::Remoc => Box::new(remoc::connect(address).await?),
        PeerName::Volo => Box::new(volo::connect(address).await?),
        PeerName::Pyro5 => Box::new(python::connect(python::PYRO5, address).await?),
        PeerName::Grpcio => Box::new(python::connect(python::GRPCIO, address).await?),
        PeerName::Pool => Box::new(python::connect(python::POOL, address).await?),
        PeerName::Pool1 | PeerName::Celery | PeerName::Ray => anyhow::bail!("{ONLY_MAPS}"),
    })
}

/// Where the servers of this process listen, as far as they have said so.
struct Addresses {
    expected: usize,
    known: Vec<String>,
}

static ADDRESSES: Mutex<Addresses> = Mutex::new(Addresses {
    expected: 1,
    known: Vec::new(),
});

/// Tells the parent where this server listens, and ends when the parent does.
pub(crate) async fn ready(address: &str) -> anyhow::Result<()> {
    let line = {
        let mut addresses = ADDRESSES.lock();
        addresses.known.push(address.to_owned());
        (addresses.known.len() == addresses.expected).then(|| addresses.known.join(","))
    };
    // The last one speaks, and waits, for all.
    let Some(line) = line else {
        return std::future::pending().await;
    };
    println!("{line}");
    std::io::stdout().flush()?;
    let mut nothing = [0; 1];
    tokio::io::AsyncReadExt::read(&mut tokio::io::stdin(), &mut nothing).await?;
    Ok(())
}

/// A peer's stub; every caller has a clone.
pub(crate) trait Stub: Clone + Send + Sync + 'static {
    fn process(&self, data: i64) -> impl Future<Output = anyhow::Result<i64>> + Send;

    /// Gives the length of the answer.
    fn echo(&self, data: Bytes) -> impl Future<Output = anyhow::Result<usize>> + Send;
}

impl<S: Stub> Caller for S {
    fn call_all<'a>(&'a self, what: What, load: Load<'a>) -> Calls<'a> {
        match what {
            What::Process => Box::pin(in_flight(load, Process(self.clone()))),
            What::Echo(bytes) => {
                let data = Bytes::from(vec![7; bytes]);
                Box::pin(in_flight(load, Echo(self.clone(), data)))
            }
        }
    }
}

/// What a caller does over and over.
trait Work: Clone + Send + Sync + 'static {
    fn once(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

#[derive(Clone)]
struct Process<S>(S);

impl<S: Stub> Work for Process<S> {
    async fn once(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.process(3).await? == 9, "a wrong answer");
        Ok(())
    }
}

#[derive(Clone)]
struct Echo<S>(S, Bytes);

impl<S: Stub> Work for Echo<S> {
    async fn once(&self) -> anyhow::Result<()> {
        let answered = self.0.echo(self.1.clone()).await?;
        anyhow::ensure!(answered == self.1.len(), "an answer of {answered} bytes");
        Ok(())
    }
}

/// How many calls ended in this process, for who stops after a number of calls; kept where many are in flight.
pub(crate) static ENDED: AtomicU64 = AtomicU64::new(0);

/// Calls that are made one after the other before anybody asks whether it is time to stop.
const CALLS_AT_A_TIME: usize = 64;

/// Keeps `window` calls in flight, each in a task of its own as a program's callers are.
async fn in_flight(load: Load<'_>, work: impl Work) -> anyhow::Result<u64> {
    let Load {
        window,
        stop,
        latency,
    } = load;
    if window == 1 {
        let mut count = 0;
        while !stop() {
            // In a task, as a program's callers are: a runtime wakes its first future at the price of a system call.
            let work = work.clone();
            let some = tokio::spawn(async move {
                let mut took = Vec::with_capacity(CALLS_AT_A_TIME);
                for _ in 0..CALLS_AT_A_TIME {
                    let start = std::time::Instant::now();
                    work.once().await?;
                    took.push(start.elapsed().as_nanos() as u64);
                }
                anyhow::Ok(took)
            });
            let took = some.await??;
            count += took.len() as u64;
            took.into_iter().for_each(latency);
        }
        return Ok(count);
    }
    let ended = std::sync::Arc::new(AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..window {
        let (work, ended) = (work.clone(), ended.clone());
        callers.spawn(async move {
            let mut count = 0u64;
            while !ended.load(Ordering::Relaxed) {
                work.once().await?;
                count += 1;
                // Only a hint, so a count that is lost between threads does no harm, and the bus need not be locked.
                ENDED.store(ENDED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while !stop() {
        // None ends before it is told to, save with an error.
        let soon = std::time::Duration::from_millis(20);
        if let Ok(Some(early)) = tokio::time::timeout(soon, callers.join_next()).await {
            count += early??;
        }
    }
    ended.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        count += ended??;
    }
    Ok(count)
}
