//! `unbait score`: pages to labelled blocks, as JSON lines, tables, lines of text, records of other tools, or a view for people.
//!
//! Block numbers count from 0, and `start` and `end` are bytes of the page in UTF-8, whatever the encoding of the file.

use crate::Outcome;
use crate::bait::score_style;
use crate::choice::{Balances, ChoiceArgs};
use crate::inputs::{self, CLICKBAIT, PathArgs, ReadArgs, Taker, Worked, for_each_page_into, read_line_model};
use crate::journal::Journal;
use crate::mirror::{Ending, Mirror};
use crate::output::{Results, json, output_path};
use crate::target::{self, Target, open_journal, refuse_packed_parquet};
use crate::terminal::{in_line, style, visible, width, wrapped};
use clap::ValueEnum;
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use unbait::analyzer::Language;
use unbait::balance::Balance;
use unbait::classifier::Classifier;
use unbait::corpus::page_table::{BlockRow, PageRow, PageTable, RowPer};
use unbait::corpus::{self, Content, Record, RecordPage};
use unbait::error::{Error, Result};
use unbait::exchange::{ExportFormat, Exporter, Frame, LabelledBlocks};
use unbait::html::{Document, ElementId};
use unbait::label::{Label, LabelSet, USUAL_ORDER};
use unbait::line_classifier::LineClassifier;
use unbait::page::{Page, PageKind};
use unbait::segment::{Block, Segmented, Split};

const EXAMPLE: &str = "\
Example:
  unbait score page.html --format text
  unbait score crawl/ --threshold promo=0.8 > blocks.jsonl
  unbait score crawl/ -o blocks.parquet
  unbait score page.html --clickbait
  unbait score documents/ --format dolma -o attributes/unbait/
  unbait score page.html --format label-studio -o tasks.json";

/// Give every block of pages its label, with probabilities.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// How results are written; without it: terminal on a terminal, parquet to a file with this ending, else jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Say how much of a clickbait, 0 to 1, each promo block and the page's headline is (the first `h1` of the article, in HTML), at
    /// `clickbait`; null on pages in a language that the model does not know. It takes the built-in model of lines, or this one
    #[arg(long, value_name = "MODEL", num_args = 0..=1, require_equals = true, default_missing_value = CLICKBAIT)]
    clickbait: Option<PathBuf>,
    /// What a line of JSON or a row of a Parquet file is: a page with its blocks, or a block with its page's id; the other formats are
    /// by block anyway. With --clickbait also a line of a text page, such as a list of headlines: nothing else is said of it
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Per::Page)]
    per: Per,
    /// Write to this file, which appears when all is done, or not at all; packed if it ends in .gz, .zst, .bz2 or .xz. A folder (one
    /// that is there, or with a slash at the end) gets a file for each input, packed as it is, at the same place in its folder, and of
    /// the same name if both have JSON lines, else with .jsonl, .json, .tsv, .txt or .parquet behind it
    #[arg(short, long, value_name = "FILE", value_parser = output_path())]
    output: Option<PathBuf>,
    /// Keep what is done when the run is stopped or killed: the same command goes on from there, and gives the same bytes. What it needs
    /// stands in hidden files beside the output; a run that is finished does nothing again
    #[arg(long)]
    resume: bool,
    /// Whether the terminal format has colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: coloured labels beside the wrapped text
    Terminal,
    /// One JSON object a page, or a block (--per)
    Jsonl,
    /// One block a line: id, number, label, probability, text; \t, \n, \r and \\ stand for tabs, line ends and backslashes
    Tsv,
    /// One block a line: label, tab, text
    Text,
    /// A Parquet file with a row a page that has a list of its blocks, or a row a block (--per); also when -o ends in .parquet
    Parquet,
    /// Attributes of dolma, a line for each document in their order: for each label `unbait__blocks__LABEL`, with start, end (in
    /// code points of the document's text) and probability of the blocks that have it. It stops at a bad record, as with --strict:
    /// the rows behind it would be those of other documents
    Dolma,
    /// Tasks of Label Studio with predictions, as one JSON array
    LabelStudio,
    /// Tasks of Prodigy with spans, a line each
    Prodigy,
    /// Texts of doccano's sequence labelling, a line each
    Doccano,
    /// Lines of fastText, one for each block, such as `__label__promo Read more`; a blank line between pages
    Fasttext,
    /// JSON lines with id, text and line_quality: how probable `body` is, for each line of the text, as FinerWeb-10BT has it
    Finerweb,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Per {
    Page,
    Block,
    Line,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// A page that was scored.
struct Scored {
    page: Page,
    url: Option<String>,
    segmented: Segmented,
    language: &'static str,
    /// Shape (blocks, labels).
    probabilities: Array2<f64>,
    labels: Vec<Label>,
    /// For each block the score of its text, if it is asked for.
    clickbait: Vec<Option<LineScore>>,
}

/// The score of a line, which one without a known word, or in another language, lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LineScore(Option<f64>);

impl LineScore {
    /// For a table, where `-` stands for no score.
    fn cell(self) -> String {
        self.0.map_or("-".to_owned(), |score| rounded(score).to_string())
    }
}

impl Serialize for LineScore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.map(rounded).serialize(serializer)
    }
}

