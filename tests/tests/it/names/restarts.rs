//! A name service that keeps its names in a file, ended and started again.

use farcall::names::{NameError, Selector};

use super::{leased, registration};
use crate::harness::{Clerk, Desk, DeskProxy, LOOPBACK, NameService, soon};

fn file(place: &tempfile::TempDir) -> String {
    format!("redb:{}", place.path().join("names").display())
}

#[tokio::test]
async fn names_leases_and_epochs_go_on_and_older_watches_begin_anew() {
    let place = tempfile::tempdir().unwrap();
    let service = NameService::at(LOOPBACK, &file(&place)).await;
    let names = service.proxy().await;
    let all = Selector::Prefix(String::new());
    let oldest = soon(names.watch(all.clone(), None, 0))
        .await
        .unwrap()
        .unwrap();
    let long = soon(names.grant(60_000)).await.unwrap().unwrap();
    let short = soon(names.grant(1_000)).await.unwrap().unwrap();
    let plain = soon(names.register(registration("plain", 1)))
        .await
        .unwrap()
        .unwrap();
    soon(names.register(leased("long", 2, long.id)))
        .await
        .unwrap()
        .unwrap();
    soon(names.register(leased("short", 3, short.id)))
        .await
        .unwrap()
        .unwrap();
    let last = soon(names.register(registration("gone", 4)))
        .await
        .unwrap()
        .unwrap();
    soon(names.remove("gone".into())).await.unwrap().unwrap();
    let before = soon(names.watch(all.clone(), None, 0))
        .await
        .unwrap()
        .unwrap();

    let service = service.restart(&file(&place)).await;
    let names = service.proxy().await;
    assert_eq!(
        soon(names.lookup("plain".into())).await.unwrap().unwrap()[0].epoch,
        plain
    );
    assert_eq!(soon(names.keep_alive(long.id)).await.unwrap(), Ok(long));
    let taken = soon(names.register(registration("long", 9))).await.unwrap();
    assert!(
        matches!(
            taken,
            Err(NameError::Taken {
                lease_ms: Some(_),
                ..
            })
        ),
        "{taken:?}"
    );
    let next = soon(names.register(registration("next", 5)))
        .await
        .unwrap()
        .unwrap();
    assert!(next > last, "{next} follows {last}");
    let news = soon(names.watch(all.clone(), Some(before.revision), 0))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !news.reset && news.changes.len() == 1,
        "who saw all before the end misses nothing: {news:?}"
    );
    let news = soon(names.watch(all.clone(), Some(oldest.revision), 0))
        .await
        .unwrap()
        .unwrap();
    assert!(
        news.reset && news.changes.len() == 4,
        "history does not reach back over a restart: {news:?}"
    );
    // The lease that nobody renews ends here too.
    soon(async {
        let mut from = news.revision;
        while names.lookup("short".into()).await.unwrap().is_ok() {
            from = names
                .watch(all.clone(), Some(from), 5_000)
                .await
                .unwrap()
                .unwrap()
                .revision;
        }
    })
    .await;
    assert_eq!(soon(names.count()).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_keeps_its_registration_over_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let service = NameService::at(LOOPBACK, &file(&place)).await;
    let daemon = service.daemon().await;
    daemon.publish("desk", Clerk::new().serve()).await.unwrap();
    let before = soon(service.proxy().await.lookup("desk".into()))
        .await
        .unwrap()
        .unwrap();
    let service = service.restart(&file(&place)).await;
    let names = service.proxy().await;
    // One more name shows that the daemon found the service again.
    daemon.publish("more", Clerk::new().serve()).await.unwrap();
    assert_eq!(
        soon(names.lookup("desk".into())).await.unwrap().unwrap(),
        before
    );
    assert_eq!(
        soon(names.lookup("more".into())).await.unwrap().unwrap()[0].lease,
        before[0].lease
    );
    let desk = soon(DeskProxy::connect(&service.uri("desk")))
        .await
        .unwrap();
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    soon(daemon.shutdown()).await;
    assert_eq!(soon(names.count()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_many_registrations_at_once_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let service = NameService::at(LOOPBACK, &file(&place)).await;
    let mut registrations = tokio::task::JoinSet::new();
    for i in 0..64 {
        let names = service.proxy().await;
        registrations
            .spawn(async move { soon(names.register(registration(&format!("n{i:02}"), i))).await });
    }
    let mut epochs: Vec<_> = soon(registrations.join_all())
        .await
        .into_iter()
        .map(|ended| ended.unwrap().unwrap())
        .collect();
    epochs.sort_unstable();
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "no epoch twice"
    );
    let service = service.restart(&file(&place)).await;
    let page = soon(
        service
            .proxy()
            .await
            .list(Selector::Prefix("n".into()), None, 1000),
    )
    .await
    .unwrap()
    .unwrap();
    let mut found: Vec<_> = page.entries.iter().map(|e| e.epoch).collect();
    found.sort_unstable();
    assert_eq!(found, epochs);
}
