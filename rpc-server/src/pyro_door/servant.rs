//! Calls of objects that know nothing of Python: arguments and results by what their descriptor says.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use farcall_shared::attach::{self, Attachment};
use farcall_shared::descriptor::{Descriptor, Method, Runs};
use farcall_shared::object::{Answer, Arguments, Begun, Encoded, Request, Selected, Servant};
use farcall_shared::pyro::fit::{Misfit, give, take};
use farcall_shared::pyro::payload::{Call, Exception, Metadata};
use farcall_shared::pyro::{PyValue, value::ConvertError};
use farcall_shared::reference::{Reference, Referent};
use farcall_shared::shape::{Content, Type};
use farcall_shared::value::Value;
use farcall_shared::wire::blob;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frames::Frames;
use farcall_shared::wire::status::{Refusal, Status};

use super::bind::{Parameter, bind};
use super::request::Asked;
use super::{CALL_TIME, errors, handed, items, names, offload, references};
use crate::python::Returned;

/// How calls are passed on to an object, and their results to the door: as they are, where it takes that, and written where large
/// blobs would be copied.
fn codec(servant: &Servant, method: Option<&Method>) -> Codec {
    let is_blob = |ty: &Type| *ty == Type::Bytes;
    let has_blobs = |method: &Method| {
        is_blob(&method.result)
            || method
                .arguments
                .iter()
                .any(|argument| is_blob(&argument.ty))
    };
    match servant.object().takes_values() && !method.is_some_and(has_blobs) {
        true => Codec::Value,
        false => Codec::MessagePack,
    }
}

/// What an object offers that answers any name and tells none: without any, Python's clients refuse it. The first argument is
/// the name of the method that is meant.
const ANY: &str = "invoke";

/// What an object offers.
pub(super) fn metadata(servant: &Servant) -> Metadata {
    let methods = servant.object().descriptor().methods.iter();
    let offered = methods.filter(|method| names::check(&method.name).is_ok());
    let (mut methods, mut oneway) = (Vec::new(), Vec::new());
    for method in offered {
        if method.oneway {
            oneway.push(method.name.clone());
        }
        methods.push(method.name.clone());
    }
    if is_untold(servant.object().descriptor()) {
        methods.push(ANY.to_owned());
    }
    Metadata {
        methods,
        oneway,
        attributes: Vec::new(),
    }
}

/// Refuses a method that is not there.
pub(super) fn check(servant: &Servant, method: &str) -> Result<(), Exception> {
    let descriptor = servant.object().descriptor();
    if descriptor.open || descriptor.method(method).is_some() {
        return Ok(());
    }
    Err(names::unknown(&descriptor.service, method, false))
}

/// The call that is meant by one.
pub(super) fn meant(servant: &Servant, mut call: Call) -> Result<Call, Exception> {
    if call.method != ANY || !is_untold(servant.object().descriptor()) {
        return Ok(call);
    }
    let text = "invoke() takes the name of a method as its first argument";
    let name = call.positional.first().and_then(PyValue::as_str);
    let name = name.ok_or_else(|| Exception::builtin("TypeError", text))?;
    names::check(name)?;
    call.method = name.to_owned();
    call.positional.remove(0);
    Ok(call)
}

fn is_untold(descriptor: &Descriptor) -> bool {
    descriptor.open && descriptor.methods.is_empty()
}

/// Answers a call.
pub(super) async fn call(
    asked: &Arc<Asked>,
    servant: &Servant,
    call: Call,
) -> Result<Returned, Exception> {
    let name = call.method.clone();
    let descriptor = servant.object().descriptor();
    let (selected, method) = match descriptor.method(&name) {
        Some((number, method)) => (Selected::Number(number), Some(method)),
        None => (Selected::Name(&name), None),
    };
    let described = method.filter(|_| !descriptor.open);
    let Fitted { arguments, misfit } = match described {
        Some(method) => positional(asked, method, call)?,
        None => as_they_are(asked, call)?,
    };
    let codec = codec(servant, described);
    let arguments = passed_on(codec, arguments)?;
    let answer = start(asked, servant, selected, codec, arguments);
    let answer = answer.await.map_err(|refusal| match misfit {
        Some(text) if refusal.status == Status::BadArguments => {
            Exception::builtin("TypeError", text)
        }
        _ => errors::exception(&refusal),
    })?;
    returned(asked, &name, described, codec, answer)
}

/// Arguments, and what the object may find wrong with them.
struct Fitted {
    arguments: Value,
    misfit: Option<String>,
}

/// The arguments of a described method, in its order.
fn positional(asked: &Asked, method: &Method, call: Call) -> Result<Fitted, Exception> {
    let parameters = method.arguments.iter().map(|argument| Parameter {
        name: &argument.name,
        // As for other callers that name their arguments: what may be nothing is nothing when it is not given.
        default: matches!(argument.ty, Type::Option(_)).then_some(PyValue::None),
    });
    let bound = bind(&call.method, parameters, call.positional, call.keywords)?;
    let mut arguments = Vec::with_capacity(bound.len());
    let mut misfit = None;
    for (value, argument) in bound.into_iter().zip(&method.arguments) {
        let say = |misfit: Misfit| {
            let (name, argument) = (&method.name, &argument.name);
            format!("{name}() argument '{argument}'{misfit}")
        };
        let taken = take(value, &argument.ty)
            .map_err(|misfit| Exception::builtin("TypeError", say(misfit)))?;
        if misfit.is_none() {
            misfit = taken.misfit.map(say);
        }
        arguments.push(references::localized(asked, taken.value));
    }
    Ok(Fitted {
        arguments: Value::List(arguments),
        misfit,
    })
}

