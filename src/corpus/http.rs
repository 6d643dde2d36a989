//! An HTTP response, as an archive holds it, to the bytes of its page.
//!
//! Crawlers often unpack a body and leave the header as it was, so a header that the body belies is not followed.

use crate::page::PageKind;
use encoding_rs::Encoding;
use std::io::Read;

/// Most header lines that are read (chosen: ten times as many as pages have).
const MOST_LINES: usize = 1024;

/// Lines of a header, `Name: value`.
pub(super) struct Header(Vec<(String, String)>);

impl Header {
    /// Reads lines up to an empty one, which the bytes must end in; `None` when they are none.
    pub(super) fn parse(lines: &[u8]) -> Option<Self> {
        // httparse is lenient only about responses; the first line is of a version that it knows
        let response = [b"HTTP/1.1 200 OK\r\n", lines].concat();
        let mut found = vec![httparse::EMPTY_HEADER; MOST_LINES];
        let mut parsed = httparse::Response::new(&mut found);
        let mut parser = httparse::ParserConfig::default();
        parser
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        match parser.parse_response(&mut parsed, &response) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return None,
        }
        let line = |header: &httparse::Header<'_>| {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            (header.name.to_owned(), value)
        };
        Some(Self(parsed.headers.iter().map(line).collect()))
    }

    /// The value of the first line of this name; case does not count.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.iter();
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What a media type says about a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// A page of this kind.
    Page(PageKind),
    /// No page, such as a picture.
    Other,
    /// Nothing was said.
    Unknown,
}

impl Media {
    /// Of the value of `Content-Type`.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let media = content_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        match media.trim().to_ascii_lowercase().as_str() {
            "text/html" | "application/xhtml+xml" => Self::Page(PageKind::Html),
            "text/plain" => Self::Page(PageKind::Text),
            "" => Self::Unknown,
            _ => Self::Other,
        }
    }
}

/// The encoding that the value of `Content-Type` names.
pub(super) fn charset(content_type: Option<&str>) -> Option<&'static Encoding> {
    let parameters = content_type?.split(';').skip(1);
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, name) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Encoding::for_label(name.trim().trim_matches(['"', '\'']).as_bytes())
}

/// Why a response has no body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// Unpacked it has more bytes than were allowed.
    TooLarge,
    /// It is broken, in words.
    Broken(String),
}

impl From<String> for NoBody {
    fn from(problem: String) -> Self {
        Self::Broken(problem)
    }
}

/// A response.
pub(super) struct Response<'a> {
    pub(super) status: u16,
    pub(super) header: Header,
    body: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads a response.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let no_response =
            || "no HTTP response: wanted HTTP/ with its status, header lines and an empty line".to_owned();
        let (first, lines) = split_line(bytes);
        let first = String::from_utf8_lossy(first);
        let mut words = first.split_ascii_whitespace();
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|status| status.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/"), status) else {
            return Err(no_response());
        };
        let length = header_length(lines).ok_or_else(no_response)?;
        let header = Header::parse(&lines[..length]).ok_or_else(no_response)?;
        Ok(Self {
            status,
            header,
            body: &lines[length..],
        })
    }

    /// The body without chunks and unpacked, which is stopped behind `most` bytes. `is_cut`: the archive says that the body is not whole,
    /// so that an early end is no error.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn body(&self, is_cut: bool, most: usize) -> Result<Vec<u8>, NoBody> {
        let unpacked = |decoder: &mut dyn Read, coding| unpacked(decoder, coding, is_cut, most);
        let mut body = self.body.to_vec();
        let chunked = self.header.get("transfer-encoding").unwrap_or_default();
        if chunked.to_ascii_lowercase().contains("chunked") {
            body = joined_chunks(self.body, is_cut)?.unwrap_or(body);
        }
        let codings = self
            .header
            .get("content-encoding")
            .unwrap_or_default()
            .to_ascii_lowercase();
        // the last one was applied last
        for coding in codings.split(',').rev().map(str::trim) {
            body = match coding {
                "" | "identity" => body,
                "gzip" | "x-gzip" if body.starts_with(&[0x1f, 0x8b]) => {
                    unpacked(&mut flate2::read::MultiGzDecoder::new(&body[..]), coding)?
                }
                "deflate" if has_zlib_header(&body) => {
                    unpacked(&mut flate2::read::ZlibDecoder::new(&body[..]), coding)?
                }
                "zstd" if body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
                    let mut decoder = zstd::Decoder::new(&body[..]).map_err(|error| error.to_string())?;
                    unpacked(&mut decoder, coding)?
                }
                "br" if !looks_like_text(&body) => {
                    unpacked(&mut brotli_decompressor::Decompressor::new(&body[..], 4096), coding)?
                }
                // unpacked by the crawler, which left the header as it was
                "gzip" | "x-gzip" | "deflate" | "zstd" | "br" => body,
                other => {
                    let known = "known are gzip, deflate, br and zstd";
                    return Err(NoBody::Broken(format!("the body is packed as {other:?}; {known}")));
                }
            };
        }
        Ok(body)
    }
}

