//! Labelled pages to a classifier: vocabulary, n-gram model, its out-of-fold scores, page model.
//!
//! The page model is fitted on out-of-fold scores only: scores of blocks that the n-gram model was fitted on are too sure.

use crate::balance::{Balance, BodyLoss, LossTable, Priority};
use crate::classifier::{Classifier, KindModel, Provenance, most_likely};
use crate::dataset::{Dataset, GoldPage, MatchedPage};
use crate::error::{Error, Result};
use crate::evaluate::{
    Calibration, Estimate, Figures, Judged, KeptWords, Overlap, WordBag, calibration, figures, kept_words,
};
use crate::extraction::{Extractions, match_extraction};
use crate::label::{Label, LabelSet, USUAL_ORDER};
use crate::main_text::{Keeping, MainTextPage, MainTextReport, MainTexts};
use crate::ngram_fit::{SoftmaxProblem, Stop};
use crate::ngram_model::NgramModel;
use crate::page::PageKind;
use crate::page_features::{feature_count, page_features};
use crate::page_fit::{PageFit, PageFitOptions, PageSample, fit_page_model};
use crate::page_model::PageModel;
use crate::risk::{LossReport, RiskBlock, USUAL_LOSSES, body_sites, highest_threshold, loss_figures, loss_table};
use crate::segment::Segmented;
use crate::vectorizer::{BlockFacts, BlockSink, Recipe, SparseMatrix, Vectorizer};
use crate::view::{View, short_page, view_page, views_of};
use crate::vocabulary::{Family, HashedMap, Sink, Vocabulary, hash_of_spelling};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a classifier is trained. The defaults made the shipped model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// How blocks become vectors.
    pub recipe: Recipe,
    /// The views in which the pages are learned.
    pub views: Vec<View>,
    /// How many times each page is drawn in the extracted view for the n-gram model; the page model and all figures take the
    /// first draw alone.
    pub extracted_draws: usize,
    /// How many short pages are made of each HTML page, to be learned besides ([`short_page`]).
    pub short_pages: usize,
    /// From how many extractors' texts of a page, where there are some, the n-gram model learns besides; drawn with the seed, so that
    /// over the pages each extractor has its turn.
    pub extractor_draws: usize,
    /// Number of folds by site, 2 or more.
    pub folds: usize,
    /// The share of the sites that are learned from, above 0 and up to 1, drawn with the seed; figures are of all sites.
    pub site_share: f64,
    /// Seed of the extracted view and of the folds.
    pub seed: u64,
    /// L2 penalty of the n-gram model: multiplies |W|^2 / 2 against the SUM of losses, 1 / C of liblinear and scikit-learn.
    pub penalty: f64,
    /// The same for the last layer of the page model.
    pub page_penalty: f64,
    /// A feature must occur on this many sites.
    pub min_sites: usize,
    /// The most features that a model keeps for each kind of page; those that move scores most stay.
    pub most_features: usize,
    /// Norm of the gradient of the mean loss at which a fit of the n-gram model has converged, each weight in units of its
    /// curvature (the square root of rows / (penalty + a quarter of the column's sum of squares)).
    pub tolerance: f64,
    /// Norm of the gradient of the mean loss at which the fit of the page model's last layer has converged.
    pub page_tolerance: f64,
    /// About the most rows that the last layer of the page model is fitted on; where there are more, every second or third is taken.
    pub page_rows: usize,
    /// Most iterations of a fit.
    pub max_iterations: u64,
    /// Whether a fit that stopped before it converged is taken all the same.
    pub allow_early_stop: bool,
    /// Weight of a label's blocks in the loss of the n-gram model, by label name; 1 where a name is missing.
    pub class_weights: BTreeMap<String, f64>,
    /// Largest share of a page's gold words that need not stand in the page, 0 to 1.
    pub max_unmatched: f64,
    /// Shares of the `body` words for which the model keeps thresholds that lose no more.
    pub body_losses: Vec<BodyLoss>,
    /// Whether figures out of fold are made, and of them the thresholds of `body_losses`; without, a training is several times as fast.
    pub figures: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            recipe: Recipe::default(),
            views: View::ALL.to_vec(),
            extracted_draws: 3,
            short_pages: 2,
            extractor_draws: 3,
            folds: 5,
            site_share: 1.0,
            seed: 1,
            penalty: 0.05,
            page_penalty: 1.0,
            min_sites: 3,
            most_features: 30_000,
            tolerance: 5e-3,
            page_tolerance: 1e-3,
            page_rows: 200_000,
            max_iterations: 300,
            allow_early_stop: false,
            class_weights: BTreeMap::new(),
            max_unmatched: 0.1,
            body_losses: USUAL_LOSSES
                .into_iter()
                .filter_map(|share| BodyLoss::new(share).ok())
                .collect(),
            figures: true,
        }
    }
}

impl TrainOptions {
    /// When a fit of the n-gram model ends.
    fn stop(&self) -> Stop {
        Stop {
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
            allow_early_stop: self.allow_early_stop,
        }
    }

    /// Checks the ranges that the fields document.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn validate(&self) -> Result<()> {
        let wrong = |option, problem: String| Err(Error::Option { option, problem });
        self.recipe.validate()?;
        if self.folds < 2 {
            return wrong("--folds", format!("{} folds; wanted 2 or more", self.folds));
        }
        for (option, value) in [
            ("--penalty", self.penalty),
            ("--page-penalty", self.page_penalty),
            ("--tolerance", self.tolerance),
            ("--page-tolerance", self.page_tolerance),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(option, format!("{value}; wanted a number above 0"));
            }
        }
        if let Some((label, weight)) = self
            .class_weights
            .iter()
            .find(|(_, weight)| !(weight.is_finite() && **weight > 0.0))
        {
            return wrong("--class-weight", format!("{label}={weight}; wanted a weight above 0"));
        }
        if !(self.site_share > 0.0 && self.site_share <= 1.0) {
            return wrong(
                "--site-share",
                format!("{}; wanted above 0 and up to 1", self.site_share),
            );
        }
        if self.most_features == 0 || self.views.is_empty() {
            return wrong(
                "--most-features",
                "0 features or no view; wanted at least one".to_owned(),
            );
        }
        Ok(())
    }
}

/// What is told while a training runs.
pub trait Progress: Sync {
    /// A step of this many parts begins.
    fn begin(&self, step: &str, parts: usize);
    /// A part of it is done.
    fn advance(&self);
}

/// Tells nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize) {}
    fn advance(&self) {}
}

/// How a fit ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FitReport {
    /// `html` or `text`.
    pub kind: String,
    /// `n-gram` or `page`.
    pub model: String,
    /// Rows that were fitted.
    pub rows: usize,
    /// Columns of the fit (for the n-gram model before the largest ones are picked).
    pub columns: usize,
    /// Iterations; `None` for the page model, whose solver does not tell.
    pub iterations: Option<u64>,
    /// Norm of the gradient of the mean loss at the weights.
    pub gradient_norm: f64,
    /// Whether that is above the tolerance (possible only if an early stop was allowed).
    pub stopped_early: bool,
}

/// What a training or a cross-validation found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Number of labelled pages that were used.
    pub pages: usize,
    /// Number of sites.
    pub sites: usize,
    /// Number of folds by site.
    pub folds: usize,
    /// Gold blocks by label name.
    pub blocks: BTreeMap<String, usize>,
    /// Words of gold, and those of them that do not stand in the pages (HTML view).
    pub gold_words: usize,
    /// See `gold_words`.
    pub unmatched_words: usize,
    /// Blocks of the pages that gold has no label for.
    pub unlabelled_blocks: usize,
    /// How the final fits ended.
    pub fits: Vec<FitReport>,
    /// Out-of-fold figures by view: n-gram model alone, both models, and both weighted by words.
    pub views: BTreeMap<String, ViewReport>,
    /// What is gained by keeping only the article after an extractor, out of fold, by the extractor's name; empty without texts
    /// of extractors, and when no label is called `body`.
    pub after_extractors: BTreeMap<String, AfterExtractor>,
    /// What is kept of pages with main text, out of fold; `None` without such pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_text: Option<MainTextReport>,
    /// What bounds on lost `body` words do, smallest loss first; empty when no label is called `body`. The figures are out of fold, and
    /// each site is judged with a threshold that was chosen on other sites.
    pub body_losses: Vec<LossReport>,
    /// Sites with judged `body` words by kind of page, on which thresholds are chosen; of several views the fewest.
    pub body_sites: BTreeMap<String, usize>,
}

/// An extractor's texts against the pages' article, before and after only the blocks labelled as article are kept.
/// The words of all gold blocks labelled `body` are wanted; pages without one are left out. Means over pages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AfterExtractor {
    /// Number of pages.
    pub pages: usize,
    /// The extractor's text as it is.
    pub before: Overlap,
    /// What is kept of it, by priority: `recall`, `balanced` and `precision`.
    pub after: BTreeMap<String, Overlap>,
}

/// Out-of-fold figures of one view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViewReport {
    /// The n-gram model alone, by blocks.
    pub ngram: Figures,
    /// With the page model, by blocks.
    pub blocks: Figures,
    /// With the page model, by words.
    pub words: Figures,
    /// Whether the probabilities of both models mean what they say.
    pub calibration: Calibration,
    /// Which words stay when only the article is kept, by priority; empty when no label is called `body`.
    pub priorities: BTreeMap<String, KeptWords>,
    /// By language of the pages, where there are [`LANGUAGE_PAGES`] of it or more; all others together as [`OTHER_LANGUAGES`].
    pub languages: BTreeMap<String, LanguageFigures>,
}

/// Out-of-fold figures of the pages in one language.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LanguageFigures {
    /// Number of pages.
    pub pages: usize,
    /// Mean F1 over the labels, by blocks, with the page model.
    pub macro_f1: Estimate,
}

/// Pages of a language from which it has figures of its own (chosen: with fewer, an interval is wider than 0.1).
pub const LANGUAGE_PAGES: usize = 20;

