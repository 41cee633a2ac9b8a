//! A worker: the remote object around the user's computation and the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farcall_client::{Proxy, Remote, Retries};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::MapReduce;
use super::compute;
use super::contract::{
    BlockId, Chunk, Fault, Holdings, JobId, MAX_PARTITIONS, MapReducer, Reduced, Share, Source,
    WorkerProxy,
};
use super::store::{Store, WorkerLimits};

/// How long the fetch of one block from another worker may take.
const FETCH: Duration = Duration::from_secs(30);

/// The most blocks that one call fetches at a time.
const MAX_FETCHES: usize = 16;

/// What a daemon hosts.
pub(super) struct Worker<M> {
    computation: M,
    /// The signature of its types.
    types: u64,
    me: u64,
    made: AtomicU64,
    max_chunk_keys: usize,
    held: Arc<Held>,
    /// Frees what nobody renews; it ends with the worker.
    janitor: Mutex<JoinSet<()>>,
}

struct Held {
    store: Mutex<Store>,
    opened: Notify,
}

impl<M: MapReduce> Worker<M> {
    pub(super) fn new(computation: M, limits: WorkerLimits) -> Self {
        Self {
            computation,
            types: compute::signature::<M>(),
            me: fastrand::u64(..),
            made: AtomicU64::new(0),
            max_chunk_keys: limits.max_chunk_keys,
            held: Arc::new(Held {
                store: Mutex::new(Store::new(limits)),
                opened: Notify::new(),
            }),
            janitor: Mutex::default(),
        }
    }

    /// Keeps what was computed here, as a new block.
    fn keep(&self, job: JobId, block: Bytes) -> Result<BlockId, Fault> {
        let id = BlockId {
            worker: self.me,
            number: self.made.fetch_add(1, Ordering::Relaxed),
        };
        self.held.store.lock().put(job, id, block)?;
        Ok(id)
    }

    fn blocks(&self, job: JobId, ids: &[BlockId]) -> Result<Vec<Bytes>, Fault> {
        let store = self.held.store.lock();
        ids.iter().map(|id| store.block(job, *id)).collect()
    }

    fn free_copies(&self, job: JobId, ids: &[BlockId]) {
        self.held.store.lock().free_copies(job, self.me, ids);
    }

    fn share(&self, job: JobId, block: Option<compute::Block>) -> Result<Share, Fault> {
        let Some(block) = block else {
            return Ok(Share::default());
        };
        let compute::Block {
            bytes,
            values,
            keys,
        } = block;
        Ok(Share {
            values,
            keys,
            bytes: bytes.len() as u64,
            block: Some(self.keep(job, bytes)?),
        })
    }
}

impl<M: MapReduce> MapReducer for Worker<M> {
    async fn renew(&self, job: JobId, types: u64, lease_ms: u64) -> Result<(), Fault> {
        if types != self.types {
            let what = "caller and worker have different types in their map-reduce: one of the programs is older";
            return Err(Fault::Malformed { what: what.into() });
        }
        let lease = Duration::from_millis(lease_ms);
        let mut janitor = self.janitor.lock();
        if janitor.is_empty() {
            janitor.spawn(free_the_expired(Arc::clone(&self.held)));
        }
        self.held.store.lock().renew(Instant::now(), job, lease)?;
        self.held.opened.notify_one();
        Ok(())
    }

    fn map(&self, job: JobId, chunk: Chunk, partitions: u32) -> Result<Vec<Share>, Fault> {
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            let what = format!("{partitions} partitions: there may be 1 to {MAX_PARTITIONS}");
            return Err(Fault::Malformed { what });
        }
        let blocks = compute::map(&self.computation, &chunk, partitions, self.max_chunk_keys)?;
        let shares = blocks.into_iter().map(|block| self.share(job, block));
        shares.collect()
    }

    async fn collect(&self, job: JobId, sources: Vec<Source>) -> Result<(), Fault> {
        let mut proxies = BTreeMap::new();
        let mut wanted = Vec::new();
        for Source { uri, blocks } in sources {
            let missing = {
                let store = self.held.store.lock();
                blocks
                    .into_iter()
                    .filter(|id| !store.has(job, *id))
                    .collect::<Vec<_>>()
            };
            if !missing.is_empty() {
                proxies.insert(uri.clone(), peer(&uri)?);
            }
            wanted.extend(missing.into_iter().map(|id| (uri.clone(), id)));
        }
        let proxies = &proxies;
        stream::iter(wanted)
            .map(async |(uri, id)| {
                let Some(peer) = proxies.get(&uri) else {
                    return Ok(());
                };
                let block = fetch(peer, &uri, job, id).await?;
                self.held.store.lock().put(job, id, block)
            })
            .buffer_unordered(MAX_FETCHES)
            .try_collect()
            .await
    }

    fn reduce(&self, job: JobId, blocks: Vec<BlockId>) -> Result<Reduced, Fault> {
        let output = compute::reduce(&self.computation, &self.blocks(job, &blocks)?)?;
        self.free_copies(job, &blocks);
        Ok(Reduced {
            block: self.keep(job, output.bytes)?,
            keys: output.keys,
            heaviest: output.heaviest,
        })
    }

    fn merge(&self, job: JobId, first: BlockId, second: BlockId) -> Result<BlockId, Fault> {
        let blocks = self.blocks(job, &[first, second])?;
        let [one, other] = &blocks[..] else {
            let what = "two blocks make a merge".into();
            return Err(Fault::Malformed { what });
        };
        let merged = compute::merge(&self.computation, one, other)?;
        self.free_copies(job, &[first, second]);
        self.keep(job, merged)
    }

    async fn fetch(&self, job: JobId, block: BlockId) -> Result<Bytes, Fault> {
        self.held.store.lock().block(job, block)
    }

    async fn forget(&self, job: JobId) {
        self.held.store.lock().forget(job);
    }

    async fn holdings(&self) -> Holdings {
        self.held.store.lock().holdings()
    }
}

/// Another worker, for one attempt: whoever asked knows what to do when it is lost.
fn peer(uri: &str) -> Result<WorkerProxy, Fault> {
    let remote = Remote::unconnected(uri, WorkerProxy::descriptor()).map_err(|error| {
        let what = error.to_string();
        Fault::Malformed { what }
    })?;
    let remote = remote.with_retries(Retries::Never).with_deadline(FETCH);
    Ok(WorkerProxy::from_remote(remote))
}

async fn fetch(peer: &WorkerProxy, uri: &str, job: JobId, id: BlockId) -> Result<Bytes, Fault> {
    match peer.fetch(job, id).await {
        Ok(Ok(block)) => Ok(block),
        Ok(Err(fault)) => Err(Fault::Gone {
            uri: uri.into(),
            why: fault.to_string(),
        }),
        Err(error) => Err(Fault::Unreachable {
            uri: uri.into(),
            why: error.to_string(),
        }),
    }
}

async fn free_the_expired(held: Arc<Held>) {
    loop {
        let opened = held.opened.notified();
        let next = held.store.lock().expire(Instant::now());
        match next {
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                () = opened => {}
            },
            None => opened.await,
        }
    }
}
