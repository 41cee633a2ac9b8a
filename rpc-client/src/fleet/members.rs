//! The members of a fleet: found once, then kept up to date by a watch of the name service.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::names::{Change, Changes, Entry, Epoch, Selector};
use farcall_shared::uri::{Address, ObjectUri, Uri};
use farcall_shared::wire::codec::Codec;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{FleetError, Outlook};
use crate::Proxy;
use crate::peers::Peers;
use crate::remote::Remote;
use crate::resolve::{ResolveError, names_address, names_at, object_uri};
use crate::retry::Retries;

/// How long one watch waits for a change.
const WATCH_MS: u64 = 5_000;

/// The pause before the name service is asked again after it failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Who belongs to a fleet.
#[derive(Debug)]
pub(super) struct Members<P> {
    pub(super) looked_for: String,
    /// The name service, if they are found there.
    pub(super) names: Option<Address>,
    now: Mutex<Now<P>>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Now<P> {
    /// By the epoch of their registration: a member that comes back is a new one.
    members: BTreeMap<Epoch, Member<P>>,
    shares: HashMap<Arc<str>, u64>,
    /// The epoch of the next member that this process adds.
    added: Epoch,
    outlook: Outlook,
}

/// What the name service is asked for.
#[derive(Debug)]
struct Watch {
    selector: Selector,
    names: Address,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Member<P> {
    pub(super) name: Arc<str>,
    pub(super) proxy: P,
}

impl<P: Proxy> Members<P> {
    /// Asks the name service once, and has a task keep asking until `stop`.
    pub(super) async fn find(uri: &Uri, stop: CancellationToken) -> Result<Arc<Self>, FleetError> {
        let (selector, names) = match uri {
            Uri::Name(uri) => (Selector::Glob(uri.name.clone()), uri.names.as_ref()),
            Uri::Meta(uri) => (
                Selector::All(uri.tags.iter().cloned().collect()),
                uri.names.as_ref(),
            ),
            Uri::Object(_) => return Err(FleetError::NoPattern(uri.to_string())),
        };
        let names = names_address(names)?;
        let members = Arc::new(Self::new(uri.to_string(), Some(names.clone()), []));
        let watch = Watch { selector, names };
        let revision = members.look(&watch, None).await?;
        let watching = Arc::clone(&members);
        Peers::current().tasks().spawn(async move {
            stop.run_until_cancelled(watching.watch(&watch, revision))
                .await;
        });
        Ok(members)
    }

    /// Nobody yet; see [`add`](Self::add).
    pub(super) fn nobody(looked_for: &str) -> Arc<Self> {
        Arc::new(Self::new(looked_for.to_owned(), None, []))
    }

    /// Adds an object that this process knows of; gives its epoch.
    pub(super) fn add(&self, name: &str, uri: ObjectUri) -> Epoch {
        let mut now = self.now.lock();
        let epoch = now.added;
        now.added += 1;
        let name: Arc<str> = name.into();
        now.shares.entry(Arc::clone(&name)).or_default();
        let proxy = proxy(uri.into());
        now.members.insert(epoch, Member { name, proxy });
        drop(now);
        self.changed.send_modify(|count| *count += 1);
        epoch
    }

