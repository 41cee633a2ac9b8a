//! What no peer may say: it ends its connection, with a word that tells why.

use farcall_shared::wire::attached::Entry;
use farcall_shared::wire::frame::flow;

use super::speech::{
    FIRST_OBJECT, FIRST_STREAM, ask, ask_raw, ask_with, bound_to_hub, credit, end_of, first_entry,
    item, item_with, opens, packed, packed_raw, release, reply_with,
};
use crate::harness::House;
use crate::hostile::neighbour::Neighbour;
use crate::hostile::wire::{Raw, any};
use crate::two_way::Town;

const A_FEW: u32 = 1;

#[tokio::test]
async fn what_is_said_of_a_stream_that_is_not_open_ends_the_connection() {
    let (town, house) = (Town::new().await, House::new().await);
    let neighbour = Neighbour::of(&house.desk);
    let open = opens(1, 5);
    let guest = [Entry::Export(7), Entry::Stream(8)];
    for (bytes, words) in [
        (item(5, b"x"), "an item of stream 5, which is not open"),
        (
            item_with(5, b"x", &guest),
            "an item of stream 5, which is not open",
        ),
        (item(0, b"x"), "an item of stream 0, which is not open"),
        (end_of(5), "the end of stream 5, which is not open"),
        (
            [&open[..], &end_of(5), &end_of(5)].concat(),
            "the end of stream 5, which has ended",
        ),
        (
            [&open[..], &end_of(5), &item_with(5, b"x", &guest)].concat(),
            "an item of stream 5, which has ended",
        ),
        (
            [&open[..], &item(5, &[0; 300_000]), &item(5, b"")].concat(),
            "an item of stream 5, which has no credit left",
        ),
        (
            [
                &open[..],
                &item(5, &[0; 300_000]),
                &item_with(5, b"", &guest),
            ]
            .concat(),
            "an item of stream 5, which has no credit left",
        ),
        (
            [&open[..], &opens(2, 5)].concat(),
            "stream 5 is open already",
        ),
        (opens(1, 0), "stream 0 is open already"),
        (
            ask_with(
                1,
                "hold",
                FIRST_STREAM,
                &[Entry::Stream(5), Entry::Stream(5)],
            ),
            "stream 5 is open already",
        ),
        (
            [open.clone(), item_with(5, b"x", &[Entry::Stream(5)])].concat(),
            "stream 5 is open already",
        ),
    ] {
        let mut raw = bound_to_hub(town.daemon.address()).await;
        raw.send(&bytes).await;
        assert_eq!(raw.fault().await, words);
    }
    town.works().await;
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn items_that_come_together_are_taken_one_by_one_and_malformed_ones_end_the_connection() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    let sum = ask_with(1, "sum", FIRST_STREAM, &[Entry::Stream(5)]);
    let items = [
        packed(5, &[&[1], &[2]]),
        item(5, &[3]),
        packed(5, &[&[0xac, 2]]),
        packed(5, &[&[4], &[5], &[6]]),
        end_of(5),
    ];
    raw.send(&[sum, items.concat()].concat()).await;
    // An `Ok` of 321.
    assert_eq!(raw.reply_to(1).await, (0, vec![0, 0xc1, 2]));

    let open = opens(1, 5);
    let malformed = "items of stream 5 that are malformed";
    let mut with_list = item_with(5, &[1, 0, 7], &[Entry::Export(7)]);
    flow::mark_packed(&mut with_list, 0);
    for (bytes, words) in [
        (packed_raw(5, b""), malformed),
        (packed_raw(5, &[2, 0, 7]), malformed),
        (packed_raw(5, &[1, 0, 7, 1]), malformed),
        (with_list, malformed),
        (
            [packed(5, &[&[0; 60_000][..]; 5]), packed(5, &[&[]])].concat(),
            "an item of stream 5, which has no credit left",
        ),
    ] {
        let mut raw = bound_to_hub(town.daemon.address()).await;
        raw.send(&[&open[..], &bytes].concat()).await;
        assert_eq!(raw.fault().await, words);
    }
    town.works().await;
}

#[tokio::test]
async fn a_list_that_is_none_ends_the_connection() {
    let town = Town::new().await;
    let short = "the attachments are cut short or malformed";
    let half_an_entry = [&[0u8][..], &[1, 8, 0, 7], &4u32.to_le_bytes()].concat();
    let no_text = [&[0u8][..], &[3, 1, 0, 0xff], &4u32.to_le_bytes()].concat();
    for (bytes, words) in [
        (ask_raw(1, "join", b""), short),
        (ask_raw(1, "join", &[0, 9, 0, 0, 0]), short),
        (ask_raw(1, "join", &[0xff; 40]), short),
        (ask_raw(1, "join", &half_an_entry), short),
        (ask_raw(1, "join", &no_text), short),
        // A list behind nothing that was asked.
        (
            reply_with(3, b"x", &[Entry::Export(7)]),
            "the peer answered call 3, which was never made",
        ),
        (
            ask_with(1, "join", FIRST_OBJECT, &vec![Entry::Export(7); 65_536]),
            "65536 references and streams in one value, of which there are at most 65535",
        ),
        (
            ask_with(1, "join", FIRST_OBJECT, &vec![Entry::Uri(""); 65_536]),
            "65536 references and streams in one value, of which there are at most 65535",
        ),
    ] {
        let mut raw = bound_to_hub(town.daemon.address()).await;
        raw.send(&bytes).await;
        assert_eq!(raw.fault().await, words);
    }
    town.works().await;
}

#[tokio::test]
async fn giving_back_more_than_was_given_ends_the_connection() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&release(9, A_FEW)).await;
    let none = "the peer gave back 1 references to object 9, more than it holds";
    assert_eq!(raw.fault().await, none);
    let (mut raw, export) = with_counter(&town).await;
    raw.send(&release(export, 2)).await;
    assert!(raw.fault().await.contains("gave back 2 references"));
    town.centre.gone.arrived(1).await;
    let (mut raw, export) = with_counter(&town).await;
    raw.send(&[release(export, 1), release(export, 1)].concat())
        .await;
    assert!(raw.fault().await.contains("gave back 1 references"));
    town.centre.gone.arrived(1).await;
    assert_eq!(town.centre.alive(), 0);
    town.works().await;
}

/// A connection over which an object was handed out, and its number.
async fn with_counter(town: &Town) -> (Raw, u64) {
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask(1, "counter", &())).await;
    let (status, body) = raw.reply_to(1).await;
    assert_eq!(status, 0);
    let Entry::Export(number) = first_entry(&body) else {
        panic!("{body:?}");
    };
    (raw, number)
}

#[tokio::test]
async fn credit_that_overflows_ends_the_connection() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask(1, "guarded", &())).await;
    let (_, body) = raw.reply_to(1).await;
    let Entry::Stream(stream) = first_entry(&body) else {
        panic!("{body:?}");
    };
    raw.send(&credit(stream, u32::MAX).repeat(3)).await;
    assert_eq!(
        raw.fault().await,
        format!("the peer gives stream {stream} more credit than there is")
    );
    // Its producer is let go.
    town.centre.gone.arrived(1).await;
    town.works().await;
}

#[tokio::test]
async fn pieces_and_sequences_that_are_none_end_the_connection() {
    let town = Town::new().await;
    for kind in [21, 23] {
        let mut raw = bound_to_hub(town.daemon.address()).await;
        raw.send(&any(kind, &[0; 8])).await;
        raw.fault().await;
    }
    town.works().await;
}
