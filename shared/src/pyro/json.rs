//! JSON as Python's `json` reads and writes it: `NaN`, `Infinity`, integers of any size, and blanks behind commas and colons.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;
