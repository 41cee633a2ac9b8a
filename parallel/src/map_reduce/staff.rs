//! The workers that have data of a job: their leases are renewed while it runs, and they are told to forget at its end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use farcall_client::Proxy;
use farcall_shared::error::{CallError, Rejection};
use futures_util::future::join_all;
use parking_lot::Mutex;

use super::contract::{Fault, JobId, WorkerProxy};

/// How long a worker may take to renew a lease, or to forget.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// A worker's answer, with its URI.
pub(super) type Answer<T> = (String, Result<T, Fault>);

/// The workers of one job.
pub(super) struct Staff {
    job: JobId,
    types: u64,
    lease: Duration,
    /// How long one step of one chunk, partition or merge may take.
    deadline: Duration,
    known: Mutex<BTreeMap<String, WorkerProxy>>,
    /// Who cannot be reached by other workers, and why.
    avoided: Mutex<BTreeMap<String, String>>,
}

impl Staff {
    pub(super) fn new(job: JobId, types: u64, lease: Duration, deadline: Duration) -> Self {
        Self {
            job,
            types,
            lease,
            deadline,
            known: Mutex::default(),
            avoided: Mutex::default(),
        }
    }

    /// Opens the job at a worker and has it do `step`; its URI goes with the answer.
    pub(super) async fn ask<T, F>(
        &self,
        worker: WorkerProxy,
        step: impl FnOnce(WorkerProxy) -> F,
    ) -> Result<Answer<T>, CallError>
    where
        F: Future<Output = Result<Result<T, Fault>, CallError>>,
    {
        let uri = worker.remote().label().to_string();
        if let Some(why) = self.avoided.lock().get(&uri) {
            return Err(CallError::Rejected {
                target: uri.as_str().into(),
                reason: Rejection::Overloaded(format!("other workers cannot reach it: {why}")),
            });
        }
        let worker = worker.with_deadline(self.deadline);
        self.known.lock().insert(uri.clone(), worker.clone());
        if let Err(fault) = self.renew(&worker).await? {
            return Ok((uri, Err(fault)));
        }
        let answer = step(worker).await?;
        Ok((uri, answer))
    }

    /// Gives a worker no further work: others cannot fetch from it.
    pub(super) fn avoid(&self, uri: &str, why: &str) {
        self.avoided.lock().insert(uri.into(), why.into());
    }

    pub(super) fn worker(&self, uri: &str) -> Option<WorkerProxy> {
        self.known.lock().get(uri).cloned()
    }

    /// Renews all leases, for as long as it is polled.
    pub(super) async fn keep_leases(&self) -> Infallible {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            let renewals = self.everybody().into_iter().map(|worker| async move {
                let worker = worker.with_deadline(HOUSEKEEPING);
                // Whoever does not answer now is lost when something is wanted of it.
                let _ = self.renew(&worker).await;
            });
            join_all(renewals).await;
        }
    }

    /// Tells everybody to free what they hold. Who does not hear it does so when the lease ends.
    pub(super) async fn forget(&self) {
        let told = self.everybody().into_iter().map(|worker| async move {
            let worker = worker.with_deadline(HOUSEKEEPING);
            if let Err(error) = worker.forget(self.job).await {
                tracing::debug!("job {:x} stays until its lease ends: {error}", self.job);
            }
        });
        join_all(told).await;
    }

    fn everybody(&self) -> Vec<WorkerProxy> {
        self.known.lock().values().cloned().collect()
    }

    async fn renew(&self, worker: &WorkerProxy) -> Result<Result<(), Fault>, CallError> {
        let lease_ms = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        worker.renew(self.job, self.types, lease_ms).await
    }
}
