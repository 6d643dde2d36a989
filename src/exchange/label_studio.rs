//! Texts with labelled spans to tasks of Label Studio with predictions, and tasks with annotations back.
//!
//! Offsets are code points, as its editor counts them (`charsToCodePoints` in `selection-tools.js`), for the labelling config
//! `<Labels name="label" toName="text">` with `<Text name="text" value="$text"/>`. Predictions are no gold.

use super::{
    Annotated, Frame, LeftOut, Mark, Marks, SpanText, Unit, first_text, json, kind_of, list_at, object_at, objects_at,
    offset_at, rounded, text_at,
};
use crate::error::Result;
use serde::Serialize;
use serde_json::{Map, Value};

/// A JSON array, since its import knows no JSON lines (`FileUpload.read_tasks`).
pub(super) const FRAME: Frame = Frame {
    opening: "[\n",
    between: ",\n",
    closing: "\n]\n",
};

/// Names of the tags in the labelling config.
const CONTROL: &str = "label";
const OBJECT: &str = "text";

/// Keys of a task of which at least one is there beside `data`.
pub(super) const KEYS: &[&str] = &[ANNOTATIONS, COMPLETIONS, "predictions"];
const ANNOTATIONS: &str = "annotations";
/// What annotations were called before version 1.0.
const COMPLETIONS: &str = "completions";

// ---- out

#[derive(Serialize)]
struct Task<'a> {
    data: Data<'a>,
    predictions: [Prediction<'a>; 1],
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct Prediction<'a> {
    model_version: &'static str,
    /// Mean of the probabilities, by which tasks can be sorted.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    result: Vec<Region<'a>>,
}

#[derive(Serialize)]
struct Region<'a> {
    id: String,
    from_name: &'static str,
    to_name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Marked<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

#[derive(Serialize)]
struct Marked<'a> {
    start: usize,
    end: usize,
    text: &'a str,
    labels: [&'a str; 1],
}

/// The task of a text.
pub(super) fn record(text: &SpanText) -> Result<String> {
    let regions = text
        .spans_in(Unit::CodePoint)
        .enumerate()
        .map(|(i, (range, span))| Region {
            id: format!("block-{i}"),
            from_name: CONTROL,
            to_name: OBJECT,
            kind: "labels",
            value: Marked {
                start: range.start,
                end: range.end,
                text: &text.text[span.range.clone()],
                labels: [&span.label],
            },
            score: span.probability.map(rounded),
        });
    let probabilities: Vec<f64> = text.spans.iter().filter_map(|span| span.probability).collect();
    let mean = probabilities.iter().sum::<f64>() / probabilities.len().max(1) as f64;
    json(&Task {
        data: Data {
            id: &text.id,
            url: text.url.as_deref(),
            text: &text.text,
        },
        predictions: [Prediction {
            model_version: concat!("unbait ", env!("CARGO_PKG_VERSION")),
            score: (!probabilities.is_empty()).then(|| rounded(mean)),
            result: regions.collect(),
        }],
    })
}

// ---- in

/// Reads a task: of its annotations the last that was not cancelled.
pub(super) fn read(task: &Map<String, Value>, id: impl Fn() -> String) -> Result<Annotated, String> {
    let data = object_at(task, "data").ok_or("no object `data`; export the project as JSON, not as JSON-MIN")?;
    let text = text_at(data, OBJECT).map_err(|problem| {
        format!("`data`: {problem}; the labelling config must have <Text name=\"text\" value=\"$text\"/>")
    })?;
    let annotations: Vec<_> = [objects_at(task, ANNOTATIONS)?, objects_at(task, COMPLETIONS)?].concat();
    if annotations.is_empty() {
        return Ok(Annotated::LeftOut(LeftOut::NotAnnotated));
    }
    let is_cancelled = |annotation: &Map<String, Value>| annotation.get("was_cancelled") == Some(&Value::Bool(true));
    let Some(annotation) = annotations.into_iter().rfind(|annotation| !is_cancelled(annotation)) else {
        return Ok(Annotated::LeftOut(LeftOut::Cancelled));
    };
    let mut marks = Marks::new(Unit::CodePoint);
    for result in objects_at(annotation, "result")? {
        add(&mut marks, result)?;
    }
    let meta = object_at(task, "meta");
    Ok(Annotated::Text(SpanText {
        id: first_text(&[Some(data), meta], "id").unwrap_or_else(id),
        url: first_text(&[Some(data), meta], "url"),
        spans: marks.spans_of(text)?,
        text: text.to_owned(),
    }))
}

