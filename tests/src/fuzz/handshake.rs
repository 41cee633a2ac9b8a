//! The reader of prefaces and hellos, for both sides.

use farcall::parts::wire::frame::LENGTH_BYTES;
use farcall::parts::wire::handshake::{
    Hello, MAX_HELLO_BYTES, MIN_MESSAGE_BYTES, PREFACE_BYTES, Side, VERSIONS, Versions, agree,
    hello_bytes,
};
use fastrand::Rng;

use super::{Allowance, Meter, Reader, chance_of};
use crate::forge::{self, For};

/// A preface that is none is shown in the error, escaped.
const AGREEING: Allowance = Allowance {
    per_byte: 0,
    constant: 512,
};

/// A byte that is no UTF-8 becomes a character of 3, in a text that grows by doubling.
const PARSING: Allowance = Allowance {
    per_byte: 7,
    constant: 64,
};

/// The first bytes of a connection.
pub(super) struct Handshake;

impl Reader for Handshake {
    fn make(&self, random: &mut Rng) -> Vec<u8> {
        let side = if random.bool() {
            Side::Dialled
        } else {
            Side::Accepted
        };
        let mut bytes = forge::greeting(random, side);
        match random.u8(0..8) {
            0 => {}
            1 => {
                // What may stand in a welcome's place.
                bytes.truncate(PREFACE_BYTES);
                bytes.extend_from_slice(&forge::frame(random, For::Caller));
            }
            2 => bytes = forge::frame(random, For::Callee),
            kind => {
                let donor = forge::greeting(random, side);
                let mut hello = bytes.split_off(PREFACE_BYTES);
                forge::spoil(&mut hello, &donor, random);
                if kind < 7 {
                    forge::reseal(&mut hello);
                } else {
                    forge::spoil(&mut bytes, &donor, random);
                }
                bytes.extend_from_slice(&hello);
            }
        }
        bytes
    }

    fn feed(&self, bytes: &[u8], meter: &mut Meter) -> Result<(), String> {
        let mut random = chance_of(bytes);
        let Some((preface, hello)) = bytes.split_first_chunk::<PREFACE_BYTES>() else {
            return Ok(());
        };
        let lowest = random.u8(..);
        let range = Versions {
            lowest,
            highest: random.u8(lowest..),
        };
        for ours in [VERSIONS, range] {
            check_version(preface, ours, meter)?;
        }
        // As much as has arrived so far: nobody reads a hello before all of it is there.
        for arrived in [random.usize(0..=hello.len()), hello.len()] {
            let told = hello_bytes(&hello[..arrived]);
            let announced = hello[..arrived]
                .first_chunk()
                .map(|length| u32::from_le_bytes(*length));
            let sound = match (&told, announced) {
                (Ok(None), None) => true,
                (Ok(Some(total)), Some(length)) => {
                    length <= MAX_HELLO_BYTES && *total == LENGTH_BYTES + length as usize
                }
                (Err(_), Some(length)) => length > MAX_HELLO_BYTES,
                _ => false,
            };
            if !sound {
                return Err(format!(
                    "a hello's length of {announced:?} is read as {told:?}"
                ));
            }
            if let Ok(Some(total)) = told
                && total <= arrived
            {
                check_hello(&hello[LENGTH_BYTES..total], meter)?;
            }
        }
        Ok(())
    }
}

fn check_version(
    preface: &[u8; PREFACE_BYTES],
    ours: Versions,
    meter: &mut Meter,
) -> Result<(), String> {
    let agreed = meter.measure("a preface", preface.len(), AGREEING, || {
        agree(*preface, ours)
    })?;
    let theirs = preface[4]..=preface[5];
    match agreed {
        Ok(version) if !preface.starts_with(b"FARC") || !theirs.contains(&version) => Err(format!(
            "version {version} was agreed upon with {preface:?}"
        )),
        Ok(version) if !(ours.lowest..=ours.highest).contains(&version) => Err(format!(
            "version {version} was agreed upon, which is not in {ours:?}"
        )),
        _ => Ok(()),
    }
}

fn check_hello(bytes: &[u8], meter: &mut Meter) -> Result<(), String> {
    for (reader, writer) in [
        (Side::Accepted, Side::Dialled),
        (Side::Dialled, Side::Accepted),
    ] {
        let parsed = meter.measure("a hello", bytes.len(), PARSING, || {
            Hello::parse(bytes, reader)
        })?;
        let Ok(parsed) = parsed else {
            continue;
        };
        if parsed.max_message_bytes < MIN_MESSAGE_BYTES || parsed.max_calls_in_flight == 0 {
            return Err(format!("{parsed:?} takes no messages or no calls"));
        }
        let mut again = Vec::new();
        parsed.put(&mut again, writer);
        let second = Hello::parse(&again[LENGTH_BYTES..], reader);
        if second.as_ref() != Ok(&parsed) {
            return Err(format!(
                "{parsed:?} is read as {second:?} once it is written again"
            ));
        }
    }
    Ok(())
}
