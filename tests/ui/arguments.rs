//! An argument is a name and a type.

#[farcall::remote]
trait Worker {
    fn pattern(&self, (a, b): (u8, u8));
    fn changed(&self, mut data: i64);
    fn referenced(&self, ref data: i64);
    fn unnamed(&self, _: i64);
    fn renamed(&self, #[serde(rename = "x")] data: i64);
    fn sometimes(&self, #[cfg(unix)] data: i64);
    fn quiet(&self, #[allow(unused)] data: i64);
    #[rustfmt::skip]
    fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8);
}

fn main() {}
