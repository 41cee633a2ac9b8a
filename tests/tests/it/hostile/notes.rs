//! Metadata and correlation ids by hand: too much of them, too often, and cut short.

use farcall_shared::wire::attached::{self, Entry};
use farcall_shared::wire::frame::{self, LENGTH_BYTES, flag};
use farcall_shared::wire::status::Status;

use super::wire::{ECHO, Raw, call_with};
use crate::harness::House;

/// A call of `echo` with what `put` writes for a list.
fn echo_with(id: u32, put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = b"\x02hi".to_vec();
    put(&mut body);
    let mut call = call_with(id, 0, ECHO, &body);
    frame::mark_attached(&mut call, 0);
    assert_eq!(call[LENGTH_BYTES + 1], flag::ATTACHED);
    call
}

/// A whole list of these entries.
fn list<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> impl FnOnce(&mut Vec<u8>) {
    move |out| {
        let start = out.len();
        for entry in entries {
            assert!(attached::put(out, &entry));
        }
        attached::end(out, start);
    }
}

#[tokio::test]
async fn more_metadata_than_a_call_may_have_refuses_it() {
    let house = House::new().await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    let large = vec![7; 9_000];
    let keys: Vec<String> = (0..60_000).map(|key| key.to_string()).collect();
    let calls = [
        echo_with(
            1,
            list([
                Entry::Metadata("one", &large),
                Entry::Metadata("two", &large),
            ]),
        ),
        echo_with(1, list([Entry::Metadata("", &[0; 60_000])])),
        echo_with(1, list(keys.iter().map(|key| Entry::Metadata(key, b"")))),
    ];
    for call in calls {
        raw.send(&call).await;
        let (status, text) = raw.reply_to(1).await;
        assert_eq!(status, Status::TooLarge as u16);
        assert!(String::from_utf8_lossy(&text).contains("metadata takes at most 16384 bytes"));
    }
    let mut many = Vec::new();
    for _ in 0..1_000 {
        many.push(Entry::Metadata("key", &large));
        many.push(Entry::Correlation([3; 16]));
    }
    raw.send(&echo_with(2, list(many))).await;
    assert_eq!(raw.reply_to(2).await, (0, b"\x02hi".to_vec()));
    house.works().await;
}

#[tokio::test]
async fn metadata_that_is_cut_short_is_a_fault() {
    let house = House::new().await;
    let lists: [&[u8]; 5] = [
        // A key longer than its entry, an id of 15 bytes, half an entry, a list longer than the call, no list at all.
        &[16, 3, 0, 9, 0, b'k', 6, 0, 0, 0],
        &[17, 2, 0, 1, 2, 5, 0, 0, 0],
        &[16, 3, 1, 0, 0, 0],
        &[200, 0, 0, 0],
        &[1],
    ];
    for bytes in lists {
        let mut raw = Raw::bound(house.daemon.address()).await;
        raw.send(&echo_with(1, |out| out.extend_from_slice(bytes)))
            .await;
        let fault = raw.fault().await;
        assert!(fault.contains("cut short"), "{bytes:?}: {fault}");
        house.works().await;
    }
}
