//! What holds for any bytes and any model: no panic, no byte lost, probabilities sum to 1, the same file from the same data.

mod tiny;

use proptest::prelude::*;
use tiny::{classifier, datasets, options, run_with_model, some_pages, unbait};
use unbait::classifier::Classifier;
use unbait::dataset::Dataset;
use unbait::exchange::{Annotated, ExportFormat, Exporter, ImportFormat, Importer, LabelledBlocks, SpanText};
use unbait::extraction::Extractions;
use unbait::page::{Page, PageKind, PageOptions};
use unbait::segment::{Split, is_space, segment};
use unbait::train::{Silent, TrainOptions, train};

const SPLITS: [Split; 3] = [Split::Blank, Split::Line, Split::Auto];

/// Bytes that look like pages more often than random ones do.
fn page_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just("<p>".to_owned()),
        Just("</p>".to_owned()),
        Just("<div class='related-posts' id=x>".to_owned()),
        Just("</div>".to_owned()),
        Just("<a href='/x'>read more</a>".to_owned()),
        Just("<br><br>".to_owned()),
        Just("<table><td>".to_owned()),
        Just("<script>".to_owned()),
        Just("<!--".to_owned()),
        Just("&amp;&#0;&notit;".to_owned()),
        Just("\n\n".to_owned()),
        Just("\r\n \t".to_owned()),
        Just("\u{feff}\u{200b}\u{a0}".to_owned()),
        Just("You May Also Like".to_owned()),
        Just("Это предложение. 这是一句话。".to_owned()),
        "[ -~]{0,40}",
        "\\PC{0,20}",
    ];
    prop_oneof![
        3 => proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..400),
    ]
}

/// Texts in which offsets are easily counted wrong, and words that mean more to other tools.
fn offset_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("🎻".to_owned()),
        Just("👩\u{200d}🚒 ".to_owned()),
        Just("e\u{301}".to_owned()),
        Just("שלום עולם".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\t".to_owned()),
        Just("\u{a0}\u{200b}\u{feff}\u{2028}".to_owned()),
        Just(" __label__promo </s> ".to_owned()),
        Just("You May Also Like".to_owned()),
        "[ -~]{0,40}",
        "\\PC{0,20}",
    ];
    proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

/// A file of records in an annotation tool's format, as the tool would give it back when the labels are accepted.
fn accepted(format: ExportFormat, records: &[String]) -> String {
    let frame = format.frame();
    let file = [frame.opening, &records.join(frame.between), frame.closing].concat();
    if format != ExportFormat::LabelStudio {
        return file;
    }
    let mut tasks: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&file).unwrap();
    for task in &mut tasks {
        let predictions = task.remove("predictions").unwrap();
        task.insert("annotations".to_owned(), predictions);
    }
    serde_json::to_string(&tasks).unwrap()
}

