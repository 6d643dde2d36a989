//! Texts with labelled spans to lines of doccano's sequence labelling, and its export back.
//!
//! Offsets are UTF-16 code units, since its annotator counts as JavaScript does (doccano/v-annotator, `Text.ts`); a project that
//! counts grapheme clusters as one character has others.

use super::{
    Annotated, Mark, Marks, SpanText, Unit, first_text, json, kind_of, list_at, object_at, offset_at, offset_of,
    text_at,
};
use crate::error::Result;
use serde::Serialize;
use serde_json::{Map, Value};

/// Keys of the text: the second was that of version 1.5.
pub(super) const TEXT_KEYS: &[&str] = &["text", "data"];

/// Keys of the labels, which have had several names; the last is used with relations.
pub(super) const LABEL_KEYS: &[&str] = &["label", "labels", "entities"];

// ---- out

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    text: &'a str,
    label: Vec<(usize, usize, &'a str)>,
}

/// The line of a text.
pub(super) fn record(text: &SpanText) -> Result<String> {
    let spans = text.spans_in(Unit::Utf16);
    let line = Line {
        id: &text.id,
        url: text.url.as_deref(),
        text: &text.text,
        label: spans
            .map(|(range, span)| (range.start, range.end, span.label.as_str()))
            .collect(),
    };
    Ok(json(&line)? + "\n")
}

// ---- in

/// Reads a line: spans as `[start, end, label]` or as objects; a label without a place is that of the whole text.
pub(super) fn read(line: &Map<String, Value>, id: impl Fn() -> String) -> Result<Annotated, String> {
    let key = TEXT_KEYS
        .iter()
        .find(|key| line.contains_key(**key))
        .unwrap_or(&TEXT_KEYS[0]);
    let text = text_at(line, key)?;
    let mut marks = Marks::new(Unit::Utf16);
    for key in LABEL_KEYS {
        if let Some(Value::String(label)) = line.get(*key) {
            marks.whole.insert(label.clone());
            continue;
        }
        for label in list_at(line, key)? {
            add(&mut marks, label)?;
        }
    }
    let meta = object_at(line, "meta");
    Ok(Annotated::Text(SpanText {
        // a number is what doccano itself calls the text
        id: first_text(&[meta, Some(line)], "id").unwrap_or_else(id),
        url: first_text(&[meta, Some(line)], "url"),
        spans: marks.spans_of(text)?,
        text: text.to_owned(),
    }))
}

fn add(marks: &mut Marks, label: &Value) -> Result<(), String> {
    let wrong = || format!("a label is {label}; wanted [start, end, \"name\"]");
    let (start, end, label) = match label {
        Value::String(label) => {
            marks.whole.insert(label.clone());
            return Ok(());
        }
        Value::Array(span) => match &span[..] {
            [start, end, Value::String(label)] => {
                let (start, end) = (offset_of(start).ok_or_else(wrong)?, offset_of(end).ok_or_else(wrong)?);
                (start, end, label.clone())
            }
            _ => return Err(wrong()),
        },
        Value::Object(span) => (
            offset_at(span, "start_offset")?,
            offset_at(span, "end_offset")?,
            text_at(span, "label")
                .map_err(|problem| format!("a span: {problem}"))?
                .to_owned(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(format!("a label is {}; wanted [start, end, \"name\"]", kind_of(label)));
        }
    };
    marks.spans.push(Mark {
        start,
        end,
        label,
        shown: None,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::ImportFormat;
    use super::*;

    fn read_line(line: &str) -> Result<SpanText, String> {
        match read(&serde_json::from_str(line).unwrap(), || "x.jsonl:1".to_owned())? {
            Annotated::Text(text) => Ok(text),
            Annotated::LeftOut(reason) => panic!("{reason:?}"),
        }
    }

    fn spans(line: &str) -> Vec<(std::ops::Range<usize>, String)> {
        let spans = read_line(line).unwrap().spans.into_iter();
        spans.map(|span| (span.range, span.label)).collect()
    }

    #[test]
    fn an_emoji_counts_as_two() {
        let line = r#"{"id":"news/pool","url":"https://news.example/pool","text":"🎻 Pool\nMore","label":[[0,7,"body"],[8,12,"promo"]]}"#;
        let text = read_line(line).unwrap();
        assert_eq!(&text.text[text.spans[1].range.clone()], "More");
        assert_eq!(record(&text).unwrap(), format!("{line}\n"));
        let problem = read_line(&line.replace("[0,7", "[1,7")).unwrap_err();
        assert!(problem.contains("which has 12 UTF-16 code units"), "{problem}");
    }

    #[test]
    fn older_and_newer_exports_are_read() {
        let wanted = [(0..2, "body".to_owned())];
        for line in [
            r#"{"id":4,"text":"abc","labels":[[0,2,"body"]],"Comments":[]}"#,
            r#"{"id":4,"data":"abc","label":[[0,2,"body"]]}"#,
            r#"{"id":4,"text":"abc","entities":[{"id":1,"label":"body","start_offset":0,"end_offset":2}],"relations":[]}"#,
        ] {
            assert_eq!(spans(line), wanted);
            assert_eq!(read_line(line).unwrap().id, "x.jsonl:1");
            assert_eq!(ImportFormat::of_record(line.as_bytes()), Some(ImportFormat::Doccano));
        }
        let text = read_line(r#"{"id":4,"text":"abc","label":[],"meta":{"id":"news/a","url":"u"}}"#).unwrap();
        assert_eq!((text.id.as_str(), text.url.as_deref()), ("news/a", Some("u")));
    }

    #[test]
    fn a_label_without_a_place_is_that_of_the_whole_text() {
        assert_eq!(
            spans(r#"{"text":"abc","label":["promo"]}"#),
            [(0..3, "promo".to_owned())]
        );
        assert_eq!(spans(r#"{"text":"abc","label":"promo"}"#), [(0..3, "promo".to_owned())]);
        let problem = read_line(r#"{"text":"abc","label":["promo","body"]}"#).unwrap_err();
        assert!(problem.contains("2 labels (body, promo)"), "{problem}");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (line, wanted) in [
            (
                r#"{"text":"x","label":[[0,1]]}"#,
                r#"a label is [0,1]; wanted [start, end, "name"]"#,
            ),
            (
                r#"{"text":"x","label":[[0,1.5,"body"]]}"#,
                "a label is [0,1.5,\"body\"]",
            ),
            (r#"{"text":"x","label":[7]}"#, "a label is a number"),
            (
                r#"{"text":"x","label":[{"start":0,"end":1,"labels":["body"]}]}"#,
                "`start_offset` of a span is null",
            ),
            (r#"{"text":3,"label":[]}"#, "`text` is a number; wanted text"),
        ] {
            let problem = read_line(line).unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
    }
}
