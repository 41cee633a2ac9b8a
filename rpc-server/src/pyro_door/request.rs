//! One request: what it asks, and what it is answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use farcall_shared::context::{Connection, Metadata, Notes};
use farcall_shared::error::{CallError, Failure};
use farcall_shared::hook::CallInfo;
use farcall_shared::pyro::message::{Annotations, BLOB, HEAD_BYTES, Head, Limits, Message, flag};
use farcall_shared::pyro::payload::{BatchFailure, Blob, Call, Exception, Invoke, PayloadError};
use farcall_shared::pyro::{PyValue, Serializer};
use parking_lot::Mutex;

use super::target::Target;
use super::wire::Raw;
use super::{CALL_TIME, errors, ids};
use crate::daemon::Core;
use crate::python::{Around, At, Returned};

/// What a call has to do with.
pub(super) struct Asked {
    pub(super) core: Arc<Core>,
    pub(super) connection: Arc<Connection>,
    /// The address of this machine that the client reached.
    pub(super) reached: Option<IpAddr>,
    /// The id of the object that is called.
    pub(super) object: Arc<str>,
    pub(super) around: Arc<Around>,
    pub(super) limits: Limits,
    /// True when nobody waits for the answer.
    pub(super) oneway: bool,
}

/// A request that was read.
pub(super) struct Request {
    pub(super) head: Head,
    correlation: [u8; 16],
    annotations: Bytes,
    invoke: Invoke,
}

/// What a request is answered.
pub(super) enum Answer {
    Value(PyValue),
    Batch(PyValue),
    /// A stream's id.
    Stream(String),
    Exception(Exception),
}

/// An answer with what goes beside it.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) annotations: Vec<([u8; 4], Vec<u8>)>,
}

impl From<Exception> for Answered {
    fn from(exception: Exception) -> Self {
        Self {
            answer: Answer::Exception(errors::traced(exception, "a request")),
            annotations: Vec::new(),
        }
    }
}

impl Request {
    /// Reads a call. What cannot be read is an exception for the caller.
    pub(super) fn read(
        raw: &Raw,
        serializer: Serializer,
        correlation: [u8; 16],
        limits: &Limits,
    ) -> Result<Self, Exception> {
        let value_error = |text: String| Exception::builtin("ValueError", text);
        let message = Message::parse(raw.head, &raw.bytes)
            .map_err(|e| value_error(e.to_string()))?
            .ok_or_else(|| value_error("the message is cut short".to_owned()))?;
        let payload = message
            .payload(limits)
            .map_err(|e| value_error(e.to_string()))?;
        let invoke = match message.annotations.find(BLOB) {
            Some(blob) if raw.head.has(flag::KEEP_SERIALIZED) => {
                of_blob(serializer, blob, &payload)
            }
            _ => Invoke::decode(serializer, &payload),
        };
        let annotations = HEAD_BYTES..HEAD_BYTES + raw.head.annotations_bytes as usize;
        Ok(Self {
            head: raw.head,
            correlation,
            annotations: raw.bytes.slice(annotations),
            invoke: invoke.map_err(|error| errors::unreadable(&error))?,
        })
    }

    /// Runs what it asks.
    pub(super) async fn run(
        self,
        core: Arc<Core>,
        connection: Arc<Connection>,
        reached: Option<IpAddr>,
        limits: Limits,
    ) -> Answered {
        if core.closing.is_cancelled() {
            return Exception::pyro("DaemonError", "the daemon is shutting down").into();
        }
        let number = connection.number();
        let Some(target) = Target::find_for(&core, &self.invoke.object, Some(number)) else {
            return errors::unknown_object().into();
        };
        let said = notes(&self.annotations, self.correlation);
        let call = connection.answer(Instant::now() + CALL_TIME, said);
        let around = Around {
            at: Some(At {
                core: Arc::downgrade(&core),
                connection: number,
                reached,
            }),
            annotations: self.annotations,
            correlation: self.correlation,
            reply: Mutex::default(),
        };
        let asked = Arc::new(Asked {
            core,
            connection,
            reached,
            object: self.invoke.object.as_str().into(),
            around: Arc::new(around),
            limits,
            oneway: self.head.has(flag::ONEWAY),
        });
        let is_batch = self.head.has(flag::BATCH);
        let place = format!("{} of {}", self.invoke.call.method, asked.object);
        let run = async {
            match is_batch {
                true => batch(&target, &asked, self.invoke).await,
                false => one(&target, &asked, self.invoke.call).await,
            }
        };
        let answer = call.context().scope(run).await;
        let mut annotations = std::mem::take(&mut *asked.around.reply.lock());
        annotations.extend(said_in_reply(&call.take_reply()));
        let failed = |exception| Answer::Exception(errors::traced(exception, &place));
        Answered {
            answer: answer.unwrap_or_else(failed),
            annotations,
        }
    }
}

