//! Servers that answer wrongly or not at all, against our proxies: each call ends, and a sound server is found again.

mod floods;
mod rules;

use std::time::Duration;

use farcall::{Address, CallError, Connections, Daemon, Limits, Remote};
use farcall_shared::wire::frame;
use farcall_shared::wire::handshake::Side;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::wire::{Raw, Said, any, hello, reply};
use crate::harness::{Clerk, Desk, DeskProxy, LOOPBACK, begun, soon};

/// Calls in flight when the server misbehaves.
const CALLS: u64 = 50;

/// A server by hand at a port that a sound one may have later.
struct Fake {
    address: Address,
    serving: JoinHandle<()>,
}

impl Fake {
    /// Greets each peer with `greeting`, says yes to binds, and answers the call number `CALLS - 1` with `answer`, which
    /// is made from its id; nothing when that is `None`.
    async fn start(
        greeting: Vec<u8>,
        answer: impl Fn(u32) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let mut raw = Raw::over(listener.accept().await.unwrap().0);
                if raw.welcome().await {
                    let _ = raw.try_send(&greeting).await;
                    converse(&mut raw, &answer).await;
                }
            }
        });
        Self { address, serving }
    }

    async fn desk(&self) -> DeskProxy {
        soon(DeskProxy::connect(&format!("far:desk@{}", self.address)))
            .await
            .unwrap()
    }

    /// Ends it and has a daemon take its place.
    async fn healed(self) -> Daemon {
        self.serving.abort();
        let _ = self.serving.await;
        let daemon = Daemon::bind(&self.address.to_string()).await.unwrap();
        daemon.register("desk", Clerk::new().serve()).unwrap();
        daemon
    }
}

/// Talks to one peer until it closes.
async fn converse(raw: &mut Raw, answer: &impl Fn(u32) -> Option<Vec<u8>>) {
    let mut calls = 0;
    loop {
        match raw.says().await {
            Said::Bind(handle) => {
                let mut out = Vec::new();
                let bound = frame::Bound {
                    handle,
                    status: 0,
                    text: "",
                    missing: Vec::new(),
                };
                frame::put_bound(&mut out, &bound);
                let _ = raw.try_send(&out).await;
            }
            Said::Call(id, _) => {
                calls += 1;
                if calls == CALLS
                    && let Some(bytes) = answer(id)
                {
                    let _ = raw.try_send(&bytes).await;
                    if bytes.is_empty() {
                        return;
                    }
                }
            }
            Said::End => return,
            _ => {}
        }
    }
}

