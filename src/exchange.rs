//! Pages with labelled blocks to the records of other tools, and the records of annotation tools back to texts with labelled spans.
//!
//! Each tool counts offsets in a unit of its own, code points or UTF-16 code units; what a tool does was read in its source.

mod coverage;
mod doccano;
mod dolma;
mod fasttext;
mod finerweb;
mod label_studio;
mod offsets;
mod prodigy;

pub use coverage::BlockLabels;

use crate::error::{Error, Result};
use crate::label::{Label, LabelSet, USUAL_ORDER, is_valid_name};
use crate::page::{Page, PageKind};
use crate::segment::Block;
use ndarray::ArrayView2;
use offsets::Unit;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::Range;

/// A text with labelled spans, as annotation tools have it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanText {
    /// Name of the page.
    pub id: String,
    /// Its address.
    pub url: Option<String>,
    /// The text.
    pub text: String,
    /// The spans, by where they begin; they can overlap.
    pub spans: Vec<LabelSpan>,
}

/// A labelled span of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSpan {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// The label's name.
    pub label: String,
    /// How probable the label is, 0 to 1; `None` when a person gave it.
    pub probability: Option<f64>,
}

/// A page with the labels that its blocks were given.
#[derive(Clone, Copy, Debug)]
pub struct LabelledBlocks<'a> {
    /// The page.
    pub page: &'a Page,
    /// Its address.
    pub url: Option<&'a str>,
    /// The blocks in reading order.
    pub blocks: &'a [Block],
    /// The label of each block.
    pub labels: &'a [Label],
    /// Shape (blocks, labels).
    pub probabilities: ArrayView2<'a, f64>,
}

impl LabelledBlocks<'_> {
    /// Block, label and its probability, in reading order.
    fn labelled(&self) -> impl Iterator<Item = (&Block, Label, f64)> {
        let labelled = self.blocks.iter().zip(self.labels).enumerate();
        labelled.map(|(i, (block, label))| (block, *label, self.probabilities[[i, label.index()]]))
    }

    /// The text that people see, with a span for each block: a text page as it is, of an HTML page the blocks' texts with blank
    /// lines between them.
    pub fn span_text(&self, names: &LabelSet) -> SpanText {
        let mut joined = String::new();
        let spans = self.labelled().map(|(block, label, probability)| {
            let range = match self.page.kind {
                PageKind::Text => block.span.clone(),
                PageKind::Html => push_paragraph(&mut joined, &block.text),
            };
            LabelSpan {
                range,
                label: names.name(label).to_owned(),
                probability: Some(probability),
            }
        });
        let spans = spans.collect();
        SpanText {
            id: self.page.id.clone(),
            url: self.url.map(str::to_owned),
            text: match self.page.kind {
                PageKind::Text => self.page.text.clone(),
                PageKind::Html => joined,
            },
            spans,
        }
    }
}

/// Appends a paragraph with a blank line before it, and says where it stands.
fn push_paragraph(text: &mut String, paragraph: &str) -> Range<usize> {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let start = text.len();
    text.push_str(paragraph);
    start..text.len()
}

// ---- out

/// A format of records that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Attributes of the dolma toolkit: a line for each document, spans by label in code points of the document's text.
    Dolma,
    /// Tasks of Label Studio with predictions, as one JSON array.
    LabelStudio,
    /// Tasks of Prodigy with spans, a line each.
    Prodigy,
    /// Texts of doccano's sequence labelling, a line each.
    Doccano,
    /// Lines of fastText, one for each block, with a blank line between pages.
    FastText,
    /// Texts with the quality of each of their lines, as the data set FinerWeb-10BT has them: how probable `body` is.
    FinerWeb,
}

/// Writes pages as records of one format.
#[derive(Clone, Debug)]
pub struct Exporter<'l> {
    names: &'l LabelSet,
    writer: Writer,
}

#[derive(Clone, Copy, Debug)]
enum Writer {
    Dolma,
    LabelStudio,
    Prodigy,
    Doccano,
    FastText,
    FinerWeb { body: Label },
}

/// What stands around the records of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Before the first record, also when there is none.
    pub opening: &'static str,
    /// Between two records.
    pub between: &'static str,
    /// Behind the last record, also when there is none.
    pub closing: &'static str,
}

impl Frame {
    /// Nothing but the records.
    pub const NONE: Self = Self {
        opening: "",
        between: "",
        closing: "",
    };
}

impl ExportFormat {
    /// What stands around the records of a file.
    pub fn frame(self) -> Frame {
        match self {
            Self::LabelStudio => label_studio::FRAME,
            Self::FastText => fasttext::FRAME,
            Self::Dolma | Self::Prodigy | Self::Doccano | Self::FinerWeb => Frame::NONE,
        }
    }
}

