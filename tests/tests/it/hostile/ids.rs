//! Call ids that nobody would choose, and cancels of them.

use farcall_shared::wire::frame;
use farcall_shared::wire::status::Status;

use super::neighbour::Neighbour;
use super::wire::{ECHO, Raw, Said, WAIT, call, cancel};
use crate::harness::House;

#[tokio::test]
async fn a_call_under_an_id_that_runs_ends_its_own_connection_and_what_ran_there() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut other = Raw::bound(house.daemon.address()).await;
    other.send(&call(1, WAIT, &(8u64,))).await;
    house.gate().arrived(1).await;
    let mut raw = Raw::bound(house.daemon.address()).await;
    raw.send(&call(1, WAIT, &(5u64,))).await;
    house.gate().arrived(1).await;
    raw.send(&[call(1, ECHO, &("again",)), call(2, WAIT, &(6u64,))].concat())
        .await;
    assert_eq!(raw.fault().await, "call id 1 is in flight already");
    house.gate().abandoned(1).await;
    assert_eq!(house.clerk.runs(), 2, "what came behind it never ran");
    house.gate().open(1);
    assert_eq!(
        other.said().await,
        Said::Reply(1, 0, vec![8]),
        "ids are each connection's own"
    );
    neighbour.was_served(&house.desk).await;
}

#[tokio::test]
async fn ids_far_out_of_the_dense_range_are_answered_and_may_be_used_again() {
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    for id in [
        u32::MAX,
        u32::MAX - 1,
        1 << 31,
        i32::MAX as u32,
        1 << 20,
        65_536,
        0,
        u32::MAX,
    ] {
        raw.send(&call(id, ECHO, &("x",))).await;
        assert_eq!(raw.said().await, Said::Reply(id, 0, b"\x01x".to_vec()));
        raw.send(&[call(id, WAIT, &(5u64,)), cancel(id)].concat())
            .await;
        let cancelled = Said::Reply(id, Status::Cancelled as u16, b"cancelled".to_vec());
        assert_eq!(raw.said().await, cancelled);
    }
    neighbour.was_served(&house.desk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_million_cancels_of_ids_in_use_and_not_in_use_are_answered_once_for_each_call() {
    const FIRST: u32 = 1_000;
    const RUNNING: u32 = 100;
    const CANCELS: u32 = 1_000_000;
    let house = House::new().await;
    let neighbour = Neighbour::of(&house.desk);
    let mut raw = Raw::bound(house.daemon.address()).await;
    let calls: Vec<u8> = (0..RUNNING)
        .flat_map(|id| call(FIRST + id, WAIT, &(1u64,)))
        .collect();
    raw.send(&calls).await;
    house.gate().arrived(RUNNING).await;
    let mut cancels = Vec::new();
    (0..CANCELS).for_each(|n| frame::put_cancel(&mut cancels, u32::MAX - n));
    raw.send_all(&cancels).await;
    assert!(raw.echoes().await, "none of them is answered");
    cancels.clear();
    (0..CANCELS).for_each(|n| frame::put_cancel(&mut cancels, FIRST + n % RUNNING));
    raw.send_all(&cancels).await;
    let mut ended = vec![0; RUNNING as usize];
    for _ in 0..RUNNING {
        match raw.said().await {
            Said::Reply(id, status, _) if status == Status::Cancelled as u16 => {
                ended[(id - FIRST) as usize] += 1
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(ended.iter().all(|count| *count == 1), "{ended:?}");
    house.gate().abandoned(RUNNING).await;
    assert!(raw.echoes().await);
    neighbour.was_served(&house.desk).await;
}
