//! Arguments to training options, and labelled pages read with everything that is odd about them named.
//!
//! Defaults are those of the library; nothing here has a default of its own.

use crate::choice::named_number;
use crate::output::{complain, note};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use unbait::corrections::Corrections;
use unbait::dataset::{DataFormat, DataOptions, Dataset};
use unbait::error::{Error, Result};
use unbait::exchange::ImportFormat;
use unbait::extraction::Extractions;
use unbait::main_text::{MAIN_TEXT_KEY, MainTexts};
use unbait::train::{Progress, TrainOptions};
use unbait::view::{View, parse_views};
use unbait::vocabulary::Group;

/// How labelled pages are looked at.
#[derive(clap::Args)]
pub struct DataArgs {
    /// What the labelled pages are written as. An annotation tool's text is a page of plain text; a block has the label that most of
    /// its characters are marked with, and none when half of them or fewer are marked
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = DataFormatName::Auto, requires = "data")]
    data_format: DataFormatName,
    /// Give this label to what no span marks in the texts of annotation tools; without it, it has none and nothing is learned from it
    #[arg(long, value_name = "LABEL", requires = "data")]
    outside: Option<String>,
    /// Corrections of labels, applied to the labelled pages: JSON lines with id, text_hash, was, label and reason, plain, .gz or
    /// .zst; can be given several times
    #[arg(long, value_name = "FILE", requires = "data")]
    corrections: Vec<PathBuf>,
    /// The only labels allowed in the data, separated by commas; without it all that occur
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "data")]
    labels: Vec<String>,
    /// Leave out the pages whose id begins with this; can be given several times
    #[arg(long, value_name = "PREFIX", requires = "data")]
    exclude: Vec<String>,
    /// The views of the pages: html, text (all blocks as plain text), extracted (what an extractor would leave), or all
    #[arg(long, default_value_t = Views(TrainOptions::default().views))]
    view: Views,
    /// Seed of the extracted view and of the folds
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().seed)]
    seed: u64,
    /// Largest share of the words of a page's blocks that need not stand in the page, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = TrainOptions::default().max_unmatched)]
    max_unmatched: f64,
    /// Number of threads; without it as many as there are processors
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DataFormatName {
    /// Told by the first record of each file
    Auto,
    /// JSON lines of unbait (datasets/README.md); of folders the .jsonl files
    Pages,
    /// Annotated tasks of Label Studio: the JSON export, or JSON lines; of folders the .json and .jsonl files. The last annotation
    /// that was not cancelled counts, and predictions do not
    LabelStudio,
    /// JSON lines of Prodigy (db-out); of folders the .jsonl files. Answers with reject or ignore are left out
    Prodigy,
    /// JSON lines of doccano; of folders the .jsonl files
    Doccano,
    /// Lines of fastText, a block each; a blank line ends a page; of folders the .txt files
    Fasttext,
}

impl DataFormatName {
    fn format(self) -> Option<DataFormat> {
        match self {
            Self::Auto => None,
            Self::Pages => Some(DataFormat::Pages),
            Self::LabelStudio => Some(DataFormat::Annotations(ImportFormat::LabelStudio)),
            Self::Prodigy => Some(DataFormat::Annotations(ImportFormat::Prodigy)),
            Self::Doccano => Some(DataFormat::Annotations(ImportFormat::Doccano)),
            Self::Fasttext => Some(DataFormat::Annotations(ImportFormat::FastText)),
        }
    }
}

/// Pages with main text, to measure on.
#[derive(clap::Args)]
pub struct MainTextArgs {
    /// Pages with their main text and no labels, to compare what is kept by words: JSON lines with id, html (or text), gold_text and
    /// perhaps url and page_type, plain, .gz or .zst; can be given several times. HTML is scored as HTML, whatever the --view
    #[arg(long, value_name = "FILE")]
    main_text: Vec<PathBuf>,
    /// The key of the main text
    #[arg(long, value_name = "KEY", default_value = MAIN_TEXT_KEY, requires = "main_text")]
    main_text_key: String,
}