impl<'l> Exporter<'l> {
    /// For pages with these labels.
    ///
    /// # Errors
    /// [`Error::Option`] when the format needs a label that is not among them.
    pub fn new(format: ExportFormat, names: &'l LabelSet) -> Result<Self> {
        let writer = match format {
            ExportFormat::Dolma => Writer::Dolma,
            ExportFormat::LabelStudio => Writer::LabelStudio,
            ExportFormat::Prodigy => Writer::Prodigy,
            ExportFormat::Doccano => Writer::Doccano,
            ExportFormat::FastText => Writer::FastText,
            ExportFormat::FinerWeb => Writer::FinerWeb {
                body: names.find(USUAL_ORDER[0]).ok_or_else(|| Error::Option {
                    option: "--format",
                    problem: format!(
                        "finerweb is the probability of {:?}, and the labels are {}",
                        USUAL_ORDER[0],
                        names.names().join(", ")
                    ),
                })?,
            },
        };
        Ok(Self { names, writer })
    }

    /// The record of a page, with its line end if it has one.
    ///
    /// # Errors
    /// [`Error::Output`] when it cannot be written as JSON.
    pub fn record(&self, page: &LabelledBlocks<'_>) -> Result<String> {
        let shape = (page.blocks.len(), self.names.len());
        assert_eq!(page.labels.len(), shape.0, "a label for each block");
        assert_eq!(page.probabilities.dim(), shape, "shape (blocks, labels)");
        let text = || page.span_text(self.names);
        match self.writer {
            Writer::Dolma => dolma::record(page, self.names),
            Writer::LabelStudio => label_studio::record(&text()),
            Writer::Prodigy => prodigy::record(&text()),
            Writer::Doccano => doccano::record(&text()),
            Writer::FastText => Ok(fasttext::record(page, self.names)),
            Writer::FinerWeb { body } => finerweb::record(&text(), page.probabilities.column(body.index())),
        }
    }
}

/// To six decimals (chosen: what a double needs for its text would be a third of the output).
fn rounded(probability: f64) -> f64 {
    (probability * 1e6).round() / 1e6
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Output { source: error.into() })
}

/// Where spans begin and end, in the order of the spans.
fn offsets_of(unit: Unit, text: &str, spans: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let bytes: Vec<usize> = spans.flat_map(|span| [span.start, span.end]).collect();
    let offsets = unit.of_bytes(text, &bytes);
    offsets.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
}

impl SpanText {
    /// The spans, with where they stand in this unit.
    fn spans_in(&self, unit: Unit) -> impl Iterator<Item = (Range<usize>, &LabelSpan)> {
        let ranges = offsets_of(unit, &self.text, self.spans.iter().map(|span| span.range.clone()));
        ranges.into_iter().zip(&self.spans)
    }
}

// ---- in

/// A format of annotated texts that annotation tools write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// Tasks of Label Studio with annotations: its JSON export, or JSON lines.
    LabelStudio,
    /// JSON lines of Prodigy (`db-out`).
    Prodigy,
    /// JSON lines of doccano.
    Doccano,
    /// Lines of fastText.
    FastText,
}

/// What a record is.
#[derive(Clone, Debug, PartialEq)]
pub enum Annotated {
    /// An annotated text.
    Text(SpanText),
    /// A record that is left out, as the person wanted who looked at it, or because nobody did.
    LeftOut(LeftOut),
}

/// Why a record is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Prodigy: the answer is `reject` or `ignore`.
    NotAccepted,
    /// Label Studio: all annotations were cancelled.
    Cancelled,
    /// Label Studio: there is no annotation; predictions are no gold.
    NotAnnotated,
    /// No block has a label.
    NoLabel,
}

impl LeftOut {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "answered with reject or ignore",
            Self::Cancelled => "all annotations were cancelled",
            Self::NotAnnotated => "no annotation; predictions are not read",
            Self::NoLabel => "no block has a label; --outside gives one to what is not marked",
        }
    }
}

