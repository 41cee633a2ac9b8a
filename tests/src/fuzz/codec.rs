//! The codecs: forged arguments and results, read as values of many types.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use farcall::descriptor::Descriptor;
use farcall::parts::wire::VariantContent;
use farcall::parts::wire::codec::{Codec, DecodeError};
use farcall::{Arguments, Value};
use fastrand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Allowance, Meter, Reader};
use crate::forge::{self, Chance};
use crate::target::{Job, Nest, Numbers, Ruled, Shape, TargetRequest, Tree};

const CODECS: [Codec; 3] = [Codec::Postcard, Codec::MessagePack, Codec::Json];

/// Longer than anything that is read here.
const MOST_BYTES: usize = 64 << 20;

/// The bytes of an input before the body: which subject, which codec, which variant.
const HEAD_BYTES: usize = 3;

/// Bodies, each with what it is to be read as.
pub(super) struct Codecs(Vec<Subject>);

/// A type that is read.
struct Subject {
    make: fn(Codec, u8, &mut Rng) -> Vec<u8>,
    feed: fn(Codec, u8, &[u8], &mut Meter) -> Result<(), String>,
}

impl Codecs {
    pub(super) fn new() -> Self {
        Self(vec![
            Subject {
                make: make_request,
                feed: feed_request,
            },
            Subject {
                make: make_request,
                feed: feed_request,
            },
            Subject::of::<Value>(),
            Subject::of::<Arguments>(),
            Subject::of::<Shape>(),
            Subject::of::<Vec<Shape>>(),
            Subject::of::<Tree>(),
            Subject::of::<Nest>(),
            Subject::of::<(Numbers, Option<Ruled>)>(),
            Subject::of::<Result<Option<Job>, String>>(),
            Subject::of::<BTreeMap<String, Vec<u32>>>(),
            Subject::of::<Vec<Vec<Vec<u16>>>>(),
            Subject::of::<Bytes>(),
            Subject::of::<()>(),
            // The order of its entries differs from one to the next.
            Subject {
                make: make::<HashMap<u32, Job>>,
                feed: read_only::<HashMap<u32, Job>>,
            },
            // What a client asks for and did not define itself.
            Subject {
                make: make_descriptor,
                feed: feed::<Descriptor>,
            },
        ])
    }
}

impl Reader for Codecs {
    fn make(&self, random: &mut Rng) -> Vec<u8> {
        let (subject, codec) = (random.usize(0..self.0.len()), random.usize(0..CODECS.len()));
        let variant = if random.u8(..) < 250 {
            random.u8(0..12)
        } else {
            random.u8(..)
        };
        let make = self.0[subject].make;
        let mut body = make(CODECS[codec], variant, random);
        if random.u8(..) < 224 {
            let donor = make(CODECS[random.usize(0..CODECS.len())], variant, random);
            forge::spoil(&mut body, &donor, random);
        }
        let mut input = vec![subject as u8, codec as u8, variant];
        input.append(&mut body);
        input
    }

    fn feed(&self, input: &[u8], meter: &mut Meter) -> Result<(), String> {
        let Some(([subject, codec, variant], body)) = input.split_first_chunk::<HEAD_BYTES>()
        else {
            return Ok(());
        };
        let subject = &self.0[usize::from(*subject) % self.0.len()];
        let codec = CODECS[usize::from(*codec) % CODECS.len()];
        (subject.feed)(codec, *variant, body, meter)
    }
}

impl Subject {
    fn of<T: Chance + Serialize + DeserializeOwned>() -> Self {
        Self {
            make: make::<T>,
            feed: feed::<T>,
        }
    }
}

