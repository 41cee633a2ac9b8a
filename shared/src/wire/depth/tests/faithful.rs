//! Within the bound nothing changes: the same bytes and the same values.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::MAX_DEPTH;
use super::{FORMATS, Format, Meters, Pair, Shape};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nothing;

/// One field for everything that serde can say.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Broad {
    flag: bool,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    floats: (f32, f64),
    letter: char,
    text: String,
    bytes: Bytes,
    maybe: Option<u32>,
    unit: (),
    nothing: Nothing,
    meters: Meters,
    pair: Pair,
    shapes: Vec<Shape>,
    array: [u16; 3],
    ages: BTreeMap<String, u8>,
    by_number: BTreeMap<u32, Option<String>>,
    address: IpAddr,
    wait: Duration,
    outcome: Result<u8, String>,
    next: Option<Box<Broad>>,
}

fn text(rng: &mut fastrand::Rng) -> String {
    (0..rng.usize(..9)).map(|_| rng.char(..)).collect()
}

/// Few digits: serde_json reads many of them to within one unit in the last place only.
fn float(rng: &mut fastrand::Rng) -> f64 {
    f64::from(rng.i32(-1_000_000..1_000_000)) / 64.0
}

fn shape(rng: &mut fastrand::Rng) -> Shape {
    match rng.u8(..4) {
        0 => Shape::Unit,
        1 => Shape::Newtype(rng.u8(..)),
        2 => Shape::Tuple(rng.u8(..), rng.u8(..)),
        _ => Shape::Struct { x: rng.u8(..) },
    }
}

fn broad(rng: &mut fastrand::Rng, nested: usize) -> Broad {
    Broad {
        flag: rng.bool(),
        signed: (
            rng.i8(..),
            rng.i16(..),
            rng.i32(..),
            rng.i64(..),
            rng.i128(..),
        ),
        unsigned: (
            rng.u8(..),
            rng.u16(..),
            rng.u32(..),
            rng.u64(..),
            rng.u128(..),
        ),
        floats: (float(rng) as f32, float(rng)),
        letter: rng.char(..),
        text: text(rng),
        bytes: (0..rng.usize(..9)).map(|_| rng.u8(..)).collect(),
        maybe: rng.bool().then(|| rng.u32(..)),
        unit: (),
        nothing: Nothing,
        meters: Meters(rng.u8(..)),
        pair: Pair(rng.u8(..), rng.u8(..)),
        shapes: (0..rng.usize(..5)).map(|_| shape(rng)).collect(),
        array: [rng.u16(..), rng.u16(..), rng.u16(..)],
        ages: (0..rng.usize(..4))
            .map(|_| (text(rng), rng.u8(..)))
            .collect(),
        by_number: (0..rng.usize(..4))
            .map(|_| (rng.u32(..), rng.bool().then(|| text(rng))))
            .collect(),
        address: if rng.bool() {
            IpAddr::from(rng.u32(..).to_be_bytes())
        } else {
            IpAddr::from(rng.u128(..).to_be_bytes())
        },
        wait: Duration::new(rng.u64(..), rng.u32(..1_000_000_000)),
        outcome: if rng.bool() {
            Ok(rng.u8(..))
        } else {
            Err(text(rng))
        },
        next: (nested > 0).then(|| Box::new(broad(rng, nested - 1))),
    }
}

fn write_plain(format: Format, value: &Broad) -> Vec<u8> {
    match format {
        Format::Postcard => postcard::to_stdvec(value).unwrap(),
        Format::MessagePack => rmp_serde::to_vec(value).unwrap(),
        Format::Json => serde_json::to_vec(value).unwrap(),
    }
}

fn read_plain(format: Format, bytes: &[u8]) -> Broad {
    match format {
        Format::Postcard => postcard::from_bytes(bytes).unwrap(),
        Format::MessagePack => rmp_serde::from_slice(bytes).unwrap(),
        Format::Json => serde_json::from_slice(bytes).unwrap(),
    }
}

#[test]
fn bytes_and_values_are_the_same_with_and_without_the_bound() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let value = broad(&mut rng, 3);
        for format in FORMATS {
            let bytes = write_plain(format, &value);
            assert_eq!(
                format.write(&value, MAX_DEPTH).unwrap(),
                bytes,
                "{format:?}, seed {seed}"
            );
            assert_eq!(
                format.read::<Broad>(&bytes, MAX_DEPTH).unwrap(),
                value,
                "{format:?}, seed {seed}"
            );
            assert_eq!(read_plain(format, &bytes), value, "{format:?}, seed {seed}");
        }
    }
}

#[test]
fn broken_bytes_give_the_same_answer_with_and_without_the_bound() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..2000 {
        let mut bytes = postcard::to_stdvec(&broad(&mut rng, 1)).unwrap();
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
        let plain = postcard::from_bytes::<Broad>(&bytes).map_err(|e| e.to_string());
        // NaN is not itself, so the comparison is between texts.
        let limited = Format::Postcard.read::<Broad>(&bytes, MAX_DEPTH);
        assert_eq!(format!("{limited:?}"), format!("{plain:?}"), "seed {seed}");
    }
}

#[test]
fn flattened_untagged_and_internally_tagged_types_pass() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        List(Vec<Either>),
        Named { name: String },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Circle { radius: f64 },
        Empty,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        id: u8,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<String>,
        #[serde(flatten)]
        rest: BTreeMap<String, Either>,
        shapes: Vec<Tagged>,
    }
    let json = r#"{"id":1,"a":2,"b":[3,{"name":"x"}],"shapes":[{"kind":"Circle","radius":1.5},{"kind":"Empty"}]}"#;
    let value: Outer = Format::Json.read(json.as_bytes(), MAX_DEPTH).unwrap();
    assert_eq!(value, serde_json::from_str(json).unwrap());
    assert_eq!(
        Format::Json.write(&value, MAX_DEPTH).unwrap(),
        serde_json::to_vec(&value).unwrap()
    );
    assert!(Format::Json.read::<Outer>(json.as_bytes(), 3).is_ok());
    assert!(Format::Json.read::<Outer>(json.as_bytes(), 2).is_err());
}

#[test]
fn borrowed_text_and_bytes_stay_borrowed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
    }
    let value = Borrowed {
        text: "name",
        bytes: b"\x00\x01",
    };
    for format in [Format::Postcard, Format::MessagePack] {
        let out = if format == Format::Postcard {
            postcard::to_stdvec(&value).unwrap()
        } else {
            // Plain slices are written as lists; MessagePack lends only its own byte strings.
            b"\x92\xa4name\xc4\x02\x00\x01".to_vec()
        };
        let read: Borrowed<'_> = format.read(&out, MAX_DEPTH).unwrap();
        assert_eq!(read, value);
        assert!(
            out.as_ptr_range().contains(&read.text.as_ptr()),
            "{format:?}"
        );
        assert!(
            out.as_ptr_range().contains(&read.bytes.as_ptr()),
            "{format:?}"
        );
    }
}
