//! `unbait restore`: what `clean` wrote, with the undo files that it wrote beside, back to the originals.
//!
//! Names come out of the undo files, which somebody else may have made: nothing is written outside the folder, over a file that is read,
//! or over one that is there.

use crate::Outcome;
use crate::mirror::Mirror;
use crate::output::{Results, Unfinished, WholeFile, complain, json, note, output_path};
use crate::sidecar::ENDING;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use unbait::corpus::packed::{Packer, Packing, unpack_as};
use unbait::corpus::undo::{Original, Sink, UndoReader};
use unbait::error::{Error, Result};

const EXAMPLE: &str = "\
Example:
  unbait clean shards/ -o cleaned/ --sidecar undo/
  unbait restore cleaned/ --sidecar undo/ -o shards-again/
  unbait restore cleaned/ --sidecar undo/ --list";

/// Restore the originals of what clean wrote, byte for byte.
///
/// It takes the outputs as `clean --sidecar` wrote them, and the undo files that it wrote beside; an output that was changed since is
/// named. Originals that were packed are packed anew, with the same content, if `clean` had --sidecar-keeps content. Times and rights of files are not restored.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Files that clean wrote, and folders of them
    #[arg(value_name = "OUT", required = true)]
    outputs: Vec<PathBuf>,
    /// Folder with the undo files: for each output one that has its name, and of those in a folder its path there, and the ending .undo
    #[arg(long, value_name = "DIR")]
    sidecar: PathBuf,
    /// Folder that gets the originals under their names. If OUT is one file with one original: the file to write, unless a folder of
    /// this name is there or a slash stands at the end
    #[arg(short, long, value_name = "BACK", value_parser = output_path(), required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Replace files of the folder; without it an original whose name is taken there is not restored, as the names stand in the undo
    /// files and not in the command
    #[arg(long)]
    force: bool,
    /// List the originals and restore none: JSON lines with output, file, packing, kept (in parts, beside the output, or whole), bytes
    /// (unpacked, of whole ones as they stood on disk), parts, and undo_bytes, which it takes in the undo file
    #[arg(long, conflicts_with_all = ["output", "force"])]
    list: bool,
}

/// An output and its undo file.
struct Pair {
    output: PathBuf,
    undo: PathBuf,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    std::fs::read_dir(&args.sidecar).map_err(|source| unreadable(&args.sidecar, source))?;
    let mut restorer = args.output.as_deref().map(|back| Restorer::new(args, back));
    let mut listing = Results::data();
    let (mut done, mut failed) = (0, 0);
    for pair in pairs(args) {
        let result = pair.and_then(|pair| match &mut restorer {
            Some(restorer) => restorer.restore(&pair),
            None => list(&pair, &mut listing),
        });
        match result {
            Ok(()) => done += 1,
            Err(error @ Error::Output { .. }) => return Err(error),
            Err(error) => {
                complain(&error);
                failed += 1;
            }
        }
    }
    listing.flush()?;
    if let Some(restorer) = restorer {
        restorer.say();
    }
    Ok(match (done, failed) {
        (0, 0) => return Err(nothing_found(args)),
        (_, 0) => Outcome::Done,
        (0, _) => Outcome::AllFailed,
        (_, _) => Outcome::SomeFailed,
    })
}

fn nothing_found(args: &Args) -> Error {
    let names: Vec<String> = args.outputs.iter().map(|path| path.display().to_string()).collect();
    Error::Option {
        option: "OUT",
        problem: format!("no file in {}; name what clean wrote", names.join(", ")),
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| unreadable(path, source))
}

fn open_undo(path: &Path) -> Result<UndoReader<'_, BufReader<File>>> {
    UndoReader::new(path, BufReader::new(open(path)?))
}

// ---- the list

/// A line of the list.
#[derive(Serialize)]
struct Listed {
    output: String,
    file: String,
    packing: Option<&'static str>,
    kept: Kept,
    bytes: u64,
    parts: u64,
    undo_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Parts,
    Whole,
}

fn list(pair: &Pair, results: &mut Results) -> Result<()> {
    let mut undo = open_undo(&pair.undo)?;
    while let Some(original) = undo.next_original()? {
        results.write(&(json(&listed(&pair.output, &original))? + "\n"))?;
    }
    Ok(())
}

