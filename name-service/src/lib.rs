//! The farcall name service: the registry, its stores, and the programs `ns` and `nsc`.

pub mod glob;
pub mod ns;
pub mod nsc;
mod python;
pub mod registry;
mod server;
mod service;
pub mod store;
mod writer;

pub use server::{Server, ServerError};