/// Adds what a result marks. Relations, ratings and other results without labels mark nothing.
fn add(marks: &mut Marks, result: &Map<String, Value>) -> Result<(), String> {
    let kind = result.get("type").and_then(Value::as_str).unwrap_or_default();
    let value = || object_at(result, "value").ok_or_else(|| format!("a result of type {kind:?} without `value`"));
    match kind {
        "labels" => {
            let value = value()?;
            let (start, end) = (offset_at(value, "start")?, offset_at(value, "end")?);
            for label in texts_at(value, "labels")? {
                marks.spans.push(Mark {
                    start,
                    end,
                    label: label.to_owned(),
                    shown: value.get("text").and_then(Value::as_str).map(str::to_owned),
                });
            }
        }
        "choices" => marks
            .whole
            .extend(texts_at(value()?, "choices")?.into_iter().map(str::to_owned)),
        other if other.ends_with("labels") => {
            return Err(format!(
                "a result of type {other:?}, which marks no plain text; label with <Labels> and <Text>"
            ));
        }
        _ => {}
    }
    Ok(())
}

fn texts_at<'v>(value: &'v Map<String, Value>, key: &str) -> Result<Vec<&'v str>, String> {
    let texts = list_at(value, key)?.iter();
    texts
        .map(|text| {
            text.as_str()
                .ok_or_else(|| format!("`{key}` holds {}; wanted text", kind_of(text)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ImportFormat, LabelSpan};
    use super::*;

    fn text() -> SpanText {
        let text = "🎻 Pool opens\r\n\r\nRead more";
        let span = |marked: &str, label: &str, probability| {
            let start = text.find(marked).unwrap();
            LabelSpan {
                range: start..start + marked.len(),
                label: label.to_owned(),
                probability: Some(probability),
            }
        };
        SpanText {
            id: "news/pool".to_owned(),
            url: Some("https://news.example/pool".to_owned()),
            text: text.to_owned(),
            spans: vec![span("🎻 Pool opens", "body", 0.5), span("Read more", "promo", 0.9)],
        }
    }

    fn parse(task: &str) -> Map<String, Value> {
        serde_json::from_str(task).unwrap()
    }

    fn read_task(task: &str) -> Result<Annotated, String> {
        read(&parse(task), || "x.json:1".to_owned())
    }

    #[test]
    fn a_task_has_its_page_and_one_prediction_in_code_points() {
        let task: Value = serde_json::from_str(&record(&text()).unwrap()).unwrap();
        assert_eq!(
            task["data"],
            serde_json::json!({"id": "news/pool", "url": "https://news.example/pool", "text": "🎻 Pool opens\r\n\r\nRead more"})
        );
        let prediction = &task["predictions"][0];
        assert_eq!(prediction["score"], 0.7);
        assert_eq!(
            prediction["result"][1],
            serde_json::json!({
                "id": "block-1", "from_name": "label", "to_name": "text", "type": "labels", "score": 0.9,
                "value": {"start": 16, "end": 25, "text": "Read more", "labels": ["promo"]},
            })
        );
    }

    #[test]
    fn a_task_without_a_block_has_no_score() {
        let empty = SpanText {
            text: String::new(),
            spans: Vec::new(),
            ..text()
        };
        let task: Value = serde_json::from_str(&record(&empty).unwrap()).unwrap();
        assert_eq!(task["predictions"][0].get("score"), None);
        assert_eq!(task["predictions"][0]["result"], serde_json::json!([]));
    }

    #[test]
    fn predictions_are_no_gold_and_the_last_annotation_that_was_not_cancelled_is() {
        let annotation = |label: &str, rest: &str| {
            format!(r#"{{"result":[{{"type":"labels","value":{{"start":0,"end":1,"labels":["{label}"]}}}}]{rest}}}"#)
        };
        let task = |key: &str, annotations: &[String]| {
            format!(
                r#"{{"id":9,"data":{{"text":"x"}},"{key}":[{}]}}"#,
                annotations.join(",")
            )
        };
        assert_eq!(
            read_task(&task("predictions", &[annotation("body", "")])),
            Ok(Annotated::LeftOut(LeftOut::NotAnnotated))
        );
        let cancelled = annotation("body", r#","was_cancelled":true"#);
        assert_eq!(
            read_task(&task("annotations", std::slice::from_ref(&cancelled))),
            Ok(Annotated::LeftOut(LeftOut::Cancelled))
        );
        for key in ["annotations", "completions"] {
            let several = [
                annotation("body", ""),
                annotation("promo", r#","was_cancelled":false"#),
                cancelled.clone(),
            ];
            let Ok(Annotated::Text(text)) = read_task(&task(key, &several)) else {
                panic!()
            };
            assert_eq!((text.spans.len(), text.spans[0].label.as_str()), (1, "promo"));
            assert_eq!((text.id.as_str(), text.url), ("x.json:1", None));
        }
    }

    /// What is read of a task with this text and these results.
    fn results(text: &str, results: &str) -> Result<Vec<(Range, String)>, String> {
        let task = format!(
            r#"{{"data":{{"text":"{text}"}},"annotations":[{{"result":[{results}]}}],"meta":{{"url":"u","id":"i"}}}}"#
        );
        let Annotated::Text(text) = read_task(&task)? else {
            panic!()
        };
        assert_eq!((text.id.as_str(), text.url.as_deref()), ("i", Some("u")));
        Ok(text.spans.into_iter().map(|span| (span.range, span.label)).collect())
    }

    type Range = std::ops::Range<usize>;

    #[test]
    fn a_choice_is_the_label_of_the_whole_text_and_a_relation_is_none() {
        let choice =
            |choices: &str| format!(r#"{{"type":"choices","value":{{"choices":[{choices}]}}}},{{"type":"relation"}}"#);
        assert_eq!(
            results("ab", &choice("\"promo\"")),
            Ok(vec![(0..2, "promo".to_owned())])
        );
        assert_eq!(
            results("ab", &choice("\"promo\",\"body\"")),
            Err("the text as a whole has 2 labels (body, promo); give it one".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_remedy() {
        let region = |value: &str| format!(r#"{{"type":"labels","value":{{{value}}}}}"#);
        for (result, wanted) in [
            (
                region(r#""start":0,"end":3,"labels":["body"]"#),
                "which has 2 code points",
            ),
            (
                region(r#""start":1,"end":1,"labels":["body"]"#),
                "which has 2 code points",
            ),
            (
                region(r#""start":"/p[1]","end":3,"labels":["body"]"#),
                "`start` of a span is \"/p[1]\"; wanted a whole number",
            ),
            (region(r#""start":0,"end":1,"labels":["a caption"]"#), "rename it"),
            (
                region(r#""start":0,"end":1,"labels":"body""#),
                "`labels` is text; wanted a list",
            ),
            (region(r#""start":1,"end":2,"labels":["body"],"text":"🎻""#), ""),
            (
                region(r#""start":1,"end":2,"labels":["body"],"text":"z""#),
                "is said to be \"z\", and \"b\" stands there",
            ),
            (
                r#"{"type":"hypertextlabels","value":{}}"#.to_owned(),
                "label with <Labels> and <Text>",
            ),
            (r#"{"type":"labels"}"#.to_owned(), "without `value`"),
        ] {
            let text = if wanted.is_empty() { "b🎻" } else { "ab" };
            match results(text, &result) {
                Ok(_) => assert_eq!(wanted, "", "{result}"),
                Err(problem) => assert!(!wanted.is_empty() && problem.contains(wanted), "{problem}"),
            }
        }
        for (task, wanted) in [
            (r#"{"text":"x","label":[]}"#, "not as JSON-MIN"),
            (
                r#"{"data":{"body":"x"},"annotations":[]}"#,
                "no `text` (there are: body)",
            ),
            (
                r#"{"data":{"text":"x"},"annotations":{}}"#,
                "`annotations` is an object; wanted a list",
            ),
        ] {
            let problem = read_task(task).unwrap_err();
            assert!(problem.contains(wanted), "{problem}");
        }
    }

    #[test]
    fn line_ends_of_a_marked_text_can_be_written_as_a_backslash_and_an_n() {
        let region = r#"{"type":"labels","value":{"start":0,"end":5,"labels":["body"],"text":"one\\nb"}}"#;
        assert!(results(r"one\nb", region).is_ok());
    }

    #[test]
    fn a_task_is_told_by_its_data() {
        let told = |task: &str| ImportFormat::of_record(task.as_bytes());
        assert_eq!(
            told(r#"{"data":{"text":"x"},"predictions":[]}"#),
            Some(ImportFormat::LabelStudio)
        );
        assert_eq!(told(r#"{"data":{"text":"x"}}"#), None);
        assert_eq!(told(r#"{"data":{},"annotations":[],"blocks":[]}"#), None);
    }
}
