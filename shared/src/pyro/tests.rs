//! Against what real Pyro5 sent and against itself.

mod captures;
mod messages;
mod payloads;
mod readers;
mod rounds;
mod values;

/// What Pyro5 5.17 (serpent 1.43, msgpack 1.2.4, Python 3.11) sent: a name and a whole message in hex, one a line.
const CAPTURES: &str = include_str!("tests/captures.txt");

/// The message of this name.
fn capture(name: &str) -> Vec<u8> {
    let mut all = captures();
    let found = all.find(|(found, _)| *found == name);
    found.unwrap_or_else(|| panic!("no capture {name}")).1
}

fn captures() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    CAPTURES.lines().map(|line| {
        let (name, hex) = line.split_once(' ').expect("a name and hex");
        (name, unhex(hex))
    })
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}
