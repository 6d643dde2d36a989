//! What takes cleaned files back to what they were, in a folder beside them: an undo file for each output.
//!
//! Originals are read a second time for it, up to the place that the results are at: what undoes a result is there when the result is.

use crate::journal::At;
use crate::mirror::{hash, name_within};
use crate::output::{Unfinished, WholeFile};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use unbait::corpus::Format;
use unbait::corpus::packed::{Packing, Source, unpack};
use unbait::corpus::undo::{MOST_PART_BYTES, UndoWriter};
use unbait::error::{Error, Result};

/// What stands behind an output's name in the name of its undo file.
pub const ENDING: &str = ".undo";

/// Bytes at the start of a file that say how it is packed, and whether it is a Parquet file.
const HEAD: u64 = 8;

/// What of a packed original can be restored.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Keeps {
    /// The file, byte for byte; it takes as much room as the original does
    File,
    /// Its content, which takes little room beside the output; it is packed anew
    Content,
}

/// The folder.
pub struct Sidecar {
    folder: PathBuf,
    /// Files and folders as they were given.
    inputs: Vec<PathBuf>,
    keeps: Keeps,
    /// Whether an undo file that is not finished stays, to be gone on with.
    keeps_unfinished: bool,
    /// The undo file of a run before this one, and how far it was with the original.
    begun_undo: Option<Unfinished>,
    begun_original: Option<SavedOriginal>,
    undo: Option<Undo>,
    /// The input that is read, until its part of the undo file begins.
    input: Option<PathBuf>,
    original: Option<Original>,
    /// Why the input has none.
    unreadable: Option<Error>,
    /// What the output got since the last part.
    output: Vec<u8>,
    /// Hashes of the names of the output's originals.
    names: HashSet<u64>,
}

/// The undo file that is written.
struct Undo {
    path: PathBuf,
    writer: UndoWriter<WholeFile>,
}

/// An original as far as it is read.
struct Original {
    path: PathBuf,
    /// Its unpacked bytes; `None` when it is to stand in the undo file as it is, because it cannot be unpacked, or has no order.
    bytes: Option<Box<dyn Source>>,
    /// Unpacked bytes that parts have.
    at: u64,
    /// Bytes of the output that no part will have.
    passed: u64,
}

/// How much of a sidecar can be gone on with.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    undo: u64,
    original: Option<SavedOriginal>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SavedOriginal {
    at: u64,
    is_whole: bool,
    passed: u64,
}

