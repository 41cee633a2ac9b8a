//! Hosts objects: the daemon, its object table, its compute pool, and doors for other protocols.

mod daemon;
mod door;
mod names;
mod pool;
mod pyro_door;
pub mod python;
mod table;
mod tarpc_door;

pub use daemon::{Builder, Daemon, DaemonError, PublishError};
pub use farcall_shared::names::Mode;
pub use names::{NamesError, Publication};
