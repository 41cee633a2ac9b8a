//! Ways to compute with daemons and fleets: local pools, work that is pulled, map-reduce; and a bar that shows how far it is.

pub mod map_reduce;
pub mod pool;
pub mod progress;
pub mod work;
