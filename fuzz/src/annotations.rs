//! A byte that says which, and annotations of a tool, whose spans lie in their texts, or a page that is written for each tool and read again.

use super::{checked, classifier};
use unbait::exchange::{
    Annotated, ExportFormat, Exporter, Found, ImportFormat, Importer, LabelledBlocks, SpanText, format_of_array,
};
use unbait::page::{Page, PageKind};
use unbait::segment::Split;

const TOOLS: [ImportFormat; 4] = [
    ImportFormat::LabelStudio,
    ImportFormat::Prodigy,
    ImportFormat::Doccano,
    ImportFormat::FastText,
];

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let Some((control, bytes)) = bytes.split_first() else {
        return;
    };
    let control = usize::from(*control) % (TOOLS.len() + 2);
    match TOOLS.get(control) {
        Some(tool) => {
            imported(*tool, bytes, check);
            let _ = format_of_array(bytes);
        }
        None => {
            let kind = if control == TOOLS.len() {
                PageKind::Text
            } else {
                PageKind::Html
            };
            let text = String::from_utf8_lossy(bytes).into_owned();
            exported(&Page::from_text("folder/page", text, Some(kind)).expect("a page of this size"));
        }
    }
}

/// Reads lines and, of most formats, an array.
fn imported(format: ImportFormat, bytes: &[u8], mut found: impl FnMut(Found)) {
    let mut importer = Importer::new(format, "x");
    let _ = importer.array(bytes, &mut found);
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if !line.trim_ascii().is_empty() {
            importer.line(number, line, &mut found);
        }
    }
    importer.end(found);
}

fn check((_, found): Found) {
    let Ok(Annotated::Text(text)) = found else { return };
    assert!(text.spans.is_sorted_by_key(|span| span.range.start), "{:?}", text.spans);
    for span in &text.spans {
        assert!(span.range.start <= span.range.end);
        assert!(
            text.text.get(span.range.clone()).is_some(),
            "{span:?} is not in {:?}",
            text.text
        );
    }
    for outside in [None, Some("other")] {
        // a label of a span can be none that a model can have
        let Ok(labelled) = text.block_labels(outside) else {
            continue;
        };
        assert!(
            labelled
                .blocks
                .iter()
                .all(|(text, label)| !text.is_empty() && !label.is_empty()),
            "{labelled:?}"
        );
    }
}

fn exported(page: &Page) {
    let labelled = checked(classifier(), page, Split::Auto);
    let names = classifier().labels();
    let given = LabelledBlocks {
        page,
        url: Some("https://page.example/"),
        blocks: &labelled.segmented.blocks,
        labels: &labelled.labels,
        probabilities: labelled.probabilities.view(),
    };
    let mut wanted = given.span_text(names);
    wanted.spans.iter_mut().for_each(|span| span.probability = None);
    let blocks: Vec<(String, String)> = labelled
        .blocks()
        .map(|(block, label)| (block.text.clone(), names.name(label).to_owned()))
        .collect();
    for (out, back) in [
        (ExportFormat::Dolma, None),
        (ExportFormat::FinerWeb, None),
        (ExportFormat::LabelStudio, Some(ImportFormat::LabelStudio)),
        (ExportFormat::Prodigy, Some(ImportFormat::Prodigy)),
        (ExportFormat::Doccano, Some(ImportFormat::Doccano)),
        (ExportFormat::FastText, Some(ImportFormat::FastText)),
    ] {
        let record = Exporter::new(out, names)
            .and_then(|exporter| exporter.record(&given))
            .expect("a record");
        let Some(back) = back else { continue };
        // an annotator who accepts what is suggested; in lines of fastText the same characters would be the page's own
        let record = if out == ExportFormat::LabelStudio {
            record.replace("\"predictions\":", "\"annotations\":")
        } else {
            record
        };
        let mut texts: Vec<SpanText> = Vec::new();
        imported(back, record.as_bytes(), |(_, found)| {
            if let Ok(Annotated::Text(text)) = found {
                texts.push(text);
            }
        });
        // in lines of fastText a page without a block leaves none
        assert_eq!(
            texts.len(),
            usize::from(out != ExportFormat::FastText || !blocks.is_empty()),
            "{record:?}"
        );
        for text in texts {
            assert_eq!(
                text.block_labels(None).expect("labels of the model").blocks,
                blocks,
                "{record:?}"
            );
            if out != ExportFormat::FastText {
                assert_eq!(text, wanted, "{record:?}");
            }
        }
    }
}
