//! Values made by chance, and how they are written as arguments.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use farcall::parts::wire::codec::Codec;
use farcall::{Arguments, Value};
use fastrand::Rng;
use serde::{Serialize, Serializer};

use super::{bytes, number, text};
use crate::target::{Job, Nest, Numbers, Ruled, Shape, Tree};

/// Longer than any forged value is.
const MOST_BYTES: usize = 1 << 20;

/// How many methods the target has.
pub const METHODS: u16 = 15;

/// Where a reference stands in the list behind a value.
struct Place(u16);

/// Where a stream stands there.
struct StreamPlace(u16);

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => BTreeMap::from([("farcall:attached", self.0)]).serialize(serializer),
            false => self.0.serialize(serializer),
        }
    }
}

impl Serialize for StreamPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => Place(self.0).serialize(serializer),
            false => (self.0, None::<u8>).serialize(serializer),
        }
    }
}

/// A type of which there are values by chance.
pub trait Chance: Sized {
    /// One of them; `levels` bounds how deep it nests.
    fn by_chance(random: &mut Rng, levels: u8) -> Self;
}

/// The arguments of method `method` of the target, or of another one, in any codec.
pub fn arguments(random: &mut Rng, method: u16) -> Vec<u8> {
    let codec = [
        Codec::Postcard,
        Codec::Postcard,
        Codec::MessagePack,
        Codec::Json,
    ][random.usize(0..4)];
    let method = if random.u8(..) < 16 {
        random.u16(0..METHODS + 1)
    } else {
        method
    };
    let mut out = Vec::new();
    fn put<T: Chance + Serialize>(codec: Codec, out: &mut Vec<u8>, random: &mut Rng) {
        // What one of the codecs cannot write is an empty body.
        let _ = codec.encode(&T::by_chance(random, 4), out, MOST_BYTES);
    }
    let out_ref = &mut out;
    match method {
        0 => put::<(i64,)>(codec, out_ref, random),
        1 => put::<(Vec<Shape>, Option<String>)>(codec, out_ref, random),
        2 | 10 => put::<(String,)>(codec, out_ref, random),
        3 => put::<(Bytes,)>(codec, out_ref, random),
        4 => put::<(u32,)>(codec, out_ref, random),
        5 => put::<(u64,)>(codec, out_ref, random),
        6 => put::<(Tree, Nest)>(codec, out_ref, random),
        7 => put::<(BTreeMap<String, Vec<u32>>, HashMap<u32, Job>)>(codec, out_ref, random),
        8 => put::<(Numbers, Option<Ruled>)>(codec, out_ref, random),
        11 => put::<(Option<Place>, Vec<Place>)>(codec, out_ref, random),
        12 => put::<(u64,)>(codec, out_ref, random),
        13 | 14 => put::<(StreamPlace,)>(codec, out_ref, random),
        METHODS => put::<Arguments>(codec, out_ref, random),
        _ => {}
    }
    out
}

/// A short list.
pub fn list<T>(random: &mut Rng, mut item: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let count = match random.u8(..) {
        0..250 => random.usize(0..3),
        _ => random.usize(0..100),
    };
    (0..count).map(|_| item(random)).collect()
}

macro_rules! whole_numbers {
    ($($type:ty)*) => {$(
        impl Chance for $type {
            fn by_chance(random: &mut Rng, _: u8) -> Self {
                number(random) as $type
            }
        }
    )*};
}

whole_numbers!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! made_by {
    ($($type:ty: |$random:ident, $levels:ident| $make:expr;)*) => {$(
        impl Chance for $type {
            fn by_chance($random: &mut Rng, $levels: u8) -> Self {
                $make
            }
        }
    )*};
}

