//! Results to standard output or to a file, and everything else to standard error.
//!
//! A file appears whole or not at all; what a terminal would obey is made visible before it gets there.

use crate::terminal::visible;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use unbait::corpus::packed::{Packer, Packing};
use unbait::error::{Error, Result};

/// Says something on standard error.
pub fn note(message: &str) {
    // without a standard error there is nobody to tell
    let _ = writeln!(std::io::stderr(), "unbait: {}", visible(message));
}

/// Names an error and its causes on standard error.
pub fn complain(error: &Error) {
    note(&message(error));
}

/// An error and its causes in words.
pub fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    message
}

/// Standard output.
pub struct Results {
    out: BufWriter<Box<dyn Write>>,
    shows_controls: bool,
}

impl Results {
    /// For data: as it is, or with its control characters made visible on a terminal.
    pub fn data() -> Self {
        let out = std::io::stdout().lock();
        let shows_controls = out.is_terminal();
        Self {
            out: BufWriter::new(Box::new(out)),
            shows_controls,
        }
    }

    /// For text with our own styles, in which the pages' control characters are visible already.
    pub fn styled(color: anstream::ColorChoice) -> Self {
        let out = anstream::AutoStream::new(std::io::stdout().lock(), color);
        Self {
            out: BufWriter::new(Box::new(out)),
            shows_controls: false,
        }
    }

    /// Writes text as it stands.
    pub fn write(&mut self, text: &str) -> Result<()> {
        let written = if self.shows_controls {
            self.out.write_all(visible(text).as_bytes())
        } else {
            self.out.write_all(text.as_bytes())
        };
        written.map_err(|source| Error::Output { source })
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|source| Error::Output { source })
    }
}

/// A file that appears under its name when it is whole, packed as the name says: `.gz`, `.zst`, `.bz2` or `.xz`.
pub struct PackedFile {
    path: PathBuf,
    packer: Packer<WholeFile>,
}

impl PackedFile {
    /// Begins a file that will have this name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: &Path) -> Result<Self> {
        let packer = Packer::new(Packing::of_name(path), WholeFile::create(path)?);
        Ok(Self {
            path: path.to_owned(),
            packer: packer.map_err(|source| failed_write(path, source))?,
        })
    }

    /// Writes text to the file that is not there yet.
    pub fn write(&mut self, text: &str) -> Result<()> {
        let written = self.packer.write_all(text.as_bytes());
        written.map_err(|source| failed_write(&self.path, source))
    }

    /// Gives the file its name, in place of a file that has it.
    pub fn finish(self) -> Result<()> {
        let file = self
            .packer
            .finish()
            .map_err(|source| failed_write(&self.path, source))?;
        file.finish()
    }
}

fn failed_write(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// A file that appears under its name when it is whole.
pub struct WholeFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    /// A new file beside the wanted one (with links followed), to be moved there.
    Beside(BufWriter<NamedTempFile>, PathBuf),
    /// Something that is no plain file, such as `/dev/null`: a file moved there would replace it.
    Device(BufWriter<File>),
}

impl WholeFile {
    /// Begins a file that will have this name.
    ///
    /// # Errors
    /// [`Error::Write`] when its folder does not let it.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let sink = match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(failed(std::io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => Sink::Device(BufWriter::new(File::create(&target).map_err(failed)?)),
            Ok(_) | Err(_) => {
                let folder = target
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .unwrap_or(Path::new("."));
                Sink::Beside(BufWriter::new(new_file(folder).map_err(failed)?), target)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            sink,
        })
    }

    /// Writes text to the file that is not there yet.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.write_all(bytes);
        written.map_err(|source| failed_write(&self.path, source))
    }

    /// Gives the file its name, in place of a file that has it.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        match self.sink {
            Sink::Beside(file, target) => {
                let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
                file.persist(target).map(drop).map_err(|error| failed(error.error))
            }
            Sink::Device(mut file) => file.flush().map_err(failed),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.sink {
            Sink::Beside(file, _) => file.write(bytes),
            Sink::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.sink {
            Sink::Beside(file, _) => file.flush(),
            Sink::Device(file) => file.flush(),
        }
    }
}

fn new_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unbait-");
    #[cfg(unix)]
    {
        // as any new file: the user's mask is taken off
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Writes a whole file.
///
/// # Errors
/// [`Error::Write`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// Bytes as they stand in a file of this name: packed if it ends in `.gz` or `.zst`.
///
/// # Errors
/// [`Error::Write`].
pub fn pack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
    match ending.as_deref() {
        Some("zst") => zstd::bulk::compress(&bytes, ZSTD_LEVEL).map_err(failed),
        Some("gz") => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(&bytes).map_err(failed)?;
            packed.finish().map_err(failed)
        }
        _ => Ok(bytes),
    }
}

/// Effort of Zstandard (chosen: labels are packed once and read often).
const ZSTD_LEVEL: i32 = 19;

/// A value as JSON text.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Output { source: error.into() })
}
