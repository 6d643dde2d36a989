//! Results to standard output or to a file, and everything else to standard error.
//!
//! A file appears whole or not at all; what a terminal would obey is made visible before it gets there.

use crate::journal::At;
use crate::terminal::{in_line, visible};
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use unbait::corpus::packed::{Packer, Packing};
use unbait::error::{Error, Result};

/// Most bytes of what is said at once (chosen: names and keys of a page can be as long as the page).
const MOST_SAID: usize = 4096;

/// The path of a file to write. `-`, by which many tools mean standard output, would make a file of a name that is hard to get rid of.
pub fn output_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if path == Path::new("-") {
            Err("name a file (./- for one of this name); results go to standard output where no file is named")
        } else {
            Ok(path)
        }
    })
}

/// Says something on standard error, in one line.
pub fn note(message: &str) {
    let end = (0..=message.len().min(MOST_SAID))
        .rev()
        .find(|end| message.is_char_boundary(*end));
    let (said, rest) = message.split_at(end.unwrap_or(0));
    let dots = if rest.is_empty() { "" } else { "..." };
    // without a standard error there is nobody to tell
    let _ = writeln!(std::io::stderr(), "unbait: {}{dots}", in_line(said));
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

    /// Writes bytes that are no text.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|source| Error::Output { source })
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|source| Error::Output { source })
    }
}

/// What becomes of a file of which the end was never written, because the run failed or was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It vanishes, unless the run is killed.
    Vanishes,
    /// It stays under a name of its own, to be gone on with.
    Stays {
        /// How many bytes are good of the one that is there.
        bytes: u64,
        /// Whether it may have its name already.
        is_ending: bool,
    },
}

impl Unfinished {
    /// What becomes of a new file; with `stays` it can be gone on with.
    pub fn new(stays: bool) -> Self {
        match stays {
            false => Self::Vanishes,
            true => Self::Stays {
                bytes: 0,
                is_ending: false,
            },
        }
    }

    /// What becomes of a file of a run that can be gone on with, when there is such a run; `bytes` tells how much of the file is good.
    pub fn of<S>(at: Option<&At<S>>, bytes: impl FnOnce(&S) -> u64) -> Self {
        match at {
            None => Self::Vanishes,
            Some(at) => Self::Stays {
                bytes: bytes(&at.saved),
                is_ending: at.is_ending,
            },
        }
    }
}

/// A file that appears under its name when it is whole, packed as the name says: `.gz`, `.zst`, `.bz2` or `.xz`.
///
/// A packed file is a row of members (frames or streams, as its packing calls them), each of which is packed for itself.
pub struct PackedFile {
    path: PathBuf,
    packing: Option<Packing>,
    state: State,
}

/// Where in a packed file the next byte goes.
#[derive(Default)]
enum State {
    /// Into a new member.
    Between(WholeFile),
    /// Into a member that is there.
    Within(Box<Packer<WholeFile>>),
    /// Nowhere: writing failed.
    #[default]
    Failed,
}

impl PackedFile {
    /// Begins a file that will have this name, or goes on with one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: &Path, unfinished: Unfinished) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            packing: Packing::of_name(path),
            state: State::Between(WholeFile::create(path, unfinished)?),
        })
    }

    /// Whether it is a row of members.
    pub fn is_packed(&self) -> bool {
        self.packing.is_some()
    }

    /// Writes bytes to the file that is not there yet.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut packer = self.member()?;
        let written = packer.write_all(bytes);
        self.state = State::Within(packer);
        written.map_err(|source| failed_write(&self.path, source))
    }

    /// Ends the member, if one has begun; the next byte begins another.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn end_member(&mut self) -> Result<()> {
        self.state = match std::mem::take(&mut self.state) {
            State::Within(packer) => {
                let file = packer.finish();
                State::Between(file.map_err(|source| failed_write(&self.path, source))?)
            }
            other @ (State::Between(_) | State::Failed) => other,
        };
        Ok(())
    }

    /// Ends a record of a web archive: in gzip each has a member of its own, so that it can be unpacked from its place on.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn end_archived(&mut self) -> Result<()> {
        match self.packing {
            Some(Packing::Gzip) => self.end_member(),
            Some(Packing::Zstd | Packing::Bzip2 | Packing::Xz) | None => Ok(()),
        }
    }

    /// Ends the member and hands everything over to the system; the bytes of the file so far, with which it can be gone on with.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn checkpoint(&mut self) -> Result<u64> {
        self.end_member()?;
        let length = match &mut self.state {
            State::Between(file) => file.flush().map(|()| file.length),
            State::Within(_) | State::Failed => Err(failed_before()),
        };
        length.map_err(|source| failed_write(&self.path, source))
    }

    /// Gives the file its name, in place of a file that has it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<()> {
        // what is packed has a member even when it is empty
        if matches!(&self.state, State::Between(file) if file.length == 0) {
            self.state = State::Within(self.member()?);
        }
        self.end_member()?;
        match self.state {
            State::Between(file) => file.finish(),
            State::Within(_) | State::Failed => Err(failed_write(&self.path, failed_before())),
        }
    }

    /// The member that is there, or a new one.
    fn member(&mut self) -> Result<Box<Packer<WholeFile>>> {
        match std::mem::take(&mut self.state) {
            State::Within(packer) => Ok(packer),
            State::Between(file) => Packer::new(self.packing, file).map(Box::new),
            State::Failed => Err(failed_before()),
        }
        .map_err(|source| failed_write(&self.path, source))
    }
}

