//! JSON lines: one object a line, of which one key is the page and the others are left as they are.
//!
//! Lines are found before they are parsed, so that a broken one costs no other.

use super::packed::{Source, Window};
use super::{BlockCounts, Content, CorpusOptions, Keys, Place, Record, RecordPage};
use crate::error::Result;
use crate::page::{Page, check_size};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Key of a page's address.
const URL: &str = "url";

/// Key of the object in which a record has what is known of it besides its text.
const METADATA: &str = "metadata";

/// Key of our counts in it.
const UNBAIT: &str = "unbait";

/// Most bytes of a value that an error quotes (chosen).
const QUOTED: usize = 40;

/// Keys of a record that an error names (chosen: more than records have).
const MOST_NAMED: usize = 50;

/// Whether bytes that begin so are JSON lines: the first line is an object, as far as it is there.
pub(super) fn begins_lines(head: &[u8]) -> bool {
    let head = without_mark(head).trim_ascii_start();
    if !head.starts_with(b"{") {
        return false;
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<IgnoredAny>(line) {
        Ok(_) => true,
        // a first line that is longer than what is there
        Err(error) => error.is_eof() && line.len() == head.len(),
    }
}

/// Without a byte order mark of UTF-8.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The lines of a file that are not blank.
pub(super) struct Lines {
    file: Arc<Path>,
    window: Window<Box<dyn Source>>,
    line: u64,
    most_bytes: usize,
}

impl Lines {
    pub(super) fn new(file: &Arc<Path>, window: Window<Box<dyn Source>>, options: &CorpusOptions) -> Self {
        Self {
            file: Arc::clone(file),
            window,
            line: 0,
            most_bytes: options.most_record_bytes(),
        }
    }

    /// How many bytes the next line has, with its line end if it has one; at most one more than a record can have.
    fn length(&mut self) -> usize {
        let mut searched = 0;
        loop {
            let bytes = self.window.there();
            if let Some(at) = memchr::memchr(b'\n', &bytes[searched..]) {
                return searched + at + 1;
            }
            searched = bytes.len();
            if searched > self.most_bytes || !self.window.read_more() {
                return searched;
            }
        }
    }

    /// Takes the rest of a line that is too long.
    fn skip_line(&mut self) {
        loop {
            let bytes = self.window.fill(1);
            let (count, found) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            };
            self.window.pass(count);
            if found || count == 0 {
                return;
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let place = Place {
                file: Arc::clone(&self.file),
                record: self.line + 1,
                offset: Some(self.window.position()),
            };
            let length = self.length();
            self.line += 1;
            let line = &self.window.there()[..length];
            if line.len() > self.most_bytes {
                self.skip_line();
                return Some(Err(place.error(too_long(self.most_bytes))));
            }
            let is_whole = line.ends_with(b"\n");
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let content = line.to_vec();
            self.window.pass(length);
            let end = Some(self.window.position());
            let is_last = self.window.fill(1).is_empty();
            // a whole line is good when what cannot be read stands behind it, and is not of the same gzip member
            if is_last
                && (!is_whole || self.window.has_fault_in_member())
                && let Some(fault) = self.window.fault()
            {
                return Some(Err(
                    place.error(format!("the file cannot be read on from here: {fault}"))
                ));
            }
            if length == 0 {
                return None;
            }
            if without_mark(&content).trim_ascii().is_empty() {
                continue;
            }
            return Some(Ok(Record {
                end,
                place,
                content: Content::Json(content),
            }));
        }
    }
}

fn too_long(most: usize) -> String {
    format!("the line has more bytes than a record can have ({most}); allow more with --max-page-size, or split it")
}

/// The keys of an object with their values as they stand there.
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Parses a line.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &'a [u8]) -> Result<Self, String> {
        let mut parser = serde_json::Deserializer::from_slice(without_mark(line));
        let fields = parser
            .deserialize_map(FieldsVisitor)
            .and_then(|fields| parser.end().map(|()| fields));
        fields.map_err(|error| {
            // to the parser every record is line 1
            let (column, error) = (error.column(), error.to_string());
            let problem = error.split(" at line ").next().unwrap_or(&error);
            format!("no JSON object: {problem} (column {column})")
        })
    }

    /// The value of a key, which must not stand twice.
    ///
    /// # Errors
    /// That it stands twice, in words.
    pub fn get(&self, key: &str) -> Result<Option<&'a RawValue>, String> {
        let mut found = self.0.iter().filter(|(name, _)| name == key);
        let value = found.next().map(|(_, value)| *value);
        match found.next() {
            Some(_) => Err(format!("the key {key:?} stands twice")),
            None => Ok(value),
        }
    }

    /// What stands between the last key's value and a further key.
    fn comma(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "," }
    }

    /// The names of the first keys, for people.
    fn names(&self) -> String {
        let named = self.0.iter().take(MOST_NAMED).map(|(name, _)| name.as_str());
        let more = (self.0.len() > MOST_NAMED).then_some("...");
        named.chain(more).collect::<Vec<_>>().join(", ")
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("one JSON object on the line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

/// The page of a line.
pub(super) fn page(line: &[u8], place: &Place, options: &CorpusOptions) -> Result<RecordPage> {
    let keys = &options.keys;
    let failed = |problem| place.error(problem);
    let fields = Fields::parse(line).map_err(failed)?;
    let (key, kind) = keys.page();
    let Some(value) = fields.get(key).map_err(failed)? else {
        return Err(failed(format!(
            "no key {key:?} (there are: {}); {}",
            fields.names(),
            keys.remedy()
        )));
    };
    let text = string(value, key).map_err(failed)?;
    let id = match fields.get(&keys.id).map_err(failed)? {
        Some(value) => id(value, &keys.id).map_err(failed)?,
        None => None,
    };
    let url = fields
        .get(URL)
        .map_err(failed)?
        .and_then(|value| string(value, URL).ok());
    let id = id.unwrap_or_else(|| place.id());
    check_size(&id, text.len(), options.page.most_bytes)?;
    Ok(RecordPage {
        page: Page::from_text(&id, text, Some(kind))?,
        url,
    })
}

/// The line with another text and with counts at `metadata.unbait`; every other byte stays as it is. A record without the text's key
/// gets it, and when `metadata` is no object the counts stand at `unbait`.
pub(super) fn with_text(line: &[u8], place: &Place, keys: &Keys, text: &str, counts: &BlockCounts) -> Result<String> {
    let failed = |problem| place.error(problem);
    let fields = Fields::parse(line).map_err(failed)?;
    let counts = json(counts).map_err(failed)?;
    let mut edits = Vec::new();
    let mut added = Vec::new();
    let mut set = |key: &str, value: String| match fields.get(key)? {
        Some(old) => {
            edits.push((span(line, old), value));
            Ok(())
        }
        None => {
            added.push(format!("{}:{value}", json(&key)?));
            Ok(())
        }
    };
    set(&keys.text, json(&text).map_err(failed)?).map_err(failed)?;
    match fields.get(METADATA).map_err(failed)? {
        None => set(METADATA, format!("{{\"{UNBAIT}\":{counts}}}")).map_err(failed)?,
        Some(metadata) if !metadata.get().starts_with('{') => set(UNBAIT, counts).map_err(failed)?,
        Some(metadata) => {
            let inner = Fields::parse(metadata.get().as_bytes()).map_err(failed)?;
            match inner.get(UNBAIT).map_err(failed)? {
                Some(old) => edits.push((span(line, old), counts)),
                None => {
                    let end = span(line, metadata).end - 1;
                    edits.push((end..end, format!("{}\"{UNBAIT}\":{counts}", inner.comma())));
                }
            }
        }
    }
    if !added.is_empty() {
        let end = line.trim_ascii_end().len() - 1;
        edits.push((end..end, format!("{}{}", fields.comma(), added.join(","))));
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut bytes = Vec::with_capacity(line.len() + text.len());
    let mut from = 0;
    for (range, value) in edits {
        bytes.extend_from_slice(&line[from..range.start]);
        bytes.extend_from_slice(value.as_bytes());
        from = range.end;
    }
    bytes.extend_from_slice(&line[from..]);
    String::from_utf8(bytes).map_err(|error| failed(format!("no JSON object: {error}")))
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

/// Where a value that was parsed from a line stands in it.
fn span(line: &[u8], value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - line.as_ptr().addr();
    start..start + value.get().len()
}

fn string(value: &RawValue, key: &str) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| wrong_type(value, key, "text"))
}

/// A name: text, or a number as it stands there; null is none.
fn id(value: &RawValue, key: &str) -> Result<Option<String>, String> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => string(value, key).map(Some),
        Some(b'-' | b'0'..=b'9') => Ok(Some(text.to_owned())),
        Some(b'n') => Ok(None),
        _ => Err(wrong_type(value, key, "text or a number")),
    }
}

