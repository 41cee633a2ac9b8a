//! A pool of worker processes on this machine, which is a fleet.
