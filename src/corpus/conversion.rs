//! The header of a web archive's record and the text that is kept of its page to the header of that text's record, a `conversion` as in WET
//! files.
//!
//! A conversion stays what it is: its header keeps every byte but those of `Content-Length`, `WARC-Block-Digest`, `WARC-Payload-Digest` and,
//! when it does not say plain text in UTF-8, `Content-Type`. A response, which no server sent so, becomes a conversion of its own: with a new
//! `WARC-Record-ID` that is made of all that it holds, the old one at `WARC-Refers-To`, and of the other lines `WARC-Target-URI`,
//! `WARC-Date`, `WARC-Warcinfo-ID` and the digests. Both get `Unbait-Kept: body=2, caption=1` and `Unbait-Removed: promo=3`, how many blocks
//! were kept and taken out by label; a line that would be empty is not there.
//!
//! Digests are made anew where they stood, in SHA-1, SHA-256 or SHA-512, written in base 32 or 16 as they were; any other is left out, as
//! it would be wrong.

use super::BlockCounts;
use super::http::{Media, charset};
use super::warc::RecordKind;
use crate::page::PageKind;
use data_encoding::{BASE32, BASE32_NOPAD, Encoding, HEXUPPER};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use std::collections::BTreeMap;

const KEPT: &str = "Unbait-Kept";
const REMOVED: &str = "Unbait-Removed";

/// What WET files of Common Crawl say, and mean UTF-8 by.
const PLAIN_TEXT: &str = "text/plain";

/// The namespace of names that are addresses (RFC 9562, section 6.6).
const URL_NAMESPACE: [u8; 16] = [
    0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
];

/// The header for a text, with its empty line; `header` is that of the record that had the page.
pub(super) fn header(kind: RecordKind, header: &[u8], text: &str, counts: &BlockCounts) -> Vec<u8> {
    let mut lines = Lines::of(header);
    lines.change(|name, value| match (name, kind) {
        ("content-length", _) => Change::Value(text.len().to_string()),
        ("warc-block-digest" | "warc-payload-digest", _) => digest(value, text.as_bytes()).into(),
        ("unbait-kept" | "unbait-removed", _) => Change::IsLeftOut,
        ("content-type", RecordKind::Conversion) if is_plain_utf8(value) => Change::Stays,
        ("content-type", _) => Change::Value(PLAIN_TEXT.to_owned()),
        (_, RecordKind::Conversion) => Change::Stays,
        ("warc-type", RecordKind::Response) => Change::Value("conversion".to_owned()),
        ("warc-target-uri" | "warc-date" | "warc-warcinfo-id" | "warc-record-id", RecordKind::Response) => {
            Change::Stays
        }
        (_, RecordKind::Response) => Change::IsLeftOut,
    });
    for (name, counts) in [(KEPT, &counts.kept), (REMOVED, &counts.removed)] {
        if !counts.is_empty() {
            lines.add(name, &in_words(counts));
        }
    }
    if kind == RecordKind::Response {
        if lines.find("content-type").is_none() {
            lines.add("Content-Type", PLAIN_TEXT);
        }
        lines.name_anew(text);
    }
    lines.into_header()
}

/// What becomes of a header line.
enum Change {
    /// It stands as it does.
    Stays,
    /// It gets another value.
    Value(String),
    /// It does not stand in the new header.
    IsLeftOut,
}

impl From<Option<String>> for Change {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::IsLeftOut, Self::Value)
    }
}

/// A header as it stands: the line of the version, and lines with a name, each with its end and the lines that go on with it.
struct Lines {
    version: Vec<u8>,
    lines: Vec<Vec<u8>>,
    line_end: &'static str,
}

impl Lines {
    fn of(header: &[u8]) -> Self {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for line in header.split_inclusive(|byte| *byte == b'\n') {
            match lines.last_mut() {
                Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => last.extend_from_slice(line),
                Some(_) | None => lines.push(line.to_vec()),
            }
        }
        lines.retain(|line| !line.trim_ascii().is_empty());
        let version = if lines.is_empty() { Vec::new() } else { lines.remove(0) };
        let line_end = if version.ends_with(b"\r\n") { "\r\n" } else { "\n" };
        Self {
            version,
            lines,
            line_end,
        }
    }

