//! The object that every daemon hosts beside its users': what is here, and what it can do.

use crate::descriptor::Descriptor;

/// The id of that object.
pub const DAEMON: &str = "Far.Daemon";

/// What a daemon tells about itself and its objects.
#[farcall_macros::remote(crate = crate)]
pub trait DaemonInfo {
    /// Describes an object: methods, arguments, results, marks and docs.
    #[idempotent]
    async fn describe(&self, object: String) -> Result<Descriptor, String>;

    /// The ids of all objects, sorted; at most 10,000.
    #[idempotent]
    async fn objects(&self) -> Vec<String>;

    /// Answers; the daemon is there.
    #[idempotent]
    async fn ping(&self);
}