fn listed(output: &Path, original: &Original) -> Listed {
    Listed {
        output: output.display().to_string(),
        file: original.name.display().to_string(),
        packing: original.packing.map(Packing::ending),
        kept: if original.is_whole { Kept::Whole } else { Kept::Parts },
        bytes: original.bytes,
        parts: original.parts,
        undo_bytes: original.undo_bytes,
    }
}

// ---- outputs with their undo files

/// The outputs with their undo files, those of folders in the order of their names; behind them, undo files that have no output.
fn pairs(args: &Args) -> impl Iterator<Item = Result<Pair>> {
    let of_outputs = args
        .outputs
        .iter()
        .flat_map(|output| -> Box<dyn Iterator<Item = Result<Pair>>> {
            if output.is_dir() {
                Box::new(pairs_in(output, &args.sidecar))
            } else {
                let name = Path::new(output.file_name().unwrap_or_default());
                Box::new(std::iter::once(pair(output.clone(), name, &args.sidecar)))
            }
        });
    of_outputs.chain(without_output(args).map(Err))
}

fn pair(output: PathBuf, name: &Path, sidecar: &Path) -> Result<Pair> {
    let undo = undo_of(name, sidecar);
    if undo.is_file() {
        return Ok(Pair { output, undo });
    }
    Err(Error::Corpus {
        path: output,
        problem: format!(
            "there is no undo file for it: {} is wanted; name the folder that this output's `unbait clean --sidecar` wrote, or the output as it was named then",
            undo.display()
        ),
    })
}

/// The undo file of an output of this name, or path in its folder.
fn undo_of(name: &Path, sidecar: &Path) -> PathBuf {
    let mut undo = sidecar.join(name).into_os_string();
    undo.push(ENDING);
    undo.into()
}

fn pairs_in<'a>(folder: &'a Path, sidecar: &'a Path) -> impl Iterator<Item = Result<Pair>> + 'a {
    let has_sidecar = |entry: &walkdir::DirEntry| entry.file_type().is_dir() && is_same(entry.path(), sidecar);
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    entries
        .filter_entry(move |entry| !has_sidecar(entry))
        .filter_map(move |entry| match entry {
            Ok(entry) if entry.file_type().is_file() => {
                let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
                // a run that did not end leaves hidden files
                (!is_hidden || undo_of(name, sidecar).is_file()).then(|| pair(entry.path().to_owned(), name, sidecar))
            }
            Ok(_) => None,
            Err(error) => Some(Err(failed_walk(error))),
        })
}

fn failed_walk(error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(Path::new("")).to_owned();
    let source = error
        .into_io_error()
        .unwrap_or_else(|| std::io::Error::other("a loop of links"));
    Error::Read { path, source }
}

/// An error for each undo file whose output is not there, if a folder of outputs was given.
fn without_output(args: &Args) -> impl Iterator<Item = Error> {
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) = args.outputs.iter().partition(|output| output.is_dir());
    let entries = (!folders.is_empty()).then(|| walkdir::WalkDir::new(&args.sidecar).sort_by_file_name());
    entries.into_iter().flatten().filter_map(move |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(failed_walk(error)),
        };
        let name = entry.path().strip_prefix(&args.sidecar).ok()?;
        let name = PathBuf::from(name.as_os_str().to_str()?.strip_suffix(ENDING)?);
        let is_there = folders.iter().any(|folder| folder.join(&name).is_file())
            || files.iter().any(|file| file.file_name() == Some(name.as_os_str()));
        (entry.file_type().is_file() && !is_there).then(|| Error::Corpus {
            path: entry.path().to_owned(),
            problem: format!(
                "its output is not there: {} is wanted; without it nothing can be restored",
                folders
                    .iter()
                    .map(|folder| folder.join(&name).display().to_string())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        })
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (_, _) => false,
    }
}

// ---- originals

/// Where originals go.
enum Back {
    Folder(PathBuf),
    File(PathBuf),
}

/// Writes originals as they are restored.
struct Restorer {
    back: Back,
    replaces: bool,
    /// What is read, with links followed: nothing is written there.
    read: Vec<PathBuf>,
    written: BTreeSet<PathBuf>,
    packed: u64,
}

/// An original that is written.
struct Target {
    path: PathBuf,
    packing: Option<Packing>,
    packer: Packer<WholeFile>,
}

