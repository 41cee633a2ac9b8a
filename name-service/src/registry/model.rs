//! The registry against a model that is slow and plain, driven by random commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use farcall_shared::names::{
    Change, Changes, Cursor, Entry, Epoch, LeaseId, Mode, NameError, Registration, Selector,
};

use super::{Hold, Inconsistent, Limits, Record, Registry};

/// A registry as one would write it on a blackboard.
#[derive(Clone, Debug, Default)]
struct Model {
    entries: Vec<(Entry, Hold)>,
    leases: Vec<(LeaseId, Duration, Duration)>,
    last_epoch: Epoch,
}

impl Model {
    fn of(&self, name: &str) -> Vec<&(Entry, Hold)> {
        self.entries
            .iter()
            .filter(|(entry, _)| entry.name == name)
            .collect()
    }

    fn expire(&mut self, now: Duration) {
        let over: Vec<_> = self
            .leases
            .iter()
            .filter(|l| l.2 <= now)
            .map(|l| l.0)
            .collect();
        over.into_iter().for_each(|id| self.end(id));
    }

    fn end(&mut self, id: LeaseId) {
        self.leases.retain(|lease| lease.0 != id);
        self.entries.retain(|(entry, _)| entry.lease != Some(id));
    }

    fn alive(&self, now: Duration, id: LeaseId) -> bool {
        self.leases
            .iter()
            .any(|lease| lease.0 == id && lease.2 > now)
    }

    /// What registering must answer: an epoch, or the kind of the refusal.
    fn register(&mut self, now: Duration, request: &Registration) -> Result<Epoch, &'static str> {
        self.expire(now);
        if request.lease.is_some_and(|id| !self.alive(now, id)) {
            return Err("lease");
        }
        let held = self.of(&request.name);
        let alone = held.iter().any(|(_, hold)| *hold == Hold::Alone);
        let same_uri = held.iter().find(|(entry, _)| entry.uri == request.uri);
        let own = same_uri.filter(|(entry, _)| entry.lease == request.lease);
        let joins = request.mode == Mode::Join;
        if let Some(epoch) = own.filter(|_| alone != joins).map(|(entry, _)| entry.epoch) {
            let kept = self
                .entries
                .iter_mut()
                .find(|(entry, _)| entry.epoch == epoch);
            kept.unwrap().0.metadata = request.metadata.clone();
            return Ok(epoch);
        }
        let gone: Vec<Epoch> = match request.mode {
            Mode::Exclusive if !held.is_empty() => return Err("taken"),
            Mode::Exclusive => Vec::new(),
            Mode::Join if alone => return Err("taken"),
            Mode::Join => same_uri.iter().map(|(entry, _)| entry.epoch).collect(),
            Mode::Replace { expected } => {
                let all: Vec<_> = held.iter().map(|(entry, _)| entry.epoch).collect();
                let fits = match expected {
                    None => true,
                    Some(0) => all.is_empty(),
                    Some(expected) => all == [expected],
                };
                if !fits {
                    return Err("epoch");
                }
                all
            }
        };
        self.entries
            .retain(|(entry, _)| !gone.contains(&entry.epoch));
        self.last_epoch += 1;
        let Registration {
            name,
            uri,
            metadata,
            lease,
            ..
        } = request.clone();
        let hold = if joins { Hold::Member } else { Hold::Alone };
        self.entries.push((
            Entry {
                name,
                uri,
                metadata,
                epoch: self.last_epoch,
                lease,
            },
            hold,
        ));
        Ok(self.last_epoch)
    }

    fn list(&self, selects: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(entry, _)| entry)
            .filter(|e| selects(e))
            .cloned()
            .collect();
        entries.sort_by_key(|entry| (entry.name.clone(), entry.epoch));
        entries
    }
}

/// A selector in plain code.
type Selects = fn(&Entry) -> bool;

/// One who follows a selector through what a watch answers.
struct Watcher {
    selector: Selector,
    selects: Selects,
    known: BTreeMap<(String, Epoch), Entry>,
    since: Option<u64>,
    resets: usize,
}

