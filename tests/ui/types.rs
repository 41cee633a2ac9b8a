//! Only types that serde can carry and that have a name can travel.

#[farcall::remote]
trait Worker {
    fn anything(&self, data: impl Display);
    fn dynamic(&self, data: Box<dyn Display>) -> Result<(), Box<dyn std::error::Error + Send>>;
    fn stream(&self) -> Option<impl Stream<Item = u64>>;
    async fn iterator(&self) -> impl Iterator<Item = u64>;
    fn future(&self) -> impl Future<Output = u64>;
    fn some(&self) -> impl Display;
    fn own(&self, other: Self) -> Vec<Self>;
    fn associated(&self, item: Self::Item);
    fn never(&self) -> !;
    fn callback(&self, run: fn(u8) -> u8);
    fn pointer(&self, at: *const u8);
    fn inferred(&self, data: Vec<_>);
}

fn main() {}
