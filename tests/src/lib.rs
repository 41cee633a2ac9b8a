//! What the programs of this crate and its tests share: forged bytes, the fuzzer that feeds them to every reader, and what
//! the workers of pools do.

pub mod forge;
pub mod fuzz;
pub mod mill;
pub mod target;
