//! Labelled lines from disk: JSON lines with a text and its label to lines for training and measuring.
//!
//! Two lines are the same when their letters and digits are; the first one stays, so that no line is learned and judged.

use crate::dataset::{files_in, holds_lines, letters, read_lines};
use crate::error::{Error, Result};
use crate::label::{LabelSet, is_valid_name};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A line with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldLine {
    /// The line.
    pub text: String,
    /// The label's name.
    pub label: String,
    /// Where it is from, such as an outlet; the name of its file where the record says nothing.
    pub source: String,
    /// Code of its language, where the record says it.
    pub lang: Option<String>,
    /// Number of its file in [`LineSet::files`].
    pub file: usize,
}

/// Labelled lines and what was found out while reading them.
#[derive(Debug, Default)]
pub struct LineSet {
    /// The lines, in the order of their files' paths and, in a file, as they stand there; each once.
    pub lines: Vec<GoldLine>,
    /// Name and SHA-256 of each file that was read, in the order of the paths.
    pub files: Vec<(String, String)>,
    /// Records that could not be used, each with file and line.
    pub errors: Vec<Error>,
    /// Number of lines that stood there before with the same label, and were left out.
    pub repeated: usize,
    /// Number of lines that stand there with both labels, and were all left out.
    pub contradicted: usize,
}

#[derive(Deserialize)]
struct LineRecord {
    text: String,
    label: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    lang: Option<String>,
}

impl LineSet {
    /// Reads JSON lines with `text`, `label` and perhaps `source` and `lang`, plain, `.gz` or `.zst`; other keys are not read. Of folders the
    /// `.jsonl` files are read. A bad record is kept in [`LineSet::errors`] and the rest is read.
    ///
    /// # Errors
    /// [`Error::Read`] when a file or folder cannot be read, [`Error::Dataset`] when there is no file or no line.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut files = BTreeSet::new();
        for path in paths {
            if path.is_dir() {
                files.extend(files_in(path, holds_lines)?);
            } else {
                files.insert(path.clone());
            }
        }
        let mut set = Self::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut contradicted = BTreeSet::new();
        for (number, path) in files.iter().enumerate() {
            let mut found = Vec::new();
            let errors = &mut set.errors;
            let file = read_lines(path, |line, bytes| match parse_line(bytes) {
                Ok(record) => found.push(record),
                Err(problem) => errors.push(Error::Record {
                    path: path.clone(),
                    line,
                    problem,
                }),
            })?;
            for record in found {
                set.add(record, &file.0, number, &mut places, &mut contradicted);
            }
            set.files.push(file);
        }
        set.contradicted = contradicted.len();
        let mut at = 0;
        set.lines.retain(|_| {
            at += 1;
            !contradicted.contains(&(at - 1))
        });
        if set.lines.is_empty() && set.errors.is_empty() {
            let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::Dataset {
                problem: format!(
                    "no line in {}; wanted JSON lines with `text` and `label`",
                    names.join(", ")
                ),
            });
        }
        Ok(set)
    }

    fn add(
        &mut self,
        record: LineRecord,
        file_name: &str,
        file: usize,
        places: &mut BTreeMap<String, usize>,
        contradicted: &mut BTreeSet<usize>,
    ) {
        let place = self.lines.len();
        let first = *places.entry(letters(&record.text)).or_insert(place);
        if first < place {
            if self.lines[first].label == record.label {
                self.repeated += 1;
            } else {
                contradicted.insert(first);
            }
            return;
        }
        self.lines.push(GoldLine {
            text: record.text,
            label: record.label,
            source: record.source.unwrap_or_else(|| stem(file_name)),
            lang: record.lang,
            file,
        });
    }

    /// The languages that occur; none when a line says nothing.
    pub fn languages(&self) -> Vec<String> {
        let named: Option<BTreeSet<String>> = self.lines.iter().map(|line| line.lang.clone()).collect();
        named.unwrap_or_default().into_iter().collect()
    }

    /// The labels that occur.
    ///
    /// # Errors
    /// [`Error::Dataset`] when there are not two.
    pub fn labels(&self) -> Result<LabelSet> {
        let names: BTreeSet<&str> = self.lines.iter().map(|line| line.label.as_str()).collect();
        if names.len() != 2 {
            let names: Vec<&str> = names.into_iter().collect();
            return Err(Error::Dataset {
                problem: format!(
                    "the lines have {} labels ({}); a model of lines has two",
                    names.len(),
                    names.join(", ")
                ),
            });
        }
        LabelSet::new(names)
    }
}

