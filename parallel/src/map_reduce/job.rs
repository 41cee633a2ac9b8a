//! One job, at its caller: rounds of mapping, reducing and merging what is still missing, until one output is left.

use std::marker::PhantomData;

use bytes::Bytes;
use farcall_client::Fleet;
use farcall_shared::error::CallError;
use futures_util::stream::{self, StreamExt};

use super::compute;
use super::contract::{Chunk, Fault, JobId, MAX_PARTITIONS, Source, WorkerProxy};
use super::error::{MapReduceError, Step};
use super::loss::{Loss, loss, loss_by_call, unworked};
use super::plan::{Held, Plan, sources};
use super::report::Report;
use super::staff::Staff;
use super::{MapReduce, Progress, Settings, chunks};

/// How often what was lost is made again: each round loses at least one worker.
const MAX_ROUNDS: u32 = 16;

/// The most merges at a time.
const MAX_MERGES: usize = 64;

/// How many partitions each worker gets where nothing else is said.
const PARTITIONS_PER_WORKER: usize = 2;

/// A job.
pub(super) struct Job<'a, M, F> {
    id: JobId,
    fleet: &'a Fleet<WorkerProxy>,
    staff: &'a Staff,
    chunks: Vec<Chunk>,
    partitions: u32,
    plan: Plan,
    progress: F,
    /// What was lost last, for the error that gives up.
    lost: Option<(Step, Loss)>,
    computation: PhantomData<fn() -> M>,
}

/// Runs a job to its output and report; the workers are told to forget it whatever the end.
pub(super) async fn run<M: MapReduce, F: FnMut(&Progress)>(
    fleet: &Fleet<WorkerProxy>,
    inputs: impl IntoIterator<Item = M::Input>,
    settings: &Settings,
    progress: F,
) -> Result<(M::Output, Report), MapReduceError> {
    let chunks = chunks::cut::<M>(inputs, settings.chunk_inputs, fleet.len())?;
    let suits = u32::try_from(fleet.len().max(1) * PARTITIONS_PER_WORKER).unwrap_or(u32::MAX);
    let partitions = settings.partitions.unwrap_or(suits.min(MAX_PARTITIONS));
    if !(1..=MAX_PARTITIONS).contains(&partitions) {
        return Err(MapReduceError::Partitions {
            asked: partitions,
            most: MAX_PARTITIONS,
        });
    }
    let id = fastrand::u64(..);
    let types = compute::signature::<M>();
    let staff = Staff::new(id, types, settings.lease, settings.deadline);
    let mut job = Job::<M, F> {
        id,
        fleet,
        staff: &staff,
        plan: Plan::new(chunks.len(), partitions),
        chunks,
        partitions,
        progress,
        lost: None,
        computation: PhantomData,
    };
    let ended = tokio::select! {
        ended = Box::pin(job.work()) => ended,
        never = staff.keep_leases() => match never {},
    };
    staff.forget().await;
    let output = compute::decode(&ended?).map_err(|why| MapReduceError::Output { why })?;
    Ok((output, job.plan.report()))
}

