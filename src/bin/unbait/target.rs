//! Results of pages to standard output, to one file, or to a folder that gets a file for each input.
//!
//! A file is there when it is whole; what there is of it before can be gone on with when it is kept.

use crate::inputs::reads_stdin;
use crate::journal::{At, Journal, Run};
use crate::mirror::{Ending, Mirror};
use crate::output::{PackedFile, Results, Unfinished, beside};
use crate::sidecar::{self, Keeps, Sidecar};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use unbait::classifier::Classifier;
use unbait::corpus::packed::Packing;
use unbait::error::{Error, Result};

/// Where results go.
pub struct Target {
    place: Place,
    sidecar: Option<Sidecar>,
}

enum Place {
    /// Standard output.
    Stdout(Results),
    /// One file for all inputs.
    File(PackedFile),
    /// A file for each input; first the one of a run before this one.
    Folder(Option<(Ending, Unfinished)>, Mirror),
}

/// How much of what was written can be gone on with.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    /// Of the one file, or of the file of the input that is not done.
    bytes: u64,
    /// How the name of the input's file differs from the input's, if it has begun.
    ending: Option<Ending>,
    sidecar: sidecar::Saved,
}

/// Where a run that writes to this path says how far it is.
fn journal_of(output: &Path) -> PathBuf {
    match Mirror::is_wanted(output) {
        true => output.join(".unbait-journal"),
        false => beside(output, ".unbait-journal"),
    }
}

/// With `resume` the journal of a run that writes to this path and has these arguments, the tool's name first. A finished run whose file is gone is begun anew.
///
/// # Errors
/// [`Error::Option`] when results cannot be gone on with, those of [`Journal::open`].
pub fn open_journal<S>(
    resume: bool,
    output: Option<&Path>,
    inputs: &[PathBuf],
    classifier: &Classifier,
    arguments: &[OsString],
) -> Result<Option<Journal<S>>>
where
    S: Serialize + DeserializeOwned + Default + Clone,
{
    if !resume {
        return Ok(None);
    }
    let refused = |problem: &str| Error::Option {
        option: "--resume",
        problem: problem.to_owned(),
    };
    let output = output.ok_or_else(|| {
        refused("what went to standard output cannot be gone on with; name a file or a folder with -o")
    })?;
    if reads_stdin(inputs) {
        return Err(refused(
            "standard input cannot be read a second time; name files or folders",
        ));
    }
    let path = journal_of(output);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| Error::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    let run = Run::new(classifier, arguments.skip(1))?;
    let journal = Journal::open(&path, &run)?;
    match journal.is_finished() && !output.exists() {
        true => journal.begin_anew(&run).map(Some),
        false => Ok(Some(journal)),
    }
}

impl Target {
    /// Results go to this path, or to standard output, and what undoes them to the folder of the sidecar. With a place that a run was at
    /// they can be gone on with from there.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Option`] when the path is a folder of the inputs.
    pub fn new(
        output: Option<&Path>,
        sidecar: Option<(&Path, Keeps)>,
        inputs: &[PathBuf],
        at: Option<&At<Saved>>,
        stdout: impl FnOnce() -> Results,
    ) -> Result<Self> {
        let Some(path) = output else {
            let place = Place::Stdout(stdout());
            return Ok(Self { place, sidecar: None });
        };
        let mut sidecar = match sidecar {
            Some((folder, keeps)) => {
                refuse_within("--sidecar", folder, inputs)?;
                let at = at.map(|at| at.of(|saved| saved.sidecar));
                Some(Sidecar::new(folder, keeps, inputs, at.as_ref()))
            }
            None => None,
        };
        let unfinished = Unfinished::of(at, |saved| saved.bytes);
        let place = if Mirror::is_wanted(path) {
            refuse_within("-o", path, inputs)?;
            let begun = at.and_then(|at| at.saved.ending).map(|ending| (ending, unfinished));
            Place::Folder(begun, Mirror::new(path, inputs, at.is_some()))
        } else {
            if let Some(sidecar) = &mut sidecar {
                sidecar.open(Path::new(path.file_name().unwrap_or_default()))?;
            }
            Place::File(PackedFile::create(path, unfinished)?)
        };
        Ok(Self { place, sidecar })
    }

