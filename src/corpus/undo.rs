//! Cleaned files back to what they were: undo files, which have of each original what does not stand in the output.
//!
//! Nothing here knows a format. An original is cut into parts; to each belong the bytes that the output got meanwhile, and what is kept
//! of it is a Zstandard frame that was compressed with these bytes as its prefix, as `zstd --patch-from` does.
//!
//! One undo file belongs to one output, which can have several originals. It begins with the line `unbait undo 1`. Entries follow, each
//! a line: 16 hexadecimal digits, the XXH3 hash (64 bits) of what stands behind the space that follows them, which is one of these:
//!
//! | entry | what it says |
//! | --- | --- |
//! | `{"file":{"name":N,"packing":P}}` | what follows is of the original of this name, which was packed so (`gz`, `zst`, `bz2`, `xz`) or not (`null`) |
//! | `{"part":{"original":{"bytes":B,"xxh3":H},"output":{"bytes":B,"xxh3":H},"frame":{"bytes":B,"xxh3":H}}}` | the next bytes of the unpacked original are the frame that stands behind this line, with the next bytes of the unpacked output as its prefix; of each the number of bytes and their XXH3 hash (128 bits) |
//! | `{"whole":{"output":B}}` | so many bytes of the output are passed over, all parts of the original that came before are worth nothing, and those that follow are the file as it was packed |
//! | `{"end_file":{"bytes":B}}` | the original ends; its parts have so many bytes |
//! | `{"end":{}}` | the undo file ends |
//!
//! A name is relative, with `/` between its folders, and leads to no place outside the folder in which the originals are restored.

use super::packed::Packing;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Seek, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Bytes that the original, or the output, of a part does well to have: whoever has less at hand should gather more.
///
/// On 10.7 MB of JSON lines, a page of about 11 kB each, of which 35 % were taken out, the undo file had 17.7 % of the original's bytes
/// with a part for each page, 14.4 % with 256 KiB, 14.0 % with 1 MiB, 14.1 % with 4 MiB and 13.9 % with 16 MiB. Writing took 5 MiB of
/// memory with 1 MiB, 10 MiB with 4 MiB.
pub const PART_BYTES: usize = 1 << 20;

/// Most bytes of a part's original, and of its output; longer ones are cut (chosen: a quarter of the largest record, and restoring has
/// three times as much in memory).
pub const MOST_PART_BYTES: usize = 1 << 26;

/// Most bytes of an entry's line (chosen: several times the longest path of Linux).
const MOST_LINE_BYTES: usize = 1 << 16;

/// First line of undo files, with the version of their format.
const FIRST_LINE: &[u8] = b"unbait undo 1\n";

/// What the first line of all versions begins with.
const MAGIC: &[u8] = b"unbait undo ";

/// Effort of Zstandard. On the same lines, in parts of 1 MiB, level 1 gives 16.4 % of the original at 210 MB/s of one core, 3 14.0 % at
/// 165 MB/s, 6 13.0 % at 80 MB/s, 9 12.6 % at 40 MB/s, 19 11.6 % at 3 MB/s; all are restored at 1,000 MB/s. With level 3, 97 MB of HTML
/// that became text give 15.4 %, and 101 MB of HTML in JSON lines, which stays there, 0.04 %.
const LEVEL: i32 = 3;

/// Hexadecimal digits of the hash before an entry.
const HASH_DIGITS: usize = 16;

/// What stands in an undo file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    File { name: String, packing: Option<String> },
    Part(Part),
    Whole { output: u64 },
    EndFile { bytes: u64 },
    End {},
}

/// A part of an original.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    original: Piece,
    output: Piece,
    frame: Piece,
}

/// Bytes by their number and hash.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    bytes: u64,
    xxh3: String,
}

impl Piece {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            xxh3: format!("{:032x}", xxh3_128(bytes)),
        }
    }

    fn is_of(&self, bytes: &[u8]) -> bool {
        let found = Self::of(bytes);
        found.bytes == self.bytes && found.xxh3 == self.xxh3
    }
}

// ---- writing

/// Writes an undo file.
///
/// It knows nothing that does not stand in the file: one that was cut behind any call can be gone on with.
pub struct UndoWriter<W: Write>(W);

impl<W: Write> UndoWriter<W> {
    /// Begins an undo file.
    ///
    /// # Errors
    /// Those of the writer, as of all that follow.
    pub fn new(mut writer: W) -> io::Result<Self> {
        writer.write_all(FIRST_LINE)?;
        Ok(Self(writer))
    }

    /// Goes on with one, at the end of what was written.
    pub fn append(writer: W) -> Self {
        Self(writer)
    }

    /// Begins an original of this name, relative to the folder in which it will be restored. Parts of one that is packed are of its
    /// unpacked bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a name that cannot be restored, such as one that is no Unicode.
    pub fn begin_file(&mut self, name: &Path, packing: Option<Packing>) -> io::Result<()> {
        let name = spelled(name).map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        let packing = packing.map(|packing| packing.ending().to_owned());
        self.write(&Entry::File { name, packing })
    }

