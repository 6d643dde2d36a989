//! `unbait bait`: lines such as headlines to how much of a clickbait each is, in their order or the highest first.
//!
//! A line is scored by itself and keeps its place; one without a known word has no score, and that is `null`, never 0.

use crate::Outcome;
use crate::explain::word_ngram;
use crate::inputs::{CLICKBAIT, STDIN, read_line_model};
use crate::output::{Results, note};
use crate::score::{Color, color, escaped, rounded};
use crate::terminal::{visible, width, wrapped};
use clap::ValueEnum;
use rayon::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, IsTerminal, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use unbait::corpus::Format as FileFormat;
use unbait::corpus::packed::{Source, unpack};
use unbait::error::{Error, Result};
use unbait::line_classifier::LineClassifier;
use unbait::page::{Page, PageKind};

const EXAMPLE: &str = "\
Example:
  unbait bait headlines.txt --sort --top 20
  cut -f3 teasers.tsv | unbait bait --format tsv";

/// Say how much of a clickbait each line of a list of headlines is.
///
/// A score is the probability, 0 to 1, that an outlet of clickbait wrote the line. The built-in model knows English.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// File with a headline a line, plain or packed (.gz, .zst, .bz2, .xz), or - for standard input
    #[arg(id = "paths", value_name = "FILE", default_value = STDIN)]
    file: PathBuf,
    /// Model of lines: a file, or the built-in `clickbait`
    #[arg(long, value_name = "MODEL", default_value = CLICKBAIT)]
    model: PathBuf,
    /// The highest score first; lines of the same score in their order, and those without one last
    #[arg(long)]
    sort: bool,
    /// Only so many lines, the highest scores first
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Name so many phrases of each line that move its score most
    #[arg(long, value_name = "K", default_value_t = 0)]
    explain: usize,
    /// How results are written; without it: terminal on a terminal, else jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Number of threads; without it as many as there are processors
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Whether the terminal format has colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: the score beside the wrapped line
    Terminal,
    /// One JSON object a line: its number from 0 at i, its score, its text
    Jsonl,
    /// Number, score and text; \t, \r and \\ stand for tabs, line ends and backslashes
    Tsv,
}

/// Bytes of lines that are scored together (chosen: enough for all processors, and bounds the memory).
const PORTION_BYTES: usize = 1 << 22;

/// Lines that one processor scores at a time (chosen).
const TASK_LINES: usize = 1 << 12;

/// Longest line that is one (chosen: no headline is, and a file without line ends is something else).
const LONGEST_LINE: usize = 1 << 20;

/// Bytes at the start by which a file of pages is told.
const SNIFF_BYTES: usize = 1 << 12;

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    crate::use_threads(args.threads)?;
    let writing = Writing {
        classifier: &read_line_model(&args.model)?,
        format: args.format.unwrap_or(match std::io::stdout().is_terminal() {
            true => Format::Terminal,
            false => Format::Jsonl,
        }),
        explain: args.explain,
    };
    let mut lines = Lines::open(&args.file)?;
    let mut results = match writing.format {
        Format::Terminal => Results::styled(color(args.color)),
        Format::Jsonl | Format::Tsv => Results::data(),
    };
    if writing.format == Format::Tsv {
        results.write(&format!("i\t{}\ttext\n", escaped(writing.classifier.scored())))?;
    }
    let mut first = 0;
    let mut kept = Vec::new();
    let sorts = args.sort || args.top.is_some();
    while let Some(portion) = lines.portion()? {
        let portion: Vec<&str> = portion.lines().collect();
        if sorts {
            let scores = scores(writing.classifier, &portion);
            let numbered = (first..).zip(portion.iter().map(|line| (*line).to_owned()));
            kept.extend(numbered.zip(scores).map(|((i, text), score)| Scored { i, text, score }));
            // what can no longer be among the first is let go
            if let Some(top) = args.top.filter(|top| kept.len() > 2 * top + TASK_LINES) {
                kept.sort_by(Scored::order);
                kept.truncate(top);
            }
        } else {
            let parts: Vec<String> = portion
                .par_chunks(TASK_LINES)
                .enumerate()
                .map(|(part, lines)| writing.lines(first + part * TASK_LINES, lines))
                .collect();
            parts.iter().try_for_each(|part| results.write(part))?;
        }
        first += portion.len();
    }
    if sorts {
        kept.sort_by(Scored::order);
        kept.truncate(args.top.unwrap_or(usize::MAX));
        for line in &kept {
            let mut text = String::new();
            writing.line(line.i, line.score, &line.text, &mut text);
            results.write(&text)?;
        }
    }
    results.flush()?;
    lines.note_unreadable();
    Ok(Outcome::Done)
}

