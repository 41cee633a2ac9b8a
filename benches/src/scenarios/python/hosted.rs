//! What farcall hosts for Python's clients: the methods of `host.py`.

use bytes::Bytes;
use farcall::Daemon;
use farcall::python::{Exception, Members, PyValue, PythonCall, PythonObject, Returned};
use futures_util::stream;

use super::Object;
use crate::peers;

const LINE: &str = "a line of plain text, as programs send them\n";

#[farcall::remote]
trait Worker {
    fn process(&self, data: i64) -> i64;
    fn echo(&self, text: String) -> String;
    fn length(&self, text: String) -> u64;
    fn text(&self, length: usize) -> String;
    fn echo_bytes(&self, data: Bytes) -> Bytes;
    fn size(&self, data: Bytes) -> u64;
    fn blob(&self, size: usize) -> Bytes;
    fn numbers(&self) -> impl Iterator<Item = u64>;
}

struct Typed;

impl Worker for Typed {
    fn process(&self, data: i64) -> i64 {
        data * data
    }

    fn echo(&self, text: String) -> String {
        text
    }

    fn length(&self, text: String) -> u64 {
        text.chars().count() as u64
    }

    fn text(&self, length: usize) -> String {
        let mut text = LINE.repeat(length / LINE.len() + 1);
        text.truncate(length);
        text
    }

    fn echo_bytes(&self, data: Bytes) -> Bytes {
        data
    }

    fn size(&self, data: Bytes) -> u64 {
        data.len() as u64
    }

    fn blob(&self, size: usize) -> Bytes {
        vec![7; size].into()
    }

    fn numbers(&self) -> impl Iterator<Item = u64> {
        1..
    }
}

struct Dynamic;

impl PythonObject for Dynamic {
    fn members(&self) -> Members {
        Members::of("Worker")
            .with_methods(["process", "numbers"])
            .with_attributes(["level"])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        if call.method == "numbers" {
            let numbers = (1..).map(|number: i64| Ok(PyValue::from(number)));
            return Ok(Returned::items(stream::iter(numbers)));
        }
        let [data] = call.arguments([("data", None)])?;
        match data {
            PyValue::Int(number) => Ok(PyValue::Int(number.wrapping_mul(number)).into()),
            _ => Err(Exception::builtin("TypeError", "data must be an int")),
        }
    }

    fn attribute(&self, _name: &str) -> Result<PyValue, Exception> {
        Ok(10.into())
    }
}

pub(super) async fn serve(object: Object) -> anyhow::Result<()> {
    let daemon = Daemon::bind("127.0.0.1:0").await?;
    let servant = match object {
        Object::Typed => Typed.serve(),
        Object::Dynamic => Dynamic.serve(),
    };
    daemon.register("worker", servant)?;
    peers::ready(&daemon.address().to_string()).await
}
