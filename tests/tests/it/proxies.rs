//! Proxies: one connection for all, made again when it breaks, and references that lead on when things move.

use std::time::{Duration, Instant};

use farcall::names::{Mode, Registration};
use farcall::{ConnectError, Daemon, DynamicProxy, Proxy as _, Publication, Retries};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::harness::{
    Clerk, Desk as _, DeskProxy, House, LOOPBACK, NameService, Wire, assert_ends,
    assert_unconnected, ending, soon,
};

/// Far less than any deadline.
const QUICKLY: Duration = Duration::from_secs(2);

/// A desk behind a wire.
async fn wired() -> (House, Wire, DeskProxy) {
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let desk = soon(DeskProxy::connect(&wire.uri("desk"))).await.unwrap();
    (house, wire, desk)
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
    let bystander = desks[0].wait(1);
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
    let call = desk.wait_safely(7);
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
    let call = desk.wait_safely(7);
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
    let call = desk.wait(7);
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
    let call = strict.wait_safely(7);
    before.gate().arrived(1).await;
    let after = House::new().await;
    wire.point_at(after.daemon.address());
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    let (outcome, text) = ending(soon(strict.count()).await);
    assert!(outcome.starts_with("NotSent"), "{outcome}: {text}");
    assert_eq!(soon(desk.count()).await, Ok(1));
}