impl Watcher {
    fn all() -> Vec<Self> {
        let selectors: [(Selector, Selects); 5] = [
            (Selector::Prefix(String::new()), |_| true),
            (Selector::Prefix("a".into()), |entry| {
                entry.name.starts_with('a')
            }),
            (Selector::Glob("?[12]".into()), |entry| {
                entry.name.ends_with(['1', '2'])
            }),
            (Selector::All(tags(3)), |entry| entry.metadata.len() == 2),
            (Selector::Any(tags(1)), |entry| {
                entry.metadata.contains("t0")
            }),
        ];
        let watcher = |(selector, selects)| Self {
            selector,
            selects,
            known: BTreeMap::new(),
            since: None,
            resets: 0,
        };
        selectors.map(watcher).into()
    }

    fn follow(&mut self, registry: &Registry) {
        let Changes {
            reset,
            changes,
            revision,
        } = registry.changes_since(&self.selector, self.since).unwrap();
        if reset {
            self.known.clear();
            self.resets += 1;
        }
        for change in changes {
            match change {
                Change::Put(entry) => {
                    self.known.insert((entry.name.clone(), entry.epoch), entry);
                }
                Change::Gone { name, epoch } => {
                    assert!(
                        self.known.remove(&(name, epoch)).is_some(),
                        "gone but unknown"
                    );
                }
            }
        }
        self.since = Some(revision);
    }
}

fn tags(bits: u8) -> BTreeSet<String> {
    (0..2)
        .filter(|bit| bits >> bit & 1 == 1)
        .map(|bit| format!("t{bit}"))
        .collect()
}

fn kind(error: &NameError) -> &'static str {
    match error {
        NameError::Taken { .. } => "taken",
        NameError::Epoch { .. } => "epoch",
        NameError::Lease { .. } => "lease",
        _ => "other",
    }
}

fn listed(registry: &Registry, selector: &Selector, limit: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = registry.list(selector, after.as_ref(), limit).unwrap();
        entries.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return entries;
        }
    }
}

/// Everything that can be seen of a registry, its internals by their debug text.
fn everything(registry: &Registry) -> String {
    let Registry {
        table,
        next_epoch,
        revision,
        history,
        pending,
        ..
    } = registry;
    format!("{table:?} {next_epoch} {revision} {history:?} {pending:?}")
}

struct Run {
    random: fastrand::Rng,
    registry: Registry,
    model: Model,
    now: Duration,
    /// What a store would hold: the records of all confirmed changes.
    stored: Vec<Record>,
}

impl Run {
    fn name(&mut self) -> String {
        ["a1", "a2", "b1", "b2", "b3"][self.random.usize(0..5)].to_owned()
    }

    fn epoch(&mut self) -> Epoch {
        let near = self.model.last_epoch.saturating_sub(6)..=self.model.last_epoch;
        self.random.u64(near)
    }

    fn lease(&mut self) -> Option<LeaseId> {
        let leases: Vec<_> = self.model.leases.iter().map(|lease| lease.0).collect();
        self.random
            .choice(leases)
            .filter(|_| self.random.u8(0..4) > 0)
    }

