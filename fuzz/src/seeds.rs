//! The pages of datasets/ and tests/pages/ to first inputs for every target, in the form that the target reads.
//!
//! An input is short, as libFuzzer tries many: of each page there is a part.

use super::classifier;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use unbait::corpus::packed::{Packer, Packing};
use unbait::dataset::{Dataset, GoldPage, files_in, page_of};
use unbait::exchange::{ExportFormat, Exporter, LabelledBlocks};
use unbait::label_file::{text_hash, without_text};
use unbait::page::PageKind;
use unbait::segment::Split;

/// Every how many of the labelled pages one becomes a seed (chosen).
const STEP: usize = 4;

/// Target and input of each seed, of the pages of this repository.
pub fn seeds(repository: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let dataset = Dataset::read(&[repository.join("datasets")]).expect("labelled pages");
    let mut seeds = Seeds(Vec::new());
    for page in dataset.pages.iter().step_by(STEP) {
        of_page(&mut seeds, &part_of(page));
    }
    for page in files_in(&repository.join("tests/pages"), |_| true).expect("pages") {
        match page.extension().and_then(OsStr::to_str) {
            Some("html") => seeds.add("html", read(&page)),
            Some(_) => seeds.add("text", read(&page)),
            None => {}
        }
    }
    let corrections = read(&repository.join("datasets/corrections.jsonl"));
    for line in corrections.split(|byte| *byte == b'\n').take(2) {
        seeds.add("label_file", line);
    }
    let pages = &dataset.pages[..3];
    for packing in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        seeds.add("parquet", table(pages, packing));
    }
    of_model(&mut seeds, &read(&repository.join("models/blocks.safetensors")));
    // a page of text that speaks of a key of Label Studio
    seeds.add(
        "annotations",
        "\x04A task has its \"predictions\": they are labels that nobody has seen yet.",
    );
    // a text that has no value, beside the HTML that is read in its place
    seeds.add(
        "json_lines",
        r#"{"html":"<p>A boat waits","text":"half of a character: \udfff"}"#,
    );
    // an original of one part, which refers to the first bytes of the output, and the end
    seeds.add("undo_file", b"\x04\0\0\x03a/b\x01\x05Hello\0\x05\0\0\0\x03\0\x04World");
    seeds.0
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file of this repository")
}