/// A zlib stream's two first bytes (RFC 1950, section 2.2); what `deflate` means (RFC 9110, section 8.4.1.2).
fn has_zlib_header(bytes: &[u8]) -> bool {
    matches!(bytes, [method, check, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*check)) % 31 == 0)
}

/// Brotli has no signature; text that begins a page is not taken for it.
fn looks_like_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64)];
    let is_whole = |error: std::str::Utf8Error| error.error_len().is_none();
    let is_utf8 = std::str::from_utf8(head).map_or_else(is_whole, |_| true);
    is_utf8 && head.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace())
}

fn unpacked(decoder: &mut dyn Read, coding: &str, is_cut: bool, most: usize) -> Result<Vec<u8>, NoBody> {
    let mut bytes = Vec::new();
    let read = decoder.take((most as u64).saturating_add(1)).read_to_end(&mut bytes);
    if bytes.len() > most {
        return Err(NoBody::TooLarge);
    }
    match read {
        Ok(_) => Ok(bytes),
        Err(_) if is_cut => Ok(bytes),
        Err(error) => Err(format!("the body cannot be unpacked ({coding}): {error}").into()),
    }
}

/// The data of chunks (RFC 9112, section 7.1); `None` when the body does not begin with a chunk.
fn joined_chunks(body: &[u8], is_cut: bool) -> Result<Option<Vec<u8>>, String> {
    let early_end = || "the body ends before its last chunk".to_owned();
    let mut joined = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) | Err(_) if rest.len() == body.len() => return Ok(None),
            Ok(httparse::Status::Partial) | Err(_) if is_cut => return Ok(Some(joined)),
            Ok(httparse::Status::Partial) => return Err(early_end()),
            Err(_) => return Err("a chunk of the body does not begin with its size".to_owned()),
        };
        if size == 0 {
            return Ok(Some(joined));
        }
        let data = &rest[start..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(chunk) = data.get(..size) else {
            joined.extend_from_slice(data);
            return if is_cut { Ok(Some(joined)) } else { Err(early_end()) };
        };
        joined.extend_from_slice(chunk);
        rest = &data[size..];
        rest = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.strip_prefix(b"\n"))
            .unwrap_or(rest);
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => bytes.split_at(at + 1),
        None => (bytes, &[]),
    }
}

