//! How much memory reading an input takes, against what it may take.

use std::alloc::System;

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait as _};
use serde::Serialize;

/// What a program that measures has as its global allocator.
pub type Counting = &'static PeakMemAlloc<System>;

/// What reading may take: so many bytes for each byte read, and so many more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// For each byte of the input.
    pub per_byte: usize,
    /// Whatever the input.
    pub constant: usize,
}

impl Allowance {
    fn of(self, bytes: usize) -> usize {
        self.per_byte * bytes + self.constant
    }
}

/// The reading that came nearest to what it may take.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Heaviest {
    /// What was read.
    pub what: &'static str,
    /// How long it was, in bytes.
    pub input_bytes: usize,
    /// What reading it took at its peak, in bytes.
    pub taken_bytes: usize,
    /// What it may take.
    pub allowed: Allowance,
}

impl Heaviest {
    /// What it took for each byte that it may take.
    pub fn share(&self) -> f64 {
        self.taken_bytes as f64 / self.allowed.of(self.input_bytes) as f64
    }
}

/// Measures readings, one at a time; nothing else in the process may allocate meanwhile.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) heaviest: Option<Heaviest>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { heaviest: None }
    }

    /// Does `read`, which reads `bytes` bytes, and sees that it takes no more memory than allowed.
    pub(super) fn measure<T>(
        &mut self,
        what: &'static str,
        bytes: usize,
        allowed: Allowance,
        read: impl FnOnce() -> T,
    ) -> Result<T, String> {
        begin();
        let value = read();
        let taken = taken();
        let reading = Heaviest {
            what,
            input_bytes: bytes,
            taken_bytes: taken,
            allowed,
        };
        if self
            .heaviest
            .is_none_or(|heaviest| reading.share() > heaviest.share())
        {
            self.heaviest = Some(reading);
        }
        if taken > allowed.of(bytes) {
            return Err(format!(
                "{what} took {taken} bytes of memory for {bytes} bytes, allowed are {} for each and {} more",
                allowed.per_byte, allowed.constant
            ));
        }
        Ok(value)
    }
}

/// Counts anew.
pub(super) fn begin() {
    INSTRUMENTED_SYSTEM.reset_peak_memory();
}

/// The most that was taken at a time since [`begin`], beyond what was held then.
pub(super) fn taken() -> usize {
    INSTRUMENTED_SYSTEM.get_peak_memory()
}

/// Sees that memory is counted at all.
pub(super) fn check() -> anyhow::Result<()> {
    const BYTES: usize = 12_345;
    begin();
    let held = std::hint::black_box(vec![1u8; BYTES]);
    anyhow::ensure!(
        taken() >= held.len(),
        "this program does not count its memory: its global allocator is not `INSTRUMENTED_SYSTEM`"
    );
    Ok(())
}
