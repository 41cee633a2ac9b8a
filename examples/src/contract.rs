//! What the example programs say to each other.

use crate::mandelbrot::Band;
use crate::words::{self, Chunk, Counted};

/// Squares numbers.
#[farcall::remote]
pub trait Worker {
    /// Squares one number; a square past 64 bits wraps around.
    #[idempotent]
    fn process(&self, data: i64) -> i64;
}

/// Counts words in files that it can read.
#[farcall::remote]
pub trait WordCounter {
    /// Counts the words that start in these ranges of files.
    #[idempotent]
    fn count(&self, job: Vec<Chunk>) -> Counted;
}

/// Computes parts of the Mandelbrot set.
#[farcall::remote]
pub trait Painter {
    /// The escape of each point of some rows, in 256ths of an iteration; nothing if they are out of bounds.
    #[idempotent]
    fn escapes(&self, band: Band) -> Vec<u32>;
}

/// A [`Worker`].
#[derive(Clone, Copy, Debug)]
pub struct Squarer;

impl Worker for Squarer {
    fn process(&self, data: i64) -> i64 {
        data.wrapping_mul(data)
    }
}

/// A [`WordCounter`].
#[derive(Clone, Copy, Debug)]
pub struct Counter;

impl WordCounter for Counter {
    fn count(&self, job: Vec<Chunk>) -> Counted {
        words::count(&job)
    }
}

/// A [`Painter`].
#[derive(Clone, Copy, Debug)]
pub struct Brush;

impl Painter for Brush {
    fn escapes(&self, band: Band) -> Vec<u32> {
        band.escapes()
    }
}
