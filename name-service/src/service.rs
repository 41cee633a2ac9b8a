//! The name service as a remote object: readers look at the registry, changes go through the one writer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::names::{
    Changes, Cursor, Entry, Epoch, Lease, LeaseId, MAX_PAGE, NameError, NameServer, Page, Registration, Revision,
    Selector,
};

use crate::writer::Writer;

/// The longest that a watch waits for a change.
const LONGEST_WATCH: Duration = Duration::from_secs(60);

/// What is hosted as `Far.NameServer`.
#[derive(Clone, Debug)]
pub(crate) struct Service(Arc<Writer>);

impl Service {
    pub(crate) fn new(writer: Writer) -> Self {
        Self(Arc::new(writer))
    }
}

impl NameServer for Service {
    async fn register(&self, registration: Registration) -> Result<Epoch, NameError> {
        self.0.change(move |registry, now| registry.register(now, registration)).await
    }

    async fn lookup(&self, name: String) -> Result<Vec<Entry>, NameError> {
        self.0.registry().lookup(&name)
    }

    async fn list(&self, selector: Selector, after: Option<Cursor>, limit: u64) -> Result<Page, NameError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_PAGE);
        self.0.registry().list(&selector, after.as_ref(), limit)
    }

    async fn remove(&self, name: String) -> Result<u64, NameError> {
        self.0
            .change(move |registry, _| match registry.remove(&name) {
                // A look-up knows which names look like it.
                0 => registry.lookup(&name).map(|entries| entries.len() as u64),
                count => Ok(count as u64),
            })
            .await
    }

    async fn withdraw(&self, name: String, epoch: Epoch) -> Result<(), NameError> {
        self.0.change(move |registry, _| registry.withdraw(&name, epoch)).await
    }

    async fn set_metadata(&self, name: String, metadata: BTreeSet<String>) -> Result<(), NameError> {
        self.0.change(move |registry, _| registry.set_metadata(&name, &metadata).map(|_| ())).await
    }

    async fn count(&self) -> u64 {
        self.0.registry().count() as u64
    }

    async fn ping(&self) {}

    async fn watch(&self, selector: Selector, from: Option<Revision>, wait_ms: u64) -> Result<Changes, NameError> {
        let until = tokio::time::Instant::now() + Duration::from_millis(wait_ms).min(LONGEST_WATCH);
        let mut news = self.0.news();
        loop {
            news.borrow_and_update();
            let changes = self.0.registry().changes_since(&selector, from)?;
            if changes.reset || !changes.changes.is_empty() {
                return Ok(changes);
            }
            match tokio::time::timeout_at(until, news.changed()).await {
                Ok(Ok(())) => {}
                // The time is over, or the service ends: the watcher asks again from here.
                Ok(Err(_)) | Err(_) => return Ok(changes),
            }
        }
    }

    async fn grant(&self, ttl_ms: u64) -> Result<Lease, NameError> {
        self.0.change(move |registry, now| registry.grant(now, ttl_ms)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Lease, NameError> {
        self.0.change(move |registry, now| registry.keep_alive(now, lease)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), NameError> {
        self.0.change(move |registry, now| registry.revoke(now, lease).map(|_| ())).await
    }
}
