//! One name service, asked within a time.

use std::collections::BTreeSet;
use std::time::Duration;

use farcall_client::{NameServerProxy, names_at};
use farcall_shared::error::CallError;
use farcall_shared::link::Bound;
use farcall_shared::names::{Entry, NameError, Selector};
use farcall_shared::uri::Address;
use tokio::time::timeout;

/// The entries to ask for at a time: at their longest they fit into a message several times.
const PAGE: u64 = 1_000;

/// Where the name service is and how long an answer may take.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) address: Address,
    pub(super) timeout: Duration,
}

/// Why the name service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// It is not there, or what is there is no name service, or too slow.
    #[error("{0}")]
    Away(String),
    /// It is there and refuses.
    #[error("{0} (at the name service {1})")]
    Refused(NameError, Address),
}

impl Names {
    pub(super) fn new(address: Address, timeout: Duration) -> Self {
        Self { address, timeout }
    }

    /// Asks what cannot be refused.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(NameServerProxy<Bound>) -> Result<T, CallError>,
    ) -> Result<T, AskError> {
        let answer = async {
            let server = names_at(&self.address)
                .await
                .map_err(|e| AskError::Away(format!("{:#}", anyhow::Error::from(e))))?;
            question(server).await.map_err(|e| {
                AskError::Away(format!(
                    "the name service at {} did not answer: {e}",
                    self.address
                ))
            })
        };
        match timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Away(format!(
                "no answer from the name service at {} within {:?}; wait longer with --timeout, or name another one with --ns",
                self.address, self.timeout
            ))),
        }
    }

    /// Asks what can be refused.
    pub(super) async fn request<T>(
        &self,
        question: impl AsyncFnOnce(NameServerProxy<Bound>) -> Result<Result<T, NameError>, CallError>,
    ) -> Result<T, AskError> {
        let answer = self.ask(question).await?;
        answer.map_err(|e| AskError::Refused(e, self.address.clone()))
    }

    /// The registrations of a name.
    pub(super) async fn lookup(&self, name: &str) -> Result<Vec<Entry>, AskError> {
        self.request(async |server| server.lookup(name.to_owned()).await)
            .await
    }

    /// Everything that a selector selects.
    pub(super) async fn list(&self, selector: &Selector) -> Result<Vec<Entry>, AskError> {
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .request(async |server| server.list(selector.clone(), after, PAGE).await)
                .await?;
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                return Ok(entries);
            }
        }
    }
}

/// Names by a pattern if it looks like one, else by their beginning.
pub(super) fn selector(pattern: String) -> Selector {
    match pattern.contains(['*', '?', '[']) {
        true => Selector::Glob(pattern),
        false => Selector::Prefix(pattern),
    }
}

/// Tags as the name service takes them.
pub(super) fn tag_set(tags: Vec<String>) -> BTreeSet<String> {
    tags.into_iter().collect()
}