struct Seeds(Vec<(&'static str, Vec<u8>)>);

impl Seeds {
    fn add(&mut self, target: &'static str, bytes: impl AsRef<[u8]>) {
        self.0.push((target, bytes.as_ref().to_vec()));
    }
}

/// Characters of a page's HTML, and its blocks, that are a seed (chosen).
const HTML_CHARS: usize = 1_500;
const BLOCKS: usize = 5;

/// A part of a page.
fn part_of(gold: &GoldPage) -> GoldPage {
    let html = gold.html.as_deref().map(|html| {
        let body = html.split_once("<body").map_or(html, |(_, body)| body);
        format!("<body{}", body.chars().take(HTML_CHARS).collect::<String>())
    });
    GoldPage {
        html,
        text: None,
        blocks: gold.blocks.iter().take(BLOCKS).cloned().collect(),
        ..gold.clone()
    }
}

fn of_page(seeds: &mut Seeds, gold: &GoldPage) {
    let page = page_of(gold).expect("a page of this size");
    let (bytes, target) = match page.kind {
        PageKind::Html => (page.text.as_bytes(), "html"),
        PageKind::Text => (page.text.as_bytes(), "text"),
    };
    let line = |value: &Value| value.to_string() + "\n";
    seeds.add(target, bytes);
    seeds.add("sidecar", [&[3, 9, 0, 0], bytes].concat());
    seeds.add("labelled_pages", serde_json::to_vec(gold).expect("a page is JSON"));
    seeds.add(
        "label_file",
        serde_json::to_vec(&without_text(gold)).expect("labels are JSON"),
    );
    let block = &gold.blocks[0];
    seeds.add(
        "label_file",
        line(&json!({"id": gold.id, "extractor": "x", "text": block.text})),
    );
    seeds.add(
        "label_file",
        line(&json!({"id": gold.id, "text": gold.plain_text(), "main_text": block.text})),
    );
    let correction =
        json!({"id": gold.id, "text_hash": text_hash(&block.text), "was": block.label, "label": "x", "reason": "y"});
    seeds.add("label_file", line(&correction));

    let record = match page.kind {
        PageKind::Html => json!({"id": gold.id, "url": gold.url, "html": page.text}),
        PageKind::Text => json!({"id": gold.id, "text": page.text, "metadata": {"unbait": 1, "n": 1.50}}),
    };
    seeds.add("json_lines", line(&record).repeat(2));
    seeds.add("json_lines", packed(Packing::Gzip, line(&record).as_bytes()));
    of_archive(seeds, gold, bytes);
    for (number, packing) in (0..).zip(Packing::ALL) {
        seeds.add("packed", [&[number, 128], bytes].concat());
        seeds.add("packed", packed(packing, bytes));
    }

    let labelled = classifier().classify(&page, Split::Auto).expect("a labelled page");
    let given = LabelledBlocks {
        page: &page,
        url: gold.url.as_deref(),
        blocks: &labelled.segmented.blocks,
        labels: &labelled.labels,
        probabilities: labelled.probabilities.view(),
    };
    let tools = [
        ExportFormat::LabelStudio,
        ExportFormat::Prodigy,
        ExportFormat::Doccano,
        ExportFormat::FastText,
    ];
    for (control, format) in (0..).zip(tools) {
        let record = Exporter::new(format, classifier().labels()).and_then(|exporter| exporter.record(&given));
        let record = record
            .expect("a record")
            .replace("\"predictions\":", "\"annotations\":");
        seeds.add("annotations", [&[control], record.as_bytes()].concat());
    }
    let control = if page.kind == PageKind::Text { 4 } else { 5 };
    seeds.add("annotations", [&[control], bytes].concat());
}

/// The page as archives have it: as it was sent, packed, in chunks, as text.
fn of_archive(seeds: &mut Seeds, gold: &GoldPage, bytes: &[u8]) {
    let record = |kind: &str, media: &str, block: &[u8]| {
        let url = gold.url.as_deref().unwrap_or("https://page.example/");
        let header = format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:record:1>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n\
             WARC-Target-URI: {url}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
            block.len()
        );
        [header.as_bytes(), block, b"\r\n\r\n"].concat()
    };
    let http = |lines: &str, body: &[u8]| {
        [
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n",
            lines.as_bytes(),
            b"\r\n",
            body,
        ]
        .concat()
    };
    let media = "application/http; msgtype=response";
    let plain = record("response", media, &http("", bytes));
    let gzip = record(
        "response",
        media,
        &http("Content-Encoding: gzip\r\n", &packed(Packing::Gzip, bytes)),
    );
    let chunks = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat();
    let chunked = record("response", media, &http("Transfer-Encoding: chunked\r\n", &chunks));
    let text = record("conversion", "text/plain", gold.plain_text().as_bytes());
    let request = record(
        "request",
        "application/http; msgtype=request",
        b"GET / HTTP/1.1\r\n\r\n",
    );
    seeds.add("warc", [&request[..], &plain].concat());
    seeds.add("warc", gzip);
    seeds.add("warc", chunked);
    seeds.add("warc", [&text[..], &request].concat());
    seeds.add(
        "warc",
        [packed(Packing::Gzip, &plain), packed(Packing::Gzip, &text)].concat(),
    );
}

fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    let mut packer = Packer::new(Some(packing), Vec::new()).expect("an encoder");
    packer.write_all(bytes).expect("room");
    packer.finish().expect("room")
}

fn table(pages: &[GoldPage], compression: Compression) -> Vec<u8> {
    // the beginning of each page is enough
    let texts = pages
        .iter()
        .map(|page| page.plain_text().chars().take(200).collect::<String>());
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(pages.iter().map(|page| page.id.as_str())));
    let html: ArrayRef = Arc::new(BinaryArray::from_iter(
        pages.iter().map(|page| page.html.as_ref().map(|_| b"<p>One<p>Two")),
    ));
    let columns = [("id", ids), ("text", texts), ("html", html)];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).expect("columns");
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(2))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a table");
    writer.write(&batch).expect("room");
    writer.into_inner().expect("room")
}

/// The manifest of a model with a few of its features, and weights that are repeated.
fn of_model(seeds: &mut Seeds, model: &[u8]) {
    let (_, metadata) = SafeTensors::read_metadata(model).expect("a model file");
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get("unbait"))
        .expect("a model of unbait");
    let header: Value = serde_json::from_str(header).expect("JSON");
    let mut manifest: Value = serde_json::from_str(header["manifest"].as_str().expect("text")).expect("JSON");
    manifest["provenance"] = json!({"version": "0", "data": [], "options": {}, "pages": 1, "sites": 1});
    let manifest = manifest.to_string();
    let vocabulary = classifier()
        .kind(PageKind::Html)
        .expect("a model of HTML")
        .vocabulary
        .lines();
    let vocabulary: String = vocabulary
        .lines()
        .step_by(997)
        .map(|line| line.to_owned() + "\n")
        .collect();
    for wrong in 0..24 {
        let weights: &[u8] = &[wrong, 0, 60, 0, 180, 1, 44, 77];
        seeds.add(
            "model",
            [manifest.as_bytes(), b"\0", vocabulary.as_bytes(), b"\0", weights].concat(),
        );
    }
}
