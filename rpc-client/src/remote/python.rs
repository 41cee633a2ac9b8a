//! Calls of Python objects through farcall's proxies, with types or by name: their values become Python's, and back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use farcall_shared::attach;
use farcall_shared::context::Metadata;
use farcall_shared::descriptor::Method;
use farcall_shared::error::{CallError, Failure, NotSent, Rejection, Target, Unknown};
use farcall_shared::link::Mode;
use farcall_shared::object::{Arguments, Encoded};
use farcall_shared::pyro::PyValue;
use farcall_shared::pyro::fit::{Misfit, Taken, give, item_type, take};
use farcall_shared::pyro::message::flag;
use farcall_shared::pyro::payload::Call;
use farcall_shared::pyro::value::ConvertError;
use farcall_shared::reference::{Reference, Referent};
use farcall_shared::shape::{Content, Type, Variant};
use farcall_shared::streaming::Streaming;
use farcall_shared::uri::Uri;
use farcall_shared::value::{Value, to_value};
use farcall_shared::wire::codec::{Codec, DecodeError};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::time::Instant;

use super::departure::{A_BATCH, Leaving};
use super::gathering::Gone;
use super::{At, ConnectError, Remote, Selected};
use crate::python::{Given, PythonError, PythonProxy, PythonStream, Raised};

/// How values are written between farcall's types and Python's: it says what they are.
pub(super) const CODEC: Codec = Codec::MessagePack;

impl Remote {
    /// Sees that a Python object is there.
    pub(super) async fn greet_python(&self, python: &PythonProxy) -> Result<(), ConnectError> {
        let greeted = python.metadata().await;
        greeted.map(drop).map_err(|error| {
            self.shared().forget_python();
            let label = self.shared().label.to_string();
            let why = match error {
                PythonError::NotSent { reason, .. } => reason.to_string(),
                other => other.to_string(),
            };
            let leads = python.uri().to_string();
            let why = match leads == label {
                true => why,
                false => format!("it leads to {leads}: {why}"),
            };
            ConnectError::Unreachable { uri: label, why }
        })
    }

