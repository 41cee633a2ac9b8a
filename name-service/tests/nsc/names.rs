//! The commands that read and change the registry.

use std::collections::BTreeSet;

use farcall_client::names_at;
use farcall_shared::names::{Mode, Registration};
use serde_json::{Value as Json, json};

use super::house::House;

#[test]
fn names_are_registered_listed_found_and_removed() {
    let house = House::new();
    house.nsc(&["list"]).prints("");
    let first = house
        .nsc(&[
            "register",
            "w.1",
            "far:a@h:1",
            "--meta",
            "gpu",
            "--meta",
            "zone=a",
        ])
        .succeeds();
    let second = house
        .nsc(&["register", "w.2", "far:b@h:1", "--meta", "gpu"])
        .succeeds();
    let epochs = [first, second].map(|epoch| epoch.trim_end().parse::<u64>().unwrap());
    assert!(epochs[0] < epochs[1]);
    house.nsc(&["count"]).prints("2\n");
    let both = "w.1\tfar:a@h:1\tgpu,zone=a\nw.2\tfar:b@h:1\tgpu\n";
    for all in [
        &["list"][..],
        &["list", "w."],
        &["list", "?.[12]"],
        &["find", "gpu"],
        &["find", "zone=a", "gpu", "--any"],
    ] {
        house.nsc(all).prints(both);
    }
    for first in [
        &["list", "w.1"][..],
        &["list", "*1"],
        &["find", "gpu", "zone=a"],
    ] {
        house.nsc(first).prints("w.1\tfar:a@h:1\tgpu,zone=a\n");
    }
    for none in [["list", "x"], ["find", "cpu"]] {
        house.nsc(&none).prints("");
    }
    house.nsc(&["lookup", "w.1"]).prints("far:a@h:1\n");
    house.nsc(&["remove", "w.1"]).prints("removed w.1\n");
    house.nsc(&["list"]).prints("w.2\tfar:b@h:1\tgpu\n");
}

#[test]
fn a_name_has_one_owner_unless_it_is_replaced_or_joined() {
    let house = House::new();
    house.nsc(&["register", "w", "far:a@h:1"]).succeeds();
    house
        .nsc(&["register", "w", "far:b@h:1"])
        .fails(&["'w' is taken by far:a@h:1"]);
    house
        .nsc(&["register", "w", "far:b@h:1", "--replace"])
        .succeeds();
    house.nsc(&["lookup", "w"]).prints("far:b@h:1\n");
    house
        .nsc(&["register", "g", "far:a@h:1", "--join", "--meta", "x"])
        .succeeds();
    house
        .nsc(&["register", "g", "far:b@h:1", "--join", "--meta", "y"])
        .succeeds();
    house.nsc(&["lookup", "g"]).prints("far:a@h:1\nfar:b@h:1\n");
    house.nsc(&["meta", "g"]).prints("x\ny\n");
    house
        .nsc(&["remove", "g"])
        .prints("removed g (2 members)\n");
}

#[test]
fn metadata_is_shown_set_and_cleared() {
    let house = House::new();
    house
        .nsc(&["register", "w", "far:a@h:1", "--meta", "gpu"])
        .succeeds();
    house.nsc(&["meta", "w"]).prints("gpu\n");
    house
        .nsc(&["meta", "w", "zone=a", "b"])
        .prints("b\nzone=a\n");
    house
        .nsc(&["--json", "meta", "w"])
        .prints_json(&json!({"name": "w", "metadata": ["b", "zone=a"]}));
    house.nsc(&["meta", "w", "--clear"]).prints("");
    house
        .nsc(&["--json", "meta", "w"])
        .prints_json(&json!({"name": "w", "metadata": []}));
    house.nsc(&["meta", "v"]).fails(&["unknown name 'v'"]);
    house.nsc(&["meta", "v", "x"]).fails(&["unknown name 'v'"]);
}

#[test]
fn every_command_speaks_json() {
    let house = House::new();
    let said = house
        .nsc(&["--json", "register", "w", "far:a@h:1", "--meta", "x"])
        .succeeds();
    let epoch = serde_json::from_str::<Json>(&said).unwrap()["epoch"].clone();
    assert!(epoch.is_u64(), "{said}");
    let entry =
        json!({"name": "w", "uri": "far:a@h:1", "metadata": ["x"], "epoch": epoch, "lease": null});
    for command in [&["list"][..], &["lookup", "w"], &["find", "x"]] {
        house
            .nsc(&[command, &["--json"]].concat())
            .prints_json(&json!([entry]));
    }
    house
        .nsc(&["list", "none", "--json"])
        .prints_json(&json!([]));
    house
        .nsc(&["count", "--json"])
        .prints_json(&json!({"count": 1}));
    let said: Json = serde_json::from_str(&house.nsc(&["ping", "--json"]).succeeds()).unwrap();
    assert!(said["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{said}");
    assert_eq!(said["ns"], house.ns.as_str());
    house
        .nsc(&["remove", "w", "--json"])
        .prints_json(&json!({"name": "w", "removed": 1}));
}

#[test]
fn a_list_is_whole_when_it_takes_many_pages() {
    let house = House::new();
    house.runtime.block_on(async {
        let names = names_at(&house.ns.parse().unwrap()).await.unwrap();
        for i in 0..2_100 {
            let registration = Registration {
                name: format!("w.{i:04}"),
                uri: "far:a@h:1".into(),
                metadata: BTreeSet::new(),
                mode: Mode::Exclusive,
                lease: None,
            };
            names.register(registration).await.unwrap().unwrap();
        }
    });
    let list = house.nsc(&["list"]).succeeds();
    assert_eq!(list.lines().count(), 2_100);
    assert!(list.lines().is_sorted());
}

#[test]
fn help_and_completions_need_no_name_service() {
    let mut house = House::new();
    house.ns = "nonsense:".into();
    assert!(house.nsc(&["--help"]).succeeds().contains("Examples:"));
    assert!(
        house
            .nsc(&["call", "--help"])
            .succeeds()
            .contains("Examples:")
    );
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            house
                .nsc(&["completions", shell])
                .succeeds()
                .contains("lookup"),
            "{shell}"
        );
    }
}