/// The name of all languages with fewer pages, and of pages that do not say theirs.
pub const OTHER_LANGUAGES: &str = "others";

/// What a sample is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// The first draw of a page in a view: both models learn from it, and figures are made of it.
    Judged,
    /// A page that is only learned: both models learn from it.
    Learned,
    /// A further draw: the n-gram model learns from it.
    Draw,
    /// A short page made of a page: both models learn from it.
    Short,
    /// An extractor's text: what is left of it is judged, and the n-gram model learns from it when it is `learned`.
    Extractor { name: String, learned: bool },
    /// The page of this number among those with main text, which has no labels: what is kept of it is judged.
    MainText { number: usize },
}

impl Role {
    fn is_learned(&self) -> bool {
        match self {
            Self::Judged | Self::Learned | Self::Draw | Self::Short => true,
            Self::Extractor { learned, .. } => *learned,
            Self::MainText { .. } => false,
        }
    }
}

/// The texts of extractors that figures are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// Those that are learned from: a training keeps no others in memory.
    Drawn,
    /// All.
    All,
}

/// A labelled page in one view.
struct ViewedPage {
    view: View,
    role: Role,
    page: MatchedPage,
}

/// A labelled page in one view, as rows.
struct Sample {
    view: View,
    role: Role,
    fold: usize,
    /// Whether models learn from it, if its role is to be learned from.
    is_taught: bool,
    rows: std::ops::Range<usize>,
}

impl Sample {
    /// The rows of this sample in a matrix of all rows.
    fn rows_of<'m>(&self, matrix: &'m Array2<f64>) -> ArrayView2<'m, f64> {
        matrix.slice_axis(Axis(0), Slice::from(self.rows.clone()))
    }

    fn rows_of_mut<'m>(&self, matrix: &'m mut Array2<f64>) -> ArrayViewMut2<'m, f64> {
        matrix.slice_axis_mut(Axis(0), Slice::from(self.rows.clone()))
    }
}

/// All samples of one kind of page.
struct Prepared {
    kind: PageKind,
    samples: Vec<Sample>,
    spellings: Vec<String>,
    rows: SparseMatrix,
    facts: Vec<BlockFacts>,
    gold: Vec<Option<Label>>,
    /// Number of the site of each row.
    sites: Vec<u32>,
}

/// One judged block of an out-of-fold run, for reading errors.
#[derive(Clone, Debug, Serialize)]
pub struct OutOfFold {
    /// The page.
    pub id: String,
    /// The view.
    pub view: View,
    /// The block's number on the page, from 0.
    pub block: usize,
    /// Gold label; `None` where gold has none.
    pub gold: Option<String>,
    /// Final probabilities in the labels' order.
    pub p: Vec<f64>,
    /// The block's text.
    pub text: String,
}

/// Trains a classifier on labelled pages.
///
/// # Errors
/// [`Error::Option`], [`Error::Dataset`] when labels or sites are too few, [`Error::NotConverged`], [`Error::Optimizer`];
/// pages that do not fit their gold ([`Error::Unmatched`]) are added to `dataset.errors` and left out.
pub fn train(
    dataset: &mut Dataset,
    extractions: &Extractions,
    main_texts: &MainTexts,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<(Classifier, Report)> {
    // texts of extractors that nothing is learned from can only be there to be judged
    let judge = if options.extractor_draws == 0 {
        Judge::All
    } else {
        Judge::Drawn
    };
    let mut run = Run::prepare(dataset, extractions, main_texts, judge, options, progress)?;
    let mut ngrams = Vec::new();
    let mut out_of_fold = Vec::new();
    for prepared in &run.kinds {
        let ngram = run.ngram_out_of_fold(prepared, progress)?;
        if options.figures {
            out_of_fold.push(Scores {
                last: run.page_out_of_fold(prepared, &ngram, progress)?,
                ngram: ngram.clone(),
            });
        }
        ngrams.push(ngram);
    }
    let mut kinds = BTreeMap::new();
    for (prepared, fitted) in run.kinds.iter().zip(run.fit_kinds(&ngrams, progress)) {
        let (model, fits) = fitted?;
        kinds.insert(prepared.kind.as_str(), model);
        run.report.fits.extend(fits);
    }
    let losses = if options.figures {
        run.judge(&out_of_fold)?;
        run.loss_tables(&out_of_fold)
    } else {
        Vec::new()
    };
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: [&dataset.files[..], &extractions.files].concat(),
        options: provenance_of(options),
        pages: run.report.pages,
        sites: run.report.sites,
    };
    let classifier = Classifier::new(run.labels, options.recipe.clone(), kinds, provenance)?.with_body_losses(losses);
    Ok((classifier, run.report))
}

