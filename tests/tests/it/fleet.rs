//! Fleets: one computation over many objects that come and go.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

mod ask;
mod balance;
mod chunks;
mod failures;
mod late;
mod members;
mod streams;
mod submitted;
mod verbs;

use farcall::{Daemon, Fleet, Publication};

use crate::harness::{Clerk, Desk, DeskProxy, NameService, soon};

/// A daemon in this process that publishes a clerk.
pub(crate) struct Member {
    pub(crate) daemon: Daemon,
    pub(crate) clerk: Clerk,
}

impl Member {
    /// Its gate is shut.
    pub(crate) async fn new(service: &NameService, name: &str) -> Self {
        let daemon = service.daemon().await;
        let clerk = Clerk::new();
        let how = Publication::group().with_tag("kind=desk");
        daemon
            .publish_as(name, clerk.clone().serve(), how)
            .await
            .unwrap();
        Self { daemon, clerk }
    }

    /// Its gate is open.
    pub(crate) async fn ready(service: &NameService, name: &str) -> Self {
        let member = Self::new(service, name).await;
        member.clerk.gate.open_for_good();
        member
    }
}

pub(crate) async fn fleet(service: &NameService) -> Fleet<DeskProxy> {
    soon(Fleet::find(&service.uri("desk.*"))).await.unwrap()
}
