//! `nsc` as a user runs it, against a name service and objects in this process.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farcall_client::names_at;
use farcall_names::Server;
use farcall_server::Daemon;
use farcall_shared::descriptor::{Descriptor, Method, Runs};
use farcall_shared::names::{Mode, Registration};
use farcall_shared::object::{
    Arguments, DynamicObject, Object, Request, Selected, Servant, Started,
};
use farcall_shared::shape::Type;
use farcall_shared::value::Value;
use farcall_shared::wire::status::{Refusal, Status};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is used")]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape is used")]
enum Shape {
    Dot,
    Circle(f64),
}

/// Answers described methods with what it was called with.
struct Robot {
    descriptor: Descriptor,
    calls: Arc<AtomicUsize>,
}

impl Robot {
    fn new(calls: &Arc<AtomicUsize>) -> Self {
        let method = |name| Method::new(name, " Does it.", Runs::Async);
        let methods = vec![
            method("square")
                .with_argument::<i64>("number")
                .with_result::<i64>()
                .idempotent(),
            method("greet")
                .with_argument::<String>("whom")
                .with_argument::<Option<u8>>("times"),
            method("go").with_argument::<Point>("to"),
            method("paint").with_argument::<Shape>("shape"),
            method("keep").with_argument_of("data", Type::Bytes),
            method("any").with_argument_of("it", Type::Any),
            method("log").with_argument::<String>("line").oneway(),
            method("fail"),
            method("panic"),
            method("wait"),
        ];
        Self {
            descriptor: Descriptor::new("Robot", " A robot.", methods),
            calls: Arc::clone(calls),
        }
    }
}

impl Object for Robot {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn start(&self, request: Request<'_>, reply: &mut Vec<u8>) -> Started {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let Selected::Number(number) = request.method else {
            panic!("called by a name that it does not describe")
        };
        let name = &self.descriptor.methods[usize::from(number)].name;
        let arguments: Arguments = request.codec.decode(request.arguments).unwrap();
        match name.as_str() {
            "fail" => Started::Done(Err(Refusal::new(Status::Error, "out of paper"))),
            "panic" => Started::Done(Err(Refusal::new(Status::Panicked, "left: 1\n right: 2"))),
            "wait" => Started::Waits(Box::pin(std::future::pending())),
            name => {
                let said = Value::from(format!("{name}{}", Value::List(arguments.positional)));
                request
                    .codec
                    .encode(&said, reply, request.max_result_bytes)
                    .unwrap();
                Started::Done(Ok(()))
            }
        }
    }
}

/// Answers any method name with what it was called with.
struct Parrot;

impl DynamicObject for Parrot {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        let named = arguments
            .named
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        let said = vec![
            method.into(),
            Value::List(arguments.positional),
            Value::Map(named.collect()),
        ];
        Ok(Value::List(said))
    }
}

/// A name service, and a daemon with a robot and a parrot.
struct House {
    runtime: Runtime,
    ns: String,
    end: Option<oneshot::Sender<()>>,
    daemon: Daemon,
    /// How often the robot was called.
    calls: Arc<AtomicUsize>,
}

impl House {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let calls = Arc::default();
        let daemon = runtime.block_on(async {
            let daemon = Daemon::bind("localhost:0").await.unwrap();
            daemon
                .register("robot", Servant::of(Robot::new(&calls)))
                .unwrap();
            daemon.register("parrot", Parrot.serve()).unwrap();
            daemon
        });
        let mut house = Self {
            runtime,
            ns: "localhost:0".into(),
            end: None,
            daemon,
            calls,
        };
        house.start_names();
        house
    }

    /// With the names `robot` and `parrot`.
    fn furnished() -> Self {
        let house = Self::new();
        for name in ["robot", "parrot"] {
            house.nsc(&["register", name, &house.uri(name)]).succeeds();
        }
        house
    }

    fn start_names(&mut self) {
        let server = self
            .runtime
            .block_on(Server::bind(&self.ns, "memory"))
            .unwrap();
        self.ns = server.address().to_string();
        let (end, ended) = oneshot::channel();
        self.end = Some(end);
        #[expect(clippy::disallowed_methods, reason = "the runtime of the test ends it")]
        self.runtime.spawn(server.run_until(async {
            let _ = ended.await;
        }));
    }

    fn end_names(&mut self) {
        self.end = None;
    }

    fn uri(&self, object: &str) -> String {
        format!("far:{object}@{}", self.daemon.address())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nsc"));
        command
            .env("FARCALL_NS", &self.ns)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn nsc(&self, arguments: &[&str]) -> Ran {
        Ran::of(&arguments, self.command(arguments).output().unwrap())
    }
}

