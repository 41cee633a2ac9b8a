//! The readers of Pyro5's messages and of what they carry, in all four serializers.

use farcall::Value;
use farcall::parts::pyro::message::{Annotations, BLOB, Head, Kind, Limits, Message};
use farcall::parts::pyro::payload::{
    BatchFailure, Blob, Connect, Connected, Exception, Invoke, Metadata, Proxy,
};
use farcall::parts::pyro::uri::PyroUri;
use farcall::parts::pyro::{EncodeError, PyValue, Serializer};
use fastrand::Rng;

use super::{Allowance, Meter, Reader, chance_of};
use crate::forge;

/// Small, so that compressed payloads reach them.
const LIMITS: Limits = Limits {
    max_message_bytes: 64 << 10,
    max_annotations_bytes: 4 << 10,
    max_inflated_bytes: 128 << 10,
};

/// An inflater has a window and tables.
const INFLATING: Allowance = Allowance {
    per_byte: 0,
    constant: (2 * LIMITS.max_inflated_bytes as usize) + (64 << 10),
};

/// Messages.
pub(super) struct Messages;

impl Reader for Messages {
    fn make(&self, random: &mut Rng) -> Vec<u8> {
        let mut bytes = forge::message(random);
        match random.u8(0..8) {
            0 => {}
            // A spoiled payload whose head is sound: it is written anew.
            1..6 => {
                let donor = forge::message(random);
                let (head, rest) = bytes.split_at(bytes.len().min(40));
                let mut payload = rest.to_vec();
                forge::spoil(&mut payload, &donor, random);
                let mut head = head.to_vec();
                reseal(&mut head, payload.len());
                head.append(&mut payload);
                bytes = head;
            }
            _ => {
                let donor = forge::message(random);
                forge::spoil(&mut bytes, &donor, random);
            }
        }
        bytes
    }

    fn feed(&self, input: &[u8], meter: &mut Meter) -> Result<(), String> {
        let whole = Head::parse(input, &LIMITS);
        let mut random = chance_of(input);
        for _ in 0..4 {
            // A part of it says the same, or nothing yet.
            let arrived = random.usize(0..=input.len().min(60));
            match Head::parse(&input[..arrived], &LIMITS) {
                Ok(None) => {}
                part if part == whole => {}
                part => {
                    return Err(format!(
                        "{arrived} bytes say {part:?}, all of them {whole:?}"
                    ));
                }
            }
        }
        let Ok(Some(head)) = whole else {
            return Ok(());
        };
        let _ = head.kind(&[Kind::Connect, Kind::Invoke]);
        match Message::parse(head, input) {
            Ok(Some(message)) => feed_message(&message, meter),
            Ok(None) if input.len() >= head.message_bytes() => {
                Err("a message that is all there is not seen".into())
            }
            _ => Ok(()),
        }
    }
}

/// Makes the lengths true, with as much for annotations as is there.
fn reseal(head: &mut [u8], body_bytes: usize) {
    let Some(lengths) = head.get_mut(12..20) else {
        return;
    };
    let (payload, annotations) = lengths.split_at_mut(4);
    let announced = u32::from_be_bytes([
        annotations[0],
        annotations[1],
        annotations[2],
        annotations[3],
    ]);
    let announced = (announced as usize).min(body_bytes) as u32;
    annotations.copy_from_slice(&announced.to_be_bytes());
    payload.copy_from_slice(&(body_bytes as u32 - announced).to_be_bytes());
}

fn feed_message(message: &Message<'_>, meter: &mut Meter) -> Result<(), String> {
    feed_annotations(&message.annotations, meter)?;
    let inflated = meter.measure("a compressed payload", 0, INFLATING, || {
        message.payload(&LIMITS)
    })?;
    let (Ok(payload), Ok(serializer)) =
        (inflated, Serializer::from_number(message.head.serializer))
    else {
        return Ok(());
    };
    let Some(value) = read_and_write(serializer, &payload, meter)? else {
        return Ok(());
    };
    let _ = (
        Connect::decode(serializer, &payload),
        Connected::decode(serializer, &payload),
        Blob::argument(serializer, &payload),
    );
    if let Ok(invoke) = Invoke::decode(serializer, &payload) {
        let _ = invoke.into_batch();
    }
    mean(value)
}

fn feed_annotations(annotations: &Annotations<'_>, meter: &mut Meter) -> Result<(), String> {
    if let Some(blob) = annotations.find(BLOB) {
        let _ = Blob::decode(blob);
        read_and_write(Serializer::Marshal, blob, meter)?;
    }
    Ok(())
}

/// Takes a value for all that it may mean; what it means is the same once it is written again.
fn mean(value: PyValue) -> Result<(), String> {
    let _ = (
        PyroUri::from_value(&value).map(|uri| uri.to_string().parse::<PyroUri>()),
        Metadata::from_value(&value),
        BatchFailure::from_value(value.clone()),
        Value::try_from(value.clone()),
    );
    if let Ok(proxy) = Proxy::from_value(&value) {
        let again = Proxy::from_value(&proxy.clone().into_value());
        if again.as_ref().map(|again| format!("{again:?}")) != Ok(format!("{proxy:?}")) {
            return Err(format!("{proxy:?} is {again:?} once it is written again"));
        }
    }
    if let Ok(exception) = Exception::from_value(value) {
        let again = Exception::from_value(exception.clone().into_value());
        if again.as_ref().map(|again| format!("{again:?}")) != Ok(format!("{exception:?}")) {
            return Err(format!(
                "{exception:?} is {again:?} once it is written again"
            ));
        }
    }
    Ok(())
}

/// What reading a payload may take.
fn allowance(serializer: Serializer) -> Allowance {
    let per_byte = match serializer {
        // A value of one byte takes 32, an entry of a dict of two 64, in vectors that grow by doubling; marshal repeats
        // up to eight times what is there.
        Serializer::Marshal => 9 * 96,
        _ => 96,
    };
    Allowance {
        per_byte,
        // Room for a few elements at each of 200 levels, and in marshal for what is repeated.
        constant: match serializer {
            Serializer::Marshal => 96 * (64 << 10),
            _ => 512 << 10,
        },
    }
}

/// Reads a payload; what was read is written, and reads as the same again.
pub(super) fn read_and_write(
    serializer: Serializer,
    payload: &[u8],
    meter: &mut Meter,
) -> Result<Option<PyValue>, String> {
    let read = || serializer.decode(payload);
    let allowed = allowance(serializer);
    let Ok(value) = meter.measure(serializer.name(), payload.len(), allowed, read)? else {
        return Ok(None);
    };
    let mut first = Vec::new();
    match serializer.encode(&value, &mut first) {
        Ok(()) => {}
        // Some of what is read cannot be looked up, or takes a level more when it is written.
        Err(EncodeError::Key { .. } | EncodeError::TooDeep) => return Ok(Some(value)),
        Err(error) => {
            return Err(format!("what {serializer} read cannot be written: {error}"));
        }
    }
    let again = serializer
        .decode(&first)
        .map_err(|error| format!("what {serializer} wrote cannot be read: {error}"))?;
    let mut second = Vec::new();
    serializer
        .encode(&again, &mut second)
        .map_err(|error| format!("what {serializer} wrote and read cannot be written: {error}"))?;
    if first != second {
        return Err(format!(
            "a value is another one each time it goes through {serializer}"
        ));
    }
    Ok(Some(value))
}
