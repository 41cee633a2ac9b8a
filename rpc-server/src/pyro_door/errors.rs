//! How calls that failed look to Python: its classes for farcall's outcomes.

use farcall_shared::pyro::payload::{Exception, PayloadError, PutError};
use farcall_shared::pyro::{EncodeError, Serializer};
use farcall_shared::wire::status::{Refusal, Status};

/// The exception for a call that brought no value.
pub(super) fn exception(refusal: &Refusal) -> Exception {
    let text = refusal.text.as_str();
    match refusal.status {
        Status::Error => Exception::builtin("RuntimeError", text),
        Status::Panicked => {
            Exception::builtin("RuntimeError", format!("the method panicked: {text}"))
        }
        Status::BadResult => Exception::pyro("SerializeError", text),
        Status::UnknownObject | Status::Stale | Status::Draining => {
            Exception::pyro("DaemonError", text)
        }
        Status::UnknownMethod => Exception::builtin("AttributeError", text),
        Status::BadArguments => Exception::builtin("TypeError", text),
        Status::Unauthorised => Exception::pyro("SecurityError", text),
        Status::Expired | Status::Cancelled => Exception::builtin("TimeoutError", text),
        _ => Exception::pyro("PyroError", text),
    }
}

pub(super) fn unknown_object() -> Exception {
    Exception::pyro("DaemonError", "unknown object")
}

/// For a payload that could not be read.
pub(super) fn unreadable(error: &PayloadError) -> Exception {
    Exception::builtin("ValueError", error.to_string())
}

/// For a reply that could not be written.
pub(super) fn unwritable(error: &PutError) -> Exception {
    if let PutError::Encode(EncodeError::Key {
        serializer: Serializer::Msgpack,
        what,
    }) = error
    {
        // What Python's client says itself where a daemon sends it such a key.
        let text = format!("{what} is not allowed for map key when strict_map_key=True");
        return Exception::builtin("ValueError", text);
    }
    Exception::pyro("SerializeError", error.to_string())
}

/// The exception with lines that say where it came from, in the form of Python's own.
pub(super) fn traced(mut exception: Exception, place: &str) -> Exception {
    if exception.traceback.is_empty() {
        let said = format!("{}\n", shown(&exception));
        exception.traceback = vec![
            "Traceback (most recent call last):\n".to_owned(),
            format!("  in {place}, a farcall daemon\n"),
            said,
        ];
    }
    exception
}

/// `ValueError: what was said`, as Python shows it: with the module of what is not Python's own.
pub(super) fn shown(exception: &Exception) -> String {
    let class = exception.class.as_str();
    let class = class.strip_prefix("builtins.").unwrap_or(class);
    match exception.message() {
        Some(message) => format!("{class}: {message}"),
        None => class.to_owned(),
    }
}
