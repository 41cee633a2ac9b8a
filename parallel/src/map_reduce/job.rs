//! One job, at its caller: rounds of mapping, reducing and merging what is still missing, until one output is left.

use std::marker::PhantomData;

use bytes::Bytes;
use farcall_client::{Fleet, FleetError};
use farcall_shared::error::CallError;
use futures_util::stream::{self, StreamExt};

use super::compute;
use super::contract::{Chunk, Fault, JobId, MAX_PARTITIONS, Source, WorkerProxy};
use super::error::{MapReduceError, Step};
use super::plan::{Held, Plan, sources};
use super::report::Report;
use super::staff::{Answer, Staff};
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
    lost: Option<(Step, String, String)>,
    computation: PhantomData<fn() -> M>,
}

/// How a step ended at a worker.
enum Setback {
    /// Its data, or that of the worker named, is lost.
    Lost(String, String),
    /// It would be the same elsewhere.
    Final(MapReduceError),
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
        let (step, worker, why) = self.lost.take().unwrap_or_else(|| {
            let nobody = "a worker".to_owned();
            (Step::Merge, nobody, "it never had the data".to_owned())
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
        let mut faults = Vec::new();
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
                (uri, Err(fault)) => faults.push((uri, fault)),
            }
            progress.done += 1;
            (self.progress)(&progress);
        }
        drop(answers);
        self.settle(Step::Map, faults)
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
        let (mut reduced, mut faults) = (Vec::new(), Vec::new());
        while let Some(answer) = answers.next().await {
            let (_, (partition, answer)) = answer.map_err(|e| {
                unworked(Step::Reduce, e, |index| {
                    let partition = left.get(index).copied().unwrap_or_default();
                    format!("partition {partition}")
                })
            })?;
            match answer {
                (uri, Ok(output)) => reduced.push((partition, uri, output)),
                (uri, Err(fault)) => faults.push((uri, fault)),
            }
            progress.done += 1;
            (self.progress)(&progress);
        }
        drop(answers);
        for (partition, uri, output) in reduced {
            self.plan.reduced(partition, uri, output);
        }
        self.settle(Step::Reduce, faults)
    }

    /// Merges neighbours until one output is left, and gets it; `None` when something was lost on the way.
    async fn merge(&mut self, mut row: Vec<Held>) -> Result<Option<Bytes>, MapReduceError> {
        let (id, staff) = (self.id, self.staff);
        let mut progress = Progress::of(Step::Merge, row.len());
        while row.len() > 1 {
            let pairs: Vec<Vec<Held>> = row.chunks(2).map(<[Held]>::to_vec).collect();
            let mut merges = stream::iter(pairs)
                .map(|pair| merge_pair(staff, id, pair))
                .buffered(MAX_MERGES);
            let (mut next, mut setbacks) = (Vec::new(), Vec::new());
            while let Some(merged) = merges.next().await {
                match merged {
                    Ok(held) => next.push(held),
                    Err(setback) => setbacks.push(setback),
                }
            }
            drop(merges);
            if !setbacks.is_empty() {
                self.suffer(Step::Merge, setbacks)?;
                return Ok(None);
            }
            row = next;
            progress.done = progress.total.saturating_sub(row.len() as u64);
            (self.progress)(&progress);
        }
        let Some(last) = row.pop() else {
            return Ok(None);
        };
        let output = at(staff, &last.uri, async |worker| {
            worker.fetch(id, last.block).await
        })
        .await;
        match output {
            Ok(output) => {
                progress.done = progress.total;
                (self.progress)(&progress);
                Ok(Some(output))
            }
            Err(setback) => {
                self.suffer(Step::Merge, vec![setback])?;
                Ok(None)
            }
        }
    }

    fn settle(&mut self, step: Step, faults: Vec<(String, Fault)>) -> Result<(), MapReduceError> {
        let setbacks = faults
            .into_iter()
            .map(|(uri, fault)| setback(self.staff, step, &uri, fault));
        let setbacks = setbacks.collect();
        self.suffer(step, setbacks)
    }

    /// Has what was lost made again, or ends the job.
    fn suffer(&mut self, step: Step, setbacks: Vec<Setback>) -> Result<(), MapReduceError> {
        for setback in setbacks {
            match setback {
                Setback::Final(error) => return Err(error),
                Setback::Lost(uri, why) => {
                    tracing::debug!("{uri} was lost in the {step} step: {why}");
                    self.plan.lose(&uri);
                    self.lost = Some((step, uri, why));
                }
            }
        }
        Ok(())
    }
}