    fn step(&mut self) {
        match self.random.u8(0..100) {
            0..50 => self.register(),
            50..58 => {
                let ttl = self.random.u64(1..6);
                let lease = self.registry.grant(self.now, ttl * 1_000).unwrap();
                let ttl = Duration::from_secs(ttl);
                self.model.leases.push((lease.id, ttl, self.now + ttl));
            }
            58..66 => self.keep_alive(),
            66..70 => self.revoke(),
            70..78 => {
                let name = self.name();
                let count = self.model.of(&name).len();
                self.model.entries.retain(|(entry, _)| entry.name != name);
                assert_eq!(self.registry.remove(&name), count);
            }
            78..84 => {
                let (name, epoch) = (self.name(), self.epoch());
                let there = |(entry, _): &(Entry, Hold)| entry.name == name && entry.epoch == epoch;
                let expected = self.model.entries.iter().any(there);
                self.model.entries.retain(|entry| !there(entry));
                assert_eq!(self.registry.withdraw(&name, epoch).is_ok(), expected);
            }
            84..92 => {
                let (name, metadata) = (self.name(), tags(self.random.u8(0..4)));
                let there = !self.model.of(&name).is_empty();
                assert_eq!(self.registry.set_metadata(&name, &metadata).is_ok(), there);
                for (entry, _) in &mut self.model.entries {
                    if entry.name == name {
                        entry.metadata = metadata.clone();
                    }
                }
            }
            _ => {
                self.now += Duration::from_millis(self.random.u64(0..2_000));
                self.registry.expire(self.now);
                self.model.expire(self.now);
            }
        }
    }

    fn register(&mut self) {
        let mode = match self.random.u8(0..5) {
            0 | 1 => Mode::Exclusive,
            2 | 3 => Mode::Join,
            _ => Mode::Replace {
                expected: self.random.bool().then(|| self.epoch()),
            },
        };
        let uri = format!("far:{}", self.random.u8(0..3));
        let (name, metadata, lease) = (self.name(), tags(self.random.u8(0..4)), self.lease());
        let request = Registration {
            name,
            uri,
            metadata,
            mode,
            lease,
        };
        let expected = self.model.register(self.now, &request);
        let result = self.registry.register(self.now, request.clone());
        assert_eq!(
            result.as_ref().copied().map_err(kind),
            expected,
            "{request:?}"
        );
        if let Err(NameError::Taken { owner, epoch, .. }) = result {
            let held = self.model.of(&request.name);
            assert!(
                held.iter()
                    .any(|(entry, _)| entry.uri == owner && entry.epoch == epoch)
            );
        }
    }

    fn keep_alive(&mut self) {
        if let Some(id) = self.lease() {
            let alive = self.model.alive(self.now, id);
            assert_eq!(self.registry.keep_alive(self.now, id).is_ok(), alive);
            let now = self.now;
            let lease = self
                .model
                .leases
                .iter_mut()
                .find(|lease| lease.0 == id)
                .filter(|_| alive);
            lease.into_iter().for_each(|lease| lease.2 = now + lease.1);
        }
    }

    fn revoke(&mut self) {
        if let Some(id) = self.lease() {
            let count = self
                .model
                .entries
                .iter()
                .filter(|(e, _)| e.lease == Some(id))
                .count();
            let alive = self.model.alive(self.now, id);
            assert_eq!(
                self.registry.revoke(self.now, id).ok(),
                alive.then_some(count)
            );
            if alive {
                self.model.end(id);
            }
        }
    }

    /// A batch that ends in one of the three ways a store may let it end.
    fn batch(&mut self) {
        let (before, model) = (everything(&self.registry), self.model.clone());
        let now = self.now;
        for _ in 0..self.random.usize(1..8) {
            self.step();
        }
        match self.random.u8(0..3) {
            0 => {
                self.registry.undo();
                (self.model, self.now) = (model, now);
                // A renewal is no change that a store could refuse.
                let leases = &self.registry.table.leases;
                for lease in &mut self.model.leases {
                    let id = std::num::NonZeroU64::new(lease.0).unwrap();
                    lease.2 = leases.remaining(id, Duration::ZERO).unwrap();
                }
                if !self.renewed(&before) {
                    assert_eq!(everything(&self.registry), before);
                }
            }
            1 => {
                self.stored.extend(self.registry.take_log());
                self.registry.confirm();
            }
            _ => {
                let log = self.registry.take_log();
                self.registry.undo();
                self.registry.redo(self.now, &log).unwrap();
                for lease in &mut self.model.leases {
                    let id = std::num::NonZeroU64::new(lease.0).unwrap();
                    let expires = self.registry.table.leases.remaining(id, Duration::ZERO);
                    lease.2 = expires.unwrap();
                }
                self.stored.extend(log);
            }
        }
    }

