//! The name service as programs meet it: names, leases, epochs and watches, over restarts too.

#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks it spawns, and they end with its runtime"
)]

mod daemons;
mod registry;
mod restarts;
mod watches;

use std::collections::BTreeSet;

use farcall::Daemon;
use farcall::names::{Entry, LeaseId, Mode, NameError, NameServerProxy, Registration, names_at};
use farcall_shared::link::Bound;

use crate::harness::{LOOPBACK, NameService, soon};

pub(crate) type Names = NameServerProxy<Bound>;

impl NameService {
    /// A proxy for it.
    pub(crate) async fn proxy(&self) -> Names {
        soon(names_at(self.address())).await.unwrap()
    }

    /// A daemon that publishes here.
    pub(crate) async fn daemon(&self) -> Daemon {
        Daemon::builder()
            .names(self.address().to_string())
            .bind(LOOPBACK)
            .await
            .unwrap()
    }

    /// What a name or a pattern of this name service is called.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("farname:{name}@{}", self.address())
    }

    /// Ends it, and starts it again at the same address.
    pub(crate) async fn restart(self, store: &str) -> Self {
        let address = self.address().to_string();
        self.stop().await;
        Self::at(&address, store).await
    }
}

pub(crate) fn tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    tags.into_iter().map(str::to_owned).collect()
}

/// A registration without a lease that leads to `far:o@h:PORT`.
pub(crate) fn registration(name: &str, port: u16) -> Registration {
    Registration {
        name: name.into(),
        uri: format!("far:o@h:{port}"),
        metadata: BTreeSet::new(),
        mode: Mode::Exclusive,
        lease: None,
    }
}

pub(crate) fn in_mode(name: &str, port: u16, mode: Mode) -> Registration {
    Registration {
        mode,
        ..registration(name, port)
    }
}

pub(crate) fn leased(name: &str, port: u16, lease: LeaseId) -> Registration {
    Registration {
        lease: Some(lease),
        ..registration(name, port)
    }
}

pub(crate) fn is_unknown(found: &Result<Vec<Entry>, NameError>) -> bool {
    matches!(found, Err(NameError::Unknown { .. }))
}
