//! URIs that lead nowhere: each is refused at once, with the culprit.

use std::time::Instant;

use farcall::{ConnectError, DynamicProxy};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::{QUICKLY, deaf};
use crate::harness::{DeskProxy, LOOPBACK, assert_unconnected, soon};

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
