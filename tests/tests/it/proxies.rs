//! Proxies: one connection for all, made again when it breaks, and references that lead on when things move.

mod names;
mod nowhere;

use std::time::{Duration, Instant};

use farcall::{ConnectError, DynamicProxy, Proxy as _, Retries};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::harness::{Clerk, Desk as _, DeskProxy, House, Wire, assert_ends, begun, soon};

/// Far less than any deadline.
const QUICKLY: Duration = Duration::from_secs(2);

/// A desk behind a wire.
async fn wired() -> (House, Wire, DeskProxy) {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    (house, wire, desk)
}

/// A port that is taken and where nobody listens.
fn deaf(socket: &TcpSocket) -> String {
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn all_proxies_to_one_daemon_share_one_connection() {
    let house = House::new().await;
    house.host("other", Clerk::new().serve());
    let wire = Wire::to(house.daemon.address()).await;
    let mut tasks = JoinSet::new();
    for number in 0..20_i64 {
        let uri = wire.uri(if number % 2 == 0 { "desk" } else { "other" });
        tasks.spawn(async move {
            let desk = DeskProxy::connect(&uri).await.unwrap();
            assert_eq!(desk.clone().square(number).await, Ok(number * number));
            let dynamic = DynamicProxy::connect(&uri).await.unwrap();
            assert_eq!(dynamic.describe().await.unwrap().service, "Desk");
        });
    }
    soon(async {
        while let Some(end) = tasks.join_next().await {
            end.unwrap();
        }
    })
    .await;
    assert_eq!(wire.connections(), 1);
}

#[tokio::test]
async fn proxies_come_and_go_in_any_order_over_one_connection() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let uri = wire.uri("desk");
    let mut desks = vec![soon(DeskProxy::connect(&uri)).await.unwrap()];
    let bystander = begun(desks[0].wait(1)).await;
    house.gate().arrived(1).await;
    for number in 0..500 {
        if random.bool() {
            desks.push(soon(DeskProxy::connect(&uri)).await.unwrap());
        } else if desks.len() > 1 {
            desks.swap_remove(random.usize(1..desks.len()));
        }
        let desk = &desks[random.usize(..desks.len())];
        let text = number.to_string();
        assert_eq!(soon(desk.echo(text.clone())).await, Ok(text));
    }
    house.gate().open(1);
    assert_eq!(soon(bystander).await, Ok(1));
    assert_eq!(wire.connections(), 1);
}

#[tokio::test]
async fn an_idempotent_call_survives_the_restart_of_its_daemon_by_itself() {
    let (before, wire, desk) = wired().await;
    let call = begun(desk.wait_safely(7)).await;
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    after.gate().open(1);
    assert_eq!(soon(call).await, Ok(7));
    assert_eq!((before.clerk.runs(), after.clerk.runs()), (1, 1));
    // Whatever ran at the daemon that is gone was cancelled with the connection.
    before.gate().abandoned(1).await;
}

#[tokio::test]
async fn an_idempotent_call_keeps_trying_while_the_daemon_is_away() {
    let (before, wire, desk) = wired().await;
    wire.connected(1).await;
    let call = begun(desk.wait_safely(7)).await;
    before.gate().arrived(1).await;
    let socket = TcpSocket::new_v4().unwrap();
    let nobody = deaf(&socket);
    wire.point_at(&nobody.parse().unwrap());
    wire.cut().await;
    let back = async {
        wire.connected(2).await;
        let after = House::new().await;
        after.gate().open_for_good();
        wire.point_at(after.daemon.address());
        after
    };
    let (result, after) = tokio::join!(soon(call), back);
    assert_eq!(result, Ok(7));
    assert_eq!(after.clerk.runs(), 1);
}

#[tokio::test]
async fn a_call_that_may_have_run_is_not_repeated_and_the_next_one_finds_the_new_daemon() {
    let (before, wire, desk) = wired().await;
    let call = begun(desk.wait(7)).await;
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    assert_ends(
        soon(call).await,
        "Unknown(Disconnected)",
        &["wait of far:desk@", "may have run"],
    );
    assert_eq!((before.clerk.runs(), after.clerk.runs()), (1, 0));
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((before.clerk.runs(), after.clerk.runs()), (1, 1));
    assert_eq!(wire.connections(), 2);
}

#[tokio::test]
async fn a_proxy_that_shall_not_retry_tells_what_happened_at_once() {
    let (before, wire, desk) = wired().await;
    let strict = desk.with_retries(Retries::Never);
    let call = begun(strict.wait_safely(7)).await;
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    // A connection that is known to be over is no attempt: the next call makes another.
    assert_eq!(soon(strict.count()).await, Ok(1));
    assert_eq!(soon(desk.count()).await, Ok(2));
}

#[tokio::test]
async fn one_way_calls_find_the_new_daemon_too() {
    let (before, wire, desk) = wired().await;
    let call = begun(desk.wait(7)).await;
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    assert_eq!(soon(desk.note("hello".into())).await, Ok(()));
    assert_eq!(after.clerk.noted(1).await, ["hello"]);
}

#[tokio::test]
async fn a_daemon_that_went_away_for_good_is_an_error_that_names_it() {
    let house = House::new().await;
    soon(house.daemon.shutdown()).await;
    let begin = Instant::now();
    let address = house.daemon.address().to_string();
    assert_ends(
        soon(house.desk.count()).await,
        "NotSent(Unreachable)",
        &["count of far:desk@", &address],
    );
    assert!(begin.elapsed() < QUICKLY, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_stale_reference_is_refused_and_a_name_gives_the_new_one() {
    let (before, wire, _) = wired().await;
    let exact = format!(
        "{}?incarnation={:x}",
        wire.uri("desk"),
        before.daemon.incarnation()
    );
    let desk = soon(DeskProxy::connect(&exact)).await.unwrap();
    let call = begun(desk.wait(1)).await;
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    assert_ends(
        soon(desk.count()).await,
        "Rejected(Stale)",
        &["'desk'", "earlier run"],
    );
    assert_eq!(after.clerk.runs(), 0);
    let refused = soon(DeskProxy::connect(&exact)).await;
    assert!(
        matches!(refused, Err(ConnectError::Refused(_))),
        "{refused:?}"
    );
}
