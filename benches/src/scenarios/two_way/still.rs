//! Endless streams of which nothing is taken: how much the producer's process grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use farcall::Streaming;
use futures_util::{Stream, StreamExt, stream};

use super::{serve, uri};
use crate::client::Client;
use crate::figure::Figure;
use crate::peers::{self, PeerName};
use crate::run::Pair;
use crate::scenarios::Room;

const STREAMS: [usize; 2] = [1, 20];

/// Bytes of a large item.
const BLOB_BYTES: usize = 64 << 10;

/// The part whose items are large; that of small ones is nameless.
const BLOBS: &str = "blobs_";

/// Items of a stream that is taken first, so that all that one needs is there already.
const WARM_UP_ITEMS: u64 = 10_000;

/// Producers stand still when they have made nothing for so many calls, each of which gives them several turns.
const STILL_CALLS: u32 = 1000;

#[farcall::remote]
trait Producer {
    fn numbers(&self, end: u64) -> impl Stream<Item = u64>;
    fn blobs(&self, end: u64) -> impl Stream<Item = Bytes>;
    /// How many items were made.
    fn made(&self) -> u64;
}

#[derive(Default)]
struct Works {
    made: Arc<AtomicU64>,
}

impl Producer for Works {
    fn numbers(&self, end: u64) -> impl Stream<Item = u64> {
        stream::iter(0..end).inspect(|_| count(&self.made))
    }

    fn blobs(&self, end: u64) -> impl Stream<Item = Bytes> {
        let blob = |_| Bytes::from(vec![7; BLOB_BYTES]);
        stream::iter(0..end)
            .map(blob)
            .inspect(|_| count(&self.made))
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

fn count(made: &AtomicU64) {
    made.fetch_add(1, Ordering::Relaxed);
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Still;

impl Room for Still {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for kind in ["", BLOBS] {
            for streams in STREAMS {
                figures.extend(pair.measure(&format!("{kind}{streams}"))?);
            }
        }
        Ok(figures)
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        serve(|| Works::default().serve())
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let part = &client.part;
        let streams = part.strip_prefix(BLOBS);
        let count: usize = streams.unwrap_or(part).parse()?;
        peers::runtime()?.block_on(async {
            let producer = ProducerProxy::connect(&uri(client)).await?;
            if streams.is_some() {
                let open = async |end| Ok(producer.blobs(end).await?);
                growth(client, &producer, count, open).await
            } else {
                let open = async |end| Ok(producer.numbers(end).await?);
                growth(client, &producer, count, open).await
            }
        })
    }
}

/// By how much the server grows with so many streams, each.
async fn growth<T>(
    client: &Client,
    producer: &ProducerProxy,
    count: usize,
    open: impl AsyncFn(u64) -> anyhow::Result<Streaming<T>>,
) -> anyhow::Result<Vec<Figure>> {
    let taken = open(WARM_UP_ITEMS).await?.count().await;
    anyhow::ensure!(taken as u64 == WARM_UP_ITEMS, "{taken} items came");
    let (made, before) = (still(producer).await?, client.server.resident_kib()?);
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(open(u64::MAX).await?);
    }
    let made = still(producer).await? - made;
    let grown = client.server.resident_kib()? - before;
    let figure = |metric: &str, all: f64, unit| {
        Figure::new(
            format!("{metric}_{}", client.part),
            all / count as f64,
            unit,
        )
    };
    Ok(vec![
        figure("grown", grown, "KiB each"),
        figure("made", made as f64, "items"),
    ])
}

/// Waits until the producers make nothing any more; gives how many items they have made.
async fn still(producer: &ProducerProxy) -> anyhow::Result<u64> {
    let (mut made, mut same) = (producer.made().await?, 0);
    while same < STILL_CALLS {
        let now = producer.made().await?;
        same = if now == made { same + 1 } else { 0 };
        made = now;
    }
    Ok(made)
}
