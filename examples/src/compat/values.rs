//! Methods that only look at values.

use farcall::python::{Exception, PyValue, PythonCall};

use super::numbers::Number;
use super::{int, type_error, unsupported};

/// The largest blob or text that is made on demand, in bytes.
const MAX_MADE: i128 = 100 << 20;

pub(super) fn call(call: PythonCall) -> Result<PyValue, Exception> {
    match call.method.as_str() {
        "echo" => {
            let [value] = call.arguments([("value", None)])?;
            Ok(value)
        }
        "add" => {
            let [a, b] = call.arguments([("a", None), ("b", None)])?;
            add(a, b)
        }
        "describe" => {
            let [first, second, third] = call.arguments([
                ("first", None),
                ("second", Some(2.into())),
                ("third", Some("three".into())),
            ])?;
            Ok(dict([
                ("first", first),
                ("second", second),
                ("third", third),
            ]))
        }
        "collect" => {
            let named = call.keywords.into_iter();
            let named = named.map(|(name, value)| (name.into(), value)).collect();
            let args = PyValue::List(call.positional);
            Ok(dict([("args", args), ("kwargs", PyValue::Dict(named))]))
        }
        "blob" => {
            let [size] = call.arguments([("size", None)])?;
            let size = made(&size, "size")?;
            Ok(PyValue::Bytes((0..size).map(|i| (i % 256) as u8).collect()))
        }
        "size" => {
            let [data] = call.arguments([("data", None)])?;
            size(&data)
        }
        "big_text" => {
            let [count] = call.arguments([("n", None)])?;
            Ok("x".repeat(made(&count, "n")?).into())
        }
        "__getitem__" => {
            let [place] = call.arguments([("i", None)])?;
            item(&place)
        }
        _ => without_arguments(call),
    }
}

fn without_arguments(call: PythonCall) -> Result<PyValue, Exception> {
    let method = call.method.clone();
    let [] = call.arguments([])?;
    Ok(match method.as_str() {
        "sample" => sample(),
        "pair" => PyValue::Tuple(vec![1.into(), "two".into()]),
        "__len__" => 3.into(),
        _ => PyValue::None,
    })
}

pub(super) fn add(a: PyValue, b: PyValue) -> Result<PyValue, Exception> {
    if let (Some(a), Some(b)) = (Number::of(&a), Number::of(&b)) {
        return a.add(b);
    }
    match (a, b) {
        (PyValue::Str(a), PyValue::Str(b)) => Ok((a + &b).into()),
        (PyValue::List(mut a), PyValue::List(b)) => {
            a.extend(b);
            Ok(PyValue::List(a))
        }
        (PyValue::Tuple(mut a), PyValue::Tuple(b)) => {
            a.extend(b);
            Ok(PyValue::Tuple(a))
        }
        (PyValue::Bytes(mut a), PyValue::Bytes(b)) => {
            a.extend(b);
            Ok(PyValue::Bytes(a))
        }
        (a @ (PyValue::Str(_) | PyValue::List(_) | PyValue::Tuple(_)), b) => {
            let (left, right) = (a.type_name(), b.type_name());
            let text = format!("can only concatenate {left} (not \"{right}\") to {left}");
            Err(type_error(text))
        }
        (a, b) => Err(unsupported("+", &a, &b)),
    }
}

fn made(value: &PyValue, name: &str) -> Result<usize, Exception> {
    let count = int(value, name)?;
    if count > MAX_MADE {
        let text = format!("{name} must be at most {MAX_MADE}");
        return Err(Exception::builtin("ValueError", text));
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

fn size(data: &PyValue) -> Result<PyValue, Exception> {
    match data {
        PyValue::Bytes(bytes) => Ok(i64::try_from(bytes.len()).unwrap_or(i64::MAX).into()),
        other => Err(type_error(format!(
            "argument 'data' must be bytes, not {}",
            other.type_name()
        ))),
    }
}

fn item(place: &PyValue) -> Result<PyValue, Exception> {
    let place = int(place, "i").map_err(|_| {
        let found = place.type_name();
        type_error(format!(
            "list indices must be integers or slices, not {found}"
        ))
    })?;
    let items = ["zero", "one", "two"];
    let from_end = if place < 0 { place + 3 } else { place };
    let found = usize::try_from(from_end).ok();
    let found = found.and_then(|place| items.get(place));
    let beyond = || Exception::builtin("IndexError", "list index out of range");
    found.map(|item| (*item).into()).ok_or_else(beyond)
}

fn sample() -> PyValue {
    let deep = dict([("deep", PyValue::List(vec![true.into()]))]);
    let list = vec![
        1.into(),
        "two".into(),
        PyValue::None,
        PyValue::List(vec![3.5.into(), deep]),
    ];
    let inner = dict([("k2", PyValue::List(vec![1.into(), 2.into()]))]);
    dict([
        ("none", PyValue::None),
        ("true", true.into()),
        ("false", false.into()),
        ("int", 42.into()),
        ("negative", (-7).into()),
        ("big", PyValue::Int(1 << 80)),
        ("float", 1.5.into()),
        ("text", "héllo € 😀".into()),
        ("empty", "".into()),
        ("list", PyValue::List(list)),
        ("dict", dict([("k", inner)])),
    ])
}

fn dict<const N: usize>(entries: [(&str, PyValue); N]) -> PyValue {
    let entries = entries.map(|(key, value)| (key.into(), value));
    PyValue::Dict(entries.into())
}
