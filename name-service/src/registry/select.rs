//! Selectors at work: pages, snapshots, and the part of history that a watch sees.

use std::collections::BTreeSet;

use farcall_shared::names::{
    Change, Changes, Cursor, MAX_PAGE, NameError, Page, Revision, Selector,
};

use super::check;
use super::journal::Edit;
use super::slot::Held;
use super::table::Table;
use crate::glob::Glob;

/// The most entries that one page looks at.
const MAX_SCANNED: usize = 100_000;

/// A selector that was parsed.
enum Matcher<'a> {
    Prefix(&'a str),
    Glob(Glob),
    All(&'a BTreeSet<String>),
    Any(&'a BTreeSet<String>),
}

impl<'a> Matcher<'a> {
    fn parse(selector: &'a Selector) -> Result<Self, NameError> {
        match selector {
            Selector::Prefix(prefix) => {
                check::prefix(prefix)?;
                Ok(Self::Prefix(prefix))
            }
            Selector::Glob(pattern) => {
                check::pattern(pattern)?;
                let glob = Glob::parse(pattern);
                glob.map(Self::Glob)
                    .map_err(|why| check::invalid("pattern", pattern, why))
            }
            Selector::All(tags) => {
                check::tags(tags)?;
                Ok(Self::All(tags))
            }
            Selector::Any(tags) => {
                check::tags(tags)?;
                Ok(Self::Any(tags))
            }
        }
    }

    /// What every selected name begins with.
    fn prefix(&self) -> &str {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Glob(glob) => glob.literal_prefix(),
            Self::All(_) | Self::Any(_) => "",
        }
    }

    fn selects(&self, name: &str, held: &Held) -> bool {
        match self {
            Self::Prefix(prefix) => name.starts_with(prefix),
            Self::Glob(glob) => glob.matches(name),
            Self::All(tags) => tags
                .iter()
                .all(|tag| held.tags().any(|carried| carried == tag)),
            Self::Any(tags) => held.tags().any(|carried| tags.contains(carried)),
        }
    }
}

pub(super) fn page(
    table: &Table,
    selector: &Selector,
    after: Option<&Cursor>,
    limit: usize,
    revision: Revision,
) -> Result<Page, NameError> {
    let matcher = Matcher::parse(selector)?;
    let limit = limit.clamp(1, MAX_PAGE);
    let start = after.map_or(matcher.prefix(), |after| matcher.prefix().max(&after.name));
    let mut page = Page {
        entries: Vec::new(),
        next: None,
        revision,
    };
    let mut last = None;
    let candidates = candidates(table, matcher.prefix(), start, after);
    for (scanned, (name, held)) in candidates.enumerate() {
        if page.entries.len() == limit || scanned == MAX_SCANNED {
            page.next = last.map(|(name, epoch): (&str, _)| Cursor {
                name: name.to_owned(),
                epoch,
            });
            break;
        }
        last = Some((name, held.epoch));
        if matcher.selects(name, held) {
            page.entries.push(held.entry(name));
        }
    }
    Ok(page)
}

pub(super) fn snapshot(
    table: &Table,
    selector: &Selector,
    max_entries: usize,
    revision: Revision,
) -> Result<Changes, NameError> {
    let matcher = Matcher::parse(selector)?;
    let mut changes = Vec::new();
    for (name, held) in candidates(table, matcher.prefix(), matcher.prefix(), None) {
        if !matcher.selects(name, held) {
            continue;
        }
        if changes.len() == max_entries {
            let what =
                format!("a watch may begin with at most {max_entries} entries; select fewer");
            return Err(NameError::Full { what });
        }
        changes.push(Change::Put(held.entry(name)));
    }
    Ok(Changes {
        reset: true,
        changes,
        revision,
    })
}

/// The changes that a watch sees of the edits that end at `revision`.
pub(super) fn changes<'a>(
    edits: impl ExactSizeIterator<Item = &'a Edit>,
    selector: &Selector,
    revision: Revision,
) -> Result<Changes, NameError> {
    let matcher = Matcher::parse(selector)?;
    let mut left = edits.len() as u64;
    let mut changes = Vec::new();
    for edit in edits {
        if changes.len() == MAX_PAGE {
            break;
        }
        left -= 1;
        let selects = |held: &&Held| matcher.selects(&edit.name, held);
        if let Some(held) = edit.after.as_ref().filter(selects) {
            changes.push(Change::Put(held.entry(&edit.name)));
        } else if let Some(held) = edit.before.as_ref().filter(selects) {
            changes.push(Change::Gone {
                name: edit.name.to_string(),
                epoch: held.epoch,
            });
        }
    }
    Ok(Changes {
        reset: false,
        changes,
        revision: revision - left,
    })
}

/// The entries from `start` on whose names begin with `prefix`, without those up to the cursor.
fn candidates<'a>(
    table: &'a Table,
    prefix: &'a str,
    start: &'a str,
    after: Option<&'a Cursor>,
) -> impl Iterator<Item = (&'a str, &'a Held)> {
    let slots = table
        .from(start)
        .take_while(move |(name, _)| name.starts_with(prefix));
    slots.flat_map(move |(name, slot)| {
        let members = slot.members();
        let seen = match after.filter(|after| after.name == name) {
            Some(after) => members.partition_point(|held| held.epoch <= after.epoch),
            None => 0,
        };
        members[seen..].iter().map(move |held| (name, held))
    })
}
