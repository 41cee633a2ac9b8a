//! The server's directory.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use farcall::Streaming;
use tokio::task::spawn_blocking;

use super::{Checksum, Draft, Entry, Files, Piece, check_name, receive, send};

/// The most files that are listed.
const MOST_ENTRIES: usize = 100_000;

/// The [`Files`] of a directory. What lies in directories below it, links and hidden files are none of them.
#[derive(Clone, Debug)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// That of a directory.
    ///
    /// # Errors
    /// It is none, or cannot be read.
    pub fn open(directory: PathBuf) -> anyhow::Result<Self> {
        let read = fs::read_dir(&directory).map(drop);
        read.with_context(|| format!("cannot serve {}", directory.display()))?;
        Ok(Self(directory))
    }

    fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let (Ok(name), metadata) = (entry.file_name().into_string(), entry.metadata()?) else {
                continue;
            };
            if !metadata.is_file() || check_name(&name).is_err() {
                continue;
            }
            ensure!(entries.len() < MOST_ENTRIES, "over {MOST_ENTRIES} files");
            let bytes = metadata.len();
            entries.push(Entry { name, bytes });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn file(&self, name: &str) -> anyhow::Result<(u64, File)> {
        check_name(name)?;
        let path = self.0.join(name);
        let metadata = fs::symlink_metadata(&path).with_context(|| format!("'{name}'"))?;
        ensure!(metadata.is_file(), "'{name}' is no regular file");
        let file = File::open(&path).with_context(|| format!("'{name}'"))?;
        Ok((metadata.len(), file))
    }

    fn draft(&self, name: &str) -> anyhow::Result<Draft> {
        check_name(name)?;
        Draft::create(&self.0.join(name)).with_context(|| format!("'{name}'"))
    }
}

impl Files for Shelf {
    fn list(&self) -> Result<Vec<Entry>, String> {
        self.entries().map_err(text)
    }

    async fn get(&self, name: String) -> Result<(u64, Streaming<Piece>), String> {
        let shelf = self.clone();
        let opened = spawn_blocking(move || shelf.file(&name)).await;
        let (bytes, file) = opened.map_err(|e| e.to_string())?.map_err(text)?;
        Ok((bytes, send(file, |_| {})))
    }

    async fn put(&self, name: String, pieces: Streaming<Piece>) -> Result<Checksum, String> {
        let shelf = self.clone();
        let begun = spawn_blocking(move || shelf.draft(&name)).await;
        let draft = begun.map_err(|e| e.to_string())?.map_err(text)?;
        receive(pieces, draft, |_| {}).await.map_err(text)
    }
}

fn text(error: anyhow::Error) -> String {
    format!("{error:#}")
}
