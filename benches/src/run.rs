//! The parent: starts a server and a client for every measurement, peers in turn, round after round.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::client::{Measured, cpu_us};
use crate::peers::PeerName;
use crate::report::{self, Sample};
use crate::scenario::Scenario;
use crate::{Arguments, Pin};

pub(crate) fn all(arguments: &Arguments) -> anyhow::Result<()> {
    let mut samples = Vec::new();
    for &scenario in &arguments.scenarios {
        for round in 1..=arguments.rounds {
            for &peer in &arguments.peers {
                let what = format!("{} of {}, round {round}", scenario.name, peer.text());
                eprintln!("{what}");
                samples.push(one(arguments, scenario, peer).with_context(|| what)?);
            }
        }
    }
    report::print(arguments, &samples)
}

fn one(arguments: &Arguments, scenario: Scenario, peer: PeerName) -> anyhow::Result<Sample> {
    let mut server = start(arguments, scenario, peer, &["--role", "server"])?;
    let address = first_line(&mut server)?;
    let pid = server.id().to_string();
    let cpu_before = cpu_us(&pid)?;
    let client = start(
        arguments,
        scenario,
        peer,
        &["--role", "client", "--address", &address],
    )
    .and_then(|mut client| {
        let line = first_line(&mut client)?;
        client.wait()?;
        Ok(serde_json::from_str::<Measured>(&line)?)
    });
    let server_cpu_us = cpu_us(&pid)? - cpu_before;
    // Closing its input ends it.
    drop(server.stdin.take());
    server.wait()?;
    Ok(Sample {
        scenario,
        peer,
        server_cpu_us,
        measured: client?,
    })
}

fn start(
    arguments: &Arguments,
    scenario: Scenario,
    peer: PeerName,
    more: &[&str],
) -> anyhow::Result<Child> {
    let me = std::env::current_exe()?;
    let mut command = match arguments.pin {
        Pin::Free => Command::new(me),
        Pin::One => {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(me);
            command
        }
    };
    let seconds = arguments.seconds.to_string();
    command
        .args([
            "--scenarios",
            scenario.name,
            "--peers",
            peer.text(),
            "--seconds",
            &seconds,
        ])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
        .spawn()
        .context("cannot start a process of its own (is taskset there?)")
}

fn first_line(child: &mut Child) -> anyhow::Result<String> {
    let out = child.stdout.as_mut().context("no output to read")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    anyhow::ensure!(!line.is_empty(), "it ended without a word");
    Ok(line.trim().to_owned())
}
