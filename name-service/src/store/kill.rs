//! A process that is killed while it registers names loses none that it had acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use farcall_shared::names::Epoch;

use super::tests::{everything, keep, open, own};

/// Tells the child where its store is; nobody else sets it.
const PATH_VARIABLE: &str = "FARCALL_TEST_KILL_STORE";

/// The child: registers names in batches and says which were kept, until it is killed.
#[test]
fn a_child_registers_names_until_it_is_killed() {
    let Ok(path) = std::env::var(PATH_VARIABLE) else {
        return;
    };
    let (mut store, mut registry) = open(Path::new(&path)).unwrap();
    println!("\nserving {}", registry.count());
    loop {
        let batch: Vec<(String, Epoch)> = (0..fastrand::usize(1..5))
            .map(|_| format!("name.{:016x}", fastrand::u64(..)))
            .map(|name| (name.clone(), own(&mut registry, &name, None)))
            .collect();
        keep(&mut store, &mut registry);
        for (name, epoch) in batch {
            println!("\nkept {name} {epoch}");
        }
    }
}

#[test]
fn a_killed_store_has_every_acknowledged_name_and_its_epochs_go_on() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("names");
    let child_name = module_path!().split_once("::").unwrap().1.to_owned()
        + "::a_child_registers_names_until_it_is_killed";
    let mut acknowledged: Vec<(String, Epoch)> = Vec::new();
    for round in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&child_name, "--exact", "--nocapture"])
            .env(PATH_VARIABLE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        assert!(
            lines.any(|line| line.starts_with("serving")),
            "the child did not start"
        );
        let before = acknowledged.len();
        let wanted = random.usize(0..100);
        // A number of turns that differs, so that the kill meets every part of a commit.
        let spins = random.u32(0..2_000_000);
        let mut take = |line: String| {
            if let Some((name, epoch)) = line.strip_prefix("kept ").and_then(|l| l.split_once(' '))
            {
                acknowledged.push((name.to_owned(), epoch.parse().unwrap()));
            }
        };
        lines.by_ref().take(2 * wanted).for_each(&mut take);
        for turn in 0..spins {
            std::hint::black_box(turn);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What stood in the pipe when it died was acknowledged too; the last line may be cut.
        let rest: Vec<String> = lines.collect();
        rest[..rest.len().saturating_sub(1)]
            .iter()
            .cloned()
            .for_each(&mut take);
        assert!(
            acknowledged.is_sorted_by(|a, b| a.1 < b.1),
            "epochs do not grow"
        );

        let (mut store, mut registry) = open(&path).unwrap();
        let kept = everything(&registry);
        let (new, all) = (acknowledged.len() - before, kept.len());
        println!("round {round}: {new} acknowledged, {all} kept");
        for (name, epoch) in &acknowledged {
            let entry = kept.iter().find(|entry| entry.name == *name);
            assert!(
                entry.is_some_and(|entry| entry.epoch == *epoch),
                "lost {name} {epoch}"
            );
        }
        let last = kept.iter().map(|entry| entry.epoch).max().unwrap_or(0);
        let name = format!("parent.{round}");
        let epoch = own(&mut registry, &name, None);
        assert!(epoch > last);
        keep(&mut store, &mut registry);
        acknowledged.push((name, epoch));
    }
}