/// Runs the verb; `arguments` are those of the tool, its name first.
pub fn run(args: &Args, arguments: &[OsString]) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let format = Format::of(args)?;
    format.check_clickbait(args)?;
    let clickbait = args.clickbait.as_deref().map(read_line_model).transpose()?;
    let journal = open_journal(
        args.resume,
        args.output.as_deref(),
        args.paths.paths(),
        &classifier,
        &with_checksum(arguments, clickbait.as_ref())?,
    )?;
    if let Some(outcome) = journal.as_ref().and_then(inputs::outcome_of_finished) {
        return Ok(outcome);
    }
    let writing = Writing::new(format, args.per, classifier.labels(), clickbait.is_some())?;
    let names = args.choice.names(classifier.labels());
    let mut writer = Writer::new(args, format, writing.frame(), &names, journal.as_ref())?;
    let split = args.read.split();
    let work = |record: &Record, page: RecordPage| {
        let ending = format.ending(content_format(record));
        if let (Per::Line, Some(clickbait)) = (args.per, &clickbait) {
            let result = Scores::Text(scored_lines(&page.page, clickbait, &writing)?);
            return Ok(Worked {
                result: Written { result, ending },
                remark: None,
            });
        }
        let (mut scored, balance) = score(page, split, &classifier, &balances)?;
        if let Some(clickbait) = &clickbait {
            scored.clickbait = clickbait_scores(&scored, classifier.labels(), clickbait);
        }
        Ok(Worked {
            result: Written {
                ending,
                result: written(&scored, classifier.labels(), balance, &writing)?,
            },
            remark: scored.labels.is_empty().then_some("no visible text"),
        })
    };
    let paths = if format == Format::Dolma {
        &args.paths.strict()
    } else {
        &args.paths
    };
    let ended = for_each_page_into(paths, &options, work, &mut writer, journal)?;
    if !writer.target.is_folder() {
        writer.end_file()?;
    }
    if ended.outcome.is_whole() {
        writer.target.finish()?;
    }
    ended.finish()
}

/// The arguments with the checksum of the model of lines behind them: a run does not go on with another model.
fn with_checksum(arguments: &[OsString], clickbait: Option<&LineClassifier>) -> Result<Vec<OsString>> {
    let mut arguments = arguments.to_vec();
    if let Some(model) = clickbait {
        let checksum = hex::encode(Sha256::digest(model.to_bytes()?));
        arguments.push(format!("--clickbait-checksum={checksum}").into());
    }
    Ok(arguments)
}

/// The format of the file that a record is of, as far as it can be that of results.
fn content_format(record: &Record) -> Option<corpus::Format> {
    match &record.content {
        Content::Json(_) => Some(corpus::Format::JsonLines),
        Content::Row(_) => Some(corpus::Format::Parquet),
        Content::File | Content::Page(_) | Content::Warc(_) | Content::Other(_) => None,
    }
}

