//! What the registry promises, one sentence at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use farcall_shared::names::{
    Change, Cursor, Epoch, LeaseId, MAX_NAME_BYTES, MAX_PAGE, MAX_TAG_BYTES, MAX_TAGS,
    MAX_URI_BYTES, Mode, NameError, Registration, Selector,
};

use super::{Inconsistent, Limits, Record, Registry};

const START: Duration = Duration::from_secs(100);

fn registry() -> Registry {
    Registry::new(Limits::default(), 7)
}

fn tags(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn registration(name: &str, uri: &str, mode: Mode, lease: Option<LeaseId>) -> Registration {
    let (name, uri) = (name.to_owned(), uri.to_owned());
    Registration {
        name,
        uri,
        metadata: BTreeSet::new(),
        mode,
        lease,
    }
}

fn own(registry: &mut Registry, name: &str, uri: &str) -> Result<Epoch, NameError> {
    registry.register(START, registration(name, uri, Mode::Exclusive, None))
}

fn join(registry: &mut Registry, name: &str, uri: &str) -> Result<Epoch, NameError> {
    registry.register(START, registration(name, uri, Mode::Join, None))
}

fn replace(
    registry: &mut Registry,
    uri: &str,
    expected: Option<Epoch>,
) -> Result<Epoch, NameError> {
    registry.register(
        START,
        registration("a", uri, Mode::Replace { expected }, None),
    )
}

fn uris(registry: &Registry, name: &str) -> Vec<String> {
    registry
        .lookup(name)
        .unwrap_or_default()
        .into_iter()
        .map(|entry| entry.uri)
        .collect()
}

fn every() -> Selector {
    Selector::Prefix(String::new())
}

#[test]
fn a_taken_name_is_refused_with_its_owner() {
    let mut registry = registry();
    let lease = registry.grant(START, 10_000).unwrap().id;
    let owner = registration("a", "far:1", Mode::Exclusive, Some(lease));
    let epoch = registry.register(START, owner).unwrap();
    let later = START + Duration::from_secs(4);
    let error = registry.register(later, registration("a", "far:2", Mode::Exclusive, None));
    assert_eq!(
        error.unwrap_err(),
        NameError::Taken {
            name: "a".into(),
            owner: "far:1".into(),
            epoch,
            lease_ms: Some(6_000)
        }
    );
}

#[test]
fn a_retry_gets_the_same_epoch_and_changes_only_metadata() {
    let mut registry = registry();
    for mode in [
        Mode::Exclusive,
        Mode::Join,
        Mode::Replace { expected: None },
    ] {
        let name = format!("{mode:?}");
        let mut request = registration(&name, "far:1", mode, None);
        let epoch = registry.register(START, request.clone()).unwrap();
        let revision = registry.revision();
        assert_eq!(registry.register(START, request.clone()), Ok(epoch));
        assert_eq!(registry.revision(), revision);
        request.metadata = tags(&["x"]);
        assert_eq!(registry.register(START, request.clone()), Ok(epoch));
        assert_eq!(registry.revision(), revision + 1);
        assert_eq!(registry.lookup(&name).unwrap()[0].metadata, tags(&["x"]));
    }
}

#[test]
fn a_replace_that_is_retried_after_it_succeeded_is_harmless() {
    let mut registry = registry();
    let first = own(&mut registry, "a", "far:1").unwrap();
    let second = replace(&mut registry, "far:2", Some(first)).unwrap();
    assert_eq!(replace(&mut registry, "far:2", Some(first)), Ok(second));
}

#[test]
fn replace_takes_over_only_from_the_expected_registration() {
    let mut registry = registry();
    let wrong = |expected, actual| NameError::Epoch {
        name: "a".into(),
        expected,
        actual,
    };
    assert_eq!(replace(&mut registry, "far:1", Some(9)), Err(wrong(9, 0)));
    let first = replace(&mut registry, "far:1", Some(0)).unwrap();
    assert_eq!(
        replace(&mut registry, "far:2", Some(first + 1)),
        Err(wrong(first + 1, first))
    );
    let second = replace(&mut registry, "far:2", Some(first)).unwrap();
    assert!(second > first);
    assert_eq!(uris(&registry, "a"), ["far:2"]);
}

#[test]
fn replace_takes_a_whole_group_unless_it_expects_one_registration() {
    let mut registry = registry();
    let first = join(&mut registry, "a", "far:1").unwrap();
    let second = join(&mut registry, "a", "far:2").unwrap();
    let wrong = NameError::Epoch {
        name: "a".into(),
        expected: first,
        actual: second,
    };
    assert_eq!(replace(&mut registry, "far:3", Some(first)), Err(wrong));
    replace(&mut registry, "far:3", None).unwrap();
    assert_eq!(uris(&registry, "a"), ["far:3"]);
    assert!(matches!(
        join(&mut registry, "a", "far:4"),
        Err(NameError::Taken { .. })
    ));
}

#[test]
fn a_name_is_either_owned_or_a_group() {
    let mut registry = registry();
    own(&mut registry, "owned", "far:1").unwrap();
    join(&mut registry, "group", "far:1").unwrap();
    for result in [
        join(&mut registry, "owned", "far:1"),
        own(&mut registry, "group", "far:1"),
    ] {
        assert!(matches!(result, Err(NameError::Taken { .. })), "{result:?}");
    }
}

#[test]
fn a_member_that_joins_again_on_another_lease_gets_a_new_epoch() {
    let mut registry = registry();
    let lease = registry.grant(START, 10_000).unwrap().id;
    let first = join(&mut registry, "g", "far:1").unwrap();
    join(&mut registry, "g", "far:2").unwrap();
    let again = registration("g", "far:1", Mode::Join, Some(lease));
    assert!(registry.register(START, again).unwrap() > first);
    assert_eq!(uris(&registry, "g"), ["far:2", "far:1"]);
}

#[test]
fn a_lease_takes_its_names_with_it_when_its_time_is_over() {
    let mut registry = registry();
    let lease = registry.grant(START, 5_000).unwrap().id;
    for name in ["b", "a"] {
        let request = registration(name, "far:1", Mode::Exclusive, Some(lease));
        registry.register(START, request).unwrap();
    }
    own(&mut registry, "c", "far:1").unwrap();
    assert_eq!(registry.next_expiry(), Some(START + Duration::from_secs(5)));
    let renewed = START + Duration::from_secs(4);
    registry.keep_alive(renewed, lease).unwrap();
    registry.expire(START + Duration::from_secs(8));
    assert_eq!(registry.count(), 3);
    registry.expire(renewed + Duration::from_secs(5));
    assert_eq!(registry.count(), 1);
    assert_eq!(registry.next_expiry(), None);
    let ended = NameError::Lease { lease };
    assert_eq!(registry.keep_alive(START, lease), Err(ended.clone()));
    let request = registration("d", "far:1", Mode::Exclusive, Some(lease));
    assert_eq!(registry.register(START, request), Err(ended));
}

#[test]
fn a_lease_whose_time_is_over_cannot_be_renewed_and_frees_its_names() {
    let mut registry = registry();
    let lease = registry.grant(START, 1_000).unwrap().id;
    let request = registration("a", "far:1", Mode::Exclusive, Some(lease));
    registry.register(START, request).unwrap();
    let over = START + Duration::from_secs(1);
    assert_eq!(
        registry.keep_alive(over, lease),
        Err(NameError::Lease { lease })
    );
    assert_eq!(
        registry.revoke(over, lease),
        Err(NameError::Lease { lease })
    );
    assert!(
        registry
            .register(over, registration("a", "far:2", Mode::Exclusive, None))
            .is_ok()
    );
}

#[test]
fn revoking_a_lease_removes_its_members_only() {
    let mut registry = registry();
    let lease = registry.grant(START, 5_000).unwrap().id;
    join(&mut registry, "g", "far:0").unwrap();
    for uri in ["far:1", "far:2"] {
        registry
            .register(START, registration("g", uri, Mode::Join, Some(lease)))
            .unwrap();
    }
    assert_eq!(registry.revoke(START, lease), Ok(2));
    assert_eq!(uris(&registry, "g"), ["far:0"]);
}

#[test]
fn a_time_to_live_is_clamped() {
    let mut registry = registry();
    assert_eq!(registry.grant(START, 0).unwrap().ttl_ms, 1_000);
    assert_eq!(registry.grant(START, u64::MAX).unwrap().ttl_ms, 3_600_000);
}

#[test]
fn lease_ids_do_not_repeat_and_do_not_run_in_order() {
    let mut registry = registry();
    let ids: Vec<_> = (0..1_000)
        .map(|_| registry.grant(START, 1_000).unwrap().id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert!(!ids.is_sorted());
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    let mut registry = registry();
    let long = |bytes: usize| "x".repeat(bytes + 1);
    for name in ["", " a", "a ", "a\nb", "a\0", &long(MAX_NAME_BYTES)] {
        let result = own(&mut registry, name, "far:1");
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{name}: {result:?}"
        );
    }
    for uri in ["", " far:1", "far:\n1", &long(MAX_URI_BYTES)] {
        let result = own(&mut registry, "a", uri);
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{uri}: {result:?}"
        );
    }
    let many = (0..=MAX_TAGS).map(|i| i.to_string()).collect();
    for metadata in [
        tags(&[""]),
        tags(&["a\nb"]),
        tags(&[&long(MAX_TAG_BYTES)]),
        many,
    ] {
        let mut request = registration("a", "far:1", Mode::Exclusive, None);
        request.metadata = metadata.clone();
        let result = registry.register(START, request);
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{result:?}"
        );
        let result = registry.set_metadata("a", &metadata);
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{result:?}"
        );
    }
    for selector in [
        Selector::Glob("[".into()),
        Selector::Prefix(long(MAX_NAME_BYTES)),
    ] {
        let result = registry.list(&selector, None, 1);
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{result:?}"
        );
        let result = registry.changes_since(&selector, None);
        assert!(
            matches!(result, Err(NameError::Invalid { .. })),
            "{result:?}"
        );
    }
    assert_eq!(registry.count(), 0);
    assert!(
        own(
            &mut registry,
            &long(MAX_NAME_BYTES - 1),
            &long(MAX_URI_BYTES - 1)
        )
        .is_ok()
    );
}

