//! The table of values: what each serializer makes of each, as real Pyro5 does.

use super::super::message::{Head, Limits, Message};
use super::super::payload::Invoke;
use super::super::value::ConvertError;
use super::super::{EncodeError, Flaw, MAX_NESTING, PyValue, Serializer};
use super::capture;
use crate::value::Value;
use crate::wire::depth::MAX_DEPTH;

fn int(text: &str) -> PyValue {
    PyValue::int_from_digits(text).unwrap()
}

fn ints() -> PyValue {
    let texts = [
        "0",
        "-1",
        "2147483648",
        "9223372036854775808",
        "18446744073709551616",
    ];
    let mut ints: Vec<_> = texts.map(int).into();
    ints.push(int("-1180591620717411303424"));
    PyValue::List(ints)
}

fn list<const N: usize>(elements: [PyValue; N]) -> PyValue {
    PyValue::List(elements.into())
}

fn tuple<const N: usize>(elements: [PyValue; N]) -> PyValue {
    PyValue::Tuple(elements.into())
}

fn dict<const N: usize>(entries: [(PyValue, PyValue); N]) -> PyValue {
    PyValue::Dict(entries.into())
}

/// What the argument of a captured `echo` was.
fn argument(serializer: Serializer, name: &str) -> PyValue {
    let bytes = capture(&format!("{serializer}-v-{name}.1.c2s"));
    let limits = Limits::default();
    let head = Head::parse(&bytes, &limits).unwrap().unwrap();
    let message = Message::parse(head, &bytes).unwrap().unwrap();
    let payload = message.payload(&limits).unwrap();
    let invoke = Invoke::decode(serializer, &payload).unwrap();
    assert_eq!(
        (invoke.object.as_str(), invoke.call.method.as_str()),
        ("compat.object", "echo")
    );
    let [argument] = invoke.call.positional.try_into().unwrap();
    argument
}

#[test]
fn what_python_echoed_is_read_as_it_was() {
    use PyValue::{Bool, Bytes, Complex, Float, None, Set};
    let same = [
        ("none", None),
        ("bools", list([Bool(true), Bool(false)])),
        ("ints", ints()),
        ("floats", list([1.0, -0.5, 1e100, 5e-324, 0.1].map(Float))),
        ("inf", list([f64::INFINITY, f64::NEG_INFINITY].map(Float))),
        ("str", "hé € '\"\\ \n\t\u{1} 😀".into()),
        ("list", list([int("1"), list([int("2"), list([])])])),
        (
            "dict",
            dict([
                ("a".into(), int("1")),
                ("b".into(), dict([("c".into(), None)])),
            ]),
        ),
    ];
    for serializer in Serializer::ALL {
        for (name, value) in &same {
            assert_eq!(argument(serializer, name), *value, "{serializer} {name}");
        }
        assert!(matches!(argument(serializer, "nan"), Float(nan) if nan.is_nan()));
        if serializer == Serializer::Json {
            continue;
        }
        let bytes = Bytes(b"\x00\xffabc".to_vec());
        assert_eq!(argument(serializer, "bytes"), bytes, "{serializer}");
        assert_eq!(
            argument(serializer, "complex"),
            Complex(1.0, 2.0),
            "{serializer}"
        );
    }
    for serializer in [Serializer::Serpent, Serializer::Marshal] {
        assert_eq!(argument(serializer, "tuple0"), tuple([]));
        assert_eq!(argument(serializer, "tuple1"), tuple([int("1")]));
        assert_eq!(
            argument(serializer, "dict-intkey"),
            dict([(int("1"), "a".into())])
        );
        assert_eq!(argument(serializer, "set"), Set(vec![int("7")]));
    }
    assert_eq!(argument(Serializer::Serpent, "emptyset"), tuple([]));
    assert_eq!(argument(Serializer::Marshal, "emptyset"), Set(vec![]));
    for serializer in [Serializer::Json, Serializer::Msgpack] {
        assert_eq!(argument(serializer, "tuple2"), list([int("1"), "a".into()]));
        assert_eq!(argument(serializer, "set"), list([int("7")]));
    }
}

#[test]
fn dates_and_times_of_msgpack_are_text_to_the_others() {
    let timestamp = argument(Serializer::Msgpack, "datetime");
    let date = argument(Serializer::Msgpack, "date");
    assert_eq!(date, PyValue::Date(738_887));
    let seconds = match timestamp {
        PyValue::Timestamp(seconds) => seconds,
        other => panic!("{other:?}"),
    };
    assert!((seconds - 1_704_164_645.000_678).abs() < 50_400.0);
    assert_eq!(Value::try_from(date.clone()), Ok("2024-01-02".into()));
    assert_eq!(encode(Serializer::Json, &date).unwrap(), b"\"2024-01-02\"");
    let time = PyValue::Timestamp(0.5);
    let expected = "# serpent utf-8 python3.2\n'1970-01-01T00:00:00.500000+00:00'";
    assert_eq!(
        encode(Serializer::Serpent, &time).unwrap(),
        expected.as_bytes()
    );
    let refused = encode(Serializer::Marshal, &time).unwrap_err();
    assert_eq!(refused.to_string(), "marshal has no form for datetime");
}

