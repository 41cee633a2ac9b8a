//! Dynamic values: what they are made of, what they become, what they refuse.

use std::collections::BTreeMap;

use serde::de::value::{
    BorrowedBytesDeserializer, BorrowedStrDeserializer, BytesDeserializer, Error as Text,
};
use serde::de::value::{CharDeserializer, I128Deserializer, U128Deserializer, UnitDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::json;

use super::{Value, from_value, to_value};
use crate::wire::depth::{MAX_DEPTH, deserialize_limited, serialize_limited};

mod typed;

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(
        entries
            .into_iter()
            .map(|(key, value)| (Value::from(key), value))
            .collect(),
    )
}

fn list<T: Into<Value>, const N: usize>(values: [T; N]) -> Value {
    Value::List(values.into_iter().map(Into::into).collect())
}

fn write_message_pack(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    serialize_limited(value, &mut rmp_serde::Serializer::new(&mut out), MAX_DEPTH).unwrap();
    out
}

fn read_message_pack(bytes: &[u8]) -> Result<Value, rmp_serde::decode::Error> {
    deserialize_limited(
        &mut rmp_serde::Deserializer::from_read_ref(bytes),
        MAX_DEPTH,
    )
}

#[test]
fn plain_values_convert() {
    assert_eq!(Value::default(), Value::Null);
    assert_eq!(Value::from(true), Value::Bool(true));
    assert_eq!(Value::from(-1_i32), Value::Int(-1));
    assert_eq!(Value::from(i64::MIN), Value::Int(i64::MIN.into()));
    assert_eq!(Value::from(1_u32), Value::Int(1));
    assert_eq!(Value::from(u64::MAX), Value::Int(u64::MAX.into()));
    assert_eq!(Value::from(1.5), Value::Float(1.5));
    assert_eq!(Value::from("x"), Value::Text("x".to_owned()));
    assert_eq!(Value::from("x".to_owned()), Value::Text("x".to_owned()));
    assert_eq!(Value::from(vec!["x"]), Value::List(vec![Value::from("x")]));
    assert_eq!(
        Value::from(vec![Some(1), None]),
        Value::List(vec![Value::Int(1), Value::Null])
    );
}

#[test]
fn accessors_give_what_is_there() {
    let value = map([
        ("n", Value::Int(7)),
        ("list", list(["x"])),
        ("n", Value::Null),
    ]);
    assert_eq!(value.field("n").and_then(Value::as_i64), Some(7));
    assert_eq!(
        value.field("list").and_then(Value::as_list),
        Some(&[Value::from("x")][..])
    );
    assert_eq!(value.field("m"), None);
    assert_eq!(Value::Null.field("n"), None);
    assert_eq!(Value::from("x").as_str(), Some("x"));
    assert_eq!(Value::Int(1).as_str(), None);
    assert_eq!(Value::from(u64::MAX).as_i64(), None);
    assert_eq!(Value::from(1.0).as_i64(), None);
    assert_eq!(Value::Bytes(vec![]).as_list(), None);
}

#[test]
fn a_value_displays_as_compact_text() {
    let value = Value::Map(vec![
        (Value::from("name"), Value::from("a \"b\"\n")),
        (
            Value::Int(1),
            list([
                Value::Null,
                Value::Bool(true),
                Value::Float(1.0),
                Value::Int(i128::MAX),
            ]),
        ),
        (Value::Null, Value::Bytes(b"a\x00\xff\"".to_vec())),
        (
            Value::from("empty"),
            Value::List(vec![Value::Map(vec![]), Value::List(vec![])]),
        ),
    ]);
    let max = i128::MAX;
    let expected = format!(
        r#"{{"name":"a \"b\"\n",1:[null,true,1.0,{max}],null:b"a\x00\xff\"","empty":[{{}},[]]}}"#
    );
    assert_eq!(value.to_string(), expected);
    assert_eq!(Value::Float(f64::NAN).to_string(), "NaN");
}