#[test]
fn a_full_registry_refuses_new_names_but_lets_old_ones_change_hands() {
    let limits = Limits {
        names: 2,
        leases: 1,
        ..Limits::default()
    };
    let mut registry = Registry::new(limits, 1);
    own(&mut registry, "a", "far:1").unwrap();
    join(&mut registry, "g", "far:1").unwrap();
    for result in [
        own(&mut registry, "b", "far:1"),
        join(&mut registry, "g", "far:2"),
    ] {
        assert!(matches!(result, Err(NameError::Full { .. })), "{result:?}");
    }
    replace(&mut registry, "far:2", None).unwrap();
    registry.grant(START, 1_000).unwrap();
    assert!(matches!(
        registry.grant(START, 1_000),
        Err(NameError::Full { .. })
    ));
}

#[test]
fn an_unknown_name_is_answered_with_names_that_look_like_it() {
    let mut registry = registry();
    for name in ["worker.1", "worker.2", "worker.33", "broker", "worker.22"] {
        own(&mut registry, name, "far:1").unwrap();
    }
    let similar = |registry: &Registry, name: &str| match registry.lookup(name) {
        Err(NameError::Unknown { similar, .. }) => similar,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        similar(&registry, "wroker.2"),
        ["worker.2", "worker.1", "worker.22"]
    );
    assert!(similar(&registry, "elephant").is_empty());
    for i in 0..5_000 {
        own(&mut registry, &format!("z.{i:05}"), "far:1").unwrap();
    }
    assert_eq!(similar(&registry, "z.0004x")[0], "z.00040");
}

