//! References and streams where no types are known.

use farcall::{Arguments, Daemon, DynamicObject, DynamicProxy, Proxy, Streaming, Value};
use futures_util::{TryStreamExt, stream};

use super::{Ear, HubProxy, ListenerProxy, Town};
use crate::harness::{LOOPBACK, soon};

fn text(text: &str) -> Value {
    Value::from(text)
}

fn arguments<const N: usize>(values: [Value; N]) -> Arguments {
    Arguments::positional(values)
}

#[tokio::test]
async fn a_caller_without_types_gets_objects_and_streams_and_gives_them() {
    let town = Town::new().await;
    let hub = soon(DynamicProxy::connect(&town.uri)).await.unwrap();

    let counter = soon(hub.call("counter", arguments([]))).await.unwrap();
    let Value::Object(reference) = &counter else {
        panic!("{counter}");
    };
    assert!(counter.to_string().starts_with("<object "), "{counter}");
    let counter = DynamicProxy::from_reference(reference.clone());
    assert_eq!(
        soon(counter.call("next", arguments([]))).await,
        Ok(Value::Int(0))
    );

    let counted = soon(hub.call("count_to", arguments([Value::Int(3)]))).await;
    let Ok(Value::Stream(items)) = counted else {
        panic!("{counted:?}");
    };
    let again = items.clone();
    let counted: Vec<Value> = soon(items.take().unwrap().try_collect()).await.unwrap();
    assert_eq!(counted, [1, 2, 3].map(Value::Int));
    assert!(again.take().is_none());

    let ear = Ear::default();
    let me = ListenerProxy::local(ear.clone());
    let joined = hub.call("join", arguments([me.reference().into()]));
    assert_eq!(soon(joined).await, Ok(Value::Null));
    let told = hub.call("tell", arguments([text("all")]));
    assert_eq!(soon(told).await, Ok(Value::Int(1)));
    assert_eq!(*ear.heard.lock().unwrap(), ["all"]);

    let numbers = Streaming::new(stream::iter([1, 2, 3].map(Value::Int)));
    let sum = hub.call("sum", arguments([numbers.into()]));
    assert_eq!(soon(sum).await, Ok(Value::Int(6)));

    // In a batch, too.
    let mut batch = hub.batch();
    let bounced = batch.call("bounce", arguments([me.reference().into()]));
    soon(batch.send()).await.unwrap();
    let Ok(Value::Object(reference)) = soon(bounced).await else {
        panic!("it came back as something else");
    };
    assert_eq!(reference, me.reference());
}

/// Answers any name: gives each object and stream back, among others.
struct Mirror;

impl DynamicObject for Mirror {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        let first = arguments.positional.first().cloned();
        match (method.as_str(), first) {
            ("ask", Some(Value::Object(reference))) => {
                let hub = HubProxy::from_reference(reference);
                let echoed = hub.echo("from afar".into()).await;
                echoed.map(Value::from).map_err(|e| e.to_string())
            }
            ("letters", _) => {
                let letters = stream::iter(["a", "b"].map(Value::from));
                Ok(Streaming::new(letters).into())
            }
            (_, first) => Ok(Value::List(vec![Value::Null, first.unwrap_or_default()])),
        }
    }
}

#[tokio::test]
async fn an_object_without_types_gets_objects_and_streams_and_gives_them() {
    let town = Town::new().await;
    let daemon = Daemon::bind(LOOPBACK).await.unwrap();
    let uri = daemon
        .register("mirror", Mirror.serve())
        .unwrap()
        .to_string();
    let mirror = soon(DynamicProxy::connect(&uri)).await.unwrap();
    // One that is elsewhere, by its URI.
    let asked = mirror.call("ask", arguments([town.hub.reference().into()]));
    assert_eq!(soon(asked).await, Ok(text("from afar")));

    let me = ListenerProxy::local(Ear::default()).reference();
    let back = soon(mirror.call("back", arguments([me.clone().into()]))).await;
    assert_eq!(back, Ok(Value::List(vec![Value::Null, Value::Object(me)])));

    let letters = soon(mirror.call("letters", arguments([]))).await;
    let Ok(Value::Stream(letters)) = letters else {
        panic!("{letters:?}");
    };
    // What arrived is sent on.
    let back = soon(mirror.call("back", arguments([Value::Stream(letters)]))).await;
    let Ok(Value::List(list)) = back else {
        panic!("{back:?}");
    };
    let Value::Stream(letters) = &list[1] else {
        panic!("{list:?}");
    };
    let letters: Vec<Value> = soon(letters.take().unwrap().try_collect()).await.unwrap();
    assert_eq!(letters, [text("a"), text("b")]);

    // Data that only looks like one is data.
    let map = Value::Map(vec![(text("farcall:attached"), Value::Int(0))]);
    let back = soon(mirror.call("back", arguments([map.clone()]))).await;
    assert_eq!(back, Ok(Value::List(vec![Value::Null, map])));
}
