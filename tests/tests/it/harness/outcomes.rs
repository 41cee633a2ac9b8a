//! How calls and connections end, by name.

use std::fmt::Debug;

use farcall::{CallError, ConnectError};

/// How a call ended, as `Rejected(Overloaded)`, and its text; a test fails when it brought a value.
#[track_caller]
pub(crate) fn ending<T: Debug>(result: Result<T, CallError>) -> (String, String) {
    let error = result.expect_err("a call that brings no value");
    let (outcome, reason) = match &error {
        CallError::Failed { reason, .. } => ("Failed", format!("{reason:?}")),
        CallError::Rejected { reason, .. } => ("Rejected", format!("{reason:?}")),
        CallError::NotSent { reason, .. } => ("NotSent", format!("{reason:?}")),
        CallError::Unknown { reason, .. } => ("Unknown", format!("{reason:?}")),
        _ => ("an outcome that the tests do not know", String::new()),
    };
    let kind = reason.split('(').next().unwrap_or_default();
    (format!("{outcome}({kind})"), error.to_string())
}

/// Sees that a call ended with this outcome, as `Rejected(Overloaded)`, with one line of text that holds all of `words`.
#[track_caller]
pub(crate) fn assert_ends<T: Debug>(result: Result<T, CallError>, outcome: &str, words: &[&str]) {
    let (ended, text) = ending(result);
    assert_eq!(ended, outcome, "{text}");
    assert_words(&text, words);
}

/// Sees that a proxy was not connected, with one line of text that holds all of `words`.
#[track_caller]
pub(crate) fn assert_unconnected<T: Debug>(result: Result<T, ConnectError>, words: &[&str]) {
    let error = result.expect_err("nothing to connect to");
    assert_words(&error.to_string(), words);
}

/// Sees that a text is one line and holds all of `words`.
#[track_caller]
pub(crate) fn assert_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
    assert!(!text.contains('\n'), "more than one line: {text}");
}
