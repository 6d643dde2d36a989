//! A run to a file that says how far it is, so that after a kill the same command goes on from there (`--resume`).
//!
//! A line is written when all it speaks of is in the hands of the system; the last line may be cut, and then it does not count.

use crate::output::json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use unbait::classifier::Classifier;
use unbait::error::{Error, Result};

/// Options that results do not depend on, and whether they have a value.
const LEFT_OUT: [(&str, bool); 3] = [("--resume", false), ("--threads", true), ("--strict", false)];

/// What a run is: another one does not go on with its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Version of the tool.
    pub unbait: String,
    /// SHA-256 of the model.
    pub model: String,
    /// The arguments that results depend on.
    pub arguments: Vec<String>,
}

impl Run {
    /// This run, by its arguments without the tool's name.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn new(classifier: &Classifier, arguments: impl Iterator<Item = String>) -> Result<Self> {
        Ok(Self {
            unbait: env!("CARGO_PKG_VERSION").to_owned(),
            model: hex::encode(Sha256::digest(classifier.to_bytes()?)),
            arguments: without_left_out(arguments),
        })
    }
}

fn without_left_out(mut arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        match LEFT_OUT.iter().find(|(left_out, _)| *left_out == name) {
            Some((_, has_value)) if *has_value && argument == name => drop(arguments.next()),
            Some(_) => {}
            None => kept.push(argument),
        }
    }
    kept
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct At<S> {
    /// Inputs that are done.
    pub inputs: u64,
    /// Records of the next input that are done, bad ones and those without a page included.
    pub records: u64,
    /// Whether files get their names next, and may have them.
    pub is_ending: bool,
    /// What is known at that place.
    pub saved: S,
}

impl<S> At<S> {
    /// The same place with only a part of what is known there.
    pub fn of<T>(&self, part: impl FnOnce(&S) -> T) -> At<T> {
        At {
            inputs: self.inputs,
            records: self.records,
            is_ending: self.is_ending,
            saved: part(&self.saved),
        }
    }
}

/// An input that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    input: String,
    #[serde(flatten)]
    state: Option<FileState>,
    output: Option<String>,
}

/// By what a file is known to be the same; nothing is known of what is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<S> {
    Run(Run),
    Done(Done),
    At(At<S>),
    Finished(At<S>),
}

/// The file.
pub struct Journal<S> {
    path: PathBuf,
    file: File,
    /// Lines of inputs that are done, for the next line that says how far the run is.
    pending: String,
    /// How far the run was when this one began.
    at: At<S>,
    finished: bool,
    done: VecDeque<Done>,
}

/// The inputs that are done, to be gone through in their order.
pub struct DoneInputs(VecDeque<Done>);