    /// Calls a Python object.
    pub(super) async fn call_python<A, T>(
        &self,
        python: &PythonProxy,
        method: &Selected,
        arguments: &A,
        within: Duration,
        read: impl Fn(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError>
    where
        A: Serialize + Sync,
    {
        let unencodable = |text| self.not_sent(method)(NotSent::Unencodable(text));
        let arguments = written(arguments).map_err(unencodable)?;
        let answer = self.answer_of_python(python, method, arguments, within, 0);
        let (given, metadata) = answer.await?;
        if let At::Errand(errand) = &self.at
            && let Some(replies) = &errand.replies
        {
            *replies.lock() = metadata;
        }
        let answered = self.answer_from_python(python, method, given)?;
        self.read_answer(method, answered, read)
    }

    /// Calls a Python object without a reply.
    pub(super) async fn send_to_python(
        &self,
        python: &PythonProxy,
        method: &Selected,
        arguments: Encoded,
        within: Duration,
    ) -> Result<(), CallError> {
        let answer = self.answer_of_python(python, method, arguments, within, flag::ONEWAY);
        answer.await.map(drop)
    }

    async fn answer_of_python(
        &self,
        python: &PythonProxy,
        method: &Selected,
        arguments: Encoded,
        within: Duration,
        flags: u16,
    ) -> Result<(Given, Metadata), CallError> {
        let call = self.python_call(method, arguments)?;
        let python = self.noting(python.clone().with_deadline(within));
        match python.answer(call, flags).await {
            Ok(answer) => Ok((answer.given, metadata(&answer.annotations))),
            Err(error) => Err(self.python_error(method, error)),
        }
    }

    /// The same object, with what is said beside the arguments: metadata of four characters are annotations.
    fn noting(&self, mut python: PythonProxy) -> PythonProxy {
        let notes = self.notes();
        for (key, value) in notes.iter().flat_map(|notes| notes.metadata.iter()) {
            if let Ok(name) = <[u8; 4]>::try_from(key.as_bytes()) {
                python = python.with_annotation(name, value);
            }
        }
        let said = notes.and_then(|notes| notes.correlation.get().copied());
        match said {
            Some(id) => python.with_correlation(id),
            None => python,
        }
    }

    fn python_error(&self, method: &Selected, error: PythonError) -> CallError {
        let error = error.into_call_error(self.target(method), self.is_idempotent(method));
        if matches!(error, CallError::NotSent { .. }) {
            self.shared().forget_python();
        }
        error
    }

    /// A call in Python's terms.
    fn python_call(&self, method: &Selected, written: Encoded) -> Result<Call, CallError> {
        let (name, types) = match method {
            Selected::Name(name) => (&**name, None),
            Selected::Number(_) => {
                let method = self.described(method)?;
                (method.name.as_str(), Some(&method.arguments))
            }
            Selected::Batch(..) => {
                let reason = NotSent::Unsupported("Python takes no chunks of calls".into());
                return Err(self.not_sent(method)(reason));
            }
        };
        let bytes = written.frames.into_bytes();
        let target = self.target(method);
        let arguments = attach::reading(CODEC, target, written.attachments, || {
            CODEC.decode::<Arguments>(&bytes)
        });
        let unencodable = |text: String| self.not_sent(method)(NotSent::Unencodable(text));
        let arguments = arguments.map_err(|e| unencodable(e.0))?;
        let ty = |place: usize| match types.and_then(|types| types.get(place)) {
            Some(argument) => &argument.ty,
            None => &Type::Any,
        };
        let fit = |value, ty: &Type| {
            give(value, ty, &mut handed_out).map_err(|ungiven| unencodable(ungiven.0))
        };
        let positional = arguments.positional.into_iter().enumerate();
        let keywords = arguments.named.into_iter();
        Ok(Call {
            method: name.to_owned(),
            positional: positional
                .map(|(place, value)| fit(value, ty(place)))
                .collect::<Result<_, _>>()?,
            keywords: keywords
                .map(|(name, value)| Ok((name, fit(value, &Type::Any)?)))
                .collect::<Result<_, CallError>>()?,
        })
    }

    /// What a call gave, written as the method's result.
    fn answer_from_python(
        &self,
        python: &PythonProxy,
        method: &Selected,
        given: Given,
    ) -> Result<Answered, CallError> {
        let described = match method {
            Selected::Number(_) => Some(self.described(method)?),
            _ => None,
        };
        let (fine, error) = described.map_or((&Type::Any, None), result_types);
        let failed = |reason| CallError::Failed {
            target: self.target(method),
            reason,
        };
        let unreadable = |text| failed(Failure::Unreadable(text));
        let mut misfit = None;
        let value = match given {
            Given::Value(value) => {
                let taken = take(value, fine).map_err(|misfit| unreadable(of_result(&misfit)))?;
                misfit = taken.misfit.as_ref().map(of_result);
                taken.value
            }
            Given::Items(id) => Value::from(streamed(PythonStream::new(python, id), fine)),
            Given::Nothing => Value::Null,
            Given::Raised(exception) => {
                let raised = Raised::from(exception);
                return match error.and_then(|ty| told(&raised, ty)) {
                    Some(told) => Answered::new(&variant("Err", told), None).map_err(unreadable),
                    None => Err(failed(Failure::Raised(Box::new(raised)))),
                };
            }
        };
        let value = match error {
            Some(_) => variant("Ok", value),
            None => value,
        };
        Answered::new(&value, misfit).map_err(unreadable)
    }

    /// Reads what a call gave.
    pub(super) fn read_answer<T>(
        &self,
        method: &Selected,
        answered: Answered,
        read: impl Fn(Codec, &[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, CallError> {
        let bytes = answered.encoded.frames.into_bytes();
        let (target, attachments) = (self.target(method), answered.encoded.attachments);
        let value = attach::reading(CODEC, Arc::clone(&target), attachments, || {
            read(CODEC, &bytes)
        });
        value.map_err(|e| CallError::Failed {
            target,
            reason: Failure::Unreadable(answered.misfit.unwrap_or(e.0)),
        })
    }

    /// Sends the calls of a batch to a Python object, which stops at the first that raises: where it is to go on, those
    /// behind that follow in another one.
    pub(super) async fn depart_to_python(
        &self,
        mode: Mode,
        python: &PythonProxy,
        leaving: &mut Leaving,
        end: Instant,
    ) -> Result<(), CallError> {
        let Leaving {
            calls, in_flight, ..
        } = leaving;
        let mut rest = Vec::with_capacity(calls.len());
        for call in calls.iter() {
            let written = call.encoded(CODEC).map_err(self.not_sent(&call.method))?;
            rest.push((&call.method, self.python_call(&call.method, written)?));
        }
        let python = self.noting(python.clone());
        let whole = Selected::Name(A_BATCH.into());
        let mut rest = VecDeque::from(rest);
        while !rest.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            let mut batch = python.clone().with_deadline(left).batch();
            rest.iter().for_each(|(_, call)| batch.add(call.clone()));
            let sent = batch.send().await;
            let results = sent.map_err(|error| self.python_error(&whole, error))?;
            if results.is_empty() {
                return Err(self.cut_short(&whole));
            }
            for result in results {
                let Some((method, _)) = rest.pop_front() else {
                    break;
                };
                let stops = result.is_err() && mode == Mode::StopAtFirstError;
                let given = result.map_or_else(Given::Raised, Given::Value);
                let answered = self.answer_from_python(&python, method, given);
                in_flight.push(Gone::Answered(answered));
                if stops {
                    let skipped = rest.drain(..).map(|(method, _)| self.skipped(method));
                    in_flight.extend(skipped.map(|error| Gone::Answered(Err(error))));
                }
            }
        }
        Ok(())
    }

    fn skipped(&self, method: &Selected) -> CallError {
        CallError::Rejected {
            target: self.target(method),
            reason: Rejection::Skipped("one before it in its batch raised an exception".into()),
        }
    }

    fn cut_short(&self, method: &Selected) -> CallError {
        CallError::Unknown {
            target: self.target(method),
            reason: Unknown::Cancelled("the daemon gave no results for calls of a batch".into()),
            idempotent: false,
        }
    }

    fn described(&self, method: &Selected) -> Result<&Method, CallError> {
        let number = match method {
            Selected::Number(number) => usize::from(*number),
            _ => usize::MAX,
        };
        let known = self.descriptor().and_then(|it| it.methods.get(number));
        known.ok_or_else(|| {
            let reason = NotSent::Unencodable("no method has this number".into());
            self.not_sent(method)(reason)
        })
    }

    pub(super) fn not_sent(&self, method: &Selected) -> impl Fn(NotSent) -> CallError {
        let target: Target = self.target(method);
        move |reason| CallError::NotSent {
            target: Arc::clone(&target),
            reason,
        }
    }
}

/// A result that was written, and what does not fit the method's type. Only that type's `Deserialize` knows whether it takes
/// that all the same.
#[derive(Debug)]
pub(super) struct Answered {
    encoded: Encoded,
    misfit: Option<String>,
}

impl Answered {
    fn new(value: &Value, misfit: Option<String>) -> Result<Self, String> {
        let encoded = written(value)?;
        Ok(Self { encoded, misfit })
    }
}

fn of_result(misfit: &Misfit) -> String {
    format!("it{misfit}")
}

pub(super) fn written<T: Serialize + ?Sized>(value: &T) -> Result<Encoded, String> {
    let mut bytes = Vec::new();
    attach::writing(|| CODEC.encode(value, &mut bytes, usize::MAX)).map_err(|e| e.to_string())?;
    Ok(Encoded {
        frames: bytes.into(),
        attachments: attach::take(),
    })
}

/// A variant of a `Result` with its content.
fn variant(name: &str, content: Value) -> Value {
    Value::Map(vec![(Value::Text(name.to_owned()), content)])
}

/// The type of what a method gives when all is well, and of its error if it has one.
fn result_types(method: &Method) -> (&Type, Option<&Type>) {
    match &method.result {
        Type::Enum { variants, .. } if method.returns_result() => match variants.as_slice() {
            [fine, error] => (content(fine), Some(content(error))),
            _ => (&Type::Any, None),
        },
        ty => (ty, None),
    }
}

fn content(variant: &Variant) -> &Type {
    match &variant.content {
        Content::Newtype(ty) => ty,
        _ => &Type::Unit,
    }
}

/// An exception as a method's error: text, a struct such as [`Raised`], or the variant that is called like its class.
fn told(raised: &Raised, ty: &Type) -> Option<Value> {
    let whole = || to_value(raised).ok();
    match ty {
        Type::String => Some(Value::Text(raised.to_string())),
        Type::Newtype { inner, .. } => told(raised, inner),
        Type::Struct { .. } | Type::Any => whole(),
        Type::Enum { variants, .. } => {
            let variant = variants.iter().find(|it| it.name == raised.name())?;
            let content = match &variant.content {
                Content::Unit => return Some(Value::Text(variant.name.clone())),
                Content::Newtype(Type::String) => Value::Text(raised.message.clone()),
                Content::Newtype(ty) => told(raised, ty)?,
                Content::Tuple(_) => Value::List(raised.arguments.clone()),
                Content::Struct(_) => whole()?,
            };
            Some(self::variant(&variant.name, content))
        }
        _ => None,
    }
}

/// A stream of values that fit the items of a stream of this type.
fn streamed(items: PythonStream, ty: &Type) -> Streaming<Value> {
    let ty = item_type(ty).clone();
    Streaming::fallible(items.map(move |item| match item {
        Ok(item) => match take(item, &ty) {
            Ok(Taken { value, .. }) => Ok(value),
            Err(misfit) => Err(format!("an item{misfit}")),
        },
        Err(PythonError::Raised { exception, .. }) => Err(Raised::from(*exception).to_string()),
        Err(error) => Err(error.to_string()),
    }))
}

/// An object as an argument: Python calls it where its URI says.
fn handed_out(reference: Reference) -> Result<PyValue, Unfit> {
    let why = match &reference.to {
        Referent::Uri(uri) => match uri.parse::<Uri>() {
            Ok(uri) => return Ok(PythonProxy::value_of(&uri)),
            Err(error) => error.to_string(),
        },
        _ => format!(
            "{reference} has no URI that Python could call: register it in a daemon, and give a proxy that was connected to \
             the URI which that returns"
        ),
    };
    Err(Unfit(why))
}

/// Why an argument has no form in Python.
struct Unfit(String);

impl From<ConvertError> for Unfit {
    fn from(error: ConvertError) -> Self {
        Self(error.to_string())
    }
}

/// What came beside a reply, as metadata.
fn metadata(annotations: &[([u8; 4], Vec<u8>)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, data) in annotations {
        if let Ok(key) = std::str::from_utf8(name) {
            // What exceeds the bound is left out.
            let _ = metadata.set(key, data);
        }
    }
    metadata
}