#[test]
fn numbers_take_the_smallest_type_that_holds_them() {
    for number in [0, -1, 200, i64::MIN, i64::MAX] {
        assert_eq!(
            write_message_pack(&Value::from(number)),
            rmp_serde::to_vec(&number).unwrap()
        );
    }
    assert_eq!(
        write_message_pack(&Value::from(u64::MAX)),
        rmp_serde::to_vec(&u64::MAX).unwrap()
    );
    assert_eq!(
        write_message_pack(&Value::Int(i128::MAX)),
        rmp_serde::to_vec(&i128::MAX).unwrap()
    );
    assert_eq!(
        write_message_pack(&Value::Bytes(vec![1, 2])),
        b"\xc4\x02\x01\x02"
    );
    assert_eq!(
        serde_json::to_string(&Value::Int(i128::MAX)).unwrap(),
        i128::MAX.to_string()
    );
}

fn random_value(rng: &mut fastrand::Rng, levels: usize) -> Value {
    let text =
        |rng: &mut fastrand::Rng| -> String { (0..rng.usize(..5)).map(|_| rng.char(..)).collect() };
    match rng.u8(..if levels == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 => Value::Int(rng.i128(..) >> rng.u32(64..128)),
        3 => Value::Float(f64::from(rng.i32(-1_000_000..1_000_000)) / 64.0),
        4 => Value::Text(text(rng)),
        5 => Value::Bytes(text(rng).into_bytes()),
        6 => Value::List(
            (0..rng.usize(..4))
                .map(|_| random_value(rng, levels - 1))
                .collect(),
        ),
        _ => Value::Map(
            (0..rng.usize(..4))
                .map(|_| (random_value(rng, levels - 1), random_value(rng, levels - 1)))
                .collect(),
        ),
    }
}

#[test]
fn any_value_survives_message_pack_and_the_conversions() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..2000 {
        let value = random_value(&mut rng, 4);
        assert_eq!(
            read_message_pack(&write_message_pack(&value)).unwrap(),
            value,
            "seed {seed}"
        );
        assert_eq!(to_value(&value).unwrap(), value, "seed {seed}");
        assert_eq!(
            from_value::<Value>(value.clone()).unwrap(),
            value,
            "seed {seed}"
        );
        let json = value.to_json();
        assert_eq!(Value::from(json.clone()).to_json(), json, "seed {seed}");
        assert_eq!(
            serde_json::from_str::<Value>(&json.to_string())
                .unwrap()
                .to_json(),
            json,
            "seed {seed}"
        );
    }
}

#[test]
fn any_bytes_are_a_value_or_an_error() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let mut bytes = write_message_pack(&random_value(&mut rng, 3));
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
        let _value_or_error = read_message_pack(&bytes);
    }
    assert!(
        read_message_pack(b"\xdd\xff\xff\xff\xff").is_err(),
        "a list that announces 2^32 - 1 elements"
    );
    assert!(
        read_message_pack(b"\xdf\xff\xff\xff\xff").is_err(),
        "a map that announces 2^32 - 1 entries"
    );
}

/// A format that hands out options and newtypes where it is asked for anything.
enum Wrapped {
    None,
    Some,
    Newtype,
}

