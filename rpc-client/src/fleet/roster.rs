//! A fleet whose members this process itself adds and takes away.

use std::sync::Arc;

use farcall_shared::uri::ObjectUri;

use super::members::Members;
use crate::Proxy;

/// Adds members to a [`Fleet`](super::Fleet) and takes them away. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roster<P>(Arc<Members<P>>);

/// Who is to come, as far as whoever keeps the roster knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing is known: work waits 10 s for a member that answers. So it is at first.
    Unknown,
    /// Somebody sees to it that members come: while nobody is there, work waits for them.
    More,
    /// Nobody will come, for this reason: work for which nobody is there ends with it, as `Empty`.
    NoMore(String),
}

/// A member that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberId(u64);

impl<P: Proxy> Roster<P> {
    pub(super) fn new(members: Arc<Members<P>>) -> Self {
        Self(members)
    }

    /// Has the object get work from now on, under a name for reports.
    pub fn add(&self, name: &str, uri: ObjectUri) -> MemberId {
        MemberId(self.0.add(name, uri))
    }

    /// Gives the member no more work; its calls in flight go on.
    pub fn remove(&self, member: MemberId) {
        self.0.remove(member.0);
    }

    /// Says who is to come, to all who wait for a member.
    pub fn look_out(&self, outlook: Outlook) {
        self.0.look_out(outlook);
    }
}
