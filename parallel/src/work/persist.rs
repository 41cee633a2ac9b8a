//! Calls to a queue that may be away for a while.

use std::future::Future;
use std::time::Duration;

use farcall_client::Remote;
use farcall_shared::error::CallError;
use farcall_shared::shape::Type;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::QueueError;
use super::contract::{Refusal, Terms, WorkProxy};

/// The longest pause before the queue is called again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A queue elsewhere, called for as long as patience lasts.
#[derive(Clone, Debug)]
pub(super) struct Distant {
    remote: Remote,
    patience: Duration,
}

impl Distant {
    /// Nothing is dialled yet.
    pub(super) fn new(uri: &str, patience: Duration) -> Result<Self, QueueError> {
        let descriptor = WorkProxy::<Remote>::descriptor();
        let remote = Remote::unconnected(uri, descriptor)?.with_deadline(patience);
        Ok(Self { remote, patience })
    }

    pub(super) fn uri(&self) -> String {
        self.remote.label().to_string()
    }

    /// For one call of its own, without patience.
    pub(super) fn within(&self, deadline: Duration) -> WorkProxy<Remote> {
        WorkProxy::over(self.remote.clone().with_deadline(deadline))
    }

    /// Calls until there is an answer, or patience is at its end.
    pub(super) async fn call<V, F, Fut>(&self, call: F) -> Result<V, CallError>
    where
        F: Fn(WorkProxy<Remote>) -> Fut,
        Fut: Future<Output = Result<V, CallError>>,
    {
        let end = Instant::now() + self.patience;
        loop {
            match call(WorkProxy::over(self.remote.clone())).await {
                Err(error) if error.is_worth_retrying() && Instant::now() < end => {
                    sleep(LONGEST_PAUSE.mul_f64(fastrand::f64())).await;
                }
                answer => return answer,
            }
        }
    }

    /// As [`call`](Self::call), for methods that may refuse.
    pub(super) async fn ask<V, F, Fut>(&self, call: F) -> Result<V, QueueError>
    where
        F: Fn(WorkProxy<Remote>) -> Fut,
        Fut: Future<Output = Result<Result<V, Refusal>, CallError>>,
    {
        Ok(self.call(call).await??)
    }

    /// What is worked at, which must be of these types.
    pub(super) async fn terms<T, R>(&self) -> Result<Terms, QueueError>
    where
        T: DeserializeOwned,
        R: DeserializeOwned,
    {
        let terms = self.call(|work| async move { work.terms().await }).await?;
        for (what, theirs, ours) in [
            ("items", &terms.item, Type::of::<T>()),
            ("results", &terms.result, Type::of::<R>()),
        ] {
            if theirs.signature_text() != ours.signature_text() {
                return Err(QueueError::Types {
                    uri: self.uri(),
                    what,
                    theirs: theirs.to_string(),
                    ours: ours.to_string(),
                });
            }
        }
        Ok(terms)
    }
}