    /// The next bytes of the original, and the bytes that the output got meanwhile; either may be empty. See [`PART_BYTES`] for how many
    /// do well, any number will do.
    ///
    /// # Errors
    /// Those of the writer, or no memory for the encoder.
    pub fn part(&mut self, original: &[u8], output: &[u8]) -> io::Result<()> {
        for (original_range, output_range) in cuts(original.len(), output.len(), MOST_PART_BYTES) {
            let (original, output) = (&original[original_range], &output[output_range]);
            let frame = compressed(original, output)?;
            self.write(&Entry::Part(Part {
                original: Piece::of(original),
                output: Piece::of(output),
                frame: Piece::of(&frame),
            }))?;
            self.0.write_all(&frame)?;
        }
        Ok(())
    }

    /// Ends the original, whose parts have so many bytes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end_file(&mut self, unpacked_len: u64) -> io::Result<()> {
        self.write(&Entry::EndFile { bytes: unpacked_len })
    }

    /// Ends the original with all of its bytes as they stand on disk, packed or not; the parts that it has so far are worth nothing then.
    /// `output_len` are the bytes of the output that no part has.
    ///
    /// # Errors
    /// Those of the writer, and of the original, whose messages begin with "the original".
    pub fn whole_file(&mut self, mut original: impl Read, output_len: u64) -> io::Result<()> {
        self.write(&Entry::Whole { output: output_len })?;
        let mut bytes = 0;
        let mut piece = Vec::with_capacity(PART_BYTES);
        loop {
            piece.clear();
            let read = original.by_ref().take(PART_BYTES as u64).read_to_end(&mut piece);
            read.map_err(|error| io::Error::new(error.kind(), format!("the original cannot be read: {error}")))?;
            if piece.is_empty() {
                return self.end_file(bytes);
            }
            bytes += piece.len() as u64;
            self.part(&piece, &[])?;
        }
    }

    /// The writer, for what is to be done with it between two calls.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.0
    }

    /// Ends the undo file, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.write(&Entry::End {})?;
        Ok(self.0)
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_string(entry)?;
        let line = format!("{:0HASH_DIGITS$x} {text}\n", xxh3_64(text.as_bytes()));
        if line.len() > MOST_LINE_BYTES {
            let problem = format!(
                "the name takes {} bytes, and {MOST_LINE_BYTES} are the most",
                line.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        self.0.write_all(line.as_bytes())
    }
}

/// Ranges of an original and of its output that belong together, at most `most` bytes each. Without knowing what stands in them the
/// same share of both is taken; where that is wrong, the frames are larger.
fn cuts(original: usize, output: usize, most: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let count = original.max(output).div_ceil(most);
    let at = move |length: usize, i: usize| (length as u128 * i as u128 / count as u128) as usize;
    let range = move |length, i| at(length, i)..at(length, i + 1);
    (0..count).map(move |i| (range(original, i), range(output, i)))
}

/// The original as a Zstandard frame that has the output as its prefix.
fn compressed(original: &[u8], output: &[u8]) -> io::Result<Vec<u8>> {
    // side by side, as Zstandard searches, and answers, in another way when they happen to be
    let both = [output, original].concat();
    let (output, original) = both.split_at(output.len());
    let mut compressor = zstd::bulk::Compressor::default();
    compressor.set_parameter(zstd::zstd_safe::CParameter::CompressionLevel(LEVEL))?;
    // finds what stands in a long output; the window that comes with it, 128 MiB, is as large as two parts
    compressor.long_distance_matching(true)?;
    let context = compressor.context_mut();
    context.ref_prefix(output).map_err(failed)?;
    compressor.compress(original)
}

fn failed(code: zstd::zstd_safe::ErrorCode) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

/// The original of a frame; it has at most this many bytes.
fn uncompressed(frame: &[u8], output: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut original = Vec::with_capacity(most);
    let mut context = zstd::zstd_safe::DCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    context.ref_prefix(output).map_err(failed)?;
    context.decompress(&mut original, frame).map_err(failed)?;
    Ok(original)
}

// ---- names

/// Whose rules a name has to follow to stay in its folder.
#[derive(Clone, Copy)]
enum System {
    Unix,
    Windows,
}

/// The system that this runs on.
const HERE: System = if cfg!(windows) { System::Windows } else { System::Unix };

/// Names that Windows gives to devices, in any folder and with any ending ("Naming Files, Paths, and Namespaces", Microsoft Learn).
const WINDOWS_DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Those that have a digit behind them.
const WINDOWS_PORTS: [&str; 2] = ["com", "lpt"];

/// A name as it stands in undo files.
fn spelled(name: &Path) -> Result<String, String> {
    let refused = |problem| format!("{}: {problem}; give it another name", name.display());
    let parts = name.components().map(|component| match component {
        Component::Normal(part) => part.to_str().ok_or("the name is no Unicode"),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            Err("the name has more than folders and a file")
        }
    });
    let spelled = parts.collect::<Result<Vec<_>, _>>().map_err(refused)?.join("/");
    match problem_of(&spelled, HERE) {
        None => Ok(spelled),
        Some(problem) => Err(refused(problem)),
    }
}

/// Why a name cannot be restored; `None` if it can.
fn problem_of(name: &str, system: System) -> Option<&'static str> {
    name.split('/').find_map(|part| match part {
        "" => Some("the name is absolute, or a part of it is empty"),
        "." | ".." => Some("the name leads out of its folder"),
        part if part.contains('\0') => Some("the name has a character that names cannot have"),
        part => match system {
            System::Unix => None,
            System::Windows => problem_on_windows(part),
        },
    })
}