    /// Goes through the lines; a change is asked for by name, in lower case, and value.
    fn change(&mut self, change: impl Fn(&str, &str) -> Change) {
        let line_end = self.line_end;
        self.lines.retain_mut(|line| {
            let (name, value) = name_and_value(line).unwrap_or_default();
            match change(&name.to_ascii_lowercase(), &value) {
                Change::Stays => true,
                Change::IsLeftOut => false,
                Change::Value(value) => {
                    *line = format!("{name}: {value}{line_end}").into_bytes();
                    true
                }
            }
        });
    }

    fn add(&mut self, name: &str, value: &str) {
        self.lines
            .push(format!("{name}: {value}{}", self.line_end).into_bytes());
    }

    /// Where a line of this name stands, given in lower case.
    fn find(&self, name: &str) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| name_and_value(line).is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)))
    }

    /// Puts a name that is made of the other lines and the text in place of the record's name, to which the record refers then.
    fn name_anew(&mut self, text: &str) {
        let mut at = self.lines.len();
        if let Some(old) = self.find("warc-record-id") {
            let (_, value) = name_and_value(&self.lines[old]).unwrap_or_default();
            self.lines[old] = format!("WARC-Refers-To: {value}{}", self.line_end).into_bytes();
            at = old;
        }
        let id = uuid(&[self.lines.concat().as_slice(), text.as_bytes()].concat());
        let line = format!("WARC-Record-ID: <urn:uuid:{id}>{}", self.line_end);
        self.lines.insert(at, line.into_bytes());
    }

    fn into_header(self) -> Vec<u8> {
        [self.version, self.lines.concat(), self.line_end.into()].concat()
    }
}

/// Name and value of a line, the value without the spaces around it.
fn name_and_value(line: &[u8]) -> Option<(String, String)> {
    let at = memchr::memchr(b':', line)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
    Some((text(&line[..at]), text(&line[at + 1..])))
}

fn is_plain_utf8(content_type: &str) -> bool {
    let is_html = Media::of(Some(content_type)) == Media::Page(PageKind::Html);
    let names_charset = content_type.to_ascii_lowercase().contains("charset");
    !is_html && (!names_charset || charset(Some(content_type)) == Some(encoding_rs::UTF_8))
}

fn in_words(counts: &BTreeMap<String, usize>) -> String {
    let words: Vec<String> = counts.iter().map(|(label, count)| format!("{label}={count}")).collect();
    words.join(", ")
}