/// Out-of-fold figures of training with these options, without a final model. Pages with main text are judged by the models of a
/// fold that saw no page of their site.
///
/// # Errors
/// As [`train`]; [`Error::Option`] when a page with main text is of a kind that no labelled page is met as.
pub fn cross_validate(
    dataset: &mut Dataset,
    extractions: &Extractions,
    main_texts: &MainTexts,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<(LabelSet, Report, Vec<OutOfFold>)> {
    let mut run = Run::prepare(dataset, extractions, main_texts, Judge::All, options, progress)?;
    let mut out_of_fold = Vec::new();
    for prepared in &run.kinds {
        out_of_fold.push(run.out_of_fold(prepared, progress)?);
    }
    run.judge(&out_of_fold)?;
    let blocks = run.list(&out_of_fold);
    Ok((run.labels, run.report, blocks))
}

fn provenance_of(options: &TrainOptions) -> BTreeMap<String, serde_json::Value> {
    match serde_json::to_value(options) {
        // a recipe stands in the model by itself, and figures change no weight
        Ok(serde_json::Value::Object(map)) => map
            .into_iter()
            .filter(|(name, _)| !["recipe", "figures"].contains(&name.as_str()))
            .collect(),
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}

/// Out-of-fold log-probabilities of all rows of one kind, shape (rows, labels): of the n-gram model and of both.
struct Scores {
    ngram: Array2<f64>,
    last: Array2<f64>,
}

struct Run<'o> {
    options: &'o TrainOptions,
    labels: LabelSet,
    kinds: Vec<Prepared>,
    /// Id and blocks' texts of each sample, by kind as in `kinds`.
    texts: Vec<Vec<(String, Vec<String>)>>,
    /// The words of each page's article, for the pages that extractors' texts were given for.
    articles: BTreeMap<String, WordBag>,
    /// The language of each page that says it, by id: the first part of its tag.
    languages: BTreeMap<String, String>,
    main_texts: &'o MainTexts,
    /// What judges them; `None` without such pages.
    keeping: Option<Keeping>,
    report: Report,
}

impl<'o> Run<'o> {
    fn prepare(
        dataset: &mut Dataset,
        extractions: &Extractions,
        main_texts: &'o MainTexts,
        judge: Judge,
        options: &'o TrainOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        options.validate()?;
        let labels = dataset.labels()?;
        if let Some(name) = options.class_weights.keys().find(|name| labels.find(name).is_none()) {
            return Err(Error::UnknownLabel {
                name: name.clone(),
                known: labels.names().join(", "),
            });
        }
        let keeping = main_texts.keeping(&labels)?;
        progress.begin("reading pages", dataset.pages.len());
        let viewed: Vec<Result<Vec<ViewedPage>>> = dataset
            .pages
            .par_iter()
            .map(|gold| {
                let pages = view_pages(gold, extractions, judge, options, &labels);
                progress.advance();
                if dataset.only_learned.contains(&gold.id) {
                    return pages.map(only_learned);
                }
                pages
            })
            .collect();
        let mut pages = Vec::new();
        let mut used = BTreeSet::new();
        for result in viewed {
            match result {
                Ok(found) => {
                    used.extend(found.first().map(|viewed| viewed.page.id.clone()));
                    pages.extend(found);
                }
                Err(error) => dataset.errors.push(error),
            }
        }
        let sites: BTreeSet<&str> = pages.iter().map(|viewed| viewed.page.site.as_str()).collect();
        if sites.len() < options.folds {
            return Err(Error::Dataset {
                problem: format!(
                    "{} site(s) for {} folds by site; label pages of more sites or give fewer --folds (2 or more)",
                    sites.len(),
                    options.folds
                ),
            });
        }
        check_labels(&labels, &pages)?;
        let sites = sites.len();
        add_main_texts(&mut pages, main_texts, &mut dataset.errors)?;
        let folds = folds_by_site(&pages, options);
        let mut report = Report {
            pages: used.len(),
            sites,
            folds: options.folds,
            blocks: BTreeMap::new(),
            gold_words: 0,
            unmatched_words: 0,
            unlabelled_blocks: 0,
            fits: Vec::new(),
            views: BTreeMap::new(),
            after_extractors: BTreeMap::new(),
            main_text: None,
            body_losses: Vec::new(),
            body_sites: BTreeMap::new(),
        };
        let first_draws = |viewed: &&ViewedPage| matches!(viewed.role, Role::Judged | Role::Learned);
        for ViewedPage { page, .. } in pages.iter().filter(first_draws) {
            report.gold_words += page.gold_words;
            report.unmatched_words += page.unmatched_words;
            report.unlabelled_blocks += page.labels.iter().filter(|label| label.is_none()).count();
        }
        for gold in dataset.pages.iter().filter(|gold| used.contains(&gold.id)) {
            for block in &gold.blocks {
                *report.blocks.entry(block.label.clone()).or_default() += 1;
            }
        }
        let vectorizer = Vectorizer::new(options.recipe.clone())?;
        let (html, text): (Vec<ViewedPage>, Vec<ViewedPage>) = pages
            .into_iter()
            .partition(|viewed| viewed.view.kind() == PageKind::Html);
        let mut kinds = Vec::new();
        let mut texts = Vec::new();
        for (kind, pages) in [(PageKind::Html, html), (PageKind::Text, text)] {
            if pages.is_empty() {
                continue;
            }
            kinds.push(Prepared::new(kind, &pages, &folds, &vectorizer, options, progress));
            texts.push(
                pages
                    .into_iter()
                    .map(|ViewedPage { page, .. }| {
                        let texts = page.segmented.blocks.into_iter().map(|block| block.text).collect();
                        (page.id, texts)
                    })
                    .collect(),
            );
        }
        Ok(Self {
            options,
            articles: articles(dataset, extractions),
            languages: languages(dataset),
            main_texts,
            keeping,
            labels,
            kinds,
            texts,
            report,
        })
    }

    /// The final models of all kinds, from the out-of-fold scores of their n-gram models, and how their fits ended.
    fn fit_kinds(&self, scores: &[Array2<f64>], progress: &dyn Progress) -> Vec<Result<(KindModel, [FitReport; 2])>> {
        progress.begin("final models", 2 * self.kinds.len());
        let kinds = self.kinds.par_iter().zip(scores);
        kinds
            .map(|(prepared, scores)| self.fit_kind(prepared, scores, progress))
            .collect()
    }

    fn fit_kind(
        &self,
        prepared: &Prepared,
        scores: &Array2<f64>,
        progress: &dyn Progress,
    ) -> Result<(KindModel, [FitReport; 2])> {
        let everywhere = |_: &Sample| true;
        let (vocabulary, ngram, ngram_report) = self.fit_ngram(prepared, everywhere)?;
        progress.advance();
        let (page, page_report) = self.fit_page(prepared, scores, everywhere)?;
        progress.advance();
        let model = KindModel {
            vocabulary,
            ngram,
            page,
        };
        Ok((model, [ngram_report, page_report]))
    }

    fn out_of_fold(&self, prepared: &Prepared, progress: &dyn Progress) -> Result<Scores> {
        let ngram = self.ngram_out_of_fold(prepared, progress)?;
        let last = self.page_out_of_fold(prepared, &ngram, progress)?;
        Ok(Scores { ngram, last })
    }

    fn ngram_out_of_fold(&self, prepared: &Prepared, progress: &dyn Progress) -> Result<Array2<f64>> {
        progress.begin(
            &format!("n-gram model, {} pages, out of fold", prepared.kind.as_str()),
            self.options.folds,
        );
        let mut scores = Array2::zeros((prepared.rows.rows(), self.labels.len()));
        let folds: Vec<usize> = (0..self.options.folds).collect();
        for folds in folds.chunks(FITS_TOGETHER) {
            let fit = |fold: &usize| {
                let fitted = self.fit_ngram(prepared, |sample| sample.fold != *fold);
                progress.advance();
                fitted
            };
            for (fold, fitted) in folds.iter().zip(folds.par_iter().map(fit).collect::<Vec<_>>()) {
                let (vocabulary, model, _) = fitted?;
                let columns = prepared.columns_of(&vocabulary);
                for sample in prepared.samples.iter().filter(|sample| sample.fold == *fold) {
                    let found = prepared.ngram_scores(sample, &columns, &model);
                    sample.rows_of_mut(&mut scores).assign(&found);
                }
            }
        }
        Ok(scores)
    }

    /// For each fold the n-gram scores that its page model is fitted on, shape (rows, labels): scores of models that saw neither the
    /// row's fold nor this one. (A page model that is fitted on scores of models which saw the fold it is judged on is judged wrongly,
    /// by up to 2 points of macro F1 too low on half of the hand-labelled pages.)
    fn ngram_without_two_folds(
        &self,
        prepared: &Prepared,
        ngram: &Array2<f64>,
        progress: &dyn Progress,
    ) -> Result<Vec<Array2<f64>>> {
        let folds = self.options.folds;
        progress.begin(
            &format!("n-gram model, {} pages, out of two folds", prepared.kind.as_str()),
            folds * (folds - 1) / 2,
        );
        let mut scores = vec![ngram.clone(); folds];
        let pairs: Vec<(usize, usize)> = (0..folds)
            .flat_map(|one| (one + 1..folds).map(move |other| (one, other)))
            .collect();
        for pairs in pairs.chunks(FITS_TOGETHER) {
            let fit = |(one, other): &(usize, usize)| {
                let fitted = self.fit_ngram(prepared, |sample| sample.fold != *one && sample.fold != *other);
                progress.advance();
                fitted
            };
            for ((one, other), fitted) in pairs.iter().zip(pairs.par_iter().map(fit).collect::<Vec<_>>()) {
                let (vocabulary, model, _) = fitted?;
                let columns = prepared.columns_of(&vocabulary);
                for sample in &prepared.samples {
                    let left_out = match sample.fold {
                        fold if fold == *one => *other,
                        fold if fold == *other => *one,
                        _ => continue,
                    };
                    let found = prepared.ngram_scores(sample, &columns, &model);
                    sample.rows_of_mut(&mut scores[left_out]).assign(&found);
                }
            }
        }
        Ok(scores)
    }

    fn page_out_of_fold(
        &self,
        prepared: &Prepared,
        ngram: &Array2<f64>,
        progress: &dyn Progress,
    ) -> Result<Array2<f64>> {
        let folds = self.options.folds;
        // with two folds there is nothing to learn from without both of them
        let learned = if folds > 2 {
            self.ngram_without_two_folds(prepared, ngram, progress)?
        } else {
            vec![ngram.clone(); folds]
        };
        progress.begin(
            &format!("page model, {} pages, out of fold", prepared.kind.as_str()),
            folds,
        );
        let fitted: Vec<PageModel> = learned
            .into_par_iter()
            .enumerate()
            .map(|(fold, ngram)| {
                let model = self
                    .fit_page(prepared, &ngram, |sample| sample.fold != fold)
                    .map(|(model, _)| model);
                progress.advance();
                model
            })
            .collect::<Result<_>>()?;
        let mut scores = Array2::zeros(ngram.raw_dim());
        for sample in &prepared.samples {
            let facts = &prepared.facts[sample.rows.clone()];
            let features = page_features(sample.rows_of(ngram), facts);
            let found = fitted[sample.fold].log_probabilities(&features);
            sample.rows_of_mut(&mut scores).assign(&found);
        }
        Ok(scores)
    }

    /// Fits the n-gram model on the samples that `wanted` picks, and keeps the features that move scores most.
    fn fit_ngram(
        &self,
        prepared: &Prepared,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Result<(Vocabulary, NgramModel, FitReport)> {
        let rows: Vec<usize> =
            prepared.gold_rows(|sample| sample.role.is_learned() && sample.is_taught && wanted(sample));
        let columns = prepared.frequent_columns(&rows, self.options.min_sites);
        let mut matrix = SparseMatrix::new();
        for row in &rows {
            matrix.push(remapped(prepared.rows.row(*row), &columns.old_to_new));
        }
        let gold: Vec<u8> = rows
            .iter()
            .filter_map(|row| prepared.gold[*row])
            .map(|label| label.0)
            .collect();
        let class_weights: Vec<f64> = self
            .labels
            .names()
            .iter()
            .map(|name| self.options.class_weights.get(name).copied().unwrap_or(1.0))
            .collect();
        let problem = SoftmaxProblem::new(
            &matrix,
            &gold,
            &class_weights,
            columns.new_to_old.len(),
            self.options.penalty,
        );
        let fitted = problem.solve(self.options.stop())?;
        let spelling = |column: usize| prepared.spellings[columns.new_to_old[column] as usize].as_str();
        let (vocabulary, ngram) = problem.model(&fitted, self.options.most_features, spelling, |_| 1.0);
        let report = FitReport {
            kind: prepared.kind.as_str().to_owned(),
            model: "n-gram".to_owned(),
            rows: rows.len(),
            columns: columns.new_to_old.len(),
            iterations: Some(fitted.iterations),
            gradient_norm: fitted.gradient_norm,
            stopped_early: fitted.gradient_norm > self.options.tolerance,
        };
        Ok((vocabulary, ngram, report))
    }

    /// Fits the page model on the samples that `wanted` picks, from the n-gram model's scores of all rows, shape (rows, labels).
    fn fit_page(
        &self,
        prepared: &Prepared,
        ngram: &Array2<f64>,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Result<(PageModel, FitReport)> {
        // further draws of a page would only weigh the extracted view up, and so would texts of extractors, of which some are whole pages
        let learned = |sample: &&Sample| {
            matches!(sample.role, Role::Judged | Role::Learned | Role::Short) && sample.is_taught && wanted(sample)
        };
        let samples: Vec<PageSample> = prepared
            .samples
            .iter()
            .filter(learned)
            .map(|sample| PageSample {
                features: page_features(sample.rows_of(ngram), &prepared.facts[sample.rows.clone()]),
                gold: prepared.gold[sample.rows.clone()].to_vec(),
            })
            .collect();
        let labels = self.labels.len();
        let options = PageFitOptions {
            features: feature_count(labels),
            labels,
            seed: self.options.seed,
            penalty: self.options.page_penalty,
            tolerance: self.options.page_tolerance,
            max_iterations: self.options.max_iterations,
            most_rows: self.options.page_rows,
            allow_early_stop: self.options.allow_early_stop,
        };
        let PageFit {
            model,
            rows,
            gradient_norm,
        } = fit_page_model(&samples, &options)?;
        let report = FitReport {
            kind: prepared.kind.as_str().to_owned(),
            model: "page".to_owned(),
            rows,
            columns: model.weights().nrows(),
            iterations: None,
            gradient_norm,
            stopped_early: gradient_norm > self.options.page_tolerance,
        };
        Ok((model, report))
    }

    /// Adds the out-of-fold figures of all views to the report.
    fn judge(&mut self, scores: &[Scores]) -> Result<()> {
        for view in &self.options.views {
            let Some((prepared, scores)) = self
                .kinds
                .iter()
                .zip(scores)
                .find(|(prepared, _)| prepared.kind == view.kind())
            else {
                continue;
            };
            let judged = |scores: &Array2<f64>| -> Vec<Vec<Judged>> {
                prepared
                    .samples
                    .iter()
                    .filter(|sample| sample.role == Role::Judged && sample.view == *view)
                    .map(|sample| prepared.judged(sample, scores))
                    .collect()
            };
            let pages = judged(&scores.last);
            if pages.iter().all(Vec::is_empty) {
                continue;
            }
            let (blocks, words) = figures(&self.labels, &pages)?;
            let (ngram, _) = figures(&self.labels, &judged(&scores.ngram))?;
            let figures = ViewReport {
                ngram,
                blocks,
                words,
                calibration: calibration(&pages),
                priorities: self.kept_by_priority(prepared, scores, *view)?,
                languages: self.by_language(prepared, &scores.last, *view)?,
            };
            self.report.views.insert(view.as_str().to_owned(), figures);
        }
        self.judge_losses(scores);
        self.judge_extractors(scores)?;
        self.judge_main_texts(scores)
    }

    /// The figures of a view by the pages' language.
    fn by_language(
        &self,
        prepared: &Prepared,
        scores: &Array2<f64>,
        view: View,
    ) -> Result<BTreeMap<String, LanguageFigures>> {
        let texts = self
            .kinds
            .iter()
            .zip(&self.texts)
            .find(|(other, _)| other.kind == prepared.kind);
        let mut pages: BTreeMap<&str, Vec<Vec<Judged>>> = BTreeMap::new();
        for (sample, (id, _)) in prepared
            .samples
            .iter()
            .zip(texts.into_iter().flat_map(|(_, texts)| texts))
        {
            if sample.role == Role::Judged && sample.view == view {
                let language = self.languages.get(id).map_or(OTHER_LANGUAGES, String::as_str);
                pages.entry(language).or_default().push(prepared.judged(sample, scores));
            }
        }
        let (mut named, few): (BTreeMap<&str, _>, BTreeMap<&str, _>) = pages
            .into_iter()
            .partition(|(language, pages)| *language != OTHER_LANGUAGES && pages.len() >= LANGUAGE_PAGES);
        let few: Vec<Vec<Judged>> = few.into_values().flatten().collect();
        if !few.is_empty() {
            named.insert(OTHER_LANGUAGES, few);
        }
        let figures = |(language, pages): (&str, Vec<Vec<Judged>>)| {
            let (blocks, _) = figures(&self.labels, &pages)?;
            let found = LanguageFigures {
                pages: blocks.pages,
                macro_f1: blocks.macro_f1,
            };
            Ok((language.to_owned(), found))
        };
        named.into_iter().map(figures).collect()
    }

    /// Which words of a view stay with each priority.
    fn kept_by_priority(
        &self,
        prepared: &Prepared,
        scores: &Scores,
        view: View,
    ) -> Result<BTreeMap<String, KeptWords>> {
        let Some(article) = self.labels.find(USUAL_ORDER[0]) else {
            return Ok(BTreeMap::new());
        };
        let mut found = BTreeMap::new();
        for priority in Priority::ALL {
            let balance = Balance::new(&self.labels, &[], &[], priority)?;
            let pages: Vec<Vec<Judged>> = prepared
                .samples
                .iter()
                .filter(|sample| sample.role == Role::Judged && sample.view == view)
                .map(|sample| {
                    let labels = balance.labels(sample.rows_of(&scores.last).mapv(f64::exp).view());
                    prepared.judged_as(sample, &scores.last, labels)
                })
                .collect();
            found.insert(priority.as_str().to_owned(), kept_words(&self.labels, article, &pages));
        }
        Ok(found)
    }

    /// The judged blocks of the views of one kind that have `body` words.
    fn risk_views(&self, prepared: &Prepared, scores: &Scores, body: Label) -> Vec<RiskView> {
        let views = self.options.views.iter().map(|view| RiskView {
            view: *view,
            blocks: prepared.risk_blocks(&scores.last, body, *view),
        });
        views.filter(|risk| body_sites(risk.without(None), body) > 0).collect()
    }

    /// The thresholds of `body` by loss of each kind of page, chosen on all judged pages.
    fn loss_tables(&self, scores: &[Scores]) -> Vec<(PageKind, LossTable)> {
        let Some(body) = self.labels.find(USUAL_ORDER[0]) else {
            return Vec::new();
        };
        let kinds = self.kinds.iter().zip(scores);
        kinds
            .map(|(prepared, scores)| {
                let views = self.risk_views(prepared, scores, body);
                let blocks: Vec<Vec<&RiskBlock>> = views.iter().map(|risk| risk.without(None).collect()).collect();
                (prepared.kind, loss_table(&blocks, body, &self.options.body_losses))
            })
            .collect()
    }

    /// Adds to the report what bounds on lost `body` words do: each site is judged with a threshold of other sites.
    fn judge_losses(&mut self, scores: &[Scores]) {
        let Some(body) = self.labels.find(USUAL_ORDER[0]) else {
            return;
        };
        let mut losses = self.options.body_losses.clone();
        losses.sort_by(|a, b| a.share().total_cmp(&b.share()));
        losses.dedup();
        let report = |loss| LossReport {
            loss,
            thresholds: BTreeMap::new(),
            views: BTreeMap::new(),
        };
        let mut reports: Vec<LossReport> = losses.into_iter().map(report).collect();
        for (kind, table) in self.loss_tables(scores) {
            for row in table.rows() {
                let report = reports.iter_mut().find(|report| report.loss == row.loss);
                report.and_then(|report| report.thresholds.insert(kind.as_str().to_owned(), row.threshold));
            }
        }
        for (prepared, scores) in self.kinds.iter().zip(scores) {
            let views = self.risk_views(prepared, scores, body);
            let sites = views.iter().map(|risk| body_sites(risk.without(None), body)).min();
            self.report
                .body_sites
                .insert(prepared.kind.as_str().to_owned(), sites.unwrap_or(0));
            for report in &mut reports {
                let Some(thresholds) = group_thresholds(&views, body, report.loss) else {
                    continue;
                };
                for RiskView { view, blocks } in &views {
                    let blocks = blocks.iter().map(|block| (block, thresholds[group_of(block)]));
                    let figures = loss_figures(&self.labels, body, report.loss, blocks, thresholds.clone());
                    report
                        .views
                        .extend(figures.map(|figures| (view.as_str().to_owned(), figures)));
                }
            }
        }
        self.report.body_losses = reports;
    }

    /// Adds what is gained after each extractor to the report.
    fn judge_extractors(&mut self, scores: &[Scores]) -> Result<()> {
        let Some(article) = self.labels.find(USUAL_ORDER[0]) else {
            return Ok(());
        };
        let mut found: BTreeMap<&str, Vec<(Overlap, [Overlap; 3])>> = BTreeMap::new();
        let balances: Vec<Balance> = Priority::ALL
            .iter()
            .map(|priority| Balance::new(&self.labels, &[], &[], *priority))
            .collect::<Result<_>>()?;
        for ((prepared, scores), texts) in self.kinds.iter().zip(scores).zip(&self.texts) {
            for (sample, (id, texts)) in prepared.samples.iter().zip(texts) {
                let Role::Extractor { name, .. } = &sample.role else {
                    continue;
                };
                let Some(wanted) = self.articles.get(id).filter(|wanted| !wanted.is_empty()) else {
                    continue;
                };
                let before = wanted.overlap(&texts.iter().map(String::as_str).collect());
                let probabilities = sample.rows_of(&scores.last).mapv(f64::exp);
                let mut after = [before; 3];
                for (after, balance) in after.iter_mut().zip(&balances) {
                    let labels = balance.labels(probabilities.view());
                    let kept = texts.iter().zip(labels).filter(|(_, label)| *label == article);
                    *after = wanted.overlap(&kept.map(|(text, _)| text.as_str()).collect());
                }
                found.entry(name).or_default().push((before, after));
            }
        }
        for (name, pages) in found {
            let after = Priority::ALL.iter().enumerate().map(|(at, priority)| {
                let mean = Overlap::mean(pages.iter().map(|(_, after)| after[at]));
                (priority.as_str().to_owned(), mean)
            });
            let after = AfterExtractor {
                pages: pages.len(),
                before: Overlap::mean(pages.iter().map(|(before, _)| *before)),
                after: after.collect(),
            };
            self.report.after_extractors.insert(name.to_owned(), after);
        }
        Ok(())
    }

    /// Adds what is kept of the pages with main text to the report.
    fn judge_main_texts(&mut self, scores: &[Scores]) -> Result<()> {
        let Some(keeping) = &self.keeping else {
            return Ok(());
        };
        let mut judged = Vec::new();
        for ((prepared, scores), texts) in self.kinds.iter().zip(scores).zip(&self.texts) {
            for (sample, (_, texts)) in prepared.samples.iter().zip(texts) {
                let Role::MainText { number } = sample.role else {
                    continue;
                };
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let probabilities = sample.rows_of(&scores.last).mapv(f64::exp);
                judged.push(keeping.judge(&self.main_texts.pages[number], &texts, probabilities.view()));
            }
        }
        self.report.main_text = Some(MainTextReport::new(self.main_texts, &judged)?);
        Ok(())
    }

    fn list(&self, scores: &[Scores]) -> Vec<OutOfFold> {
        let mut list = Vec::new();
        for ((prepared, scores), texts) in self.kinds.iter().zip(scores).zip(&self.texts) {
            let judged = texts
                .iter()
                .zip(&prepared.samples)
                .filter(|(_, sample)| sample.role == Role::Judged);
            for ((id, texts), sample) in judged {
                for ((block, text), row) in texts.iter().enumerate().zip(sample.rows.clone()) {
                    list.push(OutOfFold {
                        id: id.clone(),
                        view: sample.view,
                        block,
                        gold: prepared.gold[row].map(|label| self.labels.name(label).to_owned()),
                        p: scores.last.row(row).iter().map(|log| log.exp()).collect(),
                        text: text.clone(),
                    });
                }
            }
        }
        list
    }
}

/// Groups of sites that are judged with a threshold chosen on the others (chosen: a fifth of the sites less, as with the folds of the
/// models, can no longer show a loss that all of them can show).
const GROUPS: usize = 20;

fn group_of(block: &RiskBlock) -> usize {
    block.site as usize % GROUPS
}

/// The judged blocks of one view.
struct RiskView {
    view: View,
    blocks: Vec<RiskBlock>,
}

impl RiskView {
    /// The blocks of all groups of sites but one, or of all.
    fn without(&self, left_out: Option<usize>) -> impl Iterator<Item = &RiskBlock> {
        self.blocks
            .iter()
            .filter(move |block| Some(group_of(block)) != left_out)
    }
}

/// For each group of sites the threshold of a kind of page that was chosen without it, the smallest of the kind's views; `None` when a
/// group has none.
fn group_thresholds(views: &[RiskView], body: Label, loss: BodyLoss) -> Option<Vec<f64>> {
    let of_group = |group: usize| {
        let thresholds = views
            .iter()
            .map(|risk| highest_threshold(risk.without(Some(group)), body, loss))
            .collect::<Option<Vec<f64>>>()?;
        thresholds.into_iter().reduce(f64::min)
    };
    (0..GROUPS).into_par_iter().map(of_group).collect()
}

fn view_pages(
    gold: &GoldPage,
    extractions: &Extractions,
    judge: Judge,
    options: &TrainOptions,
    labels: &LabelSet,
) -> Result<Vec<ViewedPage>> {
    let mut pages = Vec::new();
    for view in views_of(gold, &options.views) {
        let draws = if view == View::Extracted && gold.html.is_some() {
            options.extracted_draws.max(1)
        } else {
            1
        };
        for draw in 0..draws as u64 {
            let seed = options.seed.wrapping_add(draw << 32);
            pages.push(ViewedPage {
                view,
                role: if draw == 0 { Role::Judged } else { Role::Draw },
                page: view_page(gold, view, labels, options.max_unmatched, seed)?,
            });
        }
        if view == View::Html {
            for draw in 0..options.short_pages as u64 {
                let seed = options.seed.wrapping_add(draw << 32);
                let page = view_page(gold, view, labels, options.max_unmatched, seed)?;
                let short = short_page(page, labels, seed).map(|page| ViewedPage {
                    view,
                    role: Role::Short,
                    page,
                });
                pages.extend(short);
            }
        }
        if view == View::Extracted {
            let texts: Vec<(&str, &str)> = extractions.of(&gold.id).collect();
            let learned = drawn(&gold.id, &texts, options);
            for (name, text) in texts {
                let learned = learned.contains(name);
                if !learned && judge == Judge::Drawn {
                    continue;
                }
                let role = Role::Extractor {
                    name: name.to_owned(),
                    learned,
                };
                let page = match_extraction(gold, text, labels)?;
                pages.push(ViewedPage { view, role, page });
            }
        }
    }
    Ok(pages)
}

/// The same views of a page, to learn from without a judgement.
fn only_learned(pages: Vec<ViewedPage>) -> Vec<ViewedPage> {
    pages
        .into_iter()
        .filter(|viewed| viewed.role.is_learned())
        .map(|viewed| {
            let role = match viewed.role {
                Role::Judged | Role::Learned => Role::Learned,
                Role::Draw | Role::Extractor { .. } | Role::MainText { .. } => Role::Draw,
                Role::Short => Role::Short,
            };
            ViewedPage { role, ..viewed }
        })
        .collect()
}

/// Adds the pages with main text behind the labelled ones, each met as what it is.
fn add_main_texts(pages: &mut Vec<ViewedPage>, main_texts: &MainTexts, errors: &mut Vec<Error>) -> Result<()> {
    for kind in [PageKind::Html, PageKind::Text] {
        let count = main_texts.pages.iter().filter(|page| page.kind == kind).count();
        if count > 0 && !pages.iter().any(|viewed| viewed.view.kind() == kind) {
            return Err(Error::Option {
                option: "--main-text",
                problem: format!(
                    "{count} of its pages are {kind}, and no labelled page is met as {kind}; give labelled pages that are and a --view \
                     of them, or leave these pages out",
                    kind = kind.as_str()
                ),
            });
        }
    }
    let viewed: Vec<Result<ViewedPage>> = main_texts
        .pages
        .par_iter()
        .enumerate()
        .map(|(number, page)| view_main_text(number, page))
        .collect();
    for result in viewed {
        match result {
            Ok(viewed) => pages.push(viewed),
            Err(error) => errors.push(error),
        }
    }
    Ok(())
}

fn view_main_text(number: usize, page: &MainTextPage) -> Result<ViewedPage> {
    let segmented = page.segmented()?;
    Ok(ViewedPage {
        view: match page.kind {
            PageKind::Html => View::Html,
            PageKind::Text => View::Text,
        },
        role: Role::MainText { number },
        page: MatchedPage {
            id: page.id.clone(),
            site: page.site(),
            labels: vec![None; segmented.blocks.len()],
            segmented,
            unmatched_words: 0,
            gold_words: 0,
        },
    })
}

/// The extractors whose texts of a page are learned; of equal texts one.
fn drawn<'t>(id: &str, texts: &[(&'t str, &'t str)], options: &TrainOptions) -> BTreeSet<&'t str> {
    let page = options.seed ^ xxhash_rust::xxh3::xxh3_64(id.as_bytes());
    let mut order = texts.to_vec();
    order.sort_by_key(|(name, _)| (xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), page), *name));
    let mut seen = BTreeSet::new();
    order.retain(|(_, text)| seen.insert(*text));
    order
        .into_iter()
        .map(|(name, _)| name)
        .take(options.extractor_draws)
        .collect()
}

/// The words of the article of each page that an extractor's text was given for.
fn articles(dataset: &Dataset, extractions: &Extractions) -> BTreeMap<String, WordBag> {
    let with_texts: BTreeSet<&str> = extractions.ids().collect();
    let pages = dataset
        .pages
        .iter()
        .filter(|gold| with_texts.contains(gold.id.as_str()));
    pages
        .map(|gold| {
            let article = gold.blocks.iter().filter(|block| block.label == USUAL_ORDER[0]);
            (gold.id.clone(), article.map(|block| block.text.as_str()).collect())
        })
        .collect()
}

/// The language of each page that says it, by id: the first part of its tag, in lower case.
fn languages(dataset: &Dataset) -> BTreeMap<String, String> {
    let language = |gold: &GoldPage| {
        let first = gold.lang.as_deref()?.split(['-', '_']).next()?.to_ascii_lowercase();
        Some((gold.id.clone(), first))
    };
    dataset.pages.iter().filter_map(language).collect()
}

/// Whether a site is among those that are learned from.
fn is_taught(site: &str, options: &TrainOptions) -> bool {
    // another hash than that of the folds, so that every fold keeps its share
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(site.as_bytes(), options.seed ^ TAUGHT);
    options.site_share >= 1.0 || (hash as f64) < options.site_share * 2f64.powi(64)
}

/// Makes the draw of sites another one than that of the folds (chosen).
const TAUGHT: u64 = 0x7ea6_4e55_1e5a_11ed;

/// A label must occur on two sites: with one, the folds that learn it can never be judged on it.
fn check_labels(labels: &LabelSet, pages: &[ViewedPage]) -> Result<()> {
    for label in labels.iter() {
        let has = |page: &&MatchedPage| page.labels.contains(&Some(label));
        let with: Vec<&MatchedPage> = pages.iter().map(|viewed| &viewed.page).filter(has).collect();
        let sites: BTreeSet<&str> = with.iter().map(|page| page.site.as_str()).collect();
        if sites.len() < 2 {
            let place = with
                .first()
                .map_or_else(|| "no matched block".to_owned(), |page| format!("page {:?}", page.id));
            return Err(Error::Dataset {
                problem: format!(
                    "the label {:?} occurs on {} site(s) only ({place}); correct it, label more sites, or take it out",
                    labels.name(label),
                    sites.len()
                ),
            });
        }
    }
    Ok(())
}

/// A fold for each site, so that the folds have about equally many blocks: sites in a seeded order, each to the smallest fold. Sites of
/// pages with main text alone come last, so that figures of labelled pages with and without such pages are of the same folds.
fn folds_by_site(pages: &[ViewedPage], options: &TrainOptions) -> BTreeMap<String, usize> {
    let mut sizes = vec![0usize; options.folds];
    let mut folds = BTreeMap::new();
    // draws and texts of extractors make no difference to the folds, so that figures with and without them are of the same folds
    let labelled: fn(&Role) -> bool = |role| matches!(role, Role::Judged | Role::Learned);
    let with_main_text: fn(&Role) -> bool = |role| matches!(role, Role::MainText { .. });
    for counted in [labelled, with_main_text] {
        let mut blocks: BTreeMap<&str, usize> = BTreeMap::new();
        for ViewedPage { page, .. } in pages.iter().filter(|viewed| counted(&viewed.role)) {
            *blocks.entry(&page.site).or_default() += page.labels.len();
        }
        let mut sites: Vec<(&str, usize)> = blocks
            .into_iter()
            .filter(|(site, _)| !folds.contains_key(*site))
            .collect();
        let order = |site: &str| xxhash_rust::xxh3::xxh3_64_with_seed(site.as_bytes(), options.seed);
        sites.sort_by_key(|(site, _)| (order(site), *site));
        for (site, size) in sites {
            let smallest = (0..options.folds).min_by_key(|fold| sizes[*fold]).unwrap_or(0);
            sizes[smallest] += size;
            folds.insert(site.to_owned(), smallest);
        }
    }
    folds
}

/// Columns that are frequent enough, in both directions; `u32::MAX` where a column is left out.
struct Columns {
    old_to_new: Vec<u32>,
    new_to_old: Vec<u32>,
}

const LEFT_OUT: u32 = u32::MAX;

/// Fits of the n-gram model that are made at the same time (chosen: each holds its own rows).
const FITS_TOGETHER: usize = 2;

fn remapped<'a>(
    (columns, values): (&'a [u32], &'a [f32]),
    old_to_new: &'a [u32],
) -> impl Iterator<Item = (u32, f32)> + 'a {
    columns
        .iter()
        .zip(values)
        .map(|(column, value)| (old_to_new[*column as usize], *value))
        .filter(|(column, _)| *column != LEFT_OUT)
}

