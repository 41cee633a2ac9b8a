//! Objects that answer any method name, with values whose types are not known beforehand.

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ending::{Reached, panicked};
use super::{Answer, Encoded, Object, Request, Scratch, Selected, Servant, Started};
use crate::attach;
use crate::descriptor::Descriptor;
use crate::value::Value;
use crate::wire::codec::Codec;
use crate::wire::status::{Refusal, Status};

/// The key under which positional arguments travel beside named ones: no argument can have this name.
const POSITIONAL: &str = "";

/// Arguments of a dynamic call.
///
/// On the wire: an array when all are positional, a map when all are named; a map with the positional ones in a list
/// under the empty name when there are both. An object with described methods takes one kind at a time; both at once
/// reach only objects that answer any method name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    /// By position.
    pub positional: Vec<Value>,
    /// By name.
    pub named: Vec<(String, Value)>,
}

impl Arguments {
    /// Arguments by position.
    pub fn positional(values: impl IntoIterator<Item = Value>) -> Self {
        Self {
            positional: values.into_iter().collect(),
            named: Vec::new(),
        }
    }

    /// Arguments by name.
    pub fn named<N: Into<String>>(values: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self {
            positional: Vec::new(),
            named: values
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        }
    }
}

/// An object that is asked for every call by the method's name.
///
/// ```
/// use farcall_shared::object::{Arguments, DynamicObject};
/// use farcall_shared::value::Value;
///
/// /// Answers every method with its name.
/// struct Parrot;
///
/// impl DynamicObject for Parrot {
///     async fn call(&self, method: String, _: Arguments) -> Result<Value, String> {
///         Ok(Value::from(method))
///     }
/// }
/// ```
pub trait DynamicObject: Sized + Send + Sync + 'static {
    /// Answers a call. The error is a text for the caller; an unknown method is an error like any other.
    fn call(
        &self,
        method: String,
        arguments: Arguments,
    ) -> impl Future<Output = Result<Value, String>> + Send;

    /// What it says about itself; methods listed here are only documentation.
    fn descriptor(&self) -> Descriptor {
        Descriptor::open("Dynamic", "Answers any method name.")
    }

    /// Makes it ready to be hosted.
    fn serve(self) -> Servant {
        let mut descriptor = self.descriptor();
        descriptor.open = true;
        Servant::of(Dynamic {
            descriptor,
            object: Arc::new(self),
        })
    }
}

struct Dynamic<T> {
    descriptor: Descriptor,
    object: Arc<T>,
}

impl<T: DynamicObject> Object for Dynamic<T> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn start(&self, request: Request<'_>, _: &mut Scratch<'_>) -> Started {
        if request.codec == Codec::Postcard {
            let text = "this object answers dynamic callers only: call it through a dynamic proxy";
            return Started::Done(Err(Refusal::new(Status::BadArguments, text)));
        }
        let method = match request.method {
            Selected::Name(name) => name.to_owned(),
            Selected::Number(number) => match self.descriptor.methods.get(usize::from(number)) {
                Some(method) => method.name.clone(),
                None => {
                    return Started::Done(Err(Refusal::new(
                        Status::UnknownMethod,
                        "no method has this number",
                    )));
                }
            },
        };
        let arguments = match request.codec.decode::<Arguments>(request.arguments) {
            Ok(arguments) => arguments,
            Err(e) => {
                return Started::Done(Err(Refusal::new(
                    Status::BadArguments,
                    format!("{method}: {e}"),
                )));
            }
        };
        let (object, codec, limit) = (
            Arc::clone(&self.object),
            request.codec,
            request.max_result_bytes,
        );
        Started::Waits(Box::pin(async move {
            let call = std::panic::AssertUnwindSafe(object.call(method, arguments));
            match call.catch_unwind().await {
                Ok(result) => answer(result, codec, limit),
                Err(panic) => Err(panicked(Reached::Running, &*panic)),
            }
        }))
    }
}

fn answer(result: Result<Value, String>, codec: Codec, limit: usize) -> Answer {
    let value = result.map_err(|text| Refusal::new(Status::Error, text))?;
    let mut reply = Vec::new();
    match attach::writing(|| codec.encode(&value, &mut reply, limit)) {
        Ok(()) => Ok(Encoded {
            frames: reply.into(),
            attachments: attach::take(),
        }),
        Err(e) => Err(Refusal::new(Status::BadResult, e.to_string())),
    }
}

/// In the form in which they travel.
impl From<Arguments> for Value {
    fn from(arguments: Arguments) -> Self {
        if arguments.named.is_empty() {
            return Self::List(arguments.positional);
        }
        let named = arguments.named.into_iter();
        let named = named.map(|(name, value)| (Self::Text(name), value));
        let positional = match arguments.positional.is_empty() {
            true => None,
            false => Some((
                Self::Text(POSITIONAL.to_owned()),
                Self::List(arguments.positional),
            )),
        };
        Self::Map(positional.into_iter().chain(named).collect())
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.named.is_empty() {
            let mut seq = serializer.serialize_seq(Some(self.positional.len()))?;
            for value in &self.positional {
                seq.serialize_element(value)?;
            }
            return seq.end();
        }
        let extra = usize::from(!self.positional.is_empty());
        let mut map = serializer.serialize_map(Some(self.named.len() + extra))?;
        if extra > 0 {
            map.serialize_entry(POSITIONAL, &self.positional)?;
        }
        for (name, value) in &self.named {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentsVisitor)
    }
}

struct ArgumentsVisitor;

impl<'de> Visitor<'de> for ArgumentsVisitor {
    type Value = Arguments;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("arguments as an array or a map")
    }

    /// What a method without arguments takes.
    fn visit_unit<E: serde::de::Error>(self) -> Result<Arguments, E> {
        Ok(Arguments::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arguments, A::Error> {
        let mut arguments = Arguments::default();
        while let Some(value) = seq.next_element()? {
            arguments.positional.push(value);
        }
        Ok(arguments)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arguments, A::Error> {
        let mut arguments = Arguments::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == POSITIONAL {
                arguments.positional = map.next_value()?;
            } else {
                arguments.named.push((name, map.next_value()?));
            }
        }
        Ok(arguments)
    }
}
