//! Real processes that are killed, stopped and ended: every call ends, and what was promised is there.

pub(crate) mod child;
mod names;
mod workers;
