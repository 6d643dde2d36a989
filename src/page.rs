//! Bytes to a page: its text in UTF-8, and whether that is HTML or plain.
//!
//! A byte order mark of UTF-8 stays in the text, so that byte offsets are those of the file.

use crate::error::{Error, Result};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// What a page is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PageKind {
    /// HTML markup.
    Html,
    /// Plain text.
    Text,
}

impl PageKind {
    /// `html` or `text`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "text",
        }
    }

    /// The kind of a page of this name; `None` when its ending does not tell.
    pub fn of_name(path: &std::path::Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "html" | "htm" | "xhtml" | "shtml" => Some(Self::Html),
            "txt" | "text" | "md" => Some(Self::Text),
            _ => None,
        }
    }
}

/// The most bytes that a page can have, whatever is allowed: offsets inside a page are 32 bits wide, and text may become longer.
pub const MOST_PAGE_BYTES: usize = 1 << 30;

/// The most bytes of a page when nothing else is said: 64 MiB (chosen: many times as much as any article, and what an ordinary machine has
/// the memory to label, see [`PageOptions::most_bytes`]).
pub const USUAL_MOST_BYTES: usize = 1 << 26;

/// Bytes at the start of a page in which a meta charset counts (Encoding Standard, "prescan": 1024 bytes).
const PRESCAN_BYTES: usize = 1024;

/// Bytes at the start of a page that are looked at to tell binary files and markup (chosen).
const SNIFF_BYTES: usize = 4096;

/// Share of NUL bytes above which bytes are no text (chosen: text has none, UTF-16 of Latin text has half).
const MOST_NUL_SHARE: f64 = 0.01;

/// How a page is to be read; the default finds everything out.
#[derive(Clone, Copy, Debug)]
pub struct PageOptions {
    /// HTML or text; `None`: by extension, then by content.
    pub kind: Option<PageKind>,
    /// The encoding; `None`: byte order mark, UTF-8 if valid, meta charset, then a guess.
    pub encoding: Option<&'static Encoding>,
    /// The most bytes that the page may have, unpacked, and again as text in UTF-8; at most [`MOST_PAGE_BYTES`] count.
    pub most_bytes: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            kind: None,
            encoding: None,
            most_bytes: USUAL_MOST_BYTES,
        }
    }
}

/// One page as text.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path as given, `-` for standard input, or the record's id.
    pub id: String,
    /// HTML or plain text.
    pub kind: PageKind,
    /// The whole page in UTF-8; byte spans of blocks count in this.
    pub text: String,
    /// The encoding that the bytes were read as.
    pub encoding: &'static Encoding,
    /// Whether some bytes could not be read in that encoding and stand as U+FFFD.
    pub had_errors: bool,
}

impl Page {
    /// Reads bytes as a page.
    ///
    /// # Errors
    /// [`Error::NotText`] for binary data, [`Error::PageTooLarge`] above [`PageOptions::most_bytes`].
    pub fn from_bytes(id: &str, bytes: &[u8], options: &PageOptions) -> Result<Self> {
        check_size(id, bytes.len(), options.most_bytes)?;
        let encoding = match options.encoding {
            Some(encoding) => encoding,
            None => detect_encoding(id, bytes)?,
        };
        let (text, had_errors) = if encoding == UTF_8 {
            let text = String::from_utf8_lossy(bytes);
            let had_errors = matches!(text, std::borrow::Cow::Owned(_));
            (text.into_owned(), had_errors)
        } else {
            let (text, _, had_errors) = encoding.decode(bytes);
            (text.into_owned(), had_errors)
        };
        check_size(id, text.len(), options.most_bytes)?;
        let mut page = Self::from_text(id, text, options.kind)?;
        page.encoding = encoding;
        page.had_errors = had_errors;
        Ok(page)
    }

    /// A page from text that is in UTF-8 already; `kind` as in [`PageOptions::kind`].
    ///
    /// # Errors
    /// [`Error::PageTooLarge`] above [`MOST_PAGE_BYTES`].
    pub fn from_text(id: &str, text: String, kind: Option<PageKind>) -> Result<Self> {
        check_size(id, text.len(), MOST_PAGE_BYTES)?;
        let kind = kind
            .or_else(|| PageKind::of_name(id.as_ref()))
            .unwrap_or_else(|| kind_by_content(&text));
        Ok(Self {
            id: id.to_owned(),
            kind,
            text,
            encoding: UTF_8,
            had_errors: false,
        })
    }
}