impl<S: Serialize + DeserializeOwned + Default + Clone> Journal<S> {
    /// Begins a journal, or reads the one that is there.
    ///
    /// # Errors
    /// [`Error::Write`] and [`Error::Read`]; [`Error::Option`] when it is that of another run, or of one that still goes on.
    pub fn open(path: &Path, run: &Run) -> Result<Self> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(refused(
                    path,
                    "a run that is going on writes to the same output; wait for its end",
                ));
            }
            // not every file system has locks
            Err(TryLockError::Error(_)) => {}
        }
        let mut journal = Self {
            path: path.to_owned(),
            file,
            pending: String::new(),
            at: At::default(),
            finished: false,
            done: VecDeque::new(),
        };
        let good = journal.read(run)?;
        journal.file.set_len(good).map_err(failed)?;
        journal.file.seek(SeekFrom::Start(good)).map_err(failed)?;
        if good == 0 {
            journal.append(&Line::Run(run.clone()))?;
        }
        Ok(journal)
    }

    /// Forgets what is there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn begin_anew(self, run: &Run) -> Result<Self> {
        let emptied = self.file.set_len(0);
        emptied.map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })?;
        let path = self.path.clone();
        // which gives the lock back
        drop(self);
        Self::open(&path, run)
    }

    /// Reads what is there; how many of its bytes count.
    fn read(&mut self, run: &Run) -> Result<u64> {
        let failed = |source| Error::Read {
            path: self.path.clone(),
            source,
        };
        let mut lines = BufReader::new(&self.file);
        let (mut at, mut good, mut line) = (0, 0, Vec::new());
        let mut done = VecDeque::new();
        loop {
            line.clear();
            at += lines.read_until(b'\n', &mut line).map_err(failed)? as u64;
            let Some(whole) = line.strip_suffix(b"\n") else {
                return Ok(good);
            };
            let Ok(line) = serde_json::from_slice::<Line<S>>(whole) else {
                return Err(refused(&self.path, "this is no journal of a run"));
            };
            match line {
                Line::Run(of) if of == *run => good = at,
                Line::Run(of) => return Err(other_run(&self.path, &of, run)),
                Line::Done(input) => done.push_back(input),
                Line::At(so_far) => {
                    (self.at, good) = (so_far, at);
                    self.done.append(&mut done);
                }
                Line::Finished(so_far) => {
                    (self.at, good, self.finished) = (so_far, at, true);
                    self.done.append(&mut done);
                }
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far the run was.
    pub fn at(&self) -> &At<S> {
        &self.at
    }

    /// Whether it was at its end.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The outputs of the inputs that are done.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.done.iter().filter_map(|done| done.output.as_deref())
    }

    /// The inputs that are done, which are no longer here then.
    pub fn take_done(&mut self) -> DoneInputs {
        DoneInputs(std::mem::take(&mut self.done))
    }

    /// Remembers an input that is done.
    pub fn add_done(&mut self, input: &Path, output: Option<&Path>) -> Result<()> {
        let done = Done {
            input: input.display().to_string(),
            state: FileState::of(input),
            output: output.map(|output| output.display().to_string()),
        };
        self.pending += &(json(&Line::<S>::Done(done))? + "\n");
        Ok(())
    }

    /// Writes down how far the run is.
    pub fn checkpoint(&mut self, at: At<S>) -> Result<()> {
        self.append(&Line::At(at))
    }

    /// Writes down that the run is at its end.
    pub fn finish(&mut self, at: At<S>) -> Result<()> {
        self.append(&Line::Finished(at))
    }

    fn append(&mut self, line: &Line<S>) -> Result<()> {
        self.pending += &(json(line)? + "\n");
        let written = self.file.write_all(self.pending.as_bytes());
        self.pending.clear();
        written.map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }
}

impl DoneInputs {
    /// Checks that an input is the next one that is done, and is as it was.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&mut self, input: &Path, journal: &Path) -> Result<()> {
        let name = input.display().to_string();
        match self.0.pop_front() {
            Some(done) if done.input == name && done.state == FileState::of(input) => Ok(()),
            Some(done) if done.input == name => {
                Err(refused(journal, &format!("{name} is another file since it was done")))
            }
            Some(done) => Err(refused(
                journal,
                &format!("{name} stands where {} was when the run began", done.input),
            )),
            None => Err(refused(journal, "it does not have all inputs that are done")),
        }
    }

    /// Checks that all of them were gone through.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check_end(&self, journal: &Path) -> Result<()> {
        match self.0.front() {
            Some(done) => Err(refused(
                journal,
                &format!("{} was done and is no input any more", done.input),
            )),
            None => Ok(()),
        }
    }
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            bytes: metadata.len(),
            modified: u64::try_from(modified.as_nanos()).ok()?,
        })
    }
}

fn refused(journal: &Path, problem: &str) -> Error {
    Error::Option {
        option: "--resume",
        problem: format!("{problem}; to begin anew, delete {}", journal.display()),
    }
}

