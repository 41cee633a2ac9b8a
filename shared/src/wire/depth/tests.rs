//! What the bound refuses, what it lets through, and that both fit on a small stack.

use std::collections::BTreeMap;

use postcard::ser_flavors::{Flavor, StdVec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{MAX_DEPTH, deserialize_limited, serialize_limited};
use crate::value::Value;

mod faithful;
mod probe;

const MILLION: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Postcard,
    MessagePack,
    Json,
}

const FORMATS: [Format; 3] = [Format::Postcard, Format::MessagePack, Format::Json];
const SELF_DESCRIBING: [Format; 2] = [Format::MessagePack, Format::Json];

impl Format {
    fn write<T: Serialize>(self, value: &T, max_depth: usize) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match self {
            Self::Postcard => {
                let mut serializer = postcard::Serializer {
                    output: StdVec::new(),
                };
                serialize_limited(value, &mut serializer, max_depth).map_err(|e| e.to_string())?;
                out = serializer.output.finalize().map_err(|e| e.to_string())?;
            }
            Self::MessagePack => {
                serialize_limited(value, &mut rmp_serde::Serializer::new(&mut out), max_depth)
                    .map_err(|e| e.to_string())?;
            }
            Self::Json => {
                serialize_limited(value, &mut serde_json::Serializer::new(&mut out), max_depth)
                    .map_err(|e| e.to_string())?;
            }
        }
        Ok(out)
    }

    fn read<'de, T: Deserialize<'de>>(
        self,
        bytes: &'de [u8],
        max_depth: usize,
    ) -> Result<T, String> {
        match self {
            Self::Postcard => {
                deserialize_limited(&mut postcard::Deserializer::from_bytes(bytes), max_depth)
                    .map_err(|e| e.to_string())
            }
            Self::MessagePack => deserialize_limited(
                &mut rmp_serde::Deserializer::from_read_ref(bytes),
                max_depth,
            )
            .map_err(|e| e.to_string()),
            Self::Json => {
                deserialize_limited(&mut serde_json::Deserializer::from_slice(bytes), max_depth)
                    .map_err(|e| e.to_string())
            }
        }
    }

    /// How this format says that something nests deeper than `MAX_DEPTH`.
    fn says_too_deep(self, error: &str) -> bool {
        match self {
            Self::Postcard => {
                error == "Serde Deserialization Error" || error == "Serde Serialization Error"
            }
            Self::MessagePack => error == format!("nested deeper than {MAX_DEPTH} levels"),
            Self::Json => error.starts_with(&format!("nested deeper than {MAX_DEPTH} levels")),
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Box<Tree>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rows {
    rows: Vec<Rows>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Link(Option<Box<Link>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { x: u8 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(u8);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Batch(Vec<u8>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, u8);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u8,
}

fn nest<T>(levels: usize, innermost: T, wrap: impl Fn(T) -> T) -> T {
    (0..levels).fold(innermost, |inner, _| wrap(inner))
}

fn tree(levels: usize) -> Tree {
    nest(levels, Tree::Leaf, |inner| Tree::Node(Box::new(inner)))
}

fn rows(levels: usize) -> Rows {
    nest(levels / 2 - 1, Rows { rows: vec![] }, |inner| Rows {
        rows: vec![inner],
    })
}

/// A stack of half the size that tokio and the standard library give their threads.
fn on_one_mebibyte(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

/// The value passes at `MAX_DEPTH`, both ways, and one level more does not.
fn stops_at_the_limit<T>(format: Format, nested: impl Fn(usize) -> T, step: usize)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let deepest = nested(MAX_DEPTH);
    let bytes = format.write(&deepest, MAX_DEPTH).unwrap();
    assert_eq!(
        format.read::<T>(&bytes, MAX_DEPTH).unwrap(),
        deepest,
        "{format:?}"
    );

    let deeper = nested(MAX_DEPTH + step);
    let error = format.write(&deeper, MAX_DEPTH).unwrap_err();
    assert!(format.says_too_deep(&error), "{format:?}: {error}");
    let bytes = format.write(&deeper, MAX_DEPTH + step).unwrap();
    let error = format.read::<T>(&bytes, MAX_DEPTH).unwrap_err();
    assert!(format.says_too_deep(&error), "{format:?}: {error}");
}

#[test]
fn the_limit_is_exact_and_fits_on_half_of_a_usual_stack() {
    on_one_mebibyte(|| {
        for format in FORMATS {
            stops_at_the_limit(format, tree, 1);
            stops_at_the_limit(format, rows, 2);
        }
        for format in SELF_DESCRIBING {
            stops_at_the_limit(
                format,
                |n| nest(n, serde_json::json!(1), |inner| serde_json::json!([inner])),
                1,
            );
            stops_at_the_limit(
                format,
                |n| {
                    nest(
                        n,
                        serde_json::json!(1),
                        |inner| serde_json::json!({ "k": inner }),
                    )
                },
                1,
            );
            stops_at_the_limit(
                format,
                |n| nest(n, Value::Int(1), |inner| Value::List(vec![inner])),
                1,
            );
            let map = |inner| Value::Map(vec![(Value::from("k"), inner)]);
            stops_at_the_limit(format, |n| nest(n, Value::Int(1), map), 1);
        }
    });
}

macro_rules! fat_enum {
    ($($variant:ident)*) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Fat {
            Leaf,
            Next(Box<Fat>),
            $($variant { table: [[u64; 8]; 8], name: String, note: Option<String>, raw: Vec<u8>, three: (u64, String, f64), all: Vec<Fat> },)*
        }
    };
}

fat_enum! { A B C D E F G H I J K L }

#[test]
fn a_recursive_enum_of_many_large_variants_fits_on_a_usual_stack() {
    let work = || {
        for format in FORMATS {
            stops_at_the_limit(
                format,
                |n| nest(n, Fat::Leaf, |inner| Fat::Next(Box::new(inner))),
                1,
            );
        }
    };
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_million_levels_from_a_peer_are_an_error() {
    let repeat = |open: &[u8], end: &[u8]| [open.repeat(MILLION), end.to_vec()].concat();
    let refuse = |format: Format, error: Option<String>| {
        let error = error.unwrap_or_default();
        assert!(format.says_too_deep(&error), "{format:?}: {error}");
    };
    on_one_mebibyte(move || {
        let format = Format::Postcard;
        refuse(
            format,
            format.read::<Tree>(&repeat(&[1], &[0]), MAX_DEPTH).err(),
        );
        refuse(
            format,
            format.read::<Rows>(&repeat(&[1], &[0]), MAX_DEPTH).err(),
        );
        refuse(
            format,
            format.read::<Link>(&repeat(&[1], &[0]), MAX_DEPTH).err(),
        );

        let format = Format::MessagePack;
        let (nodes, lists, maps) = (
            repeat(b"\x81\xa4Node", b"\xa4Leaf"),
            repeat(b"\x91", b"\x90"),
            repeat(b"\x81\xa1k", b"\xc0"),
        );
        refuse(format, format.read::<Tree>(&nodes, MAX_DEPTH).err());
        refuse(format, format.read::<Rows>(&lists, MAX_DEPTH).err());
        for bytes in [&nodes, &lists, &maps] {
            refuse(
                format,
                format.read::<serde_json::Value>(bytes, MAX_DEPTH).err(),
            );
            refuse(format, format.read::<Value>(bytes, MAX_DEPTH).err());
            refuse(
                format,
                format.read::<serde::de::IgnoredAny>(bytes, MAX_DEPTH).err(),
            );
        }

        let format = Format::Json;
        let (nodes, lists, maps) = (
            repeat(b"{\"Node\":", b"\"Leaf\""),
            repeat(b"[", b"1"),
            repeat(b"{\"rows\":[", b""),
        );
        refuse(format, format.read::<Tree>(&nodes, MAX_DEPTH).err());
        refuse(format, format.read::<Rows>(&maps, MAX_DEPTH).err());
        for bytes in [&nodes, &lists, &maps] {
            refuse(
                format,
                format.read::<serde_json::Value>(bytes, MAX_DEPTH).err(),
            );
            refuse(format, format.read::<Value>(bytes, MAX_DEPTH).err());
        }
    });
}

#[test]
fn a_million_levels_of_our_own_are_an_error() {
    let mut deep = tree(MILLION);
    let errors = FORMATS.map(|format| format.write(&deep, MAX_DEPTH).err().unwrap_or_default());
    // Taken apart from outside: dropping it whole would recurse a million levels.
    while let Tree::Node(inner) = deep {
        deep = *inner;
    }
    for (format, error) in FORMATS.into_iter().zip(errors) {
        assert!(format.says_too_deep(&error), "{format:?}: {error}");
    }
}

#[test]
fn a_type_that_recurses_without_consuming_input_is_an_error() {
    // MessagePack has no mark for `Some`, so one number looks like `Some(Some(Some(…` to this type.
    on_one_mebibyte(|| {
        let error = Format::MessagePack
            .read::<Link>(&[0x01], MAX_DEPTH)
            .unwrap_err();
        assert!(Format::MessagePack.says_too_deep(&error), "{error}");
    });
}

/// The least bound that lets the value through, which has to be the same both ways.
fn levels<T>(format: Format, value: &T) -> usize
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = (0..9)
        .find(|&max| format.write(value, max).is_ok())
        .unwrap();
    let bytes = format.write(value, written).unwrap();
    let read = (0..9)
        .find(|&max| format.read::<T>(&bytes, max).is_ok())
        .unwrap();
    assert_eq!(written, read, "{format:?}: {value:?}");
    assert_eq!(
        &format.read::<T>(&bytes, read).unwrap(),
        value,
        "{format:?}"
    );
    read
}

#[test]
fn each_container_is_one_level_and_each_variant_with_fields_two() {
    for format in FORMATS {
        assert_eq!(levels(format, &1_u8), 0);
        assert_eq!(levels(format, &"text".to_owned()), 0);
        assert_eq!(levels(format, &Shape::Unit), 0);
        assert_eq!(levels(format, &None::<u8>), 0);
        assert_eq!(levels(format, &vec![1_u8]), 1);
        assert_eq!(levels(format, &Vec::<u8>::new()), 1);
        assert_eq!(levels(format, &(1_u8, 2_u8)), 1);
        assert_eq!(levels(format, &[1_u8, 2]), 1);
        assert_eq!(levels(format, &BTreeMap::from([("k".to_owned(), 1_u8)])), 1);
        assert_eq!(levels(format, &Point { x: 1 }), 1);
        assert_eq!(levels(format, &Pair(1, 2)), 1);
        assert_eq!(levels(format, &Meters(1)), 1);
        assert_eq!(levels(format, &Some(1_u8)), 1);
        assert_eq!(levels(format, &Shape::Newtype(1)), 1);
        assert_eq!(levels(format, &Shape::Tuple(1, 2)), 2);
        assert_eq!(levels(format, &Shape::Struct { x: 1 }), 2);
        assert_eq!(levels(format, &Batch(vec![1])), 2);
        assert_eq!(levels(format, &vec![Some(Pair(1, 2)), None]), 3);
        assert_eq!(
            levels(
                format,
                &BTreeMap::from([("k".to_owned(), Shape::Struct { x: 1 })])
            ),
            3
        );
        assert_eq!(
            levels(format, &vec![vec![1_u8]; 3]),
            2,
            "siblings share a level"
        );
    }
    for format in [Format::Postcard, Format::MessagePack] {
        assert_eq!(
            levels(format, &BTreeMap::from([(vec![vec![1_u8]], 1_u8)])),
            3,
            "keys count as well"
        );
    }
}

#[test]
fn the_error_names_the_bound() {
    let value = vec![vec![vec![1_u8]]];
    assert_eq!(
        Format::MessagePack.write(&value, 2).unwrap_err(),
        "nested deeper than 2 levels"
    );
    assert_eq!(
        Format::Json.write(&value, 2).unwrap_err(),
        "nested deeper than 2 levels"
    );
    assert_eq!(
        Format::MessagePack
            .read::<Value>(b"\x91\x91\x91\x01", 2)
            .unwrap_err(),
        "nested deeper than 2 levels"
    );
    let error = Format::Json
        .read::<Vec<Vec<Vec<u8>>>>(b"[[[1]]]", 2)
        .unwrap_err();
    assert_eq!(error, "nested deeper than 2 levels at line 1 column 3");
    assert_eq!(
        Format::Postcard.write(&value, 2).unwrap_err(),
        postcard::Error::SerdeSerCustom.to_string()
    );
    let error = Format::Postcard
        .read::<Vec<Vec<Vec<u8>>>>(&[1, 1, 1, 1], 2)
        .unwrap_err();
    assert_eq!(error, postcard::Error::SerdeDeCustom.to_string());
}

#[test]
fn any_bound_may_be_given() {
    assert!(Format::Json.read::<u8>(b"1", 0).is_ok());
    assert!(Format::Json.read::<Vec<u8>>(b"[]", 0).is_err());
    assert!(Format::Json.read::<Vec<u8>>(b"[1]", usize::MAX).is_ok());
}