/// All calls in flight end as Unknown, with a text that holds `words`; then a sound server in its place is called.
async fn ends_all(answer: impl Fn(u32) -> Option<Vec<u8>> + Send + Sync + 'static, words: &str) {
    let fake = Fake::start(hello(Side::Accepted), answer).await;
    let desk = fake.desk().await;
    let calls: JoinSet<_> = (0..CALLS).map(|n| desk.wait(n)).collect();
    for end in soon(calls.join_all()).await {
        match end {
            Err(CallError::Unknown {
                reason,
                idempotent: false,
                ..
            }) => {
                assert!(
                    reason.to_string().contains(words),
                    "{reason:?} should say {words:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let _daemon = fake.healed().await;
    assert_eq!(
        soon(desk.echo("healed".into())).await.as_deref(),
        Ok("healed")
    );
}

#[tokio::test]
async fn garbage_in_place_of_a_reply_ends_each_call_and_the_proxy_recovers() {
    ends_all(|_| Some(vec![0xff; 64]), "is over the limit of 134217728").await;
    ends_all(|_| Some(vec![0; 4]), "cut short or malformed").await;
    ends_all(|_| Some(any(99, b"?")), "frame kind 99 is unknown").await;
}

#[tokio::test]
async fn a_reply_to_no_call_or_a_second_one_ends_each_call_and_the_proxy_recovers() {
    ends_all(
        |_| Some(reply(4_000_000, 0, b"")),
        "answered call 4000000, which was never made",
    )
    .await;
    // In one write, so that the caller cannot take the first one before the second one comes; the first one may have
    // run as well, as far as a status that nobody knows tells.
    ends_all(
        |id| Some([reply(id, 900, b"twice"), reply(id, 900, b"!")].concat()),
        "twice",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_closes_before_or_inside_a_reply_ends_each_call_and_the_proxy_recovers() {
    ends_all(
        |_| Some(Vec::new()),
        "the connection ended before the reply",
    )
    .await;
    ends_all(
        |_| {
            let mut fault = Vec::new();
            frame::put_fault(&mut fault, "I have had enough");
            Some(fault)
        },
        "I have had enough",
    )
    .await;
    let fake = Fake::start(hello(Side::Accepted), |id| {
        Some(reply(id, 0, &[1; 100])[..60].to_vec())
    })
    .await;
    let desk = fake.desk().await;
    let call = begun(desk.wait(1)).await;
    let rest: JoinSet<_> = (1..CALLS).map(|n| desk.wait(n)).collect();
    // Half a reply is none: the end of the server is what ends the calls.
    soon(desk.with_deadline(Duration::from_millis(200)).wait(2))
        .await
        .unwrap_err();
    let _daemon = fake.healed().await;
    let ended = [soon(rest.join_all()).await, vec![soon(call).await]].concat();
    assert!(
        ended
            .iter()
            .all(|end| matches!(end, Err(CallError::Unknown { .. }))),
        "{ended:?}"
    );
    assert_eq!(
        soon(desk.echo("healed".into())).await.as_deref(),
        Ok("healed")
    );
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_fails_its_call_alone() {
    let fake = Fake::start(hello(Side::Accepted), |id| Some(reply(id, 0, b"\xff\xff"))).await;
    let desk = fake.desk().await;
    let quick = desk.with_deadline(Duration::from_millis(300));
    let calls: JoinSet<_> = (0..CALLS).map(|n| quick.wait(n)).collect();
    let ended = soon(calls.join_all()).await;
    let failed = ended
        .iter()
        .filter(|end| matches!(end, Err(CallError::Failed { .. })))
        .count();
    let expired = ended
        .iter()
        .filter(|end| matches!(end, Err(CallError::Unknown { .. })))
        .count();
    assert_eq!((failed, expired), (1, CALLS as usize - 1), "{ended:?}");
    let _daemon = fake.healed().await;
    assert_eq!(
        soon(desk.echo("healed".into())).await.as_deref(),
        Ok("healed")
    );
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_call_its_deadline_and_no_more() {
    let fake = Fake::start(hello(Side::Accepted), |_| None).await;
    let desk = fake.desk().await;
    let deadline = Duration::from_millis(250);
    let began = Instant::now();
    let quick = desk.with_deadline(deadline);
    let calls: JoinSet<_> = (0..CALLS).map(|n| quick.wait(n)).collect();
    for end in soon(calls.join_all()).await {
        assert!(matches!(end, Err(CallError::Unknown { .. })), "{end:?}");
    }
    // An idempotent call may be repeated, but not past its deadline.
    let end = soon(quick.square(3)).await;
    assert!(
        matches!(
            end,
            Err(CallError::Unknown {
                idempotent: true,
                ..
            })
        ),
        "{end:?}"
    );
    assert!(
        (2 * deadline..6 * deadline).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    let _daemon = fake.healed().await;
    assert_eq!(soon(desk.square(3)).await, Ok(9));
}

#[tokio::test]
async fn a_server_that_is_none_is_told_as_such() {
    let mut refusal = hello(Side::Accepted)[..8].to_vec();
    frame::put_fault(&mut refusal, "full up");
    let mut other_version = hello(Side::Accepted);
    other_version[4..6].copy_from_slice(&[8, 9]);
    for (greeting, words) in [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "does not speak farcall's protocol",
        ),
        (
            b"FARC\x01\x01\x00\x00\xff\xff\xff\xff".to_vec(),
            "hello says it has 4294967295 bytes",
        ),
        (
            [&hello(Side::Accepted)[..8], &any(6, &[0; 30])].concat(),
            "hello is malformed",
        ),
        (refusal, "the peer refused: full up"),
        (other_version, "the peer speaks versions 8–9"),
    ] {
        let fake = Fake::start(greeting, |_| None).await;
        let uri = format!("far:desk@{}", fake.address);
        let error = soon(DeskProxy::connect(&uri))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(words) && error.contains(&fake.address.to_string()),
            "{error:?} should say {words:?}"
        );
        let _daemon = fake.healed().await;
        let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
        assert_eq!(soon(desk.square(3)).await, Ok(9));
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_the_silence_limit() {
    let fake = Fake::start(hello(Side::Accepted), |_| None).await;
    let limits = Limits {
        heartbeat: Duration::from_millis(100),
        silence: Duration::from_millis(400),
        ..Limits::default()
    };
    let own = Connections::with_limits(limits);
    let uri = format!("far:desk@{}", fake.address);
    let remote = Remote::connect_with(&own, &uri, DeskProxy::descriptor());
    let desk = DeskProxy::over(soon(remote).await.unwrap());
    let began = Instant::now();
    let calls: JoinSet<_> = (0..CALLS).map(|n| desk.wait(n)).collect();
    for end in soon(calls.join_all()).await {
        match end {
            Err(CallError::Unknown { reason, .. }) => {
                assert!(reason.to_string().contains("silent for 400ms"), "{reason}")
            }
            other => panic!("{other:?}"),
        }
    }
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(400) && took < Duration::from_secs(4),
        "{took:?}"
    );
}
