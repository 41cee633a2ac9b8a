//! Somebody with another connection: calls all the while, and is answered soundly and soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use crate::harness::{DeskProxy, soon};

/// Calls a desk over and over, one call after the other.
#[derive(Debug)]
pub(super) struct Neighbour {
    stop: Arc<AtomicBool>,
    calling: JoinHandle<u64>,
}

impl Neighbour {
    pub(super) fn of(desk: &DeskProxy) -> Self {
        let (desk, stop) = (desk.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let calling = tokio::spawn(async move {
            let mut served = 0;
            while !stopped.load(Ordering::Relaxed) {
                let text = format!("call {served}");
                assert_eq!(soon(desk.echo(text.clone())).await, Ok(text));
                served += 1;
            }
            served
        });
        Self { stop, calling }
    }

    /// Sees that each of its calls was answered, and that it is served still.
    pub(super) async fn was_served(self, desk: &DeskProxy) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(soon(self.calling).await.unwrap() > 0);
        assert_eq!(soon(desk.square(7)).await, Ok(49));
    }
}
