//! Arguments and results own what they hold, all the way down.

#[farcall::remote]
trait Worker {
    fn text(&self, line: &str);
    fn bytes(&self, data: &[u8]);
    fn other(&self, path: &std::path::Path, map: &mut std::collections::HashMap<String, u8>);
    fn constant(&self) -> &'static str;
    fn result(&self) -> &[&str];
    fn within(&self, line: Option<&str>, all: Vec<&[u8]>, pair: (u8, &u8)) -> Result<(), &str>;
    fn unsized_ones(&self, line: str, data: [u8]);
    fn lifetimes(&self, line: Cow<'_, str>, fine: Cow<'static, str>) -> Cow<'a, str>;
    fn array(&self, lines: [&str; 3]);
}

fn main() {}
