//! Servers that send their caller too much at once, or too little.

use farcall::Limits;
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame;

use crate::harness::{House, assert_ends, soon};
use crate::hostile::neighbour::Neighbour;
use crate::hostile::script::{Script, serve_soundly};
use crate::hostile::wire::{Said, any, bind_probe, reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_and_cancels_from_a_server_is_read_and_not_answered_one_by_one() {
    const EACH: usize = 1_000_000;
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let script = Script::start(|mut raw, _| async move {
        let id = raw.next_call().await;
        let mut flood = any(8, &[1; 8]).repeat(EACH);
        (0..EACH as u32).for_each(|id| frame::put_cancel(&mut flood, id));
        raw.send_all(&flood).await;
        raw.send(&any(8, &[2; 8])).await;
        let mut pongs = 0;
        loop {
            match raw.says().await {
                Said::Pong(0x0202_0202_0202_0202) => break,
                Said::Pong(_) => pongs += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(pongs < EACH / 100, "{pongs} pongs");
        raw.send(&reply(id, 0, b"\x04done")).await;
        serve_soundly(raw).await;
    })
    .await;
    let desk = script.desk().await;
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("done"));
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("sound"));
    neighbour.was_served(&house.desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_binds_from_a_server_is_refused_one_by_one_and_ends_at_the_limit() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let script = Script::start(|mut raw, before| async move {
        if before > 0 {
            return serve_soundly(raw).await;
        }
        raw.next_call().await;
        let mut refused = 0u32;
        let fault = 'binding: loop {
            let binds =
                (refused..refused + 1_000).flat_map(|handle| bind_probe(handle, Codec::Json));
            let _ = raw.try_send(&binds.collect::<Vec<_>>()).await;
            for _ in 0..1_000 {
                match raw.says().await {
                    Said::Bound(handle, 16, _) => assert_eq!(handle, refused),
                    Said::Fault(text) => break 'binding text,
                    other => panic!("{other:?}"),
                }
                refused += 1;
            }
        };
        let most = Limits::default().max_bindings;
        assert_eq!(refused, most);
        assert!(fault.contains("more than 65536 objects bound"), "{fault}");
    })
    .await;
    let desk = script.desk().await;
    let end = soon(desk.echo("x".into())).await;
    assert_ends(
        end,
        "Unknown(Disconnected)",
        &["more than 65536 objects bound"],
    );
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("sound"));
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn a_server_that_answers_a_byte_at_a_time_is_understood() {
    let script = Script::start(|mut raw, _| async move {
        for _ in 0..5 {
            let id = raw.next_call().await;
            raw.trickle(&reply(id, 0, b"\x09in crumbs")).await;
        }
        serve_soundly(raw).await;
    })
    .await;
    let desk = script.desk().await;
    for _ in 0..5 {
        assert_eq!(
            soon(desk.echo("x".into())).await.as_deref(),
            Ok("in crumbs")
        );
    }
    assert_eq!(soon(desk.echo("x".into())).await.as_deref(), Ok("sound"));
}
