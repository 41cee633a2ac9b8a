//! A gate: where an object's methods wait until the test lets them go on.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::soon;

/// Where an object's methods wait until the test lets them go on.
///
/// Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Posts>);

#[derive(Debug)]
struct Posts {
    runtime: Handle,
    arrived: Semaphore,
    open: Semaphore,
    abandoned: Semaphore,
}

impl Gate {
    /// A shut gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Posts {
            runtime: Handle::current(),
            arrived: Semaphore::new(0),
            open: Semaphore::new(0),
            abandoned: Semaphore::new(0),
        }))
    }

    /// The object's side: waits until it is let through.
    pub(crate) async fn pass(&self) {
        let mut passing = Passing {
            gate: self,
            through: false,
        };
        self.0.arrived.add_permits(1);
        if let Ok(permit) = self.0.open.acquire().await {
            permit.forget();
        }
        passing.through = true;
    }

    /// Arrives without waiting.
    pub(crate) fn arrive(&self) {
        self.0.arrived.add_permits(1);
    }

    /// The same for methods that compute.
    pub(crate) fn pass_blocking(&self) {
        self.0.runtime.block_on(self.pass());
    }

    /// Waits until so many more have arrived.
    #[track_caller]
    pub(crate) fn arrived(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.0.arrived.acquire_many(count).await.unwrap().forget() })
    }

    /// How many have arrived that no `arrived` waited for.
    pub(crate) fn uncounted(&self) -> usize {
        self.0.arrived.available_permits()
    }

    /// Waits until so many more were dropped while they waited here.
    #[track_caller]
    pub(crate) fn abandoned(&self, count: u32) -> impl Future<Output = ()> {
        soon(async move { self.0.abandoned.acquire_many(count).await.unwrap().forget() })
    }

    /// Lets so many through.
    pub(crate) fn open(&self, count: usize) {
        self.0.open.add_permits(count);
    }

    /// Lets everybody through from now on.
    pub(crate) fn open_for_good(&self) {
        self.0.open.close();
    }
}

struct Passing<'a> {
    gate: &'a Gate,
    through: bool,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        if !self.through {
            self.gate.0.abandoned.add_permits(1);
        }
    }
}
