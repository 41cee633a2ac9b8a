//! Ways to compute with daemons and fleets: local pools, work that is pulled, map-reduce.

pub mod map_reduce;
pub mod pool;
pub mod work;