#[tokio::test]
async fn one_way_calls_find_the_new_daemon_too() {
    let (before, wire, desk) = wired().await;
    let call = desk.wait(7);
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

/// A daemon that publishes in a name service.
async fn member(names: &NameService, how: Publication) -> (Daemon, Clerk) {
    let daemon = Daemon::builder()
        .names(names.address().to_string())
        .bind(LOOPBACK)
        .await
        .unwrap();
    let clerk = Clerk::new();
    soon(daemon.publish_as("desk", clerk.clone().serve(), how))
        .await
        .unwrap();
    (daemon, clerk)
}

#[tokio::test]
async fn a_name_leads_to_the_daemon_that_has_it_now() {
    let names = NameService::new().await;
    let (first, clerk) = member(&names, Publication::default()).await;
    let uri = format!("farname:desk@{}", names.address());
    let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
    assert_eq!(desk.uri().to_string(), uri);
    assert_eq!(soon(desk.count()).await, Ok(1));
    soon(first.shutdown()).await;
    let (_second, other) = member(&names, Publication::default()).await;
    // Not idempotent: nothing of it can have run at the daemon that said good-bye.
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((clerk.runs(), other.runs()), (1, 1));
}

#[tokio::test]
async fn a_name_that_was_taken_over_leads_on_once_the_old_daemon_is_gone() {
    let names = NameService::new().await;
    let (first, clerk) = member(&names, Publication::default()).await;
    let desk = soon(DeskProxy::connect(&format!(
        "farname:desk@{}",
        names.address()
    )))
    .await
    .unwrap();
    let (_second, other) = member(&names, Publication::replace()).await;
    drop(first);
    let call = soon(desk.with_deadline(Duration::from_secs(5)).wait_safely(3));
    other.gate.open(1);
    assert_eq!(call.await, Ok(3));
    assert_eq!((clerk.runs(), other.runs()), (0, 1));
}

#[tokio::test]
async fn parties_that_know_each_other_need_no_name_service() {
    let names = NameService::new().await;
    let house = House::new().await;
    let wire = Wire::to(house.daemon.address()).await;
    let service = soon(farcall::names::names_at(names.address()))
        .await
        .unwrap();
    let registration = Registration {
        name: "desk".into(),
        uri: wire.uri("desk"),
        metadata: Default::default(),
        mode: Mode::Exclusive,
        lease: None,
    };
    soon(service.register(registration)).await.unwrap().unwrap();
    let uri = format!("farname:desk@{}", names.address());
    let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
    names.stop().await;

    assert_eq!(soon(desk.count()).await, Ok(1));
    // Even a new connection goes where the old one went.
    let call = desk.wait(7);
    house.gate().arrived(1).await;
    wire.cut().await;
    assert_ends(soon(call).await, "Unknown(Disconnected)", &[]);
    assert_eq!(soon(desk.square(3)).await, Ok(9));
    assert_eq!(wire.connections(), 2);

    // A stranger cannot be helped, and learns why.
    let stranger = format!("farname:other@{}", service_address(&uri));
    let refused = soon(DeskProxy::connect(&stranger)).await;
    assert_unconnected(
        refused,
        &["name service", service_address(&uri), "FARCALL_NS"],
    );
}

fn service_address(uri: &str) -> &str {
    uri.split_once('@').map(|(_, address)| address).unwrap()
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
    let call = desk.wait(1);
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

#[tokio::test]
async fn tags_lead_to_an_object_that_carries_all_of_them() {
    let names = NameService::new().await;
    let daemon = Daemon::builder()
        .names(names.address().to_string())
        .bind(LOOPBACK)
        .await
        .unwrap();
    let (small, large) = (Clerk::new(), Clerk::new());
    let tagged = |tags: &[&str]| {
        tags.iter()
            .fold(Publication::default(), |p, tag| p.with_tag(*tag))
    };
    soon(daemon.publish_as("small", small.clone().serve(), tagged(&["gpu", "zone=a"])))
        .await
        .unwrap();
    soon(daemon.publish_as("large", large.clone().serve(), tagged(&["gpu", "zone=b"])))
        .await
        .unwrap();
    let desk = soon(DeskProxy::connect(&format!(
        "farmeta:gpu,zone=b@{}",
        names.address()
    )))
    .await
    .unwrap();
    assert_eq!(soon(desk.count()).await, Ok(1));
    assert_eq!((small.runs(), large.runs()), (0, 1));
    let nobody = soon(DeskProxy::connect(&format!(
        "farmeta:gpu,zone=c@{}",
        names.address()
    )))
    .await;
    assert_unconnected(nobody, &["gpu, zone=c", &names.address().to_string()]);
}

#[tokio::test]
async fn an_unknown_name_is_named_together_with_the_names_that_look_like_it() {
    let names = NameService::new().await;
    let _member = member(&names, Publication::default()).await;
    let refused = soon(DeskProxy::connect(&format!(
        "farname:dsek@{}",
        names.address()
    )))
    .await;
    assert_unconnected(refused, &["'dsek'", "desk", &names.address().to_string()]);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_usable_is_refused_with_what_it_leads_to() {
    let names = NameService::new().await;
    let service = soon(farcall::names::names_at(names.address()))
        .await
        .unwrap();
    let registration = Registration {
        name: "old".into(),
        uri: "PYRO:obj@localhost:1".into(),
        metadata: Default::default(),
        mode: Mode::Exclusive,
        lease: None,
    };
    soon(service.register(registration)).await.unwrap().unwrap();
    let refused = soon(DeskProxy::connect(&format!(
        "farname:old@{}",
        names.address()
    )))
    .await;
    assert_unconnected(refused, &["'old'", "PYRO:obj@localhost:1"]);
}

#[tokio::test]
async fn malformed_uris_are_refused_with_their_text_and_the_form_to_write() {
    for (uri, form) in [
        ("", "far:OBJECT@HOST:PORT"),
        ("desk", "far:OBJECT@HOST:PORT"),
        ("http://localhost:80", "far:OBJECT@HOST:PORT"),
        ("far:desk", "far:OBJECT@HOST:PORT"),
        ("far:@localhost:80", "far:OBJECT@HOST:PORT"),
        ("far:desk@localhost", "far:OBJECT@HOST:PORT"),
        ("far:desk@localhost:0", "far:OBJECT@HOST:PORT"),
        ("far:desk@localhost:99999", "far:OBJECT@HOST:PORT"),
        (
            "far:desk@localhost:80?incarnation=x",
            "far:OBJECT@HOST:PORT",
        ),
        ("far:my desk@localhost:80", "far:OBJECT@HOST:PORT"),
        ("farname:", "farname:NAME"),
        ("farmeta:a,,b", "farmeta:TAG,TAG"),
    ] {
        let typed = soon(DeskProxy::connect(uri)).await;
        assert!(
            matches!(typed, Err(ConnectError::Uri(_))),
            "{uri}: {typed:?}"
        );
        assert_unconnected(typed, &[&format!("'{uri}'"), form]);
        assert_unconnected(
            soon(DynamicProxy::connect(uri)).await,
            &[&format!("'{uri}'"), form],
        );
    }
}

/// A port that is taken and where nobody listens.
fn deaf(socket: &TcpSocket) -> String {
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn where_nothing_listens_the_error_says_so_at_once() {
    let socket = TcpSocket::new_v4().unwrap();
    let address = deaf(&socket);
    let begin = Instant::now();
    let refused = soon(DeskProxy::connect(&format!("far:desk@{address}"))).await;
    assert!(
        matches!(refused, Err(ConnectError::Unreachable { .. })),
        "{refused:?}"
    );
    assert_unconnected(
        refused,
        &[&format!("far:desk@{address}"), "nothing is listening"],
    );
    let by_name = soon(DeskProxy::connect(&format!("farname:desk@{address}"))).await;
    assert_unconnected(by_name, &["name service", "nothing is listening", &address]);
    assert!(begin.elapsed() < QUICKLY, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn whatever_else_listens_there_is_no_farcall_daemon() {
    let greetings: [&[u8]; 3] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"",
    ];
    for greeting in greetings {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.write_all(greeting).await;
            let _ = socket.shutdown().await;
            // Read until the caller goes, so that it is not the one who is reset.
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        });
        let begin = Instant::now();
        let refused = soon(DeskProxy::connect(&format!("far:desk@{address}"))).await;
        assert_unconnected(refused, &["is no farcall daemon", &address]);
        assert!(begin.elapsed() < QUICKLY, "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_named() {
    // A label of more than 63 bytes: nobody has to be asked.
    let host = format!("{}.invalid", "x".repeat(64));
    let refused = soon(DeskProxy::connect(&format!("far:desk@{host}:4242"))).await;
    assert_unconnected(refused, &[&host]);
}
