//! Callers that know no types, and objects that answer any name.

use std::collections::BTreeMap;

use bytes::Bytes;
use farcall::descriptor::Type;
use farcall::{Arguments, DynamicObject, DynamicProxy, Servant, Value};
use serde::{Deserialize, Serialize};

use crate::harness::{DeskProxy, Gate, House, assert_ends, assert_unconnected, soon};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    text: String,
    amount: f64,
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    Empty,
    Lines(u32),
    Sum { of: Vec<f64> },
}

/// Keeps accounts.
#[farcall::remote]
pub(crate) trait Accounts {
    /// Takes the second from the first.
    fn minus(&self, left: i64, right: i64) -> i64;
    #[idempotent]
    async fn double(&self, line: Line) -> Line;
    async fn total(&self, lines: BTreeMap<String, Line>) -> f64;
    async fn checked(&self, number: u8) -> Result<u8, String>;
    async fn detailed(&self, number: u8) -> Result<Line, Line>;
    async fn reverse(&self, bytes: Vec<u8>) -> Bytes;
    async fn kind(&self, lines: Vec<f64>) -> Kind;
    async fn name(&self, kind: Kind) -> String;
    async fn nothing(&self);
    async fn maybe(&self, number: Option<u8>) -> Option<u8>;
    async fn pair(&self, pair: (i8, String)) -> (String, i8);
    #[oneway]
    async fn forget(&self, line: String);
}

struct Keeper(Gate);

fn line(text: &str) -> Line {
    Line {
        text: text.into(),
        amount: 1.5,
        note: None,
    }
}

impl Accounts for Keeper {
    fn minus(&self, left: i64, right: i64) -> i64 {
        left - right
    }
    async fn double(&self, line: Line) -> Line {
        Line {
            amount: 2.0 * line.amount,
            ..line
        }
    }
    async fn total(&self, lines: BTreeMap<String, Line>) -> f64 {
        lines.values().map(|line| line.amount).sum()
    }
    async fn checked(&self, number: u8) -> Result<u8, String> {
        number
            .checked_add(1)
            .ok_or_else(|| format!("{number} is the last one"))
    }
    async fn detailed(&self, number: u8) -> Result<Line, Line> {
        if number == 0 {
            Ok(line("ok"))
        } else {
            Err(line("err"))
        }
    }
    async fn reverse(&self, mut bytes: Vec<u8>) -> Bytes {
        bytes.reverse();
        bytes.into()
    }
    async fn kind(&self, lines: Vec<f64>) -> Kind {
        match lines.len() {
            0 => Kind::Empty,
            1 => Kind::Lines(1),
            _ => Kind::Sum { of: lines },
        }
    }
    async fn name(&self, kind: Kind) -> String {
        format!("{kind:?}")
    }
    async fn nothing(&self) {}
    async fn maybe(&self, number: Option<u8>) -> Option<u8> {
        number.map(|number| number / 2)
    }
    async fn pair(&self, (number, text): (i8, String)) -> (String, i8) {
        (text, number)
    }
    async fn forget(&self, _: String) {
        self.0.pass().await;
    }
}

async fn accounts() -> (House, DynamicProxy) {
    let house = House::new().await;
    let uri = house.host("accounts", Keeper(house.gate().clone()).serve());
    let accounts = soon(DynamicProxy::connect(&uri)).await.unwrap();
    (house, accounts)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(
        entries
            .iter()
            .map(|(key, value)| (text(key), value.clone()))
            .collect(),
    )
}

fn tea(amount: f64) -> Value {
    map(&[
        ("text", text("tea")),
        ("amount", Value::Float(amount)),
        ("note", Value::Null),
    ])
}

#[tokio::test]
async fn arguments_go_by_position_and_by_name() {
    let (_house, accounts) = accounts().await;
    let (nine, four) = (Value::Int(9), Value::Int(4));
    for arguments in [
        Arguments::positional([nine.clone(), four.clone()]),
        Arguments::named([("right", four), ("left", nine)]),
    ] {
        assert_eq!(
            soon(accounts.call("minus", arguments)).await,
            Ok(Value::Int(5))
        );
    }
}

