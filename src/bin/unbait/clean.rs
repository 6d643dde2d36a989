//! `unbait clean`: pages to the text that is worth keeping, in the form that they came in.
//!
//! Of a text page the kept blocks stand as in the source, byte for byte, with the separators they had there.

use crate::Outcome;
use crate::choice::{Balances, ChoiceArgs};
use crate::inputs::{PathArgs, ReadArgs, Worked, for_each_page};
use crate::mirror::Mirror;
use crate::output::{PackedFile, Results, json};
use clap::ValueEnum;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unbait::classifier::Classifier;
use unbait::corpus::{BlockCounts, Keys, Record, RecordPage};
use unbait::error::Result;
use unbait::label::{Label, LabelSet};
use unbait::page::{Page, PageKind};
use unbait::segment::{Block, Split};

const EXAMPLE: &str = "\
Example:
  unbait clean page.html > article.txt
  unbait clean crawl/ --keep body,caption --priority recall -o corpus.txt
  unbait clean shards/ -o cleaned/ --removed removed.jsonl.gz";

/// Print the blocks of pages that are worth keeping.
///
/// JSON lines stay JSON lines: the text is replaced, or added to records that have HTML, `metadata.unbait` gets counts of the blocks,
/// and all else stays as it is. Other pages are written as text, separated by blank lines: blocks of text pages stand as in the
/// source, blocks of HTML pages are separated by blank lines.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Labels of the blocks to keep, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "body")]
    keep: Vec<String>,
    /// What becomes of captions, whether or not --keep names them: all are kept, none, or of captions that are the same but for spaces,
    /// case and punctuation the first one
    #[arg(long, value_enum, value_name = "WHICH")]
    captions: Option<Captions>,
    /// Write to this file, which appears when all is done, or not at all; packed if it ends in .gz, .zst, .bz2 or .xz. A folder (one
    /// that is there, or with a slash at the end) gets a file for each input, of the same name and at the same place in its folder;
    /// what becomes text only there gets the ending .txt
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the blocks that are not kept to this file: JSON lines with file, record, id, i, start, end, label and text; packed as -o
    #[arg(long, value_name = "FILE")]
    removed: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Captions {
    Keep,
    Drop,
    KeepFirst,
}

/// The label of captions.
const CAPTION: &str = "caption";

/// Where the kept text goes.
enum Target {
    Stdout(Results),
    File(PackedFile),
    Folder(Mirror),
}

/// A page as it is written.
struct Cleaned {
    file: Arc<Path>,
    text: String,
    /// Whether it is a record, which stands on its own line, and no text.
    is_record: bool,
    /// Whether the file can have its name, as its form is what it was.
    keeps_form: bool,
    /// Lines of the file of removed blocks.
    removed: String,
}

/// Which blocks are kept.
struct Choice {
    keep: Vec<Label>,
    /// The label of captions of which only the first of the same is kept.
    once: Option<Label>,
}

impl Choice {
    fn new(args: &Args, labels: &LabelSet) -> Result<Self> {
        let mut keep: Vec<Label> = args.keep.iter().map(|name| labels.parse(name)).collect::<Result<_>>()?;
        let mut once = None;
        if let Some(captions) = args.captions {
            let caption = labels.parse(CAPTION)?;
            keep.retain(|label| *label != caption);
            match captions {
                Captions::Drop => {}
                Captions::Keep => keep.push(caption),
                Captions::KeepFirst => {
                    keep.push(caption);
                    once = Some(caption);
                }
            }
        }
        Ok(Self { keep, once })
    }

    fn is_kept(&self, blocks: &[Block], labels: &[Label]) -> Vec<bool> {
        let mut seen = BTreeSet::new();
        let kept = blocks.iter().zip(labels).map(|(block, label)| {
            let is_first = self.once != Some(*label) || seen.insert(letters(&block.text));
            self.keep.contains(label) && is_first
        });
        kept.collect()
    }
}

/// Letters and digits in lower case.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let choice = Choice::new(args, classifier.labels())?;
    let mut target = match &args.output {
        Some(path) if Mirror::is_wanted(path) => Target::Folder(Mirror::new(path, args.paths.paths())),
        Some(path) => Target::File(PackedFile::create(path)?),
        None => Target::Stdout(Results::data()),
    };
    let mut removed = args.removed.as_deref().map(PackedFile::create).transpose()?;
    let cleaner = Cleaner {
        classifier: &classifier,
        balances: &balances,
        choice: &choice,
        split: args.read.split(),
        keys: args.paths.keys(),
        lists_removed: removed.is_some(),
    };
    let mut is_first = true;
    let outcome = for_each_page(
        &args.paths,
        &options,
        |record, page| cleaner.clean(record, &page),
        |cleaned: Cleaned| {
            if let Some(removed) = &mut removed {
                removed.write(&cleaned.removed)?;
            }
            if let Target::Folder(mirror) = &mut target
                && mirror.turn_to(&cleaned.file, cleaned.keeps_form)?
            {
                is_first = true;
            }
            if cleaned.text.is_empty() {
                return Ok(());
            }
            let separator = if is_first || cleaned.is_record { "" } else { "\n" };
            is_first = false;
            target.write(separator)?;
            target.write(&cleaned.text)
        },
    )?;
    if outcome.is_whole() {
        target.finish()?;
        removed.map_or(Ok(()), PackedFile::finish)?;
    }
    Ok(outcome)
}

impl Target {
    fn write(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Stdout(results) => results.write(text),
            Self::File(file) => file.write(text),
            Self::Folder(mirror) => mirror.write(text),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Stdout(mut results) => results.flush(),
            Self::File(file) => file.finish(),
            Self::Folder(mirror) => mirror.finish(),
        }
    }
}