impl Format {
    /// The format that is asked for, by name or by the output's ending.
    fn of(args: &Args) -> Result<Self> {
        let is_parquet = |output: &Path| corpus::Format::of_name(output) == Some(corpus::Format::Parquet);
        let is_for_people = args.output.is_none() && std::io::stdout().is_terminal();
        let format = match (args.format, &args.output) {
            (Some(format), _) => format,
            (None, Some(output)) if is_parquet(output) && !Mirror::is_wanted(output) => Self::Parquet,
            (None, _) if is_for_people => Self::Terminal,
            (None, _) => Self::Jsonl,
        };
        let refused = |option, problem: &str| Error::Option {
            option,
            problem: problem.to_owned(),
        };
        match (format, &args.output) {
            (Self::Parquet, None) if is_for_people => Err(refused(
                "--format",
                "a Parquet file is nothing for a terminal; name a file with -o",
            )),
            (Self::Parquet, Some(output)) if !Mirror::is_wanted(output) => {
                refuse_packed_parquet(output)?;
                match args.resume {
                    true => Err(refused(
                        "--resume",
                        "one Parquet file for all inputs cannot be gone on with; name a folder, which gets one for each",
                    )),
                    false => Ok(format),
                }
            }
            (_, _) => Ok(format),
        }
    }

    /// Refuses what has no place for a score.
    fn check_clickbait(self, args: &Args) -> Result<()> {
        let refused = |option, problem: &str| {
            Err(Error::Option {
                option,
                problem: problem.to_owned(),
            })
        };
        match (self, args.per, &args.clickbait) {
            (_, Per::Line, None) => refused(
                "--per",
                "lines are scored by --clickbait alone; give it too, or another --per",
            ),
            (_, _, None) | (Self::Terminal | Self::Jsonl | Self::Tsv, _, Some(_)) => Ok(()),
            (Self::Parquet, Per::Page | Per::Block, Some(_)) => Ok(()),
            (Self::Parquet, Per::Line, Some(_)) => refused(
                "--per",
                "a Parquet file has pages or blocks; take another --format for lines",
            ),
            (_, _, Some(_)) => refused(
                "--clickbait",
                "this --format has no place for the score; take jsonl, tsv, parquet or terminal",
            ),
        }
    }

    /// How the name of a file of results differs from that of what was scored, when that is of this format.
    fn ending(self, scored: Option<corpus::Format>) -> Ending {
        match (self, scored) {
            (
                Self::Jsonl | Self::Dolma | Self::Prodigy | Self::Doccano | Self::Finerweb,
                Some(corpus::Format::JsonLines),
            )
            | (Self::Parquet, Some(corpus::Format::Parquet)) => Ending::Same,
            (Self::Jsonl | Self::Dolma | Self::Prodigy | Self::Doccano | Self::Finerweb, _) => Ending::JsonLines,
            (Self::LabelStudio, _) => Ending::Json,
            (Self::Tsv, _) => Ending::Tsv,
            (Self::Terminal | Self::Text | Self::Fasttext, _) => Ending::Text,
            (Self::Parquet, _) => Ending::Parquet,
        }
    }
}

/// The result of a page, and how the name of its file ends.
struct Written {
    result: Scores,
    ending: Ending,
}

/// What is written of a page.
enum Scores {
    Text(String),
    Row(PageRow),
}

/// Writes results.
struct Writer {
    target: Target,
    format: Format,
    frame: Frame,
    /// The Parquet file that rows go to, when there are any, and what one is made with.
    table: Option<PageTable>,
    names: Vec<String>,
    per: Per,
    has_clickbait: bool,
    /// Whether the file is for people and has no styles.
    is_plain: bool,
    /// Whether nothing was written to the file.
    is_first: bool,
    /// Whether a page was written to the file.
    has_page: bool,
}

/// How much of it can be gone on with.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Saved {
    target: target::Saved,
    has_begun: bool,
    has_page: bool,
}

