//! `nsc watch`: names as they come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use farcall_shared::names::{Change, Changes, Entry, Epoch};
use serde::Serialize;

use super::complain;
use super::names::{AskError, Names, selector};
use super::output::{Output, one_line, print, print_json};

/// How long the name service waits for a change before it answers that there is none.
const WAIT: Duration = Duration::from_secs(5);

/// The pause before a name service that went away is asked again.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn watch(names: &Names, out: Output, pattern: String) -> anyhow::Result<()> {
    tokio::select! {
        end = follow(names, out, pattern) => end,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot watch for ctrl-c"),
    }
}

/// Prints changes until there is nobody to print them for, or the first question fails.
async fn follow(names: &Names, out: Output, pattern: String) -> anyhow::Result<()> {
    let selector = selector(pattern);
    let patient = Names::new(names.address.clone(), names.timeout.saturating_add(WAIT));
    let wait_ms = u64::try_from(WAIT.as_millis()).unwrap_or(u64::MAX);
    let mut known = Known::default();
    let mut from = None;
    let mut away = false;
    loop {
        let service = if from.is_some() { &patient } else { names };
        let answer = service
            .request(async |server| server.watch(selector.clone(), from, wait_ms).await)
            .await;
        match answer {
            Ok(changes) => {
                if std::mem::take(&mut away) {
                    complain(&format!("the name service at {} is back", names.address));
                }
                from = Some(changes.revision);
                for change in known.learn(changes) {
                    show(out, &change)?;
                }
            }
            Err(AskError::Away(why)) if from.is_some() => {
                if !std::mem::replace(&mut away, true) {
                    complain(&format!("waiting for the name service: {why}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// A change as programs read it.
#[derive(Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
enum Line<'a> {
    Put(&'a Entry),
    Gone { name: &'a str, epoch: Epoch },
}

fn show(out: Output, change: &Change) -> anyhow::Result<()> {
    match (out, change) {
        (Output::Json, Change::Put(entry)) => print_json(&Line::Put(entry)),
        (Output::Json, Change::Gone { name, epoch }) => print_json(&Line::Gone {
            name,
            epoch: *epoch,
        }),
        (_, Change::Put(entry)) => print(&one_line(&format!("+ {} {}", entry.name, entry.uri))),
        (_, Change::Gone { name, .. }) => print(&one_line(&format!("- {name}"))),
    }
}

/// What the watcher was told, to tell what a snapshot changes.
#[derive(Debug, Default)]
struct Known(BTreeMap<(String, Epoch), Entry>);

impl Known {
    /// Takes an answer in and gives what is new in it.
    fn learn(&mut self, answer: Changes) -> Vec<Change> {
        let mut news = match answer.reset {
            true => self.missing_from(&answer.changes),
            false => Vec::new(),
        };
        news.extend(answer.changes);
        news.retain(|change| match change {
            Change::Put(entry) => {
                let key = (entry.name.clone(), entry.epoch);
                self.0.insert(key, entry.clone()).as_ref() != Some(entry)
            }
            Change::Gone { name, epoch } => self.0.remove(&(name.clone(), *epoch)).is_some(),
        });
        news
    }

    fn missing_from(&self, snapshot: &[Change]) -> Vec<Change> {
        let there: BTreeSet<(&str, Epoch)> = snapshot
            .iter()
            .filter_map(|change| match change {
                Change::Put(entry) => Some((entry.name.as_str(), entry.epoch)),
                Change::Gone { .. } => None,
            })
            .collect();
        let gone = self
            .0
            .keys()
            .filter(|(name, epoch)| !there.contains(&(name.as_str(), *epoch)));
        gone.map(|(name, epoch)| Change::Gone {
            name: name.clone(),
            epoch: *epoch,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(name: &str, epoch: Epoch, tag: &str) -> Change {
        Change::Put(Entry {
            name: name.into(),
            uri: format!("far:{name}@h:1"),
            metadata: BTreeSet::from([tag.to_owned()]),
            epoch,
            lease: None,
        })
    }

    fn gone(name: &str, epoch: Epoch) -> Change {
        Change::Gone {
            name: name.into(),
            epoch,
        }
    }

    fn answer(reset: bool, changes: &[Change]) -> Changes {
        Changes {
            reset,
            changes: changes.to_vec(),
            revision: 1,
        }
    }

    #[test]
    fn a_snapshot_tells_only_what_it_changes() {
        let mut known = Known::default();
        let first = [put("a", 1, "x"), put("b", 2, "x")];
        assert_eq!(known.learn(answer(true, &first)), first);
        assert_eq!(known.learn(answer(true, &first)), []);
        let restarted = [put("a", 1, "y"), put("b", 9, "x"), put("c", 3, "x")];
        let expected = [
            gone("b", 2),
            put("a", 1, "y"),
            put("b", 9, "x"),
            put("c", 3, "x"),
        ];
        assert_eq!(known.learn(answer(true, &restarted)), expected);
    }

    #[test]
    fn changes_are_told_in_their_order() {
        let mut known = Known::default();
        let changes = [
            put("a", 1, "x"),
            put("a", 1, "y"),
            gone("a", 1),
            put("a", 2, "x"),
        ];
        assert_eq!(known.learn(answer(false, &changes)), changes);
        assert_eq!(
            known.learn(answer(true, &[])),
            [gone("a", 2)],
            "it was told"
        );
        assert_eq!(
            known.learn(answer(true, &[])),
            [],
            "what is gone is forgotten"
        );
    }
}