impl Target {
    fn create(path: PathBuf, packing: Option<Packing>) -> Result<Self> {
        let packer = Packer::new(packing, WholeFile::create(&path, Unfinished::Vanishes)?);
        let packer = packer.map_err(|source| unwritable(&path, source))?;
        Ok(Self { path, packing, packer })
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

fn refused(problem: String) -> Error {
    Error::Option { option: "-o", problem }
}

impl Restorer {
    fn new(args: &Args, back: &Path) -> Self {
        let is_of_folder = args.outputs.len() > 1 || args.outputs.iter().any(|output| output.is_dir());
        let read = args.outputs.iter().chain([&args.sidecar]);
        Self {
            back: if is_of_folder || Mirror::is_wanted(back) {
                Back::Folder(back.to_owned())
            } else {
                Back::File(back.to_owned())
            },
            replaces: args.force,
            read: read.filter_map(|path| path.canonicalize().ok()).collect(),
            written: BTreeSet::new(),
            packed: 0,
        }
    }

    /// Restores the originals of an output.
    fn restore(&mut self, pair: &Pair) -> Result<()> {
        if matches!(self.back, Back::File(_)) {
            let mut undo = open_undo(&pair.undo)?;
            let has_one = undo.next_original()?.is_some() && undo.next_original()?.is_none();
            if !has_one {
                return Err(refused(format!(
                    "{} has not one original; name a folder, with a slash at its end",
                    pair.undo.display()
                )));
            }
        }
        let undo = open_undo(&pair.undo)?;
        let output = unpack_as(Packing::of_name(&pair.output), open(&pair.output)?);
        let output = output.map_err(|source| unreadable(&pair.output, source))?;
        undo.restore(&pair.output, output, self)
    }

    /// Where an original of this name goes.
    fn target(&mut self, name: &Path) -> Result<PathBuf> {
        let path = match &self.back {
            Back::File(path) => path.clone(),
            Back::Folder(folder) => {
                refuse_links(folder, name)?;
                let path = folder.join(name);
                let folder = path.parent().unwrap_or(folder);
                std::fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
                if !self.replaces && path.exists() {
                    return Err(refused(format!(
                        "{} is there already; name another folder, or replace what is there with --force",
                        path.display()
                    )));
                }
                path
            }
        };
        if self.is_read(&path) {
            return Err(refused(format!(
                "{} would be written where outputs or undo files are read; name another folder",
                path.display()
            )));
        }
        if !self.written.insert(path.clone()) {
            return Err(refused(format!(
                "a second original would be written to {}; restore each output into a folder of its own",
                path.display()
            )));
        }
        Ok(path)
    }

    fn is_read(&self, path: &Path) -> bool {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        let found = path
            .canonicalize()
            .or(folder.map(|folder| folder.join(path.file_name().unwrap_or_default())));
        found.is_ok_and(|found| self.read.iter().any(|read| found.starts_with(read)))
    }

    /// Says what there is to say when all is done.
    fn say(&self) {
        if self.packed > 0 {
            note(&format!(
                "{} packed anew, with the same content byte for byte; the packed bytes may be others",
                match self.packed {
                    1 => "1 file was".to_owned(),
                    count => format!("{count} files were"),
                }
            ));
        }
    }
}

/// No link in a folder is followed to write an original of this name: it could lead out of the folder.
fn refuse_links(folder: &Path, name: &Path) -> Result<()> {
    let mut path = folder.to_owned();
    for part in name.components() {
        path.push(part);
        if path.is_symlink() {
            return Err(refused(format!(
                "{} is a link, and none is followed to restore a file; remove it, or name another folder",
                path.display()
            )));
        }
    }
    Ok(())
}

impl Sink for Restorer {
    type File = Target;

    fn begin(&mut self, name: &Path, packing: Option<Packing>) -> Result<Target> {
        Target::create(self.target(name)?, packing)
    }

    fn write(&mut self, file: &mut Target, bytes: &[u8]) -> Result<()> {
        let written = file.packer.write_all(bytes);
        written.map_err(|source| unwritable(&file.path, source))
    }

    fn start_over(&mut self, file: Target) -> Result<Target> {
        Target::create(file.path, None)
    }

    fn end(&mut self, file: Target) -> Result<()> {
        let whole = file.packer.finish().map_err(|source| unwritable(&file.path, source))?;
        whole.finish()?;
        self.packed += u64::from(file.packing.is_some());
        Ok(())
    }
}