impl Writer {
    fn new(
        args: &Args,
        format: Format,
        frame: Frame,
        names: &[&str],
        journal: Option<&Journal<inputs::Saved<Saved>>>,
    ) -> Result<Self> {
        let at = journal.map(|journal| journal.at().of(|saved| saved.taker.clone()));
        let stdout = || match format == Format::Terminal {
            true => Results::styled(color(args.color)),
            false => Results::data(),
        };
        let target_at = at.as_ref().map(|at| at.of(|saved| saved.target));
        let mut target = Target::new(
            args.output.as_deref(),
            None,
            args.paths.paths(),
            target_at.as_ref(),
            stdout,
        )?;
        if let Some(journal) = journal {
            target.were_written(journal.outputs());
        }
        let mut writer = Self {
            target,
            format,
            frame,
            table: None,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            per: args.per,
            has_clickbait: args.clickbait.is_some(),
            is_plain: format == Format::Terminal && args.output.is_some(),
            is_first: at.as_ref().is_none_or(|at| !at.saved.has_begun),
            has_page: at.is_some_and(|at| at.saved.has_page),
        };
        if !writer.target.is_folder() {
            writer.begin_file()?;
        }
        Ok(writer)
    }

    /// Writes what stands before the first result.
    fn begin_file(&mut self) -> Result<()> {
        match std::mem::take(&mut self.is_first) {
            true => self.target.write(self.frame.opening),
            false => Ok(()),
        }
    }

    /// Begins the input's file, if results go to a folder and it has not begun.
    fn open(&mut self, ending: Ending) -> Result<()> {
        if self.target.open(ending)? {
            self.is_first = true;
            self.has_page = false;
            self.begin_file()?;
        }
        Ok(())
    }

    /// Writes what stands behind the last result, of which there may be none.
    fn end_file(&mut self) -> Result<()> {
        if self.format != Format::Parquet {
            return self.target.write(self.frame.closing);
        }
        let mut bytes = Vec::new();
        self.take_table()?.finish(&mut bytes)?;
        self.target.write_bytes(&bytes)
    }

    /// The table that rows go to, or a new one.
    fn take_table(&mut self) -> Result<PageTable> {
        let per = match self.per {
            Per::Page => RowPer::Page,
            // there is no table of lines
            Per::Block | Per::Line => RowPer::Block,
        };
        let new = || PageTable::new(&self.names, per, self.has_clickbait);
        self.table.take().map_or_else(new, Ok)
    }
}

impl Taker<Written> for Writer {
    type Saved = Saved;

    fn begin(&mut self, input: &Path) -> Result<()> {
        self.target.begin(input)
    }

    fn take(&mut self, written: Written) -> Result<()> {
        self.open(written.ending)?;
        if std::mem::replace(&mut self.has_page, true) {
            self.target.write(self.frame.between)?;
        }
        match written.result {
            Scores::Text(text) if self.is_plain => {
                let plain = anstream::adapter::strip_str(&text).to_string();
                self.target.write(&plain)
            }
            Scores::Text(text) => self.target.write(&text),
            Scores::Row(row) => {
                let mut bytes = Vec::new();
                let mut table = self.take_table()?;
                table.add(row, &mut bytes)?;
                self.table = Some(table);
                self.target.write_bytes(&bytes)
            }
        }
    }

    fn end(&mut self, input: &Path, is_whole: bool) -> Result<Option<PathBuf>> {
        // no record, or none that is good, makes a file without records
        let format = corpus::Format::of_name(input);
        let has_records = format.is_some_and(|format| format != corpus::Format::Page);
        if is_whole && has_records {
            self.open(self.format.ending(format))?;
        }
        if self.target.has_file() {
            self.end_file()?;
        }
        self.target.end()
    }

    fn checkpoint(&mut self, behind: Option<u64>) -> Result<Saved> {
        Ok(Saved {
            target: self.target.checkpoint(behind)?,
            has_begun: !self.is_first,
            has_page: self.has_page,
        })
    }

    fn is_packed(&self) -> bool {
        self.target.is_packed()
    }

    fn writes_to_stdout(&self) -> bool {
        self.target.is_stdout()
    }

    fn stops_within(&self) -> bool {
        self.format != Format::Parquet
    }
}

/// When the terminal format has colours.
pub fn color(color: Color) -> anstream::ColorChoice {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
}