impl ImportFormat {
    /// What a record is of, a line or an item of a JSON array; `None` when it does not tell.
    pub fn of_record(record: &[u8]) -> Option<Self> {
        if record.trim_ascii_start().starts_with(fasttext::PREFIX.as_bytes()) {
            return Some(Self::FastText);
        }
        let record: Map<String, Value> = serde_json::from_slice(record).ok()?;
        let has = |keys: &[&str]| keys.iter().any(|key| record.contains_key(*key));
        if has(&["blocks"]) {
            None
        } else if record.get("data").is_some_and(Value::is_object) && has(label_studio::KEYS) {
            Some(Self::LabelStudio)
        } else if has(&["text"]) && has(prodigy::KEYS) {
            Some(Self::Prodigy)
        } else if record.get("text").is_some_and(Value::is_string) && record.get("label").is_some_and(Value::is_string)
        {
            // a labelled line, such as a headline: a text of doccano has labels in a list
            None
        } else if has(doccano::TEXT_KEYS) && has(doccano::LABEL_KEYS) {
            Some(Self::Doccano)
        } else {
            None
        }
    }

    /// What a record is, in words.
    fn wanted(self) -> &'static str {
        match self {
            Self::LabelStudio => "a task of Label Studio with `data` and `annotations`",
            Self::Prodigy => "a task of Prodigy with `text` and `spans`",
            Self::Doccano => "a text of doccano with `text` and `label`",
            Self::FastText => "lines of fastText such as `__label__promo Read more`",
        }
    }
}

/// Reads the records of a file, in their order.
#[derive(Debug)]
pub struct Importer<'f> {
    format: ImportFormat,
    file: &'f str,
    lines: fasttext::Lines,
}

/// What stands in a record, with the number of its line, or what is wrong with it.
pub type Found = (usize, Result<Annotated, String>);

impl<'f> Importer<'f> {
    /// For a file of this name, which pages without a name are called after.
    pub fn new(format: ImportFormat, file: &'f str) -> Self {
        Self {
            format,
            file,
            lines: fasttext::Lines::default(),
        }
    }

    /// Takes a line that is not blank, with its number from 1; hands over what is complete by it.
    pub fn line(&mut self, number: usize, line: &[u8], mut found: impl FnMut(Found)) {
        match self.format {
            ImportFormat::FastText => self.lines.add(self.file, number, line, &mut found),
            ImportFormat::LabelStudio | ImportFormat::Prodigy | ImportFormat::Doccano => {
                found((number, self.record(number, line)));
            }
        }
    }

    /// Takes the end of the lines.
    pub fn end(mut self, found: impl FnMut(Found)) {
        self.lines.end(self.file).into_iter().for_each(found);
    }

    /// Reads a JSON array of records.
    ///
    /// # Errors
    /// What is wrong with the array as a whole, in words.
    pub fn array(&self, bytes: &[u8], mut found: impl FnMut(Found)) -> Result<(), String> {
        for (number, (line, item)) in (1..).zip(array_items(bytes)?) {
            let record = self.record(number, item.as_bytes());
            found((line, record.map_err(|problem| format!("item {number}: {problem}"))));
        }
        Ok(())
    }

    fn record(&self, number: usize, record: &[u8]) -> Result<Annotated, String> {
        let record: Map<String, Value> = serde_json::from_slice(record).map_err(|error| {
            // to the parser every record begins at line 1
            let problem = error.to_string();
            let problem = problem.split(" at line ").next().unwrap_or(&problem);
            format!("no JSON object: {problem}; wanted {}", self.format.wanted())
        })?;
        let id = || format!("{}:{number}", self.file);
        match self.format {
            ImportFormat::LabelStudio => label_studio::read(&record, id),
            ImportFormat::Prodigy => prodigy::read(&record, id),
            ImportFormat::Doccano => doccano::read(&record, id),
            ImportFormat::FastText => Err(format!("a JSON array; wanted {}", self.format.wanted())),
        }
    }
}

/// Whether bytes that begin so are a JSON array.
pub fn begins_array(head: &[u8]) -> bool {
    without_mark(head).trim_ascii_start().starts_with(b"[")
}

/// What the items of a JSON array are, told by the first; `None` when it does not tell.
///
/// # Errors
/// What is wrong with the array, in words.
pub fn format_of_array(bytes: &[u8]) -> Result<Option<ImportFormat>, String> {
    let items = array_items(bytes)?;
    Ok(items
        .first()
        .and_then(|(_, item)| ImportFormat::of_record(item.as_bytes())))
}

/// The items of a JSON array as they stand there, each with its line from 1.
fn array_items(bytes: &[u8]) -> Result<Vec<(usize, &str)>, String> {
    let bytes = without_mark(bytes);
    let items: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|error| format!("no JSON array: {error}"))?;
    let mut found = Vec::with_capacity(items.len());
    let (mut at, mut line) = (0, 1);
    for item in items {
        let start = item.get().as_ptr().addr() - bytes.as_ptr().addr();
        line += memchr::memchr_iter(b'\n', &bytes[at..start]).count();
        at = start;
        found.push((line, item.get()));
    }
    Ok(found)
}

