//! A method is declared, with plain `fn` or `async fn`, and is not generic.

#[farcall::remote]
trait Worker {
    fn body(&self) -> i64 {
        1
    }
    unsafe fn risky(&self);
    const fn early(&self);
    extern "C" fn foreign(&self);
    fn generic<T>(&self, data: T)
    where
        T: Clone;
    fn lifetime<'a>(&'a self, data: i64);
}

fn main() {}
