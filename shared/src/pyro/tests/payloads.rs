//! Greetings, calls, exceptions and references, read from what real Pyro5 sent and written as it does.

use std::borrow::Cow;

use super::super::message::{BLOB, Head, Limits, Message, STREAM, flag};
use super::super::payload::{
    BATCH, BatchFailure, Blob, CLOSE_STREAM, Call, Connect, Connected, DAEMON_OBJECT, Exception,
    GET_ATTRIBUTE, Invoke, Metadata, NEXT_ITEM, Proxy,
};
use super::super::uri::PyroUri;
use super::super::{PyValue, Serializer};
use super::capture;

const LIMITS: Limits = Limits {
    max_message_bytes: 1 << 20,
    max_annotations_bytes: 1 << 20,
    max_inflated_bytes: 1 << 20,
};

fn message(bytes: &[u8]) -> (Head, Message<'_>, Cow<'_, [u8]>, Serializer) {
    let head = Head::parse(bytes, &LIMITS).unwrap().unwrap();
    let message = Message::parse(head, bytes).unwrap().unwrap();
    let serializer = Serializer::from_number(head.serializer).unwrap();
    (head, message, message.payload(&LIMITS).unwrap(), serializer)
}

fn invoke(name: &str) -> Invoke {
    let bytes = capture(name);
    let (_, _, payload, serializer) = message(&bytes);
    Invoke::decode(serializer, &payload).unwrap()
}

fn result(name: &str) -> PyValue {
    let bytes = capture(name);
    let (_, _, payload, serializer) = message(&bytes);
    serializer.decode(&payload).unwrap()
}

/// The payload of a captured message, and the same once it was read and written.
fn assert_same(name: &str, rewrite: impl FnOnce(Serializer, &[u8], &mut Vec<u8>)) {
    let bytes = capture(name);
    let (_, _, payload, serializer) = message(&bytes);
    let mut again = Vec::new();
    rewrite(serializer, &payload, &mut again);
    let (again, payload) = (again.escape_ascii(), payload.escape_ascii());
    assert_eq!(again.to_string(), payload.to_string(), "{name}");
}

#[test]
fn a_greeting_names_the_object_and_is_answered_with_what_it_offers() {
    for serializer in Serializer::ALL {
        let name = format!("{serializer}-01-connect.1.c2s");
        let bytes = capture(&name);
        let (_, _, payload, _) = message(&bytes);
        let connect = Connect::decode(serializer, &payload).unwrap();
        assert_eq!(connect.object, "compat.object");
        assert_eq!(connect.handshake, "hello".into());
        if serializer != Serializer::Marshal {
            assert_same(&name, |serializer, payload, out| {
                let connect = Connect::decode(serializer, payload).unwrap();
                connect.encode(serializer, out).unwrap();
            });
        }

        let bytes = capture(&format!("{serializer}-01-connect.2.s2c"));
        let (_, _, payload, _) = message(&bytes);
        let metadata = Connected::decode(serializer, &payload)
            .unwrap()
            .metadata
            .unwrap();
        assert_eq!(metadata.methods.len(), 25, "{serializer}");
        assert_eq!(metadata.oneway, ["bump"]);
        let mut attributes = metadata.attributes.clone();
        attributes.sort();
        assert_eq!(attributes, ["level", "version"]);
    }
    assert_same("json-01-connect.2.s2c", |serializer, payload, out| {
        let connected = Connected::decode(serializer, payload).unwrap();
        connected.encode(serializer, out).unwrap();
    });
}

#[test]
fn metadata_may_be_missing() {
    for text in [
        "{'handshake':1,'meta':None}",
        "{'handshake':1,'meta':{}}",
        "{'handshake':1}",
    ] {
        let connected = Connected::decode(Serializer::Serpent, text.as_bytes()).unwrap();
        assert_eq!(connected.metadata, None);
        assert_eq!(connected.handshake, 1i64.into());
    }
    let text = "{'meta':{'methods':['a'],'oneway':(),'attrs':None}}";
    let connected = Connected::decode(Serializer::Serpent, text.as_bytes()).unwrap();
    let methods = vec!["a".to_owned()];
    assert_eq!(
        connected.metadata,
        Some(Metadata {
            methods,
            ..Metadata::default()
        })
    );
    for text in [
        "1",
        "{'meta':1}",
        "{'meta':{'methods':'a'}}",
        "{'meta':{'methods':[1]}}",
    ] {
        assert!(
            Connected::decode(Serializer::Serpent, text.as_bytes()).is_err(),
            "{text}"
        );
    }
    let error = Connect::decode(Serializer::Serpent, b"{'handshake':1}").unwrap_err();
    assert_eq!(error.to_string(), "the object must be str, not NoneType");
}

