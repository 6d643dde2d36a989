//! Runs one tool over a file of pages and prints its CPU seconds and its peak memory as JSON: the Rust half of `compare.py`.
//!
//! Only the tool's own work is timed, page by page; pages are read one at a time, so that the peak memory is that of a stream.

use cpu_time::ProcessTime;
use serde_json::{Value, json};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::time::Duration;
use unbait::classifier::Classifier;
use unbait::dataset::Dataset;
use unbait::page::{Page, PageKind};
use unbait::segment::{Split, segment};
use unbait::vectorizer::Vectorizer;
use unbait::view::{View, view_page};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["html", tool, pages] => time(pages, "html", html_tool(tool)),
        ["text", tool, pages] => time(pages, "text", text_tool(tool)),
        ["make-text", key, pages, out] => make_text(key, pages, out),
        ["make-rows", labelled, out] => make_rows(labelled, out),
        _ => {
            eprintln!("wanted: html TOOL PAGES, text TOOL PAGES, make-text KEY PAGES OUT or make-rows LABELLED OUT");
            std::process::exit(2);
        }
    }
}

type Tool = Box<dyn Fn(&str)>;

fn html_tool(name: &str) -> Tool {
    let page =
        |html: &str| Page::from_text("page", html.to_owned(), Some(PageKind::Html)).expect("a page of usual size");
    match name {
        "unbait" => {
            let classifier = Classifier::shipped().expect("the shipped model");
            Box::new(move |html| {
                black_box(classifier.classify(&page(html), Split::Auto).expect("a labelled page"));
            })
        }
        "unbait, blocks alone" => Box::new(move |html| {
            black_box(segment(&page(html), Split::Auto));
        }),
        "UTF-8 validation alone" => Box::new(|html| {
            black_box(std::str::from_utf8(black_box(html.as_bytes())).expect("UTF-8"));
        }),
        "html5gum, tokens alone" => Box::new(|html| {
            black_box(html5gum::Tokenizer::new(html).count());
        }),
        "dom_smoothie" => Box::new(|html| {
            let found = dom_smoothie::Readability::new(html, None, None).and_then(|mut page| page.parse());
            black_box(found.map(|article| article.text_content.len()).ok());
        }),
        "readability (Rust)" => {
            let address = url::Url::parse("https://example.org/").expect("an address");
            Box::new(move |html| {
                black_box(readability::extractor::extract(&mut html.as_bytes(), &address).ok());
            })
        }
        "boilerpipe (Rust)" => Box::new(|html| {
            black_box(boilerpipe::parse_document(html).content());
        }),
        "rs-trafilatura" => Box::new(|html| {
            black_box(rs_trafilatura::extract(html).ok());
        }),
        "trafilatura (Rust)" => {
            let options = trafilatura::Options::default();
            Box::new(move |html| {
                black_box(trafilatura::extract(html, &options).ok());
            })
        }
        _ => panic!("no tool for HTML is called {name}"),
    }
}

fn text_tool(name: &str) -> Tool {
    match name {
        "unbait" => {
            let classifier = Classifier::shipped().expect("the shipped model");
            Box::new(move |text| {
                let page =
                    Page::from_text("page", text.to_owned(), Some(PageKind::Text)).expect("a page of usual size");
                black_box(classifier.classify(&page, Split::Auto).expect("a labelled page"));
            })
        }
        _ => panic!("no tool for text is called {name}"),
    }
}

fn lines(path: &str) -> impl Iterator<Item = Value> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    BufReader::new(file)
        .lines()
        .map(|line| serde_json::from_str(&line.expect("a line of UTF-8")).expect("a line of JSON"))
}

fn time(path: &str, key: &str, tool: Tool) {
    let mut bytes = 0;
    let mut time = Duration::ZERO;
    // a peer that panics on a page has had its time as well
    std::panic::set_hook(Box::new(|_| {}));
    let mut failed = 0;
    for page in lines(path) {
        let text = page[key].as_str().expect("a page's text");
        bytes += text.len();
        let start = ProcessTime::now();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tool(text)));
        time += start.elapsed();
        failed += usize::from(done.is_err());
    }
    let kib = peak_kib();
    println!(
        "{}",
        json!({"bytes": bytes, "seconds": time.as_secs_f64(), "kib": kib, "failed": failed})
    );
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Writes the blocks of each page, which stands as `html` or as `text` in its record, as one plain text with a blank line between blocks.
fn make_text(key: &str, pages: &str, out: &str) {
    let kind = if key == "html" { PageKind::Html } else { PageKind::Text };
    let mut out = BufWriter::new(File::create(out).expect("a file to write"));
    for page in lines(pages) {
        let text = page[key].as_str().expect("a page's text").to_owned();
        let page = Page::from_text("page", text, Some(kind)).expect("a page of usual size");
        let segmented = segment(&page, Split::Auto);
        let blocks: Vec<&str> = segmented.blocks.iter().map(|block| block.text.as_str()).collect();
        writeln!(out, "{}", json!({"text": blocks.join("\n\n")})).expect("a line was written");
    }
}

/// Writes each labelled block in all three views with its page, its label, its text and its row in the shipped model's columns.
fn make_rows(labelled: &str, out: &str) {
    let classifier = Classifier::shipped().expect("the shipped model");
    let vectorizer = Vectorizer::new(classifier.recipe().clone()).expect("a recipe");
    let dataset = Dataset::read(&[labelled.into()]).expect("labelled pages");
    let labels = dataset.labels().expect("labels");
    let mut out = BufWriter::new(File::create(out).expect("a file to write"));
    for gold in &dataset.pages {
        for view in View::ALL {
            let Ok(page) = view_page(gold, view, &labels, 1.0, 1) else {
                continue;
            };
            let kind = classifier.kind(view.kind()).expect("a model of each kind");
            let vectors = vectorizer.transform(&page.segmented, &kind.vocabulary);
            for (number, (block, label)) in page.segmented.blocks.iter().zip(&page.labels).enumerate() {
                let Some(label) = label else { continue };
                let (columns, values) = vectors.rows.row(number);
                let line = json!({
                    "page": gold.id,
                    "site": gold.site(),
                    "view": view.as_str(),
                    "label": labels.name(*label),
                    "text": block.text,
                    "columns": columns,
                    "values": values,
                });
                writeln!(out, "{line}").expect("a line was written");
            }
        }
    }
}