/// A line with its score.
struct Scored {
    i: usize,
    text: String,
    score: Option<f64>,
}

impl Scored {
    /// The highest score first, then the order of the lines; those without a score last.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let score = |line: &Self| line.score.unwrap_or(-1.0);
        score(other).total_cmp(&score(self)).then(self.i.cmp(&other.i))
    }
}

fn scores(classifier: &LineClassifier, lines: &[&str]) -> Vec<Option<f64>> {
    let parts: Vec<Vec<Option<f64>>> = lines
        .par_chunks(TASK_LINES)
        .map(|lines| classifier.scores(lines))
        .collect();
    parts.concat()
}

// ---- reading

/// The lines of a file, in portions.
struct Lines {
    path: PathBuf,
    source: Box<dyn Source>,
    /// Bytes behind the last whole line.
    rest: Vec<u8>,
    is_first: bool,
    /// Lines with bytes that are no UTF-8.
    unreadable: usize,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let reader: Box<dyn Read + Send> = match path.as_os_str() == STDIN {
            true => Box::new(std::io::stdin()),
            false => Box::new(File::open(path).map_err(failed)?),
        };
        Ok(Self {
            path: path.to_owned(),
            source: unpack(reader).map_err(failed)?,
            rest: Vec::new(),
            is_first: true,
            unreadable: 0,
        })
    }

    /// The next whole lines; `None` when there are no more.
    ///
    /// # Errors
    /// [`Error::Corpus`] when the file holds no lines of text, with what to do.
    fn portion(&mut self) -> Result<Option<String>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut is_end = false;
        let mut line_end = None;
        // a line end that is behind the room of a portion is waited for
        while !is_end && (line_end.is_none() || bytes.len() < PORTION_BYTES) {
            let from = bytes.len();
            let more = self.source.fill_buf().map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })?;
            is_end = more.is_empty();
            bytes.extend_from_slice(more);
            let count = more.len();
            self.source.consume(count);
            line_end = memchr::memrchr(b'\n', &bytes[from..]).map(|at| from + at).or(line_end);
            if bytes.len() - line_end.unwrap_or(0) > LONGEST_LINE {
                return Err(self.refused("a line is longer than 1 MiB, so these are no headlines"));
            }
        }
        if std::mem::take(&mut self.is_first) {
            if bytes.starts_with("\u{feff}".as_bytes()) {
                bytes.drain(..'\u{feff}'.len_utf8());
                line_end = line_end.map(|at| at - '\u{feff}'.len_utf8());
            }
            self.check(&bytes)?;
        }
        if !is_end && let Some(at) = line_end {
            self.rest = bytes.split_off(at + 1);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| {
            let bytes = error.into_bytes();
            let is_bad = |line: &&[u8]| std::str::from_utf8(line).is_err();
            self.unreadable += bytes.split(|byte| *byte == b'\n').filter(is_bad).count();
            String::from_utf8_lossy(&bytes).into_owned()
        })))
    }

    /// Refuses what is no list of headlines by how it begins.
    fn check(&self, bytes: &[u8]) -> Result<()> {
        let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
        let problem = match FileFormat::of_content(head) {
            FileFormat::JsonLines => {
                "these are JSON lines, and a headline a line is wanted; take the headlines out first (such as `jq -r .title FILE | unbait bait`), or score pages with `unbait score --clickbait`"
            }
            FileFormat::Warc => "this is a web archive; score its pages with `unbait score --clickbait`",
            FileFormat::Parquet => "this is a Parquet file; score its pages with `unbait score --clickbait`",
            FileFormat::Page if head.contains(&0) => {
                "this is no text in UTF-8, for it has zero bytes; convert it first (such as with `iconv -t UTF-8`)"
            }
            FileFormat::Page => {
                let head = String::from_utf8_lossy(head).into_owned();
                match Page::from_text("head", head, None).map(|page| page.kind) {
                    Ok(PageKind::Html) => {
                        "this is a page of HTML; score its teasers and headline with `unbait score --clickbait`"
                    }
                    Ok(PageKind::Text) | Err(_) => return Ok(()),
                }
            }
        };
        Err(self.refused(problem))
    }

    fn refused(&self, problem: &str) -> Error {
        Error::Corpus {
            path: self.path.clone(),
            problem: problem.to_owned(),
        }
    }

    fn note_unreadable(&self) {
        if self.unreadable > 0 {
            note(&format!(
                "{}: {} lines have bytes that are no UTF-8 and stand as U+FFFD; convert the file first (such as with `iconv -t UTF-8`)",
                self.path.display(),
                self.unreadable
            ));
        }
    }
}