impl Sidecar {
    /// A folder, which need not be there yet, for what takes these inputs' outputs back.
    pub fn new(folder: &Path, keeps: Keeps, inputs: &[PathBuf], at: Option<&At<Saved>>) -> Self {
        let has_begun = at.is_some_and(|at| at.saved.undo > 0);
        Self {
            folder: folder.to_owned(),
            inputs: inputs.to_vec(),
            keeps,
            keeps_unfinished: at.is_some(),
            begun_undo: has_begun.then(|| Unfinished::of(at, |saved| saved.undo)),
            begun_original: at.and_then(|at| at.saved.original),
            undo: None,
            input: None,
            original: None,
            unreadable: None,
            output: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// An output begins, which has this name in its folder.
    ///
    /// # Errors
    /// [`Error::Write`] for the undo file, [`Error::Read`] for the input.
    pub fn open(&mut self, output: &Path) -> Result<()> {
        let mut path = self.folder.join(output);
        path.as_mut_os_string().push(ENDING);
        let failed = |source| failed_write(&path, source);
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let begun = self.begun_undo.take();
        let writer = match begun {
            Some(unfinished) => UndoWriter::append(WholeFile::create(&path, unfinished)?),
            None => {
                UndoWriter::new(WholeFile::create(&path, Unfinished::new(self.keeps_unfinished))?).map_err(failed)?
            }
        };
        self.undo = Some(Undo { path, writer });
        self.names.clear();
        self.begin_original()
    }

    /// What comes from here on is of this input.
    ///
    /// # Errors
    /// [`Error::Write`] for the undo file, [`Error::Read`] for the input.
    pub fn begin(&mut self, input: &Path) -> Result<()> {
        self.input = Some(input.to_owned());
        self.begin_original()
    }

    /// Begins the input's part of the undo file as soon as there is both.
    fn begin_original(&mut self) -> Result<()> {
        let Some(undo) = &mut self.undo else { return Ok(()) };
        let Some(path) = self.input.take() else { return Ok(()) };
        let name = name_within(&self.inputs, &path).to_owned();
        if !self.names.insert(hash(&name)) {
            return Err(Error::Option {
                option: "--sidecar",
                problem: format!(
                    "a second original would be restored as {}; run once for each",
                    name.display()
                ),
            });
        }
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let (file, head) = match opened(&path) {
            Ok(opened) => opened,
            // who reads the records will say so, and there will be none
            Err(source) => {
                self.unreadable = Some(failed(source));
                return Ok(());
            }
        };
        let begun = self.begun_original.take();
        if begun.is_none() {
            let begins = undo.writer.begin_file(&name, Packing::of_content(&head));
            begins.map_err(|source| failed_write(&undo.path, source))?;
        }
        let is_packed = Packing::of_content(&head).is_some() && self.keeps == Keeps::File;
        let is_whole = is_packed || Format::of_content(&head) == Format::Parquet;
        let is_whole = begun.map_or(is_whole, |begun| begun.is_whole);
        let mut original = Original {
            bytes: None,
            at: begun.map_or(0, |begun| begun.at),
            passed: begun.map_or(0, |begun| begun.passed),
            path: path.clone(),
        };
        if !is_whole {
            let mut bytes = unpack(file).map_err(failed)?;
            io::copy(&mut bytes.by_ref().take(original.at), &mut io::sink()).map_err(failed)?;
            original.bytes = Some(bytes);
        }
        self.original = Some(original);
        Ok(())
    }

    /// The output got these bytes.
    ///
    /// # Errors
    /// [`Error::Read`] when the input could be read there and not here.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match (&mut self.original, self.unreadable.take()) {
            (_, Some(error)) => return Err(error),
            (Some(original), None) if original.bytes.is_none() => original.passed += bytes.len() as u64,
            (Some(_) | None, None) => self.output.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Writes what undoes the output so far, which is of the input up to `behind`, in unpacked bytes, or to its end.
    ///
    /// # Errors
    /// [`Error::Write`] for the undo file.
    pub fn checkpoint(&mut self, behind: Option<u64>) -> Result<Saved> {
        self.write_parts(behind)?;
        Ok(Saved {
            undo: self
                .undo
                .as_mut()
                .map_or(Ok(0), |undo| undo.writer.get_mut().checkpoint())?,
            original: self.original.as_ref().map(|original| SavedOriginal {
                at: original.at,
                is_whole: original.bytes.is_none(),
                passed: original.passed,
            }),
        })
    }

    /// The input is done.
    ///
    /// # Errors
    /// [`Error::Write`] for the undo file, [`Error::Read`] for the input.
    pub fn end_input(&mut self) -> Result<()> {
        self.write_parts(None)?;
        self.input = None;
        self.unreadable = None;
        let (Some(undo), Some(original)) = (&mut self.undo, self.original.take()) else {
            return Ok(());
        };
        let ended = match &original.bytes {
            Some(_) => undo.writer.end_file(original.at),
            None => {
                let file = File::open(&original.path).map_err(|source| Error::Read {
                    path: original.path.clone(),
                    source,
                })?;
                undo.writer.whole_file(file, original.passed)
            }
        };
        ended.map_err(|source| failed_write(&undo.path, source))
    }

    /// The output is done: its undo file gets its name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn close(&mut self) -> Result<()> {
        let Some(Undo { path, writer }) = self.undo.take() else {
            return Ok(());
        };
        writer.finish().map_err(|source| failed_write(&path, source))?.finish()
    }

    fn write_parts(&mut self, behind: Option<u64>) -> Result<()> {
        let (Some(undo), Some(original)) = (&mut self.undo, &mut self.original) else {
            return Ok(());
        };
        loop {
            let Some(part) = original.next_part(behind) else {
                original.passed += std::mem::take(&mut self.output).len() as u64;
                return Ok(());
            };
            if part.is_empty() && self.output.is_empty() {
                return Ok(());
            }
            let written = undo.writer.part(&part, &self.output);
            written.map_err(|source| failed_write(&undo.path, source))?;
            self.output.clear();
        }
    }
}

impl Original {
    /// The next bytes up to `behind`, or to the end, not too many at once; `None` when the original cannot be unpacked (on).
    fn next_part(&mut self, behind: Option<u64>) -> Option<Vec<u8>> {
        let wanted = behind.map_or(u64::MAX, |behind| behind.saturating_sub(self.at));
        let mut part = Vec::new();
        let bytes = self.bytes.as_mut()?;
        let read = bytes.take(wanted.min(MOST_PART_BYTES as u64)).read_to_end(&mut part);
        if read.is_err() {
            self.bytes = None;
            return None;
        }
        self.at += part.len() as u64;
        Some(part)
    }
}

/// A file at its start, and what stands there.
fn opened(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    file.rewind()?;
    Ok((file, head))
}

fn failed_write(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
