//! Marks are bare words that fit the method.

#[farcall::remote]
trait Worker {
    #[oneway]
    fn log(&self, line: String) -> bool;
    #[oneway]
    async fn fail(&self) -> Result<(), String>;
    #[idempotent(true)]
    fn process(&self, data: i64) -> i64;
    #[oneway = "yes"]
    fn send(&self);
    #[cfg(unix)]
    fn sometimes(&self);
    #[cfg_attr(unix, oneway)]
    fn either(&self);
}

fn main() {}
