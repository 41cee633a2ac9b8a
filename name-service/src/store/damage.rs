//! Damaged files: each opens with exactly the right data or is refused and left as it is.

use std::fs;
use std::path::Path;

use farcall_shared::names::Entry;
use tempfile::TempDir;

use super::tests::{everything, keep, open, own};

/// The part of the file that redb's header takes, and where its flags are.
const HEADER_BYTES: usize = 320;
const FLAGS_OFFSET: usize = 9;

fn random() -> fastrand::Rng {
    let seed = std::env::var("FARCALL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("FARCALL_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// A directory in memory where there is one: thousands of files are opened here, each with syncs.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// How the process ended that had the store open.
#[derive(Clone, Copy, Debug)]
enum End {
    Closed,
    Killed,
}

/// The bytes of a real store after many batches, and what it holds.
fn sample(path: &Path, end: End) -> (Vec<u8>, Vec<Entry>) {
    let (mut store, mut registry) = open(path).unwrap();
    for i in 0..40 {
        let lease = registry.grant(super::tests::NOW, 5_000).unwrap().id;
        for j in 0..20 {
            own(&mut registry, &format!("object.{i}.{j}"), Some(lease));
        }
        if i % 3 == 0 {
            registry.remove(&format!("object.{i}.7"));
        }
        keep(&mut store, &mut registry);
    }
    let bytes = match end {
        // What a process that is killed now would leave: all that was written is in the file.
        End::Killed => fs::read(path).unwrap(),
        End::Closed => {
            drop(store);
            fs::read(path).unwrap()
        }
    };
    (bytes, everything(&registry))
}

/// Opens a damaged file; answers whether it was refused.
fn judge(path: &Path, bytes: &[u8], expected: &[Entry], what: &str) -> bool {
    fs::write(path, bytes).unwrap();
    match open(path) {
        Ok((_, registry)) => {
            assert!(
                everything(&registry) == expected,
                "{what}: opened with other data"
            );
            false
        }
        Err(error) => {
            assert!(
                fs::read(path).unwrap() == bytes,
                "{what}: refused but written ({error})"
            );
            true
        }
    }
}

#[test]
fn a_flipped_bit_is_found_or_does_not_matter() {
    let mut random = random();
    for end in [End::Closed, End::Killed] {
        let directory = directory();
        let (mut bytes, expected) = sample(&directory.path().join("sample"), end);
        let path = directory.path().join("damaged");
        assert!(!judge(&path, &bytes, &expected, "sound"));
        // Most of the file is free pages: aim at those in use too.
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let mut refused = 0;
        for i in 0..200 {
            let any = random.usize(0..bytes.len());
            let at = if i % 2 == 0 {
                any
            } else {
                used[random.usize(0..used.len())]
            };
            let bit = 1 << random.u8(0..8);
            bytes[at] ^= bit;
            let what = format!("{end:?}, bit {bit} at {at} of {}", bytes.len());
            refused += usize::from(judge(&path, &bytes, &expected, &what));
            bytes[at] ^= bit;
        }
        println!("{end:?}: {refused} of 200 refused");
        assert!(refused > 0, "no flip hit what is in use");
    }
}

#[test]
fn a_flipped_bit_in_the_header_is_found_or_does_not_matter() {
    let mut random = random();
    for end in [End::Closed, End::Killed] {
        let directory = directory();
        let (mut bytes, expected) = sample(&directory.path().join("sample"), end);
        let path = directory.path().join("damaged");
        for at in 0..HEADER_BYTES {
            // All bits of the flags; of each byte else one, as there are 5,000 in all.
            let one = random.u32(0..8);
            let bits = if at == FLAGS_OFFSET {
                0..8
            } else {
                one..one + 1
            };
            for bit in bits.map(|bit| 1 << bit) {
                bytes[at] ^= bit;
                judge(
                    &path,
                    &bytes,
                    &expected,
                    &format!("{end:?}, bit {bit} at {at}"),
                );
                bytes[at] ^= bit;
            }
        }
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let mut random = random();
    for end in [End::Closed, End::Killed] {
        let directory = directory();
        let (bytes, expected) = sample(&directory.path().join("sample"), end);
        let path = directory.path().join("damaged");
        for i in 0..60 {
            let len = if i < 20 {
                4096 * i
            } else {
                random.usize(0..bytes.len())
            };
            judge(
                &path,
                &bytes[..len],
                &expected,
                &format!("{end:?}, {len} of {}", bytes.len()),
            );
        }
    }
}

#[test]
fn an_overwritten_stretch_is_found_or_does_not_matter() {
    let mut random = random();
    let directory = directory();
    let (bytes, expected) = sample(&directory.path().join("sample"), End::Closed);
    let path = directory.path().join("damaged");
    for _ in 0..60 {
        let mut damaged = bytes.clone();
        let start = random.usize(0..bytes.len());
        let end = (start + random.usize(1..20_000)).min(bytes.len());
        match random.bool() {
            true => damaged[start..end].fill(0),
            false => damaged[start..end].fill_with(|| random.u8(..)),
        }
        judge(&path, &damaged, &expected, &format!("{start}..{end}"));
    }
}

#[test]
fn random_bytes_are_refused() {
    let mut random = random();
    let directory = directory();
    let path = directory.path().join("damaged");
    for i in 0..100 {
        let mut bytes: Vec<u8> = (0..random.usize(0..50_000))
            .map(|_| random.u8(..))
            .collect();
        // Half of them begin as a redb file does.
        if i % 2 == 0 && bytes.len() > 9 {
            bytes[..9].copy_from_slice(b"redb\x1A\x0A\xA9\x0D\x0A");
        }
        assert!(judge(&path, &bytes, &[], "random bytes"));
    }
}