    /// Takes away what was added.
    pub(super) fn remove(&self, epoch: Epoch) {
        self.now.lock().members.remove(&epoch);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Says who is to come.
    pub(super) fn look_out(&self, outlook: Outlook) {
        self.now.lock().outlook = outlook;
        self.changed.send_modify(|count| *count += 1);
    }

    /// True while nobody is there and somebody sees to it that a member comes.
    pub(super) fn expects_somebody(&self) -> bool {
        let now = self.now.lock();
        now.members.is_empty() && now.outlook == Outlook::More
    }

    /// True when nobody is there and nobody will come.
    pub(super) fn is_given_up(&self) -> bool {
        let now = self.now.lock();
        now.members.is_empty() && matches!(now.outlook, Outlook::NoMore(_))
    }

    /// Those of a list, always the same.
    pub(super) fn list(uris: Vec<Uri>) -> Arc<Self> {
        let looked_for = format!("a list of {} URIs", uris.len());
        let members = uris.into_iter().map(|uri| Member {
            name: uri.to_string().into(),
            proxy: proxy(uri),
        });
        Arc::new(Self::new(looked_for, None, (0..).zip(members)))
    }

    fn new(
        looked_for: String,
        names: Option<Address>,
        members: impl IntoIterator<Item = (Epoch, Member<P>)>,
    ) -> Self {
        let members: BTreeMap<_, Member<P>> = members.into_iter().collect();
        let shares = members.values().map(|member| (Arc::clone(&member.name), 0));
        Self {
            looked_for,
            names,
            now: Mutex::new(Now {
                shares: shares.collect(),
                added: 0,
                outlook: Outlook::Unknown,
                members,
            }),
            changed: watch::Sender::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.now.lock().members.len()
    }

    pub(super) fn all(&self) -> BTreeMap<Epoch, Member<P>> {
        self.now.lock().members.clone()
    }

    /// The error that nobody answers; why nobody will come says more than the last call that failed.
    pub(super) fn empty(&self, last: Option<String>) -> FleetError {
        let now = self.now.lock();
        let last = match &now.outlook {
            Outlook::NoMore(why) => Some(why.clone()),
            Outlook::Unknown | Outlook::More => last,
        };
        FleetError::Empty {
            looked_for: self.looked_for.clone(),
            known: now.members.len(),
            names: self.names.as_ref().map(Address::to_string),
            last,
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn finished_one(&self, name: &Arc<str>) {
        *self.now.lock().shares.entry(Arc::clone(name)).or_default() += 1;
    }

    pub(super) fn shares(&self) -> Vec<(String, u64)> {
        let now = self.now.lock();
        let mut shares: Vec<_> = now
            .shares
            .iter()
            .map(|(name, calls)| (name.to_string(), *calls))
            .collect();
        shares.sort();
        shares
    }

    async fn watch(&self, watch: &Watch, mut revision: u64) {
        loop {
            match self.look(watch, Some(revision)).await {
                Ok(next) => revision = next,
                Err(e) => {
                    tracing::debug!(
                        "the fleet '{}' goes on with what it knows: {e}",
                        self.looked_for
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Applies the changes since a revision; without one, takes a snapshot and does not wait.
    async fn look(&self, watch: &Watch, from: Option<u64>) -> Result<u64, ResolveError> {
        let names = names_at(&watch.names).await?;
        let wait_ms = if from.is_some() { WATCH_MS } else { 0 };
        let answer = names.watch(watch.selector.clone(), from, wait_ms).await?;
        let changes = answer.map_err(|e| ResolveError::Refused(e, watch.names.clone()))?;
        let revision = changes.revision;
        self.apply(changes);
        Ok(revision)
    }

    fn apply(&self, changes: Changes) {
        if changes.changes.is_empty() && !changes.reset {
            return;
        }
        let mut now = self.now.lock();
        let before = if changes.reset {
            std::mem::take(&mut now.members)
        } else {
            BTreeMap::new()
        };
        for change in changes.changes {
            match change {
                Change::Put(entry) => {
                    // Metadata may have changed; the connection of who was there already stays.
                    let known = before
                        .get(&entry.epoch)
                        .or_else(|| now.members.get(&entry.epoch))
                        .cloned();
                    if let Some(member) = known.or_else(|| member(&entry)) {
                        now.shares.entry(Arc::clone(&member.name)).or_default();
                        now.members.insert(entry.epoch, member);
                    }
                }
                Change::Gone { epoch, .. } => {
                    now.members.remove(&epoch);
                }
            }
        }
        drop(now);
        self.changed.send_modify(|count| *count += 1);
    }
}

fn proxy<P: Proxy>(uri: Uri) -> P {
    let remote = Remote::lazy(uri, Some(P::descriptor().into()), Codec::Postcard);
    // The fleet itself decides where a call is tried again.
    P::from_remote(remote.with_retries(Retries::Never))
}

fn member<P: Proxy>(entry: &Entry) -> Option<Member<P>> {
    match object_uri(entry) {
        Ok(uri) => Some(Member {
            name: entry.name.as_str().into(),
            proxy: proxy(uri.into()),
        }),
        Err(e) => {
            tracing::warn!("left out of the fleet: {e}");
            None
        }
    }
}