#[tokio::test]
async fn values_of_every_kind_arrive_and_come_back() {
    let (_house, accounts) = accounts().await;
    for (method, argument, result) in [
        ("double", tea(1.25), tea(2.5)),
        // A struct's fields in their order do, too.
        (
            "double",
            Value::List(vec![text("tea"), Value::Float(1.25), Value::Null]),
            tea(2.5),
        ),
        (
            "total",
            map(&[("a", tea(1.0)), ("b", tea(2.0))]),
            Value::Float(3.0),
        ),
        (
            "reverse",
            Value::Bytes(vec![0, 1, 255]),
            Value::Bytes(vec![255, 1, 0]),
        ),
        ("kind", Value::List(vec![]), text("Empty")),
        (
            "kind",
            Value::List(vec![Value::Float(0.5)]),
            map(&[("Lines", Value::Int(1))]),
        ),
        ("name", text("Empty"), text("Empty")),
        ("name", map(&[("Lines", Value::Int(3))]), text("Lines(3)")),
        (
            "name",
            map(&[("Sum", map(&[("of", Value::List(vec![]))]))]),
            text("Sum { of: [] }"),
        ),
        ("maybe", Value::Int(8), Value::Int(4)),
        ("maybe", Value::Null, Value::Null),
        (
            "pair",
            Value::List(vec![Value::Int(-1), text("x")]),
            Value::List(vec![text("x"), Value::Int(-1)]),
        ),
    ] {
        let shown = argument.to_string();
        let reply = soon(accounts.call(method, Arguments::positional([argument]))).await;
        assert_eq!(reply, Ok(result), "{method}({shown})");
    }
    assert_eq!(
        soon(accounts.call("nothing", Arguments::default())).await,
        Ok(Value::Null)
    );
}

#[tokio::test]
async fn the_error_of_a_result_is_a_failure_and_its_value_stands_alone() {
    let (house, accounts) = accounts().await;
    let checked = |number| accounts.call("checked", Arguments::positional([Value::Int(number)]));
    assert_eq!(soon(checked(1)).await, Ok(Value::Int(2)));
    assert_ends(
        soon(checked(255)).await,
        "Failed(Error)",
        &["checked of far:accounts@", "255 is the last one"],
    );
    let detailed = |number| accounts.call("detailed", Arguments::positional([Value::Int(number)]));
    assert_eq!(
        soon(detailed(0)).await.unwrap().field("text"),
        Some(&text("ok"))
    );
    assert_ends(
        soon(detailed(1)).await,
        "Failed(Error)",
        &["\"text\":\"err\""],
    );
    house.works().await;
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_rejected_with_the_method_as_it_is() {
    let (house, accounts) = accounts().await;
    let minus = "minus(left: i64, right: i64) -> i64";
    let int = |number| Value::Int(number);
    for arguments in [
        Arguments::default(),
        Arguments::positional([int(1)]),
        Arguments::positional([int(1), int(2), int(3)]),
        Arguments::positional([int(1), text("2")]),
        Arguments::positional([int(1), Value::Float(0.5)]),
        Arguments::positional([int(1), int(1 << 64)]),
        Arguments::positional([int(1), Value::Null]),
        Arguments::named([("left", int(1))]),
        Arguments::named([("left", int(1)), ("rigth", int(2))]),
        Arguments::named([("left", int(1)), ("right", int(2)), ("more", int(3))]),
        Arguments::named([("left", int(1)), ("left", int(2)), ("right", int(3))]),
        Arguments {
            positional: vec![int(1), int(2)],
            named: vec![("right".into(), int(3))],
        },
    ] {
        let shown = format!("{arguments:?}");
        let result = soon(accounts.call("minus", arguments)).await;
        assert!(result.is_err(), "{shown}: {result:?}");
        assert_ends(result, "Rejected(BadArguments)", &[minus]);
    }
    let too_many = soon(accounts.call("nothing", Arguments::positional([int(1)]))).await;
    assert_ends(too_many, "Rejected(BadArguments)", &["nothing()"]);
    let wide = soon(accounts.call("checked", Arguments::positional([int(256)]))).await;
    assert_ends(
        wide,
        "Rejected(BadArguments)",
        &["checked(number: u8)", "256"],
    );
    house.works().await;
}

#[tokio::test]
async fn an_unknown_method_is_rejected_with_the_names_that_look_like_it() {
    let (house, accounts) = accounts().await;
    let result = soon(accounts.call("minsu", Arguments::default())).await;
    assert_ends(
        result,
        "Rejected(UnknownMethod)",
        &["Accounts has no method 'minsu'", "did you mean minus"],
    );
    let result = soon(accounts.call("", Arguments::default())).await;
    assert_ends(result, "Rejected(UnknownMethod)", &[]);
    house.works().await;
}

#[tokio::test]
async fn an_object_describes_itself() {
    let (house, accounts) = accounts().await;
    let described = soon(accounts.describe()).await.unwrap();
    assert_eq!(&described, AccountsProxy::descriptor());
    assert_eq!(
        (described.service.as_str(), described.doc.as_str()),
        ("Accounts", "Keeps accounts.")
    );
    assert!(!described.open);
    let (number, minus) = described.method("minus").unwrap();
    assert_eq!(
        (number, minus.doc.as_str()),
        (0, "Takes the second from the first.")
    );
    assert_eq!(minus.to_string(), "minus(left: i64, right: i64) -> i64");
    let (_, double) = described.method("double").unwrap();
    assert!(double.idempotent && !double.oneway);
    let Type::Struct { name, fields, .. } = &double.result else {
        panic!("{:?}", double.result);
    };
    assert_eq!((name.as_str(), fields.len()), ("Line", 3));
    assert!(described.method("forget").unwrap().1.oneway);

    let gone = soon(house.daemon.unregister("accounts")).await;
    assert!(gone);
    assert_unconnected(soon(accounts.describe()).await, &["no object 'accounts'"]);
}

/// Answers `add` with a sum, `list` with the arguments, `panic` with a panic, and knows nothing else.
struct Open(Gate);

impl DynamicObject for Open {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        match &*method {
            "add" => {
                let sum = arguments
                    .positional
                    .iter()
                    .filter_map(Value::as_i64)
                    .sum::<i64>();
                Ok(Value::Int(sum.into()))
            }
            "list" => {
                let named = arguments.named.into_iter();
                let named = named.map(|(name, value)| Value::List(vec![Value::Text(name), value]));
                Ok(Value::List(
                    arguments.positional.into_iter().chain(named).collect(),
                ))
            }
            "wait" => {
                self.0.pass().await;
                Ok(Value::Null)
            }
            "panic" => panic!("nothing is open for ever"),
            other => Err(format!("'{other}' means nothing to me")),
        }
    }
}

