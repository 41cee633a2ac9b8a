//! How a call ends: its result written, or a panic's text.

use std::any::Any;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;

use serde::Serialize;

use super::{Answer, Encoded, Request};
use crate::attach;
use crate::descriptor::Method;
use crate::value::{Value, to_value};
use crate::wire::codec::{Codec, EncodeError};
use crate::wire::frames::{Frames, Lent};
use crate::wire::status::{Refusal, Status};
use crate::wire::variant::VariantContent;

/// How MessagePack begins an `Ok` of a `Result`: a map of one entry, and its key.
const OK_IN_MESSAGE_PACK: &[u8] = b"\x81\xa2Ok";

/// What is needed to write a result once the request is gone.
pub(super) struct Ending {
    codec: Codec,
    max_result_bytes: usize,
    /// A dynamic caller gets the error of a `Result` as a failure: it knows no types to find it in the value.
    unwraps: bool,
}

impl Ending {
    pub(super) fn new(method: &Method, request: &Request<'_>) -> Self {
        Self {
            codec: request.codec,
            max_result_bytes: request.max_result_bytes,
            unwraps: request.codec != Codec::Postcard && method.returns_result(),
        }
    }

    /// The result as an answer of its own.
    pub(super) fn answer<R: Serialize>(&self, response: &R, stage: &Stage) -> Answer {
        let mut frames = Frames::default();
        let (reply, lent) = frames.parts();
        self.append(response, stage, reply, Some(lent))?;
        frames.count();
        Ok(Encoded {
            frames,
            attachments: attach::take(),
        })
    }

    /// Appends the result to a reply.
    #[inline]
    pub(super) fn append<R: Serialize>(
        &self,
        response: &R,
        stage: &Stage,
        reply: &mut Vec<u8>,
        lent: Option<&mut Vec<Lent>>,
    ) -> Result<(), Refusal> {
        stage.reached(Reached::Writing);
        let written = if self.unwraps {
            return attach::writing(|| self.append_unwrapped(response, reply));
        } else {
            attach::writing(|| {
                self.codec
                    .encode_content(response, reply, lent, self.max_result_bytes)
            })
        };
        written.map_err(|e| bad_result(&e))
    }

    /// Appends the value of a `Result`, or gives its error.
    fn append_unwrapped<R: Serialize>(
        &self,
        response: &R,
        reply: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if self.codec == Codec::Value {
            let value = to_value(&VariantContent(response));
            let value = value.map_err(|e| Refusal::new(Status::BadResult, e.to_string()))?;
            attach::hold(unwrapped(value)?);
            return Ok(());
        }
        let mut content = Vec::new();
        Codec::MessagePack
            .encode_content(response, &mut content, None, self.max_result_bytes)
            .map_err(|e| bad_result(&e))?;
        // As it is, so that what it refers to keeps its places.
        if self.codec == Codec::MessagePack
            && let Some(value) = content.strip_prefix(OK_IN_MESSAGE_PACK)
        {
            reply.extend_from_slice(value);
            return Ok(());
        }
        let value = Codec::MessagePack
            .decode::<Result<Value, Value>>(&content)
            .map_err(|e| Refusal::new(Status::BadResult, e.0))?;
        match value {
            Ok(value) => self
                .codec
                .encode(&value, reply, self.max_result_bytes)
                .map_err(|e| bad_result(&e)),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The value of a `Result`, or its error.
fn unwrapped(value: Value) -> Result<Value, Refusal> {
    let variant = match value {
        Value::Map(map) => <[_; 1]>::try_from(map).ok(),
        _ => None,
    };
    match variant {
        Some([(Value::Text(name), value)]) if name == "Ok" => Ok(value),
        Some([(_, error)]) => Err(failed(&error)),
        None => Err(Refusal::new(Status::BadResult, "it is no Result")),
    }
}

fn failed(error: &Value) -> Refusal {
    let text = error.as_str();
    let text = text.map_or_else(|| error.to_string(), str::to_owned);
    Refusal::new(Status::Error, text)
}

#[cold]
fn bad_result(error: &EncodeError) -> Refusal {
    let text = match error {
        EncodeError::TooLarge { limit } => {
            format!("it takes more than {limit} bytes, the longest message this connection allows")
        }
        EncodeError::Serialize(text) => text.clone(),
    };
    Refusal::new(Status::BadResult, text)
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Reading,
    Running,
    Writing,
}

/// Where a call is, for whoever catches its panic.
pub(super) struct Stage(Cell<Reached>);

impl Stage {
    #[inline]
    pub(super) fn reached(&self, point: Reached) {
        self.0.set(point);
    }
}

/// Runs foreign code from `from` on; a panic becomes a refusal that says where it was.
#[inline]
pub(super) fn guarded<T>(
    from: Reached,
    run: impl FnOnce(&Stage) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let stage = Stage(Cell::new(from));
    match std::panic::catch_unwind(AssertUnwindSafe(|| run(&stage))) {
        Ok(result) => result,
        Err(panic) => Err(panicked(stage.0.get(), &*panic)),
    }
}

#[cold]
pub(super) fn panicked(at: Reached, panic: &(dyn Any + Send)) -> Refusal {
    let text = panic_text(panic);
    match at {
        Reached::Reading => Refusal::new(
            Status::BadArguments,
            format!("reading the arguments panicked: {text}"),
        ),
        Reached::Running => Refusal::new(Status::Panicked, text),
        Reached::Writing => Refusal::new(Status::BadResult, format!("writing it panicked: {text}")),
    }
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no text)".into())
}