/// The annotated texts of a file.
fn imported(format: ImportFormat, file: &str) -> Vec<SpanText> {
    let mut texts = Vec::new();
    let add = |(number, found)| match found {
        Ok(Annotated::Text(text)) => texts.push(text),
        other => panic!("{number}: {other:?}"),
    };
    let mut importer = Importer::new(format, "x");
    if format == ImportFormat::LabelStudio {
        importer.array(file.as_bytes(), add).unwrap();
        return texts;
    }
    let mut add = add;
    for (number, line) in (1..).zip(file.split('\n')).filter(|(_, line)| !line.is_empty()) {
        importer.line(number, line.as_bytes(), &mut add);
    }
    importer.end(add);
    texts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_bytes_are_read_as_a_page_or_refused(bytes in page_bytes()) {
        for kind in [None, Some(PageKind::Html), Some(PageKind::Text)] {
            let Ok(page) = Page::from_bytes("x", &bytes, &PageOptions { kind, ..PageOptions::default() }) else { continue };
            let labelled = classifier().classify(&page, Split::Auto).unwrap();
            prop_assert_eq!(labelled.labels.len(), labelled.segmented.blocks.len());
            for row in labelled.probabilities.rows() {
                prop_assert!((row.sum() - 1.0).abs() < 1e-9 && row.iter().all(|p| (0.0..=1.0).contains(p)), "{}", row);
            }
        }
    }

    #[test]
    fn text_blocks_and_what_lies_between_give_the_input_back(bytes in page_bytes()) {
        let Ok(page) = Page::from_bytes("x.txt", &bytes, &PageOptions::default()) else { return Ok(()) };
        for split in SPLITS {
            let mut back = String::new();
            let mut end = 0;
            for block in segment(&page, split).blocks {
                prop_assert!(block.span.start >= end && !block.text.is_empty());
                let between = &page.text[end..block.span.start];
                prop_assert!(between.chars().all(is_space), "{:?}", between);
                back.push_str(between);
                back.push_str(&page.text[block.span.clone()]);
                end = block.span.end;
                let words = |text: &str| text.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(words(&page.text[block.span.clone()]), words(&block.text));
            }
            prop_assert!(page.text[end..].chars().all(is_space));
            back.push_str(&page.text[end..]);
            prop_assert_eq!(&back, &page.text);
        }
    }

    #[test]
    fn a_page_is_labelled_the_same_way_twice_and_by_a_saved_model(bytes in page_bytes()) {
        let Ok(page) = Page::from_bytes("x", &bytes, &PageOptions::default()) else { return Ok(()) };
        let first = classifier().classify(&page, Split::Auto).unwrap();
        let second = saved().classify(&page, Split::Auto).unwrap();
        let bits = |labelled: &unbait::classifier::LabelledPage| labelled.probabilities.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&first), bits(&second));
    }

    #[test]
    fn explanations_add_up_to_the_log_odds(bytes in page_bytes()) {
        let Ok(page) = Page::from_bytes("x", &bytes, &PageOptions::default()) else { return Ok(()) };
        let labelled = classifier().classify(&page, Split::Auto).unwrap();
        let explained = classifier().explain_blocks(&page, Split::Auto, |_| true).unwrap();
        prop_assert_eq!(explained.len(), labelled.labels.len());
        for ((explanation, label), row) in explained.iter().zip(&labelled.labels).zip(labelled.probabilities.rows()) {
            let sum = |list: &[(String, f64)]| list.iter().map(|(_, contribution)| contribution).sum::<f64>();
            prop_assert_eq!(explanation.label, *label);
            prop_assert!((sum(&explanation.ngram) + explanation.ngram_intercept - explanation.ngram_log_odds).abs() < 1e-6);
            prop_assert!((sum(&explanation.page) + explanation.page_constant - explanation.page_log_odds).abs() < 1e-6);
            let odds = (row[label.index()] / row[explanation.against.index()]).ln();
            prop_assert!((odds - explanation.page_log_odds).abs() < 1e-6);
        }
    }

    #[test]
    fn labels_come_back_from_annotation_tools_as_they_were_given(text in offset_text(), is_html in any::<bool>()) {
        let kind = if is_html { PageKind::Html } else { PageKind::Text };
        let page = Page::from_text("folder/page", text, Some(kind)).unwrap();
        let labelled = classifier().classify(&page, Split::Auto).unwrap();
        let names = classifier().labels();
        let given = LabelledBlocks {
            page: &page,
            url: Some("https://page.example/"),
            blocks: &labelled.segmented.blocks,
            labels: &labelled.labels,
            probabilities: labelled.probabilities.view(),
        };
        let mut wanted = given.span_text(names);
        for span in &mut wanted.spans {
            span.probability = None;
        }
        let blocks: Vec<(String, String)> = labelled
            .blocks()
            .map(|(block, label)| (block.text.clone(), names.name(label).to_owned()))
            .collect();
        for (out, back) in [
            (ExportFormat::LabelStudio, ImportFormat::LabelStudio),
            (ExportFormat::Prodigy, ImportFormat::Prodigy),
            (ExportFormat::Doccano, ImportFormat::Doccano),
            (ExportFormat::FastText, ImportFormat::FastText),
        ] {
            let record = Exporter::new(out, names).unwrap().record(&given).unwrap();
            let texts = imported(back, &accepted(out, &[record.clone(), record]));
            for text in &texts {
                prop_assert_eq!(&text.block_labels(None).unwrap().blocks, &blocks);
            }
            match back {
                // a page without a block leaves no line
                ImportFormat::FastText => prop_assert_eq!(texts.len(), if blocks.is_empty() { 0 } else { 2 }),
                _ => prop_assert_eq!(&texts, &[wanted.clone(), wanted.clone()]),
            }
        }
    }

    #[test]
    fn any_bytes_are_a_model_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Classifier::from_bytes("x", &bytes).is_err());
    }
}

/// The small model, written and read again.
fn saved() -> &'static Classifier {
    static SAVED: std::sync::OnceLock<Classifier> = std::sync::OnceLock::new();
    SAVED.get_or_init(|| Classifier::from_bytes("saved", &classifier().to_bytes().unwrap()).unwrap())
}