impl<M: MapReduce, F: FnMut(&Progress)> Job<'_, M, F> {
    /// The encoded output.
    async fn work(&mut self) -> Result<Bytes, MapReduceError> {
        for _ in 0..MAX_ROUNDS {
            if !self.plan.partitions_left().is_empty() {
                self.map().await?;
                self.reduce().await?;
            }
            if let Some(outputs) = self.plan.outputs()
                && let Some(output) = self.merge(outputs).await?
            {
                return Ok(output);
            }
        }
        // Every round that ends here lost something.
        let (step, Loss { worker, why }) = self.lost.take().unwrap_or_else(|| {
            let (worker, why) = ("a worker".into(), "nobody knows how".into());
            (Step::Merge, Loss { worker, why })
        });
        Err(MapReduceError::Lost {
            rounds: MAX_ROUNDS,
            step,
            worker,
            why,
        })
    }

    /// Maps the chunks that nobody has.
    async fn map(&mut self) -> Result<(), MapReduceError> {
        let (id, staff, partitions) = (self.id, self.staff, self.partitions);
        let left = self.plan.chunks_left();
        let mut progress = Progress::of(Step::Map, left.len());
        let chunks = &self.chunks;
        let map = |worker: WorkerProxy, chunk: usize| async move {
            let step = async |worker: WorkerProxy| match chunks.get(chunk) {
                Some(inputs) => worker.map(id, inputs.clone(), partitions).await,
                None => Ok(Ok(Vec::new())),
            };
            let answer = staff.ask(worker, step).await;
            answer.map(|answer| (chunk, answer))
        };
        let mut answers = self.fleet.map_unordered(left.clone(), map);
        let mut losses = Vec::new();
        while let Some(answer) = answers.next().await {
            let (_, (chunk, answer)) = answer.map_err(|e| {
                unworked(Step::Map, e, |index| {
                    let chunk = left.get(index).and_then(|chunk| chunks.get(*chunk));
                    chunk.map_or_else(String::new, |chunk| {
                        let last = chunk.first + chunk.inputs.len().saturating_sub(1) as u64;
                        format!("inputs {} to {last}", chunk.first)
                    })
                })
            })?;
            match answer {
                (uri, Ok(shares)) => self.plan.mapped(chunk, uri, shares),
                (uri, Err(fault)) => losses.push(loss(staff, Step::Map, &uri, fault)?),
            }
            progress.done += 1;
            (self.progress)(&progress);
        }
        drop(answers);
        self.lose(Step::Map, losses);
        Ok(())
    }

    /// Reduces the partitions that nobody has, unless chunks are missing.
    async fn reduce(&mut self) -> Result<(), MapReduceError> {
        if !self.plan.chunks_left().is_empty() {
            return Ok(());
        }
        let (id, staff, plan) = (self.id, self.staff, &self.plan);
        let left = plan.partitions_left();
        let mut progress = Progress::of(Step::Reduce, left.len());
        let reduce = |worker: WorkerProxy, partition: usize| async move {
            let blocks = plan.blocks(partition);
            let step = async |worker: WorkerProxy| {
                if let Err(fault) = worker.collect(id, sources(&blocks)).await? {
                    return Ok(Err(fault));
                }
                let blocks = blocks.iter().map(|held| held.block).collect();
                worker.reduce(id, blocks).await
            };
            let answer = staff.ask(worker, step).await;
            answer.map(|answer| (partition, answer))
        };
        let mut answers = self.fleet.map_unordered(left.clone(), reduce);
        let (mut reduced, mut losses) = (Vec::new(), Vec::new());
        while let Some(answer) = answers.next().await {
            let (_, (partition, answer)) = answer.map_err(|e| {
                unworked(Step::Reduce, e, |index| {
                    let partition = left.get(index).copied().unwrap_or_default();
                    format!("partition {partition}")
                })
            })?;
            match answer {
                (uri, Ok(output)) => reduced.push((partition, uri, output)),
                (uri, Err(fault)) => losses.push(loss(staff, Step::Reduce, &uri, fault)?),
            }
            progress.done += 1;
            (self.progress)(&progress);
        }
        drop(answers);
        for (partition, uri, output) in reduced {
            self.plan.reduced(partition, uri, output);
        }
        self.lose(Step::Reduce, losses);
        Ok(())
    }

    /// Merges neighbours until one output is left, and gets it; `None` when something was lost on the way.
    async fn merge(&mut self, mut row: Vec<Held>) -> Result<Option<Bytes>, MapReduceError> {
        let (id, staff) = (self.id, self.staff);
        let mut progress = Progress::of(Step::Merge, row.len());
        while row.len() > 1 {
            let pairs = row.chunks(2).filter_map(|pair| {
                let second = pair.get(1).cloned();
                Some((pair.first()?.clone(), second))
            });
            let pairs: Vec<(Held, Option<Held>)> = pairs.collect();
            let mut merges = stream::iter(pairs)
                .map(|(first, second)| merge_two(staff, id, first, second))
                .buffered(MAX_MERGES);
            let (mut next, mut losses) = (Vec::new(), Vec::new());
            while let Some(merged) = merges.next().await {
                match merged? {
                    Ok(held) => next.push(held),
                    Err(loss) => losses.push(loss),
                }
            }
            drop(merges);
            if !losses.is_empty() {
                self.lose(Step::Merge, losses);
                return Ok(None);
            }
            row = next;
            progress.done = progress.total.saturating_sub(row.len() as u64);
            (self.progress)(&progress);
        }
        let Some(last) = row.pop() else {
            return Ok(None);
        };
        let fetch = async |worker: WorkerProxy| worker.fetch(id, last.block).await;
        match at(staff, &last.uri, fetch).await? {
            Ok(output) => {
                progress.done = progress.total;
                (self.progress)(&progress);
                Ok(Some(output))
            }
            Err(loss) => {
                self.lose(Step::Merge, vec![loss]);
                Ok(None)
            }
        }
    }

    /// Has what was lost made again.
    fn lose(&mut self, step: Step, losses: Vec<Loss>) {
        for loss in losses {
            let Loss { worker, why } = &loss;
            tracing::debug!("{worker} was lost in the {step} step: {why}");
            self.plan.lose(worker);
            self.lost = Some((step, loss));
        }
    }
}

/// Merges two neighbours where the first one is; one that has no neighbour stays as it is.
async fn merge_two(
    staff: &Staff,
    id: JobId,
    first: Held,
    second: Option<Held>,
) -> Result<Result<Held, Loss>, MapReduceError> {
    let Some(second) = second else {
        return Ok(Ok(first));
    };
    let merge = async |worker: WorkerProxy| {
        let source = Source {
            uri: second.uri.clone(),
            blocks: vec![second.block],
        };
        if let Err(fault) = worker.collect(id, vec![source]).await? {
            return Ok(Err(fault));
        }
        worker.merge(id, first.block, second.block).await
    };
    let merged = at(staff, &first.uri, merge).await?;
    Ok(merged.map(|block| Held {
        uri: first.uri.clone(),
        block,
    }))
}

/// Has the worker that has the data, and no other, do something.
async fn at<T, F>(
    staff: &Staff,
    uri: &str,
    step: impl FnOnce(WorkerProxy) -> F,
) -> Result<Result<T, Loss>, MapReduceError>
where
    F: Future<Output = Result<Result<T, Fault>, CallError>>,
{
    let Some(worker) = staff.worker(uri) else {
        let (worker, why) = (uri.to_owned(), "it is not known".to_owned());
        return Ok(Err(Loss { worker, why }));
    };
    let lost = match staff.ask(worker, step).await {
        Ok((_, Ok(value))) => return Ok(Ok(value)),
        Ok((_, Err(fault))) => loss(staff, Step::Merge, uri, fault)?,
        Err(error) => loss_by_call(Step::Merge, uri, &error)?,
    };
    Ok(Err(lost))
}