/// How a run ended.
struct Ran {
    arguments: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(arguments: &impl Debug, output: Output) -> Self {
        Self {
            arguments: format!("{arguments:?}").chars().take(300).collect(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn succeeds(self) -> String {
        assert_eq!(
            (self.code, self.stderr.as_str()),
            (Some(0), ""),
            "{}",
            self.arguments
        );
        self.stdout
    }

    #[track_caller]
    fn prints(self, expected: &str) {
        let arguments = self.arguments.clone();
        assert_eq!(self.succeeds(), expected, "{arguments}");
    }

    #[track_caller]
    fn prints_json(self, expected: &Json) {
        let arguments = self.arguments.clone();
        let stdout = self.succeeds();
        assert_eq!(stdout.lines().count(), 1, "{arguments}: {stdout}");
        assert_eq!(
            &serde_json::from_str::<Json>(&stdout).unwrap(),
            expected,
            "{arguments}"
        );
    }

    #[track_caller]
    fn fails_with(self, code: i32, culprits: &[&str]) {
        let Self {
            arguments,
            stdout,
            stderr,
            ..
        } = self;
        assert_eq!(
            (self.code, stdout.as_str()),
            (Some(code), ""),
            "{arguments}: {stderr}"
        );
        let one_line = stderr.starts_with("nsc: ") && stderr.find('\n') == Some(stderr.len() - 1);
        assert!(one_line && stderr.len() < 700, "{arguments}: {stderr}");
        for culprit in culprits {
            assert!(
                stderr.contains(culprit),
                "{arguments}: '{culprit}' is not in {stderr}"
            );
        }
    }

    #[track_caller]
    fn fails(self, culprits: &[&str]) {
        self.fails_with(1, culprits);
    }
}

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
    for none in [&["list", "x"][..], &["list", "w"], &["find", "cpu"]]
        .iter()
        .filter(|a| a[1] != "w")
    {
        house.nsc(none).prints("");
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
            &["register", "x", "PYRO:b@h:1"],
            &["'PYRO:b@h:1'", "Pyro's schemes"],
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
    let free = std::net::TcpListener::bind("localhost:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    house.ns = format!("localhost:{free}");
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
        .fails(&["wait of far:robot@", "may have run", "300ms"]);
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

/// `nsc watch` while it runs.
struct Watch {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Watch {
    fn start(house: &House, arguments: &[&str]) -> Self {
        let mut command = house.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    #[track_caller]
    fn prints(&mut self, expected: &str) {
        assert_eq!(next_line(&mut self.stdout), expected);
    }

    #[track_caller]
    fn notes(&mut self, part: &str) {
        let line = next_line(&mut self.stderr);
        assert!(line.contains(part), "'{part}' is not in {line}");
    }

    #[track_caller]
    fn ends_on_ctrl_c(mut self) {
        let kill = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Over already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line(from: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn a_watch_prints_what_is_there_and_then_what_changes() {
    let house = House::new();
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    house.nsc(&["register", "other", "far:a@h:1"]).succeeds();
    let mut watch = Watch::start(&house, &["watch", "w."]);
    watch.prints("+ w.1 far:a@h:1");
    house.nsc(&["register", "w.2", "far:b@h:1"]).succeeds();
    watch.prints("+ w.2 far:b@h:1");
    house.nsc(&["remove", "other"]).succeeds();
    house.nsc(&["remove", "w.1"]).succeeds();
    watch.prints("- w.1");
    house
        .nsc(&["register", "w.2", "far:c@h:1", "--replace"])
        .succeeds();
    watch.prints("- w.2");
    watch.prints("+ w.2 far:c@h:1");
    watch.ends_on_ctrl_c();
}

#[test]
fn a_watch_as_json_has_all_of_a_registration() {
    let house = House::new();
    let mut watch = Watch::start(&house, &["--json", "watch", "w.?"]);
    let epoch: u64 = house
        .nsc(&["register", "w.1", "far:a@h:1", "--meta", "x"])
        .succeeds()
        .trim_end()
        .parse()
        .unwrap();
    house.nsc(&["remove", "w.1"]).succeeds();
    let mut next = || serde_json::from_str::<Json>(&next_line(&mut watch.stdout)).unwrap();
    let put = json!({
        "change": "put", "name": "w.1", "uri": "far:a@h:1", "metadata": ["x"], "epoch": epoch, "lease": null
    });
    assert_eq!(next(), put);
    assert_eq!(
        next(),
        json!({"change": "gone", "name": "w.1", "epoch": epoch})
    );
    watch.ends_on_ctrl_c();
}

#[test]
fn a_watch_survives_a_restart_of_the_name_service() {
    let mut house = House::new();
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    let mut watch = Watch::start(&house, &["watch"]);
    watch.prints("+ w.1 far:a@h:1");
    house.end_names();
    watch.notes("waiting for the name service");
    house.start_names();
    watch.notes("is back");
    watch.prints("- w.1");
    house.nsc(&["register", "w.2", "far:a@h:1"]).succeeds();
    watch.prints("+ w.2 far:a@h:1");
    watch.ends_on_ctrl_c();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let house = House::new();
    let mut command = house.command(&["watch"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    let ran = Ran::of(&"watch", child.wait_with_output().unwrap());
    ran.prints("");
}
