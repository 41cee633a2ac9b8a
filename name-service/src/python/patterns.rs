//! Python's regular expressions, which clients send: they take a bounded time and a bounded memory.

use std::time::{Duration, Instant};

use fancy_regex::{Regex, RegexBuilder};
use farcall_server::python::Exception;
use farcall_shared::names::Entry;
use tokio::sync::Semaphore;

/// The longest pattern, in bytes.
const MAX_BYTES: usize = 1_024;

/// The most memory of a part of a compiled pattern that goes without tries, in bytes. It takes time in proportion.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The most tries with a name; only what looks around or refers to its own groups needs any.
const MAX_TRIES: usize = 10_000;

/// How long all names may take together.
const MAX_TIME: Duration = Duration::from_secs(1);

/// So many are matched at a time, whoever sends them.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A pattern, as Python's `match` takes it: from the beginning of a name, to anywhere.
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, Exception> {
        if pattern.len() > MAX_BYTES {
            let why = format!("it is longer than {MAX_BYTES} bytes");
            return Err(invalid(&why));
        }
        let compiled = RegexBuilder::new(pattern)
            .backtrack_limit(MAX_TRIES)
            .delegate_size_limit(MAX_COMPILED_BYTES)
            .delegate_dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        compiled
            .map(Self)
            .map_err(|error| invalid(&error.to_string()))
    }

    /// Those of the entries whose names match.
    pub(super) async fn select(self, entries: Vec<Entry>) -> Result<Vec<Entry>, Exception> {
        let turn = TURNS.acquire().await;
        // Other calls are answered meanwhile. The turn is over with the work, not with the client who may leave before.
        let select = move || {
            let _turn = turn;
            self.select_here(entries)
        };
        let selected = tokio::task::spawn_blocking(select).await;
        selected.unwrap_or_else(|_| Err(invalid("it cannot be matched")))
    }

    fn select_here(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, Exception> {
        let end = Instant::now() + MAX_TIME;
        let mut selected = Vec::new();
        for entry in entries {
            let found = self.0.find(entry.name.as_str());
            let found = found.map_err(|error| invalid(&error.to_string()))?;
            if Instant::now() > end {
                return Err(invalid("it takes too long"));
            }
            if found.is_some_and(|found| found.start() == 0) {
                selected.push(entry);
            }
        }
        Ok(selected)
    }
}

fn invalid(why: &str) -> Exception {
    Exception::pyro("NamingError", format!("invalid regex: {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn entry(name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            uri: String::new(),
            metadata: BTreeSet::new(),
            epoch: 0,
            lease: None,
        }
    }

    fn matches(pattern: &str, name: &str) -> Result<bool, String> {
        let said = |e: Exception| e.message().unwrap_or_default().to_owned();
        let pattern = Pattern::new(pattern).map_err(said)?;
        let selected = pattern.select_here(vec![entry(name)]).map_err(said)?;
        Ok(!selected.is_empty())
    }

    #[test]
    fn patterns_are_those_of_python() {
        for pattern in [
            "",
            "test",
            "te.*",
            "(?i)TEST",
            "te(?=st)",
            "(?<!x)test",
            "(t)es\\1",
            "(?P<x>t)es(?P=x)",
            "test\\.a\\Z",
            "x|test",
            "(?#a comment)test",
            "test.{,2}$",
            "(?x) te st # blanks",
            "t++e",
            "(?>t)est",
            "\\Atest",
            "\\btest\\b",
        ] {
            let found = matches(pattern, "test.a");
            assert_eq!(found, Ok(true), "{pattern}");
        }
        for pattern in ["est", "TEST", "test(?!\\.)", "test$", "\\.", "x|est"] {
            assert_eq!(matches(pattern, "test.a"), Ok(false), "{pattern}");
        }
        for pattern in ["(", "[", "*", &"x".repeat(1_025)] {
            let refused = matches(pattern, "test.a").expect_err(pattern);
            assert!(
                refused.starts_with("invalid regex: "),
                "{pattern}: {refused}"
            );
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let name = "a".repeat(500);
        for pattern in [
            "(a+)+$",
            "(a*)*b",
            "((?=a)a*)*b",
            "(a|a)*\\1b",
            "(?:a{1000}){1000}",
            "(?=(a+)+b)",
            &["(".repeat(510), ")".repeat(510)].concat(),
            &["(?=".repeat(250), ")".repeat(250)].concat(),
            &["(?:".repeat(200), ")*".repeat(200)].concat(),
        ] {
            let began = Instant::now();
            let _ = matches(pattern, &name);
            assert!(began.elapsed() < Duration::from_secs(2), "{pattern}");
        }
    }
}