fn score<'b>(
    RecordPage { page, url }: RecordPage,
    split: Split,
    classifier: &Classifier,
    balances: &'b Balances,
) -> Result<(Scored, &'b Balance)> {
    let labelled = classifier.classify(&page, split)?;
    let balance = balances.of(&page)?;
    let probabilities = balance.probabilities(labelled.probabilities.view());
    let labels = balance.labels(probabilities.view());
    let scored = Scored {
        page,
        url,
        language: labelled.language.code(),
        segmented: labelled.segmented,
        probabilities,
        clickbait: vec![None; labels.len()],
        labels,
    };
    Ok((scored, balance))
}

/// Name of the label of teasers.
const PROMO: &str = USUAL_ORDER[2];

/// The scores of promo blocks and of the page's headline.
fn clickbait_scores(scored: &Scored, names: &LabelSet, model: &LineClassifier) -> Vec<Option<LineScore>> {
    let headline = headline(scored, names);
    let blocks = scored.segmented.blocks.iter().zip(&scored.labels).enumerate();
    let is_wanted = |i: usize, label: Label| names.name(label) == PROMO || Some(i) == headline;
    let wanted = blocks.filter(|(i, (_, label))| is_wanted(*i, **label));
    let (numbers, texts): (Vec<usize>, Vec<&str>) = wanted.map(|(i, (block, _))| (i, block.text.as_str())).unzip();
    let is_known = Language::from_tag(scored.language).is_none_or(|language| model.knows(language));
    let found = match is_known {
        true => model.scores(&texts),
        false => vec![None; texts.len()],
    };
    let mut scores = vec![None; scored.labels.len()];
    for (i, score) in numbers.into_iter().zip(found) {
        scores[i] = Some(LineScore(score));
    }
    scores
}

/// The page's headline: its first block inside an `h1` that belongs to the article, which is any for a model without the label `body`.
fn headline(scored: &Scored, names: &LabelSet) -> Option<usize> {
    let document = scored.segmented.document.as_ref()?;
    let body = names.find(USUAL_ORDER[0]);
    let mut blocks = scored.blocks();
    let found = blocks.find(|(_, block, label, _)| {
        let is_heading = block.markup.as_ref().is_some_and(|markup| {
            let mut around = document.ancestors(markup.container);
            around.any(|element| document.element(element).name.as_str() == "h1")
        });
        is_heading && body.is_none_or(|body| body == *label)
    });
    found.map(|(i, ..)| i)
}

/// How pages are written.
enum Writing<'l> {
    /// With a column of scores or without.
    Terminal(bool),
    Jsonl(Per),
    /// By what, with a column of scores or without.
    Tsv(Per, bool),
    Text,
    Parquet,
    Records(Exporter<'l>, Frame),
}

impl<'l> Writing<'l> {
    fn new(format: Format, per: Per, names: &'l LabelSet, has_clickbait: bool) -> Result<Self> {
        let records = |format: ExportFormat| Ok(Self::Records(Exporter::new(format, names)?, format.frame()));
        match format {
            Format::Terminal => Ok(Self::Terminal(has_clickbait)),
            Format::Jsonl => Ok(Self::Jsonl(per)),
            Format::Tsv => Ok(Self::Tsv(per, has_clickbait)),
            Format::Text => Ok(Self::Text),
            Format::Parquet => Ok(Self::Parquet),
            Format::Dolma => records(ExportFormat::Dolma),
            Format::LabelStudio => records(ExportFormat::LabelStudio),
            Format::Prodigy => records(ExportFormat::Prodigy),
            Format::Doccano => records(ExportFormat::Doccano),
            Format::Fasttext => records(ExportFormat::FastText),
            Format::Finerweb => records(ExportFormat::FinerWeb),
        }
    }

    /// What stands around the pages of a file.
    fn frame(&self) -> Frame {
        match self {
            Self::Terminal(_) | Self::Jsonl(_) | Self::Text | Self::Parquet => Frame::NONE,
            Self::Tsv(per, has_clickbait) => Frame {
                opening: match (per, has_clickbait) {
                    (Per::Line, _) => "id\ti\tclickbait\ttext\n",
                    (Per::Page | Per::Block, true) => "id\ti\tlabel\tp\tclickbait\ttext\n",
                    (Per::Page | Per::Block, false) => "id\ti\tlabel\tp\ttext\n",
                },
                ..Frame::NONE
            },
            Self::Records(_, frame) => *frame,
        }
    }
}

