//! Bytes as JSON lines, packed or not: a page or an error for each line, and a line with another text keeps all else.

use super::{MOST_RECORDS, records};
use serde_json::{Map, Value};
use unbait::corpus::packed::Packing;
use unbait::corpus::{BlockCounts, Content, CorpusOptions, Format, Keys, Record};

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let of_text = CorpusOptions {
        format: Some(Format::JsonLines),
        ..CorpusOptions::default()
    };
    let mut of_html = of_text.clone();
    of_html.keys.html = Some("html".to_owned());
    let lines = records(bytes, &of_text);
    if Packing::of_content(bytes).is_none() {
        let wanted = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !is_blank(line))
            .count();
        assert_eq!(
            lines.len(),
            wanted.min(MOST_RECORDS),
            "a record for each line that is not blank"
        );
    }
    for record in lines.into_iter().flatten() {
        for options in [&of_text, &of_html] {
            let Ok(page) = record.page(options) else { continue };
            let page = page.expect("a line has a page or is broken").page;
            written_with_text(&record, &format!("Kept: {}", page.text), &options.keys, &of_text);
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(line)
        .trim_ascii()
        .is_empty()
}

/// Writes a line with this text, and reads it.
fn written_with_text(record: &Record, wanted: &str, keys: &Keys, options: &CorpusOptions) {
    let counts = BlockCounts {
        kept: [("body".to_owned(), 2)].into(),
        removed: [("promo".to_owned(), 1)].into(),
    };
    // a key that is read by nobody until now may stand twice
    let Ok(line) = record.with_text(keys, wanted, &counts) else {
        return;
    };
    let line = line.expect("a line of JSON");
    let again = records(line.as_bytes(), options);
    let [Ok(again)] = &again[..] else {
        panic!("{again:?} of {line:?}")
    };
    let page = again
        .page(options)
        .expect("the line has the text")
        .expect("the line has the text");
    assert_eq!(page.page.text, wanted);
    let before = others(record, keys);
    // half of a character may have stood in the text that was replaced
    if before.is_some() {
        assert_eq!(before, others(again, keys), "{line:?}");
    }
}

/// What a line has besides the text and the counts; `None` for numbers, depths and halves of characters that have no value here.
fn others(record: &Record, keys: &Keys) -> Option<Map<String, Value>> {
    let Content::Json(line) = &record.content else {
        unreachable!("lines of JSON only")
    };
    let mut others: Map<String, Value> =
        serde_json::from_slice(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)).ok()?;
    others.remove(&keys.text);
    others.remove("unbait");
    if let Some(Value::Object(metadata)) = others.get_mut("metadata") {
        metadata.remove("unbait");
        if metadata.is_empty() {
            others.remove("metadata");
        }
    }
    Some(others)
}