impl MainTextArgs {
    /// Whether there are such pages.
    pub fn is_given(&self) -> bool {
        !self.main_text.is_empty()
    }

    /// Reads the pages; names bad records on standard error.
    pub fn read(&self) -> Result<MainTexts> {
        let main_texts = MainTexts::read(&self.main_text, &self.main_text_key)?;
        main_texts.errors.iter().for_each(complain);
        Ok(main_texts)
    }
}

/// How the two models are fitted.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct FitArgs {
    /// Further labelled pages to learn from, which no figure is made of: the figures stay those of DATA; can be given several times
    #[arg(long, value_name = "DATA")]
    also: Vec<PathBuf>,
    /// Texts that extractors left of the labelled pages, to learn from and to measure on: JSON lines with id, extractor and
    /// text, plain, .gz or .zst; can be given several times
    #[arg(long, value_name = "FILE")]
    extracted: Vec<PathBuf>,
    /// From how many extractors' texts of a page to learn, 0 to only measure on them
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().extractor_draws)]
    extractor_draws: usize,
    /// Leave out a group of features: words, characters, shape, position, overlap, heading, neighbours, elements, classes or
    /// containers; can be given several times
    #[arg(long, value_name = "GROUP", value_parser = Group::parse)]
    without: Vec<Group>,
    /// Learn from this share of the sites only, above 0 and up to 1, drawn with the seed; figures are still of all pages
    #[arg(long, value_name = "SHARE", default_value_t = TrainOptions::default().site_share)]
    site_share: f64,
    /// L2 penalty of the n-gram model against the sum of losses: 1/C of scikit-learn [default: 0.05, of lines 0.03]
    #[arg(long, value_name = "X")]
    pub penalty: Option<f64>,
    /// L2 penalty of the page model
    #[arg(long, value_name = "X", default_value_t = TrainOptions::default().page_penalty)]
    page_penalty: f64,
    /// A feature must occur on this many sites
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().min_sites)]
    min_sites: usize,
    /// The most features that a model keeps for each kind of page, or of lines [default: 30000, of lines 60000]
    #[arg(long, value_name = "N")]
    pub most_features: Option<usize>,
    /// Norm of the gradient of the mean loss at which a fit has converged [default: 0.005, of lines 0.002]
    #[arg(long, value_name = "X")]
    pub tolerance: Option<f64>,
    /// Most iterations of a fit
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().max_iterations)]
    pub max_iterations: u64,
    /// Take a fit that stopped before it converged
    #[arg(long, default_value_t = TrainOptions::default().allow_early_stop)]
    pub allow_early_stop: bool,
    /// Weight of a label's blocks in the loss of the n-gram model, such as caption=2; can be given once for each label
    #[arg(long, value_name = "LABEL=W", value_parser = named_number)]
    class_weight: Vec<(String, f64)>,
}

impl Default for FitArgs {
    fn default() -> Self {
        let options = TrainOptions::default();
        Self {
            also: Vec::new(),
            extracted: Vec::new(),
            extractor_draws: options.extractor_draws,
            without: Vec::new(),
            site_share: options.site_share,
            penalty: None,
            page_penalty: options.page_penalty,
            min_sites: options.min_sites,
            most_features: None,
            tolerance: None,
            max_iterations: options.max_iterations,
            allow_early_stop: options.allow_early_stop,
            class_weight: options.class_weights.into_iter().collect(),
        }
    }
}

/// The views to look at.
#[derive(Clone, Debug)]
pub struct Views(Vec<View>);