/// Length of header lines with the empty one that ends them; `None` when it is not there.
pub(super) fn header_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let end = at + memchr::memchr(b'\n', &bytes[at..])? + 1;
        if matches!(&bytes[at..end], b"\n" | b"\r\n") {
            return Some(end);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn body(header: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let bytes = [format!("HTTP/1.1 200 OK\r\n{header}\r\n").as_bytes(), body].concat();
        match Response::parse(&bytes).unwrap().body(false, MOST) {
            Ok(body) => Ok(body),
            Err(NoBody::Broken(problem)) => Err(problem),
            Err(NoBody::TooLarge) => Err("too large".to_owned()),
        }
    }

    /// Bytes that a body may have here.
    const MOST: usize = 1000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

    #[test]
    fn status_and_header_lines_are_read_in_any_version() {
        for version in ["HTTP/1.1 404 Not Found", "HTTP/1.0 404", "HTTP/2 404 ", "HTTP/1.1 404"] {
            let bytes =
                format!("{version}\r\nA: 1\r\nConTent-type:  text/html ;charset=\"koi8-r\"\r\nbad line\r\n\r\n<p>");
            let response = Response::parse(bytes.as_bytes()).unwrap();
            assert_eq!(response.status, 404);
            let content_type = response.header.get("Content-Type");
            assert_eq!(Media::of(content_type), Media::Page(PageKind::Html));
            assert_eq!(charset(content_type).unwrap().name(), "KOI8-R");
            assert_eq!(response.body(false, MOST).unwrap(), b"<p>");
        }
        assert!(Response::parse(b"").is_err() && Response::parse(b"<html>\r\n\r\n").is_err());
        assert!(Response::parse(b"HTTP/1.1 200 OK\r\nA: 1").is_err());
    }

    #[test]
    fn media_types_tell_pages_from_others() {
        let kinds = |value| Media::of(Some(value));
        assert_eq!(
            kinds("application/xhtml+xml; charset=utf-8"),
            Media::Page(PageKind::Html)
        );
        assert_eq!(kinds("TEXT/PLAIN"), Media::Page(PageKind::Text));
        assert_eq!(kinds("image/png"), Media::Other);
        assert_eq!((kinds(""), Media::of(None)), (Media::Unknown, Media::Unknown));
        assert!(charset(Some("text/html")).is_none() && charset(Some("text/html; charset=nothing")).is_none());
    }

    #[test]
    fn chunks_are_joined() {
        assert_eq!(
            body(CHUNKED, b"5\r\nHello\r\n6;a=b\r\n world\r\n0\r\n\r\n").unwrap(),
            b"Hello world"
        );
    }

    #[test]
    fn a_body_that_has_no_chunks_any_more_stays() {
        assert_eq!(body(CHUNKED, b"<html>").unwrap(), b"<html>");
    }

    #[test]
    fn a_body_that_ends_within_a_chunk_is_bad_unless_the_archive_says_so() {
        for cut in [&b"5\r\nHello\r\n6\r\n wor"[..], b"5\r\nHello\r\n", b"5\r\nHello\r\n6"] {
            assert!(body(CHUNKED, cut).unwrap_err().contains("ends before its last chunk"));
            let bytes = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", cut].concat();
            assert!(
                Response::parse(&bytes)
                    .unwrap()
                    .body(true, MOST)
                    .unwrap()
                    .starts_with(b"Hello")
            );
        }
        assert!(body(CHUNKED, b"5\r\nHello\r\nzz\r\n").is_err());
        assert!(body(CHUNKED, b"ffffffffffffffff\r\nHello").is_err());
    }

    #[test]
    fn bodies_are_unpacked_by_their_coding() {
        let page = b"<p>The ferry sails again.</p>";
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(page).unwrap();
        let zstd = zstd::encode_all(&page[..], 1).unwrap();
        // python3 -c 'import brotli; print(brotli.compress(b"<p>The ferry sails again.</p>").hex())' (brotli 1.2.1)
        let brotli = hex::decode("0b0e803c703e546865206665727279207361696c7320616761696e2e3c2f703e03").unwrap();
        let packed = [
            ("gzip", gzip(page)),
            ("deflate", zlib.finish().unwrap()),
            ("ZSTD", zstd),
            ("br", brotli),
        ];
        for (coding, packed) in packed {
            assert_eq!(body(&format!("Content-Encoding: {coding}\r\n"), &packed).unwrap(), page);
            let header = format!("Content-Encoding: {coding}\r\n{CHUNKED}");
            let chunked = [format!("{:x}\r\n", packed.len()).as_bytes(), &packed, b"\r\n0\r\n\r\n"].concat();
            assert_eq!(body(&header, &chunked).unwrap(), page);
        }
        assert_eq!(
            body("Content-Encoding: gzip, gzip\r\n", &gzip(&gzip(page))).unwrap(),
            page
        );
    }

    #[test]
    fn a_body_that_is_unpacked_already_stays() {
        for coding in ["gzip", "deflate", "br", "zstd", "identity"] {
            assert_eq!(
                body(&format!("Content-Encoding: {coding}\r\n"), b"<p>Text").unwrap(),
                b"<p>Text"
            );
        }
    }

    #[test]
    fn a_body_is_not_unpacked_beyond_the_limit() {
        let (fits, bomb) = (gzip(&[b'x'; MOST]), gzip(&vec![b'x'; 1 << 26]));
        assert_eq!(body("Content-Encoding: gzip\r\n", &fits).unwrap().len(), MOST);
        assert_eq!(body("Content-Encoding: gzip\r\n", &bomb), Err("too large".to_owned()));
        let twice = body("Content-Encoding: gzip, gzip\r\n", &gzip(&bomb));
        assert_eq!(twice, Err("too large".to_owned()));
        let zstd = zstd::encode_all(&[b'x'; MOST + 1][..], 1).unwrap();
        assert_eq!(body("Content-Encoding: zstd\r\n", &zstd), Err("too large".to_owned()));
    }

    #[test]
    fn a_body_that_cannot_be_unpacked_is_bad() {
        let packed = gzip(&[b'x'; 1000]);
        let problem = body("Content-Encoding: gzip\r\n", &packed[..20]).unwrap_err();
        assert!(problem.contains("cannot be unpacked (gzip)"), "{problem}");
        let problem = body("Content-Encoding: compress\r\n", b"x").unwrap_err();
        assert!(problem.contains("\"compress\""), "{problem}");
    }
}
