//! Spoils bytes that were sound: the few changes that readers get wrong.

use farcall::parts::wire::frame::{self, LENGTH_BYTES};
use fastrand::Rng;

use super::number;

/// Nothing is made longer than this.
const MOST_BYTES: usize = 96 << 10;

/// What means more than its bytes in one of the codecs or in a frame.
const WORDS: [&[u8]; 28] = [
    // postcard: the largest number, and one that is longer than it may be
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    // MessagePack: lists, maps, texts, bytes and extensions that announce everything; nil; the one that is reserved
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\xde\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xd8\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xc1",
    b"\xc0",
    b"\x91",
    b"\x81\xa5below",
    b"\x81\xa6inside",
    b"\x81\xa5Group\x91",
    // JSON
    b"[",
    b"{\"below\":[",
    b"{\"inside\":",
    b"{\"Group\":[",
    b"{\"\":",
    b"1e999",
    b"-0.0",
    b"\"\\ud800\"",
    b"\"\\u0000\"",
    b"340282366920938463463374607431768211456",
    // UTF-8 that is none
    b"\xf8\x88\x80\x80\x80",
];

/// Changes bytes a few times; `donor` is what parts of may be put in.
pub fn spoil(bytes: &mut Vec<u8>, donor: &[u8], random: &mut Rng) {
    spoil_with(bytes, donor, &WORDS, random);
}

/// The same with other words.
pub fn spoil_with(bytes: &mut Vec<u8>, donor: &[u8], words: &[&[u8]], random: &mut Rng) {
    for _ in 0..random.u8(1..5) {
        change(bytes, donor, words, random);
    }
    bytes.truncate(MOST_BYTES);
}

/// Makes the length of a frame true again, so that its fields get read.
pub fn reseal(frame: &mut [u8]) {
    if frame.len() >= LENGTH_BYTES {
        frame::end(frame, 0);
    }
}

fn change(bytes: &mut Vec<u8>, donor: &[u8], words: &[&[u8]], random: &mut Rng) {
    let at = random.usize(0..=bytes.len());
    match random.u8(0..14) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.u8(..);
            }
        }
        3 => bytes.truncate(at),
        4 | 5 => write_number(bytes, at, random),
        // Where a frame has its length, its kind, and a call its flags.
        6 => write_number(bytes, 0, random),
        7 => put_at(bytes, 4, random),
        8 => put_at(bytes, 5, random),
        9 => repeat(bytes, at, random),
        10 => {
            let from = random.usize(0..=donor.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&donor[from..]);
        }
        11 => {
            let end = random.usize(at..=bytes.len());
            bytes.drain(at..end);
        }
        12 => {
            let word = words[random.usize(0..words.len())];
            let times = if random.u8(..) < 16 {
                random.usize(1..200)
            } else {
                1
            };
            bytes.splice(at..at, word.repeat(times));
        }
        _ => {
            let word = words[random.usize(0..words.len())];
            let end = (at + word.len()).min(bytes.len());
            bytes.splice(at..end, word.iter().copied());
        }
    }
}

fn put_at(bytes: &mut [u8], at: usize, random: &mut Rng) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = number(random) as u8;
    }
}

/// Writes an edge over what stands there, in any width and order of bytes.
fn write_number(bytes: &mut [u8], at: usize, random: &mut Rng) {
    let number = number(random);
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    let width = 1 << random.u8(0..4);
    let number = if random.u8(..) < 192 {
        &little[..width]
    } else {
        &big[8 - width..]
    };
    for (place, byte) in bytes.iter_mut().skip(at).zip(number) {
        *place = *byte;
    }
}

/// Puts a part in again, many times.
fn repeat(bytes: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let end = random.usize(at..=bytes.len().min(at + 40));
    let times = match random.u8(0..8) {
        0 => 1_000,
        1 => random.usize(1..100),
        _ => 1,
    };
    let part = bytes[at..end].repeat(times);
    bytes.splice(at..at, part);
}
