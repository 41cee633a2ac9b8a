//! One member of a fleet, and what all jobs know of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farcall_shared::uri::Uri;
use farcall_shared::wire::codec::Codec;
use parking_lot::Mutex;

use super::balance::Candidate;
use super::load::{self, Load};
use crate::Proxy;
use crate::remote::Remote;
use crate::retry::Retries;

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Member<P> {
    pub(super) name: Arc<str>,
    pub(super) proxy: P,
    weight: f64,
    zone: Option<Arc<str>>,
    /// When, as the fleet's time goes.
    pub(super) came: Duration,
    pub(super) load: Arc<Mutex<Load>>,
    /// Items it finished, for all members of its name.
    finished: Arc<AtomicU64>,
}

impl<P: Proxy> Member<P> {
    pub(super) fn new(name: Arc<str>, uri: Uri, came: Duration, finished: Arc<AtomicU64>) -> Self {
        let remote = Remote::lazy(uri, Some(P::descriptor().into()), Codec::Postcard);
        Self {
            name,
            // The fleet itself decides where a call is tried again.
            proxy: P::from_remote(remote.with_retries(Retries::Never)),
            weight: 1.0,
            zone: None,
            came,
            load: Arc::new(Mutex::new(Load::new())),
            finished,
        }
    }

    /// The same member with this metadata.
    pub(super) fn tagged(mut self, tags: &BTreeSet<String>) -> Self {
        let tag = |key: &str| tags.iter().find_map(|tag| tag.strip_prefix(key));
        let weight = tag("weight=").and_then(|text| text.parse().ok());
        self.weight = weight
            .filter(|weight: &f64| weight.is_normal() && *weight > 0.0)
            .unwrap_or(1.0);
        self.zone = tag("zone=").map(Arc::from);
        self
    }

    pub(super) fn finished(&self, items: u64) {
        self.finished.fetch_add(items, Ordering::Relaxed);
    }

    /// As a policy sees it, and whether it is put aside; `first` is when the member came that came first.
    pub(super) fn candidate(&self, now: Duration, first: Duration) -> (Candidate<'_>, Health) {
        let age = |came| now.saturating_sub(came);
        let known = self.load.lock();
        let candidate = Candidate {
            name: &self.name,
            in_flight: known.in_flight,
            latency: known.latency(),
            weight: self.weight * load::part(age(self.came), age(first)),
            zone: self.zone.as_deref(),
        };
        let health = match known.is_ejected(now) {
            true => Health::Ejected,
            false => Health::Good,
        };
        (candidate, health)
    }
}

/// Whether a member gets calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    /// It failed again and again, and is put aside for a while.
    Ejected,
}
