//! Calls and descriptions of objects.

use std::sync::atomic::Ordering;

use farcall_shared::descriptor::Descriptor;
use serde_json::Value as Json;

use super::house::House;
use super::objects::Robot;

#[test]
fn calls_carry_what_the_methods_types_ask_for() {
    let house = House::furnished();
    for (words, reply) in [
        (&["square", "-12"][..], "square[-12]"),
        (&["square", "number=4", "--named"], "square[4]"),
        (
            &["greet", "hello world", "null"],
            "greet[\"hello world\",null]",
        ),
        (&["greet", "\"hi\"", "2"], "greet[\"hi\",2]"),
        (
            &["greet", "times=2", "whom=you", "--named"],
            "greet[\"you\",2]",
        ),
        (&["go", "{\"y\": 2, \"x\": 1}"], "go[{\"x\":1,\"y\":2}]"),
        (&["paint", "\"Dot\""], "paint[\"Dot\"]"),
        (&["paint", "{\"Circle\": 2}"], "paint[{\"Circle\":2.0}]"),
        (&["keep", "[0, 255]"], "keep[b\"\\x00\\xff\"]"),
        (&["any", "[1, {\"a\": null}]"], "any[[1,{\"a\":null}]]"),
    ] {
        let expected = serde_json::to_string(reply).unwrap() + "\n";
        house
            .nsc(&[&["call", "robot"], words].concat())
            .prints(&expected);
        house
            .nsc(&[&["--json", "call", &house.uri("robot")], words].concat())
            .prints(&expected);
    }
    assert_eq!(house.calls.load(Ordering::SeqCst), 20);
}

#[test]
fn what_does_not_fit_a_method_is_found_before_it_is_sent() {
    let house = House::furnished();
    let deep = "[".repeat(100_000);
    for (words, culprits) in [
        (
            &["sqare", "1"][..],
            &["robot has no method 'sqare'; did you mean square?"][..],
        ),
        (
            &["square"],
            &[
                "square takes 1 argument, not 0",
                "square(number: i64) -> i64",
            ],
        ),
        (&["square", "1", "2"], &["square takes 1 argument, not 2"]),
        (&["fail", "1"], &["fail takes no arguments, not 1"]),
        (
            &["square", "x"],
            &["argument 'number' must be i64, not 'x', which is not JSON"],
        ),
        (
            &["square", "1.5"],
            &["argument 'number' must be i64", "1.5"],
        ),
        (
            &["square", "9223372036854775808"],
            &["argument 'number' must be i64, from -9223372036854775808"],
        ),
        (
            &["square", "numbr=1", "--named"],
            &["no argument 'numbr'; did you mean number?"],
        ),
        (
            &["greet", "1", "1"],
            &["argument 'whom' must be string, not 1"],
        ),
        (
            &["greet", "you", "256"],
            &["argument 'times' must be u8, from 0 to 255, not 256"],
        ),
        (
            &["go", "{\"x\": 1, \"z\": 2}"],
            &["argument 'to' has no field 'z'", "Point { x: i32, y: i32 }"],
        ),
        (
            &["go", "{\"x\": 1, \"y\": \"a\"}"],
            &["argument 'to.y' must be i32, not \"a\""],
        ),
        (
            &["paint", "{\"Cricle\": 1}"],
            &["argument 'shape' has no variant 'Cricle'; did you mean Circle?"],
        ),
        (
            &["keep", "[256]"],
            &["argument 'data[0]' must be u8, not 256"],
        ),
        (
            &["any", "text"],
            &["argument 'it' must be any, not 'text', which is not JSON"],
        ),
        (
            &["any", &deep],
            &["argument 'it'", "recursion limit exceeded"],
        ),
        (
            &["any", "{\"a\": 1"],
            &["argument 'it'", "EOF while parsing"],
        ),
    ] {
        house
            .nsc(&[&["call", "robot"], words].concat())
            .fails(culprits);
    }
    assert_eq!(
        house.calls.load(Ordering::SeqCst),
        0,
        "the robot was called"
    );
}