impl Prepared {
    fn new(
        kind: PageKind,
        pages: &[ViewedPage],
        folds: &BTreeMap<String, usize>,
        vectorizer: &Vectorizer,
        options: &TrainOptions,
        progress: &dyn Progress,
    ) -> Self {
        let site_numbers: BTreeMap<&str, u32> = folds
            .keys()
            .zip(0..)
            .map(|(site, number)| (site.as_str(), number))
            .collect();
        let spellings = frequent_spellings(pages, vectorizer, options, progress);
        let vocabulary = Vocabulary::new(spellings);
        progress.begin(&format!("vectors of {} pages", kind.as_str()), pages.len());
        let vectors: Vec<_> = pages
            .par_iter()
            .map(|viewed| {
                let vectors = vectorizer.transform(&viewed.page.segmented, &vocabulary);
                progress.advance();
                vectors
            })
            .collect();
        let mut prepared = Self {
            kind,
            samples: Vec::new(),
            spellings: vocabulary.spellings().map(str::to_owned).collect(),
            rows: SparseMatrix::new(),
            facts: Vec::new(),
            gold: Vec::new(),
            sites: Vec::new(),
        };
        for (ViewedPage { view, role, page }, vectors) in pages.iter().zip(vectors) {
            let start = prepared.gold.len();
            prepared.rows.append(&vectors.rows);
            prepared.facts.extend(vectors.facts);
            prepared.gold.extend(&page.labels);
            prepared
                .sites
                .extend(std::iter::repeat_n(site_numbers[page.site.as_str()], page.labels.len()));
            prepared.samples.push(Sample {
                view: *view,
                role: role.clone(),
                fold: folds[&page.site],
                is_taught: is_taught(&page.site, options),
                rows: start..prepared.gold.len(),
            });
        }
        prepared
    }

