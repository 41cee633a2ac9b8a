//! Watches: nothing is lost, doubled or out of order, or it is said that all begins anew.

use farcall::names::{Change, Changes, Selector};

use super::{in_mode, leased, registration, tags};
use crate::harness::{NameService, soon};

fn everything() -> Selector {
    Selector::Prefix(String::new())
}

/// `+name` and `-name`.
fn signs(changes: &Changes) -> Vec<String> {
    let sign = |change: &Change| match change {
        Change::Put(entry) => format!("+{}", entry.name),
        Change::Gone { name, .. } => format!("-{name}"),
    };
    changes.changes.iter().map(sign).collect()
}

#[tokio::test]
async fn a_watch_begins_with_a_snapshot_and_goes_on_in_order_from_any_revision() {
    let service = NameService::new().await;
    let names = service.proxy().await;
    soon(names.register(registration("a", 1)))
        .await
        .unwrap()
        .unwrap();
    let snapshot = soon(names.watch(everything(), None, 0))
        .await
        .unwrap()
        .unwrap();
    assert!(snapshot.reset);
    assert_eq!(signs(&snapshot), ["+a"]);
    let idle = soon(names.watch(everything(), Some(snapshot.revision), 50))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (idle.reset, idle.changes.len(), idle.revision),
        (false, 0, snapshot.revision)
    );

    soon(names.register(registration("b", 2)))
        .await
        .unwrap()
        .unwrap();
    let middle = soon(names.watch(everything(), Some(snapshot.revision), 0))
        .await
        .unwrap()
        .unwrap()
        .revision;
    soon(names.set_metadata("a".into(), tags(["new"])))
        .await
        .unwrap()
        .unwrap();
    soon(names.remove("b".into())).await.unwrap().unwrap();
    soon(names.register(registration("b", 3)))
        .await
        .unwrap()
        .unwrap();
    let all = soon(names.watch(everything(), Some(snapshot.revision), 0))
        .await
        .unwrap()
        .unwrap();
    assert!(!all.reset);
    assert_eq!(signs(&all), ["+b", "+a", "-b", "+b"]);
    let later = soon(names.watch(everything(), Some(middle), 0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((later.reset, later.revision), (false, all.revision));
    assert_eq!(later.changes, all.changes[1..]);
    let of_b = soon(names.watch(Selector::Glob("b*".into()), Some(middle), 0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(signs(&of_b), ["-b", "+b"]);
    let ahead = soon(names.watch(everything(), Some(all.revision + 1000), 0))
        .await
        .unwrap()
        .unwrap();
    assert!(ahead.reset, "a revision that never was begins anew");
}

#[tokio::test]
async fn a_watch_that_waits_hears_of_a_change_at_once() {
    let service = NameService::new().await;
    let (watcher, changer) = (service.proxy().await, service.proxy().await);
    let from = soon(watcher.watch(everything(), None, 0))
        .await
        .unwrap()
        .unwrap()
        .revision;
    let waiting =
        tokio::spawn(async move { watcher.watch(everything(), Some(from), 60_000).await });
    soon(changer.register(registration("a", 1)))
        .await
        .unwrap()
        .unwrap();
    let heard = soon(waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(signs(&heard), ["+a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_under_many_writers_sees_every_change_once() {
    const WRITERS: u16 = 8;
    const CHANGES: u16 = 60;
    let service = NameService::new().await;
    let watcher = service.proxy().await;
    let mut from = soon(watcher.watch(everything(), None, 0))
        .await
        .unwrap()
        .unwrap()
        .revision;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let names = service.proxy().await;
        writers.spawn(async move {
            for change in 0..CHANGES {
                let name = format!("n.{writer}");
                let registered = in_mode(
                    &name,
                    change,
                    farcall::names::Mode::Replace { expected: None },
                );
                soon(names.register(registered)).await.unwrap().unwrap();
            }
        });
    }
    let mut epochs = Vec::new();
    soon(async {
        while epochs.len() < usize::from(WRITERS * CHANGES) {
            let heard = watcher
                .watch(everything(), Some(from), 5_000)
                .await
                .unwrap()
                .unwrap();
            assert!(!heard.reset);
            from = heard.revision;
            epochs.extend(heard.changes.iter().filter_map(|change| match change {
                Change::Put(entry) => Some(entry.epoch),
                Change::Gone { .. } => None,
            }));
        }
    })
    .await;
    assert!(epochs.is_sorted_by(|a, b| a < b), "in order and each once");
    soon(writers.join_all()).await;
}

#[tokio::test]
async fn what_hangs_on_a_lease_goes_when_it_ends_and_watches_hear_of_it() {
    let service = NameService::new().await;
    let names = service.proxy().await;
    let lease = soon(names.grant(1)).await.unwrap().unwrap();
    assert_eq!(lease.ttl_ms, 1000, "the shortest lease");
    soon(names.register(leased("a", 1, lease.id)))
        .await
        .unwrap()
        .unwrap();
    soon(names.register(leased("b", 2, lease.id)))
        .await
        .unwrap()
        .unwrap();
    soon(names.register(registration("stays", 3)))
        .await
        .unwrap()
        .unwrap();
    let began = std::time::Instant::now();
    assert_eq!(soon(names.keep_alive(lease.id)).await.unwrap(), Ok(lease));
    let mut from = soon(names.watch(everything(), None, 0))
        .await
        .unwrap()
        .unwrap()
        .revision;
    let mut gone = Vec::new();
    soon(async {
        while gone.len() < 2 {
            let heard = names
                .watch(everything(), Some(from), 5_000)
                .await
                .unwrap()
                .unwrap();
            from = heard.revision;
            gone.extend(signs(&heard));
        }
    })
    .await;
    let took = began.elapsed().as_millis();
    assert!((1000..1800).contains(&took), "after {took} ms");
    gone.sort();
    assert_eq!(gone, ["-a", "-b"]);
    assert_eq!(soon(names.count()).await.unwrap(), 1);
    assert!(soon(names.keep_alive(lease.id)).await.unwrap().is_err());
    assert!(
        soon(names.register(leased("a", 1, lease.id)))
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(
        soon(names.revoke(lease.id)).await.unwrap(),
        Ok(()),
        "what is gone is gone"
    );
}