fn written(scored: &Scored, names: &LabelSet, balance: &Balance, writing: &Writing<'_>) -> Result<Scores> {
    let text = match writing {
        Writing::Terminal(has_clickbait) => terminal_view(scored, names, *has_clickbait),
        Writing::Jsonl(per) => {
            let page = scored_page(scored, names, balance);
            match per {
                Per::Page => json(&page)? + "\n",
                // lines are no blocks, and are written by themselves
                Per::Block | Per::Line => page
                    .blocks
                    .iter()
                    .map(|block| Ok(json(&BlockOfPage { head: page.head, block })? + "\n"))
                    .collect::<Result<_>>()?,
            }
        }
        Writing::Tsv(_, has_clickbait) => tab_separated(scored, names, *has_clickbait),
        Writing::Text => scored
            .blocks()
            .map(|(_, block, label, _)| format!("{}\t{}\n", names.name(label), block.text))
            .collect(),
        Writing::Parquet => return Ok(Scores::Row(page_row(scored, names, balance))),
        Writing::Records(exporter, _) => exporter.record(&LabelledBlocks {
            page: &scored.page,
            url: scored.url.as_deref(),
            blocks: &scored.segmented.blocks,
            labels: &scored.labels,
            probabilities: scored.probabilities.view(),
        })?,
    };
    Ok(Scores::Text(text))
}

impl Scored {
    /// Number, block, label and its probability, in reading order.
    fn blocks(&self) -> impl Iterator<Item = (usize, &Block, Label, f64)> {
        let labelled = self.segmented.blocks.iter().zip(&self.labels).enumerate();
        labelled.map(|(i, (block, label))| (i, block, *label, self.probabilities[[i, label.index()]]))
    }
}

// ---- JSON lines

#[derive(Serialize)]
struct ScoredPage<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    blocks: ScoredBlocks<'a>,
}

/// The blocks of a page, each made when it is written: a page can have millions.
#[derive(Clone, Copy)]
struct ScoredBlocks<'a> {
    scored: &'a Scored,
    names: &'a LabelSet,
    balance: &'a Balance,
}

impl Serialize for ScoredBlocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A block with what is said of its page.
#[derive(Serialize)]
struct BlockOfPage<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    block: ScoredBlock<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct Head<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    kind: &'static str,
    lang: &'static str,
}

#[derive(Serialize)]
struct ScoredBlock<'a> {
    i: usize,
    start: usize,
    end: usize,
    label: &'a str,
    p: Probabilities<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clickbait: Option<LineScore>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// The probabilities of a block by label name, in the labels' order.
pub struct Probabilities<'a>(Vec<(&'a str, f64)>);

impl<'a> Probabilities<'a> {
    /// Of the labels that may be given.
    pub fn new(names: &'a LabelSet, row: ArrayView1<'_, f64>, wanted: impl Fn(Label) -> bool) -> Self {
        Self(
            names
                .iter()
                .filter(|label| wanted(*label))
                .map(|label| (names.name(label), rounded(row[label.index()])))
                .collect(),
        )
    }
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// To six decimals (chosen: what a double needs for its text would be a third of the output).
pub fn rounded(probability: f64) -> f64 {
    (probability * 1e6).round() / 1e6
}

impl<'a> ScoredBlocks<'a> {
    fn iter(self) -> impl Iterator<Item = ScoredBlock<'a>> {
        let document = self.scored.segmented.document.as_ref();
        self.scored.blocks().map(move |(i, block, label, _)| {
            let container = document
                .zip(block.markup.as_ref())
                .map(|(document, markup)| (document, markup.container));
            let row = self.scored.probabilities.row(i);
            ScoredBlock {
                i,
                start: block.span.start,
                end: block.span.end,
                label: self.names.name(label),
                p: Probabilities::new(self.names, row, |label| self.balance.may_give(label)),
                clickbait: self.scored.clickbait[i],
                text: &block.text,
                tag: container.map(|(document, container)| document.element(container).name.as_str()),
                path: container.map(|(document, container)| element_path(document, container)),
            }
        })
    }
}

