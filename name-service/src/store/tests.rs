//! What a store keeps, and what it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use farcall_shared::names::{Entry, Epoch, Mode, Registration, Selector};
use tempfile::TempDir;

use super::file::FileStore;
use super::{Kind, OpenError, Place, Refusal, Store};
use crate::registry::{Limits, Registry};

pub(super) const NOW: Duration = Duration::from_secs(50);

pub(super) fn open(path: &Path) -> Result<(Store, Registry), OpenError> {
    Store::open(
        &Place::Redb(path.to_owned()),
        Limits::default(),
        fastrand::u64(..),
        NOW,
    )
}

pub(super) fn everything(registry: &Registry) -> Vec<Entry> {
    registry
        .list(&Selector::Prefix(String::new()), None, 10_000)
        .unwrap()
        .entries
}

pub(super) fn own(registry: &mut Registry, name: &str, lease: Option<u64>) -> Epoch {
    let metadata = BTreeSet::from([format!("tag={name}")]);
    let (name, uri) = (name.to_owned(), "far:object@localhost:9999".to_owned());
    let request = Registration {
        name,
        uri,
        metadata,
        mode: Mode::Exclusive,
        lease,
    };
    registry.register(NOW, request).unwrap()
}

pub(super) fn keep(store: &mut Store, registry: &mut Registry) {
    store.commit(&registry.take_log()).unwrap();
    registry.confirm();
}