// ---- writing

/// How lines are written.
struct Writing<'a> {
    classifier: &'a LineClassifier,
    format: Format,
    /// Phrases that are named of each line.
    explain: usize,
}

#[derive(Serialize)]
struct Phrase {
    phrase: String,
    /// What it adds to the log-odds of the score.
    log_odds: f64,
}

impl Writing<'_> {
    /// Lines of which the first has this number.
    fn lines(&self, first: usize, lines: &[&str]) -> String {
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 40).sum());
        for ((i, line), score) in (first..).zip(lines).zip(self.classifier.scores(lines)) {
            self.line(i, score, line, &mut text);
        }
        text
    }

    fn line(&self, i: usize, score: Option<f64>, line: &str, text: &mut String) {
        let score = score.map(rounded);
        match self.format {
            Format::Jsonl => {
                let number = score.map_or("null".to_owned(), |score| format!("{score:?}"));
                let key = quoted(self.classifier.scored());
                text.push_str(&format!("{{\"i\":{i},{key}:{number},\"text\":{}", quoted(line)));
                if self.explain > 0 {
                    let phrases = serde_json::to_string(&self.phrases(line)).unwrap_or_default();
                    text.push_str(&format!(",\"phrases\":{phrases}"));
                }
                text.push_str("}\n");
            }
            Format::Tsv => {
                let number = score.map_or("-".to_owned(), |score| score.to_string());
                text.push_str(&format!("{i}\t{number}\t{}\n", escaped(line)));
            }
            Format::Terminal => self.for_people(score, line, text),
        }
    }

    fn for_people(&self, score: Option<f64>, line: &str, text: &mut String) {
        const GUTTER: usize = 6;
        let style = score_style(score);
        let number = score.map_or("   -".to_owned(), |score| format!("{score:.2}"));
        let lines = wrapped(&visible(line), width().saturating_sub(GUTTER));
        let joined = lines.join(&format!("\n{:GUTTER$}", ""));
        text.push_str(format!("{style}{number}{style:#}  {joined}").trim_end());
        text.push('\n');
        for phrase in self.phrases(line) {
            text.push_str(&format!(
                "{:GUTTER$}{:+.2}  {}\n",
                "",
                phrase.log_odds,
                visible(&phrase.phrase)
            ));
        }
    }

    fn phrases(&self, line: &str) -> Vec<Phrase> {
        if self.explain == 0 {
            return Vec::new();
        }
        let explanation = self.classifier.explain(line);
        let features = explanation.into_iter().flat_map(|explanation| explanation.features);
        features
            .take(self.explain)
            .map(|(spelling, log_odds)| Phrase {
                phrase: phrase_of(&spelling),
                log_odds: (log_odds * 1e4).round() / 1e4,
            })
            .collect()
    }
}

