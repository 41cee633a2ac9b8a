//! The reader of serpent: Python literals, spoiled.

use farcall::parts::pyro::Serializer;
use fastrand::Rng;

use super::pyro::read_and_write;
use super::{Meter, Reader};
use crate::forge::{self, LITERAL_WORDS};

/// Literals.
pub(super) struct Literals;

impl Reader for Literals {
    fn make(&self, random: &mut Rng) -> Vec<u8> {
        let mut literal = make(random);
        if random.u8(..) < 224 {
            let donor = make(random);
            forge::spoil_with(&mut literal, &donor, &LITERAL_WORDS, random);
        }
        literal
    }

    fn feed(&self, input: &[u8], meter: &mut Meter) -> Result<(), String> {
        read_and_write(Serializer::Serpent, input, meter).map(drop)
    }
}

fn make(random: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    // What has no literal is an empty text.
    let _ = Serializer::Serpent.encode(&forge::python_value(random, 5), &mut out);
    out
}
