//! Files to files of the same names in another folder, each at the place that it had in its own.
//!
//! No file is written over its own source, and no two become one.

use crate::output::PackedFile;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use unbait::corpus::packed::Packing;
use unbait::corpus::unpacked_name;
use unbait::error::{Error, Result};

/// A folder that gets a file for each input.
pub struct Mirror {
    folder: PathBuf,
    /// Files and folders as they were given.
    inputs: Vec<PathBuf>,
    /// The input that is written, and where to.
    current: Option<(PathBuf, PackedFile)>,
    written: BTreeSet<PathBuf>,
}

impl Mirror {
    /// Whether a path is that of a folder: one that is there, or one with a slash at its end.
    pub fn is_wanted(path: &Path) -> bool {
        path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
    }

    /// A folder, which need not be there yet, for what these files and folders hold.
    pub fn new(folder: &Path, inputs: &[PathBuf]) -> Self {
        Self {
            folder: folder.to_owned(),
            inputs: inputs.to_vec(),
            current: None,
            written: BTreeSet::new(),
        }
    }

    /// Writes to this input's file from here on; whether that is another than before. Without `keeps_form` it gets the ending of text.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Option`] when the file is another input's or the input itself.
    pub fn turn_to(&mut self, input: &Path, keeps_form: bool) -> Result<bool> {
        if self.current.as_ref().is_some_and(|(current, _)| current == input) {
            return Ok(false);
        }
        self.finish_file()?;
        let target = self.target(input, keeps_form);
        let refused = |problem: String| Error::Option { option: "-o", problem };
        if is_same(input, &target) {
            return Err(refused(format!(
                "{} would be written over itself; name another folder",
                input.display()
            )));
        }
        if !self.written.insert(target.clone()) {
            return Err(refused(format!(
                "a second input would be written to {}; run once for each",
                target.display()
            )));
        }
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::Write {
                path: folder.to_owned(),
                source,
            })?;
        }
        self.current = Some((input.to_owned(), PackedFile::create(&target)?));
        Ok(true)
    }

    /// Writes text to the file of the input that was turned to.
    pub fn write(&mut self, text: &str) -> Result<()> {
        match &mut self.current {
            Some((_, file)) => file.write(text),
            None => Ok(()),
        }
    }

    /// Gives the last file its name.
    pub fn finish(mut self) -> Result<()> {
        self.finish_file()
    }

    fn finish_file(&mut self) -> Result<()> {
        self.current.take().map_or(Ok(()), |(_, file)| file.finish())
    }

    fn target(&self, input: &Path, keeps_form: bool) -> PathBuf {
        let within = self
            .inputs
            .iter()
            .filter_map(|folder| input.strip_prefix(folder).ok())
            .filter(|rest| !rest.as_os_str().is_empty())
            .min_by_key(|rest| rest.components().count());
        let name = within.or(input.file_name().map(Path::new)).unwrap_or(input);
        let target = self.folder.join(name);
        if keeps_form {
            return target;
        }
        let mut text = target.with_file_name(unpacked_name(Path::new(target.file_name().unwrap_or_default())));
        text.as_mut_os_string().push(".txt");
        if let Some(packing) = Packing::of_name(name) {
            text.as_mut_os_string().push(format!(".{}", packing.ending()));
        }
        text
    }
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
        let mirror = Mirror::new(Path::new("out"), &["in".into(), "in/deep".into(), "x/a.txt".into()]);
        let target = |input: &str, keeps_form| mirror.target(Path::new(input), keeps_form).display().to_string();
        assert_eq!(target("in/b/c.jsonl.gz", true), "out/b/c.jsonl.gz");
        assert_eq!(target("in/deep/c.jsonl", true), "out/c.jsonl");
        assert_eq!(target("x/a.txt", true), "out/a.txt");
        assert_eq!(target("in/b/c.html", false), "out/b/c.html.txt");
        assert_eq!(target("in/b/c.warc.gz", false), "out/b/c.warc.txt.gz");
        assert_eq!(target("-", true), "out/-");
    }
}