#[test]
fn a_saved_model_is_written_as_the_same_bytes() {
    assert_eq!(saved().to_bytes().unwrap(), classifier().to_bytes().unwrap());
}

/// Numbers of threads at which everything has to be the same.
const THREADS: [usize; 3] = [1, 2, 8];

/// Model bytes of a training on these pages, on this many threads.
fn trained_on(threads: usize, mut dataset: Dataset) -> Vec<u8> {
    let options = TrainOptions {
        most_features: 500,
        min_sites: 4,
        ..options()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        train(
            &mut dataset,
            &Extractions::default(),
            &unbait::main_text::MainTexts::default(),
            &options,
            &Silent,
        )
        .unwrap()
        .0
        .to_bytes()
        .unwrap()
    })
}

#[test]
fn training_twice_gives_the_same_bytes_on_any_number_of_threads() {
    let first = trained_on(1, some_pages(4));
    for threads in THREADS {
        assert!(first == trained_on(threads, some_pages(4)), "on {threads} threads");
    }
}

/// Lines in another order (the multiplicative generator of Park and Miller 1988).
fn shuffled(mut lines: Vec<String>, seed: u64) -> Vec<String> {
    let mut state = seed;
    for end in (1..lines.len()).rev() {
        state = state * 48_271 % 2_147_483_647;
        lines.swap(end, state as usize % (end + 1));
    }
    lines
}

fn lines_of(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(datasets().join(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_order_of_labelled_pages_makes_no_difference_on_any_number_of_threads() {
    let lines: Vec<String> = lines_of("html.jsonl").into_iter().step_by(3).collect();
    let model = |lines: &[String], files: usize, threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        for (number, lines) in lines.chunks(lines.len().div_ceil(files)).enumerate() {
            std::fs::write(folder.path().join(format!("{number}.jsonl")), lines.join("\n")).unwrap();
        }
        let mut dataset = Dataset::read(&[folder.path().to_owned()]).unwrap();
        // their checksums are in a model, and are others
        dataset.files.clear();
        trained_on(threads, dataset)
    };
    assert!(model(&lines, 1, 1) == model(&shuffled(lines.clone(), 7), 3, 8));
}

#[test]
fn the_order_of_records_changes_none_of_them_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.jsonl");
    let lines = lines_of("html.jsonl");
    let scored = |lines: &[String], threads: usize| {
        std::fs::write(&path, lines.join("\n")).unwrap();
        let threads = threads.to_string();
        let arguments = [
            "--html-key",
            "html",
            "--threads",
            threads.as_str(),
            path.to_str().unwrap(),
        ];
        let ended = run_with_model("score", arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut records: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
        assert_eq!(records.len(), lines.len());
        records.sort();
        records
    };
    let first = scored(&lines, 1);
    for threads in THREADS {
        assert!(
            first == scored(&shuffled(lines.clone(), threads as u64), threads),
            "{threads} threads"
        );
    }
}

#[test]
fn the_order_of_the_data_files_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["text.jsonl", "html.jsonl"].map(|name| datasets().join(name));
    let model = |name: &str, files: &[&std::path::PathBuf], threads: &str| {
        let path = folder.path().join(name);
        let options = [
            "--view",
            "text",
            "--folds",
            "2",
            "--min-sites",
            "6",
            "--tolerance",
            "0.05",
            "--allow-early-stop",
        ];
        let ended = unbait(["train"])
            .args(files)
            .arg("-o")
            .arg(&path)
            .args(options)
            .args(["--threads", threads])
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        (std::fs::read(path).unwrap(), ended.stdout)
    };
    let first = model("a", &[&files[0], &files[1]], "1");
    assert!(first == model("b", &[&files[1], &files[0]], "2"));
}

#[test]
fn results_are_in_the_order_of_the_inputs_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..200 {
        std::fs::write(
            folder.path().join(format!("{n:03}.txt")),
            format!("Page number {n}\n\n").repeat(1 + n % 7),
        )
        .unwrap();
    }
    let score = |threads: &str| run_with_model("score", ["--threads", threads, folder.path().to_str().unwrap()]).stdout;
    let found = score("1");
    let ids: Vec<String> = found
        .lines()
        .map(|line| line.split('"').nth(3).unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 200);
    assert!(ids.is_sorted());
    assert!(THREADS.into_iter().all(|threads| found == score(&threads.to_string())));
}
