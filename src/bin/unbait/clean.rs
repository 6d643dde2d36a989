//! `unbait clean`: pages to the text that is worth keeping, in the form that they came in.
//!
//! Of a text page the kept blocks stand as in the source, byte for byte, with the separators they had there.

use crate::Outcome;
use crate::choice::{Balances, ChoiceArgs};
use crate::inputs::{self, PathArgs, ReadArgs, Taker, Worked, for_each_page_into, reads_stdin};
use crate::journal::Journal;
use crate::mirror::{Ending, Mirror};
use crate::output::{PackedFile, Results, Unfinished, json, output_path};
use crate::sidecar::Keeps;
use crate::target::{self, Target, open_journal, refuse_packed_parquet};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use unbait::analyzer::letters;
use unbait::classifier::Classifier;
use unbait::corpus::row_table::RowTable;
use unbait::corpus::{BlockCounts, Content, CorpusOptions, Format, Keys, PassedOver, Record, RecordPage};
use unbait::error::{Error, Result};
use unbait::label::{Label, LabelSet};
use unbait::page::{Page, PageKind};
use unbait::segment::{Block, Split};

const EXAMPLE: &str = "\
Example:
  unbait clean page.html > article.txt
  unbait clean crawl/ --keep body,caption --priority recall -o corpus.txt
  unbait clean shards/ -o cleaned/ --removed removed.jsonl.gz
  unbait clean crawl.warc.gz -o crawl.wet.gz";

/// Print the blocks of pages that are worth keeping.
///
/// JSON lines stay JSON lines: the text is replaced, or added to records that have HTML, `metadata.unbait` gets counts of the blocks,
/// and all else stays as it is. Web archives and Parquet files keep their form in a folder of outputs, and in a file whose name ends as
/// theirs: a page of an archive becomes a conversion record, as in WET files, with counts at Unbait-Kept and Unbait-Removed, a row gets
/// the text, and a column `unbait` the counts. Other pages are written as text, separated by blank lines: blocks of text pages stand as
/// in the source, blocks of HTML pages are separated by blank lines.
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
    /// Write to this file, which appears when all is done, or not at all; packed if it ends in .gz, .zst, .bz2 or .xz. If it ends in
    /// .warc, .wet or .parquet, all inputs are web archives, or the one input is a Parquet file, and so is the output. A folder (one
    /// that is there, or with a slash at the end) gets a file for each input, of the same name and at the same place in its folder;
    /// what becomes text only there gets the ending .txt
    #[arg(short, long, value_name = "FILE", value_parser = output_path())]
    output: Option<PathBuf>,
    /// Write the blocks that are not kept to this file: JSON lines with file, record, id, i, start, end, label and text; packed as -o
    #[arg(long, value_name = "FILE", value_parser = output_path())]
    removed: Option<PathBuf>,
    /// Write to this folder what takes the outputs back to what they were, for `unbait restore`, and what was removed, to
    /// removed.jsonl.zst unless --removed names another file
    #[arg(long, value_name = "DIR", requires = "output")]
    sidecar: Option<PathBuf>,
    /// What of a packed original (.gz, .zst, .bz2, .xz) the sidecar can give back
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Keeps::File, requires = "sidecar")]
    sidecar_keeps: Keeps,
    /// Keep what is done when the run is stopped or killed: the same command goes on from there, and gives the same bytes. What it needs
    /// stands in hidden files beside the output; a run that is finished does nothing again
    #[arg(long)]
    resume: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Captions {
    Keep,
    Drop,
    KeepFirst,
}

/// File of removed blocks in a sidecar.
const REMOVED: &str = "removed.jsonl.zst";

/// The label of captions.
const CAPTION: &str = "caption";

/// A page as it is written.
struct Cleaned {
    kept: Kept,
    /// Of the file's name.
    ending: Ending,
    /// Lines of the file of removed blocks.
    removed: String,
}

/// What is kept of a page.
enum Kept {
    /// Text, with a line end if there is any.
    Text(String),
    /// A record of JSON lines, with its line end.
    Line(String),
    /// A record of a web archive.
    Archived(Vec<u8>),
    /// What a row of a Parquet file gets, by its number.
    Row(u64, String, BlockCounts),
}

/// Whether web archives and Parquet files keep their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// They become text.
    Text,
    /// Each file keeps its own.
    Own,
    /// The output is a web archive, and so is every input.
    Archive,
    /// The output is a Parquet file, and so is the input.
    Table,
}

impl Form {
    fn of(output: Option<&Path>) -> Result<Self> {
        let Some(output) = output else {
            return Ok(Self::Text);
        };
        if Mirror::is_wanted(output) {
            return Ok(Self::Own);
        }
        match Format::of_name(output) {
            Some(Format::Parquet) => refuse_packed_parquet(output).map(|()| Self::Table),
            Some(Format::Warc) => Ok(Self::Archive),
            Some(Format::Page | Format::JsonLines) | None => Ok(Self::Text),
        }
    }

