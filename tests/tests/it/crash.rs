//! Real processes that are killed, stopped and ended: every call ends, and what was promised is there.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

pub(crate) mod child;
mod names;
mod workers;
