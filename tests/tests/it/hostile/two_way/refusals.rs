//! What is refused or means nothing: the connection goes on, and all that was handed out is given back.

use farcall::Limits;
use farcall_shared::wire::attached::Entry;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::{self, Bind};
use farcall_shared::wire::status::Status;

use super::speech::{
    FIRST_OBJECT, FIRST_STREAM, ask, ask_raw, ask_with, bound_to_hub, credit, end_of, first_entry,
    item, item_with, opens, release, stop,
};
use crate::hostile::wire::{Raw, Said};
use crate::two_way::Town;

/// True when the hub still answers over this connection.
async fn answers(raw: &mut Raw) -> bool {
    raw.send(&ask(99, "echo", &("x",))).await;
    raw.reply_to(99).await == (0, b"\x01x".to_vec())
}

#[tokio::test]
async fn stops_and_credit_of_no_stream_mean_nothing() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    for stream in [1, 7, u32::MAX] {
        raw.send(&[stop(stream), credit(stream, u32::MAX)].concat())
            .await;
    }
    assert!(answers(&mut raw).await);
}

#[tokio::test]
async fn places_where_nothing_is_and_entries_that_nobody_knows_refuse_the_call() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    let guest = [Entry::Export(7)];
    let mut unknown = vec![0];
    // A kind of later, before one that is known.
    unknown.extend_from_slice(&[15, 2, 0, 1, 1, 1, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    unknown.extend_from_slice(&16u32.to_le_bytes());
    let stream_first = [Entry::Stream(3), Entry::Export(7)];
    // One place used for two, in what is read as a list of counters.
    let twice = [0, 2, 1, 0, 1, 0];
    for (bytes, status) in [
        (ask_with(1, "join", &[1], &guest), Status::BadArguments),
        (
            ask_with(1, "join", &[0xff, 0xff, 3], &guest),
            Status::BadArguments,
        ),
        (ask_with(1, "unpack", &twice, &guest), Status::BadArguments),
        (
            ask_with(1, "join", FIRST_OBJECT, &stream_first),
            Status::BadArguments,
        ),
        (
            ask_with(1, "sum", FIRST_STREAM, &guest),
            Status::BadArguments,
        ),
        (ask_raw(1, "join", &unknown), Status::BadArguments),
        (
            ask_with(1, "join", FIRST_OBJECT, &[Entry::Returned(4), guest[0]]),
            Status::UnknownObject,
        ),
        (ask_with(1, "echo", b"\x01", &guest), Status::BadArguments),
    ] {
        raw.send(&bytes).await;
        let (mut refused, mut given_back) = (None, false);
        while refused.is_none() || !given_back {
            match raw.said().await {
                Said::Reply(1, status, _) => refused = Some(status),
                Said::Release(7, 1) => given_back = true,
                Said::Stop(3) => raw.send(&end_of(3)).await,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, Some(status as u16));
    }
    let lone = ask(1, "join", &(0u16,));
    raw.send(&lone).await;
    assert_eq!(raw.reply_to(1).await.0, Status::BadArguments as u16);
    assert!(answers(&mut raw).await);
}

#[tokio::test]
async fn an_object_that_was_given_back_is_gone() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask(1, "counter", &())).await;
    let (_, body) = raw.reply_to(1).await;
    let Entry::Export(number) = first_entry(&body) else {
        panic!("{body:?}");
    };
    raw.send(&release(number, 0)).await;
    raw.send(&release(number, 1)).await;
    town.centre.gone.arrived(1).await;
    for (handle, object) in (1..).zip([
        format!("?{number}"),
        "?".into(),
        "?18446744073709551616".into(),
        "?-1".into(),
    ]) {
        let mut bind = Vec::new();
        frame::put_bind(
            &mut bind,
            &Bind {
                handle,
                codec: Codec::Postcard as u8,
                incarnation: 0,
                object: &object,
                methods: Vec::new(),
            },
        );
        raw.send(&bind).await;
        match raw.said().await {
            Said::Bound(of, 16, text) if of == handle => {
                assert!(text.contains("is gone"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    raw.send(&ask_with(
        2,
        "join",
        FIRST_OBJECT,
        &[Entry::Returned(number)],
    ))
    .await;
    assert_eq!(raw.reply_to(2).await.0, Status::UnknownObject as u16);
    assert!(answers(&mut raw).await);
}

#[tokio::test]
async fn more_references_than_may_be_held_are_refused_and_given_back() {
    const MOST: u64 = 50;
    let limits = Limits {
        max_held: MOST as u32,
        ..Limits::default()
    };
    let town = Town::with(limits).await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    // In one call.
    let many: Vec<_> = (1..=MOST + 1).map(Entry::Export).collect();
    raw.send(&ask_with(1, "join", FIRST_OBJECT, &many)).await;
    let (mut given_back, mut refused) = (0, false);
    while given_back < MOST + 1 || !refused {
        match raw.said().await {
            Said::Release(_, 1) => given_back += 1,
            Said::Reply(1, status, _) => refused = status == Status::Overloaded as u16,
            other => panic!("{other:?}"),
        }
    }
    // Over many.
    for number in 1..=MOST {
        raw.send(&ask_with(1, "join", FIRST_OBJECT, &[Entry::Export(number)]))
            .await;
        assert_eq!(raw.said().await, Said::Reply(1, 0, Vec::new()));
    }
    for number in MOST + 1..=MOST + 3 {
        raw.send(&ask_with(1, "join", FIRST_OBJECT, &[Entry::Export(number)]))
            .await;
        let mut said = [raw.said().await, raw.said().await];
        said.sort_by_key(|said| matches!(said, Said::Release(..)));
        let [Said::Reply(1, status, text), Said::Release(of, 1)] = &said else {
            panic!("{said:?}");
        };
        assert_eq!((*status, *of), (Status::Overloaded as u16, number));
        let text = String::from_utf8_lossy(text);
        assert!(text.contains("50 references of this connection"), "{text}");
    }
    assert!(answers(&mut raw).await);
}

#[tokio::test]
async fn more_streams_than_may_be_open_are_refused_and_then_a_fault() {
    const MOST: u32 = 8;
    let limits = Limits {
        max_streams: MOST,
        ..Limits::default()
    };
    let town = Town::with(limits).await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    for stream in 1..=MOST {
        raw.send(&opens(stream, stream)).await;
    }
    for stream in MOST + 1..=2 * MOST {
        raw.send(&opens(stream, stream)).await;
        // Items that were under way are taken.
        raw.send(&[item(stream, b"x"), item_with(stream, b"x", &[])].concat())
            .await;
        let said = [raw.said().await, raw.said().await];
        assert!(said.contains(&Said::Stop(stream)), "{said:?}");
        assert!(
            said.iter()
                .any(|said| matches!(said, Said::Reply(id, status, _)
                if *id == stream && *status == Status::Overloaded as u16)),
            "{said:?}"
        );
    }
    // Those that end make room.
    raw.send(&end_of(MOST + 1)).await;
    assert!(answers(&mut raw).await);
    raw.send(&opens(90, 90)).await;
    raw.until(&Said::Stop(90)).await;
    raw.send(&opens(91, 91)).await;
    let told = raw.fault().await;
    assert!(told.contains("ever more streams"), "{told}");
    town.works().await;
}

#[tokio::test]
async fn a_stream_of_a_call_that_is_refused_is_stopped() {
    let town = Town::new().await;
    let mut raw = bound_to_hub(town.daemon.address()).await;
    raw.send(&ask_with(1, "sum", &[0], &[Entry::Stream(1)]))
        .await;
    raw.until(&Said::Stop(1)).await;
    assert_eq!(raw.reply_to(1).await.0, Status::BadArguments as u16);
    raw.send(&item_with(1, b"x", &[Entry::Export(7), Entry::Stream(2)]))
        .await;
    let mut said = [raw.said().await, raw.said().await];
    said.sort_by_key(|said| matches!(said, Said::Stop(_)));
    assert_eq!(said, [Said::Release(7, 1), Said::Stop(2)]);
    raw.send(&[end_of(1), end_of(2)].concat()).await;
    assert!(answers(&mut raw).await);
}