impl fmt::Display for Views {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == View::ALL {
            return out.write_str("all");
        }
        out.write_str(&self.0.iter().map(|view| view.as_str()).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Views {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        parse_views(name).map(Self)
    }
}

impl DataArgs {
    /// The training options with these views, this seed and this tolerance for unmatched words, else the usual ones.
    pub fn options(&self) -> Result<TrainOptions> {
        if !(0.0..=1.0).contains(&self.max_unmatched) {
            return Err(Error::Option {
                option: "--max-unmatched",
                problem: format!("{}; wanted 0 to 1", self.max_unmatched),
            });
        }
        Ok(TrainOptions {
            views: self.view.0.clone(),
            seed: self.seed,
            max_unmatched: self.max_unmatched,
            ..TrainOptions::default()
        })
    }

    /// Those of the options given that only pages have.
    pub fn of_pages(&self) -> impl Iterator<Item = &'static str> {
        let usual = TrainOptions::default();
        let given = [
            ("--data-format", self.data_format.format().is_some()),
            ("--outside", self.outside.is_some()),
            ("--corrections", !self.corrections.is_empty()),
            ("--labels", !self.labels.is_empty()),
            ("--exclude", !self.exclude.is_empty()),
            ("--view", self.view.0 != usual.views),
            ("--max-unmatched", self.max_unmatched != usual.max_unmatched),
        ];
        given
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(option, _)| option)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Reads the pages of these files and folders, and those that are only learned; names bad records and unknown keys on standard error.
    pub fn read(&self, data: &[PathBuf], fit: &FitArgs) -> Result<Dataset> {
        if !fit.extracted.is_empty() && !self.view.0.contains(&View::Extracted) {
            return Err(Error::Option {
                option: "--extracted",
                problem: format!(
                    "texts of extractors belong to the extracted view, and --view is {}; give extracted or all",
                    self.view
                ),
            });
        }
        let options = DataOptions {
            format: self.data_format.format(),
            outside: self.outside.clone(),
        };
        let mut dataset = Dataset::read_as(data, &options)?;
        if !fit.also.is_empty() {
            dataset.add_only_learned(&fit.also, &options)?;
        }
        note_unread(&dataset);
        self.correct(&mut dataset)?;
        let before = dataset.pages.len();
        dataset
            .pages
            .retain(|page| !self.exclude.iter().any(|prefix| page.id.starts_with(prefix)));
        if dataset.pages.len() < before {
            note(&format!(
                "{} of {before} pages left out (--exclude {})",
                before - dataset.pages.len(),
                self.exclude.join(" --exclude ")
            ));
        }
        for (key, place) in &dataset.unknown_keys {
            note(&format!(
                "{place}: the key {key:?} is none of a labelled page and is not read (first place)"
            ));
        }
        complain_from(&dataset, 0);
        if dataset.pages.is_empty() {
            return Err(Error::Dataset {
                problem: "no page could be read; correct the records named above".to_owned(),
            });
        }
        self.check_labels(&dataset)?;
        Ok(dataset)
    }

    /// Corrects labels; says what was corrected, and names corrections that change nothing and files that were not given.
    fn correct(&self, dataset: &mut Dataset) -> Result<()> {
        let is_given = |file: &PathBuf| self.corrections.iter().any(|given| is_same_file(given, file));
        for file in dataset.corrections.iter().filter(|file| !is_given(file)) {
            note(&format!(
                "{}: corrections that are not applied; give the file as --corrections",
                file.display()
            ));
        }
        if self.corrections.is_empty() {
            return Ok(());
        }
        let corrections = Corrections::read(&self.corrections)?;
        if !self.labels.is_empty() {
            corrections.check_labels(&self.labels)?;
        }
        let applied = corrections.apply(dataset);
        note(&format!("labels corrected: {}", applied.blocks));
        if !applied.idle.is_empty() {
            note(&format!(
                "{} of {} corrections change nothing: {}",
                applied.idle.len(),
                corrections.len(),
                listed(applied.idle.iter().map(ToString::to_string))
            ));
        }
        Ok(())
    }

    fn check_labels(&self, dataset: &Dataset) -> Result<()> {
        if self.labels.is_empty() {
            return Ok(());
        }
        for page in &dataset.pages {
            if let Some(block) = page.blocks.iter().find(|block| !self.labels.contains(&block.label)) {
                let allowed = self.labels.join(", ");
                let problem = format!(
                    "page {:?} has the label {:?}; --labels allows {allowed}",
                    page.id, block.label
                );
                return Err(Error::Dataset { problem });
            }
        }
        Ok(())
    }
}

