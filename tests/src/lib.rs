//! What the fuzzer and the tests share: bytes forged by chance, and the fuzzer that feeds them to every reader.

pub mod forge;
pub mod fuzz;
pub mod target;
