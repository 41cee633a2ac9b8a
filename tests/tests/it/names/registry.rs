//! What one name service does with names, over both stores.

use std::collections::BTreeSet;

use farcall::names::{Cursor, Mode, NameError, Registration, Selector};

use super::{Names, in_mode, is_unknown, leased, registration, tags};
use crate::harness::{LOOPBACK, NameService, soon};

/// Runs a test over both stores.
async fn over_both(test: impl AsyncFn(Names)) {
    let place = tempfile::tempdir().unwrap();
    let file = format!("redb:{}", place.path().join("names").display());
    for store in ["memory", &file] {
        println!("over {store}");
        let service = NameService::at(LOOPBACK, store).await;
        test(service.proxy().await).await;
        service.stop().await;
    }
}

async fn names_of(names: &Names, selector: Selector) -> Vec<String> {
    let page = soon(names.list(selector, None, 1000))
        .await
        .unwrap()
        .unwrap();
    page.entries.into_iter().map(|e| e.name).collect()
}

#[tokio::test]
async fn a_name_is_found_until_it_is_removed() {
    over_both(async |names| {
        soon(names.ping()).await.unwrap();
        let asked = Registration {
            metadata: tags(["fast", "zone=eu"]),
            ..registration("worker.1", 1)
        };
        let epoch = soon(names.register(asked.clone())).await.unwrap().unwrap();
        let found = soon(names.lookup("worker.1".into()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].name, &found[0].uri), (&asked.name, &asked.uri));
        assert_eq!(
            (&found[0].metadata, found[0].epoch, found[0].lease),
            (&asked.metadata, epoch, None)
        );
        assert_eq!(soon(names.count()).await.unwrap(), 1);
        assert_eq!(
            soon(names.register(asked)).await.unwrap(),
            Ok(epoch),
            "to repeat it does no harm"
        );
        assert_eq!(soon(names.remove("worker.1".into())).await.unwrap(), Ok(1));
        assert_eq!(soon(names.count()).await.unwrap(), 0);
        assert!(is_unknown(
            &soon(names.lookup("worker.1".into())).await.unwrap()
        ));
        assert!(matches!(
            soon(names.remove("worker.1".into())).await.unwrap(),
            Err(NameError::Unknown { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_name_is_told_with_names_that_look_like_it() {
    over_both(async |names| {
        soon(names.register(registration("worker.1", 1)))
            .await
            .unwrap()
            .unwrap();
        let error = soon(names.lookup("wroker.1".into()))
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown name 'wroker.1'; did you mean worker.1?"
        );
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_says_by_whom_and_may_be_replaced_when_asked_for() {
    over_both(async |names| {
        let first = soon(names.register(registration("a", 1)))
            .await
            .unwrap()
            .unwrap();
        let error = soon(names.register(registration("a", 2)))
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(
            error,
            NameError::Taken {
                name: "a".into(),
                owner: "far:o@h:1".into(),
                epoch: first,
                lease_ms: None
            }
        );
        let error = soon(names.register(in_mode("a", 2, Mode::Join)))
            .await
            .unwrap()
            .unwrap_err();
        assert!(matches!(error, NameError::Taken { .. }), "{error}");
        let replace =
            |port, expected| names.register(in_mode("a", port, Mode::Replace { expected }));
        let second = soon(replace(2, Some(first))).await.unwrap().unwrap();
        assert!(second > first);
        let error = soon(replace(3, Some(first))).await.unwrap().unwrap_err();
        assert_eq!(
            error,
            NameError::Epoch {
                name: "a".into(),
                expected: first,
                actual: second
            }
        );
        let third = soon(replace(3, None)).await.unwrap().unwrap();
        assert!(third > second);
        let found = soon(names.lookup("a".into())).await.unwrap().unwrap();
        assert_eq!(
            (found.len(), found[0].uri.as_str(), found[0].epoch),
            (1, "far:o@h:3", third)
        );
        let lease = soon(names.grant(60_000)).await.unwrap().unwrap();
        soon(names.register(leased("b", 1, lease.id)))
            .await
            .unwrap()
            .unwrap();
        let text = soon(names.register(registration("b", 2)))
            .await
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("far:o@h:1")
                && (text.contains("ends in 59.") || text.contains("ends in 60.0 s")),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn members_join_a_group_and_leave_it_one_by_one() {
    over_both(async |names| {
        let mut epochs = Vec::new();
        for port in 1..=3 {
            epochs.push(
                soon(names.register(in_mode("g", port, Mode::Join)))
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
        assert!(epochs.is_sorted_by(|a, b| a < b));
        let found = soon(names.lookup("g".into())).await.unwrap().unwrap();
        assert_eq!(found.iter().map(|e| e.epoch).collect::<Vec<_>>(), epochs);
        assert!(
            soon(names.register(registration("g", 9)))
                .await
                .unwrap()
                .is_err()
        );
        soon(names.set_metadata("g".into(), tags(["all"])))
            .await
            .unwrap()
            .unwrap();
        soon(names.withdraw("g".into(), epochs[1]))
            .await
            .unwrap()
            .unwrap();
        soon(names.withdraw("g".into(), epochs[1]))
            .await
            .unwrap()
            .unwrap();
        let found = soon(names.lookup("g".into())).await.unwrap().unwrap();
        assert_eq!(
            found.iter().map(|e| e.epoch).collect::<Vec<_>>(),
            [epochs[0], epochs[2]]
        );
        assert!(found.iter().all(|e| e.metadata == tags(["all"])));
        assert_eq!(soon(names.remove("g".into())).await.unwrap(), Ok(2));
    })
    .await;
}

#[tokio::test]
async fn lists_select_by_prefix_glob_and_tags_and_come_in_pages() {
    over_both(async |names| {
        for (i, (name, marks)) in [
            ("a.1", vec!["x", "y"]),
            ("a.2", vec!["x"]),
            ("b.1", vec!["y"]),
            ("b*", vec![]),
        ]
        .into_iter()
        .enumerate()
        {
            let asked = Registration {
                metadata: tags(marks),
                ..registration(name, i as u16)
            };
            soon(names.register(asked)).await.unwrap().unwrap();
        }
        assert_eq!(
            names_of(&names, Selector::Prefix(String::new())).await,
            ["a.1", "a.2", "b*", "b.1"]
        );
        assert_eq!(
            names_of(&names, Selector::Prefix("a.".into())).await,
            ["a.1", "a.2"]
        );
        assert_eq!(
            names_of(&names, Selector::Glob("?.[1-1]".into())).await,
            ["a.1", "b.1"]
        );
        assert_eq!(
            names_of(&names, Selector::Glob("b*".into())).await,
            ["b*", "b.1"]
        );
        assert_eq!(
            names_of(&names, Selector::All(tags(["x", "y"]))).await,
            ["a.1"]
        );
        assert_eq!(
            names_of(&names, Selector::Any(tags(["x", "y"]))).await,
            ["a.1", "a.2", "b.1"]
        );
        let refused = soon(names.list(Selector::Glob("[".into()), None, 9))
            .await
            .unwrap();
        assert!(
            matches!(refused, Err(NameError::Invalid { .. })),
            "{refused:?}"
        );

        soon(names.set_metadata("b*".into(), tags(["x"])))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            names_of(&names, Selector::All(tags(["x"]))).await,
            ["a.1", "a.2", "b*"]
        );

        let (mut after, mut seen) = (None::<Cursor>, Vec::new());
        loop {
            let page = soon(names.list(Selector::Prefix(String::new()), after, 3))
                .await
                .unwrap()
                .unwrap();
            assert!(page.entries.len() <= 3);
            seen.extend(page.entries.into_iter().map(|e| e.name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a.1", "a.2", "b*", "b.1"]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_name_is_refused_by_name() {
    over_both(async |names| {
        for name in ["", " a", "a\nb", &"x".repeat(513)] {
            let refused = soon(names.register(registration(name, 1))).await.unwrap();
            assert!(
                matches!(refused, Err(NameError::Invalid { .. })),
                "{name:?}: {refused:?}"
            );
        }
        let tagged = |metadata: BTreeSet<String>| Registration {
            metadata,
            ..registration("a", 1)
        };
        for metadata in [
            tags([&*"x".repeat(257)]),
            (0..65).map(|i| format!("t{i}")).collect(),
        ] {
            let refused = soon(names.register(tagged(metadata))).await.unwrap();
            assert!(
                matches!(refused, Err(NameError::Invalid { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(soon(names.count()).await.unwrap(), 0);
    })
    .await;
}