#[test]
fn withdraw_removes_one_registration_and_remove_all() {
    let mut registry = registry();
    let first = join(&mut registry, "g", "far:1").unwrap();
    let second = join(&mut registry, "g", "far:2").unwrap();
    registry.withdraw("g", first).unwrap();
    let gone = NameError::Epoch {
        name: "g".into(),
        expected: first,
        actual: second,
    };
    assert_eq!(registry.withdraw("g", first), Err(gone));
    join(&mut registry, "g", "far:3").unwrap();
    assert_eq!(registry.remove("g"), 2);
    assert_eq!(registry.remove("g"), 0);
    let gone = NameError::Epoch {
        name: "g".into(),
        expected: second,
        actual: 0,
    };
    assert_eq!(registry.withdraw("g", second), Err(gone));
    assert!(own(&mut registry, "g", "far:4").is_ok());
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let mut registry = registry();
    for i in 0..25 {
        join(&mut registry, "group", &format!("far:{i}")).unwrap();
        own(&mut registry, &format!("n{i}"), "far:1").unwrap();
    }
    for limit in [1, 2, 7, 1_000] {
        let mut entries = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let page = registry.list(&every(), after.as_ref(), limit).unwrap();
            assert!(page.entries.len() <= limit);
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(entries.len(), 50);
        assert!(entries.is_sorted_by_key(|entry| (entry.name.clone(), entry.epoch)));
    }
}