    /// The rows with gold of the samples that `wanted` picks.
    fn gold_rows(&self, wanted: impl Fn(&Sample) -> bool) -> Vec<usize> {
        let samples = self.samples.iter().filter(|sample| wanted(sample));
        let rows = samples.flat_map(|sample| sample.rows.clone());
        rows.filter(|row| self.gold[*row].is_some()).collect()
    }

    /// The columns that occur on at least `min_sites` sites among these rows, which stand in the order of their pages.
    fn frequent_columns(&self, rows: &[usize], min_sites: usize) -> Columns {
        let mut by_site: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for row in rows {
            by_site.entry(self.sites[*row]).or_default().push(*row);
        }
        let mut counts = vec![0u32; self.spellings.len()];
        let mut last = vec![u32::MAX; self.spellings.len()];
        for (site, rows) in by_site {
            for column in rows.into_iter().flat_map(|row| self.rows.row(row).0) {
                let column = *column as usize;
                if last[column] != site {
                    last[column] = site;
                    counts[column] += 1;
                }
            }
        }
        // the most frequent columns first: their weights share cache lines
        let mut frequent: Vec<(u32, u32)> = counts
            .into_iter()
            .zip(0..)
            .filter(|(count, _)| *count as usize >= min_sites)
            .collect();
        frequent.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut columns = Columns {
            old_to_new: vec![LEFT_OUT; self.spellings.len()],
            new_to_old: Vec::new(),
        };
        for (new, (_, old)) in (0..).zip(frequent) {
            columns.old_to_new[old as usize] = new;
            columns.new_to_old.push(old);
        }
        columns
    }

