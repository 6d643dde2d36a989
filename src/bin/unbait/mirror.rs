//! Files to files of the same names in another folder, each at the place that it had in its own.
//!
//! No file is written over its own source, and no two become one.

use crate::output::{PackedFile, Unfinished};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use unbait::corpus::packed::Packing;
use unbait::corpus::unpacked_name;
use unbait::error::{Error, Result};

/// A folder that gets a file for each input.
pub struct Mirror {
    folder: PathBuf,
    /// Files and folders as they were given.
    inputs: Vec<PathBuf>,
    /// Whether a file that is not finished stays, to be gone on with.
    keeps_unfinished: bool,
    /// The input that is read.
    input: PathBuf,
    current: Option<Current>,
    /// Hashes of the files that were written: many inputs should not fill the memory with names.
    written: HashSet<u64>,
}

/// The file that is written.
struct Current {
    ending: Ending,
    path: PathBuf,
    file: PackedFile,
}

/// How the name of an output differs from that of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ending {
    /// Not at all: the form is the same.
    Same,
    /// It is text: `.txt` behind the name, and behind that how it is packed.
    Text,
    /// It has tab-separated values: `.tsv`, in the same way.
    Tsv,
    /// It has JSON lines: `.jsonl`, in the same way.
    JsonLines,
    /// It is one JSON value: `.json`, in the same way.
    Json,
    /// It is a Parquet file, which is packed within: `.parquet`.
    Parquet,
}

impl Ending {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Same => None,
            Self::Text => Some("txt"),
            Self::Tsv => Some("tsv"),
            Self::JsonLines => Some("jsonl"),
            Self::Json => Some("json"),
            Self::Parquet => Some("parquet"),
        }
    }
}

impl Mirror {
    /// Whether a path is that of a folder: one that is there, or one with a slash at its end.
    pub fn is_wanted(path: &Path) -> bool {
        path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
    }

    /// A folder, which need not be there yet, for what these files and folders hold.
    pub fn new(folder: &Path, inputs: &[PathBuf], keeps_unfinished: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            inputs: inputs.to_vec(),
            keeps_unfinished,
            input: PathBuf::new(),
            current: None,
            written: HashSet::new(),
        }
    }

    /// What is written from here on is of this input.
    pub fn begin(&mut self, input: &Path) {
        input.clone_into(&mut self.input);
        self.current = None;
    }

    /// Begins the input's file, unless it has begun; whether it has just begun.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Option`] when the file is another input's or the input itself.
    pub fn open(&mut self, ending: Ending) -> Result<bool> {
        if self.current.is_some() {
            return Ok(false);
        }
        self.go_on(ending, Unfinished::new(self.keeps_unfinished))?;
        Ok(true)
    }

    /// Goes on with the input's file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn go_on(&mut self, ending: Ending, unfinished: Unfinished) -> Result<()> {
        let path = self.target(&self.input, ending);
        let refused = |problem: String| Error::Option { option: "-o", problem };
        if is_same(&self.input, &path) {
            return Err(refused(format!(
                "{} would be written over itself; name another folder",
                self.input.display()
            )));
        }
        if !self.written.insert(hash(&path)) {
            return Err(refused(format!(
                "a second input would be written to {}; run once for each",
                path.display()
            )));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::Write {
                path: folder.to_owned(),
                source,
            })?;
        }
        let file = PackedFile::create(&path, unfinished)?;
        self.current = Some(Current { ending, path, file });
        Ok(())
    }

    /// Writes bytes to the input's file, which has begun.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.current
            .as_mut()
            .map_or(Ok(()), |current| current.file.write(bytes))
    }

    /// Ends a record of a web archive.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn end_archived(&mut self) -> Result<()> {
        self.current
            .as_mut()
            .map_or(Ok(()), |current| current.file.end_archived())
    }

    /// Hands over what was written to the input's file; its ending and its bytes so far, if it has begun.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn checkpoint(&mut self) -> Result<Option<(Ending, u64)>> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        Ok(Some((current.ending, current.file.checkpoint()?)))
    }

    /// The name of the input's file in the folder, if it has begun.
    pub fn name(&self) -> Option<&Path> {
        self.path().and_then(|path| path.strip_prefix(&self.folder).ok())
    }

    /// Where the input's file will stand, if it has begun.
    pub fn path(&self) -> Option<&Path> {
        self.current.as_ref().map(|current| current.path.as_path())
    }

    /// Gives the input's file its name, if it has begun.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn end(&mut self) -> Result<()> {
        self.current.take().map_or(Ok(()), |current| current.file.finish())
    }

    /// Remembers a file that an earlier run wrote.
    pub fn was_written(&mut self, path: &str) {
        self.written.insert(hash(Path::new(path)));
    }

    fn target(&self, input: &Path, ending: Ending) -> PathBuf {
        let name = name_within(&self.inputs, input);
        let target = self.folder.join(name);
        let Some(name_ending) = ending.as_str() else {
            return target;
        };
        let mut longer = target.with_file_name(unpacked_name(Path::new(target.file_name().unwrap_or_default())));
        longer.as_mut_os_string().push(format!(".{name_ending}"));
        if let Some(packing) = Packing::of_name(name)
            && ending != Ending::Parquet
        {
            longer.as_mut_os_string().push(format!(".{}", packing.ending()));
        }
        longer
    }
}

/// The name of an input in the innermost of the folders that were given and have it, or that of the file alone.
pub fn name_within<'a>(inputs: &[PathBuf], input: &'a Path) -> &'a Path {
    let within = inputs
        .iter()
        .filter_map(|folder| input.strip_prefix(folder).ok())
        .filter(|rest| !rest.as_os_str().is_empty())
        .min_by_key(|rest| rest.components().count());
    within.or(input.file_name().map(Path::new)).unwrap_or(input)
}

/// By what paths are told from one another where there can be too many to keep them.
pub fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.display().to_string().hash(&mut hasher);
    hasher.finish()
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_place_that_it_had_in_the_folder_that_was_given() {
        let mirror = Mirror::new(
            Path::new("out"),
            &["in".into(), "in/deep".into(), "x/a.txt".into()],
            false,
        );
        let target = |input: &str, ending| mirror.target(Path::new(input), ending).display().to_string();
        assert_eq!(target("in/b/c.jsonl.gz", Ending::Same), "out/b/c.jsonl.gz");
        assert_eq!(target("in/deep/c.jsonl", Ending::Same), "out/c.jsonl");
        assert_eq!(target("x/a.txt", Ending::Same), "out/a.txt");
        assert_eq!(target("in/b/c.html", Ending::Text), "out/b/c.html.txt");
        assert_eq!(target("in/b/c.warc.gz", Ending::Text), "out/b/c.warc.txt.gz");
        assert_eq!(target("in/b/c.html", Ending::JsonLines), "out/b/c.html.jsonl");
        assert_eq!(target("in/b/c.html", Ending::Json), "out/b/c.html.json");
        assert_eq!(target("in/b/c.warc.gz", Ending::Tsv), "out/b/c.warc.tsv.gz");
        assert_eq!(target("in/b/c.warc.gz", Ending::Parquet), "out/b/c.warc.parquet");
        assert_eq!(target("-", Ending::Same), "out/-");
    }
}
