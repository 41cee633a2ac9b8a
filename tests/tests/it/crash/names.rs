//! A name service that is killed while names are registered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use farcall::names::{Epoch, Selector, names_at};
use tokio::task::JoinSet;

use super::child::Child;
use crate::harness::soon;
use crate::names::registration;

const WRITERS: u16 = 16;

/// Kills at different moments of the store's work.
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_name_is_there_after_the_name_service_was_killed() {
    let place = tempfile::tempdir().unwrap();
    let store = format!("store=redb:{}", place.path().join("names").display());
    let mut child = Child::start(&format!("ns {store}")).await;
    let address = child.address();
    let acknowledged: Arc<Mutex<BTreeMap<String, Epoch>>> = Arc::default();
    for round in 0..KILLS {
        let mut writers = JoinSet::new();
        let before = acknowledged.lock().unwrap().len();
        for writer in 0..WRITERS {
            let (address, acknowledged) = (address.clone(), Arc::clone(&acknowledged));
            writers.spawn(async move {
                let names = soon(names_at(&address)).await.unwrap();
                for n in 0.. {
                    let name = format!("r{round}.w{writer}.{n}");
                    match soon(names.register(registration(&name, writer))).await {
                        Ok(epoch) => acknowledged.lock().unwrap().insert(name, epoch.unwrap()),
                        Err(_) => return,
                    };
                }
            });
        }
        let names = soon(names_at(&address)).await.unwrap();
        while acknowledged.lock().unwrap().len() < before + 100 + 37 * round {
            soon(names.ping()).await.unwrap();
        }
        child.kill().await;
        soon(writers.join_all()).await;
        child = Child::start(&format!("ns at={address} {store}")).await;
        let names = soon(names_at(&address)).await.unwrap();
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let page = soon(names.list(Selector::Prefix(String::new()), after, 10_000))
                .await
                .unwrap()
                .unwrap();
            found.extend(page.entries.into_iter().map(|e| (e.name, e.epoch)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let acknowledged = acknowledged.lock().unwrap();
        assert!(acknowledged.len() > before);
        for (name, epoch) in acknowledged.iter() {
            assert_eq!(found.get(name), Some(epoch), "round {round}: {name}");
        }
        // At most one per writer was kept without its answer being heard, in each round.
        assert!(found.len() <= acknowledged.len() + (round + 1) * usize::from(WRITERS));
    }
}