/// Refuses a page that has more bytes than are allowed.
///
/// # Errors
/// [`Error::PageTooLarge`].
pub fn check_size(id: &str, bytes: usize, most: usize) -> Result<()> {
    let most = most.min(MOST_PAGE_BYTES);
    if bytes > most {
        return Err(Error::PageTooLarge {
            id: id.to_owned(),
            most,
        });
    }
    Ok(())
}

/// The encoding with this name or label of the Encoding Standard.
///
/// # Errors
/// [`Error::UnknownEncoding`].
pub fn encoding_by_name(name: &str) -> Result<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| Error::UnknownEncoding { name: name.to_owned() })
}

fn detect_encoding(id: &str, bytes: &[u8]) -> Result<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Ok(encoding);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return Ok(encoding);
    }
    refuse_binary(id, bytes)?;
    let declared = meta_charset(bytes);
    if std::str::from_utf8(bytes).is_ok() {
        // ISO-2022-JP is the one encoding of the Standard that is valid UTF-8 and means something else
        let escaped = bytes.contains(&0x1b) && declared == Some(encoding_rs::ISO_2022_JP);
        return Ok(if escaped { encoding_rs::ISO_2022_JP } else { UTF_8 });
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return Ok(encoding);
    }
    if declared == Some(UTF_8) {
        return Ok(UTF_8);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    Ok(detector.guess(None, chardetng::Utf8Detection::Allow))
}

/// UTF-16 of mostly Latin text shows by a NUL in every other byte.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(SNIFF_BYTES) & !1];
    let pairs = head.len() / 2;
    if pairs < 4 {
        return None;
    }
    let nul_at = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second) = (nul_at(0), nul_at(1));
    let most = pairs * 7 / 10;
    match (first >= most && second == 0, second >= most && first == 0) {
        (true, _) => Some(UTF_16BE),
        (_, true) => Some(UTF_16LE),
        (false, false) => None,
    }
}

fn refuse_binary(id: &str, bytes: &[u8]) -> Result<()> {
    const KNOWN: [(&[u8], &str); 9] = [
        (b"%PDF-", "a PDF file"),
        (b"PK\x03\x04", "a ZIP archive or office document"),
        (b"\x1f\x8b", "gzip data"),
        (b"\x28\xb5\x2f\xfd", "Zstandard data"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"\x7fELF", "a program"),
        (b"\xd0\xcf\x11\xe0", "an old office document"),
    ];
    let refuse = |found: String| {
        Err(Error::NotText {
            id: id.to_owned(),
            found,
        })
    };
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return refuse((*name).to_owned());
    }
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    let nuls = head.iter().filter(|byte| **byte == 0).count();
    if nuls as f64 > MOST_NUL_SHARE * head.len() as f64 {
        return refuse(format!("{nuls} NUL bytes among the first {}", head.len()));
    }
    Ok(())
}

/// The encoding that a meta element or an XML declaration names in the first [`PRESCAN_BYTES`].
fn meta_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(PRESCAN_BYTES)].to_ascii_lowercase();
    for key in [&b"charset"[..], &b"encoding"[..]] {
        let mut from = 0;
        while let Some(found) = find(&head[from..], key) {
            let value = &head[from + found + key.len()..];
            if let Some(encoding) = charset_value(value) {
                // a meta element that could be read cannot be in UTF-16 (Encoding Standard, prescan, step 15)
                return Some(if encoding == UTF_16LE || encoding == UTF_16BE {
                    UTF_8
                } else {
                    encoding
                });
            }
            from += found + key.len();
        }
    }
    None
}