/// Without a byte order mark of UTF-8.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A span as a tool has it.
struct Mark {
    start: usize,
    end: usize,
    label: String,
    /// What stands there, where the tool says it.
    shown: Option<String>,
}

/// What a record says of its text.
struct Marks {
    unit: Unit,
    spans: Vec<Mark>,
    /// Labels of the text as a whole.
    whole: BTreeSet<String>,
}

impl Marks {
    fn new(unit: Unit) -> Self {
        Self {
            unit,
            spans: Vec::new(),
            whole: BTreeSet::new(),
        }
    }

    /// The spans in bytes, by where they begin.
    fn spans_of(self, text: &str) -> Result<Vec<LabelSpan>, String> {
        let unit = self.unit;
        if self.whole.len() > 1 {
            let labels: Vec<&str> = self.whole.iter().map(String::as_str).collect();
            return Err(format!(
                "the text as a whole has {} labels ({}); give it one",
                labels.len(),
                labels.join(", ")
            ));
        }
        let offsets: Vec<usize> = self.spans.iter().flat_map(|mark| [mark.start, mark.end]).collect();
        let bytes = unit.to_bytes(text, &offsets);
        let mut spans = Vec::with_capacity(self.spans.len());
        for (mark, ends) in self.spans.into_iter().zip(bytes.chunks_exact(2)) {
            let range = match ends {
                [Some(start), Some(end)] if start < end => *start..*end,
                _ => {
                    return Err(format!(
                        "a span of {:?} from {} to {} does not stand in the text, which has {} {}; the end is no part of a span",
                        mark.label,
                        mark.start,
                        mark.end,
                        unit.length(text),
                        unit.name()
                    ));
                }
            };
            if let Some(shown) = mark
                .shown
                .filter(|shown| letters(shown) != letters(&text[range.clone()]))
            {
                return Err(format!(
                    "a span of {:?} from {} to {} is said to be {:?}, and {:?} stands there; export it with a version that counts in {}",
                    mark.label,
                    mark.start,
                    mark.end,
                    quoted(&shown),
                    quoted(&text[range]),
                    unit.name()
                ));
            }
            spans.push((range, mark.label));
        }
        spans.extend(self.whole.into_iter().map(|label| (0..text.len(), label)));
        if let Some((_, label)) = spans.iter().find(|(_, label)| !is_valid_name(label)) {
            return Err(format!(
                "the label {label:?} is empty or holds white space, `,` or `=`; rename it"
            ));
        }
        spans.sort_by(|(a, one), (b, other)| (a.start, a.end, one).cmp(&(b.start, b.end, other)));
        let spans = spans.into_iter().map(|(range, label)| LabelSpan {
            range,
            label,
            probability: None,
        });
        Ok(spans.collect())
    }
}

/// Letters and digits. Some versions of Label Studio write line ends as a backslash and an n.
fn letters(text: &str) -> String {
    text.replace("\\n", " ")
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// Most characters of a text that an error quotes (chosen).
const QUOTED: usize = 40;

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// The text at a key.
fn text_at<'v>(record: &'v Map<String, Value>, key: &str) -> Result<&'v str, String> {
    match record.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("`{key}` is {}; wanted text", kind_of(other))),
        None => Err(format!(
            "no `{key}` (there are: {})",
            record.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// The list at a key; none there is an empty one.
fn list_at<'v>(record: &'v Map<String, Value>, key: &str) -> Result<&'v [Value], String> {
    match record.get(key) {
        Some(Value::Array(list)) => Ok(list),
        None | Some(Value::Null) => Ok(&[]),
        Some(other) => Err(format!("`{key}` is {}; wanted a list", kind_of(other))),
    }
}

/// The objects of the list at a key.
fn objects_at<'v>(record: &'v Map<String, Value>, key: &str) -> Result<Vec<&'v Map<String, Value>>, String> {
    let list = list_at(record, key)?.iter();
    list.map(|item| {
        item.as_object()
            .ok_or_else(|| format!("`{key}` holds {}; wanted objects", kind_of(item)))
    })
    .collect()
}

/// The offset at a key.
fn offset_at(record: &Map<String, Value>, key: &str) -> Result<usize, String> {
    let offset = record.get(key).unwrap_or(&Value::Null);
    offset_of(offset).ok_or_else(|| format!("`{key}` of a span is {offset}; wanted a whole number"))
}

fn offset_of(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|offset| usize::try_from(offset).ok())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The text at a key in the first of these objects that has one.
fn first_text(objects: &[Option<&Map<String, Value>>], key: &str) -> Option<String> {
    let mut texts = objects.iter().flatten().filter_map(|object| object.get(key)?.as_str());
    texts.find(|text| !text.is_empty()).map(str::to_owned)
}

