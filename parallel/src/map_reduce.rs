//! Map-reduce over a fleet: combined, partitioned and reduced on the workers.