fn failed_before() -> std::io::Error {
    std::io::Error::other("writing to it failed before")
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
    /// Bytes that were written, also in runs before this one.
    length: u64,
}

enum Sink {
    /// A new file beside the wanted one (with links followed), to be moved there.
    Beside(BufWriter<NamedTempFile>, PathBuf),
    /// The same, but it stays when the run ends before; first its name.
    Kept(PathBuf, BufWriter<File>, PathBuf),
    /// Something that is no plain file, such as `/dev/null`: a file moved there would replace it.
    Device(BufWriter<File>),
}

impl WholeFile {
    /// Begins a file that will have this name, or goes on with one.
    ///
    /// # Errors
    /// [`Error::Write`] when its folder does not let it, or when less is there of it than should be.
    pub fn create(path: &Path, unfinished: Unfinished) -> Result<Self> {
        let failed = |source| failed_write(path, source);
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (sink, length) = match (std::fs::metadata(&target), unfinished) {
            (Ok(found), _) if found.is_dir() => return Err(failed(std::io::ErrorKind::IsADirectory.into())),
            (Ok(found), Unfinished::Vanishes | Unfinished::Stays { bytes: 0, .. }) if !found.is_file() => {
                let file = File::create(&target).map_err(failed)?;
                (Sink::Device(BufWriter::new(file)), 0)
            }
            (_, Unfinished::Vanishes) => {
                let file = new_file(folder_of(&target)).map_err(failed)?;
                (Sink::Beside(BufWriter::new(file), target), 0)
            }
            (_, Unfinished::Stays { bytes, is_ending }) => {
                let part = part_of(&target);
                if is_ending && !part.exists() && target.exists() {
                    std::fs::rename(&target, &part).map_err(failed)?;
                }
                let file = open_part(&part, bytes).map_err(failed)?;
                (Sink::Kept(part, BufWriter::new(file), target), bytes)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            sink,
            length,
        })
    }

    /// Writes bytes to the file that is not there yet.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.write_all(bytes);
        written.map_err(|source| failed_write(&self.path, source))
    }

    /// Hands everything over to the system; the bytes of the file so far, with which it can be gone on with.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn checkpoint(&mut self) -> Result<u64> {
        let flushed = self.flush();
        flushed.map_err(|source| failed_write(&self.path, source))?;
        Ok(self.length)
    }

    /// Gives the file its name, in place of a file that has it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let failed = |source| failed_write(&path, source);
        match self.sink {
            Sink::Beside(file, target) => {
                let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
                file.persist(target).map(drop).map_err(|error| failed(error.error))
            }
            Sink::Kept(part, file, target) => {
                drop(file.into_inner().map_err(|error| failed(error.into_error()))?);
                std::fs::rename(part, target).map_err(failed)
            }
            Sink::Device(mut file) => file.flush().map_err(failed),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = match &mut self.sink {
            Sink::Beside(file, _) => file.write(bytes),
            Sink::Kept(_, file, _) | Sink::Device(file) => file.write(bytes),
        }?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.sink {
            Sink::Beside(file, _) => file.flush(),
            Sink::Kept(_, file, _) | Sink::Device(file) => file.flush(),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A hidden file beside this one, for what belongs to it.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

/// Where a file stands until it is whole, when it can be gone on with.
fn part_of(path: &Path) -> PathBuf {
    beside(path, ".unbait-part")
}

/// Opens a part of which this many bytes are good, at their end.
fn open_part(part: &Path, length: u64) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(length == 0).truncate(false).open(part)?;
    let there = file.metadata()?.len();
    if there < length {
        let missing = length - there;
        return Err(std::io::Error::other(format!(
            "{missing} bytes of {} are missing",
            part.display()
        )));
    }
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
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
    let mut file = WholeFile::create(path, Unfinished::Vanishes)?;
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