/// What reading a body may take.
///
/// serde makes room for as many elements as are announced, up to 1 MiB at each level of nesting. postcard announces no
/// more elements of a list than there are bytes, but entries of a map as its sender says; JSON announces nothing.
fn allowance(codec: Codec) -> Allowance {
    match codec {
        // A byte can be a list at each of 32 levels of trees, of 24 bytes each. Room in a hash map is rounded up to twice.
        Codec::Postcard => Allowance {
            per_byte: 32 * 24,
            constant: 3 << 20,
        },
        Codec::MessagePack => Allowance {
            per_byte: 64,
            constant: 35 << 20,
        },
        // Vectors grow by doubling, at first to four elements. What is passed on as it is has no bytes.
        Codec::Json | Codec::Value => Allowance {
            per_byte: 32,
            constant: 4 << 10,
        },
    }
}

fn make<T: Chance + Serialize>(codec: Codec, _: u8, random: &mut Rng) -> Vec<u8> {
    let mut body = Vec::new();
    // What a codec cannot write is an empty body.
    let _ = codec.encode(&T::by_chance(random, 4), &mut body, MOST_BYTES);
    body
}

fn make_request(_: Codec, variant: u8, random: &mut Rng) -> Vec<u8> {
    forge::arguments(random, variant.into())
}

fn make_descriptor(codec: Codec, _: u8, _: &mut Rng) -> Vec<u8> {
    let mut body = Vec::new();
    let descriptor = crate::target::TargetProxy::descriptor();
    let _ = codec.encode(descriptor, &mut body, MOST_BYTES);
    body
}

fn feed<T: Serialize + DeserializeOwned>(
    codec: Codec,
    _: u8,
    body: &[u8],
    meter: &mut Meter,
) -> Result<(), String> {
    let what = std::any::type_name::<T>();
    let read = |body: &[u8]| codec.decode::<T>(body);
    let write = |value: &T, out: &mut Vec<u8>| codec.encode(value, out, MOST_BYTES);
    there_and_back(what, codec, body, meter, read, write)
}

fn feed_request(codec: Codec, variant: u8, body: &[u8], meter: &mut Meter) -> Result<(), String> {
    let read = |body: &[u8]| codec.decode_variant::<TargetRequest>(variant.into(), body);
    if variant == 7 {
        // It has a `HashMap`: the order of its entries differs from one to the next.
        return measured("arguments", codec, body, meter, read).map(drop);
    }
    let write = |value: &TargetRequest, out: &mut Vec<u8>| {
        codec.encode(&VariantContent(value), out, MOST_BYTES)
    };
    there_and_back("arguments", codec, body, meter, read, write)
}

fn read_only<T: DeserializeOwned>(
    codec: Codec,
    _: u8,
    body: &[u8],
    meter: &mut Meter,
) -> Result<(), String> {
    measured(std::any::type_name::<T>(), codec, body, meter, |body| {
        codec.decode::<T>(body)
    })
    .map(drop)
}

fn measured<T>(
    what: &'static str,
    codec: Codec,
    body: &[u8],
    meter: &mut Meter,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<T>, String> {
    let value = meter.measure(what, body.len(), allowance(codec), || read(body))?;
    Ok(value.ok())
}

/// Reads a value; what was read is written, and reads as the same again.
fn there_and_back<T, E: std::fmt::Display>(
    what: &'static str,
    codec: Codec,
    body: &[u8],
    meter: &mut Meter,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), String> {
    let Some(value) = measured(what, codec, body, meter, &read)? else {
        return Ok(());
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    write(&value, &mut first)
        .map_err(|e| format!("{what} was read from {codec:?} and cannot be written: {e}"))?;
    if codec == Codec::Json && is_inexact(&first) {
        return Ok(());
    }
    let again = read(&first)
        .map_err(|e| format!("{what} was written as {codec:?} and cannot be read: {e}"))?;
    write(&again, &mut second)
        .map_err(|e| format!("{what} was read from {codec:?} again and cannot be written: {e}"))?;
    if first == second {
        return Ok(());
    }
    Err(format!(
        "{what} is another one each time it goes through {codec:?}"
    ))
}

/// True for JSON that may hold numbers with a point: serde_json reads them to within their last digit, and what is too
/// large for an `f32` as infinite, which it writes as null.
fn is_inexact(json: &[u8]) -> bool {
    json.contains(&b'.') || json.windows(4).any(|four| four == b"null")
}
