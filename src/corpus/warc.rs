//! A web archive to its records (WARC 1.0 and 1.1, ISO 28500), and a record to its page: responses of HTTP, and texts of WET files.
//!
//! A record's length is believed only when a record's end stands behind it; else the next record is searched for.

use super::http::{Header, Media, NoBody, Response, charset};
use super::packed::{Source, Window};
use super::{BlockCounts, Content, CorpusOptions, PassedOver, Place, Record, RecordPage, conversion};
use crate::error::{Error, Result};
use crate::page::{Page, PageKind, PageOptions};
use encoding_rs::Encoding;
use memchr::memmem;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// First bytes of a record.
const VERSION: &[u8] = b"WARC/";

/// The most bytes of a record's header (chosen: a thousand times as many as it has).
const MOST_HEADER_BYTES: usize = 1 << 20;

/// What a record ends in; some writers have no carriage returns.
const END: &[u8] = b"\r\n\r\n";

/// Bytes behind a block in which its end and the next record's beginning show: two line ends (and as many that should not be there),
/// and a version.
const MOST_END: usize = 16;

/// Whether bytes begin with a record.
pub(super) fn begins_record(bytes: &[u8]) -> bool {
    matches!(bytes.strip_prefix(VERSION), Some([major, b'.', minor, ..]) if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// A record that may hold a page.
#[derive(Clone, Debug)]
pub struct WarcRecord {
    /// What it says of itself.
    kind: RecordKind,
    id: Option<String>,
    url: Option<String>,
    content_type: Option<String>,
    /// The block was cut when it was written.
    is_cut: bool,
    /// Header, block and the line ends behind it, as they stand in the archive.
    bytes: Vec<u8>,
    /// Where in `bytes` the block is.
    block: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// What a server sent.
    Response,
    /// Text that was made of it.
    Conversion,
}

impl WarcRecord {
    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The record as it stands in the archive, with the line ends that end it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The record of another text of its page: a conversion.
    pub(super) fn with_text(&self, text: &str, counts: &BlockCounts) -> Vec<u8> {
        let header = &self.bytes[..self.block.start];
        let mut record = conversion::header(self.kind, header, text, counts);
        record.extend_from_slice(text.as_bytes());
        record.extend_from_slice(&self.bytes[self.block.end..]);
        record
    }

    fn block(&self) -> &[u8] {
        &self.bytes[self.block.clone()]
    }

    /// The page; `None` when it holds none.
    pub(super) fn page(&self, place: &Place, options: &PageOptions) -> Result<Option<RecordPage>> {
        match self.kind {
            RecordKind::Conversion => {
                let kind = match Media::of(self.content_type.as_deref()) {
                    Media::Page(kind) => kind,
                    Media::Unknown => PageKind::Text,
                    Media::Other => return Ok(None),
                };
                let named = charset(self.content_type.as_deref());
                self.page_of(self.block(), Some(kind), named, options, place).map(Some)
            }
            RecordKind::Response => self.page_of_response(place, options),
        }
    }

    fn page_of_response(&self, place: &Place, options: &PageOptions) -> Result<Option<RecordPage>> {
        let is_http = self.content_type.as_deref().unwrap_or("application/http");
        if !is_http
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("application/http")
        {
            return Ok(None);
        }
        let failed = |problem| place.error(problem);
        let response = Response::parse(self.block()).map_err(failed)?;
        let content_type = response.header.get("content-type");
        let media = Media::of(content_type);
        if media == Media::Other || !(200..300).contains(&response.status) {
            return Ok(None);
        }
        let body = match response.body(self.is_cut, options.most_bytes) {
            Ok(body) => body,
            Err(NoBody::Broken(problem)) => return Err(failed(problem)),
            Err(NoBody::TooLarge) => {
                return Err(Error::PageTooLarge {
                    id: self.id(place),
                    most: options.most_bytes,
                });
            }
        };
        let kind = match media {
            Media::Page(kind) => Some(kind),
            Media::Unknown | Media::Other => None,
        };
        match self.page_of(&body, kind, charset(content_type), options, place) {
            // nobody said that this is a page
            Err(Error::NotText { .. }) if media == Media::Unknown => Ok(None),
            page => page.map(Some),
        }
    }

    /// A page from bytes, in the encoding that the user gives, else as UTF-8 if it is that, else in the one that is named.
    fn page_of(
        &self,
        bytes: &[u8],
        kind: Option<PageKind>,
        named: Option<&'static Encoding>,
        given: &PageOptions,
        place: &Place,
    ) -> Result<RecordPage> {
        let named = named.filter(|_| std::str::from_utf8(bytes).is_err());
        let options = PageOptions {
            kind,
            encoding: given.encoding.or(named),
            ..*given
        };
        Ok(RecordPage {
            page: Page::from_bytes(&self.id(place), bytes, &options)?,
            url: self.url.clone(),
        })
    }

    fn id(&self, place: &Place) -> String {
        self.id.clone().unwrap_or_else(|| place.id())
    }
}

/// The records of an archive: those that may hold a page, the broken ones, and the others when they are wanted.
pub(super) struct WarcReader {
    file: Arc<Path>,
    window: Window<Box<dyn Source>>,
    passed_over: PassedOver,
    record: u64,
    most_bytes: usize,
}

/// A record as far as its header says.
struct Head {
    length: usize,
    block_length: usize,
    header: Header,
}

impl WarcReader {
    pub(super) fn new(file: &Arc<Path>, window: Window<Box<dyn Source>>, options: &CorpusOptions) -> Self {
        Self {
            file: Arc::clone(file),
            window,
            passed_over: options.passed_over,
            record: 0,
            most_bytes: options.most_record_bytes(),
        }
    }

    /// Takes line ends between records; `false` at the end of the file.
    fn go_to_record(&mut self) -> bool {
        loop {
            match self.window.fill(1).first() {
                Some(b'\r' | b'\n') => self.window.pass(1),
                Some(_) => return true,
                None => return self.window.has_fault(),
            }
        }
    }

    fn place(&self) -> Place {
        Place {
            file: Arc::clone(&self.file),
            record: self.record,
            offset: Some(self.window.offset()),
        }
    }

    /// The whole record that stands here; `None` for one that is passed over, such as a request.
    fn read(&mut self) -> Result<Option<Content>, String> {
        let head = self.head()?;
        let whole = head.length + head.block_length;
        let bytes = self.window.fill(whole + MOST_END);
        if bytes.len() < whole {
            let missing = whole - bytes.len();
            return Err(format!(
                "Content-Length is {}, and {missing} of these bytes are missing",
                head.block_length
            ));
        }
        let is_end = ends_record(&bytes[whole..]);
        if !is_end && self.window.rest_of_member() != Some(whole) {
            return Err(format!(
                "Content-Length is {}, but no end of a record stands behind that many bytes",
                head.block_length
            ));
        }
        let header = &head.header;
        let kind = match header.get("warc-type").map(str::to_ascii_lowercase).as_deref() {
            Some("response") => Some(RecordKind::Response),
            Some("conversion") => Some(RecordKind::Conversion),
            Some(_) | None => None,
        };
        if kind.is_none() && self.passed_over == PassedOver::Dropped {
            self.window.pass(whole);
            return Ok(None);
        }
        let bytes = with_end(self.window.there(), whole);
        self.window.pass(whole);
        let Some(kind) = kind else {
            return Ok(Some(Content::Other(bytes)));
        };
        let bare = |name| header.get(name).map(|value| value.trim_matches(['<', '>']).to_owned());
        Ok(Some(Content::Warc(WarcRecord {
            kind,
            id: bare("warc-record-id").filter(|id| !id.is_empty()),
            url: bare("warc-target-uri"),
            content_type: header.get("content-type").map(str::to_owned),
            is_cut: header.get("warc-truncated").is_some(),
            bytes,
            block: head.length..whole,
        })))
    }

    fn head(&mut self) -> Result<Head, String> {
        if !begins_record(self.window.fill(VERSION.len() + 3)) {
            return Err("a record begins with WARC/ and a version; here stands something else".to_owned());
        }
        let length = self.header_length()?;
        let bytes = &self.window.there()[..length];
        let lines = memchr::memchr(b'\n', bytes).map_or(&[][..], |at| &bytes[at + 1..]);
        let header = Header::parse(lines).ok_or("the record's header has no lines of the form Name: value")?;
        let said = header
            .get("content-length")
            .ok_or("the record's header has no Content-Length")?;
        let block_length: u64 = said
            .parse()
            .map_err(|_| format!("Content-Length is {said:?}; wanted a number of bytes"))?;
        match usize::try_from(block_length) {
            Ok(block_length) if block_length <= self.most_bytes => Ok(Head {
                length,
                block_length,
                header,
            }),
            Ok(_) | Err(_) => Err(format!(
                "Content-Length is {said}; a record can have {} bytes at most (--max-page-size)",
                self.most_bytes
            )),
        }
    }

    /// Length of the header with its empty line. No line of it begins another record: else each of many records without an end would be
    /// looked through for one.
    fn header_length(&mut self) -> Result<usize, String> {
        let mut at = 0;
        loop {
            let bytes = self.window.there();
            let bytes = &bytes[..bytes.len().min(MOST_HEADER_BYTES)];
            match memchr::memchr(b'\n', &bytes[at..]) {
                Some(_) if at > 0 && begins_record(&bytes[at..]) => break,
                Some(end) => {
                    let line = &bytes[at..=at + end];
                    at += line.len();
                    if matches!(line, b"\n" | b"\r\n") {
                        return Ok(at);
                    }
                }
                None if bytes.len() >= MOST_HEADER_BYTES || !self.window.read_more() => break,
                None => {}
            }
        }
        Err("the record's header has no end".to_owned())
    }

    /// Goes to what looks like the next record, or to the next gzip member.
    fn go_on(&mut self) {
        // where it stands, a record begins that is bad
        let mut from = 1;
        loop {
            let bytes = self.window.there();
            let member = self.window.rest_of_member();
            let record = next_record(bytes, from);
            if let Some(at) = [member, record].into_iter().flatten().min() {
                self.window.pass(at);
                return;
            }
            from = bytes.len().saturating_sub(LONGEST_START).max(1);
            if from > self.most_bytes {
                self.window.pass(from - 1);
                from = 1;
            }
            if !self.window.read_more() {
                // what stops the reading in this record stands in its error already
                if self.fault().is_none() {
                    self.window.pass_all();
                }
                return;
            }
        }
    }

    /// What is wrong with the file, when that and not the record is the reason for a bad record.
    fn fault(&mut self) -> Option<io::Error> {
        if self.window.has_fault_behind_member() {
            return None;
        }
        let fault = self.window.fault()?;
        self.window.pass_all();
        Some(fault)
    }
}

/// Bytes by which a record is found: an empty line, the version, and the beginning of a header line.
const LONGEST_START: usize = 32;

/// Where in `bytes`, from `from` on, a record seems to begin: at the start of a line, and with header lines of archives.
fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memmem::find(bytes.get(at..)?, VERSION)?;
        let starts_line = at > 0 && bytes[at - 1] == b'\n';
        // the line behind it can be far away, so it is not looked for where no line begins
        if starts_line && begins_record(&bytes[at..]) && has_header(&bytes[at..]) {
            return Some(at);
        }
        at += VERSION.len();
    }
}