/// The object at a key.
fn object_at<'v>(record: &'v Map<String, Value>, key: &str) -> Option<&'v Map<String, Value>> {
    record.get(key).and_then(Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Split, segment};
    use ndarray::Array2;

    /// What a page is written as in a format, the first block with the label `body` and all others with `promo`.
    fn written(format: ExportFormat, kind: PageKind, text: &str) -> String {
        let names = LabelSet::new(["body", "promo"]).unwrap();
        let page = Page::from_text("news/pool", text.to_owned(), Some(kind)).unwrap();
        let segmented = segment(&page, Split::Auto);
        let count = segmented.blocks.len();
        let labels: Vec<Label> = (0..count).map(|i| Label(u8::from(i > 0))).collect();
        let probabilities = Array2::from_shape_fn(
            (count, 2),
            |(i, label)| if (i > 0) == (label > 0) { 0.75 } else { 0.25 },
        );
        let blocks = LabelledBlocks {
            page: &page,
            url: None,
            blocks: &segmented.blocks,
            labels: &labels,
            probabilities: probabilities.view(),
        };
        Exporter::new(format, &names).unwrap().record(&blocks).unwrap()
    }

    const HTML: &str = "<h1>Pool &amp; sauna</h1><p>🎻 <b>Read</b> more</p>";

    #[test]
    fn attributes_are_spans_of_the_document_in_code_points_for_every_label() {
        for (kind, text, wanted) in [
            (
                PageKind::Text,
                "🎻 Pool\r\n\r\nמים\n\nMore",
                "\"unbait__blocks__body\":[[0,6,0.75]],\"unbait__blocks__promo\":[[10,13,0.75],[15,19,0.75]]",
            ),
            (
                PageKind::Html,
                HTML,
                "\"unbait__blocks__body\":[[4,20,0.75]],\"unbait__blocks__promo\":[[28,46,0.75]]",
            ),
            (
                PageKind::Text,
                "",
                "\"unbait__blocks__body\":[],\"unbait__blocks__promo\":[]",
            ),
        ] {
            assert_eq!(
                written(ExportFormat::Dolma, kind, text),
                format!("{{\"id\":\"news/pool\",\"attributes\":{{{wanted}}}}}\n")
            );
        }
    }

    #[test]
    fn people_label_the_text_of_an_html_page_s_blocks() {
        let line: Value = serde_json::from_str(&written(ExportFormat::Doccano, PageKind::Html, HTML)).unwrap();
        assert_eq!(line["text"], "Pool & sauna\n\n🎻 Read more");
        assert_eq!(line["label"], serde_json::json!([[0, 12, "body"], [14, 26, "promo"]]));
        let line: Value = serde_json::from_str(&written(ExportFormat::FinerWeb, PageKind::Html, HTML)).unwrap();
        assert_eq!(line["line_quality"], serde_json::json!([0.75, 0.75, 0.25]));
        assert_eq!(
            written(ExportFormat::FastText, PageKind::Html, HTML),
            "__label__body Pool & sauna\n__label__promo 🎻 Read more\n"
        );
    }

    #[test]
    fn records_in_their_frame_are_a_file_however_many_there_are() {
        let record = written(ExportFormat::LabelStudio, PageKind::Text, "Pool");
        let Frame {
            opening,
            between,
            closing,
        } = ExportFormat::LabelStudio.frame();
        for count in 0..3 {
            let file = [opening, &vec![record.as_str(); count].join(between), closing].concat();
            assert_eq!(serde_json::from_str::<Vec<Value>>(&file).unwrap().len(), count);
        }
    }

    #[test]
    fn a_quality_of_lines_needs_the_label_body() {
        let names = LabelSet::new(["keep", "promo"]).unwrap();
        let message = Exporter::new(ExportFormat::FinerWeb, &names).unwrap_err().to_string();
        assert!(
            message.contains("--format: finerweb") && message.contains("promo, keep"),
            "{message}"
        );
        assert!(Exporter::new(ExportFormat::Dolma, &names).is_ok());
    }

    #[test]
    fn items_of_an_array_have_their_line() {
        let items = array_items(b"\xef\xbb\xbf[\n{\"a\":\n1}, 2,\n\n\"\\n\"]").unwrap();
        assert_eq!(items, [(2, "{\"a\":\n1}"), (3, "2"), (5, "\"\\n\"")]);
        assert!(array_items(b"[1").unwrap_err().starts_with("no JSON array: EOF"));
    }
}