fn charset_value(after_key: &[u8]) -> Option<&'static Encoding> {
    let rest = after_key.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest
        .strip_prefix(b"\"")
        .or_else(|| rest.strip_prefix(b"'"))
        .unwrap_or(rest);
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\'' | b';' | b'>' | b'/' | b'?') || byte.is_ascii_whitespace())
        .unwrap_or(rest.len());
    Encoding::for_label(&rest[..end])
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn kind_by_content(text: &str) -> PageKind {
    let mut end = text.len().min(SNIFF_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text[..end]
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_ascii_lowercase();
    const OPENINGS: [&str; 6] = ["<!doctype html", "<html", "<head", "<body", "<!--", "<?xml"];
    const MARKUP: [&str; 9] = [
        "</p>", "</div>", "</a>", "</h1>", "</h2>", "</li>", "</td>", "<br", "</span>",
    ];
    let opens = OPENINGS.iter().any(|opening| head.starts_with(opening));
    let marked = head.starts_with('<') && MARKUP.iter().any(|tag| head.contains(tag));
    if opens || marked {
        PageKind::Html
    } else {
        PageKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Page {
        Page::from_bytes("-", bytes, &PageOptions::default()).unwrap()
    }

    #[test]
    fn utf8_stays_as_it_is_with_its_mark() {
        let page = read("\u{feff}Grüße".as_bytes());
        assert_eq!(page.text, "\u{feff}Grüße");
        assert_eq!(page.encoding, UTF_8);
    }

    #[test]
    fn a_meta_charset_counts_when_the_bytes_are_not_utf8() {
        let page = read(b"<html><meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2");
        assert!(page.text.ends_with("Привет"), "{}", page.text);
    }

    #[test]
    fn a_legacy_encoding_without_a_name_is_guessed() {
        let page = read(b"Les \xe9l\xe8ves fran\xe7ais ont \xe9t\xe9 re\xe7us \xe0 l'\xe9cole.");
        assert_eq!(page.text, "Les élèves français ont été reçus à l'école.");
    }

    #[test]
    fn a_given_encoding_wins() {
        let options = PageOptions {
            encoding: Some(encoding_by_name("koi8-r").unwrap()),
            ..PageOptions::default()
        };
        let page = Page::from_bytes("-", b"\xd0\xd2\xc9\xd7\xc5\xd4", &options).unwrap();
        assert_eq!(page.text, "привет");
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        let with: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("Hallo du".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let without: Vec<u8> = "Hallo du".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&with).text, "Hallo du");
        assert_eq!(read(&without).text, "Hallo du");
    }

    #[test]
    fn binary_data_is_refused() {
        for bytes in [
            &b"%PDF-1.7 something"[..],
            b"\x89PNG\r\n\x1a\n",
            &[1, 0, 0, 0, 7, 0, 0, 0, 0, 3],
        ] {
            let error = Page::from_bytes("x", bytes, &PageOptions::default()).unwrap_err();
            assert!(matches!(error, Error::NotText { .. }));
        }
    }

    #[test]
    fn a_page_above_the_limit_is_refused_before_and_after_it_is_decoded() {
        let read = |bytes: &[u8], most_bytes| {
            let options = PageOptions {
                most_bytes,
                encoding: Some(encoding_rs::WINDOWS_1252),
                ..PageOptions::default()
            };
            Page::from_bytes("x", bytes, &options).map(|page| page.text)
        };
        assert_eq!(read(b"word", 4).unwrap(), "word");
        let error = read(b"words", 4).unwrap_err();
        assert!(matches!(error, Error::PageTooLarge { most: 4, .. }), "{error}");
        assert!(read(b"\xe9\xe9", 4).is_ok() && read(b"\xe9\xe9\xe9", 4).is_err());
    }

    #[test]
    fn invalid_bytes_are_reported() {
        let page = read(b"<meta charset=utf-8><p>abc \xff\xfe def");
        assert!(page.had_errors);
        assert!(page.text.contains('\u{fffd}'));
    }

    #[test]
    fn the_kind_is_told_by_extension_then_by_content() {
        assert_eq!(
            Page::from_text("a.txt", "<p>x</p>".into(), None).unwrap().kind,
            PageKind::Text
        );
        assert_eq!(Page::from_text("a.HTM", "x".into(), None).unwrap().kind, PageKind::Html);
        assert_eq!(
            Page::from_text("a", " <!DOCTYPE html>x".into(), None).unwrap().kind,
            PageKind::Html
        );
        assert_eq!(
            Page::from_text("a", "<div>x</div>".into(), None).unwrap().kind,
            PageKind::Html
        );
        assert_eq!(
            Page::from_text("a", "5 < 6 and 7 > 6".into(), None).unwrap().kind,
            PageKind::Text
        );
        assert_eq!(
            Page::from_text("a", "x".into(), Some(PageKind::Html)).unwrap().kind,
            PageKind::Html
        );
    }
}
