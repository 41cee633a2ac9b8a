//! Work that workers pull: items are handed out under a lease.
