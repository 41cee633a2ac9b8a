//! Arguments, types and methods may be called what generated code might call its own.
#![deny(warnings)]

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct T(u8);
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct R(T);
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct S(R);
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arc;
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Future;
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure;

pub type Result<T> = std::result::Result<T, Failure>;

pub trait Call {}
pub trait Send {}
pub trait Sized {}

#[farcall::remote]
pub trait Clash {
    fn locals(&self, ctx: u8, req: u8, self_: u8, service: u8, context: u8, request: u8, reply: u8, value: u8) -> u8;
    async fn others(&self, object: u8, transport: u8, f: u8, remote: u8, stub: u8, uri: u8) -> u8;
    fn generics(&self, t: T, r: R, s: Option<S>) -> Vec<(T, R, S)>;
    async fn shadows(&self, arc: Arc, future: Future) -> Result<Arc>;
    fn r#type(&self, r#match: u8) -> u8;
    fn call(&self, send: u8) -> u8;
    fn send(&self);
    fn name(&self) -> String;
    fn fmt(&self, _unused: u8, f: u8);
    fn from(&self);
    fn into(&self);
    fn default(&self, __request: (u8, [u8; 4])) -> ();
}

struct Object;

impl Clash for Object {
    fn locals(&self, ctx: u8, req: u8, self_: u8, service: u8, context: u8, request: u8, reply: u8, value: u8) -> u8 {
        ctx + req + self_ + service + context + request + reply + value
    }
    async fn others(&self, object: u8, transport: u8, f: u8, remote: u8, stub: u8, uri: u8) -> u8 {
        object + transport + f + remote + stub + uri
    }
    fn generics(&self, t: T, r: R, s: Option<S>) -> Vec<(T, R, S)> {
        s.into_iter().map(|s| (t.clone(), r.clone(), s)).collect()
    }
    async fn shadows(&self, arc: Arc, _: Future) -> Result<Arc> {
        Ok(arc)
    }
    fn r#type(&self, r#match: u8) -> u8 {
        r#match
    }
    fn call(&self, send: u8) -> u8 {
        send
    }
    fn send(&self) {}
    fn name(&self) -> String {
        String::new()
    }
    fn fmt(&self, _: u8, _: u8) {}
    fn from(&self) {}
    fn into(&self) {}
    fn default(&self, _: (u8, [u8; 4])) {}
}

#[farcall::remote]
trait r#Loop {
    fn r#loop(&self);
}

fn main() {
    let _ = Object.serve();
    let _ = (ClashBlocking::r#type, ClashBlocking::from, LoopBlocking::r#loop);
    let method = &ClashProxy::descriptor().methods[4];
    assert_eq!(method.name, "type");
    assert_eq!(LoopProxy::descriptor().service, "Loop");
}
