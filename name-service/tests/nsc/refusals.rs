//! What is refused, and how.

use super::house::{House, Ran};

#[test]
fn bad_input_is_one_line_that_names_the_culprit() {
    let house = House::furnished();
    for (arguments, culprits) in [
        (
            &["lookup", "robto"][..],
            &["unknown name 'robto'; did you mean robot?", &house.ns][..],
        ),
        (
            &["remove", "robto"],
            &["unknown name 'robto'; did you mean robot?"],
        ),
        (
            &["register", "x", "far:b"],
            &["'far:b' is malformed: it has no '@'"],
        ),
        (
            &["register", "x", "PYRO:b@h"],
            &["'PYRO:b@h' is malformed: it has no port"],
        ),
        (
            &["register", "x", "PYRONAME:b"],
            &["'PYRONAME:b' leads to a name"],
        ),
        (
            &["register", "x", "farname:b"],
            &["'farname:b' leads to a name"],
        ),
        (
            &["register", "", "far:b@h:1"],
            &["name '' is not acceptable: it is empty"],
        ),
        (&["list", "["], &["pattern '['"]),
        (
            &["describe", "robto"],
            &["unknown name 'robto'; did you mean robot?"],
        ),
        (
            &["describe", "http://robot"],
            &["'http://robot' is not a farcall URI"],
        ),
        (&["describe", "farmeta:nobody,has"], &["tags nobody, has"]),
        (
            &["call", "farname:robto", "square", "1"],
            &["unknown name 'robto'"],
        ),
        (
            &["call", &house.uri("robto"), "square", "1"],
            &["robto", "was rejected"],
        ),
        (
            &["call", "far:robot@localhost:1", "square", "1"],
            &["nothing is listening at localhost:1"],
        ),
    ] {
        house.nsc(arguments).fails(culprits);
    }
}

#[test]
fn a_wrong_command_line_has_its_own_exit_code() {
    let house = House::new();
    for arguments in [
        &["lokup", "w"][..],
        &[],
        &["lookup"],
        &["find"],
        &["--timeout", "soon", "count"],
        &["--timeout", "-1", "count"],
        &["register", "w", "far:a@h:1", "--join", "--replace"],
        &["meta", "w", "x", "--clear"],
        &["completions", "basic"],
    ] {
        let ran = house.nsc(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    house
        .nsc(&["--ns", "h:port", "count"])
        .fails_with(2, &["--ns", "FARCALL_NS", "'h:port'"]);
    let mut command = house.command(&["count"]);
    let output = command.env("FARCALL_NS", "h:port").output().unwrap();
    Ran::of(&"FARCALL_NS=h:port", output).fails_with(2, &["FARCALL_NS", "'h:port'"]);
}

#[test]
fn a_name_service_that_is_away_or_none_is_told_with_its_address() {
    let mut house = House::furnished();
    let daemon = house.daemon.address().to_string();
    house
        .nsc(&["--ns", &daemon, "count"])
        .fails(&[&daemon, "name service", "Far.NameServer"]);
    let silent = std::net::TcpListener::bind("localhost:0").unwrap();
    let address = format!("localhost:{}", silent.local_addr().unwrap().port());
    house
        .nsc(&["--ns", &address, "--timeout", "0.2", "count"])
        .fails(&["no answer from the name service", &address]);
    house
        .nsc(&["--timeout", "0", "count"])
        .fails(&["no answer from the name service", &house.ns]);
    house
        .nsc(&["--timeout", "9460800000", "count"])
        .prints("2\n");
    let ns = house.ns.clone();
    house.ns = "localhost:1".into();
    for arguments in [
        &["list"][..],
        &["ping"],
        &["watch"],
        &["call", "robot", "fail"],
    ] {
        house
            .nsc(arguments)
            .fails(&["cannot reach the name service", &house.ns, "`ns`"]);
    }
    // It is not needed for an object whose address is known, and another one may be named.
    house
        .nsc(&["call", &house.uri("robot"), "square", "3"])
        .prints("\"square[3]\"\n");
    house
        .nsc(&["call", &format!("farname:robot@{ns}"), "square", "3"])
        .prints("\"square[3]\"\n");
    house.nsc(&["--ns", &ns, "count"]).prints("2\n");
}
