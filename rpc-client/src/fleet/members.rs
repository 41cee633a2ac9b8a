//! The members of a fleet: found once, then kept up to date by a watch of the name service.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farcall_shared::names::{Change, Changes, Epoch, Selector};
use farcall_shared::uri::{Address, ObjectUri, Uri};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::learned::Learned;
use super::member::Member;
use super::{FleetError, Outlook};
use crate::Proxy;
use crate::peers::Peers;
use crate::resolve::{ResolveError, names_address, names_at, object_uri};

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
    pub(super) learned: Mutex<Learned>,
    /// What `now` of everything that is known of members counts from.
    start: Instant,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
}

/// Members, by the epoch of their registration: one that comes back is a new one.
pub(super) type All<P> = BTreeMap<Epoch, Arc<Member<P>>>;

#[derive(Debug)]
struct Now<P> {
    members: Arc<All<P>>,
    /// Items that were finished, by name.
    shares: HashMap<Arc<str>, Arc<AtomicU64>>,
    /// The epoch of the next member that this process adds.
    added: Epoch,
    outlook: Outlook,
}

impl<P: Proxy> Now<P> {
    fn member(&mut self, name: &str, uri: Uri, came: Duration) -> Member<P> {
        let name: Arc<str> = name.into();
        let finished = self.shares.entry(Arc::clone(&name)).or_default();
        Member::new(name, uri, came, Arc::clone(finished))
    }
}

/// What the name service is asked for.
#[derive(Debug)]
struct Watch {
    selector: Selector,
    names: Address,
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
            Uri::Object(_) | Uri::Python(_) => return Err(FleetError::NoPattern(uri.to_string())),
        };
        let names = names_address(names)?;
        let members = Arc::new(Self::new(uri.to_string(), Some(names.clone())));
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
        Arc::new(Self::new(looked_for.to_owned(), None))
    }

    /// Adds an object that this process knows of; gives its epoch.
    pub(super) fn add(&self, name: &str, uri: ObjectUri) -> Epoch {
        let mut now = self.now.lock();
        let epoch = now.added;
        now.added += 1;
        let member = now.member(name, uri.into(), self.now());
        Arc::make_mut(&mut now.members).insert(epoch, Arc::new(member));
        drop(now);
        self.changed.send_modify(|count| *count += 1);
        epoch
    }

    /// Takes away what was added.
    pub(super) fn remove(&self, epoch: Epoch) {
        Arc::make_mut(&mut self.now.lock().members).remove(&epoch);
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
        let members = Arc::new(Self::new(format!("a list of {} URIs", uris.len()), None));
        let mut now = members.now.lock();
        for uri in uris {
            let member = now.member(&uri.to_string(), uri, Duration::ZERO);
            let epoch = now.members.len() as Epoch;
            Arc::make_mut(&mut now.members).insert(epoch, Arc::new(member));
        }
        drop(now);
        members
    }

    fn new(looked_for: String, names: Option<Address>) -> Self {
        Self {
            looked_for,
            names,
            now: Mutex::new(Now {
                members: Arc::default(),
                shares: HashMap::new(),
                added: 0,
                outlook: Outlook::Unknown,
            }),
            learned: Mutex::default(),
            start: Instant::now(),
            changed: watch::Sender::new(0),
        }
    }

    /// The time, as what is known of members counts it.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn len(&self) -> usize {
        self.now.lock().members.len()
    }

    pub(super) fn all(&self) -> Arc<All<P>> {
        Arc::clone(&self.now.lock().members)
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

    /// The error that too few came.
    pub(super) fn too_few(&self, wanted: usize, within: Duration) -> FleetError {
        FleetError::TooFew {
            looked_for: self.looked_for.clone(),
            wanted,
            known: self.len(),
            within,
            names: self.names.as_ref().map(Address::to_string),
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn shares(&self) -> Vec<(String, u64)> {
        let now = self.now.lock();
        let mut shares: Vec<_> = now
            .shares
            .iter()
            .map(|(name, items)| (name.to_string(), items.load(Ordering::Relaxed)))
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
        // Those who are told of together came together.
        let came = self.now();
        let mut members = All::clone(&now.members);
        let before = match changes.reset {
            true => std::mem::take(&mut members),
            false => All::new(),
        };
        for change in changes.changes {
            match change {
                Change::Put(entry) => {
                    // Metadata may have changed; the connection of who was there already stays.
                    let known = before.get(&entry.epoch).or(members.get(&entry.epoch));
                    let member = match known {
                        Some(member) => Member::clone(member),
                        None => match object_uri(&entry) {
                            Ok(uri) => now.member(&entry.name, uri.into(), came),
                            Err(e) => {
                                tracing::warn!("left out of the fleet: {e}");
                                continue;
                            }
                        },
                    };
                    let member = Arc::new(member.tagged(&entry.metadata));
                    members.insert(entry.epoch, member);
                }
                Change::Gone { epoch, .. } => {
                    members.remove(&epoch);
                }
            }
        }
        now.members = Arc::new(members);
        drop(now);
        self.changed.send_modify(|count| *count += 1);
    }
}