/// A call whose one argument was kept as it was written.
fn of_blob(serializer: Serializer, blob: &[u8], payload: &[u8]) -> Result<Invoke, PayloadError> {
    let blob = Blob::decode(blob)?;
    let argument = Blob::argument(serializer, payload)?;
    Ok(Invoke {
        object: blob.object,
        call: Call {
            method: blob.method,
            positional: vec![argument],
            keywords: Vec::new(),
        },
    })
}

async fn one(target: &Target, asked: &Arc<Asked>, call: Call) -> Result<Answer, Exception> {
    match attended(target, asked, call).await? {
        Returned::Value(value) => Ok(Answer::Value(value)),
        Returned::Items(items) => {
            let streams = &asked.core.pyro.streams;
            let id = streams.open(items, asked.connection.number())?;
            Ok(Answer::Stream(id))
        }
    }
}

/// Runs calls in turn, up to the first that fails. A name that none of them may have is the failure of all.
async fn batch(target: &Target, asked: &Arc<Asked>, invoke: Invoke) -> Result<Answer, Exception> {
    let calls = invoke
        .into_batch()
        .map_err(|error| errors::unreadable(&error))?;
    for call in &calls {
        target.check(&call.method)?;
    }
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        match attended(target, asked, call).await {
            Ok(Returned::Value(value)) => results.push(value),
            Ok(Returned::Items(_)) => {
                let text = "a batch cannot give item streams";
                return Err(Exception::builtin("TypeError", text));
            }
            Err(exception) => {
                results.push(BatchFailure(exception).into_value());
                break;
            }
        }
    }
    Ok(Answer::Batch(PyValue::List(results)))
}

/// A call with the daemon's hooks around it.
async fn attended(target: &Target, asked: &Arc<Asked>, call: Call) -> Result<Returned, Exception> {
    let call = target.meant(call)?;
    let method = call.method.clone();
    let place = || format!("{method} of {}", asked.object);
    let hooks = &asked.core.hooks;
    if hooks.is_empty() {
        let ended = target.call(asked, call).await;
        return ended.map_err(|exception| errors::traced(exception, &place()));
    }
    let info = CallInfo::new(
        Arc::clone(&asked.object),
        target.service().into(),
        method.as_str().into(),
    );
    let begun = hooks.begin(info);
    let begun = begun.map_err(|refused| Exception::pyro("SecurityError", refused.to_string()))?;
    let ended = target.call(asked, call).await;
    let error = ended.as_ref().err().map(|exception| CallError::Failed {
        target: place().into(),
        reason: Failure::Error(errors::shown(exception)),
    });
    match begun.end(error.as_ref().map_or(Ok(()), Err)) {
        Ok(()) => ended.map_err(|exception| errors::traced(exception, &place())),
        Err(panicked) => Err(Exception::builtin("RuntimeError", panicked.to_string())),
    }
}

/// What the method may ask its context for: the annotations are metadata, as far as they fit.
fn notes(annotations: &Bytes, correlation: [u8; 16]) -> Notes {
    let mut metadata = Metadata::default();
    for (name, data) in Annotations::parse(annotations).unwrap_or_default().iter() {
        if let Ok(name) = std::str::from_utf8(&name) {
            // A large one is for those who ask for annotations.
            let _ = metadata.set(name, data);
        }
    }
    Notes {
        metadata,
        correlation: u128::from_be_bytes(correlation).into(),
        ..Notes::default()
    }
}

/// A reply's metadata as annotations: what has a name of four characters.
fn said_in_reply(metadata: &Metadata) -> Vec<([u8; 4], Vec<u8>)> {
    let entries = metadata.iter().filter_map(|(key, value)| {
        let name: [u8; 4] = key.as_bytes().try_into().ok()?;
        name.is_ascii().then(|| (name, value.to_vec()))
    });
    entries.collect()
}

/// The request's correlation id, or a new one.
pub(super) fn correlation(head: &Head) -> [u8; 16] {
    head.correlation.unwrap_or_else(ids::correlation)
}