made_by! {
    (): |_random, _levels| ();
    Place: |random, _levels| Place(if random.u8(..) < 250 { random.u16(0..3) } else { number(random) as u16 });
    StreamPlace: |random, _levels| StreamPlace(if random.u8(..) < 240 { 0 } else { number(random) as u16 });
    bool: |random, _levels| random.bool();
    char: |random, _levels| random.char(..);
    u128: |random, _levels| u128::from(number(random)) << (random.u8(0..2) * 64) | u128::from(number(random));
    i128: |random, levels| u128::by_chance(random, levels) as i128;
    // What is not finite has no form in JSON.
    f32: |random, _levels| Some(f32::from_bits(random.u32(..))).filter(|f| f.is_finite()).unwrap_or(-0.0);
    f64: |random, _levels| Some(f64::from_bits(random.u64(..))).filter(|f| f.is_finite()).unwrap_or(1.5);
    String: |random, _levels| text(random);
    Box<str>: |random, _levels| text(random).into();
    Bytes: |random, _levels| bytes(random).into();
    Duration: |random, _levels| Duration::new(number(random), random.u32(0..1_000_000_000));
    NonZeroU16: |random, _levels| NonZeroU16::MIN.saturating_add(number(random) as u16);
    std::ops::Range<u8>: |random, _levels| random.u8(..)..random.u8(..);
    [u16; 4]: |random, _levels| [random.u16(..), 0, 300, number(random) as u16];
    IpAddr: |random, _levels| if random.bool() {
        Ipv4Addr::from_bits(random.u32(..)).into()
    } else {
        Ipv6Addr::from_bits(random.u128(..)).into()
    };
    Job: |random, levels| Job {
        id: number(random) as u32,
        tags: list(random, text),
        note: Chance::by_chance(random, levels),
    };
    Numbers: |random, levels| Numbers {
        small: Chance::by_chance(random, levels),
        large: Chance::by_chance(random, levels),
        huge: Chance::by_chance(random, levels),
        real: Chance::by_chance(random, levels),
        odd: Chance::by_chance(random, levels),
    };
    Ruled: |random, levels| Ruled {
        address: Chance::by_chance(random, levels),
        time: Chance::by_chance(random, levels),
        never_zero: Chance::by_chance(random, levels),
        range: Chance::by_chance(random, levels),
        row: Chance::by_chance(random, levels),
        text: Chance::by_chance(random, levels),
    };
    Shape: |random, levels| match random.u8(0..if levels == 0 { 4 } else { 6 }) {
        0 => Shape::Dot,
        1 => Shape::Circle(Chance::by_chance(random, levels)),
        2 => Shape::Line(random.i8(..), random.i8(..)),
        3 => Shape::Rect { width: random.u32(..), height: number(random) as u32 },
        4 => Shape::Group(Chance::by_chance(random, levels - 1)),
        _ => Shape::Turned(Chance::by_chance(random, levels), Box::new(Chance::by_chance(random, levels - 1))),
    };
    Tree: |random, levels| Tree {
        below: if levels == 0 { Vec::new() } else { Chance::by_chance(random, levels - 1) },
    };
    Nest: |random, _levels| {
        // To both sides of the bound on nesting: each takes two levels.
        let depth = if random.u8(..) < 224 { random.u8(0..6) } else { random.u8(24..40) };
        (0..depth).fold(Nest::default(), |nest, _| Nest { inside: Some(Box::new(nest)) })
    };
    Value: |random, levels| match random.u8(0..if levels == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => Value::Int(Chance::by_chance(random, levels)),
        3 => Value::Float(Chance::by_chance(random, levels)),
        4 => Value::Text(text(random)),
        5 => Value::Bytes(bytes(random)),
        6 => Value::List(Chance::by_chance(random, levels - 1)),
        _ => Value::Map(Chance::by_chance(random, levels - 1)),
    };
    Arguments: |random, levels| Arguments {
        positional: Chance::by_chance(random, levels - 1),
        named: Chance::by_chance(random, levels - 1),
    };
}

impl<T: Chance> Chance for Vec<T> {
    fn by_chance(random: &mut Rng, levels: u8) -> Self {
        list(random, |random| T::by_chance(random, levels))
    }
}

impl<T: Chance> Chance for Option<T> {
    fn by_chance(random: &mut Rng, levels: u8) -> Self {
        random.bool().then(|| T::by_chance(random, levels))
    }
}

impl<T: Chance, E: Chance> Chance for Result<T, E> {
    fn by_chance(random: &mut Rng, levels: u8) -> Self {
        if random.bool() {
            Ok(T::by_chance(random, levels))
        } else {
            Err(E::by_chance(random, levels))
        }
    }
}

impl<K: Chance + Ord, V: Chance> Chance for BTreeMap<K, V> {
    fn by_chance(random: &mut Rng, levels: u8) -> Self {
        Vec::by_chance(random, levels).into_iter().collect()
    }
}

impl<K: Chance + Eq + std::hash::Hash, V: Chance> Chance for HashMap<K, V> {
    fn by_chance(random: &mut Rng, levels: u8) -> Self {
        Vec::by_chance(random, levels).into_iter().collect()
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Chance),*> Chance for ($($name,)*) {
            fn by_chance(random: &mut Rng, levels: u8) -> Self {
                ($($name::by_chance(random, levels),)*)
            }
        }
    )*};
}

tuples!((A)(A B)(A B C)(A B C D));
