//! Values of known types as dynamic ones, and back.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::{Value, from_value, to_value};
use super::{list, map, read_message_pack, write_message_pack};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Named(String),
    Move(i64, i64),
    Box { width: f64, height: f64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Broad {
    flag: bool,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    floats: (f32, f64),
    letter: char,
    text: String,
    bytes: Bytes,
    some: Option<u8>,
    none: Option<u8>,
    unit: (),
    nothing: Unit,
    meters: Meters,
    shapes: Vec<Shape>,
    by_name: BTreeMap<String, Vec<u8>>,
    by_number: BTreeMap<i64, bool>,
    outcome: Result<u8, String>,
    dynamic: Value,
    next: Option<Box<Broad>>,
}

fn broad() -> Broad {
    Broad {
        flag: true,
        signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN),
        unsigned: (u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX / 2),
        floats: (1.5, -0.1),
        letter: 'ß',
        text: "tëxt\n".to_owned(),
        bytes: Bytes::from_static(b"\x00\xff"),
        some: Some(1),
        none: None,
        unit: (),
        nothing: Unit,
        meters: Meters(2.0),
        shapes: vec![
            Shape::Empty,
            Shape::Named("n".to_owned()),
            Shape::Move(-1, 1),
            Shape::Box {
                width: 1.0,
                height: 2.5,
            },
        ],
        by_name: BTreeMap::from([("a".to_owned(), vec![1, 2]), (String::new(), vec![])]),
        by_number: BTreeMap::from([(-1, true), (7, false)]),
        outcome: Err("why".to_owned()),
        dynamic: Value::Map(vec![
            (list([1, 2]), Value::Bytes(vec![3])),
            (Value::Null, Value::from(0.5)),
        ]),
        next: None,
    }
}

#[test]
fn a_broad_struct_survives_the_conversions() {
    let value = Broad {
        next: Some(Box::new(broad())),
        ..broad()
    };
    let dynamic = to_value(&value).unwrap();
    assert_eq!(from_value::<Broad>(dynamic.clone()).unwrap(), value);
    // The same through a format that knows no types.
    let dynamic =
        read_message_pack(&write_message_pack(&to_value(&value.shapes).unwrap())).unwrap();
    assert_eq!(from_value::<Vec<Shape>>(dynamic).unwrap(), value.shapes);
}

#[test]
fn known_types_take_the_form_that_json_gives_them() {
    let value = Broad {
        signed: (1, 2, 3, 4, 5),
        unsigned: (1, 2, 3, 4, 5),
        dynamic: Value::Null,
        ..broad()
    };
    assert_eq!(
        to_value(&value).unwrap().to_json(),
        serde_json::to_value(&value).unwrap()
    );
    assert_eq!(to_value(&Shape::Empty).unwrap(), Value::from("Empty"));
    assert_eq!(
        to_value(&Shape::Named("n".to_owned())).unwrap(),
        map([("Named", Value::from("n"))])
    );
    assert_eq!(
        to_value(&Shape::Move(1, 2)).unwrap(),
        map([("Move", list([1, 2]))])
    );
    let fields = map([("width", Value::from(1.0)), ("height", Value::from(2.0))]);
    assert_eq!(
        to_value(&Shape::Box {
            width: 1.0,
            height: 2.0
        })
        .unwrap(),
        map([("Box", fields)])
    );
    assert_eq!(
        to_value(&std::net::IpAddr::from([127, 0, 0, 1])).unwrap(),
        Value::from("127.0.0.1")
    );
}

#[test]
fn known_types_are_read_from_what_message_pack_makes_of_them() {
    let value = broad();
    let bytes = rmp_serde::to_vec(&(
        &value.shapes,
        &value.nothing,
        &value.by_number,
        &value.bytes,
    ))
    .unwrap();
    let dynamic = read_message_pack(&bytes).unwrap();
    let read: (Vec<Shape>, Unit, BTreeMap<i64, bool>, Bytes) = from_value(dynamic).unwrap();
    assert_eq!(
        read,
        (value.shapes, value.nothing, value.by_number, value.bytes)
    );
}