fn problem_on_windows(part: &str) -> Option<&'static str> {
    let is_forbidden = |c: char| c.is_ascii_control() || r#"\:*?"<>|"#.contains(c);
    if part.contains(is_forbidden) {
        return Some("the name has a character that names cannot have");
    }
    if part.ends_with(['.', ' ']) {
        return Some("a part of the name ends in a dot or a space");
    }
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = WINDOWS_PORTS.iter().any(|port| {
        let number = stem.strip_prefix(port).unwrap_or_default();
        matches!(
            number,
            "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
        )
    });
    (is_port || WINDOWS_DEVICES.contains(&stem.as_str())).then_some("the name is that of a device")
}

// ---- reading

/// Takes originals as they are restored, one after the other.
pub trait Sink {
    /// An original that is written; dropped when it does not come to its end.
    type File;

    /// Begins an original of this name, which is relative and leads to no place outside a folder. What is written is to be packed so.
    ///
    /// # Errors
    /// When it cannot be written; restoring ends with it, as with all that follow.
    fn begin(&mut self, name: &Path, packing: Option<Packing>) -> Result<Self::File>;

    /// The next bytes of the original.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> Result<()>;

    /// Begins the original once more. What follows is the file as it stood on disk, not to be packed.
    ///
    /// # Errors
    /// When it cannot be begun.
    fn start_over(&mut self, file: Self::File) -> Result<Self::File>;

    /// The original is whole.
    ///
    /// # Errors
    /// When it cannot be given its name.
    fn end(&mut self, file: Self::File) -> Result<()>;
}

/// An original as an undo file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its name, relative.
    pub name: PathBuf,
    /// How it was packed, also when it is kept whole.
    pub packing: Option<Packing>,
    /// Whether it is kept as it stood on disk, without reference to the output.
    pub is_whole: bool,
    /// Its bytes: unpacked, or as it stood on disk.
    pub bytes: u64,
    /// In how many parts it is kept.
    pub parts: u64,
    /// Bytes that it takes in the undo file.
    pub undo_bytes: u64,
}

/// Reads an undo file.
pub struct UndoReader<'a, R> {
    path: &'a Path,
    reader: R,
    /// Bytes that were read.
    at: u64,
}

impl<'a, R: BufRead> UndoReader<'a, R> {
    /// Begins to read the undo file of this name.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Corpus`] when it is none, or one of another version.
    pub fn new(path: &'a Path, reader: R) -> Result<Self> {
        let mut undo = Self { path, reader, at: 0 };
        let line = undo.line()?;
        if line == FIRST_LINE {
            return Ok(undo);
        }
        let problem = match line.strip_prefix(MAGIC) {
            Some(version) => format!(
                "this undo file is of version {}, and this is read: 1; take a newer unbait",
                String::from_utf8_lossy(version).trim_end()
            ),
            None => "this is no undo file, or its beginning was changed; give one that `unbait clean --sidecar` wrote"
                .to_owned(),
        };
        Err(undo.unusable(problem))
    }

    /// Restores all originals from the output and its bytes, which are those of the file unpacked, as a stream: three times
    /// [`MOST_PART_BYTES`] are the most in memory.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Corpus`] that names the undo file when it is broken, and the output when it is not what it was; those of
    /// the sink. Originals that the sink was told the end of are right in any case.
    pub fn restore(mut self, output: &Path, bytes: impl Read, sink: &mut impl Sink) -> Result<()> {
        let mut output = Output {
            path: output,
            reader: bytes,
            at: 0,
            undo: self.path,
        };
        let mut open: Option<Restored<_>> = None;
        loop {
            let at = self.at;
            open = match (self.entry()?, open) {
                (Entry::File { name, packing }, None) => Some(Restored {
                    file: sink.begin(&self.name(at, &name)?, self.packing(at, packing.as_deref())?)?,
                    is_whole: false,
                    bytes: 0,
                }),
                (Entry::Part(part), Some(mut restored)) => {
                    let original = self.original(at, &part, &mut output)?;
                    sink.write(&mut restored.file, &original)?;
                    restored.bytes += part.original.bytes;
                    Some(restored)
                }
                (Entry::Whole { output: passed }, Some(restored)) if !restored.is_whole => {
                    output.pass(passed)?;
                    Some(Restored {
                        file: sink.start_over(restored.file)?,
                        is_whole: true,
                        bytes: 0,
                    })
                }
                (Entry::EndFile { bytes }, Some(restored)) if restored.bytes == bytes => {
                    sink.end(restored.file)?;
                    None
                }
                (Entry::End {}, None) => {
                    self.end()?;
                    return output.end();
                }
                (entry, _) => return Err(self.misplaced(at, &entry)),
            };
        }
    }

    /// The original of a part.
    fn original(&mut self, at: u64, part: &Part, output: &mut Output<impl Read>) -> Result<Vec<u8>> {
        let most = self.checked(at, part)?;
        let frame = self.bytes(part.frame.bytes)?;
        if !part.frame.is_of(&frame) {
            return Err(self.broken(at, "the frame behind the entry is another"));
        }
        let output = output.take(&part.output)?;
        match uncompressed(&frame, &output, most) {
            Ok(original) if part.original.is_of(&original) => Ok(original),
            Ok(_) => Err(self.broken(at, "the bytes are not those that were written")),
            Err(error) => Err(self.broken(at, &error.to_string())),
        }
    }

