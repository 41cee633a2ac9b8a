//! The name service with a million names in a durable store on disk.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use farcall::names::{Mode, NameServerProxy, Registration, Selector, Server};
use farcall::{Connections, Remote};
use tokio::task::JoinSet;

use super::Room;
use crate::client::Client;
use crate::figure::{Figure, median};
use crate::peers::{self, PeerName};
use crate::run::Pair;

const NAMES: u64 = 1_000_000;

/// Names that share a prefix.
const GROUP: u64 = 1_000;

/// Registered first, so that code and tables that the first ones need are there already.
const WARM_UP: u64 = 1_000;

/// Registrations in flight while the million is registered: some full batches of the store's.
const LOADING: usize = 4_096;

const LOOKUPS: usize = 256;
const REGISTERING: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Names;

impl Room for Names {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1800)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let folder = tempfile::tempdir_in(on_disk()).context("cannot make a temporary folder")?;
        let store = folder.path().join("names.redb");
        pair.measure(store.to_str().context("an odd temporary folder")?)
    }

    /// As the program `ns` runs it.
    fn serve(&self, _peer: PeerName, part: &str) -> anyhow::Result<()> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let server = Server::bind("127.0.0.1:0", &format!("redb:{part}")).await?;
            let address = server.address().to_string();
            let mut served = Ok(());
            server
                .run_until(async { served = peers::ready(&address).await })
                .await;
            served
        })
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            let names = connect(client.address()).await?;
            let mut figures = load(client, &names).await?;
            figures.push(look_up(client, &names).await?);
            figures.push(list(client, &names).await?);
            figures.push(register_durably(client, &names).await?);
            Ok(figures)
        })
    }
}

/// A folder on a disk: what most systems mount at `/tmp` is memory, at `/var/tmp` it is not.
fn on_disk() -> PathBuf {
    let lasting = PathBuf::from("/var/tmp");
    match std::env::var_os("TMPDIR") {
        Some(chosen) => chosen.into(),
        None if lasting.is_dir() => lasting,
        None => std::env::temp_dir(),
    }
}

async fn connect(address: &str) -> anyhow::Result<NameServerProxy<Remote>> {
    let uri = format!("far:{}@{address}", farcall::names::NAME_SERVER);
    let descriptor = NameServerProxy::<Remote>::descriptor();
    let remote = Remote::connect_with(&Connections::new(), &uri, descriptor).await?;
    Ok(NameServerProxy::over(remote))
}

/// Registers the million.
async fn load(client: &Client, names: &NameServerProxy<Remote>) -> anyhow::Result<Vec<Figure>> {
    register(names, 0..WARM_UP, LOADING).await?;
    let (before, start) = (client.server.resident_kib()?, Instant::now());
    register(names, WARM_UP..WARM_UP + NAMES, LOADING).await?;
    let seconds = start.elapsed().as_secs_f64();
    let grown = client.server.resident_kib()? - before;
    Ok(vec![
        Figure::new("per_name", grown * 1024.0 / NAMES as f64, "bytes"),
        Figure::new("loaded_per_s", NAMES as f64 / seconds, "1/s"),
    ])
}

async fn look_up(client: &Client, names: &NameServerProxy<Remote>) -> anyhow::Result<Figure> {
    let names = names.clone();
    let next = AtomicU64::new(0);
    let rate = rate(client.time, LOOKUPS, move || {
        let number = scattered(next.fetch_add(1, Ordering::Relaxed));
        let found = names.lookup(name(number));
        async move {
            let entries = found.await??;
            anyhow::ensure!(entries.len() == 1, "{} entries of a name", entries.len());
            Ok(())
        }
    });
    Ok(Figure::new("lookups_per_s", rate.await?, "1/s"))
}

async fn list(client: &Client, names: &NameServerProxy<Remote>) -> anyhow::Result<Figure> {
    let (mut times, start) = (Vec::new(), Instant::now());
    while times.is_empty() || start.elapsed() < client.time {
        let group = scattered(times.len() as u64) / GROUP;
        let began = Instant::now();
        let prefix = Selector::Prefix(format!("{}.", group_name(group)));
        let page = names.list(prefix, None, 2 * GROUP).await??;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        let count = page.entries.len() as u64;
        anyhow::ensure!(
            count == GROUP && page.next.is_none(),
            "{count} names of a prefix"
        );
    }
    let time = median(times).unwrap_or_default();
    Ok(Figure::new("list_of_1000", time, "ms"))
}

async fn register_durably(
    client: &Client,
    names: &NameServerProxy<Remote>,
) -> anyhow::Result<Figure> {
    let names = names.clone();
    let next = AtomicU64::new(WARM_UP + NAMES);
    let rate = rate(client.time, REGISTERING, move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let registered = names.register(registration(number));
        async move {
            registered.await??;
            Ok(())
        }
    });
    Ok(Figure::new("registrations_per_s", rate.await?, "1/s"))
}

async fn register(
    names: &NameServerProxy<Remote>,
    numbers: Range<u64>,
    in_flight: usize,
) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (names, next) = (names.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return anyhow::Ok(());
                }
                names.register(registration(number)).await??;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// How often a second `call` ends with so many in flight.
async fn rate<F, Fut>(time: Duration, in_flight: usize, call: F) -> anyhow::Result<f64>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let (call, over) = (Arc::new(call), Arc::new(AtomicBool::new(false)));
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for _ in 0..in_flight {
        let (call, over) = (Arc::clone(&call), Arc::clone(&over));
        tasks.spawn(async move {
            let mut count = 0u64;
            while !over.load(Ordering::Relaxed) {
                call().await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    let mut count = 0;
    while let Some(ended) = tasks.join_next().await {
        count += ended??;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn registration(number: u64) -> Registration {
    let name = name(number);
    Registration {
        uri: format!("far:{name}@host-{}.example:4242", number / GROUP),
        name,
        metadata: BTreeSet::new(),
        mode: Mode::Exclusive,
        lease: None,
    }
}

/// A thousand names share each prefix.
fn name(number: u64) -> String {
    format!(
        "{}.worker-{:03}",
        group_name(number / GROUP),
        number % GROUP
    )
}

fn group_name(group: u64) -> String {
    format!("group-{group:05}")
}

/// The numbers below the million in an order without neighbours, each once: the factor has no divisor in common.
fn scattered(turn: u64) -> u64 {
    turn % NAMES * 618_033 % NAMES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_names_share_a_prefix() {
        assert_eq!(name(0), "group-00000.worker-000");
        assert_eq!(name(999), "group-00000.worker-999");
        assert_eq!(name(1_000), "group-00001.worker-000");
        assert_eq!(name(1_234_567), "group-01234.worker-567");
    }

    #[test]
    fn look_ups_reach_every_name_and_jump_about() {
        let seen: std::collections::HashSet<u64> = (0..NAMES).map(scattered).collect();
        assert_eq!(seen.len() as u64, NAMES);
        assert!((0..1_000).all(|turn| scattered(turn).abs_diff(scattered(turn + 1)) > GROUP));
    }
}
