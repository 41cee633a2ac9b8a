//! What a run of the fuzzer found.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

use super::{Allowance, Heaviest, Part};

/// A promise that was broken, and by which input.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// What happened.
    pub why: String,
    /// The input in hex, for `--replay`.
    pub input: String,
}

/// What came of one part.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// Which.
    pub part: Part,
    /// How many inputs were read.
    pub inputs: u64,
    /// How many of them made it panic.
    pub panics: u64,
    /// What broke, panics included.
    pub broken: Vec<Broken>,
    /// The reading that came nearest to the memory it may take.
    pub heaviest: Option<Heaviest>,
    /// How long it took.
    pub seconds: f64,
    /// What else is worth telling.
    pub notes: Vec<String>,
}

impl PartReport {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
            inputs: 0,
            panics: 0,
            broken: Vec::new(),
            heaviest: None,
            seconds: 0.0,
            notes: Vec::new(),
        }
    }

    pub(super) fn breaks(&mut self, why: String, input: &[u8]) {
        self.broken.push(Broken {
            why,
            input: hex(input),
        });
    }

    fn inputs_per_second(&self) -> f64 {
        self.inputs as f64 / self.seconds.max(1e-9)
    }
}

/// What came of all parts.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What makes the same inputs again; none for an input that was given.
    pub seed: Option<u64>,
    /// Each part.
    pub parts: Vec<PartReport>,
}

impl Report {
    /// True when nothing broke.
    pub fn is_clean(&self) -> bool {
        self.parts.iter().all(|part| part.broken.is_empty())
    }
}

/// Bytes as a report shows them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An input as a report showed it; `None` for what is no hex.
pub fn unhex(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

impl Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, inputs, panics) = (self.part.name(), self.inputs, self.panics);
        let (broken, rate) = (self.broken.len(), self.inputs_per_second());
        writeln!(
            f,
            "{part:10} {inputs:>10} inputs  {panics:>2} panics  {broken:>2} broken  {rate:>9.0} inputs/s"
        )?;
        if let Some(heaviest) = &self.heaviest {
            writeln!(f, "{:10} most memory: {heaviest}", "")?;
        }
        for note in &self.notes {
            writeln!(f, "{:10} {note}", "")?;
        }
        for Broken { why, input } in &self.broken {
            writeln!(f, "BROKEN: {why}\n  --part {part} --replay {input}")?;
        }
        Ok(())
    }
}

impl Display for Heaviest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            input_bytes,
            taken_bytes,
            allowed,
        } = self;
        let Allowance { per_byte, constant } = allowed;
        write!(
            f,
            "{taken_bytes} bytes for {input_bytes} ({what}; allowed {per_byte} for each and {constant} more)"
        )
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            write!(f, "{part}")?;
        }
        let sum = |count: fn(&PartReport) -> u64| self.parts.iter().map(count).sum::<u64>();
        let (inputs, panics) = (sum(|part| part.inputs), sum(|part| part.panics));
        let broken = sum(|part| part.broken.len() as u64);
        write!(f, "{inputs} inputs, {panics} panics, {broken} broken")?;
        match self.seed {
            Some(seed) => writeln!(f, ", seed {seed}"),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_as_it_was_shown_or_not_at_all() {
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
        assert_eq!(unhex("00ff10"), Some(vec![0, 255, 16]));
        for none in ["0", "zz", "é"] {
            assert_eq!(unhex(none), None);
        }
    }
}