    /// The bytes of a part's original, when neither it nor its output nor its frame has more than can be.
    fn checked(&self, at: u64, part: &Part) -> Result<usize> {
        let most_frame = zstd::zstd_safe::compress_bound(MOST_PART_BYTES) as u64;
        let is_too_large =
            part.original.bytes.max(part.output.bytes) > MOST_PART_BYTES as u64 || part.frame.bytes > most_frame;
        match usize::try_from(part.original.bytes) {
            Ok(bytes) if !is_too_large => Ok(bytes),
            Ok(_) | Err(_) => Err(self.broken(at, "the part has more bytes than parts can have")),
        }
    }

    /// Reads so many bytes, which need not be there.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        read.map_err(|source| self.unreadable(source))?;
        self.at += bytes.len() as u64;
        if (bytes.len() as u64) < count {
            return Err(self.cut_off());
        }
        Ok(bytes)
    }

    /// Reads a line, with its end.
    fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        let read = self
            .reader
            .by_ref()
            .take(MOST_LINE_BYTES as u64)
            .read_until(b'\n', &mut line);
        read.map_err(|source| self.unreadable(source))?;
        self.at += line.len() as u64;
        Ok(line)
    }

    fn entry(&mut self) -> Result<Entry> {
        let at = self.at;
        let line = self.line()?;
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(if line.len() < MOST_LINE_BYTES {
                self.cut_off()
            } else {
                self.broken(at, "no entry stands here")
            });
        };
        let entry = line.split_at_checked(HASH_DIGITS + 1).and_then(|(hash, text)| {
            let is_whole = hash == format!("{:0HASH_DIGITS$x} ", xxh3_64(text)).as_bytes();
            serde_json::from_slice(text).ok().filter(|_| is_whole)
        });
        entry.ok_or_else(|| self.broken(at, "no entry stands here"))
    }

    fn name(&self, at: u64, name: &str) -> Result<PathBuf> {
        match problem_of(name, HERE) {
            None => Ok(name.split('/').collect()),
            Some(problem) => Err(self.unusable(format!(
                "the entry at byte {at} is of an original named {name:?}, which is not written: {problem}; whoever made this file may mean harm"
            ))),
        }
    }

    fn packing(&self, at: u64, ending: Option<&str>) -> Result<Option<Packing>> {
        let Some(ending) = ending else {
            return Ok(None);
        };
        let packing = Packing::ALL.into_iter().find(|packing| packing.ending() == ending);
        packing
            .map(Some)
            .ok_or_else(|| self.broken(at, "no such packing is known"))
    }

    /// Nothing follows the last entry.
    fn end(&mut self) -> Result<()> {
        let at = self.at;
        match self.reader.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(self.broken(at, "there is more behind its end")),
            Err(source) => Err(self.unreadable(source)),
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Read {
            path: self.path.to_owned(),
            source,
        }
    }

    fn unusable(&self, problem: String) -> Error {
        Error::Corpus {
            path: self.path.to_owned(),
            problem,
        }
    }

    fn cut_off(&self) -> Error {
        let at = self.at;
        self.unusable(format!(
            "the undo file is cut off at byte {at}; take a copy of it that is whole, or let `unbait clean` end its run"
        ))
    }

    fn broken(&self, at: u64, problem: &str) -> Error {
        self.unusable(format!(
            "the undo file is broken at byte {at}: {problem}; take a copy of it that is as `unbait clean` wrote it"
        ))
    }

    fn misplaced(&self, at: u64, entry: &Entry) -> Error {
        let problem = match entry {
            Entry::File { .. } => "an original begins within another",
            Entry::Part(_) => "a part is of no original",
            Entry::Whole { .. } => "a whole original is of none, or stands there twice",
            Entry::EndFile { .. } => "an original ends that has not begun, or has other bytes than its parts",
            Entry::End {} => "it ends within an original",
        };
        self.broken(at, problem)
    }
}

impl<R: BufRead + Seek> UndoReader<'_, R> {
    /// The next original that it has, without restoring it; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Corpus`] when the entries are broken; frames are passed over.
    pub fn next_original(&mut self) -> Result<Option<Original>> {
        let mut found: Option<Original> = None;
        let begin = self.at;
        loop {
            let at = self.at;
            match (self.entry()?, &mut found) {
                (Entry::File { name, packing }, None) => {
                    found = Some(Original {
                        name: self.name(at, &name)?,
                        packing: self.packing(at, packing.as_deref())?,
                        is_whole: false,
                        bytes: 0,
                        parts: 0,
                        undo_bytes: 0,
                    });
                }
                (Entry::Part(part), Some(original)) => {
                    self.checked(at, &part)?;
                    self.pass(part.frame.bytes)?;
                    original.bytes += part.original.bytes;
                    original.parts += 1;
                }
                (Entry::Whole { .. }, Some(original)) if !original.is_whole => {
                    original.is_whole = true;
                    (original.bytes, original.parts) = (0, 0);
                }
                (Entry::EndFile { bytes }, Some(original)) if original.bytes == bytes => {
                    original.undo_bytes = self.at - begin;
                    return Ok(found);
                }
                (Entry::End {}, None) => {
                    self.end()?;
                    return Ok(None);
                }
                (entry, _) => return Err(self.misplaced(at, &entry)),
            }
        }
    }

    fn pass(&mut self, count: u64) -> Result<()> {
        // a frame is small enough, see `checked`
        let passed = self.reader.seek_relative(count as i64);
        passed.map_err(|source| self.unreadable(source))?;
        self.at += count;
        Ok(())
    }
}