    /// Whether results go to standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout(_))
    }

    /// Whether each input gets a file.
    pub fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(..))
    }

    /// Whether the input has a file of its own, which has begun.
    pub fn has_file(&self) -> bool {
        matches!(&self.place, Place::Folder(_, mirror) if mirror.path().is_some())
    }

    /// Whether one file gets all results, packed.
    pub fn is_packed(&self) -> bool {
        matches!(&self.place, Place::File(file) if file.is_packed())
    }

    /// Files that an earlier run wrote.
    pub fn were_written<'a>(&mut self, paths: impl Iterator<Item = &'a str>) {
        if let Place::Folder(_, mirror) = &mut self.place {
            paths.for_each(|path| mirror.was_written(path));
        }
    }

    /// What comes from here on is of this input.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`], [`Error::Option`].
    pub fn begin(&mut self, input: &Path) -> Result<()> {
        if let Some(sidecar) = &mut self.sidecar {
            sidecar.begin(input)?;
        }
        let Place::Folder(begun, mirror) = &mut self.place else {
            return Ok(());
        };
        mirror.begin(input);
        if let Some((ending, unfinished)) = begun.take() {
            mirror.go_on(ending, unfinished)?;
            self.open_sidecar()?;
        }
        Ok(())
    }

    /// What comes next is of this form; whether a file begins with it. The form of an input's first result counts.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`], [`Error::Option`].
    pub fn open(&mut self, ending: Ending) -> Result<bool> {
        let Place::Folder(_, mirror) = &mut self.place else {
            return Ok(false);
        };
        let is_new = mirror.open(ending)?;
        if is_new {
            self.open_sidecar()?;
        }
        Ok(is_new)
    }

    fn open_sidecar(&mut self) -> Result<()> {
        let (Some(sidecar), Place::Folder(_, mirror)) = (&mut self.sidecar, &self.place) else {
            return Ok(());
        };
        mirror.name().map_or(Ok(()), |name| sidecar.open(name))
    }

    /// Writes text.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Output`].
    pub fn write(&mut self, text: &str) -> Result<()> {
        match &mut self.place {
            Place::Stdout(results) => results.write(text),
            Place::File(_) | Place::Folder(..) => self.write_bytes(text.as_bytes()),
        }
    }

    /// Writes bytes that need not be text.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Output`].
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(sidecar) = &mut self.sidecar {
            sidecar.write(bytes)?;
        }
        match &mut self.place {
            Place::Stdout(results) => results.write_bytes(bytes),
            Place::File(file) => file.write(bytes),
            Place::Folder(_, mirror) => mirror.write(bytes),
        }
    }

    /// Writes a record of a web archive.
    ///
    /// # Errors
    /// As [`Self::write_bytes`].
    pub fn write_archived(&mut self, record: &[u8]) -> Result<()> {
        self.write_bytes(record)?;
        match &mut self.place {
            Place::Stdout(_) => Ok(()),
            Place::File(file) => file.end_archived(),
            Place::Folder(_, mirror) => mirror.end_archived(),
        }
    }

    /// The input is done; where its file stands, if it has one of its own.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`].
    pub fn end(&mut self) -> Result<Option<PathBuf>> {
        if let Some(sidecar) = &mut self.sidecar {
            sidecar.end_input()?;
        }
        let Place::Folder(_, mirror) = &mut self.place else {
            return Ok(None);
        };
        let path = mirror.path().map(Path::to_owned);
        mirror.end()?;
        if let Some(sidecar) = &mut self.sidecar {
            sidecar.close()?;
        }
        Ok(path)
    }

    /// Hands over what was written to files, so that they can be gone on with; `behind` is where in the input, in unpacked bytes, the last
    /// record ends, unless the input is done.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn checkpoint(&mut self, behind: Option<u64>) -> Result<Saved> {
        let sidecar = match &mut self.sidecar {
            Some(sidecar) => sidecar.checkpoint(behind)?,
            None => sidecar::Saved::default(),
        };
        let (bytes, ending) = match &mut self.place {
            Place::Stdout(_) => (0, None),
            Place::File(file) => (file.checkpoint()?, None),
            Place::Folder(_, mirror) => match mirror.checkpoint()? {
                Some((ending, bytes)) => (bytes, Some(ending)),
                None => (0, None),
            },
        };
        Ok(Saved { bytes, ending, sidecar })
    }

    /// All is done: the one file gets its name.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Output`].
    pub fn finish(self) -> Result<()> {
        match self.place {
            Place::Stdout(mut results) => results.flush()?,
            Place::File(file) => file.finish()?,
            Place::Folder(_, mut mirror) => mirror.end()?,
        }
        self.sidecar.map_or(Ok(()), |mut sidecar| sidecar.close())
    }
}

/// Refuses a Parquet file that would be packed as a whole, which nobody reads.
///
/// # Errors
/// [`Error::Option`].
pub fn refuse_packed_parquet(output: &Path) -> Result<()> {
    match Packing::of_name(output) {
        None => Ok(()),
        Some(packing) => Err(Error::Option {
            option: "-o",
            problem: format!(
                "a Parquet file is packed within; name {} without .{}",
                output.display(),
                packing.ending()
            ),
        }),
    }
}

/// Refuses a folder in which the run would read what it writes.
fn refuse_within(option: &'static str, output: &Path, inputs: &[PathBuf]) -> Result<()> {
    // the part of the path that is there
    let there = output
        .ancestors()
        .find_map(|folder| match folder.as_os_str().is_empty() {
            true => Path::new(".").canonicalize().ok(),
            false => folder.canonicalize().ok(),
        });
    let Some(there) = there else { return Ok(()) };
    let folders = inputs.iter().filter(|input| input.is_dir());
    for input in folders {
        let is_within = input.canonicalize().is_ok_and(|input| there.starts_with(input));
        if is_within {
            return Err(Error::Option {
                option,
                problem: format!(
                    "{} is in {}, of which all is read; name a folder outside of it",
                    output.display(),
                    input.display()
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_within_an_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (pages, beside) = (folder.path().join("pages"), folder.path().join("cleaned"));
        std::fs::create_dir_all(pages.join("2024")).unwrap();
        let inputs = [pages.clone()];
        for within in [pages.clone(), pages.join("new/deep"), pages.join("2024")] {
            assert!(refuse_within("-o", &within, &inputs).is_err(), "{}", within.display());
        }
        assert!(refuse_within("-o", &beside, &inputs).is_ok());
        std::fs::create_dir(&beside).unwrap();
        assert!(refuse_within("-o", &beside.join("../pages"), &inputs).is_err());
    }

    #[test]
    fn the_journal_stands_in_the_folder_or_beside_the_file() {
        assert_eq!(journal_of(Path::new("out/")), Path::new("out/.unbait-journal"));
        assert_eq!(
            journal_of(Path::new("a/x.jsonl.gz")),
            Path::new("a/.x.jsonl.gz.unbait-journal")
        );
    }
}
