//! The rate of a stream of small items, and of one-way calls that are pipelined.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};

use super::{serve, uri};
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Until, WARM_UP};
use crate::peers::{self, PeerName, tonic};
use crate::run::Pair;
use crate::scenarios::Room;

/// One-way calls in flight.
const WINDOW: usize = 256;

/// Items that are taken before anybody looks at the clock.
const ITEMS_AT_A_TIME: u64 = 256;

/// The parts: in what form the numbers go.
const STREAM: &str = "stream";
const ITERATOR: &str = "iterator";
const ONE_WAY: &str = "oneway";

#[farcall::remote]
trait Numbers {
    fn stream(&self) -> impl Stream<Item = u64>;
    fn iterator(&self) -> impl Iterator<Item = u64>;
    #[oneway]
    fn note(&self, number: u64);
    /// How many were noted.
    fn noted(&self) -> u64;
}

#[derive(Default)]
struct Source {
    noted: AtomicU64,
}

impl Numbers for Source {
    fn stream(&self) -> impl Stream<Item = u64> {
        stream::iter(0..)
    }

    fn iterator(&self) -> impl Iterator<Item = u64> {
        0..
    }

    fn note(&self, _number: u64) {
        self.noted.fetch_add(1, Ordering::Relaxed);
    }

    fn noted(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Small;

impl Room for Small {
    fn measures(&self, peer: PeerName) -> bool {
        matches!(peer, PeerName::Farcall | PeerName::Tonic)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        if pair.peer() == PeerName::Tonic {
            return pair.measure(STREAM);
        }
        let parts = [STREAM, ITERATOR, ONE_WAY].map(|part| pair.measure(part));
        let [stream, iterator, one_way] = parts;
        let (stream, iterator, one_way) = (stream?, iterator?, one_way?);
        let share = stream[0].value / one_way[0].value;
        let share = Figure::new("stream_vs_oneway", share, "x");
        Ok([stream, iterator, one_way, vec![share]].concat())
    }

    fn serve(&self, peer: PeerName, _part: &str) -> anyhow::Result<()> {
        match peer {
            PeerName::Tonic => peers::serve(peer, 1),
            _ => serve(|| Source::default().serve()),
        }
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            if client.peer == PeerName::Tonic {
                let numbers = tonic::connect(client.address()).await?.numbers().await?;
                return taken(client, numbers).await;
            }
            let numbers = NumbersProxy::connect(&uri(client)).await?;
            match client.part.as_str() {
                STREAM => taken(client, numbers.stream().await?.map(|n| Ok(n?))).await,
                ITERATOR => taken(client, numbers.iterator().await?.map(|n| Ok(n?))).await,
                _ => noted(client, numbers).await,
            }
        })
    }
}

/// Takes items of an endless stream.
async fn taken(
    client: &Client,
    mut numbers: impl Stream<Item = anyhow::Result<u64>> + Unpin,
) -> anyhow::Result<Vec<Figure>> {
    take(&mut numbers, Until::Time(WARM_UP)).await?;
    let span = Span::begin(client)?;
    let count = take(&mut numbers, client.until()).await?;
    span.figures(client, count)
}

/// Makes one-way calls, of which those count that the server heard.
async fn noted(client: &Client, numbers: NumbersProxy) -> anyhow::Result<Vec<Figure>> {
    let note = |number| {
        let noted = numbers.note(number);
        async move { anyhow::Ok(noted.await.map(|()| number)?) }
    };
    let mut calls = stream::iter(0..).map(note).buffer_unordered(WINDOW);
    take(&mut calls, Until::Time(WARM_UP)).await?;
    let (before, span) = (numbers.noted().await?, Span::begin(client)?);
    take(&mut calls, client.until()).await?;
    let count = numbers.noted().await? - before;
    span.figures(client, count)
}

/// Takes as many as it is told to, or as long; gives how many.
async fn take(
    numbers: &mut (impl Stream<Item = anyhow::Result<u64>> + Unpin),
    until: Until,
) -> anyhow::Result<u64> {
    let (time, most) = match until {
        Until::Time(time) | Until::Both(time, _) => (time, u64::MAX),
        Until::Calls(calls) => (Duration::MAX, calls),
    };
    let (mut count, start) = (0, Instant::now());
    while count < most && start.elapsed() < time {
        for _ in 0..ITEMS_AT_A_TIME {
            let number = numbers.next().await;
            std::hint::black_box(number.transpose()?)
                .ok_or_else(|| anyhow::anyhow!("an endless stream ended"))?;
        }
        count += ITEMS_AT_A_TIME;
    }
    Ok(count)
}

/// A time in which items went.
struct Span {
    start: Instant,
    cpu_us: f64,
}

impl Span {
    fn begin(client: &Client) -> anyhow::Result<Self> {
        Ok(Self {
            cpu_us: cpu_us(client)?,
            start: Instant::now(),
        })
    }

    fn figures(self, client: &Client, count: u64) -> anyhow::Result<Vec<Figure>> {
        let rate = count as f64 / self.start.elapsed().as_secs_f64();
        let cpu_us = (cpu_us(client)? - self.cpu_us) / count as f64;
        let part = &client.part;
        Ok(vec![
            Figure::new(format!("{part}_per_s"), rate, "1/s"),
            Figure::new(format!("{part}_cpu"), cpu_us, "us each"),
        ])
    }
}

/// Processor time of both ends.
fn cpu_us(client: &Client) -> anyhow::Result<f64> {
    Ok(client.server.cpu_us()? + client.own.cpu_us()?)
}
