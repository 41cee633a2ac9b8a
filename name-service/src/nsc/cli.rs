//! The command line of `nsc`.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::arguments::Passing;

/// The longest wait: what connections honour at most.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Asks and changes a farcall name service, and calls the objects that it knows.
#[derive(Debug, Parser)]
#[command(name = "nsc", version, after_help = EXAMPLES)]
pub(super) struct Cli {
    /// The name service: HOST:PORT, HOST or unix:PATH
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "FARCALL_NS",
        default_value = "localhost:9090"
    )]
    pub(super) ns: String,

    /// Print JSON, for programs; errors stay text on stderr
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// The longest to wait for each answer
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) timeout: Duration,

    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List names with where they lead
    #[command(after_help = LIST)]
    List {
        /// A prefix of names, or a pattern if it holds one of * ? [
        #[arg(value_name = "PREFIX|GLOB", default_value = "")]
        pattern: String,
    },
    /// Print where a name leads: one URI a line, for all members of a group
    #[command(after_help = LOOKUP)]
    Lookup {
        /// The name
        name: String,
    },
    /// Register a name for an object, until it is removed; prints the registration's epoch
    #[command(after_help = REGISTER)]
    Register(Register),
    /// Remove a name with all its registrations
    #[command(after_help = REMOVE)]
    Remove {
        /// The name
        name: String,
    },
    /// Print the metadata of a name, or set it to the tags given
    #[command(after_help = META)]
    Meta {
        /// The name
        name: String,
        /// What its metadata is from now on: tags and key=value pairs
        #[arg(value_name = "TAG")]
        tags: Vec<String>,
        /// Leave it no metadata
        #[arg(long, conflicts_with = "tags")]
        clear: bool,
    },
    /// Find names by their metadata (yellow pages)
    #[command(after_help = FIND)]
    Find {
        /// Tags and key=value pairs that must all be there
        #[arg(value_name = "TAG", required = true)]
        tags: Vec<String>,
        /// One of the tags is enough
        #[arg(long)]
        any: bool,
    },
    /// Count the registrations
    #[command(after_help = COUNT)]
    Count,
    /// Print names as they come and go, until ctrl-c
    #[command(after_help = WATCH)]
    Watch {
        /// A prefix of names, or a pattern if it holds one of * ? [
        #[arg(value_name = "PREFIX|GLOB", default_value = "")]
        pattern: String,
    },
    /// See whether the name service answers, and how fast
    #[command(after_help = PING)]
    Ping,
    /// Print the methods of an object: arguments, results, marks and docs
    #[command(after_help = DESCRIBE)]
    Describe {
        /// A name, or a far:, farname: or farmeta: URI
        #[arg(value_name = "NAME|URI")]
        object: String,
    },
    /// Call a method of an object and print its result as JSON, a stream's items as they come
    #[command(after_help = CALL)]
    Call(Call),
    /// Print a script that completes command lines of nsc in a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct Register {
    /// The name
    pub(super) name: String,
    /// Where it leads: far:OBJECT@HOST:PORT or far:OBJECT@unix:PATH
    pub(super) uri: String,
    /// Tags and key=value pairs to find it by
    #[arg(long, value_name = "TAG|KEY=VALUE", num_args = 1..)]
    pub(super) meta: Vec<String>,
    /// Take the name over from whoever has it
    #[arg(long)]
    pub(super) replace: bool,
    /// Become one more member of a group of that name
    #[arg(long, conflicts_with = "replace")]
    pub(super) join: bool,
}

#[derive(Debug, Args)]
pub(super) struct Call {
    /// A name, or a far:, farname: or farmeta: URI
    #[arg(value_name = "NAME|URI")]
    pub(super) object: String,
    /// The method
    pub(super) method: String,
    /// One JSON value for each argument
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub(super) words: Vec<String>,
    /// Let words of the form NAME=JSON be arguments by name
    #[arg(long)]
    named: bool,
}

impl Call {
    pub(super) fn passing(&self) -> Passing {
        match self.named {
            true => Passing::ByName,
            false => Passing::ByPosition,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => {
            let wait = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT);
            Ok(wait.min(LONGEST_WAIT))
        }
        _ => Err("it is not a number of seconds; write one such as 5 or 0.5".into()),
    }
}

const EXAMPLES: &str = "\
Examples:
  nsc list
  nsc register printer far:printer@host:4242 --meta colour
  nsc call worker.1 process 12
  nsc --ns host:9090 --json find gpu zone=a

Exit code: 0 done, 1 it failed (one line on stderr says why), 2 the command line is wrong.
`nsc COMMAND --help` shows examples of a command and what it prints with --json.";

const LIST: &str = "\
Examples:
  nsc list                  every name
  nsc list worker.          names that begin with 'worker.'
  nsc list 'worker.[1-4]'   names that match a pattern