/// How many things a note lists (chosen: a note that can be read).
const MOST_NAMED: usize = 10;

/// Some of these by name, and how many more there are.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let mut listed: Vec<String> = names.take(MOST_NAMED).collect();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}

/// Names the files that were passed over and counts the records that were left out.
pub fn note_unread(dataset: &Dataset) {
    if !dataset.passed_over.is_empty() {
        note(&format!(
            "files that hold no labelled pages are passed over: {}",
            listed(dataset.passed_over.iter().map(|file| file.display().to_string()))
        ));
    }
    for ((file, reason), count) in &dataset.left_out {
        note(&format!(
            "{}: records left out: {count} ({})",
            file.display(),
            reason.as_str()
        ));
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Names the errors of a data set from this number on.
pub fn complain_from(dataset: &Dataset, first: usize) {
    dataset.errors.iter().skip(first).for_each(complain);
}

impl FitArgs {
    /// Reads the texts of extractors; names bad records on standard error, and how many texts are of no labelled page.
    pub fn read_extractions(&self, dataset: &Dataset) -> Result<Extractions> {
        let extractions = Extractions::read(&self.extracted)?;
        extractions.errors.iter().for_each(complain);
        let known: BTreeSet<&str> = dataset.pages.iter().map(|page| page.id.as_str()).collect();
        let strangers: Vec<&str> = extractions.ids().filter(|id| !known.contains(id)).collect();
        if let Some(first) = strangers.first() {
            note(&format!(
                "--extracted has texts of {} pages that are not among the labelled ones and are not used, such as {first:?}",
                strangers.len()
            ));
        }
        Ok(extractions)
    }

    /// Those of the options given that only pages have.
    pub fn of_pages(&self) -> impl Iterator<Item = &'static str> {
        let usual = Self::default();
        let given = [
            ("--also", !self.also.is_empty()),
            ("--extracted", !self.extracted.is_empty()),
            ("--extractor-draws", self.extractor_draws != usual.extractor_draws),
            ("--without", !self.without.is_empty()),
            ("--site-share", self.site_share != usual.site_share),
            ("--page-penalty", self.page_penalty != usual.page_penalty),
            ("--min-sites", self.min_sites != usual.min_sites),
            ("--class-weight", !self.class_weight.is_empty()),
        ];
        given
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(option, _)| option)
    }

    /// Other options with these for the fits.
    pub fn options(&self, options: TrainOptions) -> TrainOptions {
        TrainOptions {
            extractor_draws: self.extractor_draws,
            recipe: options.recipe.without(&self.without),
            site_share: self.site_share,
            penalty: self.penalty.unwrap_or(options.penalty),
            page_penalty: self.page_penalty,
            min_sites: self.min_sites,
            most_features: self.most_features.unwrap_or(options.most_features),
            tolerance: self.tolerance.unwrap_or(options.tolerance),
            max_iterations: self.max_iterations,
            allow_early_stop: self.allow_early_stop,
            class_weights: self.class_weight.iter().cloned().collect(),
            ..options
        }
    }
}

/// Tells on standard error what is going on: a bar on a terminal, else a line for each step.
#[derive(Default)]
pub struct Steps(Mutex<Option<ProgressBar>>);

impl Steps {
    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Steps {
    fn begin(&self, step: &str, parts: usize) {
        self.end();
        if !std::io::stderr().is_terminal() {
            note(step);
            return;
        }
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}")
            .map(|style| style.progress_chars("=> "));
        let bar = ProgressBar::new(parts as u64).with_message(step.to_owned());
        *self.bar() = Some(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        });
    }

    fn advance(&self) {
        if let Some(bar) = self.bar().as_ref() {
            bar.inc(1);
        }
    }
}