#[test]
fn selectors_select_by_prefix_glob_and_tags() {
    let mut registry = registry();
    for (name, metadata) in [
        ("a.1", tags(&["x"])),
        ("a.2", tags(&["x", "y"])),
        ("b", tags(&["y"])),
    ] {
        own(&mut registry, name, "far:1").unwrap();
        registry.set_metadata(name, &metadata).unwrap();
    }
    for (selector, expected) in [
        (Selector::Prefix("a.".into()), "a.1 a.2"),
        (Selector::Glob("*[2b]".into()), "a.2 b"),
        (Selector::Glob("a.*".into()), "a.1 a.2"),
        (Selector::All(tags(&["x", "y"])), "a.2"),
        (Selector::All(tags(&[])), "a.1 a.2 b"),
        (Selector::Any(tags(&["x", "z"])), "a.1 a.2"),
        (Selector::Any(tags(&[])), ""),
    ] {
        let page = registry.list(&selector, None, 10).unwrap();
        let names: Vec<_> = page.entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(names.join(" "), expected, "{selector:?}");
    }
}

#[test]
fn a_watch_of_a_tag_sees_an_entry_go_that_loses_the_tag() {
    let mut registry = registry();
    let epoch = own(&mut registry, "a", "far:1").unwrap();
    registry.set_metadata("a", &tags(&["x"])).unwrap();
    registry.confirm();
    let before = registry.revision();
    registry.set_metadata("a", &tags(&["y"])).unwrap();
    registry.confirm();
    let changes = registry
        .changes_since(&Selector::Any(tags(&["x"])), Some(before))
        .unwrap();
    assert_eq!(
        changes.changes,
        [Change::Gone {
            name: "a".into(),
            epoch
        }]
    );
    let changes = registry
        .changes_since(&Selector::Any(tags(&["y"])), Some(before))
        .unwrap();
    assert!(matches!(&changes.changes[..], [Change::Put(entry)] if entry.epoch == epoch));
    let changes = registry
        .changes_since(&Selector::Any(tags(&["z"])), Some(before))
        .unwrap();
    assert_eq!((changes.changes.len(), changes.revision), (0, before + 1));
}