On a terminal it is a table, else a line for each registration: name, URI and metadata, with tabs between.
With --json: [{\"name\": \"w.1\", \"uri\": \"far:w.1@host:4242\", \"metadata\": [\"gpu\"], \"epoch\": 7, \"lease\": null}, …]";

const LOOKUP: &str = "\
Examples:
  nsc lookup worker.1
  nsc --json lookup worker.1

With --json: a list of registrations, as `list` prints it.";

const REGISTER: &str = "\
Examples:
  nsc register printer far:printer@host:4242
  nsc register printer far:printer@host:4242 --meta colour --meta floor=2
  nsc register printer far:printer@other:4242 --replace
  nsc register workers far:w.3@host:4243 --join

With --json: {\"name\": \"printer\", \"uri\": \"far:printer@host:4242\", \"epoch\": 7}";

const REMOVE: &str = "\
Examples:
  nsc remove printer

With --json: {\"name\": \"printer\", \"removed\": 1}, with the number of registrations that it had.";

const META: &str = "\
Examples:
  nsc meta printer                  one tag a line; of a group, the tags of all its members
  nsc meta printer colour floor=2   sets them; others that it had are gone
  nsc meta printer --clear

With --json: {\"name\": \"printer\", \"metadata\": [\"colour\", \"floor=2\"]}";

const FIND: &str = "\
Examples:
  nsc find gpu zone=a          both tags
  nsc find gpu zone=a --any    one of them at least

It prints what `list` prints, also with --json.";

const COUNT: &str = "\
Examples:
  nsc count

With --json: {\"count\": 12}, where each member of a group counts.";

const WATCH: &str = "\
Examples:
  nsc watch
  nsc watch 'worker.*'
  nsc --json watch worker. | while read -r change; do …; done

The names that are there come first, then changes as they happen: '+ NAME URI' for a registration that is new or
has other metadata now, '- NAME' for one that is gone. A restart of the name service is noted on stderr.
With --json one object a line: {\"change\": \"put\", and the fields that `list` prints} or
{\"change\": \"gone\", \"name\": \"w.1\", \"epoch\": 7}";

const PING: &str = "\
Examples:
  nsc ping
  nsc --ns host:9090 --timeout 1 ping

With --json: {\"ns\": \"host:9090\", \"ms\": 0.21}";

const DESCRIBE: &str = "\
Examples:
  nsc describe worker.1
  nsc describe far:worker.1@host:4242
  nsc describe farmeta:gpu,zone=a

Text with a ':' is a URI, any other a name at the name service.
With --json: {\"service\": …, \"doc\": …, \"methods\": [{\"name\": …, \"doc\": …, \"arguments\": [{\"name\": …, \"ty\": …}, …],
\"result\": …, \"runs\": \"Compute\" or \"Async\", \"idempotent\": …, \"oneway\": …, \"signature\": …}, …], \"open\": …}";

const CALL: &str = "\
Examples:
  nsc call worker.1 process 12
  nsc call worker.1 log hello                  text needs no quotes where the method wants text
  nsc call worker.1 move '{\"x\": 1, \"y\": 2}' null
  nsc call worker.1 move to='{\"x\": 1, \"y\": 2}' --named
  nsc call far:worker.1@host:4242 process -12

Text with a ':' is a URI, any other a name at the name service. `nsc describe` shows the methods and their types.
Structs are objects, tuples and lists arrays, enums \"Variant\" or {\"Variant\": content}, bytes a list of numbers
or text, what is optional may be null. The result is JSON, on one line where stdout is no terminal and with --json;
a one-way method prints nothing. Objects that answer any method name are called without checks.";

const COMPLETIONS: &str = "\
Examples:
  nsc completions bash > ~/.local/share/bash-completion/completions/nsc
  nsc completions fish > ~/.config/fish/completions/nsc.fish";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_examples() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let example = format!("nsc {}", command.get_name());
            let mentioned = help.contains(&example)
                || help.contains(&format!("nsc --json {}", command.get_name()));
            assert!(
                help.starts_with("Examples:") && mentioned,
                "{}",
                command.get_name()
            );
        }
    }

    #[test]
    fn seconds_are_any_number_from_zero_and_long_ones_are_cut() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("9460800000"), Ok(LONGEST_WAIT));
        assert_eq!(seconds("inf"), Ok(LONGEST_WAIT));
        for wrong in ["-1", "NaN", "", "5s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn negative_numbers_are_arguments_and_not_options() {
        let cli = Cli::try_parse_from(["nsc", "call", "w", "add", "-5", "-1.5", "--json"]).unwrap();
        let Command::Call(call) = cli.command else {
            panic!("another command")
        };
        assert_eq!(call.words, ["-5", "-1.5"]);
        assert!(cli.json);
    }
}
