//! Clients that break the protocol, or only use it badly: each costs itself something and nobody else.

use std::time::{Duration, Instant};

use farcall::parts::pyro::message::{Kind, Outgoing, flag};
use farcall::parts::pyro::payload::PutError;
use farcall::parts::pyro::{MessageError, Serializer};
use farcall::{Limits, python::Exception};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write as _;

use super::*;
use crate::harness::{StepsHouse, begun};

/// A head with these fields.
fn head(kind: u8, serializer: u8, flags: u16, payload: u32, annotations: u32) -> Vec<u8> {
    let mut head = b"PYRO\x01\xf6".to_vec();
    head.extend([kind, serializer]);
    head.extend(flags.to_be_bytes());
    head.extend(1u16.to_be_bytes());
    head.extend(payload.to_be_bytes());
    head.extend(annotations.to_be_bytes());
    head.extend([0; 18]);
    head.extend(*b"\x4d\xc5");
    head
}

/// Makes a one-way call.
async fn tell(client: &mut Client, method: &str, arguments: &[PyValue]) {
    let invoke = client.invoke(method, arguments);
    client.ask(flag::ONEWAY, &[], invoke).await;
}

async fn refusal(first: &[u8]) -> String {
    let (house, mut fine) = museum().await;
    let mut client = Client::dial(house.daemon.address()).await;
    client.send_bytes(first).await;
    let came = client.read().await.unwrap();
    assert_eq!(came.head.kind, Kind::ConnectFail.number());
    let serializer = Serializer::from_number(came.head.serializer).unwrap();
    let text = serializer.decode(&came.payload).unwrap();
    assert!(client.read().await.is_none(), "it is closed");
    assert_eq!(fine.call("square", &[3.into()]).await, Ok(9.into()));
    text.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bad_first_message_is_refused_in_words() {
    let other_version = [b"PYRO\x01\xf5".to_vec(), vec![0; 40]].concat();
    for (first, words) in [
        (other_version, "invalid protocol version: 501"),
        (vec![0; 50], "invalid data"),
        (
            [head(4, 1, 0, 2, 0), b"()".to_vec()].concat(),
            "invalid msg type 4 received (expected: 1)",
        ),
        (
            [head(1, 99, 0, 2, 0), b"()".to_vec()].concat(),
            "unknown serializer 99",
        ),
        ([head(1, 1, 0, 2, 0), b"()".to_vec()].concat(), "greeting"),
        ([head(1, 1, 0, 3, 0), b"(((".to_vec()].concat(), "malformed"),
        (head(1, 1, 0, u32::MAX, 0), "message too large"),
        (head(1, 1, 0, 0, 100 << 20), "annotations too large"),
        (
            [head(1, 1, 0, 0, 10), b"ABCD\xff\xff\xff\xffxx".to_vec()].concat(),
            "annotation chunk",
        ),
    ] {
        let text = refusal(&first).await;
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn an_object_that_is_not_there_is_refused_in_the_clients_own_serializer() {
    let (house, _) = museum().await;
    for serializer in Serializer::ALL {
        let mut client = Client::dial(house.daemon.address()).await;
        client.serializer = serializer;
        client.greet("nowhere").await;
        let came = client.read().await.unwrap();
        assert_eq!(came.head.kind, Kind::ConnectFail.number());
        assert_eq!(came.head.serializer, serializer.number());
        let text = serializer.decode(&came.payload).unwrap();
        assert_eq!(text.as_str(), Some("unknown object"));
    }
}

#[tokio::test]
async fn one_client_too_many_is_told_so() {
    let house = House::with(Daemon::builder().max_connections(2)).await;
    house.host("museum", Hall.serve());
    let _last = Client::connect(house.daemon.address(), "museum").await;
    let mut client = Client::dial(house.daemon.address()).await;
    client.greet("museum").await;
    let came = client.read().await.unwrap();
    assert_eq!(came.head.kind, Kind::ConnectFail.number());
    let text = Serializer::Marshal.decode(&came.payload).unwrap();
    assert!(text.as_str().unwrap().starts_with("no free workers"));
}

#[tokio::test]
async fn a_client_that_says_half_a_greeting_is_closed_after_the_handshake_time() {
    let limits = Limits {
        handshake: Duration::from_millis(150),
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits)).await;
    let greeting = head(1, 1, 0, 100, 0);
    for count in [4, 6, 20, 40] {
        let began = Instant::now();
        let mut client = Client::dial(house.daemon.address()).await;
        client.send_bytes(&greeting[..count]).await;
        assert!(client.read().await.is_none());
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    house.works().await;
}

#[tokio::test]
async fn a_silent_client_and_a_slow_call_hold_up_nobody() {
    let (house, _) = museum().await;
    let mut slow = Client::connect(house.daemon.address(), "desk").await;
    let _silent = Client::dial(house.daemon.address()).await;
    let mut half = Client::dial(house.daemon.address()).await;
    half.send_bytes(b"PYRO\x01").await;
    slow.ask(0, &[], slow.invoke("wait", &[1.into()])).await;
    house.gate().arrived(1).await;
    for _ in 0..100 {
        let mut client = Client::connect(house.daemon.address(), "museum").await;
        assert_eq!(client.call("square", &[3.into()]).await, Ok(9.into()));
    }
}

#[tokio::test]
async fn an_inflating_bomb_is_an_exception() {
    let (_house, mut client) = museum().await;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..130 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let length = u32::try_from(bomb.len()).unwrap();
    client
        .send_bytes(&[head(4, 1, flag::COMPRESSED, length, 0), bomb].concat())
        .await;
    let came = client.read().await.unwrap();
    let value = Serializer::Serpent.decode(&came.payload).unwrap();
    let exception = Exception::from_value(value).unwrap();
    let message = exception.message().unwrap();
    assert!(message.contains("too large"), "{message}");
    assert_eq!(client.call("square", &[3.into()]).await, Ok(9.into()));
}

#[tokio::test]
async fn a_call_that_cannot_be_read_is_an_exception_and_the_connection_lives() {
    let (_house, mut client) = museum().await;
    for payload in [
        &b"((("[..],
        b"[]",
        b"(1,2,3,4)",
        b"\xff",
        b"('museum','square',1,{})",
    ] {
        let length = u32::try_from(payload.len()).unwrap();
        client
            .send_bytes(&[&head(4, 1, 0, length, 0), payload].concat())
            .await;
        let came = client.read().await.unwrap();
        assert!(came.head.has(flag::EXCEPTION));
        assert_eq!(came.head.sequence, 1);
    }
    assert_eq!(client.call("square", &[3.into()]).await, Ok(9.into()));
}

#[tokio::test]
async fn what_no_client_may_send_after_its_greeting_closes_its_connection() {
    let (house, mut fine) = museum().await;
    for bytes in [
        head(1, 1, 0, 0, 0),
        head(9, 1, 0, 0, 0),
        b"!!!!!!!!!!!!!!!!".to_vec(),
        head(4, 1, 0, u32::MAX, 0),
        head(4, 77, 0, 0, 0),
    ] {
        let mut client = Client::connect(house.daemon.address(), "museum").await;
        client.send_bytes(&bytes).await;
        assert!(client.read().await.is_none());
    }
    assert_eq!(fine.call("square", &[3.into()]).await, Ok(9.into()));
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (_house, mut client) = museum().await;
    let outgoing = Outgoing::new(Kind::Ping, 42, 9);
    let mut out = Vec::new();
    let limits = farcall::parts::pyro::message::Limits::default();
    outgoing
        .put(&mut out, &limits, |out| {
            out.extend(b"ping");
            Ok::<(), MessageError>(())
        })
        .unwrap();
    client.send_bytes(&out).await;
    let came = client.read().await.unwrap();
    assert_eq!((came.head.sequence, came.head.serializer), (9, 42));
    assert_eq!(came.payload, b"pong");
}

#[tokio::test]
async fn a_flood_of_oneway_calls_is_taken_and_those_behind_it_are_answered() {
    let (_house, mut client) = museum().await;
    for _ in 0..2_000 {
        tell(&mut client, "close", &[]).await;
        tell(&mut client, "nothing", &[]).await;
    }
    assert_eq!(client.call("square", &[3.into()]).await, Ok(9.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_many_calls_wait_to_compute_no_one_way_call_is_lost_and_large_ones_are_read() {
    let builder = Daemon::builder().compute_threads(1).max_compute_queue(1);
    let house = StepsHouse::with(builder).await;
    let mut client = Client::connect(house.daemon.address(), "steps").await;
    tell(&mut client, "note_slowly", &[1.into()]).await;
    house.gate().arrived(1).await;
    let waiting = begun(house.steps.grind(2)).await;
    for step in 3..30 {
        tell(&mut client, "note_slowly", &[step.into()]).await;
    }
    let refused = client.call("grind", &[99.into()]).await;
    assert_raises(refused, "Pyro5.errors.PyroError", "overloaded");
    let large = "x".repeat(200_000).into();
    let refused = client.call("linger", &[large]).await;
    assert_raises(refused, "builtins.TypeError", "must be u64, not str");
    house.gate().open_for_good();
    assert_eq!(soon(waiting).await, Ok(2));
    let mut log = house.stepper.logged(29).await;
    log.sort_unstable();
    assert_eq!(log, (1..30).collect::<Vec<u64>>());
}

#[tokio::test]
async fn calls_that_are_sent_ahead_are_answered_in_their_order() {
    let (_house, mut client) = museum().await;
    let mut all = Vec::new();
    for number in 0..3_000u16 {
        let outgoing = Outgoing::new(Kind::Invoke, 1, number);
        let invoke = client.invoke("square", &[i64::from(number).into()]);
        outgoing
            .put(&mut all, &Default::default(), |out| {
                invoke
                    .encode(Serializer::Serpent, out)
                    .map_err(PutError::from)
            })
            .unwrap();
    }
    let bytes = std::mem::take(&mut all);
    client.try_send(&bytes).await;
    for number in 0..3_000u16 {
        let came = client.read().await.unwrap();
        assert_eq!(came.head.sequence, number);
        let number = i64::from(number);
        assert_eq!(client.value(&came), Ok((number * number).into()));
    }
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_daemon_ends() {
    let house = House::new().await;
    let mut client = Client::connect(house.daemon.address(), "desk").await;
    let mut idle = Client::connect(house.daemon.address(), "desk").await;
    client.ask(0, &[], client.invoke("wait", &[7.into()])).await;
    house.gate().arrived(1).await;
    let meanwhile = async {
        // The daemon ends already: what waits for nothing is closed.
        assert!(idle.read().await.is_none());
        house.gate().open(1);
        let came = client.answer().await;
        assert_eq!(client.value(&came), Ok(7.into()));
        assert!(client.read().await.is_none());
    };
    soon(async { tokio::join!(house.daemon.shutdown(), meanwhile) }).await;
}

#[tokio::test]
async fn a_call_whose_client_leaves_is_given_up() {
    let house = House::new().await;
    let mut client = Client::connect(house.daemon.address(), "desk").await;
    client.ask(0, &[], client.invoke("wait", &[7.into()])).await;
    house.gate().arrived(1).await;
    drop(client);
    house.gate().abandoned(1).await;
}

#[tokio::test]
async fn any_bytes_behind_a_greeting_are_answered_or_closed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (house, mut fine) = museum().await;
    for _ in 0..200 {
        let mut client = Client::connect(house.daemon.address(), "museum").await;
        let length = random.u32(0..300);
        let annotations = if random.bool() { 0 } else { random.u32(0..40) };
        let flags = random.u16(..) & !flag::ONEWAY;
        let mut bytes = head(4, random.u8(1..5), flags, length, annotations);
        bytes.extend((0..length + annotations).map(|_| random.u8(..)));
        client.send_bytes(&bytes).await;
        let _answer_or_close = client.read().await;
    }
    assert_eq!(fine.call("square", &[3.into()]).await, Ok(9.into()));
}