#[test]
fn a_typed_object_names_the_field_that_is_missing_and_fails_with_its_error() {
    let house = House::furnished();
    let names = format!("far:Far.NameServer@{}", house.ns);
    house.nsc(&["call", &names, "count"]).prints("2\n");
    let selector = "{\"Prefix\": \"robot\"}";
    let page = house
        .nsc(&["call", &names, "list", selector, "null", "10"])
        .succeeds();
    let page: Json = serde_json::from_str(&page).unwrap();
    assert_eq!(page["entries"][0]["uri"], house.uri("robot").as_str());
    house
        .nsc(&["call", &names, "register", "{\"name\": \"x\"}"])
        .fails(&["missing field `uri`"]);
    house
        .nsc(&["call", &names, "lookup", "nobody"])
        .fails(&["lookup of far:Far.NameServer", "nobody"]);
}

#[test]
fn what_a_method_does_wrong_is_one_line() {
    let house = House::furnished();
    house
        .nsc(&["call", "robot", "fail"])
        .fails(&["fail of far:robot@", "out of paper"]);
    house
        .nsc(&["call", "robot", "panic"])
        .fails(&["the method panicked: left: 1 right: 2"]);
    house
        .nsc(&["call", "robot", "wait", "--timeout", "0.3"])
        .fails(&["wait of far:robot@", "may have run", "deadline"]);
}

#[test]
fn a_one_way_method_prints_nothing() {
    let house = House::furnished();
    house.nsc(&["call", "robot", "log", "hello"]).prints("");
    house
        .nsc(&["--json", "call", "robot", "log", "hello"])
        .prints("");
    assert_eq!(house.calls.load(Ordering::SeqCst), 2);
}

#[test]
fn objects_that_answer_any_method_are_called_without_checks() {
    let house = House::furnished();
    house
        .nsc(&["call", "parrot", "say", "1", "\"x\""])
        .prints("[\"say\",[1,\"x\"],{}]\n");
    house
        .nsc(&["call", "parrot", "say", "1", "a=[2]", "--named"])
        .prints("[\"say\",[1],{\"a\":[2]}]\n");
    house
        .nsc(&["call", "parrot", "say", "1", "x"])
        .fails(&["argument 2 is not JSON"]);
}

#[test]
fn the_items_of_a_stream_are_printed_as_they_come() {
    let house = House::furnished();
    house
        .nsc(&["call", "parrot", "each", "1", "[2]", "\"x\""])
        .prints("1\n[2]\n\"x\"\n");
    house
        .nsc(&["call", "parrot", "each", "null", "3"])
        .fails(&["that was null"]);
}

#[test]
fn a_group_answers_as_long_as_one_member_is_there() {
    let house = House::new();
    for uri in [
        "far:robot@localhost:1",
        &house.uri("nobody"),
        &house.uri("robot"),
    ] {
        house
            .nsc(&["register", "g", uri, "--join", "--meta", "t"])
            .succeeds();
    }
    for object in ["g", "farname:g", "farmeta:t"] {
        house
            .nsc(&["call", object, "square", "2"])
            .prints("\"square[2]\"\n");
    }
    house
        .nsc(&["register", "g", &house.uri("nobody"), "--replace"])
        .succeeds();
    house
        .nsc(&["call", "g", "square", "2"])
        .fails(&["'g' leads to nothing that answers", "far:nobody@"]);
}

#[test]
fn a_description_shows_methods_and_is_a_descriptor_as_json() {
    let house = House::furnished();
    let text = house.nsc(&["describe", "robot"]).succeeds();
    for part in [
        format!("Robot at {}\nA robot.\n", house.uri("robot")),
        "  square(number: i64) -> i64\n    [waits, idempotent]\n    Does it.\n".into(),
        "  log(line: string)\n    [waits, one-way]\n".into(),
    ] {
        assert!(text.contains(&part), "'{part}' is not in {text}");
    }
    let json = house
        .nsc(&["--json", "describe", &house.uri("robot")])
        .succeeds();
    let descriptor: Descriptor = serde_json::from_str(&json).unwrap();
    assert_eq!(descriptor, Robot::new(&house.calls).descriptor);
    assert!(
        house
            .nsc(&["describe", "parrot"])
            .succeeds()
            .contains("any other method name")
    );
}
