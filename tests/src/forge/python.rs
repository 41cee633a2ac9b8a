//! What a Python peer may send: values, payloads and messages of Pyro5, made by chance with the crate's own writers.

use farcall::parts::pyro::message::{BLOB, Compression, Kind, Limits, Outgoing, STREAM, flag};
use farcall::parts::pyro::payload::{
    BatchFailure, Blob, Call, Connect, Connected, Exception, Invoke, Metadata, Proxy, PutError,
};
use farcall::parts::pyro::{PyValue, Serializer};
use fastrand::Rng;

use super::{bytes, number, text};

/// What means more than its bytes in a Python literal.
pub const LITERAL_WORDS: [&[u8]; 44] = [
    b"'",
    b"\"",
    b"'''",
    b"\\",
    b"\\x4",
    b"\\u00e9",
    b"\\ud800",
    b"\\N{DASH}",
    b"\\777",
    b"b'",
    b"rb'",
    b"f'",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"+",
    b"-",
    b"1j",
    b"0x",
    b"0b1",
    b"_",
    b".",
    b"...",
    b"e5",
    b"1e30000",
    b"1e-400",
    b"99999999999999999999999999999999999999999",
    b"None",
    b"True",
    b"nan",
    b"set()",
    b"set(",
    b"#",
    b"\n",
    b"\\\n",
    b"\0",
    b"{'data': 'AAAA', 'encoding': 'base64'}",
    b"{'__class__':'float','value':'nan'}",
    b"{'__class__':'complex','real':1.0,'imag':1.0}",
];

/// Any of the serializers.
pub fn serializer(random: &mut Rng) -> Serializer {
    Serializer::ALL[random.usize(0..Serializer::ALL.len())]
}

/// A Python value; `levels` bounds how deep it nests.
pub fn python_value(random: &mut Rng, levels: u8) -> PyValue {
    let kinds = if levels == 0 { 10 } else { 16 };
    match random.u8(0..kinds) {
        0 => PyValue::None,
        1 => PyValue::Bool(random.bool()),
        2 => PyValue::Int(i128::from(number(random)) - i128::from(number(random))),
        3 => big(random),
        4 => PyValue::Float(float(random)),
        5 => PyValue::Complex(float(random), float(random)),
        6 | 7 => text(random).into(),
        8 => PyValue::Bytes(bytes(random)),
        9 => PyValue::Date(random.u32(1..3_000_000)),
        10 => PyValue::Set(many(random, levels, |random, _| key(random))),
        11 => PyValue::Tuple(many(random, levels, python_value)),
        12 | 13 => PyValue::Dict(many(random, levels, |random, levels| {
            (key(random), python_value(random, levels))
        })),
        _ => PyValue::List(many(random, levels, python_value)),
    }
}

/// A payload, and which message carries it.
pub fn payload(random: &mut Rng, serializer: Serializer) -> (Kind, Vec<u8>) {
    let mut out = Vec::new();
    // What a serializer cannot write is an empty payload.
    let kind = match random.u8(0..7) {
        0 => {
            let connect = Connect {
                handshake: python_value(random, 2),
                object: text(random),
            };
            let _ = connect.encode(serializer, &mut out);
            Kind::Connect
        }
        1 => {
            let connected = Connected {
                handshake: python_value(random, 2),
                metadata: random.bool().then(|| metadata(random)),
            };
            let _ = connected.encode(serializer, &mut out);
            Kind::ConnectOk
        }
        2 => {
            let _ = serializer.encode(&text(random).into(), &mut out);
            Kind::ConnectFail
        }
        3 | 4 => {
            let _ = invoke(random).encode(serializer, &mut out);
            Kind::Invoke
        }
        _ => {
            let _ = serializer.encode(&result(random), &mut out);
            Kind::Result
        }
    };
    (kind, out)
}