    fn columns_of(&self, vocabulary: &Vocabulary) -> Vec<u32> {
        let column = |spelling: &String| vocabulary.column(hash_of_spelling(spelling)).unwrap_or(LEFT_OUT);
        self.spellings.iter().map(column).collect()
    }

    /// The n-gram model's log-probabilities of a sample's rows, shape (rows, labels); `columns` are the model's of all.
    fn ngram_scores(&self, sample: &Sample, columns: &[u32], model: &NgramModel) -> Array2<f64> {
        let mut rows = SparseMatrix::new();
        for row in sample.rows.clone() {
            rows.push(remapped(self.rows.row(row), columns));
        }
        model.log_probabilities(&rows)
    }

    /// The blocks with gold of the judged samples of a view, from final log-probabilities of shape (rows, labels).
    fn risk_blocks(&self, scores: &Array2<f64>, body: Label, view: View) -> Vec<RiskBlock> {
        let samples = self
            .samples
            .iter()
            .filter(|sample| sample.role == Role::Judged && sample.view == view);
        samples
            .flat_map(|sample| sample.rows.clone())
            .filter_map(|row| {
                Some(RiskBlock {
                    site: self.sites[row],
                    gold: self.gold[row]?,
                    probability: scores[[row, body.index()]].exp(),
                    words: f64::from(self.facts[row].words),
                })
            })
            .collect()
    }

    fn judged(&self, sample: &Sample, scores: &Array2<f64>) -> Vec<Judged> {
        self.judged_as(sample, scores, most_likely(sample.rows_of(scores)))
    }

    /// The blocks of a sample that have gold, with these labels and their probabilities.
    fn judged_as(&self, sample: &Sample, scores: &Array2<f64>, labels: Vec<Label>) -> Vec<Judged> {
        sample
            .rows
            .clone()
            .zip(labels)
            .zip(sample.rows_of(scores).rows())
            .filter_map(|((row, predicted), scores)| {
                self.gold[row].map(|gold| Judged {
                    gold,
                    predicted,
                    probability: scores[predicted.index()].exp(),
                    words: f64::from(self.facts[row].words),
                })
            })
            .collect()
    }
}

/// The hashes of all features of a page, each once.
#[derive(Default)]
struct HashSink(HashedMap<()>);

impl Sink for HashSink {
    fn add(&mut self, _: &'static Family, hash: u64, _: impl FnOnce() -> String) {
        self.0.insert(hash, ());
    }
}

impl BlockSink for HashSink {
    fn end_block(&mut self) {}
}

/// The spellings of wanted hashes, each once.
struct SpellingSink<'a> {
    wanted: &'a HashedMap<u32>,
    spellings: HashedMap<String>,
}

impl Sink for SpellingSink<'_> {
    fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
        if self.wanted.contains_key(&hash) {
            self.spellings.entry(hash).or_insert_with(|| {
                let spelling = format!("{}={}", family.name, spell());
                debug_assert_eq!(hash_of_spelling(&spelling), hash, "{spelling}");
                spelling
            });
        }
    }
}

impl BlockSink for SpellingSink<'_> {
    fn end_block(&mut self) {}
}

