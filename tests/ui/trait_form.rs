//! A remote trait has a name and methods; all that is more is refused at once.

#[farcall::remote]
unsafe trait Worker<'a, T: Clone>: Clone + std::fmt::Debug
where
    T: 'a,
{
    type Item;
    const COUNT: usize;
    println!();
    pub fn process(&self, data: i64) -> i64;
    fn sound(&self);
}

fn main() {}
