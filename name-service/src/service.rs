//! The name service as a remote object: readers look at the registry, changes go through the one writer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::names::{
    Changes, Cursor, Entry, Epoch, Lease, LeaseId, MAX_PAGE, NameError, NameServer, Page,
    Registration, Revision, Selector,
};

use tokio_util::sync::CancellationToken;

use crate::writer::Writer;

/// The longest that a watch waits for a change.
const LONGEST_WATCH: Duration = Duration::from_secs(60);

/// What is hosted as `Far.NameServer`.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    writer: Arc<Writer>,
    /// Watches that wait are answered when the service ends.
    ending: CancellationToken,
}

impl Service {
    pub(crate) fn new(writer: Writer, ending: CancellationToken) -> Self {
        Self {
            writer: Arc::new(writer),
            ending,
        }
    }
}

impl NameServer for Service {
    async fn register(&self, registration: Registration) -> Result<Epoch, NameError> {
        self.writer
            .change(move |registry, now| registry.register(now, registration))
            .await
    }

    async fn lookup(&self, name: String) -> Result<Vec<Entry>, NameError> {
        self.writer.registry().lookup(&name)
    }

    async fn list(
        &self,
        selector: Selector,
        after: Option<Cursor>,
        limit: u64,
    ) -> Result<Page, NameError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_PAGE);
        self.writer
            .registry()
            .list(&selector, after.as_ref(), limit)
    }

    async fn remove(&self, name: String) -> Result<u64, NameError> {
        self.writer
            .change(move |registry, _| match registry.remove(&name) {
                // A look-up knows which names look like it.
                0 => registry.lookup(&name).map(|entries| entries.len() as u64),
                count => Ok(count as u64),
            })
            .await
    }

    async fn withdraw(&self, name: String, epoch: Epoch) -> Result<(), NameError> {
        let withdrawn = self
            .writer
            .change(move |registry, _| registry.withdraw(&name, epoch))
            .await;
        gone_is_gone(withdrawn)
    }

    async fn set_metadata(
        &self,
        name: String,
        metadata: BTreeSet<String>,
    ) -> Result<(), NameError> {
        self.writer
            .change(move |registry, _| registry.set_metadata(&name, &metadata).map(|_| ()))
            .await
    }

    async fn count(&self) -> u64 {
        self.writer.registry().count() as u64
    }

    async fn ping(&self) {}

    async fn watch(
        &self,
        selector: Selector,
        from: Option<Revision>,
        wait_ms: u64,
    ) -> Result<Changes, NameError> {
        let until = tokio::time::Instant::now() + Duration::from_millis(wait_ms).min(LONGEST_WATCH);
        let mut news = self.writer.news();
        loop {
            news.borrow_and_update();
            let changes = self.writer.registry().changes_since(&selector, from)?;
            if changes.reset || !changes.changes.is_empty() {
                return Ok(changes);
            }
            let news = tokio::time::timeout_at(until, news.changed());
            match self.ending.run_until_cancelled(news).await {
                Some(Ok(Ok(()))) => {}
                // The time is over, or the service ends: the watcher asks again from here.
                _ => return Ok(changes),
            }
        }
    }

    async fn grant(&self, ttl_ms: u64) -> Result<Lease, NameError> {
        self.writer
            .change(move |registry, now| registry.grant(now, ttl_ms))
            .await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Lease, NameError> {
        self.writer
            .change(move |registry, now| registry.keep_alive(now, lease))
            .await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), NameError> {
        let revoked = self
            .writer
            .change(move |registry, now| registry.revoke(now, lease).map(|_| ()))
            .await;
        gone_is_gone(revoked)
    }
}

/// What was taken away before needs no taking away: repeating it does no harm.
fn gone_is_gone(result: Result<(), NameError>) -> Result<(), NameError> {
    match result {
        Err(NameError::Unknown { .. } | NameError::Epoch { .. } | NameError::Lease { .. }) => {
            Ok(())
        }
        result => result,
    }
}