#[test]
fn what_has_no_form_is_refused_by_its_name() {
    let bytes = PyValue::Bytes(vec![1]);
    let keyed = |key: PyValue| dict([(key, PyValue::None)]);
    for (serializer, value, why) in [
        (
            Serializer::Json,
            bytes.clone(),
            "json has no form for bytes",
        ),
        (
            Serializer::Json,
            PyValue::Complex(1.0, 2.0),
            "json has no form for complex",
        ),
        (
            Serializer::Json,
            keyed(tuple([])),
            "json has no form for tuple as a key or a member of a set",
        ),
        (
            Serializer::Msgpack,
            keyed(int("1")),
            "msgpack has no form for int as a key or a member of a set",
        ),
        (
            Serializer::Serpent,
            keyed(list([])),
            "serpent has no form for list as a key or a member of a set",
        ),
        (
            Serializer::Serpent,
            keyed(tuple([list([])])),
            "serpent has no form for list as a key or a member of a set",
        ),
        (
            Serializer::Serpent,
            keyed(f64::NAN.into()),
            "serpent has no form for nan as a key or a member of a set",
        ),
        (
            Serializer::Marshal,
            PyValue::Set(vec![list([])]),
            "marshal has no form for list as a key or a member of a set",
        ),
    ] {
        assert_eq!(encode(serializer, &value).unwrap_err().to_string(), why);
    }
    let keys = PyValue::Dict(vec![
        (PyValue::None, int("0")),
        (true.into(), int("1")),
        (1.5.into(), int("2")),
        (int("7"), int("3")),
    ]);
    let expected = r#"{"null": 0, "true": 1, "1.5": 2, "7": 3}"#;
    assert_eq!(
        encode(Serializer::Json, &keys).unwrap(),
        expected.as_bytes()
    );
}

#[test]
fn nesting_is_bounded_in_both_directions() {
    for serializer in Serializer::ALL {
        let deep = nested(MAX_NESTING);
        let bytes = encode(serializer, &deep).unwrap();
        assert_eq!(serializer.decode(&bytes), Ok(deep), "{serializer}");
        let deeper = nested(MAX_NESTING + 1);
        assert_eq!(encode(serializer, &deeper), Err(EncodeError::TooDeep));
    }
    for (serializer, opening) in [
        (Serializer::Serpent, &b"["[..]),
        (Serializer::Serpent, b"("),
        (Serializer::Serpent, b"{1:"),
        (Serializer::Json, b"["),
        (Serializer::Json, b"{\"\":"),
        (Serializer::Msgpack, b"\x91"),
        (Serializer::Msgpack, b"\x81\xa0"),
        (Serializer::Marshal, b")\x01"),
        (Serializer::Marshal, b"{N"),
    ] {
        let error = serializer.decode(&opening.repeat(100_000)).unwrap_err();
        assert_eq!(error.flaw, Flaw::TooDeep, "{serializer}");
    }
}

#[test]
fn a_value_becomes_one_of_farcalls_or_says_why_not() {
    let value = tuple([
        PyValue::Set(vec![int("1")]),
        dict([("a".into(), PyValue::None)]),
    ]);
    let list = Value::List(vec![
        Value::List(vec![Value::Int(1)]),
        Value::Map(vec![("a".into(), Value::Null)]),
    ]);
    assert_eq!(Value::try_from(value), Ok(list));
    let complex = Value::try_from(PyValue::Complex(1.0, 2.0));
    assert_eq!(complex, Err(ConvertError::Complex));
    let big = Value::try_from(int(&"9".repeat(50))).unwrap_err();
    assert!(
        big.to_string().ends_with("9 has more than 128 bits"),
        "{big}"
    );
    let depth = MAX_DEPTH as u32;
    assert!(Value::try_from(nested(depth)).is_ok());
    assert_eq!(
        Value::try_from(nested(depth + 1)),
        Err(ConvertError::TooDeep)
    );
}

fn nested(levels: u32) -> PyValue {
    (1..levels).fold(list([]), |value, _| list([value]))
}

fn encode(serializer: Serializer, value: &PyValue) -> Result<Vec<u8>, EncodeError> {
    let mut out = b"before".to_vec();
    let encoded = serializer.encode(value, &mut out);
    if encoded.is_err() {
        assert_eq!(out, b"before");
    }
    encoded.map(|()| out.split_off(6))
}
