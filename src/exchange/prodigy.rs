//! Texts with labelled spans to tasks of Prodigy, and its annotations back.
//!
//! Offsets are code points, as Python counts them. A record without an answer counts as accepted, as `db-in` takes it.

use super::{
    Annotated, LeftOut, Mark, Marks, SpanText, Unit, first_text, json, kind_of, list_at, object_at, objects_at,
};
use super::{offset_at, rounded, text_at};
use crate::error::Result;
use serde::Serialize;
use serde_json::{Map, Value};

/// Keys of which a record of Prodigy has at least one beside its text.
pub(super) const KEYS: &[&str] = &["spans", "answer", "_input_hash", "_task_hash"];

// ---- out

#[derive(Serialize)]
struct Task<'a> {
    text: &'a str,
    spans: Vec<Span<'a>>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Span<'a> {
    start: usize,
    end: usize,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

#[derive(Serialize)]
struct Meta<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// The line of a text.
pub(super) fn record(text: &SpanText) -> Result<String> {
    let spans = text.spans_in(Unit::CodePoint).map(|(range, span)| Span {
        start: range.start,
        end: range.end,
        label: &span.label,
        score: span.probability.map(rounded),
    });
    let task = Task {
        text: &text.text,
        spans: spans.collect(),
        meta: Meta {
            id: &text.id,
            url: text.url.as_deref(),
        },
    };
    Ok(json(&task)? + "\n")
}

// ---- in

/// Reads an annotation: its spans, else the label of the whole text, chosen (`accept`) or proposed and accepted (`label`).
pub(super) fn read(task: &Map<String, Value>, id: impl Fn() -> String) -> Result<Annotated, String> {
    match task.get("answer") {
        None | Some(Value::Null) => {}
        Some(Value::String(answer)) if answer == "accept" => {}
        Some(Value::String(answer)) if answer == "reject" || answer == "ignore" => {
            return Ok(Annotated::LeftOut(LeftOut::NotAccepted));
        }
        Some(other) => return Err(format!("the answer is {other}; wanted accept, reject or ignore")),
    }
    let text = text_at(task, "text")?;
    let mut marks = Marks::new(Unit::CodePoint);
    for span in objects_at(task, "spans")? {
        marks.spans.push(Mark {
            start: offset_at(span, "start")?,
            end: offset_at(span, "end")?,
            label: text_at(span, "label")
                .map_err(|problem| format!("a span: {problem}"))?
                .to_owned(),
            shown: None,
        });
    }
    for choice in list_at(task, "accept")? {
        let label = choice
            .as_str()
            .ok_or_else(|| format!("`accept` holds {}; wanted text", kind_of(choice)))?;
        marks.whole.insert(label.to_owned());
    }
    if !task.contains_key("spans") && task.contains_key("label") {
        marks.whole.insert(text_at(task, "label")?.to_owned());
    }
    let meta = object_at(task, "meta");
    Ok(Annotated::Text(SpanText {
        id: first_text(&[meta], "id").unwrap_or_else(id),
        url: first_text(&[meta], "url"),
        spans: marks.spans_of(text)?,
        text: text.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::ImportFormat;
    use super::*;

    fn read_line(line: &str) -> Result<Annotated, String> {
        read(&serde_json::from_str(line).unwrap(), || "x.jsonl:1".to_owned())
    }

    fn spans(line: &str) -> Vec<(std::ops::Range<usize>, String)> {
        let Ok(Annotated::Text(text)) = read_line(line) else {
            panic!("{line}")
        };
        text.spans.into_iter().map(|span| (span.range, span.label)).collect()
    }

    #[test]
    fn a_task_has_spans_in_code_points_and_its_page_in_meta() {
        let Ok(Annotated::Text(text)) = read_line(
            r#"{"text":"🎻 Pool\nMore","spans":[{"start":7,"end":11,"label":"promo","token_start":2},{"start":0,"end":6,"label":"body"}],
                "meta":{"id":"news/pool","url":"https://news.example/pool"},"answer":"accept","_task_hash":-1}"#,
        ) else {
            panic!()
        };
        assert_eq!(
            record(&text).unwrap(),
            "{\"text\":\"🎻 Pool\\nMore\",\"spans\":[{\"start\":0,\"end\":6,\"label\":\"body\"},{\"start\":7,\"end\":11,\"label\":\"promo\"}],\
             \"meta\":{\"id\":\"news/pool\",\"url\":\"https://news.example/pool\"}}\n"
        );
        assert_eq!(&text.text[text.spans[1].range.clone()], "More");
    }

    #[test]
    fn answers_that_do_not_accept_are_left_out() {
        for answer in ["reject", "ignore"] {
            let line = format!(r#"{{"text":"x","spans":[{{"start":0,"end":1,"label":"body"}}],"answer":"{answer}"}}"#);
            assert_eq!(read_line(&line), Ok(Annotated::LeftOut(LeftOut::NotAccepted)));
        }
        let problem = read_line(r#"{"text":"x","answer":"maybe"}"#).unwrap_err();
        assert!(
            problem.contains("\"maybe\"; wanted accept, reject or ignore"),
            "{problem}"
        );
    }

    #[test]
    fn without_spans_an_accepted_label_is_that_of_the_whole_text() {
        assert_eq!(
            spans(r#"{"text":"ab","label":"promo","answer":"accept"}"#),
            [(0..2, "promo".to_owned())]
        );
        assert_eq!(
            spans(r#"{"text":"ab","accept":["promo"],"answer":"accept"}"#),
            [(0..2, "promo".to_owned())]
        );
        assert_eq!(spans(r#"{"text":"ab","spans":[],"label":"promo"}"#), []);
        let problem = read_line(r#"{"text":"ab","accept":["promo","body"]}"#).unwrap_err();
        assert!(problem.contains("2 labels (body, promo)"), "{problem}");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (line, wanted) in [
            (r#"{"html":"<p>x","spans":[]}"#, "no `text` (there are: html, spans)"),
            (r#"{"text":"x","spans":[{"start":0,"end":1}]}"#, "a span: no `label`"),
            (
                r#"{"text":"x","spans":[{"start":0,"label":"body"}]}"#,
                "`end` of a span is null",
            ),
            (r#"{"text":"x","spans":[3]}"#, "`spans` holds a number; wanted objects"),
            (
                r#"{"text":"🎻","spans":[{"start":0,"end":2,"label":"body"}]}"#,
                "which has 1 code points",
            ),
        ] {
            let problem = read_line(line).unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
    }

    #[test]
    fn a_task_is_told_by_its_spans_or_its_answer() {
        let told = |line: &str| ImportFormat::of_record(line.as_bytes());
        assert_eq!(told(r#"{"text":"x","spans":[]}"#), Some(ImportFormat::Prodigy));
        assert_eq!(
            told(r#"{"text":"x","label":"body","answer":"accept"}"#),
            Some(ImportFormat::Prodigy)
        );
        assert_eq!(told(r#"{"text":"x"}"#), None);
    }
}
