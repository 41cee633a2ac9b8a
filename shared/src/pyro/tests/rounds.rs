//! Values made by chance are the same once they were written and read.

use fastrand::Rng;

use super::super::{PyValue, Serializer};

#[test]
fn values_made_by_chance_are_the_same_once_they_were_written_and_read() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for round in 0..20_000 {
        for serializer in Serializer::ALL {
            let value = value(serializer, &mut random, 4);
            let mut bytes = Vec::new();
            serializer
                .encode(&value, &mut bytes)
                .unwrap_or_else(|error| panic!("round {round}: {value:?}: {error}"));
            let again = serializer
                .decode(&bytes)
                .unwrap_or_else(|error| panic!("round {round}: {value:?}: {error}"));
            // NaN is another number each time; its text is not.
            assert_eq!(
                format!("{again:?}"),
                format!("{value:?}"),
                "round {round}, {serializer}"
            );
        }
    }
}

#[test]
fn no_bytes_whatever_make_a_reader_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for _ in 0..20_000 {
        for serializer in Serializer::ALL {
            let mut bytes = Vec::new();
            let value = value(serializer, &mut random, 3);
            let _ = serializer.encode(&value, &mut bytes);
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..bytes.len());
                match random.u8(0..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.insert(at, random.u8(..)),
                    _ => bytes.truncate(at + 1),
                }
            }
            let _ = serializer.decode(&bytes);
        }
    }
}

fn value(serializer: Serializer, random: &mut Rng, levels: usize) -> PyValue {
    let (is_json, is_serpent) = (
        serializer == Serializer::Json,
        serializer == Serializer::Serpent,
    );
    let has_tuples = matches!(serializer, Serializer::Serpent | Serializer::Marshal);
    match random.u8(0..if levels > 0 { 14 } else { 9 }) {
        0 => PyValue::None,
        1 => PyValue::Bool(random.bool()),
        2 | 3 => int(random),
        4 => float(random),
        5 | 6 => text(random).into(),
        7 if !is_json => PyValue::Bytes((0..random.usize(0..20)).map(|_| random.u8(..)).collect()),
        8 if !is_json => PyValue::Complex(random.f64(), -random.f64()),
        9 if has_tuples => PyValue::Tuple(elements(serializer, random, levels)),
        10 if has_tuples => {
            let mut members: Vec<_> = (0..random.usize(0..4))
                .map(|_| key(serializer, random))
                .collect();
            if is_serpent && members.is_empty() {
                members.push(PyValue::None);
            }
            PyValue::Set(members)
        }
        11 | 12 => {
            let count = random.usize(0..4);
            let entry = |_| {
                (
                    key(serializer, random),
                    value(serializer, random, levels - 1),
                )
            };
            PyValue::Dict((0..count).map(entry).collect())
        }
        _ => PyValue::List(if levels > 0 {
            elements(serializer, random, levels)
        } else {
            Vec::new()
        }),
    }
}

fn elements(serializer: Serializer, random: &mut Rng, levels: usize) -> Vec<PyValue> {
    let count = random.usize(0..4);
    (0..count)
        .map(|_| value(serializer, random, levels - 1))
        .collect()
}

fn key(serializer: Serializer, random: &mut Rng) -> PyValue {
    if matches!(serializer, Serializer::Json | Serializer::Msgpack) {
        return text(random).into();
    }
    match random.u8(0..4) {
        0 => int(random),
        1 => PyValue::Tuple(vec![int(random), text(random).into()]),
        2 => PyValue::Bytes(text(random).into_bytes()),
        _ => text(random).into(),
    }
}

fn int(random: &mut Rng) -> PyValue {
    match random.u8(0..3) {
        0 => PyValue::Int(random.i128(..) >> random.u8(0..127)),
        1 => PyValue::Int(random.i8(..).into()),
        _ => {
            let digits: String = (0..random.usize(1..100))
                .map(|_| random.digit(10))
                .collect();
            let sign = if random.bool() { "-" } else { "" };
            PyValue::int_from_digits(&format!("{sign}{digits}")).unwrap()
        }
    }
}

fn float(random: &mut Rng) -> PyValue {
    PyValue::Float(match random.u8(0..3) {
        0 => f64::from_bits(random.u64(..)),
        1 => f64::from(random.i16(..)) / 100.0,
        _ => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e16, 1e-5][random.usize(0..6)],
    })
}

fn text(random: &mut Rng) -> String {
    let count = random.usize(0..12);
    let character = |_| match random.u8(0..4) {
        0 => random.char('\u{1}'..),
        1 => ['\'', '"', '\\', '\n', '\u{7f}', '\u{2028}', 'é', '😀'][random.usize(0..8)],
        _ => random.alphanumeric(),
    };
    (0..count).map(character).collect()
}