/// The spellings of all features that occur on at least `min_sites` sites, sorted.
fn frequent_spellings(
    pages: &[ViewedPage],
    vectorizer: &Vectorizer,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Vec<String> {
    let min_sites = options.min_sites;
    let mut by_site: BTreeMap<&str, Vec<&Segmented>> = BTreeMap::new();
    let learned = |viewed: &&ViewedPage| viewed.role.is_learned() && is_taught(&viewed.page.site, options);
    for ViewedPage { page, .. } in pages.iter().filter(learned) {
        by_site.entry(&page.site).or_default().push(&page.segmented);
    }
    let sites: Vec<Vec<&Segmented>> = by_site.into_values().collect();
    progress.begin("vocabulary", sites.len() * 2);
    let mut counts: HashedMap<u32> = HashedMap::default();
    // in portions, so that the hashes of all sites never stand in memory at once
    for portion in sites.chunks(PORTION) {
        let found: Vec<HashedMap<()>> = portion
            .par_iter()
            .map(|site| {
                let mut sink = HashSink::default();
                for page in site {
                    vectorizer.visit(page, &mut sink);
                }
                progress.advance();
                sink.0
            })
            .collect();
        for hash in found.into_iter().flat_map(HashedMap::into_keys) {
            *counts.entry(hash).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count as usize >= min_sites);
    let mut spellings: HashedMap<String> = HashedMap::default();
    for portion in sites.chunks(PORTION) {
        let found: Vec<HashedMap<String>> = portion
            .par_iter()
            .map(|site| {
                let mut sink = SpellingSink {
                    wanted: &counts,
                    spellings: HashedMap::default(),
                };
                for page in site {
                    vectorizer.visit(page, &mut sink);
                }
                progress.advance();
                sink.spellings
            })
            .collect();
        for spelling in found.into_iter().flatten() {
            spellings.entry(spelling.0).or_insert(spelling.1);
        }
    }
    let mut spellings: Vec<String> = spellings.into_values().collect();
    spellings.sort_unstable();
    spellings
}

/// Sites whose features stand in memory at once (chosen).
const PORTION: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::GoldBlock;

    /// Pages of `sites` sites, each with an article and a list of teasers.
    fn dataset(sites: usize) -> Dataset {
        let block = |label: &str, text: String| GoldBlock {
            text,
            label: label.to_owned(),
        };
        let pages = (0..sites)
            .map(|site| GoldPage {
                id: format!("site{site}/page"),
                kind: None,
                url: None,
                lang: None,
                html: None,
                text: None,
                blocks: vec![
                    block("body", format!("The council of town {site} voted on Tuesday to close the bridge for eleven weeks of repairs.")),
                    block("body", format!("Engineers said that bearing {site} had worn out, and that the work could not wait any longer.")),
                    block("promo", "You May Also Like".to_owned()),
                    block("promo", format!("Ten stars who never came back from holiday number {site}")),
                ],
                unknown: BTreeMap::new(),
            })
            .collect();
        Dataset {
            pages,
            ..Dataset::default()
        }
    }

    fn quick() -> TrainOptions {
        TrainOptions {
            views: vec![View::Text],
            folds: 3,
            min_sites: 2,
            most_features: 500,
            ..TrainOptions::default()
        }
    }

    #[test]
    fn a_trained_classifier_labels_a_page_like_those_it_saw_and_is_saved_whole() {
        let (classifier, report) = train(
            &mut dataset(9),
            &Extractions::default(),
            &MainTexts::default(),
            &quick(),
            &Silent,
        )
        .unwrap();
        assert_eq!((report.pages, report.sites, report.fits.len()), (9, 9, 2));
        assert_eq!(report.views["text"].blocks.macro_f1.value, Some(1.0));
        let text = "The council of town 44 voted on Tuesday to close the bridge for eleven weeks of repairs.\n\nYou May Also Like";
        let page = crate::page::Page::from_text("x", text.to_owned(), Some(PageKind::Text)).unwrap();
        let labelled = classifier.classify(&page, crate::segment::Split::Auto).unwrap();
        assert_eq!(labelled.labels, [Label(0), Label(1)]);
        let again = Classifier::from_bytes("x", &classifier.to_bytes().unwrap()).unwrap();
        assert_eq!(
            again
                .classify(&page, crate::segment::Split::Auto)
                .unwrap()
                .probabilities,
            labelled.probabilities
        );
        assert_eq!(again.to_bytes().unwrap(), classifier.to_bytes().unwrap());
    }

    #[test]
    fn without_figures_the_models_are_the_same() {
        let trained = |figures| {
            let options = TrainOptions { figures, ..quick() };
            let none = (Extractions::default(), MainTexts::default());
            train(&mut dataset(9), &none.0, &none.1, &options, &Silent).unwrap()
        };
        let (with, with_report) = trained(true);
        let (without, without_report) = trained(false);
        let weights = |classifier: &Classifier| {
            let KindModel {
                vocabulary,
                ngram,
                page,
            } = classifier.kind(PageKind::Text).unwrap().clone();
            (
                vocabulary.spellings().map(str::to_owned).collect::<Vec<_>>(),
                ngram,
                page,
            )
        };
        assert_eq!(weights(&with), weights(&without));
        assert_eq!(with_report.fits, without_report.fits);
        assert_eq!((with_report.views.len(), without_report.views.len()), (1, 0));
    }

    #[test]
    fn both_models_learn_from_short_pages_and_no_figure_is_made_of_them() {
        let fit = |short_pages| {
            let (mut dataset, _) = extracted_dataset(9);
            let options = TrainOptions {
                views: vec![View::Html],
                short_pages,
                ..quick()
            };
            let none = MainTexts::default();
            train(&mut dataset, &Extractions::default(), &none, &options, &Silent)
                .unwrap()
                .1
        };
        let (without, with) = (fit(0), fit(2));
        for (without, with) in without.fits.iter().zip(&with.fits) {
            assert!(
                with.rows > without.rows,
                "{}: {} {}",
                with.model,
                with.rows,
                without.rows
            );
        }
        assert_eq!(with.views["html"].blocks.blocks, without.views["html"].blocks.blocks);
    }

    #[test]
    fn only_the_drawn_share_of_sites_is_learned_and_all_are_judged() {
        let fit = |site_share| {
            let options = TrainOptions { site_share, ..quick() };
            train(
                &mut dataset(40),
                &Extractions::default(),
                &MainTexts::default(),
                &options,
                &Silent,
            )
            .unwrap()
            .1
        };
        let (all, half) = (fit(1.0), fit(0.5));
        assert_eq!(all.fits[0].rows, 40 * 4);
        assert!((60..=100).contains(&half.fits[0].rows), "{}", half.fits[0].rows);
        assert_eq!(half.fits[0].rows, half.fits[1].rows);
        assert_eq!(half.views["text"].blocks.pages, 40);
        let wrong = TrainOptions {
            site_share: 0.0,
            ..quick()
        };
        assert!(wrong.validate().unwrap_err().to_string().contains("--site-share"));
    }

    #[test]
    fn figures_by_language_are_of_its_pages_and_small_languages_go_together() {
        let mut dataset = dataset(LANGUAGE_PAGES + 3);
        for (number, page) in dataset.pages.iter_mut().enumerate() {
            page.lang = match number {
                0 => None,
                1 => Some("fr".to_owned()),
                2 => Some("DE-at".to_owned()),
                _ => Some("de".to_owned()),
            };
        }
        let none = MainTexts::default();
        let (_, report, _) = cross_validate(&mut dataset, &Extractions::default(), &none, &quick(), &Silent).unwrap();
        let languages = &report.views["text"].languages;
        let pages: Vec<(&str, usize)> = languages
            .iter()
            .map(|(name, figures)| (name.as_str(), figures.pages))
            .collect();
        assert_eq!(pages, [("de", LANGUAGE_PAGES + 1), (OTHER_LANGUAGES, 2)]);
        assert_eq!(languages["de"].macro_f1.value, Some(1.0));
    }

    /// The same pages as HTML, and what two extractors left of them: one all, the other the article alone.
    fn extracted_dataset(sites: usize) -> (Dataset, Extractions) {
        let mut dataset = dataset(sites);
        let mut lines = String::new();
        for gold in &mut dataset.pages {
            let texts: Vec<&str> = gold.blocks.iter().map(|block| block.text.as_str()).collect();
            gold.html = Some(texts.iter().map(|text| format!("<p>{text}</p>")).collect());
            for (extractor, count) in [("all", 4), ("article", 2)] {
                let text = texts[..count].join("\n\n");
                lines += &serde_json::json!({"id": gold.id, "extractor": extractor, "text": text}).to_string();
                lines.push('\n');
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, lines).unwrap();
        (dataset, Extractions::read(&[path]).unwrap())
    }

    fn extracted() -> TrainOptions {
        TrainOptions {
            views: vec![View::Extracted],
            ..quick()
        }
    }

    #[test]
    fn what_is_gained_after_an_extractor_is_measured_out_of_fold() {
        let (mut dataset, extractions) = extracted_dataset(9);
        let (_, report, _) =
            cross_validate(&mut dataset, &extractions, &MainTexts::default(), &extracted(), &Silent).unwrap();
        let all = &report.after_extractors["all"];
        assert_eq!(all.pages, 9);
        assert_eq!(all.before.recall, 1.0);
        assert!(all.before.precision > 0.5 && all.before.precision < 0.8, "{all:?}");
        assert_eq!(
            (all.after["balanced"].precision, all.after["balanced"].recall),
            (1.0, 1.0)
        );
        let article = &report.after_extractors["article"];
        assert_eq!((article.before.f1, article.after["balanced"].f1), (1.0, 1.0));
        // figures of the drawn view do not count them
        assert_eq!(report.views["extracted"].blocks.pages, 9);
    }

    #[test]
    fn pages_that_are_only_learned_are_not_judged() {
        let (mut all, extractions) = extracted_dataset(9);
        let marked = (0..3).map(|site| format!("site{site}/page")).collect();
        let (_, learned) = train(&mut all, &extractions, &MainTexts::default(), &extracted(), &Silent).unwrap();
        all.only_learned = marked;
        let (_, report, list) =
            cross_validate(&mut all, &extractions, &MainTexts::default(), &extracted(), &Silent).unwrap();
        assert_eq!(report.views["extracted"].blocks.pages, 6);
        assert_eq!(report.after_extractors["all"].pages, 6);
        assert!(list.iter().all(|block| !all.only_learned.contains(&block.id)));
        let (_, again) = train(&mut all, &extractions, &MainTexts::default(), &extracted(), &Silent).unwrap();
        assert_eq!(again.fits, learned.fits, "the model is that of all pages");
    }

    /// A page of each of these sites with its main text, as labelled pages look.
    fn main_texts(sites: std::ops::Range<usize>) -> MainTexts {
        let page = |gold: &GoldPage| {
            let texts: Vec<&str> = gold.blocks.iter().map(|block| block.text.as_str()).collect();
            MainTextPage {
                id: format!("{}-again", gold.id),
                url: None,
                source: texts.join("\n\n"),
                kind: PageKind::Text,
                main_text: texts[..2].join("\n"),
                page_type: None,
            }
        };
        MainTexts {
            pages: dataset(sites.end).pages[sites].iter().map(page).collect(),
            ..MainTexts::default()
        }
    }

    #[test]
    fn what_is_kept_of_main_text_is_measured_out_of_fold_and_changes_no_other_figure() {
        let none = Extractions::default();
        let run = |texts: &MainTexts| cross_validate(&mut dataset(9), &none, texts, &quick(), &Silent).unwrap();
        let (_, without, blocks) = run(&MainTexts::default());
        let (_, report, blocks_again) = run(&main_texts(6..12));
        let main_text = report.main_text.clone().unwrap();
        assert_eq!(main_text.all.pages, 6);
        let everything = main_text.all.everything;
        assert_eq!(everything.recall.value, Some(1.0));
        assert!(everything.precision.value.unwrap() < 0.8, "{everything:?}");
        assert_eq!(main_text.all.kept["balanced"].f1.value, Some(1.0));
        let plain = Report {
            main_text: None,
            ..report
        };
        assert_eq!(plain, without);
        assert_eq!(blocks.len(), blocks_again.len());
        assert!(
            blocks
                .iter()
                .zip(&blocks_again)
                .all(|(a, b)| a.id == b.id && a.p == b.p)
        );
    }

    #[test]
    fn pages_with_main_text_stand_in_the_fold_of_their_site() {
        let options = quick();
        let labels = dataset(9).labels().unwrap();
        let none = Extractions::default();
        let mut pages: Vec<ViewedPage> = dataset(9)
            .pages
            .iter()
            .flat_map(|gold| view_pages(gold, &none, Judge::All, &options, &labels).unwrap())
            .collect();
        let before = folds_by_site(&pages, &options);
        add_main_texts(&mut pages, &main_texts(0..15), &mut Vec::new()).unwrap();
        let folds = folds_by_site(&pages, &options);
        assert!(before.iter().all(|(site, fold)| folds[site] == *fold));
        assert_eq!(folds.len(), 15);
        let sizes = [0, 1, 2].map(|fold| folds.values().filter(|found| **found == fold).count());
        assert_eq!(sizes, [5, 5, 5]);
    }

    #[test]
    fn main_text_of_a_kind_that_is_not_learned_is_refused() {
        let mut texts = main_texts(0..2);
        texts.pages[1].kind = PageKind::Html;
        let message = cross_validate(&mut dataset(9), &Extractions::default(), &texts, &quick(), &Silent)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("--main-text: 1 of its pages are html, and no labelled page is met as html"),
            "{message}"
        );
    }

    #[test]
    fn extractors_texts_are_learned_as_far_as_they_are_drawn() {
        let rows = |draws: usize| {
            let (mut dataset, extractions) = extracted_dataset(9);
            let options = TrainOptions {
                extractor_draws: draws,
                ..extracted()
            };
            let (_, report) = train(&mut dataset, &extractions, &MainTexts::default(), &options, &Silent).unwrap();
            (report.fits[0].rows, report.fits[1].rows)
        };
        let [none, one, two, nine] = [0, 1, 2, 9].map(rows);
        assert_eq!((two.0 - none.0, nine.0 - two.0), (9 * (4 + 2), 0));
        assert!((9 * 2..=9 * 4).contains(&(one.0 - none.0)), "{one:?} {none:?}");
        assert_eq!(two.1, none.1, "the page model learns from the drawn view alone");
    }

    #[test]
    fn of_equal_texts_one_is_drawn() {
        let options = TrainOptions {
            extractor_draws: 2,
            ..quick()
        };
        let texts = [("a", "same"), ("b", "same"), ("c", "other")];
        let found = drawn("page", &texts, &options);
        assert!(found.contains("c") && found.len() == 2, "{found:?}");
        let first: BTreeSet<&str> = (0..20)
            .flat_map(|page| {
                drawn(
                    &format!("page {page}"),
                    &[("a", "1"), ("b", "2")],
                    &TrainOptions {
                        extractor_draws: 1,
                        ..quick()
                    },
                )
            })
            .collect();
        assert_eq!(first.len(), 2, "each has its turn");
    }

    #[test]
    fn page_models_of_a_fold_are_fitted_on_scores_of_models_that_saw_neither() {
        // the scores that fold 0's page model learns from must not change with the labels of fold 0
        let learned = |flip: bool| {
            let mut dataset = dataset(9);
            let options = quick();
            let labels = dataset.labels().unwrap();
            let none = Extractions::default();
            let viewed: Vec<ViewedPage> = dataset
                .pages
                .iter()
                .flat_map(|gold| view_pages(gold, &none, Judge::All, &options, &labels).unwrap())
                .collect();
            let folds = folds_by_site(&viewed, &options);
            if flip {
                for gold in dataset.pages.iter_mut().filter(|gold| folds[&gold.site()] == 0) {
                    for block in &mut gold.blocks {
                        block.label = if block.label == "body" { "promo" } else { "body" }.to_owned();
                    }
                }
            }
            let no_texts = MainTexts::default();
            let run = Run::prepare(&mut dataset, &none, &no_texts, Judge::All, &options, &Silent).unwrap();
            let prepared = &run.kinds[0];
            let ngram = run.ngram_out_of_fold(prepared, &Silent).unwrap();
            let scores = run.ngram_without_two_folds(prepared, &ngram, &Silent).unwrap();
            let others = prepared.samples.iter().filter(|sample| sample.fold != 0);
            others
                .map(|sample| (sample.rows_of(&ngram).to_owned(), sample.rows_of(&scores[0]).to_owned()))
                .unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let (plain, nested) = learned(false);
        let (plain_flipped, nested_flipped) = learned(true);
        assert_eq!(nested, nested_flipped);
        assert_ne!(plain, plain_flipped);
    }

    fn losing(shares: &[f64]) -> TrainOptions {
        TrainOptions {
            body_losses: shares.iter().map(|share| BodyLoss::new(*share).unwrap()).collect(),
            ..quick()
        }
    }

    #[test]
    fn a_model_keeps_thresholds_for_the_losses_that_its_sites_can_show() {
        let options = losing(&[0.6, 0.35, 0.01]);
        let (classifier, report) = train(
            &mut dataset(9),
            &Extractions::default(),
            &MainTexts::default(),
            &options,
            &Silent,
        )
        .unwrap();
        let found = |share: &str| classifier.body_threshold(PageKind::Text, share.parse().unwrap());
        let losses: Vec<f64> = report.body_losses.iter().map(|report| report.loss.share()).collect();
        assert_eq!((losses, report.body_sites["text"]), (vec![0.01, 0.35, 0.6], 9));
        // 9 sites can show 33 %, 8 of them 37 %
        assert!(found("1%").is_err() && report.body_losses[0].thresholds.is_empty());
        assert_eq!(
            found("35%").unwrap().threshold,
            report.body_losses[1].thresholds["text"]
        );
        assert!(report.body_losses[1].views.is_empty());
        let figures = &report.body_losses[2].views["text"];
        assert_eq!((figures.sites, figures.thresholds.len()), (9, GROUPS));
        assert!(found("60%").unwrap().threshold >= found("35%").unwrap().threshold);
        assert!(found("35%").unwrap().threshold > 0.5, "the blocks are told apart");
    }

    #[test]
    fn the_same_thresholds_are_kept_for_any_number_of_threads() {
        let bytes = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let trained = || {
                train(
                    &mut dataset(9),
                    &Extractions::default(),
                    &MainTexts::default(),
                    &losing(&[0.4]),
                    &Silent,
                )
            };
            pool.install(trained).unwrap().0.to_bytes().unwrap()
        };
        assert_eq!(bytes(1), bytes(3));
    }

    #[test]
    fn without_the_label_body_there_are_no_thresholds() {
        let mut dataset = dataset(9);
        for block in dataset.pages.iter_mut().flat_map(|page| &mut page.blocks) {
            block.label = if block.label == "body" { "keep" } else { "drop" }.to_owned();
        }
        let (classifier, report) = train(
            &mut dataset,
            &Extractions::default(),
            &MainTexts::default(),
            &losing(&[0.5]),
            &Silent,
        )
        .unwrap();
        assert!(report.body_losses.is_empty() && report.body_sites.is_empty());
        assert!(
            classifier
                .body_threshold(PageKind::Text, "50%".parse().unwrap())
                .is_err()
        );
    }

    #[test]
    fn a_site_is_judged_with_a_threshold_of_other_sites_alone() {
        let body = Label(0);
        // the sites of group 0 become surer by this
        let view = |first: f64| {
            let block = |site: u32| {
                let is_first = (site as usize).is_multiple_of(GROUPS);
                let probability = f64::from(site) / 300.0 + if is_first { first } else { 0.0 };
                let words = 10.0;
                RiskBlock {
                    site,
                    gold: body,
                    probability,
                    words,
                }
            };
            [RiskView {
                view: View::Text,
                blocks: (1..=300).map(block).collect(),
            }]
        };
        let thresholds = |first| group_thresholds(&view(first), body, BodyLoss::new(0.2).unwrap()).unwrap();
        let (plain, moved) = (thresholds(0.0), thresholds(1.0));
        assert_eq!(plain[0], moved[0]);
        assert!(
            (1..GROUPS).all(|group| plain[group] < moved[group]),
            "{plain:?} {moved:?}"
        );
        // 300 sites can show 0.999 %, and 285 of them cannot
        assert_eq!(group_thresholds(&view(0.0), body, BodyLoss::new(0.01).unwrap()), None);
    }

    #[test]
    fn no_site_stands_in_two_folds_and_folds_are_even() {
        let dataset = dataset(30);
        let labels = dataset.labels().unwrap();
        let options = quick();
        let none = Extractions::default();
        let pages: Vec<ViewedPage> = dataset
            .pages
            .iter()
            .flat_map(|gold| view_pages(gold, &none, Judge::All, &options, &labels).unwrap())
            .collect();
        let folds = folds_by_site(&pages, &options);
        let sizes: Vec<usize> = (0..3)
            .map(|fold| folds.values().filter(|found| **found == fold).count())
            .collect();
        assert_eq!(sizes, [10, 10, 10]);
        assert_ne!(folds, folds_by_site(&pages, &TrainOptions { seed: 2, ..options }));
    }

    #[test]
    fn too_few_sites_and_rare_labels_are_refused() {
        let message = train(
            &mut dataset(2),
            &Extractions::default(),
            &MainTexts::default(),
            &quick(),
            &Silent,
        )
        .unwrap_err()
        .to_string();
        assert!(message.contains("2 site(s) for 3 folds"), "{message}");
        let mut typo = dataset(9);
        typo.pages[4].blocks[1].label = "bdoy".to_owned();
        let message = train(
            &mut typo,
            &Extractions::default(),
            &MainTexts::default(),
            &quick(),
            &Silent,
        )
        .unwrap_err()
        .to_string();
        assert!(message.contains("bdoy") && message.contains("site4/page"), "{message}");
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for options in [
            TrainOptions { folds: 1, ..quick() },
            TrainOptions {
                penalty: 0.0,
                ..quick()
            },
            TrainOptions {
                views: Vec::new(),
                ..quick()
            },
            TrainOptions {
                class_weights: BTreeMap::from([("body".to_owned(), -1.0)]),
                ..quick()
            },
        ] {
            assert!(matches!(options.validate(), Err(Error::Option { .. })));
        }
        let stray = TrainOptions {
            class_weights: BTreeMap::from([("advert".to_owned(), 2.0)]),
            ..quick()
        };
        assert!(matches!(
            train(
                &mut dataset(9),
                &Extractions::default(),
                &MainTexts::default(),
                &stray,
                &Silent
            ),
            Err(Error::UnknownLabel { .. })
        ));
    }
}
