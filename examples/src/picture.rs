//! A PNG file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A picture to be: the place it will have, tried out before the work starts.
#[derive(Debug)]
pub struct Picture {
    path: PathBuf,
    draft: PathBuf,
    file: File,
}

impl Picture {
    /// Finds out whether a picture can be written to `path`, by opening a draft beside it.
    ///
    /// The draft goes when the `Picture` is dropped. A link is followed to the file it leads to.
    ///
    /// # Errors
    /// `path` is no place for a file, or may not be written; an existing file is left as it is.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let named = path;
        let shown = named.display();
        // A link keeps leading to the picture, so its target is what is replaced.
        let path = match fs::canonicalize(named) {
            Ok(target) => target,
            Err(_) => {
                std::path::absolute(named).with_context(|| format!("cannot write {shown}"))?
            }
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => bail!("cannot write {shown}: it is a directory"),
            Ok(metadata) if !metadata.is_file() => {
                bail!("cannot write {shown}: it is not a regular file")
            }
            Ok(_) => drop(
                OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .with_context(|| format!("cannot write {shown}"))?,
            ),
            Err(_) => {}
        }
        let Some(name) = path.file_name() else {
            bail!("cannot write {shown}: it names no file");
        };
        if named.as_os_str().as_encoded_bytes().ends_with(b"/") {
            bail!("cannot write {shown}: it names a directory");
        }
        let mut draft_name = std::ffi::OsString::from(".");
        draft_name.push(name);
        draft_name.push(format!(".{}.draft", std::process::id()));
        let draft = path.with_file_name(draft_name);
        let file = File::create_new(&draft).with_context(|| format!("cannot write {shown}"))?;
        Ok(Self { path, draft, file })
    }

    /// Writes `width` times `height` points of red, green and blue, and puts the file in its place.
    ///
    /// # Errors
    /// The number of points is another one, or the file cannot be written; what was there before then still is.
    pub fn finish(
        self,
        width: u32,
        height: u32,
        points: impl Iterator<Item = [u8; 3]>,
    ) -> anyhow::Result<()> {
        self.write(width, height, points)
            .and_then(|()| Ok(fs::rename(&self.draft, &self.path)?))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn write(
        &self,
        width: u32,
        height: u32,
        points: impl Iterator<Item = [u8; 3]>,
    ) -> anyhow::Result<()> {
        let mut encoder = png::Encoder::new(BufWriter::new(&self.file), width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        let mut stream = writer.stream_writer()?;
        for point in points {
            stream.write_all(&point)?;
        }
        stream.finish()?;
        writer.finish()?;
        self.file.sync_all()?;
        Ok(())
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // After `finish` there is no draft any more; nobody is left to tell about another error.
        let _ = fs::remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn points() -> impl Iterator<Item = [u8; 3]> {
        (0..6).map(|point| [point, 0, 255])
    }

    #[test]
    fn a_finished_picture_reads_back_and_leaves_no_draft() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.png");
        fs::write(&path, "before").unwrap();
        let picture = Picture::create(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before", "until it is whole");
        picture.finish(3, 2, points()).unwrap();
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(&path).unwrap()))
            .read_info()
            .unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut read).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(read, points().flatten().collect::<Vec<u8>>());
        assert_eq!(names(directory.path()), ["out.png"]);
    }

    #[test]
    fn a_picture_that_is_given_up_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.png");
        fs::write(&path, "before").unwrap();
        drop(Picture::create(&path).unwrap());
        assert!(
            Picture::create(&path)
                .unwrap()
                .finish(3, 9, points())
                .is_err(),
            "points are missing"
        );
        assert_eq!(names(directory.path()), ["out.png"]);
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_at_once_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for bad in [
            path.to_owned(),
            path.join("missing/out.png"),
            path.join("new/"),
            "/dev/null".into(),
            "/".into(),
            "".into(),
        ] {
            let err = Picture::create(&bad).unwrap_err();
            assert!(
                err.to_string()
                    .starts_with(&format!("cannot write {}", bad.display())),
                "{err:#}"
            );
        }
        assert_eq!(names(path), [""; 0]);
    }

    #[test]
    fn a_link_keeps_leading_to_the_picture() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (
            directory.path().join("link"),
            directory.path().join("target.png"),
        );
        fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink("target.png", &link).unwrap();
        Picture::create(&link)
            .unwrap()
            .finish(3, 2, points())
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read(&target).unwrap().starts_with(b"\x89PNG"));
    }
}
