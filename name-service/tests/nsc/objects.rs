//! The objects that are called.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farcall_shared::descriptor::{Descriptor, Method, Runs};
use farcall_shared::object::{
    Arguments, DynamicObject, Object, Request, Scratch, Selected, Started,
};
use farcall_shared::shape::Type;
use farcall_shared::streaming::Streaming;
use farcall_shared::value::Value;
use farcall_shared::wire::status::{Refusal, Status};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

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
pub(super) struct Robot {
    pub(super) descriptor: Descriptor,
    calls: Arc<AtomicUsize>,
}

impl Robot {
    pub(super) fn new(calls: &Arc<AtomicUsize>) -> Self {
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

    fn start(&self, request: Request<'_>, scratch: &mut Scratch<'_>) -> Started {
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
                    .encode(&said, scratch.reply, request.max_result_bytes)
                    .unwrap();
                Started::Done(Ok(()))
            }
        }
    }
}

/// Answers any method name with what it was called with; `each` gives it item by item, to a null at most.
pub(super) struct Parrot;

impl DynamicObject for Parrot {
    async fn call(&self, method: String, arguments: Arguments) -> Result<Value, String> {
        if method == "each" {
            let items = stream::iter(arguments.positional).map(|item| match item {
                Value::Null => Err("that was null"),
                item => Ok(item),
            });
            return Ok(Streaming::fallible(items).into());
        }
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