    /// Whether a lease was renewed since `before`, which undoing leaves as it is.
    fn renewed(&self, before: &str) -> bool {
        let due = |text: &str| {
            text.split("due: ")
                .nth(1)
                .and_then(|t| t.split('}').next())
                .map(str::to_owned)
        };
        due(&everything(&self.registry)) != due(before)
    }

    fn check(&mut self, watchers: &mut [Watcher]) {
        let limit = self.random.usize(1..6);
        for watcher in watchers {
            let expected = self.model.list(watcher.selects);
            assert_eq!(listed(&self.registry, &watcher.selector, limit), expected);
            if self.random.u8(0..6) == 0 {
                watcher.follow(&self.registry);
                let known: Vec<Entry> = watcher.known.values().cloned().collect();
                assert_eq!(known, expected, "{:?}", watcher.selector);
            }
        }
        for name in ["a1", "a2", "b1", "b2", "b3"] {
            let expected = self.model.list(|entry| entry.name == name);
            assert_eq!(self.registry.lookup(name).unwrap_or_default(), expected);
        }
        assert_eq!(self.registry.count(), self.model.entries.len());
        let names: BTreeSet<_> = self
            .model
            .entries
            .iter()
            .map(|(entry, _)| &entry.name)
            .collect();
        assert_eq!(self.registry.table.names(), names.len());
        let next = self.model.leases.iter().map(|lease| lease.2).min();
        assert_eq!(self.registry.next_expiry(), next);
    }
}

#[test]
fn the_registry_agrees_with_a_plain_model_whatever_happens() {
    let seed = std::env::var("FARCALL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("FARCALL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut resets = 0;
    for _ in 0..60 {
        let limits = Limits {
            history: random.usize(0..200),
            ..Limits::default()
        };
        let mut run = Run {
            registry: Registry::new(limits, random.u64(..)),
            random: random.fork(),
            model: Model::default(),
            now: Duration::from_secs(1),
            stored: Vec::new(),
        };
        let mut watchers = Watcher::all();
        for _ in 0..200 {
            run.batch();
            run.check(&mut watchers);
        }
        resets += watchers.iter().map(|watcher| watcher.resets).sum::<usize>();
        let mut replayed = Registry::new(limits, 0);
        for batch in run
            .stored
            .split_inclusive(|r| matches!(r, Record::Counters { .. }))
        {
            replayed.redo(run.now, batch).unwrap();
        }
        let every = Selector::Prefix(String::new());
        assert_eq!(
            listed(&replayed, &every, 100),
            listed(&run.registry, &every, 100)
        );
        assert_eq!(replayed.revision(), run.registry.revision());
        restores(&run, limits);
    }
    assert!(resets > 300, "a history that is too short was never met");
}

/// What a store would hold at the end makes the same registry again.
fn restores(run: &Run, limits: Limits) {
    let leases = run.model.leases.iter().map(|lease| Record::Granted {
        id: lease.0,
        ttl_ms: lease.1.as_millis() as u64,
    });
    let entries = run.model.entries.iter().map(|(entry, hold)| Record::Put {
        entry: entry.clone(),
        hold: *hold,
    });
    let counters = Record::Counters {
        next_epoch: run.registry.next_epoch,
        revision: run.registry.revision,
    };
    let records = leases
        .chain(entries)
        .chain([counters])
        .map(Ok::<_, Inconsistent>);
    let restored = Registry::restore(limits, 0, run.now, records).unwrap();
    let every = Selector::Prefix(String::new());
    assert_eq!(
        listed(&restored, &every, 100),
        listed(&run.registry, &every, 100)
    );
    let revision = restored.revision();
    assert!(
        !restored
            .changes_since(&every, Some(revision))
            .unwrap()
            .reset
    );
    for other in [revision + 1, revision.saturating_sub(1)] {
        assert!(other == revision || restored.changes_since(&every, Some(other)).unwrap().reset);
    }
}