/// A whole message.
pub fn message(random: &mut Rng) -> Vec<u8> {
    let serializer = serializer(random);
    let (kind, payload) = payload(random, serializer);
    let id = text(random);
    let mut blob = Vec::new();
    let about = Blob {
        info: python_value(random, 1),
        object: text(random),
        method: text(random),
    };
    let _ = about.encode(&mut blob);
    let annotations = [
        (STREAM, id.as_bytes()),
        (BLOB, blob.as_slice()),
        (*b"USER", b"anything"),
    ];
    let flags = [
        0,
        flag::EXCEPTION,
        flag::BATCH,
        flag::KEEP_SERIALIZED,
        random.u16(..),
    ];
    let outgoing = Outgoing {
        flags: flags[random.usize(0..flags.len())],
        correlation: random.bool().then(|| random.u128(..).to_be_bytes()),
        annotations: &annotations[..random.usize(0..=annotations.len())],
        compression: if random.bool() {
            Compression::On
        } else {
            Compression::Off
        },
        ..Outgoing::new(kind, serializer.number(), random.u16(..))
    };
    let mut out = Vec::new();
    // All of it is shorter than the limits.
    let _ = outgoing.put(&mut out, &Limits::default(), |out| {
        out.extend_from_slice(&payload);
        Ok::<(), PutError>(())
    });
    out
}

fn invoke(random: &mut Rng) -> Invoke {
    if random.u8(..) < 64 {
        let calls = (0..random.usize(0..4)).map(|_| call(random)).collect();
        return Invoke::of_batch(text(random), calls);
    }
    Invoke {
        object: text(random),
        call: call(random),
    }
}

fn call(random: &mut Rng) -> Call {
    let keywords = random.usize(0..3);
    Call {
        method: text(random),
        positional: many(random, 3, python_value),
        keywords: (0..keywords)
            .map(|_| (text(random), python_value(random, 2)))
            .collect(),
    }
}

fn result(random: &mut Rng) -> PyValue {
    let exception = |random: &mut Rng| {
        let lines = (0..random.usize(0..3)).map(|_| text(random)).collect();
        Exception::pyro("NamingError", text(random)).with_traceback(lines)
    };
    match random.u8(0..6) {
        0 => exception(random).into_value(),
        1 => BatchFailure(exception(random)).into_value(),
        2 => match "PYRONAME:some.name@localhost:9090".parse() {
            Ok(uri) => Proxy::new(uri, metadata(random)).into_value(),
            Err(_) => PyValue::None,
        },
        _ => python_value(random, 4),
    }
}

fn metadata(random: &mut Rng) -> Metadata {
    let mut names = || (0..random.usize(0..4)).map(|_| text(random)).collect();
    Metadata {
        methods: names(),
        oneway: names(),
        attributes: names(),
    }
}

fn many<T>(random: &mut Rng, levels: u8, one: impl Fn(&mut Rng, u8) -> T) -> Vec<T> {
    let count = match random.u8(..) {
        0..230 => random.usize(0..4),
        _ => random.usize(0..40),
    };
    (0..count).map(|_| one(random, levels - 1)).collect()
}

fn key(random: &mut Rng) -> PyValue {
    match random.u8(0..8) {
        0 => PyValue::Int(number(random).into()),
        1 => PyValue::Bytes(bytes(random)),
        2 => PyValue::Tuple(vec![PyValue::None, text(random).into()]),
        _ => text(random).into(),
    }
}

fn big(random: &mut Rng) -> PyValue {
    let digits = if random.u8(..) < 8 { 4300 } else { 60 };
    let text: String = (0..random.usize(1..=digits))
        .map(|_| random.digit(10))
        .collect();
    PyValue::int_from_digits(&text).unwrap_or_default()
}

fn float(random: &mut Rng) -> f64 {
    match random.u8(0..4) {
        0 => f64::from_bits(random.u64(..)),
        1 => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0][random.usize(0..4)],
        _ => random.f64() * 1000.0,
    }
}
