//! `unbait import`: labels without text, joined with the pages that they were given to.
//!
//! A page is found by its id, else by its address, else by the name of its file; of several copies the one that most labels fit counts.

use crate::Outcome;
use crate::output::{complain, json, note, output_path, pack, write_file};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use unbait::dataset::{files_in, holds_lines, read_lines};
use unbait::error::{Error, Result};
use unbait::label_file::{Joined, LabelFile, LabelledHashes, bare_address, join};
use unbait::page::{Page, PageOptions};
use unbait::train::TrainOptions;

const EXAMPLE: &str = "\
Example:
  unbait import datasets/labels/more.labels.zst --pages downloaded/ -o more.jsonl.zst";

/// Join labels that were published without their pages with the pages.
///
/// The pages are JSON lines with `id`, `url` and `html` (or `text`), or files of HTML that are named by the last part of a
/// page's id. Pages that are not found, and pages that most labels do not fit, are counted and named.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Labels without pages, as `unbait export` writes them
    #[arg(value_name = "LABELS", required = true)]
    labels: Vec<PathBuf>,
    /// Where the pages are: JSON lines, plain, .gz or .zst, HTML files, and folders of them; can be given several times
    #[arg(long, value_name = "PATH", required = true)]
    pages: Vec<PathBuf>,
    /// Labelled pages to write, packed if it ends in .gz or .zst
    #[arg(short, long, value_name = "FILE", value_parser = output_path())]
    output: PathBuf,
    /// Largest share of a page's labels whose blocks the page need not have, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = TrainOptions::default().max_unmatched)]
    max_unmatched: f64,
}

/// A page as data sets hold it; other keys are not read.
#[derive(Deserialize)]
struct Record {
    id: Option<String>,
    url: Option<String>,
    html: Option<String>,
    text: Option<String>,
}

/// Labels that wait for their page, and how a page's names lead to them.
struct Wanted {
    labels: Vec<LabelledHashes>,
    by_id: BTreeMap<String, usize>,
    by_address: BTreeMap<String, Vec<usize>>,
    by_file: BTreeMap<String, Vec<usize>>,
    best: Vec<Option<Joined>>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    if !(0.0..=1.0).contains(&args.max_unmatched) {
        return Err(Error::Option {
            option: "--max-unmatched",
            problem: format!("{}; wanted 0 to 1", args.max_unmatched),
        });
    }
    let mut failed = false;
    let mut wanted = Wanted::read(&args.labels, &mut failed)?;
    for path in &args.pages {
        // a file that is named is read whatever its name is
        for file in files_in(path, |file| file == path || holds_lines(file) || is_html(file))? {
            if let Err(error) = wanted.read_pages(&file, &mut failed) {
                complain(&error);
                failed = true;
            }
        }
    }
    let mut lines = String::new();
    let (mut joined, mut lost) = (0, 0);
    for (labels, best) in wanted.labels.iter().zip(wanted.best) {
        let Some(best) = best else {
            note(&format!(
                "page {:?} ({}) was not found",
                labels.id,
                labels
                    .url
                    .as_deref()
                    .filter(|url| !url.is_empty())
                    .unwrap_or("no address")
            ));
            failed = true;
            continue;
        };
        if best.lost as f64 > args.max_unmatched * labels.blocks.len() as f64 {
            note(&format!(
                "page {:?} is left out: {} of {} labels do not fit it (--max-unmatched {}); it is another version of the page",
                labels.id,
                best.lost,
                labels.blocks.len(),
                args.max_unmatched
            ));
            failed = true;
            continue;
        }
        joined += 1;
        lost += best.lost;
        lines += &json(&best.page)?;
        lines.push('\n');
    }
    if joined == 0 {
        return Err(Error::Dataset {
            problem: format!(
                "none of the {} pages was found; give the folder of the pages' data set as --pages",
                wanted.labels.len()
            ),
        });
    }
    write_file(&args.output, &pack(&args.output, lines.into_bytes())?)?;
    note(&format!(
        "{joined} of {} pages joined, {lost} labels of theirs lost",
        wanted.labels.len()
    ));
    Ok(if failed { Outcome::SomeFailed } else { Outcome::Done })
}

