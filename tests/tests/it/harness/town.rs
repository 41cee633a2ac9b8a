//! A name service and clerks on a runtime of their own, for tests that are no async code.

use std::future::Future;

use tokio::runtime::Runtime;

use super::{NameService, soon};
use crate::fleet::Member;

/// A name service and clerks on a runtime of their own. They are called `desk.1`, `desk.2` and so on.
pub(crate) struct Town {
    pub(crate) service: NameService,
    pub(crate) members: Vec<Member>,
    runtime: Runtime,
}

impl Town {
    /// So many members whose gates are shut.
    pub(crate) fn shut(members: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let (service, members) = runtime.block_on(async {
            let service = NameService::new().await;
            let mut all = Vec::new();
            for number in 1..=members {
                all.push(Member::new(&service, &format!("desk.{number}")).await);
            }
            (service, all)
        });
        Self {
            service,
            members,
            runtime,
        }
    }

    /// So many members whose gates are open.
    pub(crate) fn open(members: usize) -> Self {
        let town = Self::shut(members);
        for member in &town.members {
            member.clerk.gate.open_for_good();
        }
        town
    }

    /// The test's side of what happens there.
    #[track_caller]
    pub(crate) fn soon<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(soon(future))
    }
}