fn other_run(journal: &Path, was: &Run, is: &Run) -> Error {
    let problem = if was.unbait != is.unbait {
        format!("the run was begun by version {}, and this is {}", was.unbait, is.unbait)
    } else if was.model != is.model {
        "the run was begun with another model".to_owned()
    } else {
        format!("the run was begun as `unbait {}`", was.arguments.join(" "))
    };
    refused(journal, &problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(argument: &str) -> Run {
        Run {
            unbait: "0".to_owned(),
            model: "m".to_owned(),
            arguments: vec!["clean".to_owned(), argument.to_owned()],
        }
    }

    fn at(inputs: u64, records: u64) -> At<String> {
        At {
            inputs,
            records,
            is_ending: false,
            saved: format!("{inputs}/{records}"),
        }
    }

    /// A journal of a run that has done one input and three records.
    fn written(folder: &Path) -> (PathBuf, PathBuf) {
        let (path, input) = (folder.join("journal"), folder.join("a.txt"));
        std::fs::write(&input, "A").unwrap();
        let mut journal = Journal::open(&path, &run("x")).unwrap();
        assert_eq!(*journal.at(), At::default());
        journal.add_done(&input, Some(Path::new("out/a.txt"))).unwrap();
        journal.checkpoint(at(1, 0)).unwrap();
        journal.checkpoint(at(1, 3)).unwrap();
        (path, input)
    }

    fn message<T>(result: Result<T>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn options_that_change_no_result_make_no_other_run() {
        let kept = |line: &str| without_left_out(line.split(' ').map(str::to_owned)).join(" ");
        assert_eq!(kept("clean a --threads 3 --resume -o b"), "clean a -o b");
        assert_eq!(
            kept("clean --threads=3 a --strict --split line"),
            "clean a --split line"
        );
    }

    #[test]
    fn a_run_goes_on_from_the_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let (path, input) = written(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let starts: Vec<usize> = whole
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(i, _)| i + 1)
            .collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut journal = Journal::open(&path, &run("x")).unwrap();
            let wanted = match starts.iter().filter(|start| **start <= length).count() {
                0..=2 => At::default(),
                3 => at(1, 0),
                _ => at(1, 3),
            };
            assert_eq!(*journal.at(), wanted, "{length}");
            assert_eq!(journal.outputs().count() as u64, wanted.inputs);
            journal.add_done(&input, None).unwrap();
            journal.checkpoint(at(2, 0)).unwrap();
            drop(journal);
            let again = Journal::<String>::open(&path, &run("x")).unwrap();
            assert_eq!(*again.at(), at(2, 0));
        }
    }

    #[test]
    fn another_run_is_refused_with_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = written(folder.path());
        let open = |run: Run| Journal::<String>::open(&path, &run);
        assert!(message(open(run("y"))).contains("the run was begun as `unbait clean x`; to begin anew, delete "));
        let model = "n".to_owned();
        assert!(message(open(Run { model, ..run("x") })).contains("with another model"));
        let unbait = "1".to_owned();
        assert!(message(open(Run { unbait, ..run("x") })).contains("by version 0, and this is 1"));
        std::fs::write(&path, "text\n").unwrap();
        assert!(message(open(run("x"))).contains("this is no journal"));
    }

    #[test]
    fn of_two_runs_at_once_the_second_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let first = Journal::<String>::open(&path, &run("x")).unwrap();
        assert!(message(Journal::<String>::open(&path, &run("x"))).contains("going on"));
        drop(first);
        assert!(Journal::<String>::open(&path, &run("x")).is_ok());
    }

    #[test]
    fn an_input_that_changed_since_it_was_done_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, input) = written(folder.path());
        let check = |name: &Path| {
            let mut journal = Journal::<String>::open(&path, &run("x")).unwrap();
            journal.take_done().check(name, &path)
        };
        assert!(check(&input).is_ok());
        assert!(message(check(&folder.path().join("b.txt"))).contains("stands where"));
        let done = Journal::<String>::open(&path, &run("x")).unwrap().take_done();
        assert!(message(done.check_end(&path)).contains("a.txt was done and is no input any more"));
        std::fs::write(&input, "AB").unwrap();
        assert!(message(check(&input)).contains("is another file since it was done"));
    }

    #[test]
    fn the_end_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = written(folder.path());
        let mut journal = Journal::<String>::open(&path, &run("x")).unwrap();
        assert!(!journal.is_finished());
        journal.finish(at(2, 0)).unwrap();
        drop(journal);
        let journal = Journal::<String>::open(&path, &run("x")).unwrap();
        assert!(journal.is_finished() && *journal.at() == at(2, 0));
    }
}