fn wrong_type(value: &RawValue, key: &str, wanted: &str) -> String {
    let text = value.get();
    if text.starts_with('"') {
        return format!("the text at the key {key:?} holds half of a surrogate pair, which no text in Unicode does");
    }
    let mut end = text.len().min(QUOTED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let dots = if end < text.len() { "..." } else { "" };
    format!("the key {key:?} has the value {}{dots}; wanted {wanted}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Records;
    use crate::corpus::packed::unpack;
    use crate::page::PageKind;

    fn records(bytes: &[u8]) -> Vec<Result<Record>> {
        let source = unpack(std::io::Cursor::new(bytes.to_vec())).unwrap();
        Lines::new(
            &Arc::from(Path::new("x.jsonl")),
            Window::new(source),
            &CorpusOptions::default(),
        )
        .collect()
    }

    fn read(line: &str, keys: &Keys) -> Result<RecordPage> {
        let place = Place {
            file: Arc::from(Path::new("x.jsonl")),
            record: 7,
            offset: Some(90),
        };
        let options = CorpusOptions {
            keys: keys.clone(),
            ..CorpusOptions::default()
        };
        page(line.as_bytes(), &place, &options)
    }

    fn problem(line: &str) -> String {
        read(line, &Keys::default()).unwrap_err().to_string()
    }

    #[test]
    fn lines_have_their_number_and_where_they_begin() {
        let places: Vec<(u64, u64)> = records(b"{}\r\n\n  \n{\"a\":1}\n{}")
            .iter()
            .map(|record| record.as_ref().unwrap())
            .map(|record| (record.place.record, record.place.offset.unwrap()))
            .collect();
        assert_eq!(places, [(1, 0), (4, 8), (5, 16)]);
        assert!(records(b"").is_empty() && records(b"\n\n").is_empty());
    }

    #[test]
    fn the_line_end_is_no_part_of_a_record() {
        for record in records(b"{}\r\n{}\n{}") {
            assert!(matches!(record.unwrap().content, Content::Json(line) if line == b"{}"));
        }
    }

    #[test]
    fn the_page_is_at_the_key_that_is_named() {
        let line = r#"{"id":"a","url":"https://x.example/","text":"Plain <p>","raw":"<p>Marked","more":{"x":1}}"#;
        let record = read(line, &Keys::default()).unwrap();
        assert_eq!(
            (record.page.id.as_str(), record.page.text.as_str(), record.page.kind),
            ("a", "Plain <p>", PageKind::Text)
        );
        assert_eq!(record.url.as_deref(), Some("https://x.example/"));
        let keys = Keys {
            html: Some("raw".to_owned()),
            id: "url".to_owned(),
            ..Keys::default()
        };
        let record = read(line, &keys).unwrap();
        assert_eq!(
            (record.page.id.as_str(), record.page.text.as_str(), record.page.kind),
            ("https://x.example/", "<p>Marked", PageKind::Html)
        );
    }

    #[test]
    fn an_id_is_text_or_a_number_and_else_the_place() {
        let id = |line| read(line, &Keys::default()).unwrap().page.id;
        assert_eq!(
            id(r#"{"id":12345678901234567890123,"text":""}"#),
            "12345678901234567890123"
        );
        assert_eq!(id(r#"{"id":null,"text":""}"#), "x.jsonl:7");
        assert_eq!(id(r#"{"text":""}"#), "x.jsonl:7");
        let problem = problem(r#"{"id":["a"],"text":""}"#);
        assert!(
            problem.ends_with(r#"the key "id" has the value ["a"]; wanted text or a number"#),
            "{problem}"
        );
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_with_its_place() {
        for (line, wanted) in [
            (
                "{\"text\": \"x",
                "no JSON object: EOF while parsing a string (column 11)",
            ),
            (
                "[1]",
                "no JSON object: invalid type: sequence, expected one JSON object on the line (column 0)",
            ),
            ("{\"text\":\"x\"} {}", "no JSON object: trailing characters (column 14)"),
            (
                "{\"txt\":\"x\",\"n\":1}",
                "no key \"text\" (there are: txt, n); name the one of the page with --text-key or --html-key",
            ),
            ("{\"text\":null}", "the key \"text\" has the value null; wanted text"),
            ("{\"text\":\"x\",\"text\":\"y\"}", "the key \"text\" stands twice"),
            (
                "{\"text\":\"\\ud800\"}",
                "the text at the key \"text\" holds half of a surrogate pair, which no text in Unicode does",
            ),
        ] {
            assert_eq!(problem(line), format!("x.jsonl: record 7 at byte 90: {wanted}"));
        }
        let long = problem(&format!("{{\"text\":[\"{}\"]}}", "ü".repeat(100)));
        assert!(long.contains("ü...; wanted text") && long.len() < 150, "{long}");
    }

    #[test]
    fn bytes_that_are_no_utf8_make_a_bad_line() {
        let place = Place {
            file: Arc::from(Path::new("x.jsonl")),
            record: 1,
            offset: Some(0),
        };
        assert!(page(b"{\"text\":\"\xff\"}", &place, &CorpusOptions::default()).is_err());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let place = Place {
            file: Arc::from(Path::new("x.jsonl")),
            record: 1,
            offset: Some(0),
        };
        let page = page(b"\xef\xbb\xbf{\"text\":\"x\"}", &place, &CorpusOptions::default()).unwrap();
        assert_eq!(page.page.text, "x");
        assert!(begins_lines(b"\xef\xbb\xbf{\"text\":\"x\"}\n"));
    }

    #[test]
    fn only_the_text_and_the_counts_are_written_anew() {
        let counts = BlockCounts {
            kept: [("body".to_owned(), 2)].into(),
            removed: [("promo".to_owned(), 1)].into(),
        };
        let place = Place {
            file: Arc::from(Path::new("x.jsonl")),
            record: 1,
            offset: Some(0),
        };
        let ours = r#"{"kept":{"body":2},"removed":{"promo":1}}"#;
        let written = |line: &str| with_text(line.as_bytes(), &place, &Keys::default(), "a\n\"b\"", &counts).unwrap();
        for (line, wanted) in [
            (
                r#" { "n" : 1.50, "text":"\u00e4","big":123456789012345678901,"o":{"a" :[1,2]} } "#,
                r#" { "n" : 1.50, "text":"a\n\"b\"","big":123456789012345678901,"o":{"a" :[1,2]} ,"metadata":{"unbait":OURS}} "#,
            ),
            (
                r#"{"metadata":{"url":"u"},"text":"x"}"#,
                r#"{"metadata":{"url":"u","unbait":OURS},"text":"a\n\"b\""}"#,
            ),
            (
                r#"{"text":"x","metadata":{}}"#,
                r#"{"text":"a\n\"b\"","metadata":{"unbait":OURS}}"#,
            ),
            (
                r#"{"metadata":{"unbait":{"old":1},"b":2},"text":"x"}"#,
                r#"{"metadata":{"unbait":OURS,"b":2},"text":"a\n\"b\""}"#,
            ),
            (
                r#"{"text":"x","metadata":"m"}"#,
                r#"{"text":"a\n\"b\"","metadata":"m","unbait":OURS}"#,
            ),
            (
                r#"{"html":"<p>x"}"#,
                r#"{"html":"<p>x","text":"a\n\"b\"","metadata":{"unbait":OURS}}"#,
            ),
            ("{}", r#"{"text":"a\n\"b\"","metadata":{"unbait":OURS}}"#),
        ] {
            assert_eq!(written(line), wanted.replace("OURS", ours));
        }
    }

    #[test]
    fn lines_are_told_from_text_by_the_first_one() {
        assert!(begins_lines(b"{\"a\": 1}\n{") && begins_lines(b"\n{\"a\": \"cut off in its mid"));
        assert!(!begins_lines(b"{curly} text\n") && !begins_lines(b"{\"a\":\n 1}\n") && !begins_lines(b"[1]\n"));
        assert!(!begins_lines(b"") && !begins_lines(b"Text"));
    }

    #[test]
    fn a_cut_packed_file_costs_the_line_in_which_it_ends() {
        let lines: String = (0..30_000)
            .map(|n| format!("{{\"id\":{n},\"text\":\"{}\"}}\n", n * 7919))
            .collect();
        let packed = zstd::encode_all(lines.as_bytes(), 1).unwrap();
        let read: Vec<_> = Records::of_reader(
            Path::new("x"),
            std::io::Cursor::new(packed[..packed.len() - 3].to_vec()),
            &CorpusOptions::default(),
        )
        .collect();
        let bad: Vec<_> = read.iter().filter_map(|record| record.as_ref().err()).collect();
        assert_eq!(bad.len(), 1);
        assert!(read.last().unwrap().is_err());
        assert!(
            bad[0].to_string().contains("the file cannot be read on from here: "),
            "{}",
            bad[0]
        );
    }
}