/// The digest of bytes, labelled and written as `old` is; `None` when that is in no way that is known.
fn digest(old: &str, bytes: &[u8]) -> Option<String> {
    let (algorithm, written) = old.split_once(':')?;
    let digest = match algorithm.to_ascii_lowercase().as_str() {
        "sha1" | "sha-1" => Sha1::digest(bytes).to_vec(),
        "sha256" | "sha-256" => Sha256::digest(bytes).to_vec(),
        "sha512" | "sha-512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    };
    let encodings: [Encoding; 3] = [HEXUPPER, BASE32, BASE32_NOPAD];
    let encoding = encodings
        .into_iter()
        .find(|encoding| encoding.encode_len(digest.len()) == written.len())?;
    let mut value = encoding.encode(&digest);
    if written.bytes().any(|byte| byte.is_ascii_lowercase()) {
        value.make_ascii_lowercase();
    }
    Some(format!("{algorithm}:{value}"))
}

/// A name-based UUID of version 5 (RFC 9562, section 5.5).
fn uuid(name: &[u8]) -> String {
    let hash = Sha1::new().chain_update(URL_NAMESPACE).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a record that had another text.
    fn changed(kind: RecordKind, lines: &str, text: &str, counts: &BlockCounts) -> String {
        let old = format!("WARC/1.1\r\n{lines}\r\n");
        String::from_utf8(header(kind, old.as_bytes(), text, counts)).unwrap()
    }

    fn counts() -> BlockCounts {
        BlockCounts {
            kept: [("body".to_owned(), 12), ("caption".to_owned(), 1)].into(),
            removed: [("promo".to_owned(), 3)].into(),
        }
    }

    const CONVERSION: &str = "WARC-Type: conversion\r\n\
        WARC-Target-URI:   https://harbour.example/ferry \r\n\
        X-Of-The-Crawl: one\r\n two\r\n\
        warc-record-id: <urn:uuid:1>\r\n\
        WARC-Block-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\n\
        Content-Type: text/plain\r\n\
        content-length: 99\r\n";

    #[test]
    fn a_conversion_keeps_every_byte_but_those_of_length_and_digest() {
        // python3 -c 'import base64, hashlib; print(base64.b32encode(hashlib.sha1(b"Text of a page\n").digest()))'
        let wanted = CONVERSION
            .replace("3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", "4FU3JDTWT5RNVTSP435MVPOAI74Z47VF")
            .replace("content-length: 99", "content-length: 15");
        let counted = "Unbait-Kept: body=12, caption=1\r\nUnbait-Removed: promo=3\r\n";
        assert_eq!(
            changed(RecordKind::Conversion, CONVERSION, "Text of a page\n", &counts()),
            format!("WARC/1.1\r\n{wanted}{counted}\r\n")
        );
    }

    #[test]
    fn counts_are_replaced_and_those_of_nothing_are_left_out() {
        let none = BlockCounts::default();
        let first = changed(RecordKind::Conversion, CONVERSION, "x", &counts());
        let lines = first.strip_prefix("WARC/1.1\r\n").unwrap();
        let lines = lines.strip_suffix("\r\n").unwrap();
        assert_eq!(changed(RecordKind::Conversion, lines, "x", &counts()), first);
        let without = changed(RecordKind::Conversion, lines, "x", &none);
        assert!(!without.contains("Unbait"), "{without}");
        let kept_only = BlockCounts {
            removed: none.removed,
            ..counts()
        };
        let kept_only = changed(RecordKind::Conversion, lines, "x", &kept_only);
        assert!(
            kept_only.contains("Unbait-Kept: ") && !kept_only.contains("Unbait-Removed"),
            "{kept_only}"
        );
    }

    #[test]
    fn a_content_type_that_would_be_wrong_becomes_plain_text() {
        let none = BlockCounts::default();
        let of = |content_type: &str| {
            let line = format!("Content-Type: {content_type}\r\n");
            let changed = changed(RecordKind::Conversion, &line, "x", &none);
            changed.split("\r\n").nth(1).unwrap().to_owned()
        };
        for right in ["text/plain", "text/plain; charset=UTF-8", "text/plain;format=flowed"] {
            assert_eq!(of(right), format!("Content-Type: {right}"));
        }
        for wrong in [
            "text/html",
            "application/xhtml+xml; charset=utf-8",
            "text/plain; charset=koi8-r",
            "text/plain; charset=nothing",
        ] {
            assert_eq!(of(wrong), "Content-Type: text/plain");
        }
        assert_eq!(
            changed(RecordKind::Conversion, "A: b\r\n", "x", &none),
            "WARC/1.1\r\nA: b\r\n\r\n"
        );
    }

    const RESPONSE: &str = "WARC-Type: response\r\n\
        WARC-Record-ID: <urn:uuid:2>\r\n\
        WARC-Warcinfo-ID: <urn:uuid:3>\r\n\
        WARC-Concurrent-To: <urn:uuid:4>\r\n\
        WARC-Date: 2024-03-01T10:00:00Z\r\n\
        WARC-IP-Address: 192.0.2.7\r\n\
        WARC-Target-URI: https://harbour.example/ferry\r\n\
        WARC-Payload-Digest: sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ\r\n\
        WARC-Truncated: length\r\n\
        Content-Type: application/http; msgtype=response\r\n\
        Content-Length: 9999\r\n";

    #[test]
    fn a_response_becomes_a_conversion_that_refers_to_it() {
        let new = changed(RecordKind::Response, RESPONSE, "Text of a page\n", &counts());
        let (_, id) = new.split_once("WARC-Record-ID: ").unwrap();
        let (id, _) = id.split_once("\r\n").unwrap();
        let wanted = format!(
            "WARC/1.1\r\n\
             WARC-Type: conversion\r\n\
             WARC-Record-ID: {id}\r\n\
             WARC-Refers-To: <urn:uuid:2>\r\n\
             WARC-Warcinfo-ID: <urn:uuid:3>\r\n\
             WARC-Date: 2024-03-01T10:00:00Z\r\n\
             WARC-Target-URI: https://harbour.example/ferry\r\n\
             WARC-Payload-Digest: sha1:4FU3JDTWT5RNVTSP435MVPOAI74Z47VF\r\n\
             Content-Type: text/plain\r\n\
             Content-Length: 15\r\n\
             Unbait-Kept: body=12, caption=1\r\n\
             Unbait-Removed: promo=3\r\n\r\n"
        );
        assert_eq!(new, wanted);
    }

    #[test]
    fn the_new_name_is_made_of_all_that_the_record_holds() {
        let id = |lines: &str, text: &str, counts: &BlockCounts| {
            let new = changed(RecordKind::Response, lines, text, counts);
            let (_, id) = new.split_once("WARC-Record-ID: <urn:uuid:").unwrap();
            id[..36].to_owned()
        };
        let first = id(RESPONSE, "x", &counts());
        assert_eq!(id(RESPONSE, "x", &counts()), first);
        assert_ne!(id(RESPONSE, "y", &counts()), first);
        assert_ne!(id(RESPONSE, "x", &BlockCounts::default()), first);
        assert_ne!(id(&RESPONSE.replace("uuid:2", "uuid:5"), "x", &counts()), first);
        // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "https://harbour.example/ferry"))'
        assert_eq!(
            uuid(b"https://harbour.example/ferry"),
            "d981e3ce-3296-5716-ad62-ba1d083b66fe"
        );
    }

    #[test]
    fn a_response_that_says_little_becomes_a_conversion_with_a_name_and_a_type() {
        let new = changed(
            RecordKind::Response,
            "WARC-Type: response\r\nno line\r\n",
            "x",
            &BlockCounts::default(),
        );
        assert!(
            new.contains("Content-Type: text/plain\r\n") && new.contains("WARC-Record-ID: <urn:uuid:"),
            "{new}"
        );
        assert!(!new.contains("Refers-To") && !new.contains("no line"), "{new}");
    }

    #[test]
    fn lines_end_as_in_the_source() {
        let old = "WARC/1.0\nWARC-Type: response\nContent-Length: 5\n\n";
        let new = header(RecordKind::Response, old.as_bytes(), "x", &counts());
        assert!(new.ends_with(b"\n\n") && !new.contains(&b'\r'));
    }

    #[test]
    fn digests_are_written_as_they_were_and_unknown_ones_are_left_out() {
        let text = b"Text of a page\n";
        let long = |digit: &str, count: usize| digit.repeat(count);
        // the same with sha256 and sha512, and .hexdigest()
        let sha256 = "baa0f1c6a95133fd94a71a9d5aafa48b9b016ec60284246c93a67bf9830dc7dd";
        let sha512 =
            "KYBLKDISJWLJYBLTZCA4WPF6HCMSYHK5HXQRTWJIPFCYNHXXN4ZWOLNYAHH2PHP77AVTB62ZSXL435OADG5FJ56BBIV6X3DWJV65GVY=";
        for (old, new) in [
            (
                format!("SHA1:{}", long("a", 40)),
                "SHA1:e169b48e769f62dace4fe6facabdc047f99e7ea5".to_owned(),
            ),
            (
                format!("sha1:{}", long("0", 40)),
                "sha1:E169B48E769F62DACE4FE6FACABDC047F99E7EA5".to_owned(),
            ),
            (format!("sha256:{}", long("b", 64)), format!("sha256:{sha256}")),
            (
                format!("sha-256:{}====", long("A", 52)),
                "sha-256:XKQPDRVJKEZ73FFHDKOVVL5ERONQC3WGAKCCI3ETUZ57TAYNY7OQ====".to_owned(),
            ),
            (
                format!("sha512:{}", long("A", 103)),
                format!("sha512:{}", sha512.trim_end_matches('=')),
            ),
        ] {
            assert_eq!(digest(&old, text).as_deref(), Some(new.as_str()));
        }
        for unknown in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:AAAA", "AAAA", ""] {
            assert_eq!(digest(unknown, text), None, "{unknown}");
        }
        let line = "WARC-Block-Digest: md5:d41d8cd98f00b204e9800998ecf8427e\r\n";
        assert_eq!(
            changed(RecordKind::Conversion, line, "x", &BlockCounts::default()),
            "WARC/1.1\r\n\r\n"
        );
    }
}
