//! Ordinary objects, called by the names of their methods and arguments.

use farcall::parts::pyro::Serializer;
use farcall::parts::pyro::message::flag;
use farcall::python::PyValue;
use farcall::{Arguments, DynamicObject, Value};

use farcall::error::Rejection;
use farcall::{CallInfo, Hook};

use super::*;

fn point(x: i64, y: i64, label: PyValue) -> PyValue {
    dict([("x", x.into()), ("y", y.into()), ("label", label)])
}

#[tokio::test]
async fn an_object_is_called_with_each_serializer() {
    let (house, _) = museum().await;
    for serializer in Serializer::ALL {
        let mut client = Client::connect_with(house.daemon.address(), "museum", serializer).await;
        assert_eq!(client.call("square", &[12.into()]).await, Ok(144.into()));
        let number = [("number", 5.into())];
        let named = client.call_named("square", &[], &number).await;
        assert_eq!(named, Ok(25.into()));
        assert!(client.metadata.methods.contains(&"shift".to_owned()));
        assert_eq!(client.metadata.oneway, ["close"]);
    }
}

#[tokio::test]
async fn types_arrive_as_pythons_and_come_back_as_they_were() {
    let (_house, mut client) = museum().await;
    let by = tuple([10.into(), 20.into()]);
    let shifted = client
        .call("shift", &[point(1, 2, "a".into()), by.clone()])
        .await;
    assert_eq!(shifted, Ok(point(11, 22, "a".into())));
    // Of a Python class, and without what may be nothing.
    let of_class = dict([
        ("__class__", "there.Point".into()),
        ("x", 1.into()),
        ("y", 2.into()),
    ]);
    let shifted = client.call("shift", &[of_class, by]).await;
    assert_eq!(shifted, Ok(point(11, 22, PyValue::None)));

    let shapes = [
        "Nothing".into(),
        dict([("Circle", 3.into())]),
        dict([("Line", list([1.into(), 2.into()]))]),
        dict([(
            "Named",
            dict([("name", "n".into()), ("at", point(0, 0, PyValue::None))]),
        )]),
    ];
    let shapes = list(shapes);
    assert_eq!(
        client.call("shapes", std::slice::from_ref(&shapes)).await,
        Ok(shapes)
    );

    let bytes = PyValue::Bytes(vec![1, 2, 255]);
    let reversed = client.call("reversed", std::slice::from_ref(&bytes)).await;
    assert_eq!(reversed, Ok(PyValue::Bytes(vec![255, 2, 1])));
    let joined = client.call("joined", &[list([bytes.clone(), bytes])]).await;
    assert_eq!(joined, Ok(PyValue::Bytes(vec![1, 2, 255, 1, 2, 255])));

    let rooms = PyValue::Dict(vec![(7.into(), list(["vase".into()]))]);
    let inventory = client.call("inventory", std::slice::from_ref(&rooms)).await;
    assert_eq!(inventory, Ok(rooms));
    assert_eq!(client.call("half", &[3.into()]).await, Ok(1.5.into()));
    assert_eq!(client.call("maybe", &["a".into()]).await, Ok(PyValue::None));
    let twice = client.call("maybe", &["a".into(), 2.into()]).await;
    assert_eq!(twice, Ok("aa".into()));
    let anything = list([PyValue::None, dict([("a", 1.5.into())])]);
    let same = client.call("anything", std::slice::from_ref(&anything));
    assert_eq!(same.await, Ok(anything));
}

#[tokio::test]
async fn keys_that_json_made_text_of_are_numbers_again() {
    let (house, _) = museum().await;
    let mut client = Client::connect_with(house.daemon.address(), "museum", Serializer::Json).await;
    let rooms = dict([("7", list(["vase".into()]))]);
    let inventory = client.call("inventory", std::slice::from_ref(&rooms)).await;
    assert_eq!(inventory, Ok(rooms));
}

#[tokio::test]
async fn what_does_not_fit_is_a_type_error_that_names_argument_and_type() {
    let (_house, mut client) = museum().await;
    let wrong = point(1, 2, 3.into());
    let shape = list([dict([("Circle", "round".into())])]);
    for (method, arguments, words) in [
        (
            "square",
            &["x".into()][..],
            "square() argument 'number' must be i64, not str",
        ),
        (
            "small",
            &[256.into()],
            "small() argument 'number' must be u8, not the int 256",
        ),
        (
            "shift",
            &[wrong, list([1.into(), 2.into()])],
            "argument 'point', field 'label' must be string, not the int 3",
        ),
        (
            "shapes",
            &[shape],
            "argument 'shapes', item 0 must be u32, not str",
        ),
        (
            "square",
            &[],
            "missing 1 required positional argument: 'number'",
        ),
        (
            "square",
            &[1.into(), 2.into()],
            "square() takes 2 positional arguments but 3 were given",
        ),
    ] {
        let answer = client.call(method, arguments).await;
        assert_raises(answer, "builtins.TypeError", words);
    }
    assert_eq!(client.call("square", &[2.into()]).await, Ok(4.into()));
}