fn open(house: &House) -> Servant {
    Open(house.gate().clone()).serve()
}

#[tokio::test]
async fn an_open_object_is_asked_for_every_name() {
    let house = House::new().await;
    let open = soon(DynamicProxy::connect(&house.host("open", open(&house))))
        .await
        .unwrap();
    let sum = open.call(
        "add",
        Arguments::positional([Value::Int(40), Value::Int(2)]),
    );
    assert_eq!(soon(sum).await, Ok(Value::Int(42)));
    let both = Arguments {
        positional: vec![Value::Bool(true), Value::Bytes(vec![1])],
        named: vec![
            ("Größe".into(), Value::Float(0.5)),
            ("of".into(), Value::Null),
        ],
    };
    let pair = |name, value| Value::List(vec![text(name), value]);
    let listed = vec![
        Value::Bool(true),
        Value::Bytes(vec![1]),
        pair("Größe", Value::Float(0.5)),
        pair("of", Value::Null),
    ];
    assert_eq!(soon(open.call("list", both)).await, Ok(Value::List(listed)));
    let unknown = soon(open.call("übersetze mich", Arguments::default())).await;
    assert_ends(
        unknown,
        "Failed(Error)",
        &["'übersetze mich' means nothing to me"],
    );
    let panics = soon(open.call("panic", Arguments::default())).await;
    assert_ends(panics, "Failed(Panic)", &["nothing is open for ever"]);
    assert!(soon(open.describe()).await.unwrap().open);
    house.works().await;
}

#[tokio::test]
async fn a_dynamic_call_that_is_dropped_is_cancelled() {
    let house = House::new().await;
    let open = soon(DynamicProxy::connect(&house.host("open", open(&house))))
        .await
        .unwrap();
    {
        let call = open.call("wait", Arguments::default());
        tokio::select! {
            biased;
            () = house.gate().arrived(1) => {}
            result = call => panic!("{result:?}"),
        }
    }
    house.gate().abandoned(1).await;
    house.works().await;
}

#[tokio::test]
async fn a_typed_proxy_finds_no_methods_at_an_open_object() {
    let house = House::new().await;
    let uri = house.host("open", open(&house));
    let desk = soon(DeskProxy::connect(&uri)).await.unwrap();
    assert_ends(
        soon(desk.count()).await,
        "Rejected(UnknownMethod)",
        &["'count'"],
    );
    house.works().await;
}
