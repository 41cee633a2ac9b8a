//! Calls of an object in this process: written and read as if they travelled, so that nothing is shared by mistake.

use std::time::{Duration, Instant};

use bytes::Bytes;
use farcall_shared::attach;
use farcall_shared::descriptor::Descriptor;
use farcall_shared::error::{CallError, Failure, NotSent, Target, Unknown};
use farcall_shared::object::{Answer, Begun, Encoded, Request};
use farcall_shared::object::{Selected as Method, Servant};
use farcall_shared::wire::blob;
use farcall_shared::wire::codec::{Codec, DecodeError};
use farcall_shared::wire::status::{Refusal, Status, outcome};
use serde::Serialize;

use super::{Remote, Selected};
use crate::peers::Peers;

impl Remote {
    /// Calls an object of this process.
    pub(super) async fn call_here<A, T>(
        &self,
        servant: &Servant,
        method: &Selected,
        arguments: &A,
        read: impl Fn(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError>
    where
        A: Serialize + Sync,
    {
        let target = self.target(method);
        let codec = self.shared().codec;
        let started = self.start_here(servant, method, arguments, &target)?;
        let answer = match tokio::time::timeout(self.deadline, finish(started)).await {
            Ok(answer) => answer,
            Err(_) => {
                return Err(CallError::Unknown {
                    target,
                    reason: Unknown::Deadline(self.deadline),
                    idempotent: self.is_idempotent(method),
                });
            }
        };
        let Encoded {
            frames,
            attachments,
        } = answer.map_err(|Refusal { status, text }| {
            outcome(
                status as u16,
                text,
                target.clone(),
                self.is_idempotent(method),
            )
        })?;
        let body = Bytes::from(frames.into_bytes());
        let result = attach::reading(codec, target.clone(), attachments, || {
            blob::reading(&body, || read(codec, &body))
        });
        result.map_err(|e| CallError::Failed {
            target,
            reason: Failure::Unreadable(e.0),
        })
    }

    /// Starts a call; what is over at once is an answer already.
    fn start_here<A: Serialize>(
        &self,
        servant: &Servant,
        method: &Selected,
        arguments: &A,
        target: &Target,
    ) -> Result<Begun, CallError> {
        let object = servant.object();
        let codec = self.shared().codec;
        let method = find(object.descriptor(), self.descriptor(), method)
            .map_err(|text| outcome(Status::UnknownMethod as u16, text, target.clone(), false))?;
        let mut bytes = Vec::new();
        attach::writing(|| codec.encode(arguments, &mut bytes, usize::MAX)).map_err(|e| {
            CallError::NotSent {
                target: target.clone(),
                reason: NotSent::Unencodable(e.to_string()),
            }
        })?;
        let attachments = attach::take();
        let within = self.deadline.min(LONGEST);
        let request = Request {
            method,
            codec,
            arguments: &bytes,
            began: Instant::now(),
            within_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
            trace: None,
            max_result_bytes: usize::MAX,
        };
        Ok(attach::reading(codec, target.clone(), attachments, || {
            Begun::start(object, request)
        }))
    }
}

/// The longest deadline that is told to the object: 30 days.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

async fn finish(begun: Begun) -> Answer {
    match begun {
        Begun::Over(answer) => answer,
        Begun::Waits(future) => future.await,
        Begun::Computes(work) => {
            let computed = Peers::current().tasks().spawn_blocking(work).await;
            let ended = |e| {
                Err(Refusal::new(
                    Status::Cancelled,
                    format!("its thread ended: {e}"),
                ))
            };
            computed.unwrap_or_else(ended)
        }
    }
}

/// The method of an object that a caller means, by name and signature.
fn find<'a>(
    there: &Descriptor,
    here: Option<&Descriptor>,
    method: &'a Selected,
) -> Result<Method<'a>, String> {
    let (name, signature) = match method {
        Selected::Name(name) => (&**name, None),
        Selected::Number(number) | Selected::Batch(number, _) => {
            let known = here.and_then(|here| here.methods.get(usize::from(*number)));
            let known = known.ok_or("no method has this number")?;
            if there
                .methods
                .get(usize::from(*number))
                .is_some_and(|method| {
                    method.signature == known.signature && method.name == known.name
                })
            {
                return Ok(Method::Number(*number));
            }
            (known.name.as_str(), Some(known.signature))
        }
    };
    match (there.method(name), method) {
        (Some((_, method)), _) if signature.is_some_and(|s| s != method.signature) => Err(format!(
            "method '{name}' has another signature there: {method}"
        )),
        (Some((number, _)), _) => Ok(Method::Number(number)),
        (None, Selected::Name(name)) if there.open => Ok(Method::Name(name)),
        (None, _) => Err(format!("{} has no method '{name}'", there.service)),
    }
}