impl<'de> Deserializer<'de> for Wrapped {
    type Error = Text;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Text> {
        match self {
            Self::None => visitor.visit_none(),
            Self::Some => visitor.visit_some(7_u8.into_deserializer()),
            Self::Newtype => visitor.visit_newtype_struct(7_u8.into_deserializer()),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[test]
fn whatever_a_format_hands_out_becomes_a_value() {
    fn read<'de>(deserializer: impl Deserializer<'de, Error = Text>) -> Value {
        Value::deserialize(deserializer).unwrap()
    }
    assert_eq!(read(true.into_deserializer()), Value::Bool(true));
    assert_eq!(read((-1_i8).into_deserializer()), Value::Int(-1));
    assert_eq!(read((-1_i16).into_deserializer()), Value::Int(-1));
    assert_eq!(read((-1_i32).into_deserializer()), Value::Int(-1));
    assert_eq!(read((-1_i64).into_deserializer()), Value::Int(-1));
    assert_eq!(
        read(I128Deserializer::new(i128::MIN)),
        Value::Int(i128::MIN)
    );
    assert_eq!(read(1_u8.into_deserializer()), Value::Int(1));
    assert_eq!(read(1_u16.into_deserializer()), Value::Int(1));
    assert_eq!(read(1_u32.into_deserializer()), Value::Int(1));
    assert_eq!(
        read(u64::MAX.into_deserializer()),
        Value::Int(u64::MAX.into())
    );
    assert_eq!(read(U128Deserializer::new(1)), Value::Int(1));
    assert_eq!(read(1.5_f32.into_deserializer()), Value::Float(1.5));
    assert_eq!(read(1.5_f64.into_deserializer()), Value::Float(1.5));
    assert_eq!(read(CharDeserializer::new('x')), Value::from("x"));
    assert_eq!(read("x".into_deserializer()), Value::from("x"));
    assert_eq!(read(BorrowedStrDeserializer::new("x")), Value::from("x"));
    assert_eq!(
        read(String::from("x").into_deserializer()),
        Value::from("x")
    );
    assert_eq!(
        read(BytesDeserializer::new(b"x")),
        Value::Bytes(b"x".to_vec())
    );
    assert_eq!(
        read(BorrowedBytesDeserializer::new(b"x")),
        Value::Bytes(b"x".to_vec())
    );
    assert_eq!(read(UnitDeserializer::new()), Value::Null);
    assert_eq!(read(vec![1_u8].into_deserializer()), list([1]));
    assert_eq!(
        read(BTreeMap::from([("k", 1_u8)]).into_deserializer()),
        map([("k", Value::Int(1))])
    );
    assert_eq!(read(Wrapped::None), Value::Null);
    assert_eq!(read(Wrapped::Some), Value::Int(7));
    assert_eq!(read(Wrapped::Newtype), Value::Int(7));
    let error = Value::deserialize(U128Deserializer::<Text>::new(u128::MAX)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("number {} is above {}", u128::MAX, i128::MAX)
    );
}

#[test]
fn json_shows_what_it_lacks_as_something_else() {
    let value = Value::Map(vec![
        (Value::from("bytes"), Value::Bytes(vec![1, 255])),
        (Value::Int(1), Value::Float(f64::INFINITY)),
        (list([1, 2]), Value::Int(i128::from(u64::MAX) + 1)),
        (Value::Null, Value::from(u64::MAX)),
        (Value::from("twice"), Value::Int(1)),
        (Value::from("twice"), Value::Int(i128::from(i64::MIN))),
    ]);
    let expected = json!({
        "bytes": [1, 255],
        "1": null,
        "[1,2]": "18446744073709551616",
        "null": u64::MAX,
        "twice": i64::MIN,
    });
    assert_eq!(value.to_json(), expected);
}

#[test]
fn json_becomes_a_value() {
    let json = json!({ "a": [null, true, -1, u64::MAX, 1.5, "x"], "b": {} });
    let inner = [
        Value::Null,
        true.into(),
        Value::Int(-1),
        u64::MAX.into(),
        1.5.into(),
        "x".into(),
    ];
    let value = map([("a", list(inner)), ("b", Value::Map(vec![]))]);
    assert_eq!(Value::from(json.clone()), value);
    assert_eq!(value.to_json(), json);
}

#[test]
fn values_nested_past_the_limit_are_an_error_on_every_way_in() {
    let nested = |levels| (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let too_deep = format!("nested deeper than {MAX_DEPTH} levels");
    assert!(to_value(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        to_value(&nested(MAX_DEPTH + 1)).unwrap_err().to_string(),
        too_deep
    );
    assert!(from_value::<Value>(nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        from_value::<Value>(nested(MAX_DEPTH + 1))
            .unwrap_err()
            .to_string(),
        too_deep
    );
    assert!(read_message_pack(&[vec![0x91; MAX_DEPTH], vec![0xc0]].concat()).is_ok());
    let error = read_message_pack(&[vec![0x91; 1_000_000], vec![0xc0]].concat()).unwrap_err();
    assert_eq!(error.to_string(), too_deep);
}
