//! What `nsc` prints on stdout: text for people, tables, JSON.

use std::io::{self, IsTerminal as _, Write as _};

use farcall_shared::names::Entry;
use serde::Serialize;

/// The most characters of a text that an error repeats.
const MAX_ECHO_CHARS: usize = 80;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// For people at a terminal.
    Terminal,
    /// For a pipe or a file.
    Plain,
    /// For programs.
    Json,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Terminal,
            (false, false) => Self::Plain,
        }
    }

    /// Prints text, or what it says as JSON.
    pub(super) fn print(self, text: &str, json: &impl Serialize) -> anyhow::Result<()> {
        match self {
            Self::Json => print_json(json),
            Self::Terminal | Self::Plain => print(text),
        }
    }

    /// Prints registrations: a table, lines with tabs, or JSON.
    pub(super) fn entries(self, entries: &[Entry]) -> anyhow::Result<()> {
        match self {
            Self::Json => print_json(&entries),
            Self::Terminal => write(table(entries).as_bytes()),
            Self::Plain => write(tabbed(entries).as_bytes()),
        }
    }
}

/// Prints a line.
pub(super) fn print(line: &str) -> anyhow::Result<()> {
    write(format!("{line}\n").as_bytes())
}

/// Prints a value as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string(value)?)
}

/// Writes to stdout at once, so that a reader sees every line when it comes.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// The text on one line that does nothing to a terminal: white space is a space, control characters are spelled out.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(visible).collect();
    words.join(" ")
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// The beginning of a text, for errors that repeat it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_ECHO_CHARS) {
        Some((end, _)) => format!("{}…", visible(text.get(..end).unwrap_or_default())),
        None => visible(text),
    }
}

fn tags(entry: &Entry) -> String {
    let tags: Vec<&str> = entry.metadata.iter().map(String::as_str).collect();
    tags.join(",")
}

fn tabbed(entries: &[Entry]) -> String {
    let mut lines = String::new();
    for entry in entries {
        let cells = [&entry.name, &entry.uri, &tags(entry)].map(|cell| visible(cell));
        lines.push_str(&cells.join("\t"));
        lines.push('\n');
    }
    lines
}

fn table(entries: &[Entry]) -> String {
    let heading = ["NAME", "URI", "METADATA"].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(heading)
        .chain(
            entries
                .iter()
                .map(|entry| [&entry.name, &entry.uri, &tags(entry)].map(|cell| visible(cell))),
        )
        .collect();
    let width = |column: fn(&[String; 3]) -> &String| {
        rows.iter()
            .map(|row| column(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, uris) = (width(|row| &row[0]), width(|row| &row[1]));
    let mut lines = String::new();
    for [name, uri, tags] in &rows {
        let line = format!("{name:names$}  {uri:uris$}  {tags}");
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, uri: &str, tags: &[&str]) -> Entry {
        Entry {
            name: name.into(),
            uri: uri.into(),
            metadata: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            epoch: 1,
            lease: None,
        }
    }

    #[test]
    fn a_table_is_aligned_and_has_no_space_at_the_end_of_a_line() {
        let entries = [
            entry("é", "far:e@h:1", &[]),
            entry("worker", "far:w@h:1", &["gpu", "zone=a"]),
        ];
        let expected = "NAME    URI        METADATA\n\
                        é       far:e@h:1\n\
                        worker  far:w@h:1  gpu,zone=a\n";
        assert_eq!(table(&entries), expected);
        assert_eq!(
            tabbed(&entries),
            "é\tfar:e@h:1\t\nworker\tfar:w@h:1\tgpu,zone=a\n"
        );
    }

    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        let text = "it panicked: assertion failed\n  left: 1\r\n right: \u{1b}[31m2";
        assert_eq!(
            one_line(text),
            "it panicked: assertion failed left: 1 right: \\u{1b}[31m2"
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(100)), format!("{}…", "é".repeat(80)));
        assert_eq!(shortened(&"é".repeat(80)), "é".repeat(80));
    }
}