/// Whether the second line looks like one of archives' headers.
fn has_header(bytes: &[u8]) -> bool {
    let second = memchr::memchr(b'\n', bytes).map_or(&[][..], |end| &bytes[end + 1..]);
    ["warc-", "content-"].iter().any(|name| {
        second
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// Whether two line ends stand behind a record's block, and behind them a record or the end of the file, which may also cut them off.
fn ends_record(behind: &[u8]) -> bool {
    let line_ends = behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (line_ends, next) = behind.split_at(line_ends);
    let is_end = line_ends.starts_with(END) || line_ends == b"\n\n";
    let is_cut_end = next.is_empty() && END.starts_with(line_ends);
    is_cut_end || (is_end && (next.is_empty() || begins_record(next)))
}

/// The first `whole` bytes with the line ends behind them, which become the two of a record's end when there are not as many.
fn with_end(bytes: &[u8], whole: usize) -> Vec<u8> {
    let behind = &bytes[whole..bytes.len().min(whole + MOST_END)];
    let line_ends = behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let end = match &behind[..line_ends] {
        end if end.starts_with(END) || end == b"\n\n" => end,
        _ => END,
    };
    [&bytes[..whole], end].concat()
}

impl Iterator for WarcReader {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.go_to_record() {
            self.record += 1;
            let place = self.place();
            match self.read() {
                Ok(record) => {
                    // a record is bad when its gzip member is, which shows at its end
                    while matches!(self.window.fill(1).first(), Some(b'\r' | b'\n')) {
                        self.window.pass(1);
                    }
                    let end = Some(self.window.position());
                    let is_last = self.window.there().is_empty();
                    if is_last
                        && self.window.has_fault_in_member()
                        && let Some(fault) = self.fault()
                    {
                        return Some(Err(broken(&place, &fault)));
                    }
                    if let Some(content) = record {
                        return Some(Ok(Record { place, content, end }));
                    }
                }
                Err(problem) => {
                    if let Some(fault) = self.fault() {
                        return Some(Err(broken(&place, &fault)));
                    }
                    self.go_on();
                    return Some(Err(place.error(problem)));
                }
            }
        }
        None
    }
}

fn broken(place: &Place, fault: &io::Error) -> Error {
    place.error(format!("the file cannot be read on from here: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{CorpusOptions, Records};
    use std::io::Write;

    fn record(kind: &str, lines: &str, block: &str) -> String {
        let length = block.len();
        with_length(kind, lines, block, &length.to_string())
    }

    fn with_length(kind: &str, lines: &str, block: &str, length: &str) -> String {
        format!("WARC/1.1\r\nWARC-Type: {kind}\r\n{lines}Content-Length: {length}\r\n\r\n{block}\r\n\r\n")
    }

    fn response(n: usize) -> String {
        let lines = format!(
            "WARC-Record-ID: <urn:n:{n}>\r\nWARC-Target-URI: https://a.example/{n}\r\nContent-Type: application/http\r\n"
        );
        let block = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Page number {n} WARC/1.0\n");
        record("response", &lines, &block)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    /// Each record's id, or the error.
    fn read(bytes: impl AsRef<[u8]>) -> Vec<Result<String, String>> {
        let options = CorpusOptions {
            format: Some(crate::corpus::Format::Warc),
            ..CorpusOptions::default()
        };
        let reader = io::Cursor::new(bytes.as_ref().to_vec());
        Records::of_reader(Path::new("x.warc"), reader, &options)
            .map(|record| {
                let page = record
                    .and_then(|record| record.page(&options))
                    .map_err(|error| error.to_string())?;
                Ok(page.map_or("-".to_owned(), |page| page.page.id))
            })
            .collect()
    }

    fn page(text: &str) -> Option<RecordPage> {
        let options = CorpusOptions::default();
        let mut records = Records::of_reader(Path::new("x"), io::Cursor::new(text.as_bytes().to_vec()), &options);
        let page = records.next().unwrap().unwrap().page(&options).unwrap();
        assert!(records.next().is_none());
        page
    }

    fn ok(n: usize) -> Result<String, String> {
        Ok(format!("urn:n:{n}"))
    }

    #[test]
    fn responses_and_conversions_are_pages_and_other_records_are_passed_over() {
        let text = [
            record("warcinfo", "", "software: x\r\n"),
            record("request", "", "GET / HTTP/1.1\r\n\r\n"),
            response(1),
            record("metadata", "", "a: b"),
            record(
                "conversion",
                "WARC-Record-ID: <urn:n:2>\r\nContent-Type: text/plain\r\n",
                "Text\nof a page",
            ),
            record("revisit", "", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ]
        .concat();
        assert_eq!(read(&text), [ok(1), ok(2)]);
        let with_line_feeds = "WARC/1.0\nWarc-type: conversion\nContent-length: 4\n\nText\n\n";
        assert_eq!(
            read([with_line_feeds; 2].concat()),
            [Ok("x.warc:1".to_owned()), Ok("x.warc:2".to_owned())]
        );
        assert!(read("").is_empty() && read("\r\n\r\n").is_empty());
    }

    /// What stands in the archive, record by record.
    fn archived(bytes: impl AsRef<[u8]>) -> Vec<Result<Vec<u8>, String>> {
        let options = CorpusOptions {
            passed_over: PassedOver::HandedOn,
            ..CorpusOptions::default()
        };
        let reader = io::Cursor::new(bytes.as_ref().to_vec());
        Records::of_reader(Path::new("x.warc"), reader, &options)
            .map(|record| {
                let record = record.map_err(|error| error.to_string())?;
                Ok(record.into_archived().unwrap())
            })
            .collect()
    }

    #[test]
    fn records_without_a_page_are_handed_on_as_they_stand_when_they_are_wanted() {
        let records = [
            record("warcinfo", "", "software: x\r\n"),
            response(1),
            record("resource", "WARC-Record-ID: <urn:n:2>\r\n", "\u{0}\r\n\r\n"),
            "WARC/1.0\nContent-length: 4\n\nText\n\n".to_owned(),
            record("revisit", "", "") + "\r\n\r\n",
        ];
        let bytes: Vec<Result<Vec<u8>, String>> =
            records.iter().map(|record| Ok(record.clone().into_bytes())).collect();
        assert_eq!(archived(records.concat()), bytes);
        let members: Vec<Vec<u8>> = records.iter().map(|record| gzip(record)).collect();
        assert_eq!(archived(members.concat()), bytes);
        assert_eq!(read(records.concat()), [ok(1)], "nobody wanted the others");
    }

    #[test]
    fn a_record_whose_end_is_cut_off_gets_one() {
        let whole = record("request", "", "GET / HTTP/1.1");
        let without = &whole[..whole.len() - 4];
        let wanted = Ok(whole.clone().into_bytes());
        for cut in [without, &whole[..whole.len() - 1]] {
            assert_eq!(archived([&response(1), cut].concat())[1], wanted);
        }
        let members = [gzip(without), gzip(&response(1))].concat();
        assert_eq!(archived(members), [wanted, Ok(response(1).into_bytes())]);
    }

    #[test]
    fn what_seems_to_begin_records_again_and_again_is_looked_through_once() {
        let started = std::time::Instant::now();
        let many = 1 << 20;
        let block = "WARC/".repeat(many);
        let no_line_begins = format!("WARC/1.0\r\nContent-Length: {}\r\n\r\n{block}", 100 * many);
        assert_eq!(read(no_line_begins).len(), 1);
        let no_header_ends = "WARC/1.0\r\nWARC-Type: response\r\n".repeat(many / 8);
        assert_eq!(read(no_header_ends).len(), many / 8);
        // each takes minutes when it is looked through from every place to the end
        assert!(
            started.elapsed() < std::time::Duration::from_secs(60),
            "{:?}",
            started.elapsed()
        );
    }

    #[test]
    fn a_record_of_another_text_is_read_back_as_that() {
        let counts = BlockCounts::default();
        let of_text = record("conversion", "WARC-Record-ID: <urn:n:2>\r\n", "<p>Some <b>text");
        for (bytes, id) in [(response(1), None), (of_text, Some("urn:n:2"))] {
            let options = CorpusOptions::default();
            let mut records = Records::of_reader(Path::new("x"), io::Cursor::new(bytes.into_bytes()), &options);
            let record = records.next().unwrap().unwrap();
            for text in ["Grüße\r\n\r\nWARC/1.0\r\n", ""] {
                let new = record.archived_with_text(text, &counts).unwrap();
                let page = page(std::str::from_utf8(&new).unwrap()).unwrap();
                assert_eq!((page.page.kind, page.page.text.as_str()), (PageKind::Text, text));
                assert!(id.is_none_or(|id| page.page.id == id));
            }
        }
    }

    #[test]
    fn a_page_has_its_address_kind_and_text() {
        let of_response = page(&response(3)).unwrap();
        assert_eq!(of_response.url.as_deref(), Some("https://a.example/3"));
        assert_eq!(
            (of_response.page.kind, of_response.page.text.as_str()),
            (PageKind::Html, "<p>Page number 3 WARC/1.0\n")
        );
        let of_text = page(&record("conversion", "", "<p>Text")).unwrap();
        assert_eq!((of_text.page.kind, of_text.page.id.as_str()), (PageKind::Text, "x:1"));
    }

    #[test]
    fn what_is_no_page_gives_none() {
        let http = |header: &str, body: &str| {
            page(&record(
                "response",
                "Content-Type: application/http\r\n",
                &format!("{header}\r\n\r\n{body}"),
            ))
        };
        assert!(http("HTTP/1.1 200 OK\r\nContent-Type: text/html", "<p>x").is_some());
        assert!(http("HTTP/1.1 404 Not Found\r\nContent-Type: text/html", "<p>x").is_none());
        assert!(http("HTTP/1.1 200 OK\r\nContent-Type: image/png", "x").is_none());
        assert!(http("HTTP/1.1 200 OK", "%PDF-1.7").is_none());
        assert_eq!(http("HTTP/1.1 200 OK", "<html><p>x").unwrap().page.kind, PageKind::Html);
        assert!(page(&record("response", "Content-Type: text/dns\r\n", "a 1 b")).is_none());
        assert!(page(&record("conversion", "Content-Type: application/json\r\n", "{}")).is_none());
    }

    #[test]
    fn the_encoding_that_the_server_names_counts_when_the_page_is_no_utf8() {
        let block = |body: &[u8]| {
            [
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=koi8-r\r\n\r\n",
                body,
            ]
            .concat()
        };
        let text = |body: &[u8], encoding| {
            let bytes = block(body);
            let record = WarcRecord {
                kind: RecordKind::Response,
                id: None,
                url: None,
                content_type: None,
                is_cut: false,
                block: 0..bytes.len(),
                bytes,
            };
            let place = Place {
                file: Arc::from(Path::new("x")),
                record: 1,
                offset: Some(0),
            };
            let options = PageOptions {
                encoding,
                ..PageOptions::default()
            };
            record.page(&place, &options).unwrap().unwrap().page.text
        };
        assert_eq!(text(b"\xd0\xd2\xc9\xd7\xc5\xd4", None), "привет");
        assert_eq!(text("привет".as_bytes(), None), "привет");
        assert_eq!(
            text(b"\xcf\xf0\xe8\xe2\xe5\xf2", Some(encoding_rs::WINDOWS_1251)),
            "Привет"
        );
    }

    #[test]
    fn a_body_that_the_crawler_cut_is_read_as_far_as_it_is_there() {
        let block = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n<p>Some";
        assert_eq!(
            page(&record("response", "WARC-Truncated: length\r\n", block))
                .unwrap()
                .page
                .text,
            "<p>Some"
        );
        let bad = read(record("response", "", block));
        assert!(
            bad.len() == 1 && bad[0].as_ref().unwrap_err().contains("ends before its last chunk"),
            "{bad:?}"
        );
    }

    #[test]
    fn a_wrong_length_costs_only_its_record() {
        let right = response(2);
        let length = right
            .split("Content-Length: ")
            .nth(1)
            .unwrap()
            .split('\r')
            .next()
            .unwrap();
        let said = |length: &str| [response(1), wrong(&right, length), response(3), response(4)].concat();
        fn wrong(right: &str, length: &str) -> String {
            let (head, rest) = right.split_once("Content-Length: ").unwrap();
            format!("{head}Content-Length: {length}{}", &rest[rest.find('\r').unwrap()..])
        }
        let exact: usize = length.parse().unwrap();
        // at 44 an empty line stands, as at the end of a record
        let next = exact + 4 + right.len() - exact;
        for length in [
            0,
            1,
            41,
            44,
            45,
            exact - 1,
            exact + 1,
            exact + 4,
            exact + 30,
            next,
            100_000,
            usize::MAX,
        ] {
            let found = read(said(&length.to_string()));
            assert_eq!(
                found.iter().filter(|record| record.is_ok()).count(),
                3,
                "{length}: {found:?}"
            );
            assert_eq!(found.len(), 4, "{length}: {found:?}");
            assert!(
                found[1].as_ref().unwrap_err().contains("record 2 at byte "),
                "{found:?}"
            );
        }
        for length in ["x", "-1", "", "99999999999999999999999"] {
            let found = read(said(length));
            assert_eq!(
                (found.len(), found[1].is_err(), &found[3]),
                (4, true, &ok(4)),
                "{length}: {found:?}"
            );
        }
        let found = read(said("44"));
        assert!(
            found[1]
                .as_ref()
                .unwrap_err()
                .contains("Content-Length is 44, but no end of a record"),
            "{found:?}"
        );
    }

    #[test]
    fn a_header_without_length_or_end_costs_only_its_record() {
        for broken in [
            "WARC/1.1\r\nWARC-Type: response\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\r\n",
            "WARC/1.1\r\n\r\n",
        ] {
            let found = read([&response(1), broken, &response(3)].concat());
            assert_eq!(
                (&found[0], found[1].is_err(), &found[2]),
                (&ok(1), true, &ok(3)),
                "{found:?}"
            );
        }
        let found = read(["no record\r\n\r\n", &response(3)].concat());
        assert_eq!(
            (found.len(), found[0].is_err(), &found[1]),
            (2, true, &ok(3)),
            "{found:?}"
        );
        let found = read([&response(1), "WARC/1.1\r\nWARC-Type: respon"].concat());
        assert!(
            found.len() == 2 && found[1].as_ref().unwrap_err().contains("has no end"),
            "{found:?}"
        );
    }

    #[test]
    fn an_archive_that_is_cut_costs_its_last_record() {
        let text = [response(1), response(2)].concat();
        for cut in [5, 30, 100] {
            let found = read(&text[..text.len() - cut]);
            assert_eq!(
                (found.len(), &found[0], found[1].is_err()),
                (2, &ok(1), true),
                "{cut}: {found:?}"
            );
        }
        assert_eq!(
            read(&text[..text.len() - 4]),
            [ok(1), ok(2)],
            "only the line ends are missing"
        );
    }

    #[test]
    fn members_of_gzip_are_told_by_where_they_begin_in_the_file() {
        let first = gzip(&response(1));
        let broken = gzip(&response(2).replace("HTTP/1.1 200", "SPDY"));
        let found = read([first.clone(), broken, gzip(&response(3))].concat());
        assert_eq!((&found[0], &found[2]), (&ok(1), &ok(3)));
        let place = format!("x.warc: record 2 at byte {}: ", first.len());
        assert!(found[1].as_ref().unwrap_err().starts_with(&place), "{found:?}");
        assert_eq!(
            read(gzip(&[response(1), response(2)].concat())),
            [ok(1), ok(2)],
            "one member"
        );
    }

    #[test]
    fn a_broken_member_of_gzip_costs_only_its_record() {
        let whole = gzip(&response(2));
        let broken: Vec<Vec<u8>> = vec![
            whole[..whole.len() / 2].to_vec(),
            whole[..whole.len() - 3].to_vec(),
            whole[..14].to_vec(),
            [&whole[..whole.len() - 8], &[7; 8]].concat(),
            gzip(&response(2).replace("Content-Length: ", "Content-Length: 9")),
            gzip(&response(2).replace("Content-Length: ", "Content-Length: 3\r\nX: ")),
        ];
        for (at, first) in broken.iter().enumerate() {
            let bytes = [&gzip(&response(1))[..], first, &gzip(&response(3))].concat();
            let found = read(bytes);
            assert_eq!(
                (found.len(), &found[0], found[1].is_err(), &found[2]),
                (3, &ok(1), true, &ok(3)),
                "{at}: {found:?}"
            );
            for (next, second) in broken.iter().enumerate() {
                let bytes = [&gzip(&response(1))[..], first, second, &gzip(&response(4))].concat();
                let found = read(bytes);
                let is_as_wanted = found.len() == 4 && found[1].is_err() && found[2].is_err() && found[3] == ok(4);
                assert!(is_as_wanted, "{at}, {next}: {found:?}");
            }
            let found = read([&gzip(&response(1)), first.as_slice()].concat());
            assert_eq!(
                (found.len(), &found[0], found[1].is_err()),
                (2, &ok(1), true),
                "{at}: {found:?}"
            );
        }
    }
}