    fn keeps_archives(self) -> bool {
        matches!(self, Self::Own | Self::Archive)
    }

    fn keeps_tables(self) -> bool {
        matches!(self, Self::Own | Self::Table)
    }
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

/// Runs the verb; `arguments` are those of the tool, its name first.
pub fn run(args: &Args, arguments: &[OsString]) -> Result<Outcome> {
    let form = Form::of(args.output.as_deref())?;
    let options = CorpusOptions {
        passed_over: match form.keeps_archives() {
            true => PassedOver::HandedOn,
            false => PassedOver::Dropped,
        },
        ..args.read.options()?
    };
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let choice = Choice::new(args, classifier.labels())?;
    if args.sidecar.is_some() && reads_stdin(args.paths.paths()) {
        return Err(Error::Option {
            option: "--sidecar",
            problem: "standard input is no file that could be restored; name files or folders".to_owned(),
        });
    }
    let journal = open_journal(
        args.resume,
        args.output.as_deref(),
        args.paths.paths(),
        &classifier,
        arguments,
    )?;
    if let Some(outcome) = journal.as_ref().and_then(inputs::outcome_of_finished) {
        return Ok(outcome);
    }
    let cleaner = Cleaner {
        classifier: &classifier,
        balances: &balances,
        choice: &choice,
        split: args.read.split(),
        keys: args.paths.keys(),
        form,
        lists_removed: args.removed.is_some() || args.sidecar.is_some(),
    };
    let mut writer = Writer::new(args, form, classifier.labels(), journal.as_ref())?;
    let work = |record: &Record, page: RecordPage| cleaner.clean(record, &page);
    let ended = for_each_page_into(&args.paths, &options, work, &mut writer, journal)?;
    if ended.outcome.is_whole() {
        writer.finish()?;
    }
    ended.finish()
}

/// Writes what is kept, and what is not.
struct Writer {
    target: Target,
    removed: Option<PackedFile>,
    /// Whether nothing was written to the file.
    is_first: bool,
    form: Form,
    labels: Vec<String>,
    keys: Keys,
    /// The input that is read.
    input: PathBuf,
    /// The Parquet file that its rows go to.
    table: Option<RowTable>,
    /// Whether there was one.
    has_table: bool,
}

/// How much of it can be gone on with.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Saved {
    target: target::Saved,
    removed: u64,
    has_text: bool,
    has_table: bool,
}

impl Writer {
    fn new(
        args: &Args,
        form: Form,
        labels: &LabelSet,
        journal: Option<&Journal<inputs::Saved<Saved>>>,
    ) -> Result<Self> {
        let at = journal.map(|journal| journal.at().of(|saved| saved.taker.clone()));
        let target_at = at.as_ref().map(|at| at.of(|saved| saved.target));
        let mut target = Target::new(
            args.output.as_deref(),
            args.sidecar.as_deref().map(|folder| (folder, args.sidecar_keeps)),
            args.paths.paths(),
            target_at.as_ref(),
            Results::data,
        )?;
        if let Some(journal) = journal {
            target.were_written(journal.outputs());
        }
        let unfinished = Unfinished::of(at.as_ref(), |saved| saved.removed);
        let removed = removed_path(args)?.map(|path| PackedFile::create(&path, unfinished));
        Ok(Self {
            target,
            removed: removed.transpose()?,
            is_first: at.as_ref().is_none_or(|at| !at.saved.has_text),
            form,
            labels: labels.names().to_vec(),
            keys: args.paths.keys(),
            input: PathBuf::new(),
            table: None,
            has_table: at.is_some_and(|at| at.saved.has_table),
        })
    }

    fn write_text(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if !std::mem::take(&mut self.is_first) {
            self.target.write("\n")?;
        }
        self.target.write(text)
    }

    /// The table of the input that is read.
    fn table(&mut self) -> Result<&mut RowTable> {
        let table = match self.table.take() {
            Some(table) => table,
            None if self.has_table && !self.target.is_folder() => return Err(second_table(&self.input)),
            None => {
                self.has_table = true;
                RowTable::new(&self.input, &self.keys, &self.labels)?
            }
        };
        Ok(self.table.insert(table))
    }

    /// Makes that the input has an output of its form also when none of its records is good.
    fn open_empty(&mut self) -> Result<()> {
        match Format::of_name(&self.input) {
            Some(Format::JsonLines) => self.target.open(Ending::Same).map(drop),
            Some(Format::Warc) if self.form.keeps_archives() => self.target.open(Ending::Same).map(drop),
            Some(Format::Parquet) if self.form.keeps_tables() => {
                self.target.open(Ending::Same)?;
                self.table().map(drop)
            }
            Some(Format::Page | Format::Warc | Format::Parquet) | None => Ok(()),
        }
    }