/// Merges two neighbours where the first one is; one that has no neighbour stays as it is.
async fn merge_pair(staff: &Staff, id: JobId, pair: Vec<Held>) -> Result<Held, Setback> {
    let mut pair = pair.into_iter();
    let (first, second) = match (pair.next(), pair.next()) {
        (Some(first), Some(second)) => (first, second),
        (Some(first), None) => return Ok(first),
        _ => return Err(Setback::Lost(String::new(), "there is no pair".into())),
    };
    let merged = at(staff, &first.uri, async |worker| {
        let source = Source {
            uri: second.uri.clone(),
            blocks: vec![second.block],
        };
        if let Err(fault) = worker.collect(id, vec![source]).await? {
            return Ok(Err(fault));
        }
        worker.merge(id, first.block, second.block).await
    });
    let block = merged.await?;
    Ok(Held {
        uri: first.uri.clone(),
        block,
    })
}

/// Has the worker there, and no other, do something.
async fn at<T, F>(
    staff: &Staff,
    uri: &str,
    step: impl FnOnce(WorkerProxy) -> F,
) -> Result<T, Setback>
where
    F: Future<Output = Result<Result<T, Fault>, CallError>>,
{
    let Some(worker) = staff.worker(uri) else {
        return Err(Setback::Lost(uri.into(), "it is not known".into()));
    };
    let answer: Answer<T> = match staff.ask(worker, step).await {
        Ok(answer) => answer,
        Err(error) if error.is_worth_retrying() => {
            return Err(Setback::Lost(uri.into(), error.to_string()));
        }
        Err(error) => {
            return Err(Setback::Final(MapReduceError::Failed {
                step: Step::Merge,
                worker: error.target().into(),
                why: reason(&error),
            }));
        }
    };
    answer
        .1
        .map_err(|fault| setback(staff, Step::Merge, uri, fault))
}

/// What a worker's fault means for the job.
fn setback(staff: &Staff, step: Step, worker: &str, fault: Fault) -> Setback {
    let (worker, why) = (worker.to_owned(), fault.to_string());
    match fault {
        Fault::Input { input, why } => Setback::Final(MapReduceError::Input { index: input, why }),
        Fault::Missing { .. } => Setback::Lost(worker, why),
        Fault::Gone { uri, why } => Setback::Lost(uri, why),
        Fault::Unreachable { uri, why } => {
            staff.avoid(&uri, &why);
            Setback::Lost(uri, why)
        }
        Fault::Full { .. } => Setback::Final(MapReduceError::Full { step, worker, why }),
        Fault::Malformed { .. } => Setback::Final(MapReduceError::Failed { step, worker, why }),
    }
}

/// What a fleet's failure means: `what` names the work by its place among what was left.
fn unworked(step: Step, error: FleetError, what: impl Fn(usize) -> String) -> MapReduceError {
    let (index, attempts, error) = match error {
        FleetError::Item { index, error } => (index, 1, error),
        FleetError::GivenUp {
            index,
            attempts,
            error,
        } => (index, attempts, error),
        source => return MapReduceError::Workers { step, source },
    };
    let times = match attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    MapReduceError::Failed {
        step,
        worker: error.target().into(),
        why: format!("{}{times}: {}", what(index), reason(&error)),
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Failed { reason, .. } => reason.to_string(),
        CallError::Rejected { reason, .. } => reason.to_string(),
        CallError::NotSent { reason, .. } => reason.to_string(),
        CallError::Unknown { reason, .. } => reason.to_string(),
        other => other.to_string(),
    }
}