fn scored_page<'a>(scored: &'a Scored, names: &'a LabelSet, balance: &'a Balance) -> ScoredPage<'a> {
    ScoredPage {
        head: Head {
            id: &scored.page.id,
            url: scored.url.as_deref(),
            kind: scored.page.kind.as_str(),
            lang: scored.language,
        },
        blocks: ScoredBlocks { scored, names, balance },
    }
}

/// Names that a path has at most (chosen: a page of nested elements would give a thousand times its own size).
const LONGEST_PATH: usize = 64;

/// Bytes of the names of a path, at most (chosen: the longest of 84,616 blocks of real pages has 178 with what stands between them).
const MOST_PATH_BYTES: usize = 256;

/// Element names from the root to a block's container; the outermost of a very long path are left out.
fn element_path(document: &Document, container: ElementId) -> String {
    let mut bytes = 0;
    let mut path: Vec<&str> = document
        .ancestors(container)
        .take(LONGEST_PATH)
        .map(|id| document.element(id).name.as_str())
        .take_while(|name| {
            bytes += name.len();
            bytes <= MOST_PATH_BYTES
        })
        .collect();
    if document.element(container).depth as usize >= path.len() {
        path.push("...");
    }
    path.reverse();
    path.join(">")
}

// ---- tables

fn page_row(scored: &Scored, names: &LabelSet, balance: &Balance) -> PageRow {
    let page = scored_page(scored, names, balance);
    let row = |block: ScoredBlock<'_>| BlockRow {
        start: block.start,
        end: block.end,
        label: block.label.to_owned(),
        p: block.p.0.iter().map(|(_, p)| *p).collect(),
        clickbait: block.clickbait.and_then(|score| score.0.map(rounded)),
        text: block.text.to_owned(),
        tag: block.tag.map(str::to_owned),
        path: block.path,
    };
    PageRow {
        id: page.head.id.to_owned(),
        url: page.head.url.map(str::to_owned),
        kind: scored.page.kind,
        language: scored.language,
        blocks: page.blocks.iter().map(row).collect(),
    }
}

fn tab_separated(scored: &Scored, names: &LabelSet, has_clickbait: bool) -> String {
    let id = escaped(&scored.page.id);
    scored
        .blocks()
        .map(|(i, block, label, p)| {
            let clickbait = match has_clickbait {
                true => format!("{}\t", scored.clickbait[i].unwrap_or(LineScore(None)).cell()),
                false => String::new(),
            };
            format!(
                "{id}\t{i}\t{}\t{}\t{clickbait}{}\n",
                names.name(label),
                rounded(p),
                escaped(&block.text)
            )
        })
        .collect()
}

/// A line of a page with its score.
#[derive(Serialize)]
struct ScoredLine<'a> {
    id: &'a str,
    i: usize,
    clickbait: LineScore,
    text: &'a str,
}

/// The lines of a text page with their scores; an empty line keeps its place.
fn scored_lines(page: &Page, model: &LineClassifier, writing: &Writing<'_>) -> Result<String> {
    if page.kind == PageKind::Html {
        return Err(Error::Option {
            option: "--per",
            problem: format!(
                "{} is a page of HTML, whose lines are no headlines; leave out --per line",
                page.id
            ),
        });
    }
    let lines: Vec<&str> = page.text.trim_start_matches('\u{feff}').lines().collect();
    let scores = model.scores(&lines).into_iter().map(LineScore);
    let scored = lines.iter().zip(scores).enumerate();
    scored
        .map(|(i, (text, clickbait))| {
            let id = page.id.as_str();
            Ok(match writing {
                Writing::Terminal(_) => {
                    let score = clickbait_column(Some(clickbait));
                    let lines = wrapped(&visible(text), width().saturating_sub(CLICKBAIT_WIDTH));
                    let text = lines.join(&format!("\n{:CLICKBAIT_WIDTH$}", ""));
                    format!("{}\n", format!("{score}{text}").trim_end())
                }
                Writing::Tsv(..) => format!("{}\t{i}\t{}\t{}\n", escaped(id), clickbait.cell(), escaped(text)),
                Writing::Jsonl(_) | Writing::Text | Writing::Parquet | Writing::Records(..) => {
                    json(&ScoredLine { id, i, clickbait, text })? + "\n"
                }
            })
        })
        .collect()
}