#[test]
fn a_call_has_positional_and_keyword_arguments_in_every_serializer() {
    for serializer in Serializer::ALL {
        let name = format!("{serializer}-03-invoke-args-kwargs.1.c2s");
        let invoke = invoke(&name);
        assert_eq!(invoke.object, "compat.object");
        assert_eq!(invoke.call.method, "describe");
        assert_eq!(invoke.call.positional, [1i64.into()]);
        assert_eq!(invoke.call.keywords, [("third".to_owned(), "drie".into())]);
        if serializer != Serializer::Marshal {
            assert_same(&name, |serializer, payload, out| {
                let invoke = Invoke::decode(serializer, payload).unwrap();
                invoke.encode(serializer, out).unwrap();
            });
        }
    }
}

#[test]
fn attributes_and_streams_are_calls_of_names_that_have_a_meaning() {
    for serializer in ["serpent", "json", "msgpack"] {
        let read = invoke(&format!("{serializer}-06-getattr.1.c2s")).call;
        assert_eq!(read.method, GET_ATTRIBUTE);
        assert_eq!(
            (read.positional, read.keywords),
            (vec!["level".into()], vec![])
        );
        let next = invoke(&format!("{serializer}-13-stream-end.1.c2s"));
        assert_eq!(
            (next.object.as_str(), next.call.method.as_str()),
            (DAEMON_OBJECT, NEXT_ITEM)
        );
    }
    let close = invoke("serpent-14-stream-close.1.c2s");
    assert_eq!(close.call.method, CLOSE_STREAM);
}

#[test]
fn a_batch_is_a_call_of_calls() {
    for serializer in [Serializer::Serpent, Serializer::Json, Serializer::Msgpack] {
        let invoke = invoke(&format!("{serializer}-09-batch.1.c2s"));
        assert_eq!(invoke.call.method, BATCH);
        let calls = invoke.into_batch().unwrap();
        let methods: Vec<_> = calls.iter().map(|call| call.method.as_str()).collect();
        assert_eq!(methods, ["add", "describe", "divide", "add"]);
        assert_eq!(calls[1].keywords, [("second".to_owned(), 5i64.into())]);
        let mut bytes = Vec::new();
        let again = Invoke::of_batch("o".into(), calls.clone());
        again.encode(serializer, &mut bytes).unwrap();
        let again = Invoke::decode(serializer, &bytes).unwrap();
        assert_eq!(again.into_batch().unwrap(), calls);
    }
    for text in [
        "('o','<batch>',[1],None)",
        "('o','<batch>',[('a',())],None)",
    ] {
        let invoke = Invoke::decode(Serializer::Serpent, text.as_bytes()).unwrap();
        assert!(invoke.into_batch().is_err(), "{text}");
    }
}