#[test]
fn a_watch_behind_history_is_reset_with_a_snapshot() {
    let mut registry = Registry::new(
        Limits {
            history: 3,
            ..Limits::default()
        },
        1,
    );
    for i in 0..5 {
        own(&mut registry, &format!("n{i}"), "far:1").unwrap();
    }
    registry.confirm();
    for (since, reset, changes) in [
        (None, true, 5),
        (Some(0), true, 5),
        (Some(1), true, 5),
        (Some(2), false, 3),
        (Some(5), false, 0),
        (Some(6), true, 5),
    ] {
        let answer = registry.changes_since(&every(), since).unwrap();
        assert_eq!(
            (answer.reset, answer.changes.len()),
            (reset, changes),
            "since {since:?}"
        );
        assert_eq!(answer.revision, 5);
    }
}

#[test]
fn a_watch_gets_a_long_history_in_parts() {
    let mut registry = registry();
    for i in 0..=MAX_PAGE {
        own(&mut registry, &format!("n{i}"), "far:1").unwrap();
    }
    registry.confirm();
    let first = registry.changes_since(&every(), Some(0)).unwrap();
    assert_eq!(
        (first.changes.len(), first.revision),
        (MAX_PAGE, MAX_PAGE as u64)
    );
    let second = registry
        .changes_since(&every(), Some(first.revision))
        .unwrap();
    assert_eq!(
        (second.changes.len(), second.revision),
        (1, MAX_PAGE as u64 + 1)
    );
}

#[test]
fn a_snapshot_beyond_its_bound_is_refused() {
    let mut registry = Registry::new(
        Limits {
            snapshot: 1,
            ..Limits::default()
        },
        1,
    );
    own(&mut registry, "a", "far:1").unwrap();
    own(&mut registry, "b", "far:1").unwrap();
    registry.confirm();
    assert!(matches!(
        registry.changes_since(&every(), None),
        Err(NameError::Full { .. })
    ));
    assert!(
        registry
            .changes_since(&Selector::Prefix("a".into()), None)
            .is_ok()
    );
}

#[test]
fn a_watch_does_not_see_what_is_pending() {
    let mut registry = registry();
    own(&mut registry, "a", "far:1").unwrap();
    let changes = registry.changes_since(&every(), Some(0)).unwrap();
    assert_eq!(
        (changes.reset, changes.changes.len(), changes.revision),
        (false, 0, 0)
    );
}

#[test]
fn a_log_that_does_not_continue_changes_nothing() {
    let mut registry = registry();
    own(&mut registry, "a", "far:1").unwrap();
    registry.confirm();
    let mut other = self::registry();
    own(&mut other, "b", "far:1").unwrap();
    own(&mut other, "c", "far:1").unwrap();
    own(&mut other, "a", "far:1").unwrap();
    let result: Result<(), Inconsistent> = registry.redo(START, &other.take_log());
    assert!(result.is_err());
    let gone = [Record::Gone {
        name: "x".into(),
        epoch: 1,
    }];
    assert!(registry.redo(START, &gone).is_err());
    assert_eq!((registry.count(), registry.revision()), (1, 1));
}

#[test]
fn undoing_after_a_restore_goes_back_to_what_was_restored() {
    let counters = Record::Counters {
        next_epoch: 9,
        revision: 20,
    };
    let records = [Ok::<_, Inconsistent>(counters)];
    let mut registry = Registry::restore(Limits::default(), 1, START, records).unwrap();
    assert_eq!(own(&mut registry, "a", "far:1"), Ok(9));
    registry.undo();
    assert_eq!((registry.count(), registry.revision()), (0, 20));
    assert_eq!(own(&mut registry, "b", "far:1"), Ok(9));
}

#[test]
fn records_survive_postcard() {
    let mut registry = registry();
    let lease = registry.grant(START, 5_000).unwrap().id;
    registry
        .register(START, registration("g", "far:1", Mode::Join, Some(lease)))
        .unwrap();
    registry.revoke(START, lease).unwrap();
    let log = registry.take_log();
    assert_eq!(log.len(), 5);
    let bytes = postcard::to_stdvec(&log).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<Record>>(&bytes).unwrap(), log);
}