fn refused(path: &Path) -> Refusal {
    let error = open(path).unwrap_err();
    let line = error.to_string();
    assert!(line.contains(&path.display().to_string()), "{line}");
    assert!(!line.contains('\n'), "{line}");
    error.refusal
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_place_is_memory_or_a_redb_path() {
    assert_eq!("memory".parse(), Ok(Place::Memory));
    assert_eq!("redb:a/b:c".parse(), Ok(Place::Redb("a/b:c".into())));
    for text in ["", "redb", "redb:", "Memory", "sqlite:x", "memory:"] {
        let error = text.parse::<Place>().unwrap_err().to_string();
        assert!(error.contains("'memory' or 'redb:PATH'"), "{error}");
    }
}

#[test]
fn what_was_kept_is_there_again_with_its_epochs_and_leases() {
    let directory = directory();
    let path = directory.path().join("names");
    let (mut store, mut registry) = open(&path).unwrap();
    let lease = registry.grant(NOW, 7_000).unwrap().id;
    own(&mut registry, "a", Some(lease));
    own(&mut registry, "b", None);
    for uri in ["far:1", "far:2"] {
        let (name, uri, metadata) = ("g".to_owned(), uri.to_owned(), BTreeSet::new());
        let request = Registration {
            name,
            uri,
            metadata,
            mode: Mode::Join,
            lease: Some(lease),
        };
        registry.register(NOW, request).unwrap();
    }
    keep(&mut store, &mut registry);
    own(&mut registry, "gone", None);
    keep(&mut store, &mut registry);
    registry.remove("gone");
    registry
        .set_metadata("b", &BTreeSet::from(["new".to_owned()]))
        .unwrap();
    let other = registry.grant(NOW, 7_000).unwrap().id;
    keep(&mut store, &mut registry);
    registry.revoke(NOW, other).unwrap();
    keep(&mut store, &mut registry);
    drop(store);

    let (_store, mut again) = open(&path).unwrap();
    assert_eq!(everything(&again), everything(&registry));
    assert_eq!(again.revision(), registry.revision());
    assert_eq!(again.next_expiry(), Some(NOW + Duration::from_secs(7)));
    assert!(again.keep_alive(NOW, lease).is_ok());
    assert!(again.keep_alive(NOW, other).is_err());
    assert_eq!(own(&mut again, "c", None), own(&mut registry, "c", None));
    again.confirm();
    let request = Registration {
        name: "g".to_owned(),
        uri: "far:3".to_owned(),
        metadata: BTreeSet::new(),
        mode: Mode::Join,
        lease: None,
    };
    again.register(NOW, request).unwrap();
    assert_eq!(again.lookup("g").unwrap().len(), 3);
}

#[test]
fn a_new_store_stands_alone_in_its_directory() {
    let directory = directory();
    let path = directory.path().join("names");
    let (store, registry) = open(&path).unwrap();
    assert_eq!(registry.count(), 0);
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(open(&path).is_ok());
}

#[test]
fn a_registry_in_memory_has_epochs_beyond_those_before() {
    let open = || Store::open(&Place::Memory, Limits::default(), 1, NOW).unwrap();
    let (mut store, mut registry) = open();
    assert!(own(&mut registry, "a", None) > 1 << 50);
    assert!(
        own(&mut registry, "b", None) < 1 << 53,
        "beyond what a double holds"
    );
    keep(&mut store, &mut registry);
    assert_eq!(open().1.count(), 0);
}

#[test]
fn a_store_in_use_is_refused() {
    let directory = directory();
    let path = directory.path().join("names");
    let (mut store, mut registry) = open(&path).unwrap();
    assert!(matches!(refused(&path), Refusal::InUse));
    own(&mut registry, "a", None);
    keep(&mut store, &mut registry);
    drop(store);
    assert_eq!(open(&path).unwrap().1.count(), 1);
}

#[test]
fn a_path_that_cannot_be_a_store_is_refused() {
    let directory = directory();
    assert!(matches!(refused(directory.path()), Refusal::Directory));
    assert!(matches!(
        refused(&directory.path().join("no/names")),
        Refusal::NoDirectory
    ));
    let file = directory.path().join("file");
    fs::write(&file, b"x").unwrap();
    assert!(matches!(refused(&file.join("names")), Refusal::NoDirectory));
    let denied: Refusal = std::io::Error::from(std::io::ErrorKind::PermissionDenied).into();
    assert!(matches!(denied, Refusal::Permission));
}

#[cfg(unix)]
#[test]
fn a_store_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let path = directory.path().join("names");
    drop(open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    if fs::File::open(&path).is_err() {
        assert!(matches!(refused(&path), Refusal::Permission));
    }
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let directory = directory();
    let path = directory.path().join("names");
    for bytes in [
        b"".to_vec(),
        b"x".to_vec(),
        b"redb".to_vec(),
        vec![7; 100_000],
    ] {
        fs::write(&path, &bytes).unwrap();
        let refusal = refused(&path);
        assert!(
            matches!(refusal, Refusal::Foreign | Refusal::Damaged(_)),
            "{refusal:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

fn with_table(path: &Path, name: &str, key: &str, value: u64) {
    let database = redb::Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, u64>::new(name);
    transaction
        .open_table(table)
        .unwrap()
        .insert(key, value)
        .unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_redb_file_of_something_else_is_refused_and_left_alone() {
    let directory = directory();
    for (table, key) in [("entries", "x"), ("meta", "x")] {
        let path = directory.path().join(table);
        with_table(&path, table, key, 1);
        let bytes = fs::read(&path).unwrap();
        assert!(matches!(refused(&path), Refusal::Foreign));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let directory = directory();
    let path = directory.path().join("names");
    drop(open(&path).unwrap());
    with_table(&path, "meta", "format", 2);
    let bytes = fs::read(&path).unwrap();
    let refusal = refused(&path);
    assert!(
        matches!(&refusal, Refusal::Format(format) if format == "format 2"),
        "{refusal:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn counters_that_run_backwards_are_damage() {
    let directory = directory();
    let path = directory.path().join("names");
    let (mut store, mut registry) = open(&path).unwrap();
    own(&mut registry, "a", None);
    keep(&mut store, &mut registry);
    drop(store);
    with_table(&path, "meta", "next_epoch", 1);
    assert!(matches!(refused(&path), Refusal::Damaged(_)));
}

fn file(store: &mut Store) -> &mut FileStore {
    match &mut store.0 {
        Kind::Redb(file) => file,
        Kind::Memory => panic!("not a file"),
    }
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room_again() {
    let directory = directory();
    let path = directory.path().join("names");
    let (mut store, mut registry) = open(&path).unwrap();
    own(&mut registry, "before", None);
    keep(&mut store, &mut registry);
    // The file is opened anew for the next batch, on a disk that has room.
    file(&mut store).backend.set_disk_full(true);
    own(&mut registry, "refused", None);
    let error = store.commit(&registry.take_log()).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    registry.undo();
    own(&mut registry, "after", None);
    keep(&mut store, &mut registry);
    drop(store);
    let again = open(&path).unwrap().1;
    assert_eq!(everything(&again), everything(&registry));
    assert!(again.lookup("before").is_ok() && again.lookup("refused").is_err());
}

#[test]
fn a_batch_that_was_refused_but_reached_the_disk_stops_the_store() {
    let directory = directory();
    let path = directory.path().join("names");
    let (mut store, mut registry) = open(&path).unwrap();
    file(&mut store).close();
    with_table(&path, "meta", "revision", 7);
    own(&mut registry, "a", None);
    let error = store.commit(&registry.take_log()).unwrap_err().to_string();
    assert!(error.contains("restart the name service"), "{error}");
}