impl Wanted {
    fn read(paths: &[PathBuf], failed: &mut bool) -> Result<Self> {
        let mut wanted = Self {
            labels: Vec::new(),
            by_id: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_file: BTreeMap::new(),
            best: Vec::new(),
        };
        for path in paths {
            let file = LabelFile::read(path)?;
            *failed |= !file.errors.is_empty();
            file.errors.iter().for_each(complain);
            wanted.labels.extend(file.pages);
        }
        for (at, labels) in wanted.labels.iter().enumerate() {
            if wanted.by_id.insert(labels.id.clone(), at).is_some() {
                return Err(Error::Dataset {
                    problem: format!(
                        "the id {:?} stands twice among the labels; give each page once",
                        labels.id
                    ),
                });
            }
            if let Some(url) = address_of(&labels.url) {
                wanted.by_address.entry(url.to_owned()).or_default().push(at);
            }
            let name = labels.id.rsplit('/').next().unwrap_or(&labels.id);
            wanted.by_file.entry(name.to_owned()).or_default().push(at);
        }
        wanted.best.resize(wanted.labels.len(), None);
        Ok(wanted)
    }

    fn read_pages(&mut self, path: &Path, failed: &mut bool) -> Result<()> {
        if is_html(path) {
            return self.read_html(path);
        }
        let mut problems = Vec::new();
        read_lines(path, |line, record| {
            let offered = serde_json::from_slice::<Record>(record)
                .map_err(|error| error.to_string())
                .and_then(|record| self.offer_record(record).map_err(|error| error.to_string()));
            if let Err(problem) = offered {
                problems.push(Error::Record {
                    path: path.to_owned(),
                    line,
                    problem: format!(
                        "no page: {problem}; wanted one JSON object with `id` or `url`, and `html` or `text`"
                    ),
                });
            }
        })?;
        *failed |= !problems.is_empty();
        problems.iter().for_each(complain);
        Ok(())
    }

    fn offer_record(&mut self, record: Record) -> Result<()> {
        let by_id = record.id.as_ref().and_then(|id| self.by_id.get(id)).copied();
        let address = address_of(&record.url);
        let by_address = address
            .and_then(|address| self.by_address.get(address))
            .into_iter()
            .flatten();
        let found: BTreeSet<usize> = by_id.into_iter().chain(by_address.copied()).collect();
        for at in found {
            self.offer(at, record.html.clone(), record.text.clone())?;
        }
        Ok(())
    }

    fn read_html(&mut self, path: &Path) -> Result<()> {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let full = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let names = [name, full].into_iter().flatten();
        let found: BTreeSet<usize> = names
            .filter_map(|name| self.by_file.get(&name))
            .flatten()
            .copied()
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let page = Page::from_bytes(&path.display().to_string(), &bytes, &PageOptions::default())?;
        for at in found {
            self.offer(at, Some(page.text.clone()), None)?;
        }
        Ok(())
    }

    /// Keeps a page for these labels if they fit it better than the one that was found before.
    fn offer(&mut self, at: usize, html: Option<String>, text: Option<String>) -> Result<()> {
        if html.is_none() && text.is_none() {
            return Ok(());
        }
        let joined = join(&self.labels[at], html, text)?;
        if self.best[at].as_ref().is_none_or(|best| joined.lost < best.lost) {
            self.best[at] = Some(joined);
        }
        Ok(())
    }
}

/// What is compared of an address; an empty one is none.
fn address_of(url: &Option<String>) -> Option<&str> {
    url.as_deref().map(bare_address).filter(|address| !address.is_empty())
}

fn is_html(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
}