/// The arguments of a method that nobody described.
fn as_they_are(asked: &Asked, call: Call) -> Result<Fitted, Exception> {
    let method = call.method;
    let fit = |value, name: &str| match take(value, &Type::Any) {
        Ok(taken) => Ok(references::localized(asked, taken.value)),
        Err(misfit) => {
            let text = format!("{method}() argument {name}{misfit}");
            Err(Exception::builtin("TypeError", text))
        }
    };
    let numbered = call.positional.into_iter().enumerate();
    let positional = numbered.map(|(place, value)| fit(value, &(place + 1).to_string()));
    let named = call.keywords.into_iter();
    let named = named.map(|(name, value)| {
        let value = fit(value, &format!("'{name}'"))?;
        Ok((name, value))
    });
    let arguments = Arguments {
        positional: positional.collect::<Result<_, _>>()?,
        named: named.collect::<Result<_, Exception>>()?,
    };
    Ok(Fitted {
        arguments: arguments.into(),
        misfit: None,
    })
}

fn passed_on(codec: Codec, arguments: Value) -> Result<Encoded, Exception> {
    if codec == Codec::Value {
        return Ok(Encoded {
            frames: Frames::default(),
            attachments: vec![Attachment::Value(arguments)],
        });
    }
    let mut bytes = Vec::new();
    attach::writing(|| codec.encode(&arguments, &mut bytes, usize::MAX))
        .map_err(|e| Exception::builtin("TypeError", e.to_string()))?;
    Ok(Encoded {
        frames: bytes.into(),
        attachments: attach::take(),
    })
}

/// Starts a call and waits for its end.
async fn start(
    asked: &Arc<Asked>,
    servant: &Servant,
    method: Selected<'_>,
    codec: Codec,
    arguments: Encoded,
) -> Answer {
    let bytes = Bytes::from(arguments.frames.into_bytes());
    let request = Request {
        method,
        codec,
        arguments: &bytes,
        began: Instant::now(),
        within_ms: u32::try_from(CALL_TIME.as_millis()).unwrap_or(u32::MAX),
        trace: None,
        max_result_bytes: asked.limits.max_message_bytes as usize,
    };
    let target = Arc::clone(&asked.object);
    let begun = attach::reading(codec, target, arguments.attachments, || {
        match bytes.len() < blob::MIN_BYTES {
            true => Begun::start(servant.object(), request),
            false => blob::reading(&bytes, || Begun::start(servant.object(), request)),
        }
    });
    match begun {
        Begun::Over(answer) => answer,
        Begun::Waits(future) => {
            let ended = tokio::time::timeout(CALL_TIME, future).await;
            ended.unwrap_or_else(|_| Err(Refusal::new(Status::Cancelled, "its time is over")))
        }
        Begun::Computes(work) => match asked.oneway {
            true => offload::oneway_on_pool(&asked.core, work).await?,
            false => offload::on_pool(&asked.core, work).await?,
        },
    }
}

/// What a call gave, in Python's terms.
fn returned(
    asked: &Arc<Asked>,
    name: &str,
    method: Option<&Method>,
    codec: Codec,
    answer: Encoded,
) -> Result<Returned, Exception> {
    let mut frames = answer.frames;
    if method.is_some_and(|method| method.result == Type::Bytes) {
        match frames.into_last_blob() {
            Ok(blob) => return Ok(PyValue::Bytes(blob.into()).into()),
            Err(others) => frames = others,
        }
    }
    let bytes = frames.into_bytes();
    // What a stream's errors name; beside a value there is as a rule nothing else.
    let target = match answer.attachments.len() <= usize::from(codec == Codec::Value) {
        true => Arc::clone(&asked.object),
        false => format!("{name} of {}", asked.object).into(),
    };
    let value = attach::reading(codec, target, answer.attachments, || {
        codec.decode::<Value>(&bytes)
    });
    let value = value.map_err(|e| Exception::pyro("SerializeError", e.to_string()))?;
    let ty = method.map_or(&Type::Any, value_type);
    match value {
        Value::Stream(stream) => {
            let runs = method.map_or(Runs::Async, |method| method.runs);
            items::of(asked, stream, ty, runs).map(Returned::Items)
        }
        value => to_python(asked, value, ty).map(Returned::Value),
    }
}

/// A value of farcall's as one of Python's; objects in it are handed out over the connection.
pub(super) fn to_python(asked: &Arc<Asked>, value: Value, ty: &Type) -> Result<PyValue, Exception> {
    let mut hand_out = |reference: Reference| match &reference.to {
        Referent::Uri(uri) => Ok(references::proxy(uri)),
        _ => {
            let stand_in = reference
                .stand_in()
                .ok_or(Ungiven::Convert(ConvertError::Object))?;
            let number = asked.connection.number();
            handed::hand_out(&asked.core, number, asked.reached, stand_in).map_err(Ungiven::HandOut)
        }
    };
    give(value, ty, &mut hand_out).map_err(|ungiven| match ungiven {
        Ungiven::Convert(error) => Exception::pyro("SerializeError", error.to_string()),
        Ungiven::HandOut(exception) => exception,
    })
}

/// Why a value does not arrive in Python.
enum Ungiven {
    Convert(ConvertError),
    HandOut(Exception),
}

impl From<ConvertError> for Ungiven {
    fn from(error: ConvertError) -> Self {
        Self::Convert(error)
    }
}

/// The type of the value that a caller gets who knows no types.
fn value_type(method: &Method) -> &Type {
    match &method.result {
        Type::Enum { variants, .. } if method.returns_result() => match variants.first() {
            Some(ok) => match &ok.content {
                Content::Newtype(ty) => ty,
                _ => &Type::Unit,
            },
            None => &Type::Any,
        },
        ty => ty,
    }
}