/// A field of a table, without tabs and line ends.
pub fn escaped(field: &str) -> String {
    field
        .replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

// ---- the terminal

/// Columns of a probability and the two gaps beside it.
const PROBABILITY_WIDTH: usize = 8;
/// Columns of a score and the gap behind it.
const CLICKBAIT_WIDTH: usize = 6;

/// The column of a block's score, or of none.
fn clickbait_column(score: Option<LineScore>) -> String {
    let Some(LineScore(score)) = score else {
        return " ".repeat(CLICKBAIT_WIDTH);
    };
    let style = score_style(score);
    let number = score.map_or("   -".to_owned(), |score| format!("{score:.2}"));
    format!("{style}{number}{style:#}  ")
}

fn terminal_view(scored: &Scored, names: &LabelSet, has_clickbait: bool) -> String {
    let gutter = names.names().iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let indent = gutter + PROBABILITY_WIDTH + if has_clickbait { CLICKBAIT_WIDTH } else { 0 };
    let bold = anstyle::Style::new().bold();
    let id = in_line(&scored.page.id).into_owned();
    let mut view = format!(
        "{bold}{id}{bold:#}  {}, {}, {} blocks\n",
        scored.page.kind.as_str(),
        scored.language,
        scored.labels.len()
    );
    for (i, block, label, p) in scored.blocks() {
        let clickbait = match has_clickbait {
            true => clickbait_column(scored.clickbait[i]),
            false => String::new(),
        };
        let style = style(names, label);
        let name = visible(names.name(label)).into_owned();
        let lines = wrapped(&visible(&block.text), width().saturating_sub(indent));
        let text = lines.join(&format!("\n{:indent$}", ""));
        view.push_str(&format!("{style}{name:gutter$}{style:#}  {p:.2}  {clickbait}{text}\n"));
    }
    view.push('\n');
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_table_hold_no_tab_and_no_line_end() {
        assert_eq!(escaped("a\tb\nc\\d\r"), "a\\tb\\nc\\\\d\\r");
    }

    #[test]
    fn a_path_names_the_elements_and_a_very_long_one_is_cut() {
        let path = |page: &str| {
            let document = unbait::html::parse(page);
            let last = document.ids().next_back().unwrap();
            element_path(&document, last)
        };
        assert_eq!(path("<main><p>x"), "html>body>main>p");
        let long = path(&"<div>".repeat(100));
        assert!(
            long.starts_with("...>div>div") && long.matches("div").count() == LONGEST_PATH,
            "{long}"
        );
        let named = path(&format!("<x-{}>", "y".repeat(60)).repeat(10));
        assert!(
            named.starts_with("...>x-y") && named.len() < MOST_PATH_BYTES + 20,
            "{named}"
        );
    }

    #[test]
    fn probabilities_are_in_the_labels_order_and_rounded() {
        let names = LabelSet::new(["other", "body"]).unwrap();
        let row = ndarray::arr1(&[0.123_456_78, 0.876_543_22]);
        let text = json(&Probabilities::new(&names, row.view(), |_| true)).unwrap();
        assert_eq!(text, r#"{"body":0.123457,"other":0.876543}"#);
    }

    #[test]
    fn a_run_with_another_model_of_lines_is_another_run() {
        let arguments = ["unbait".into(), "score".into()];
        let model = LineClassifier::clickbait().unwrap();
        let with = with_checksum(&arguments, Some(&model)).unwrap();
        assert_eq!((with_checksum(&arguments, None).unwrap().len(), with.len()), (2, 3));
        let other = with_checksum(&arguments, Some(&model.with_languages(Vec::new()))).unwrap();
        assert_ne!(with, other);
    }
}
