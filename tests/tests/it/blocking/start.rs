//! The runtime behind it, where the operating system gives it nothing.

use std::process::Command;

use farcall::blocking::{self, Fleet};
use farcall::{ConnectError, FleetError, Proxy as _, Remote};

use crate::harness::{DeskBlocking, DeskProxy, assert_ends};

const UNDER_LIMIT: &str = "FARCALL_TEST_NO_FILES";

/// In a process that may open no more than one file beside stdin, stdout and stderr.
#[test]
fn a_runtime_that_cannot_start_is_an_error() {
    if std::env::var_os(UNDER_LIMIT).is_some() {
        return without_files();
    }
    let ended = Command::new("sh")
        .args(["-c", r#"ulimit -n 4 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["blocking::start::", "--nocapture", "--test-threads=1"])
        .env(UNDER_LIMIT, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("errors as they should be"), "{told}");
}

fn without_files() {
    let found = Fleet::<DeskProxy>::find("farname:desk.*@127.0.0.1:1");
    assert!(matches!(found, Err(FleetError::Start(_))), "{found:?}");
    let listed = Fleet::<DeskProxy>::of(["far:desk@127.0.0.1:1"]);
    assert!(matches!(listed, Err(FleetError::Start(_))), "{listed:?}");
    let connected = blocking::connect::<DeskProxy>("far:desk@127.0.0.1:1");
    assert!(
        matches!(connected, Err(ConnectError::Start(_))),
        "{connected:?}"
    );
    let connected = DeskBlocking::connect("far:desk@127.0.0.1:1");
    assert!(
        matches!(connected, Err(ConnectError::Start(_))),
        "{connected:?}"
    );
    let remote = Remote::unconnected("far:desk@127.0.0.1:1", DeskProxy::descriptor()).unwrap();
    let desk = DeskBlocking::from(DeskProxy::from_remote(remote));
    let words = ["far:desk@127.0.0.1:1", "farcall::blocking", "os error"];
    assert_ends(desk.square(2), "NotSent(NoRuntime)", &words);
    assert_ends(desk.note("x".into()), "NotSent(NoRuntime)", &words);
    println!("errors as they should be");
}
