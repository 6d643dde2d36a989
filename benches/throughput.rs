//! Bytes per second on one core, from pages to labelled blocks, beside what sets the floor in the same run.
//!
//! Pages are those of `datasets/`; with `UNBAIT_DATA` naming a folder that has `bench-pages.jsonl.zst`, real ones. Headlines are their
//! teasers: blocks of 4 to 16 words in which no sentence ends.

mod pages;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use html5ever::tendril::TendrilSink;
use std::sync::OnceLock;
use unbait::classifier::Classifier;
use unbait::line_classifier::LineClassifier;
use unbait::page::{Page, PageKind};
use unbait::segment::{Split, segment};

fn main() {
    divan::main();
}

/// What stands between blocks of plain text.
const BETWEEN: &str = "\n\n";

/// HTML pages and the same pages as plain text, a block a paragraph.
struct Corpus {
    html: Vec<Page>,
    text: Vec<Page>,
}

fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let html: Vec<Page> = pages::sources()
            .into_iter()
            .map(|source| page(source, PageKind::Html))
            .collect();
        let text = html
            .iter()
            .map(|page_of_html| {
                let blocks = segment(page_of_html, Split::Auto).blocks;
                page(
                    blocks
                        .iter()
                        .map(|block| block.text.as_str())
                        .collect::<Vec<_>>()
                        .join(BETWEEN),
                    PageKind::Text,
                )
            })
            .collect();
        Corpus { html, text }
    })
}

fn page(text: String, kind: PageKind) -> Page {
    Page::from_text("bench", text, Some(kind)).expect("bench pages are small")
}

fn bytes(pages: &[Page]) -> BytesCount {
    BytesCount::new(pages.iter().map(|page| page.text.len()).sum::<usize>())
}

#[divan::bench(sample_count = 10)]
fn html_to_labelled_blocks(bencher: Bencher) {
    let classifier = Classifier::shipped().expect("the shipped model");
    let pages = &corpus().html;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            black_box(classifier.classify(page, Split::Auto)).expect("a labelled page");
        }
    });
}

#[divan::bench(sample_count = 10)]
fn html_to_blocks(bencher: Bencher) {
    let pages = &corpus().html;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            black_box(segment(page, Split::Auto));
        }
    });
}

/// The peer for HTML: html5ever's tree, without any use of it.
#[divan::bench(sample_count = 10)]
fn html_to_html5ever_tree(bencher: Bencher) {
    let pages = &corpus().html;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            let sink = markup5ever_rcdom::RcDom::default();
            black_box(html5ever::parse_document(sink, Default::default()).one(page.text.as_str()));
        }
    });
}

#[divan::bench(sample_count = 10)]
fn text_to_labelled_blocks(bencher: Bencher) {
    let classifier = Classifier::shipped().expect("the shipped model");
    let pages = &corpus().text;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            black_box(classifier.classify(page, Split::Auto)).expect("a labelled page");
        }
    });
}

/// The time of a byte is to be the same on a long page, but for the memory that the page takes.
#[divan::bench(sample_count = 3, args = [10_000, 1_000_000, 100_000_000])]
fn text_of_one_page_to_labelled_blocks(bencher: Bencher, size: usize) {
    let classifier = Classifier::shipped().expect("the shipped model");
    let mut text = String::with_capacity(size);
    for page in corpus().text.iter().cycle() {
        let left = size - text.len();
        if page.text.len() + BETWEEN.len() > left {
            // what is left is filled with the first blocks of the page
            let fits = (0..=left.min(page.text.len()))
                .rev()
                .find(|at| page.text.is_char_boundary(*at));
            let blocks = page.text[..fits.unwrap_or(0)].rfind(BETWEEN).unwrap_or(0);
            text.push_str(&page.text[..blocks]);
            break;
        }
        text.push_str(&page.text);
        text.push_str(BETWEEN);
    }
    let page = [page(text, PageKind::Text)];
    bencher.counter(bytes(&page)).bench_local(|| {
        black_box(classifier.classify(&page[0], Split::Auto)).expect("a labelled page");
    });
}

#[divan::bench(sample_count = 10)]
fn text_to_blocks(bencher: Bencher) {
    let pages = &corpus().text;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            black_box(segment(page, Split::Auto));
        }
    });
}

/// The peer for text: a Snowball stem of every word, without a cache.
#[divan::bench(sample_count = 10)]
fn text_to_stems(bencher: Bencher) {
    let stemmer = rust_stemmers::Stemmer::create(rust_stemmers::Algorithm::English);
    let pages = &corpus().text;
    bencher.counter(bytes(pages)).bench_local(|| {
        for page in pages {
            for word in page
                .text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
            {
                black_box(stemmer.stem(&word.to_lowercase()));
            }
        }
    });
}

/// Lines that are scored in a run, of which there are fewer different ones.
const HEADLINES: usize = 100_000;

fn headlines() -> Vec<String> {
    let blocks: Vec<String> = corpus()
        .html
        .iter()
        .flat_map(|page| segment(page, Split::Auto).blocks)
        .map(|block| block.text)
        .filter(|text| (4..=16).contains(&text.split(' ').count()) && !text.ends_with('.'))
        .collect();
    blocks.into_iter().cycle().take(HEADLINES).collect()
}

#[divan::bench(sample_count = 10)]
fn headlines_to_scores(bencher: Bencher) {
    let classifier = LineClassifier::clickbait().expect("the shipped model");
    let headlines = headlines();
    let lines: Vec<&str> = headlines.iter().map(String::as_str).collect();
    bencher
        .counter(ItemsCount::new(lines.len()))
        .bench_local(|| black_box(classifier.scores(&lines)));
}

/// The peer for headlines: a Snowball stem of every word, without a cache.
#[divan::bench(sample_count = 10)]
fn headlines_to_stems(bencher: Bencher) {
    let stemmer = rust_stemmers::Stemmer::create(rust_stemmers::Algorithm::English);
    let headlines = headlines();
    bencher.counter(ItemsCount::new(headlines.len())).bench_local(|| {
        for headline in &headlines {
            let words = headline.split(|c: char| !c.is_alphanumeric());
            for word in words.filter(|word| !word.is_empty()) {
                black_box(stemmer.stem(&word.to_lowercase()));
            }
        }
    });
}

#[divan::bench(sample_count = 20)]
fn load_the_shipped_model(bencher: Bencher) {
    bencher.bench_local(|| black_box(Classifier::shipped()).expect("the shipped model"));
}
