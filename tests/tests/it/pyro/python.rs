//! Objects that offer what only Python has.

use farcall::python::{Members, PythonCall, PythonObject, Returned};
use farcall::{Arguments, DynamicProxy, Value};

use super::*;

/// Has an attribute, a special method and a panic.
struct Shelf;

impl PythonObject for Shelf {
    fn members(&self) -> Members {
        Members::of("Shelf")
            .with_methods(["__len__", "echo", "fall"])
            .with_attributes(["size"])
            .with_hidden(["inner"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        match call.method.as_str() {
            "__len__" => Ok(7.into()),
            "fall" => panic!("it fell"),
            _ => {
                let [value] = call.arguments([("value", None)])?;
                Ok(value.into())
            }
        }
    }

    fn attribute(&self, _: &str) -> Result<PyValue, Exception> {
        Ok(3.into())
    }
}

#[tokio::test]
async fn attributes_and_special_methods_are_those_that_are_offered() {
    let house = House::new().await;
    house.host("shelf", Shelf.serve());
    let mut client = Client::connect(house.daemon.address(), "shelf").await;
    assert_eq!(client.metadata.attributes, ["size"]);
    assert_eq!(client.call("__len__", &[]).await, Ok(7.into()));
    assert_eq!(
        client.call("__getattr__", &["size".into()]).await,
        Ok(3.into())
    );
    let set = client.call("__setattr__", &["size".into(), 4.into()]).await;
    assert_raises(set, "builtins.AttributeError", "cannot be set");
    let other = client.call("__getattr__", &["inner".into()]).await;
    assert_raises(other, "builtins.AttributeError", "unexposed or unknown");
    let hidden = client.call("inner", &[]).await;
    assert_raises(
        hidden,
        "builtins.AttributeError",
        "unexposed attribute 'inner'",
    );
    let fell = client.call("fall", &[]).await;
    assert_raises(fell, "builtins.RuntimeError", "it fell");
    let complex = PyValue::Complex(1.0, 2.0);
    let same = client.call("echo", std::slice::from_ref(&complex)).await;
    assert_eq!(same, Ok(complex));
}

#[tokio::test]
async fn farcalls_own_callers_call_them_by_name() {
    let house = House::new().await;
    let uri = house.host("shelf", Shelf.serve());
    let proxy = soon(DynamicProxy::connect(&uri)).await.unwrap();
    let arguments = Arguments::positional([Value::from("x")]);
    let answer = soon(proxy.call("echo", arguments)).await;
    assert_eq!(answer, Ok(Value::from("x")));
}