#[test]
fn a_call_of_another_shape_says_what_is_wrong_with_it() {
    for (text, why) in [
        (
            "1",
            "a call must be object, method, arguments and keyword arguments, not int",
        ),
        (
            "('o','m',())",
            "a call must be object, method, arguments and keyword arguments, not tuple",
        ),
        ("(1,'m',(),{})", "the object must be str, not int"),
        ("('o',None,(),{})", "the method must be str, not NoneType"),
        (
            "('o','m',1,{})",
            "the arguments must be a list or a tuple, not int",
        ),
        (
            "('o','m',(),[])",
            "the keyword arguments must be a dict or None, not list",
        ),
        (
            "('o','m',(),{1:2})",
            "the keyword arguments must be str, not int",
        ),
    ] {
        let error = Invoke::decode(Serializer::Serpent, text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
    let error = Invoke::decode(Serializer::Json, b"[\"o\",\"m\",[],{}]").unwrap_err();
    assert!(error.to_string().starts_with("a call must be"), "{error}");
}

#[test]
fn an_exception_has_class_arguments_and_traceback() {
    let value = result("serpent-11-stream-open.2.s2c");
    assert!(Exception::is(&value));
    let exception = Exception::from_value(value.clone()).unwrap();
    assert_eq!(exception, Exception::stream());
    assert_eq!(
        (exception.name(), exception.message()),
        ("ProtocolError", Some("result of call is an iterator"))
    );
    assert_eq!(exception.into_value(), value);

    let end = Exception::from_value(Exception::stop_iteration().into_value()).unwrap();
    assert_eq!(end, Exception::stop_iteration());
    assert_eq!((end.name(), end.message()), ("StopIteration", None));

    let lines = vec!["Traceback\n".to_owned(), "  there\n".to_owned()];
    let mut raised = Exception::builtin("KeyError", "k").with_traceback(lines);
    raised.attributes.push(("code".into(), 7i64.into()));
    for serializer in Serializer::ALL {
        let mut bytes = Vec::new();
        serializer
            .encode(&raised.clone().into_value(), &mut bytes)
            .unwrap();
        let value = serializer.decode(&bytes).unwrap();
        assert_eq!(
            Exception::from_value(value).unwrap(),
            raised,
            "{serializer}"
        );
    }
    for text in ["1", "{}", "{'__class__':'X','args':1}", "{'__class__':1}"] {
        let value = Serializer::Serpent.decode(text.as_bytes()).unwrap();
        assert!(!Exception::is(&value));
        assert!(Exception::from_value(value).is_err(), "{text}");
    }
    assert!(!Exception::is(&"text".into()));
}

#[test]
fn a_failure_in_a_batch_is_an_exception_in_a_wrapper() {
    let failure = BatchFailure(Exception::builtin("ZeroDivisionError", "division by zero"));
    let value = failure.clone().into_value();
    assert_eq!(value.class_name(), Some("Pyro5.core._ExceptionWrapper"));
    assert_eq!(BatchFailure::from_value(value), Ok(failure));
    assert!(BatchFailure::from_value(PyValue::None).is_err());
}

#[test]
fn a_stream_is_named_by_an_annotation() {
    for serializer in Serializer::ALL {
        let bytes = capture(&format!("{serializer}-11-stream-open.2.s2c"));
        let (head, message, ..) = message(&bytes);
        assert!(head.has(flag::STREAM) && head.has(flag::EXCEPTION));
        assert_eq!(message.annotations.find(STREAM).map(<[u8]>::len), Some(36));
    }
}

#[test]
fn proxies_and_uris_are_objects_of_known_classes() {
    for serializer in ["serpent", "json", "msgpack"] {
        let [argument] = invoke(&format!("{serializer}-16-proxy-arg.1.c2s"))
            .call
            .positional
            .try_into()
            .unwrap();
        let proxy = Proxy::from_value(&argument).unwrap();
        assert_eq!(proxy.metadata.methods, ["whoami"]);
        assert_eq!(proxy.handshake, "hello".into());
        if serializer == "serpent" {
            assert_eq!(proxy.clone().into_value(), argument);
        }
        let [argument] = invoke(&format!("{serializer}-17-uri-arg.1.c2s"))
            .call
            .positional
            .try_into()
            .unwrap();
        let uri = PyroUri::from_value(&argument).unwrap();
        assert_eq!(uri.to_string(), "PYRO:x@h:1");
    }
    let PyValue::Tuple(found) = result("ns-serpent-05-lookup-meta.2.s2c") else {
        panic!("no tuple");
    };
    assert!(PyroUri::from_value(&found[0]).is_ok());
    assert!(Proxy::from_value(&found[0]).is_err());
}

#[test]
fn a_blob_says_what_it_is_for_and_keeps_its_argument() {
    for serializer in Serializer::ALL {
        let bytes = capture(&format!("{serializer}-27-serializedblob.1.c2s"));
        let (head, message, payload, _) = message(&bytes);
        assert!(head.has(flag::KEEP_SERIALIZED));
        let annotation = message.annotations.find(BLOB).unwrap();
        let blob = Blob::decode(annotation).unwrap();
        assert_eq!(
            (blob.object.as_str(), blob.method.as_str()),
            ("compat.object", "echo")
        );
        assert_eq!(blob.info, "myinfo".into());
        let numbers = [1i64, 2, 3].map(PyValue::from);
        assert_eq!(
            Blob::argument(serializer, &payload),
            Ok(PyValue::List(numbers.into()))
        );
        let mut again = Vec::new();
        blob.clone().encode(&mut again).unwrap();
        assert_eq!(Blob::decode(&again), Ok(blob));
    }
}

#[test]
fn refusals_are_read_whoever_wrote_them() {
    for (name, text) in [
        (
            "misc-pool-full.2.s2c",
            "no free workers, increase server threadpool size",
        ),
        ("misc-bad-first-zeros-reply.1.s2c", "invalid data"),
        (
            "misc-bad-first-wrong-version-reply.1.s2c",
            "invalid protocol version: 501",
        ),
        (
            "misc-bad-first-invoke-before-connect-reply.1.s2c",
            "invalid msg type 4 received (expected: 1)",
        ),
        ("serpent-26-connectfail.2.s2c", "unknown object"),
        ("msgpack-26-connectfail.2.s2c", "unknown object"),
    ] {
        assert_eq!(result(name), text.into(), "{name}");
    }
}

#[test]
fn a_call_without_arguments_is_the_default() {
    let call = Call {
        method: "ping".into(),
        ..Call::default()
    };
    let invoke = Invoke {
        object: "o".into(),
        call,
    };
    let mut out = Vec::new();
    invoke.encode(Serializer::Serpent, &mut out).unwrap();
    assert_eq!(out, b"# serpent utf-8 python3.2\n('o','ping',(),{})");
}