    fn finish(self) -> Result<()> {
        self.target.finish()?;
        self.removed.map_or(Ok(()), PackedFile::finish)
    }
}

impl Taker<Cleaned> for Writer {
    type Saved = Saved;

    fn begin(&mut self, input: &Path) -> Result<()> {
        input.clone_into(&mut self.input);
        self.target.begin(input)
    }

    fn take(&mut self, cleaned: Cleaned) -> Result<()> {
        if let Some(removed) = &mut self.removed {
            removed.write(cleaned.removed.as_bytes())?;
        }
        self.is_first |= self.target.open(cleaned.ending)?;
        match cleaned.kept {
            Kept::Text(text) => self.write_text(&text),
            Kept::Line(line) => {
                self.is_first = false;
                self.target.write(&line)
            }
            Kept::Archived(record) => self.target.write_archived(&record),
            Kept::Row(row, text, counts) => {
                let mut bytes = Vec::new();
                self.table()?.add(row, text, counts, &mut bytes)?;
                self.target.write_bytes(&bytes)
            }
        }
    }

    fn hand_on(&mut self, record: &[u8]) -> Result<()> {
        self.target.open(Ending::Same)?;
        self.target.write_archived(record)
    }

    fn end(&mut self, _: &Path, is_whole: bool) -> Result<Option<PathBuf>> {
        if is_whole {
            self.open_empty()?;
        }
        if let Some(table) = self.table.take() {
            let mut bytes = Vec::new();
            table.finish(&mut bytes)?;
            self.target.write_bytes(&bytes)?;
        }
        self.target.end()
    }

    fn checkpoint(&mut self, behind: Option<u64>) -> Result<Saved> {
        Ok(Saved {
            target: self.target.checkpoint(behind)?,
            removed: self.removed.as_mut().map_or(Ok(0), PackedFile::checkpoint)?,
            has_text: !self.is_first,
            has_table: self.has_table,
        })
    }

    fn is_packed(&self) -> bool {
        self.target.is_packed() || self.removed.as_ref().is_some_and(PackedFile::is_packed)
    }

    fn writes_to_stdout(&self) -> bool {
        self.target.is_stdout()
    }
}

fn other_format(input: &Path, wanted: &str) -> Error {
    Error::Option {
        option: "-o",
        problem: format!(
            "{} is no {wanted}, as the output is by its name; name a folder, or a file with another ending",
            input.display()
        ),
    }
}

fn second_table(input: &Path) -> Error {
    Error::Option {
        option: "-o",
        problem: format!(
            "a Parquet file can have the rows of one file, and {} is a second one; name a folder",
            input.display()
        ),
    }
}

/// Where the removed blocks are listed.
fn removed_path(args: &Args) -> Result<Option<PathBuf>> {
    let (Some(sidecar), None) = (&args.sidecar, &args.removed) else {
        return Ok(args.removed.clone());
    };
    std::fs::create_dir_all(sidecar).map_err(|source| Error::Write {
        path: sidecar.clone(),
        source,
    })?;
    Ok(Some(sidecar.join(REMOVED)))
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
    form: Form,
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
        let kept = self.kept(record, text, self.counts(&labels, &is_kept))?;
        let ending = match (&kept, record.has_text_form(page.kind)) {
            (Kept::Text(_), false) => Ending::Text,
            (Kept::Text(_), true) | (Kept::Line(_) | Kept::Archived(_) | Kept::Row(..), _) => Ending::Same,
        };
        Ok(Worked {
            result: Cleaned { kept, ending, removed },
            remark,
        })
    }

    /// The text in the form that it is written in.
    fn kept(&self, record: &Record, mut text: String, counts: BlockCounts) -> Result<Kept> {
        if self.form.keeps_archives()
            && let Some(record) = record.archived_with_text(&text, &counts)
        {
            return Ok(Kept::Archived(record));
        }
        if self.form.keeps_tables() && matches!(record.content, Content::Row(_)) {
            return Ok(Kept::Row(record.place.record, text, counts));
        }
        match self.form {
            Form::Archive => return Err(other_format(&record.place.file, "web archive")),
            Form::Table => return Err(other_format(&record.place.file, "Parquet file")),
            Form::Text | Form::Own => {}
        }
        match record.with_text(&self.keys, &text, &counts)? {
            Some(line) => Ok(Kept::Line(line + "\n")),
            None => {
                if !text.is_empty() {
                    text.push('\n');
                }
                Ok(Kept::Text(text))
            }
        }
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