/// What was restored of an original so far.
struct Restored<F> {
    file: F,
    is_whole: bool,
    bytes: u64,
}

/// An output with its unpacked bytes.
struct Output<'a, R> {
    path: &'a Path,
    reader: R,
    /// Bytes that were read.
    at: u64,
    /// The undo file that belongs to it.
    undo: &'a Path,
}

impl<R: Read> Output<'_, R> {
    /// The next bytes, which are these.
    fn take(&mut self, piece: &Piece) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(piece.bytes).read_to_end(&mut bytes);
        read.map_err(|source| self.unreadable(source))?;
        let at = self.at;
        self.at += bytes.len() as u64;
        if (bytes.len() as u64) < piece.bytes {
            return Err(self.short(at + piece.bytes));
        }
        if !piece.is_of(&bytes) {
            return Err(self.changed(&format!("unpacked, bytes {at} to {} are others", self.at)));
        }
        Ok(bytes)
    }

    /// Reads so many bytes, whatever they are.
    fn pass(&mut self, count: u64) -> Result<()> {
        let passed = io::copy(&mut self.reader.by_ref().take(count), &mut io::sink());
        let passed = passed.map_err(|source| self.unreadable(source))?;
        self.at += passed;
        if passed < count {
            return Err(self.short((self.at - passed).saturating_add(count)));
        }
        Ok(())
    }

    /// Nothing follows the last byte that was read.
    fn end(mut self) -> Result<()> {
        let more = io::copy(&mut self.reader, &mut io::sink()).map_err(|source| self.unreadable(source))?;
        if more > 0 {
            return Err(self.changed(&format!(
                "unpacked it has {more} bytes too many, from byte {} on",
                self.at
            )));
        }
        Ok(())
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Read {
            path: self.path.to_owned(),
            source,
        }
    }

    fn short(&self, wanted: u64) -> Error {
        self.changed(&format!(
            "unpacked it ends at byte {}, and {wanted} bytes or more are wanted",
            self.at
        ))
    }

    fn changed(&self, found: &str) -> Error {
        Error::Corpus {
            path: self.path.to_owned(),
            problem: format!(
                "this is not what {} was made for: {found}; give the output as `unbait clean` wrote it, with the undo file of that run",
                self.undo.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// An original that was restored.
    type Whole = (PathBuf, Option<Packing>, Vec<u8>);

    /// Takes originals that come to their end.
    #[derive(Debug, Default, PartialEq)]
    struct Restorations {
        ended: Vec<Whole>,
        begun: Vec<PathBuf>,
    }

    impl Sink for Restorations {
        type File = Whole;

        fn begin(&mut self, name: &Path, packing: Option<Packing>) -> Result<Whole> {
            self.begun.push(name.to_owned());
            Ok((name.to_owned(), packing, Vec::new()))
        }

        fn write(&mut self, file: &mut Whole, bytes: &[u8]) -> Result<()> {
            file.2.extend_from_slice(bytes);
            Ok(())
        }

        fn start_over(&mut self, file: Whole) -> Result<Whole> {
            Ok((file.0, None, Vec::new()))
        }

        fn end(&mut self, file: Whole) -> Result<()> {
            self.ended.push(file);
            Ok(())
        }
    }

    fn restore(undo: &[u8], output: &[u8]) -> (Restorations, Result<()>) {
        let mut sink = Restorations::default();
        let reader = UndoReader::new(Path::new("all.txt.undo"), undo);
        let result = reader.and_then(|reader| reader.restore(Path::new("all.txt"), output, &mut sink));
        (sink, result)
    }

    fn list(undo: &[u8]) -> Result<Vec<Original>> {
        let mut reader = UndoReader::new(Path::new("all.txt.undo"), Cursor::new(undo))?;
        std::iter::from_fn(|| reader.next_original().transpose()).collect()
    }

    fn error<T>(result: Result<T>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    /// An undo file of these entries.
    fn of_entries(entries: &[Entry]) -> Vec<u8> {
        let mut undo = UndoWriter::new(Vec::new()).unwrap();
        entries.iter().for_each(|entry| undo.write(entry).unwrap());
        undo.0
    }

    fn file(name: &str) -> Entry {
        Entry::File {
            name: name.to_owned(),
            packing: None,
        }
    }

    /// Three originals of one output, with the undo file: one in parts, one that is kept whole behind a part, an empty one.
    fn some() -> (Vec<u8>, Vec<u8>, Vec<Whole>) {
        let mut undo = UndoWriter::new(Vec::new()).unwrap();
        undo.begin_file(Path::new("in/a.txt"), Some(Packing::Gzip)).unwrap();
        undo.part(b"Text\r\nPromo\r\nText\r\n", b"Text\nText\n").unwrap();
        undo.part(b"More promo", b"").unwrap();
        undo.part(b"", b"\n").unwrap();
        undo.end_file(29).unwrap();
        undo.begin_file(Path::new("b.jsonl.gz"), Some(Packing::Gzip)).unwrap();
        undo.part(b"{}\n", b"{}\n").unwrap();
        undo.whole_file(&b"packed and broken"[..], 4).unwrap();
        undo.begin_file(Path::new("c"), None).unwrap();
        undo.end_file(0).unwrap();
        let originals = vec![
            (
                "in/a.txt".into(),
                Some(Packing::Gzip),
                b"Text\r\nPromo\r\nText\r\nMore promo".to_vec(),
            ),
            ("b.jsonl.gz".into(), None, b"packed and broken".to_vec()),
            ("c".into(), None, Vec::new()),
        ];
        (undo.finish().unwrap(), b"Text\nText\n\n{}\nhalf".to_vec(), originals)
    }

    /// Bytes that cannot be compressed.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn originals_are_restored_from_output_and_undo_file() {
        let (undo, output, originals) = some();
        let (restored, result) = restore(&undo, &output);
        result.unwrap();
        assert_eq!(restored.ended, originals);
    }

    #[test]
    fn every_packing_is_written_and_read() {
        for packing in Packing::ALL.map(Some).into_iter().chain([None]) {
            let mut undo = UndoWriter::new(Vec::new()).unwrap();
            undo.begin_file(Path::new("a"), packing).unwrap();
            undo.end_file(0).unwrap();
            let (restored, result) = restore(&undo.finish().unwrap(), b"");
            result.unwrap();
            assert_eq!(restored.ended, [("a".into(), packing, Vec::new())]);
        }
    }

    #[test]
    fn an_undo_file_that_was_cut_behind_a_call_is_gone_on_with() {
        let (undo, ..) = some();
        let mut appended = UndoWriter::new(Vec::new()).unwrap().0;
        let mut begin = |name, packing| {
            UndoWriter::append(&mut appended)
                .begin_file(Path::new(name), packing)
                .unwrap();
        };
        begin("in/a.txt", Some(Packing::Gzip));
        let mut go_on = UndoWriter::append(&mut appended);
        go_on.part(b"Text\r\nPromo\r\nText\r\n", b"Text\nText\n").unwrap();
        let mut go_on = UndoWriter::append(&mut appended);
        go_on.part(b"More promo", b"").unwrap();
        assert!(undo.starts_with(&appended));
    }

    #[test]
    fn an_undo_file_is_the_same_wherever_the_bytes_are() {
        let words = noise(1, 20_000).into_iter().map(|byte| format!("word{byte} "));
        let original = words.collect::<String>().into_bytes();
        let output = [&original[..40_000], &original[60_000..]].concat();
        let both = [&output[..], &original].concat();
        let write = |original: &[u8], output: &[u8]| {
            let mut undo = UndoWriter::new(Vec::new()).unwrap();
            undo.part(original, output).unwrap();
            undo.0
        };
        let (before, behind) = both.split_at(output.len());
        assert!(write(&original, &output) == write(behind, before));
    }

    #[test]
    fn what_stands_in_the_output_costs_next_to_nothing() {
        let original = noise(2, 6 << 20);
        let removed: Vec<&[u8]> = original.chunks(1 << 20).map(|piece| &piece[1000..]).collect();
        let mut undo = UndoWriter::new(Vec::new()).unwrap();
        undo.part(&original, &removed.concat()).unwrap();
        assert!(undo.0.len() < original.len() / 200, "{} bytes", undo.0.len());
    }

    #[test]
    fn a_part_that_is_too_long_is_cut() {
        let cut = |original, output| cuts(original, output, 10).collect::<Vec<_>>();
        assert_eq!(cut(0, 0), []);
        assert_eq!(cut(10, 4), [(0..10, 0..4)]);
        assert_eq!(cut(11, 4), [(0..5, 0..2), (5..11, 2..4)]);
        assert_eq!(cut(0, 21), [(0..0, 0..7), (0..0, 7..14), (0..0, 14..21)]);
        let original = vec![b'x'; MOST_PART_BYTES + 1];
        let mut undo = UndoWriter::new(Vec::new()).unwrap();
        undo.begin_file(Path::new("a"), None).unwrap();
        undo.part(&original, b"xxx").unwrap();
        undo.end_file(original.len() as u64).unwrap();
        let undo = undo.finish().unwrap();
        assert_eq!(list(&undo).unwrap()[0].parts, 2);
        let (restored, result) = restore(&undo, b"xxx");
        result.unwrap();
        assert!(restored.ended[0].2 == original);
    }

    #[test]
    fn an_undo_file_with_another_bit_is_an_error_and_gives_no_other_bytes() {
        let (undo, output, originals) = some();
        for at in 0..undo.len() {
            for bit in 0..8 {
                let mut changed = undo.clone();
                changed[at] ^= 1 << bit;
                let (restored, result) = restore(&changed, &output);
                assert!(result.is_err(), "byte {at}, bit {bit}");
                assert!(originals.starts_with(&restored.ended), "byte {at}, bit {bit}");
                // names and numbers are listed right, or not at all
                if let Ok(listed) = list(&changed) {
                    assert_eq!(listed, list(&undo).unwrap(), "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn an_undo_file_that_is_cut_off_or_longer_is_an_error() {
        let (undo, output, originals) = some();
        for length in 0..undo.len() {
            let (restored, result) = restore(&undo[..length], &output);
            assert!(result.is_err(), "{length} bytes");
            assert!(originals.starts_with(&restored.ended), "{length} bytes");
            assert!(list(&undo[..length]).is_err(), "{length} bytes");
        }
        let cut = restore(&undo[..undo.len() - 1], &output).1;
        assert!(error(cut).starts_with("all.txt.undo: the undo file is cut off at byte "));
        for more in ["\n", "x", "unbait undo 1\n"] {
            let longer = [&undo[..], more.as_bytes()].concat();
            assert!(error(restore(&longer, &output).1).contains("there is more behind its end"));
            assert!(error(list(&longer)).contains("there is more behind its end"));
        }
    }

    #[test]
    fn an_output_that_was_changed_is_named_with_the_place() {
        let (undo, output, _) = some();
        let found = |output: &[u8]| error(restore(&undo, output).1);
        let wanted = "all.txt: this is not what all.txt.undo was made for: ";
        let mut changed = output.clone();
        changed[3] = b'T';
        assert!(found(&changed).starts_with(&format!("{wanted}unpacked, bytes 0 to 10 are others; give")));
        changed = output.clone();
        changed[12] = b'T';
        assert!(found(&changed).starts_with(&format!("{wanted}unpacked, bytes 11 to 14 are others; give")));
        assert!(found(&output[..5]).starts_with(&format!(
            "{wanted}unpacked it ends at byte 5, and 10 bytes or more are wanted;"
        )));
        assert!(found(&output[..15]).starts_with(&format!(
            "{wanted}unpacked it ends at byte 15, and 18 bytes or more are wanted;"
        )));
        let longer = [&output[..], b"xy"].concat();
        assert!(found(&longer).starts_with(&format!("{wanted}unpacked it has 2 bytes too many, from byte 18 on;")));
    }

    #[test]
    fn another_file_and_another_version_are_refused() {
        assert!(error(list(b"")).contains("this is no undo file"));
        assert!(error(list(b"{\"file\":1}\n")).contains("this is no undo file"));
        assert!(error(list(b"unbait undo 12\nx")).contains("of version 12, and this is read: 1; take a newer unbait"));
    }

    #[test]
    fn entries_stand_in_their_order() {
        let part = || {
            Entry::Part(Part {
                original: Piece::of(b""),
                output: Piece::of(b""),
                frame: Piece::of(b""),
            })
        };
        let whole = || Entry::Whole { output: 0 };
        let end_file = |bytes| Entry::EndFile { bytes };
        for (entries, problem) in [
            (vec![file("a"), file("b")], "an original begins within another"),
            (vec![part()], "a part is of no original"),
            (vec![whole()], "a whole original is of none"),
            (vec![file("a"), whole(), whole()], "stands there twice"),
            (vec![end_file(0)], "an original ends that has not begun"),
            (vec![file("a"), end_file(1)], "has other bytes than its parts"),
            (vec![file("a"), Entry::End {}], "it ends within an original"),
        ] {
            let undo = of_entries(&entries);
            assert!(error(restore(&undo, b"").1).contains(problem), "{problem}");
            assert!(error(list(&undo)).contains(problem), "{problem}");
        }
    }

    #[test]
    fn a_part_with_more_bytes_than_can_be_is_refused_before_they_are_read() {
        let most = MOST_PART_BYTES as u64;
        let most_frame = zstd::zstd_safe::compress_bound(MOST_PART_BYTES) as u64;
        let found = |original, output, frame| {
            let piece = |bytes| Piece {
                bytes,
                xxh3: String::new(),
            };
            let part = Part {
                original: piece(original),
                output: piece(output),
                frame: piece(frame),
            };
            let undo = of_entries(&[file("a"), Entry::Part(part)]);
            (error(restore(&undo, b"").1), error(list(&undo)))
        };
        for (original, output, frame) in [
            (most + 1, 0, 0),
            (0, most + 1, 0),
            (0, 0, most_frame + 1),
            (u64::MAX, 0, u64::MAX),
        ] {
            let (restored, listed) = found(original, output, frame);
            assert!(restored.contains("more bytes than parts can have"), "{restored}");
            assert!(listed.contains("more bytes than parts can have"), "{listed}");
        }
        let (restored, listed) = found(most, most, most_frame);
        assert!(
            restored.contains("cut off") && listed.contains("cut off"),
            "{restored}, {listed}"
        );
    }

    #[test]
    fn a_frame_with_more_bytes_than_its_entry_says_is_refused() {
        let frame = compressed(&[b'x'; 100_000], b"").unwrap();
        let part = Part {
            original: Piece::of(b"x"),
            output: Piece::of(b""),
            frame: Piece::of(&frame),
        };
        let undo = [of_entries(&[file("a"), Entry::Part(part)]), frame].concat();
        let (restored, result) = restore(&undo, b"");
        assert!(error(result).contains("broken at byte"));
        assert!(restored.ended.is_empty());
    }

    #[test]
    fn a_frame_of_other_bytes_than_its_entry_says_is_refused() {
        let frame = compressed(b"x", b"").unwrap();
        let part = Part {
            original: Piece::of(b"y"),
            output: Piece::of(b""),
            frame: Piece::of(&frame),
        };
        let undo = [of_entries(&[file("a"), Entry::Part(part)]), frame].concat();
        assert!(error(restore(&undo, b"").1).contains("the bytes are not those that were written"));
    }

    #[test]
    fn more_output_than_there_is_is_never_passed_over() {
        let undo = of_entries(&[file("a"), Entry::Whole { output: u64::MAX }]);
        assert!(error(restore(&undo, b"some").1).contains("unpacked it ends at byte 4, "));
    }

    #[test]
    fn a_line_without_an_end_is_not_read_into_memory() {
        let undo = [FIRST_LINE, &vec![b'x'; MOST_LINE_BYTES + 1]].concat();
        assert!(error(list(&undo)).contains("no entry stands here"));
    }

    #[test]
    fn names_stay_in_their_folder() {
        for name in [
            "a",
            "a/b c/d.jsonl.gz",
            "-",
            "..a",
            "a..",
            "ü/日本",
            "con",
            "a:b",
            "C:\\a",
            "..\\a",
            "a.",
        ] {
            assert_eq!(problem_of(name, System::Unix), None, "{name}");
            let undo = of_entries(&[file(name)]);
            assert_eq!(
                restore(&undo, b"").0.begun.first(),
                Some(&PathBuf::from(name)).filter(|_| cfg!(unix))
            );
        }
        for name in [
            "", "/", "/a", "//a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/.", "./a", "a\0b",
        ] {
            for system in [System::Unix, System::Windows] {
                assert!(problem_of(name, system).is_some(), "{name}");
            }
            let undo = of_entries(&[file(name), Entry::EndFile { bytes: 0 }, Entry::End {}]);
            let (restored, result) = restore(&undo, b"");
            assert!(error(result).contains("is not written"), "{name}");
            assert_eq!(restored, Restorations::default());
            assert!(list(&undo).is_err());
        }
    }

    #[test]
    fn names_stay_in_their_folder_on_windows() {
        for name in "a a/b/d.jsonl.gz - ..a ü/日本 console com com10 comet1 xcom1".split(' ') {
            assert_eq!(problem_of(name, System::Windows), None, "{name}");
        }
        let paths = r#"C: C:a C:\a c:/a \a \\host\share ..\a a\..\b a/b:stream a? a* a" a< a> a| a. a./b ..."#;
        let devices = "con CON aux.txt a/nul.tar.gz prn COM1 com¹.txt lpt9 CONIN$";
        let others = ["a\u{1}", "a ", "a /b", "prn ", "nul .txt"];
        for name in paths.split(' ').chain(devices.split(' ')).chain(others) {
            assert!(problem_of(name, System::Windows).is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_restored_is_not_written() {
        #[cfg(unix)]
        use std::os::unix::ffi::OsStrExt;
        let refused = |name: &Path| {
            let mut undo = UndoWriter::append(Vec::new());
            let error = undo.begin_file(name, None).unwrap_err();
            assert!(
                undo.0.is_empty() && error.kind() == io::ErrorKind::InvalidInput,
                "{error}"
            );
        };
        for name in ["", "/a", "../a", "a/../b", "./a", "a\0"] {
            refused(Path::new(name));
        }
        refused(&Path::new("a").join("x".repeat(MOST_LINE_BYTES)));
        #[cfg(unix)]
        refused(Path::new(std::ffi::OsStr::from_bytes(b"a\xff")));
    }

    #[test]
    fn an_original_that_cannot_be_read_is_told_from_an_undo_file_that_cannot_be_written() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::PermissionDenied))
            }
        }
        let error = UndoWriter::append(Vec::new()).whole_file(Failing, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("the original cannot be read: "));
    }

    #[test]
    fn originals_are_listed_without_the_output() {
        let (undo, ..) = some();
        let listed = list(&undo).unwrap();
        let found = listed.iter().map(|original| {
            (
                original.name.to_str().unwrap(),
                original.packing,
                original.is_whole,
                original.bytes,
                original.parts,
            )
        });
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("in/a.txt", Some(Packing::Gzip), false, 29, 3),
                ("b.jsonl.gz", Some(Packing::Gzip), true, 17, 1),
                ("c", None, false, 0, 0),
            ]
        );
        let end = of_entries(&[Entry::End {}]).len() as u64;
        assert_eq!(
            listed.iter().map(|original| original.undo_bytes).sum::<u64>() + end,
            undo.len() as u64
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn any_bytes_in_any_parts_are_restored(
            originals in proptest::collection::vec(proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>(), any::<bool>()), 0..6), 0..4)
        ) {
            let mut undo = UndoWriter::new(Vec::new()).unwrap();
            let (mut output, mut wanted) = (Vec::new(), Vec::new());
            for (number, parts) in originals.iter().enumerate() {
                let name = PathBuf::from(format!("{number}/{number}.txt"));
                undo.begin_file(&name, None).unwrap();
                let mut whole = Vec::new();
                for (original, cleaned, keeps) in parts {
                    // some outputs are like their originals, others have nothing to do with them
                    let cleaned = if *keeps { &original[original.len() / 3..] } else { cleaned };
                    undo.part(original, cleaned).unwrap();
                    output.extend_from_slice(cleaned);
                    whole.extend_from_slice(original);
                }
                if number % 3 == 2 {
                    output.extend_from_slice(&whole);
                    undo.whole_file(&whole[..], whole.len() as u64).unwrap();
                } else {
                    undo.end_file(whole.len() as u64).unwrap();
                }
                wanted.push((name, None, whole));
            }
            let (restored, result) = restore(&undo.finish().unwrap(), &output);
            prop_assert!(result.is_ok(), "{result:?}");
            prop_assert_eq!(restored.ended, wanted);
        }

        #[test]
        fn any_bytes_behind_the_first_line_are_an_error_and_no_panic(bytes in any::<Vec<u8>>(), output in any::<Vec<u8>>()) {
            let undo = [FIRST_LINE, &bytes].concat();
            prop_assert!(restore(&undo, &output).1.is_err() && list(&undo).is_err());
        }
    }
}
