//! One job: reads its chunks through a small buffer and counts the words that start in them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};

use super::table::{Table, pack};
use super::{Chunk, Counted, Skipped, Stamp};

/// The longest word; a file with a longer one is skipped, because its count would not fit in a reply.
pub const MAX_WORD_BYTES: usize = 8 << 20;

const BUFFER_BYTES: usize = 64 << 10;

/// Counts the words that start in the chunks; each file is taken on its own.
///
/// A file that cannot be read, or is no longer the version that was planned, is reported as skipped, and nothing
/// of it is counted.
pub fn count(job: &[Chunk]) -> Counted {
    let mut counted = Counted::default();
    let mut scanner = Scanner::default();
    let mut left: Vec<&Chunk> = job.iter().collect();
    // What a file had contributed before it failed cannot be told apart any more, so a job then starts afresh.
    while let Err((position, err)) = count_all(&left, &mut scanner) {
        counted
            .skipped
            .push(Skipped::new(left.remove(position).path(), err));
        scanner.clear();
    }
    counted.words = scanner.words;
    counted.bytes = scanner.bytes;
    counted.counts = scanner.table.into_counts();
    counted.counts.sort_unstable();
    counted
}

fn count_all(chunks: &[&Chunk], scanner: &mut Scanner) -> Result<(), (usize, io::Error)> {
    for (position, chunk) in chunks.iter().enumerate() {
        count_chunk(chunk, scanner).map_err(|err| (position, err))?;
    }
    Ok(())
}

fn count_chunk(chunk: &Chunk, scanner: &mut Scanner) -> io::Result<()> {
    let metadata = fs::metadata(chunk.path())?;
    // Before it is opened: opening what has become a pipe would wait for a writer.
    check_version(chunk, &metadata)?;
    let mut file = File::open(chunk.path())?;
    scan_range(chunk, &mut file, scanner)?;
    check_version(chunk, &file.metadata()?)
}

fn check_version(chunk: &Chunk, metadata: &fs::Metadata) -> io::Result<()> {
    if !metadata.is_file() || Stamp::of(metadata) != chunk.stamp {
        return Err(io::Error::other("changed while it was being counted"));
    }
    Ok(())
}

fn scan_range(chunk: &Chunk, file: &mut File, scanner: &mut Scanner) -> io::Result<()> {
    let mut position = chunk.start;
    let mut before = [0];
    if chunk.start > 0 {
        file.seek(SeekFrom::Start(chunk.start - 1))?;
        file.read_exact(&mut before)?;
    }
    scanner.start_after(before);
    let mut buffer = vec![0; BUFFER_BYTES];
    // Past the end of the range only for the rest of the word that began in it.
    while position < chunk.end || scanner.is_inside_own_word() {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => return Err(err),
        };
        let piece = buffer.get(..read).unwrap_or_default();
        let own =
            usize::try_from(chunk.end.saturating_sub(position)).map_or(read, |left| left.min(read));
        let (own, beyond) = piece.split_at(own);
        scanner.scan(own)?;
        scanner.bytes += own.len() as u64;
        if scanner.is_inside_own_word() && !beyond.is_empty() {
            scanner.finish_word(beyond)?;
        }
        position += read as u64;
    }
    scanner.end_word();
    Ok(())
}

/// Cuts pieces of text into words and counts them; a word may go on from piece to piece.
#[derive(Default)]
struct Scanner {
    table: Table,
    words: u64,
    bytes: u64,
    /// The word that ran up to the end of the piece before, as far as it is known, in lower case.
    open: Vec<u8>,
    /// True while passing over a word that began before the range.
    is_foreign: bool,
}

impl Scanner {
    /// Starts a range that follows this byte.
    fn start_after(&mut self, [before]: [u8; 1]) {
        self.is_foreign = before.is_ascii_alphabetic();
    }

    fn is_inside_own_word(&self) -> bool {
        !self.open.is_empty()
    }

    /// Scans a piece that is inside the range.
    fn scan(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut rest = piece;
        if self.is_foreign {
            rest = rest.get(letters(rest)..).unwrap_or_default();
            self.is_foreign = rest.is_empty();
        }
        if self.is_inside_own_word() {
            let letters = self.finish_word(rest)?;
            rest = rest.get(letters..).unwrap_or_default();
        }
        let last = rest.len()
            - rest
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count();
        let (closed, open) = rest.split_at(last);
        self.scan_closed(closed);
        self.extend_word(open)
    }

    /// Scans text that does not end inside a word: the loop that the speed depends on.
    fn scan_closed(&mut self, text: &[u8]) {
        let (mut packed, mut start) = (0, 0);
        for (position, &byte) in text.iter().enumerate() {
            let letter = LETTERS[usize::from(byte)];
            if letter != 0 {
                packed = pack(packed, letter);
                continue;
            }
            let length = position - start;
            if length > 0 {
                self.words += 1;
                if length <= 16 {
                    self.table.add_short(packed);
                } else {
                    let word = text.get(start..position).unwrap_or_default();
                    self.table.add(&word.to_ascii_lowercase(), 1);
                }
                packed = 0;
            }
            start = position + 1;
        }
    }

    /// Goes on with the open word, and ends it if it ends in `piece`; returns how many letters it took.
    fn finish_word(&mut self, piece: &[u8]) -> io::Result<usize> {
        let letters = letters(piece);
        let (word, rest) = piece.split_at(letters);
        self.extend_word(word)?;
        if !rest.is_empty() {
            self.end_word();
        }
        Ok(letters)
    }

    fn extend_word(&mut self, letters: &[u8]) -> io::Result<()> {
        if self.open.len() + letters.len() > MAX_WORD_BYTES {
            return Err(io::Error::other(format!(
                "has a word of more than {MAX_WORD_BYTES} letters"
            )));
        }
        self.open.extend(letters.iter().map(u8::to_ascii_lowercase));
        Ok(())
    }

    fn end_word(&mut self) {
        if !self.open.is_empty() {
            self.table.add(&self.open, 1);
            self.words += 1;
            self.open.clear();
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.open.clear();
        (self.words, self.bytes, self.is_foreign) = (0, 0, false);
    }
}

/// How many letters `text` begins with.
fn letters(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count()
}

/// Each letter in lower case; 0 for every other byte.
static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        if letter.is_ascii_alphabetic() {
            letters[byte] = letter.to_ascii_lowercase();
        }
        byte += 1;
    }
    letters
};