#[tokio::test]
async fn a_failure_is_an_exception_and_harms_nobody() {
    let (_house, mut client) = museum().await;
    let fine = client.call("checked", &[true.into()]).await;
    assert_eq!(fine, Ok(point(1, 2, PyValue::None)));
    let failed = client.call("checked", &[false.into()]).await;
    assert_raises(failed, "builtins.RuntimeError", "nothing is fine");
    let panicked = client.call("panics", &[]).await;
    assert_raises(panicked, "builtins.RuntimeError", "it fell off the wall");
    let private = client.call("_square", &[]).await;
    assert_raises(
        private,
        "builtins.AttributeError",
        "private attribute '_square'",
    );
    let unknown = client.call("cube", &[]).await;
    let words = "'Museum' object has no attribute 'cube'";
    assert_raises(unknown, "builtins.AttributeError", words);
    client.object = "nowhere".to_owned();
    let nobody = client.call("square", &[]).await.unwrap_err();
    assert_eq!(nobody.class, "Pyro5.errors.DaemonError");
}

#[tokio::test]
async fn annotations_and_correlation_ids_are_metadata_and_come_back() {
    let (_house, mut client) = museum().await;
    let invoke = client.invoke("marked", &[]);
    client.ask(0, &[(*b"MARK", b"so")], invoke).await;
    let came = client.answer().await;
    assert_eq!(came.annotations, [(*b"BACK", b"so".to_vec())]);
    let correlation = came.head.correlation.unwrap();
    let text = format!("{:032x}", u128::from_be_bytes(correlation));
    assert_eq!(client.value(&came), Ok(text.into()));
}

#[tokio::test]
async fn a_batch_runs_in_turn_up_to_the_first_failure() {
    let (_house, mut client) = museum().await;
    let call = |method: &str, argument: PyValue| {
        tuple([method.into(), tuple([argument]), PyValue::Dict(vec![])])
    };
    let calls = [
        call("square", 2.into()),
        call("checked", false.into()),
        call("square", 3.into()),
    ];
    client
        .ask(flag::BATCH, &[], client.invoke("<batch>", &calls))
        .await;
    let came = client.answer().await;
    assert!(came.head.has(flag::BATCH));
    let PyValue::List(results) = client.value(&came).unwrap() else {
        panic!("no list");
    };
    assert_eq!(results.len(), 2);
    assert_eq!(results[0], 4.into());
    let wrapped = results[1].class_name();
    assert_eq!(wrapped, Some("Pyro5.core._ExceptionWrapper"));

    let calls = [call("square", 2.into()), call("cube", 3.into())];
    client
        .ask(flag::BATCH, &[], client.invoke("<batch>", &calls))
        .await;
    let came = client.answer().await;
    assert_raises(client.value(&came), "builtins.AttributeError", "'cube'");
}

/// Answers any name with it and its arguments.
struct Parrot;

impl DynamicObject for Parrot {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        let mut said = vec![method.into()];
        said.extend(arguments.positional);
        Ok(Value::List(said))
    }
}

#[tokio::test]
async fn an_object_that_tells_no_methods_is_called_by_their_names() {
    let house = House::new().await;
    house.host("parrot", Parrot.serve());
    let mut client = Client::connect(house.daemon.address(), "parrot").await;
    assert_eq!(client.metadata.methods, ["invoke"]);
    let said = list(["sing".into(), 1.into()]);
    let named = client.call("invoke", &["sing".into(), 1.into()]).await;
    assert_eq!(named, Ok(said.clone()));
    assert_eq!(client.call("sing", &[1.into()]).await, Ok(said));
    let private = client.call("invoke", &["_sing".into()]).await;
    assert_raises(
        private,
        "builtins.AttributeError",
        "private attribute '_sing'",
    );
    let nameless = client.call("invoke", &[1.into()]).await;
    assert_raises(nameless, "builtins.TypeError", "the name of a method");
}

/// Lets nobody square.
struct NoSquares;

impl Hook for NoSquares {
    fn before(&self, call: &CallInfo) -> Result<(), Rejection> {
        match call.method() {
            "square" => Err(Rejection::Unauthorised("nobody may".into())),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn what_a_hook_refuses_is_a_security_error() {
    let house = House::with(Daemon::builder().hook(NoSquares)).await;
    house.host("museum", Hall.serve());
    let mut client = Client::connect(house.daemon.address(), "museum").await;
    let refused = client.call("square", &[3.into()]).await;
    assert_raises(refused, "Pyro5.errors.SecurityError", "nobody may");
    assert_eq!(client.call("half", &[3.into()]).await, Ok(1.5.into()));
}
