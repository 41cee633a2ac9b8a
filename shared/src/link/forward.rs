//! An object of one peer's, as another peer calls it through this process.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::bound::{Bind, Bound, Which};
use super::caller::{Outcome, Reply};
use super::held::Held;
use crate::attach::{self, Attachment};
use crate::context::Context;
use crate::descriptor::{Described, Descriptor};
use crate::object::{Answer, Encoded, Object, Request, Scratch, Selected, Started};
use crate::wire::codec::Codec;
use crate::wire::status::{Refusal, Status};

/// Passes calls on without reading what they carry.
#[derive(Debug)]
pub(super) struct Forward {
    to: Arc<Held>,
    descriptor: Described,
    /// One for each codec that was asked for.
    bound: Mutex<Vec<Bound>>,
}

impl Forward {
    pub(super) fn new(to: Arc<Held>, descriptor: Option<Described>) -> Self {
        let open = || Descriptor::open("(an object elsewhere)", "").into();
        Self {
            to,
            descriptor: descriptor.unwrap_or_else(open),
            bound: Mutex::default(),
        }
    }

    fn bound(&self, codec: Codec) -> Result<Bound, Refusal> {
        let mut known = self.bound.lock();
        if let Some(bound) = known.iter().find(|bound| bound.codec() == codec) {
            return Ok(bound.clone());
        }
        let bind = Bind {
            object: self.to.object().into(),
            incarnation: 0,
            codec,
            descriptor: (codec == Codec::Postcard).then(|| self.descriptor.clone()),
            label: self.to.to_string().into(),
        };
        let bound = self.to.link().bind(&bind);
        let bound = bound.map_err(|e| unreachable(&self.to, &e.to_string()))?;
        known.push(bound.clone());
        Ok(bound)
    }
}

impl Object for Forward {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn start(&self, request: Request<'_>, _: &mut Scratch<'_>) -> Started {
        let bound = match self.bound(request.codec) {
            Ok(bound) => bound,
            Err(refusal) => return Started::Done(Err(refusal)),
        };
        let call = Passed {
            method: match request.method {
                Selected::Number(number) if request.codec == Codec::Postcard => {
                    Method::Number(number)
                }
                Selected::Number(number) => {
                    let method = self.descriptor.methods.get(usize::from(number));
                    Method::Name(method.map(|m| m.name.clone()).unwrap_or_default())
                }
                Selected::Name(name) => Method::Name(name.to_owned()),
            },
            arguments: request.arguments.to_vec(),
            deadline: request.deadline(),
        };
        // Taken now: the scope is gone when the future is polled.
        let mut attachments = attach::rest();
        let said = Context::current().and_then(|call| call.to_pass_on());
        attachments.extend(said.map(|notes| Attachment::Notes(Box::new(notes))));
        let to = Arc::clone(&self.to);
        Started::Waits(Box::pin(call.pass(to, bound, attachments)))
    }
}

/// A call that is passed on.
struct Passed {
    method: Method,
    arguments: Vec<u8>,
    deadline: Instant,
}

enum Method {
    Number(u16),
    Name(String),
}

impl Passed {
    async fn pass(
        self,
        to: Arc<Held>,
        bound: Bound,
        attachments: Vec<attach::Attachment>,
    ) -> Answer {
        let which = match &self.method {
            Method::Number(number) => Which::Raw(*number, None, &self.arguments),
            Method::Name(name) => Which::Raw(0, Some(name), &self.arguments),
        };
        let within = self.deadline.saturating_duration_since(Instant::now());
        let mut attempt = std::pin::pin!(bound.attempt(which, &(), within));
        let mut attachments = Some(attachments);
        let ended = std::future::poll_fn(|cx| {
            let Some(attachments) = attachments.take() else {
                return attempt.as_mut().poll(cx);
            };
            // The first poll writes the call: to it the attachments are those of its arguments.
            attach::put_all(attachments);
            let polled = attempt.as_mut().poll(cx);
            drop(attach::take());
            polled
        })
        .await;
        match ended {
            Outcome::Reply(reply) => answer(reply),
            Outcome::NotSent(why) => Err(unreachable(&to, &why.to_string())),
            Outcome::Unknown(why) => {
                let text = format!("it was passed on to {to}: {why}");
                Err(Refusal::new(Status::Cancelled, text))
            }
        }
    }
}

fn answer(reply: Reply) -> Answer {
    let status = Status::from_number(reply.status);
    let (body, attachments) = reply.body.into_parts();
    if status == Status::Done {
        return Ok(Encoded {
            frames: body.to_vec().into(),
            attachments,
        });
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    Err(Refusal::new(status, text))
}

#[cold]
fn unreachable(to: &Held, why: &str) -> Refusal {
    let text = format!("{to} cannot be reached from here: {why}");
    Refusal::new(Status::UnknownObject, text)
}