/// A line of the file of removed blocks.
#[derive(Serialize)]
struct RemovedBlock<'a> {
    file: String,
    record: u64,
    id: &'a str,
    i: usize,
    start: usize,
    end: usize,
    label: &'a str,
    text: &'a str,
}

/// What pages are cleaned with.
struct Cleaner<'a> {
    classifier: &'a Classifier,
    balances: &'a Balances,
    choice: &'a Choice,
    split: Split,
    keys: Keys,
    lists_removed: bool,
}

impl Cleaner<'_> {
    fn clean(&self, record: &Record, RecordPage { page, .. }: &RecordPage) -> Result<Worked<Cleaned>> {
        let labelled = self.classifier.classify(page, self.split)?;
        let balance = self.balances.of(page)?;
        let labels = balance.labels(balance.probabilities(labelled.probabilities.view()).view());
        let blocks = &labelled.segmented.blocks;
        let is_kept = self.choice.is_kept(blocks, &labels);
        let text = kept_text(page, blocks, &is_kept);
        let remark = text.is_empty().then_some("no block is kept");
        let removed = if self.lists_removed {
            self.removed(record, page, blocks, &labels, &is_kept)?
        } else {
            String::new()
        };
        let written = record.with_text(&self.keys, &text, &self.counts(&labels, &is_kept))?;
        let is_record = written.is_some();
        let mut text = written.unwrap_or(text);
        if !text.is_empty() {
            text.push('\n');
        }
        Ok(Worked {
            result: Cleaned {
                file: Arc::clone(&record.place.file),
                text,
                is_record,
                keeps_form: record.has_text_form(page.kind),
                removed,
            },
            remark,
        })
    }

    fn counts(&self, labels: &[Label], is_kept: &[bool]) -> BlockCounts {
        let mut counts = BlockCounts::default();
        for (label, is_kept) in labels.iter().zip(is_kept) {
            let side = if *is_kept {
                &mut counts.kept
            } else {
                &mut counts.removed
            };
            *side
                .entry(self.classifier.labels().name(*label).to_owned())
                .or_default() += 1;
        }
        counts
    }

    fn removed(
        &self,
        record: &Record,
        page: &Page,
        blocks: &[Block],
        labels: &[Label],
        is_kept: &[bool],
    ) -> Result<String> {
        let file = record.place.file.display().to_string();
        let removed = blocks.iter().zip(labels).enumerate().filter(|(i, _)| !is_kept[*i]);
        removed
            .map(|(i, (block, label))| {
                let line = RemovedBlock {
                    file: file.clone(),
                    record: record.place.record,
                    id: &page.id,
                    i,
                    start: block.span.start,
                    end: block.span.end,
                    label: self.classifier.labels().name(*label),
                    text: &block.text,
                };
                Ok(json(&line)? + "\n")
            })
            .collect()
    }
}

fn kept_text(page: &Page, blocks: &[Block], is_kept: &[bool]) -> String {
    match page.kind {
        PageKind::Html => {
            let kept = blocks.iter().zip(is_kept).filter(|(_, is_kept)| **is_kept);
            kept.map(|(block, _)| block.text.as_str())
                .collect::<Vec<_>>()
                .join("\n\n")
        }
        PageKind::Text => kept_source(&page.text, blocks, is_kept),
    }
}

/// The kept blocks of a text page as they stand in it, each followed by the separator that it has there, up to the last one.
fn kept_source(source: &str, blocks: &[Block], is_kept: &[bool]) -> String {
    let mut text = String::new();
    let mut separator: Option<&str> = None;
    for (at, block) in blocks.iter().enumerate().filter(|(at, _)| is_kept[*at]) {
        text.push_str(separator.take().unwrap_or_default());
        text.push_str(&source[block.span.clone()]);
        separator = blocks.get(at + 1).map(|next| &source[block.span.end..next.span.start]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use unbait::segment::segment;

    fn kept(source: &str, is_kept: &[bool]) -> String {
        let page = Page::from_text("x.txt", source.to_owned(), None).unwrap();
        kept_source(source, &segment(&page, Split::Line).blocks, is_kept)
    }

    #[test]
    fn of_captions_that_stand_twice_the_first_is_kept() {
        let labels = LabelSet::new(["body", "caption"]).unwrap();
        let caption = labels.parse("caption").unwrap();
        let body = labels.parse("body").unwrap();
        let page = Page::from_text("x.txt", "A boat.\nText\na  BOAT\nAnother boat\nText".to_owned(), None).unwrap();
        let blocks = segment(&page, Split::Line).blocks;
        let given = [caption, body, caption, caption, body];
        let is_kept = |once| {
            let keep = vec![body, caption];
            Choice { keep, once }.is_kept(&blocks, &given)
        };
        assert_eq!(is_kept(Some(caption)), [true, true, false, true, true]);
        assert_eq!(is_kept(None), [true; 5]);
    }

    #[test]
    fn kept_neighbours_keep_the_bytes_between_them() {
        assert_eq!(
            kept(" A  a \r\n\t\r\nB\nC\n", &[true, true, true]),
            "A  a \r\n\t\r\nB\nC"
        );
    }

    #[test]
    fn behind_a_gap_stands_the_separator_of_the_last_kept_block() {
        assert_eq!(
            kept("A\n\n\nx\ny\nB\nC", &[true, false, false, true, true]),
            "A\n\n\nB\nC"
        );
        assert_eq!(kept("x\n\nA\ny", &[false, true, false]), "A");
        assert_eq!(kept("x\ny", &[false, false]), "");
    }
}