fn parse_line(bytes: &[u8]) -> Result<LineRecord, String> {
    const WANTED: &str = "wanted one JSON object with `text`, `label` and perhaps `source` and `lang`";
    #[derive(Deserialize)]
    struct PageOnly {
        #[serde(rename = "blocks")]
        _blocks: Vec<serde::de::IgnoredAny>,
    }
    let record: LineRecord = serde_json::from_slice(bytes).map_err(|error| {
        if serde_json::from_slice::<PageOnly>(bytes).is_ok() {
            "this is a labelled page, and labelled lines are wanted with --per line; leave --per line out".to_owned()
        } else {
            format!("no labelled line: {error}; {WANTED}")
        }
    })?;
    if letters(&record.text).is_empty() {
        return Err("the `text` has no letter; take the line out".to_owned());
    }
    if !is_valid_name(&record.label) {
        return Err(format!(
            "the label name {:?} is empty or holds white space, `,` or `=`",
            record.label
        ));
    }
    Ok(record)
}

/// A file's name before its endings.
pub fn stem(name: &str) -> String {
    let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<LineSet> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        LineSet::read(&[folder.path().to_owned()])
    }

    #[test]
    fn lines_are_read_with_their_source_or_the_name_of_their_file() {
        let set = read(&[
            (
                "b.jsonl",
                r#"{"text":"Council approves budget","label":"news","source":"gazette","year":3}"#,
            ),
            ("a.jsonl", r#"{"text":"You will love these halls","label":"bait"}"#),
        ])
        .unwrap();
        let found: Vec<(&str, &str, usize)> = set
            .lines
            .iter()
            .map(|line| (line.label.as_str(), line.source.as_str(), line.file))
            .collect();
        assert_eq!(found, [("bait", "a", 0), ("news", "gazette", 1)]);
        assert_eq!(set.labels().unwrap().names(), ["bait", "news"]);
        assert!(set.languages().is_empty());
        let set = read(&[("a.jsonl", "{\"text\":\"One\",\"label\":\"x\",\"lang\":\"en\"}")]).unwrap();
        assert_eq!(set.languages(), ["en"]);
    }

    #[test]
    fn a_repeated_line_stays_once_and_one_with_both_labels_not_at_all() {
        let set = read(&[(
            "a.jsonl",
            "{\"text\":\"One hall\",\"label\":\"x\"}\n{\"text\":\"ONE hall!\",\"label\":\"x\"}\n\
             {\"text\":\"Two halls\",\"label\":\"x\"}\n{\"text\":\"two halls\",\"label\":\"y\"}\n{\"text\":\"Three\",\"label\":\"y\"}\n",
        )])
        .unwrap();
        let texts: Vec<&str> = set.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            (texts, set.repeated, set.contradicted),
            (vec!["One hall", "Three"], 1, 1)
        );
    }

    #[test]
    fn bad_records_are_named_with_their_line_and_what_to_do() {
        let set = read(&[(
            "a.jsonl",
            "{\"text\":\"One\",\"label\":\"x\"}\n{\"id\":\"p\",\"blocks\":[]}\n{\"text\":\"...\",\"label\":\"x\"}\n{\"text\":\"a\",\"label\":\"x y\"}\n[]\n",
        )])
        .unwrap();
        let messages: Vec<String> = set.errors.iter().map(ToString::to_string).collect();
        for (message, wanted) in messages.iter().zip([
            ":2: this is a labelled page",
            ":3: the `text` has no letter",
            ":4: the label name",
            ":5: no labelled line",
        ]) {
            assert!(message.contains(wanted), "{message}");
        }
        assert_eq!(messages.len(), 4);
    }

    #[test]
    fn no_line_and_three_labels_are_errors() {
        assert!(
            read(&[("a.jsonl", "\n")])
                .unwrap_err()
                .to_string()
                .contains("no line in")
        );
        let lines = ["x", "y", "z"].map(|label| format!("{{\"text\":\"{label}\",\"label\":\"{label}\"}}\n"));
        let message = read(&[("a.jsonl", &lines.concat())])
            .unwrap()
            .labels()
            .unwrap_err()
            .to_string();
        assert!(message.contains("3 labels (x, y, z)"), "{message}");
    }
}