#[test]
fn fields_are_read_by_name_and_by_place() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i64,
        y: f64,
    }
    let point = Point { x: 1, y: 2.0 };
    assert_eq!(
        from_value::<Point>(map([("y", Value::Int(2)), ("x", Value::Int(1))])).unwrap(),
        point
    );
    assert_eq!(
        from_value::<Point>(map([("y", 2.into()), ("z", list([1])), ("x", 1.into())])).unwrap(),
        point
    );
    assert_eq!(from_value::<Point>(list([1, 2])).unwrap(), point);
    assert_eq!(
        from_value::<Point>(Value::Map(vec![(0.into(), 1.into()), (1.into(), 2.into())])).unwrap(),
        point
    );
    let shape = Shape::Box {
        width: 1.0,
        height: 2.0,
    };
    assert_eq!(
        from_value::<Shape>(map([("Box", list([1, 2]))])).unwrap(),
        shape
    );
    let fields = map([("height", Value::Int(2)), ("width", Value::Int(1))]);
    assert_eq!(from_value::<Shape>(map([("Box", fields)])).unwrap(), shape);
    assert_eq!(
        from_value::<Shape>(map([("Empty", Value::Null)])).unwrap(),
        Shape::Empty
    );
    assert_eq!(
        from_value::<Vec<u8>>(Value::Bytes(vec![1, 2])).unwrap(),
        [1, 2]
    );
    assert_eq!(
        from_value::<Bytes>(list([1, 2])).unwrap(),
        Bytes::from_static(&[1, 2])
    );
    assert_eq!(from_value::<Option<Option<u8>>>(Value::Null).unwrap(), None);
}

#[test]
fn a_whole_number_becomes_a_float_only_when_nothing_is_lost() {
    for number in [
        0,
        -3,
        (1 << 53) - 1,
        1 << 53,
        -(1 << 53),
        i128::MIN,
        1 << 126,
    ] {
        assert_eq!(
            from_value::<f64>(Value::Int(number)).unwrap() as i128,
            number
        );
    }
    for number in [
        (1 << 53) + 1,
        i128::MAX,
        i128::MIN + 1,
        i128::from(u64::MAX),
    ] {
        let error = from_value::<f64>(Value::Int(number)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("whole number {number} has no exact f64")
        );
    }
    assert_eq!(
        from_value::<f32>(Value::Int(1 << 24)).unwrap(),
        16_777_216.0
    );
    let error = from_value::<f32>(Value::Int((1 << 24) + 1)).unwrap_err();
    assert_eq!(error.to_string(), "whole number 16777217 has no exact f32");
    let error = from_value::<i64>(Value::Float(1.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid type: floating point `1.0`, expected i64"
    );
}

#[test]
fn what_does_not_fit_is_an_error_that_says_so() {
    fn refuse<T: serde::de::DeserializeOwned>(value: impl Into<Value>) -> String {
        from_value::<T>(value.into())
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }
    assert_eq!(
        refuse::<u8>(256),
        "invalid value: integer `256`, expected u8"
    );
    assert_eq!(
        refuse::<i64>("x"),
        "invalid type: string \"x\", expected i64"
    );
    assert_eq!(
        refuse::<(u8, u8)>(list([1, 2, 3])),
        "invalid length 3, expected 2 elements in sequence"
    );
    assert_eq!(
        refuse::<(u8, u8)>(list([1])),
        "invalid length 1, expected a tuple of size 2"
    );
    assert_eq!(
        refuse::<char>("xy"),
        "invalid value: string \"xy\", expected a character"
    );
    assert_eq!(
        refuse::<BTreeMap<String, u8>>(list([1])),
        "invalid type: sequence, expected a map"
    );
    assert_eq!(refuse::<Broad>(Value::Map(vec![])), "missing field `flag`");
    assert_eq!(
        refuse::<Shape>(7),
        "invalid type: integer `7`, expected enum Shape"
    );
    assert_eq!(
        refuse::<Shape>("Circle"),
        "unknown variant `Circle`, expected one of `Empty`, `Named`, `Move`, `Box`"
    );
    assert_eq!(
        refuse::<Shape>(map([("Empty", Value::Null), ("Named", Value::Null)])),
        "invalid length 2, expected a map of one entry from a variant to its content"
    );
    assert_eq!(
        refuse::<Shape>("Named"),
        "invalid type: unit variant, expected a variant with content"
    );
    assert_eq!(
        refuse::<Shape>("Move"),
        "invalid type: unit variant, expected a variant with a list of fields"
    );
    assert_eq!(
        refuse::<Shape>("Box"),
        "invalid type: unit variant, expected a variant with named fields"
    );
    assert_eq!(
        refuse::<Shape>(map([("Empty", Value::Int(1))])),
        "invalid type: integer `1`, expected a variant without content"
    );
    let error = to_value(&u128::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("number {} is above {}", u128::MAX, i128::MAX)
    );
}