/// Text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bold from one half on.
pub fn score_style(score: Option<f64>) -> anstyle::Style {
    match score.is_some_and(|score| score >= 0.5) {
        true => anstyle::AnsiColor::Magenta.on_default().bold(),
        false => anstyle::Style::new(),
    }
}

/// Words by which a line speaks to its reader.
const SECOND_PERSON: [&str; 10] = [
    "you",
    "your",
    "you're",
    "you'll",
    "you've",
    "you'd",
    "yours",
    "yourself",
    "yourselves",
    "ya",
];
/// Words by which a line points at what it does not say (Blom and Hansen 2015, "Click bait: forward-reference as lure").
const FORWARD: [&str; 5] = ["this", "these", "here's", "here", "that's"];
/// Numbers in words.
const NUMBERS: [&str; 12] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty",
];

/// A feature of a line in words, with the figure of speech that it is known as.
fn phrase_of(spelling: &str) -> String {
    let Some(("word", parts)) = spelling.split_once('=') else {
        return crate::explain::feature_in_words(spelling);
    };
    let named = word_ngram(parts);
    let has = |words: &[&str]| parts.split(' ').any(|part| words.contains(&part));
    let number =
        |word: &str| NUMBERS.contains(&word) || (word.starts_with('0') && word.bytes().all(|byte| byte == b'0'));
    let opens_with_number = parts
        .strip_prefix("<s> ")
        .is_some_and(|rest| rest.split(' ').next().is_some_and(number));
    if opens_with_number {
        format!("number at the start: {named}")
    } else if has(&SECOND_PERSON) {
        format!("second person: {named}")
    } else if has(&FORWARD) {
        format!("forward reference: {named}")
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_named_by_their_figure_of_speech() {
        for (spelling, wanted) in [
            ("word=this is why", "forward reference: the words “this is why”"),
            ("word=you need to", "second person: the words “you need to”"),
            ("word=<s> 00", "number at the start: the word “00” at the start"),
            (
                "word=<s> ten things",
                "number at the start: the words “ten things” at the start",
            ),
            ("word=00 things", "the words “00 things”"),
            ("word=council", "the word “council”"),
            ("char=_you", "the letters “_you”"),
        ] {
            assert_eq!(phrase_of(spelling), wanted);
        }
    }

    fn portions(bytes: &'static [u8]) -> Result<Vec<String>> {
        let mut lines = Lines {
            path: PathBuf::from(STDIN),
            source: unpack(bytes).unwrap(),
            rest: Vec::new(),
            is_first: true,
            unreadable: 0,
        };
        std::iter::from_fn(|| lines.portion().transpose()).collect()
    }

    #[test]
    fn lines_come_whole_with_or_without_a_mark_and_a_last_line_end() {
        assert_eq!(portions("\u{feff}a\n\nb".as_bytes()).unwrap(), ["a\n\nb"]);
        assert_eq!(portions(b"a\r\n").unwrap()[0].lines().collect::<Vec<_>>(), ["a"]);
        assert!(portions(b"").unwrap().is_empty());
        assert!(portions(b"caf\xe9\n").unwrap()[0].contains('\u{fffd}'));
    }

    #[test]
    fn files_of_pages_are_refused_with_what_to_do() {
        for (bytes, wanted) in [
            (&b"<!doctype html><title>x</title>"[..], "page of HTML"),
            (b"{\"text\":\"a\"}\n{\"text\":\"b\"}\n", "JSON lines"),
            (b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", "web archive"),
            (b"PAR1xxxx", "Parquet file"),
            (b"a\0b\0", "zero bytes"),
        ] {
            let message = portions(bytes).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn the_highest_score_comes_first_and_no_score_last() {
        let mut lines: Vec<Scored> = [Some(0.25), None, Some(0.75), Some(0.25)]
            .into_iter()
            .enumerate()
            .map(|(i, score)| Scored {
                i,
                text: String::new(),
                score,
            })
            .collect();
        lines.sort_by(Scored::order);
        assert_eq!(lines.iter().map(|line| line.i).collect::<Vec<_>>(), [2, 0, 3, 1]);
    }
}
