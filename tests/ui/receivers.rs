//! A method takes `&self`.

#[farcall::remote]
trait Worker {
    fn none(data: i64) -> i64;
    fn nothing();
    fn by_value(self);
    fn exclusive(&mut self);
    fn counted(self: std::sync::Arc<Self>);
    fn long(self: &Self);
    fn mutable(mut self);
    fn lifetime(&'static self);
    fn marked(#[allow(unused)] &self);
}

fn main() {}
