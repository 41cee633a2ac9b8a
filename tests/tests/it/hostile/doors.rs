//! First bytes that are no handshake, or half of one.

use std::time::Duration;

use farcall::{Daemon, Limits};
use farcall_shared::wire::handshake::Side;

use super::wire::{Raw, any, hello};
use crate::harness::House;

/// What a daemon answers to these first bytes, once it has closed.
async fn answer_to(bytes: &[u8]) -> Vec<u8> {
    let house = House::new().await;
    let mut raw = Raw::dial(house.daemon.address()).await;
    raw.send(bytes).await;
    let answer = raw.rest().await;
    house.works().await;
    answer
}

#[tokio::test]
async fn an_http_request_gets_a_readable_400() {
    let answer = answer_to(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let text = String::from_utf8(answer).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{head}"
    );
    assert!(body.contains("farcall daemon"), "{body}");
}

#[tokio::test]
async fn a_tls_hello_gets_an_alert() {
    let alert = answer_to(b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03").await;
    assert_eq!(alert, [0x15, 3, 1, 0, 2, 2, 70]);
}

#[tokio::test]
async fn random_bytes_get_words_and_a_close() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let house = House::new().await;
    for _ in 0..300 {
        let mut bytes: Vec<u8> = (0..random.usize(4..600)).map(|_| random.u8(..)).collect();
        // No protocol that is known begins so.
        bytes[0] = random.u8(128..);
        let mut raw = Raw::dial(house.daemon.address()).await;
        raw.send(&bytes).await;
        // As Python's clients read it, who ask for a daemon's version so.
        let answer = raw.rest().await;
        assert!(answer.starts_with(b"PYRO\x01\xf6"));
        let words = String::from_utf8_lossy(&answer);
        assert!(words.contains("this is a farcall daemon"), "{words}");
    }
    house.works().await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_half_a_hello_is_closed_after_the_handshake_time() {
    let limits = Limits {
        handshake: Duration::from_millis(150),
        ..Limits::default()
    };
    let house = House::with(Daemon::builder().limits(limits.clone())).await;
    let whole = hello(Side::Dialled);
    for count in [0, 1, 3, 8, 11, whole.len() / 2, whole.len() - 1] {
        let began = std::time::Instant::now();
        let mut raw = Raw::dial(house.daemon.address()).await;
        raw.send(&whole[..count]).await;
        raw.rest().await;
        assert!(
            began.elapsed() >= limits.handshake,
            "{count} bytes: closed after {:?}",
            began.elapsed()
        );
        assert!(
            began.elapsed() < 20 * limits.handshake,
            "{count} bytes: closed after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_peer_of_another_version_is_told_which_ones_are_spoken() {
    let house = House::new().await;
    let mut greeting = hello(Side::Dialled);
    greeting[4..6].copy_from_slice(&[7, 9]);
    let mut raw = Raw::dial(house.daemon.address()).await;
    raw.send(&greeting).await;
    let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(answer.starts_with("FARC\u{1}\u{1}"), "{answer}");
    assert!(
        answer.contains("the peer speaks versions 7–9 of the protocol, this side 1–1"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_hello_that_is_malformed_or_says_it_is_huge_is_refused_in_words() {
    let house = House::new().await;
    let preface = hello(Side::Dialled)[..8].to_vec();
    for (hello, words) in [
        (
            u32::MAX.to_le_bytes().to_vec(),
            "hello says it has 4294967295 bytes, more than 4096",
        ),
        (any(1, &[1, 8, 0, 1]), "hello is malformed"),
        (any(1, &[]), "hello is malformed"),
        (any(5, &[0; 20]), "hello is malformed"),
        (vec![0; 4], "hello is malformed"),
    ] {
        let mut raw = Raw::dial(house.daemon.address()).await;
        raw.send(&[preface.clone(), hello].concat()).await;
        let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(answer.contains(words), "{answer:?} should say {words}");
    }
    house.works().await;
}
