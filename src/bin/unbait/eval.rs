//! `unbait eval`: labelled pages to figures, of a model as it is or of a training by cross-validation.
//!
//! A model that was trained on the pages it is measured on looks better than it is; --folds measures on sites left out.

use crate::Outcome;
use crate::choice::body_loss;
use crate::figures;
use crate::inputs::{BLOCKS, read_model};
use crate::line_training::{self, LineArgs};
use crate::output::{Results, Unfinished, WholeFile, json, note, output_path, write_file};
use crate::score::Probabilities;
use crate::training::{DataArgs, FitArgs, MainTextArgs, Steps, complain_from};
use clap::ValueEnum;
use ndarray::ArrayView1;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use unbait::balance::BodyLoss;
use unbait::classifier::{Classifier, LabelledPage, most_likely};
use unbait::dataset::{Dataset, GoldPage};
use unbait::error::{Error, Result};
use unbait::evaluate::{Calibration, Figures, Judged, calibration, figures};
use unbait::extraction::Extractions;
use unbait::label::{Label, LabelSet, USUAL_ORDER};
use unbait::label_file::text_hash;
use unbait::main_text::{Kept, MainTextPage, MainTextReport, MainTexts};
use unbait::risk::{LossReport, RiskBlock, loss_figures};
use unbait::train::{OutOfFold, TrainOptions, cross_validate};
use unbait::view::{View, view_page, views_of};

const EXAMPLE: &str = "\
Example:
  unbait eval my-pages.jsonl --view html --errors errors.jsonl
  unbait eval datasets/ --folds 5 --fail-under 0.85
  unbait eval my-pages.jsonl --model my-model.safetensors --max-body-loss 0.5%
  unbait eval --main-text wcxb.jsonl.zst
  unbait eval --per line headlines.jsonl --folds 10";

/// Measure a model, or a training, on labelled pages, or lines.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Labelled pages: JSON lines, or texts from Label Studio, Prodigy, doccano or fastText; plain, .gz or .zst. Of folders all .jsonl
    /// files are read, and of the .json and .txt files those that hold annotations
    #[arg(value_name = "DATA", required_unless_present = "main_text")]
    data: Vec<PathBuf>,
    #[command(flatten)]
    reading: DataArgs,
    #[command(flatten)]
    main_text: MainTextArgs,
    #[command(flatten)]
    lines: LineArgs,
    /// Model to measure: a file, or a built-in one, `blocks` or `clickbait` [default: blocks, of lines clickbait]
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["folds", "across"])]
    model: Option<PathBuf>,
    /// Measure a training instead, by cross-validation with this many folds by site, or of lines by what --fold-by says
    #[arg(long, value_name = "K", requires = "data")]
    folds: Option<usize>,
    /// Of lines: measure a training on each file by the lines of each other one
    #[arg(long, requires = "data", conflicts_with = "folds")]
    across: bool,
    #[command(flatten)]
    fit: FitArgs,
    /// Say which share of the body words is lost when no more than this should be, such as 0.5%, and whether it held: by the
    /// model's thresholds, or with --folds by thresholds chosen on other sites; can be given several times
    #[arg(long, value_name = "SHARE", value_parser = body_loss, requires = "data")]
    max_body_loss: Vec<BodyLoss>,
    /// How figures are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// End with exit code 3 when the macro F1 of a view is below this, 0 to 1
    #[arg(long, value_name = "F1", requires = "data")]
    fail_under: Option<f64>,
    /// File for the blocks with a wrong label, as JSON lines, the surest first
    #[arg(long, value_name = "FILE", value_parser = output_path(), requires = "data")]
    errors: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Tables for people
    Table,
    /// All figures as one JSON object
    Json,
}

impl Args {
    /// Options that only pages have, and whether they are given.
    fn of_pages(&self) -> [(&'static str, bool); 4] {
        [
            ("--main-text", self.main_text.is_given()),
            ("--max-body-loss", !self.max_body_loss.is_empty()),
            ("--fail-under", self.fail_under.is_some()),
            ("--errors", self.errors.is_some()),
        ]
    }
}

/// What was measured, however it was measured.
struct Measured {
    /// Printed as table or JSON.
    text: String,
    /// By view.
    macro_f1: Vec<(String, Option<f64>)>,
    /// As JSON lines.
    mistakes: String,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    crate::use_threads(args.reading.threads)?;
    let are_lines = args.lines.are_lines(&args.reading, &args.fit, &args.of_pages())?;
    if args.folds.is_none() && !args.across && args.fit != FitArgs::default() {
        return Err(Error::Option {
            option: "--folds",
            problem:
                "an option of training was given, but a model is measured as it is; give --folds to measure a training"
                    .to_owned(),
        });
    }
    if are_lines {
        let measured = match (args.folds, args.across) {
            (Some(folds), _) => line_training::Measured::Folds(folds),
            (None, true) => line_training::Measured::Across,
            (None, false) => line_training::Measured::Model(args.model.as_deref()),
        };
        let as_json = matches!(args.format, Format::Json);
        return line_training::eval(&args.lines, &args.data, (&args.reading, &args.fit), &measured, as_json);
    }
    if args.across {
        return Err(Error::Option {
            option: "--across",
            problem: "only lines are measured across files; give --per line, or --folds".to_owned(),
        });
    }
    if let Some(least) = args.fail_under.filter(|least| !(0.0..=1.0).contains(least)) {
        return Err(Error::Option {
            option: "--fail-under",
            problem: format!("{least}; wanted 0 to 1"),
        });
    }
    let options = TrainOptions {
        body_losses: args.max_body_loss.clone(),
        ..args.reading.options()?
    };
    if let Some(path) = &args.errors {
        // better known now than after the measuring; dropped, it leaves nothing
        WholeFile::create(path, Unfinished::Vanishes).map(drop)?;
    }
    let mut dataset = if args.data.is_empty() {
        Dataset::default()
    } else {
        args.reading.read(&args.data, &args.fit)?
    };
    let main_texts = args.main_text.read()?;
    let extractions = args.fit.read_extractions(&dataset)?;
    let named = dataset.errors.len();
    let measured = match args.folds {
        Some(folds) => measure_training(
            &mut dataset,
            &extractions,
            &main_texts,
            &TrainOptions {
                folds,
                ..args.fit.options(options)
            },
            args.format,
        ),
        None => measure_model(
            &mut dataset,
            &main_texts,
            &read_model(args.model.as_deref().unwrap_or(Path::new(BLOCKS)))?,
            &options,
            args.format,
        ),
    };
    complain_from(&dataset, named);
    let measured = measured?;
    if let Some(path) = &args.errors {
        write_file(path, measured.mistakes.as_bytes())?;
    }
    let mut results = Results::data();
    results.write(&measured.text)?;
    results.flush()?;
    let failed = [&dataset.errors, &extractions.errors, &main_texts.errors];
    let outcome = if failed.iter().all(|errors| errors.is_empty()) {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    };
    Ok(args
        .fail_under
        .filter(|least| is_below(&measured, *least))
        .map_or(outcome, |_| Outcome::Below))
}

/// Whether the macro F1 of a view is below this; names the views.
fn is_below(measured: &Measured, least: f64) -> bool {
    let below = measured
        .macro_f1
        .iter()
        .filter(|(_, macro_f1)| macro_f1.is_none_or(|macro_f1| macro_f1 < least));
    let named: Vec<String> = below
        .map(|(view, macro_f1)| {
            format!(
                "{view} view: macro F1 {}",
                macro_f1.map_or("-".to_owned(), |value| format!("{value:.3}"))
            )
        })
        .collect();
    named.iter().for_each(|view| note(&format!("{view} is below {least}")));
    !named.is_empty()
}

// ---- a model

#[derive(Serialize)]
struct ModelFigures {
    blocks: Figures,
    words: Figures,
    calibration: Calibration,
}

#[derive(Serialize)]
struct ModelReport<'a> {
    labels: &'a LabelSet,
    pages: usize,
    views: BTreeMap<&'static str, ModelFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    main_text: Option<MainTextReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    body_losses: Vec<LossReport>,
}

/// A labelled page in one view with the labels that the model gives.
struct Viewed {
    view: View,
    id: String,
    site: String,
    gold: Vec<Option<Label>>,
    labelled: LabelledPage,
}

fn measure_model(
    dataset: &mut Dataset,
    main_texts: &MainTexts,
    classifier: &Classifier,
    options: &TrainOptions,
    format: Format,
) -> Result<Measured> {
    let labels = classifier.labels();
    check_labels(dataset, labels)?;
    let results: Vec<Result<Vec<Viewed>>> = dataset
        .pages
        .par_iter()
        .map(|gold| viewed(gold, classifier, options))
        .collect();
    let mut pages = Vec::new();
    let mut used = 0;
    for result in results {
        match result {
            Ok(found) => {
                used += usize::from(!found.is_empty());
                pages.extend(found);
            }
            Err(error) => dataset.errors.push(error),
        }
    }
    let mut views = BTreeMap::new();
    for view in &options.views {
        let judged: Vec<Vec<Judged>> = pages
            .iter()
            .filter(|page| page.view == *view)
            .map(Viewed::judged)
            .collect();
        if judged.iter().any(|page| !page.is_empty()) {
            let (blocks, words) = figures(labels, &judged)?;
            let figures = ModelFigures {
                blocks,
                words,
                calibration: calibration(&judged),
            };
            views.insert(view.as_str(), figures);
        }
    }
    if views.is_empty() && !(dataset.pages.is_empty() && dataset.errors.is_empty()) {
        return Err(Error::Dataset {
            problem: "no page has a labelled block in this --view".to_owned(),
        });
    }
    let mistakes = pages.iter().flat_map(|page| page.mistakes(labels)).collect();
    let macro_f1 = views
        .iter()
        .map(|(view, figures)| ((*view).to_owned(), figures.blocks.macro_f1.value))
        .collect();
    let report = ModelReport {
        labels,
        pages: used,
        views,
        main_text: main_text_report(main_texts, classifier, &mut dataset.errors)?,
        body_losses: body_losses(&pages, classifier, options)?,
    };
    let text = match format {
        Format::Json => json(&report)? + "\n",
        Format::Table => model_tables(&report),
    };
    Ok(Measured {
        text,
        macro_f1,
        mistakes: lines(mistakes)?,
    })
}

/// What a model keeps of pages with main text; `None` without such pages.
fn main_text_report(
    main_texts: &MainTexts,
    classifier: &Classifier,
    errors: &mut Vec<Error>,
) -> Result<Option<MainTextReport>> {
    let Some(keeping) = main_texts.keeping(classifier.labels())? else {
        return Ok(None);
    };
    let is_strange = |page: &&MainTextPage| classifier.kind(page.kind).is_none();
    if let Some(page) = main_texts.pages.iter().find(is_strange) {
        let kind = page.kind.as_str();
        return Err(Error::Option {
            option: "--main-text",
            problem: format!(
                "page {:?} is {kind}, and the model was not trained on {kind} pages; use another model, or leave such pages out",
                page.id
            ),
        });
    }
    let results: Vec<Result<Kept>> = main_texts
        .pages
        .par_iter()
        .map(|page| {
            let labelled = classifier.classify_segmented(page.segmented()?)?;
            let blocks = labelled.segmented.blocks.iter();
            let texts: Vec<&str> = blocks.map(|block| block.text.as_str()).collect();
            Ok(keeping.judge(page, &texts, labelled.probabilities.view()))
        })
        .collect();
    let mut judged = Vec::new();
    for result in results {
        match result {
            Ok(kept) => judged.push(kept),
            Err(error) => errors.push(error),
        }
    }
    MainTextReport::new(main_texts, &judged).map(Some)
}

/// What the model's thresholds for each loss do to the words of these pages.
fn body_losses(pages: &[Viewed], classifier: &Classifier, options: &TrainOptions) -> Result<Vec<LossReport>> {
    let labels = classifier.labels();
    if options.body_losses.is_empty() {
        return Ok(Vec::new());
    }
    let body = labels.find(USUAL_ORDER[0]).ok_or_else(|| Error::Option {
        option: "--max-body-loss",
        problem: format!("the model has no label {:?}, whose words may be lost", USUAL_ORDER[0]),
    })?;
    let names: BTreeSet<&str> = pages.iter().map(|page| page.site.as_str()).collect();
    let sites: BTreeMap<&str, u32> = names.into_iter().zip(0..).collect();
    let mut reports = Vec::new();
    for loss in &options.body_losses {
        let mut report = LossReport {
            loss: *loss,
            thresholds: BTreeMap::new(),
            views: BTreeMap::new(),
        };
        for view in &options.views {
            let of_view = pages.iter().filter(|page| page.view == *view);
            let blocks: Vec<RiskBlock> = of_view
                .flat_map(|page| page.risk_blocks(sites[page.site.as_str()], body))
                .collect();
            if blocks.is_empty() {
                continue;
            }
            let threshold = classifier.body_threshold(view.kind(), *loss)?.threshold;
            report.thresholds.insert(view.kind().as_str().to_owned(), threshold);
            let judged = blocks.iter().map(|block| (block, threshold));
            let figures = loss_figures(labels, body, *loss, judged, vec![threshold]);
            report
                .views
                .extend(figures.map(|figures| (view.as_str().to_owned(), figures)));
        }
        reports.push(report);
    }
    Ok(reports)
}

fn check_labels(dataset: &Dataset, labels: &LabelSet) -> Result<()> {
    for page in &dataset.pages {
        if let Some(block) = page.blocks.iter().find(|block| labels.find(&block.label).is_none()) {
            return Err(Error::Dataset {
                problem: format!(
                    "page {:?} has the label {:?}, which the model lacks (it has {}); give a model with these labels, or --folds",
                    page.id,
                    block.label,
                    labels.names().join(", ")
                ),
            });
        }
    }
    Ok(())
}

fn viewed(gold: &GoldPage, classifier: &Classifier, options: &TrainOptions) -> Result<Vec<Viewed>> {
    views_of(gold, &options.views)
        .into_iter()
        .map(|view| {
            let matched = view_page(gold, view, classifier.labels(), options.max_unmatched, options.seed)?;
            let labelled = classifier.classify_segmented(matched.segmented)?;
            Ok(Viewed {
                view,
                id: matched.id,
                site: matched.site,
                gold: matched.labels,
                labelled,
            })
        })
        .collect()
}

impl Viewed {
    fn judged(&self) -> Vec<Judged> {
        let blocks = self.gold.iter().zip(&self.labelled.labels).zip(&self.labelled.words);
        blocks
            .zip(self.labelled.probabilities.rows())
            .filter_map(|(((gold, predicted), words), probabilities)| {
                gold.map(|gold| Judged {
                    gold,
                    predicted: *predicted,
                    probability: probabilities[predicted.index()],
                    words: f64::from(*words),
                })
            })
            .collect()
    }

    /// The blocks with gold, as far as lost words go; `site` is the number of the page's site.
    fn risk_blocks(&self, site: u32, body: Label) -> impl Iterator<Item = RiskBlock> {
        let blocks = self.gold.iter().zip(&self.labelled.words);
        blocks
            .zip(self.labelled.probabilities.column(body.index()))
            .filter_map(move |((gold, words), probability)| {
                gold.map(|gold| RiskBlock {
                    site,
                    gold,
                    probability: *probability,
                    words: f64::from(*words),
                })
            })
    }

    fn mistakes<'a>(&'a self, labels: &'a LabelSet) -> Vec<Mistake<'a>> {
        let blocks = self.labelled.segmented.blocks.iter().zip(&self.gold).enumerate();
        blocks
            .filter_map(|(block, (found, gold))| {
                let row = self.labelled.probabilities.row(block);
                Mistake::new(
                    &self.id,
                    self.view,
                    block,
                    (*gold)?,
                    self.labelled.labels[block],
                    row,
                    &found.text,
                    labels,
                )
            })
            .collect()
    }
}

fn model_tables(report: &ModelReport<'_>) -> String {
    let mut text = String::new();
    if report.pages > 0 {
        text.push_str(&format!("{} pages; intervals are 95 %, over pages\n", report.pages));
    }
    for (view, measured) in &report.views {
        text.push_str(&format!("\n{view} view, {} pages\n", measured.blocks.pages));
        text.push_str(&figures::by_label("by blocks", &measured.blocks));
        text.push_str(&figures::calibration(&measured.calibration));
        text.push('\n');
        text.push_str(&figures::by_label("by words", &measured.words));
        text.push('\n');
        text.push_str(&figures::confusion(&measured.blocks));
    }
    if let Some(main_text) = &report.main_text {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&figures::main_text(main_text));
    }
    text.push_str(&figures::body_losses(&report.body_losses));
    text
}

// ---- a training

fn measure_training(
    dataset: &mut Dataset,
    extractions: &Extractions,
    main_texts: &MainTexts,
    options: &TrainOptions,
    format: Format,
) -> Result<Measured> {
    let steps = Steps::default();
    let validated = cross_validate(dataset, extractions, main_texts, options, &steps);
    steps.end();
    let (labels, report, blocks) = validated?;
    let text = match format {
        Format::Json => json(&report)? + "\n",
        Format::Table => figures::report(&report),
    };
    let macro_f1 = report
        .views
        .iter()
        .map(|(view, figures)| (view.clone(), figures.blocks.macro_f1.value))
        .collect();
    let mistakes = blocks
        .iter()
        .filter_map(|block| out_of_fold_mistake(block, &labels))
        .collect();
    Ok(Measured {
        text,
        macro_f1,
        mistakes: lines(mistakes)?,
    })
}

fn out_of_fold_mistake<'a>(block: &'a OutOfFold, labels: &'a LabelSet) -> Option<Mistake<'a>> {
    let gold = labels.find(block.gold.as_deref()?)?;
    let row = ArrayView1::from(block.p.as_slice());
    let predicted = *most_likely(row.insert_axis(ndarray::Axis(0))).first()?;
    Mistake::new(
        &block.id,
        block.view,
        block.block,
        gold,
        predicted,
        row,
        &block.text,
        labels,
    )
}

// ---- mistakes

/// A block with a wrong label.
#[derive(Serialize)]
struct Mistake<'a> {
    id: &'a str,
    view: View,
    block: usize,
    gold: &'a str,
    predicted: &'a str,
    p: Probabilities<'a>,
    /// As corrections and files of labels spell it.
    text_hash: String,
    text: &'a str,
    #[serde(skip)]
    sureness: f64,
}

impl<'a> Mistake<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        id: &'a str,
        view: View,
        block: usize,
        gold: Label,
        predicted: Label,
        row: ArrayView1<'_, f64>,
        text: &'a str,
        labels: &'a LabelSet,
    ) -> Option<Self> {
        (gold != predicted).then(|| Self {
            id,
            view,
            block,
            gold: labels.name(gold),
            predicted: labels.name(predicted),
            p: Probabilities::new(labels, row, |_| true),
            text_hash: text_hash(text),
            text,
            sureness: row[predicted.index()],
        })
    }
}

/// Mistakes as JSON lines, the surest first.
fn lines(mut mistakes: Vec<Mistake<'_>>) -> Result<String> {
    let place = |mistake: &Mistake<'_>| (mistake.id.to_owned(), mistake.view, mistake.block);
    mistakes.sort_by(|a, b| b.sureness.total_cmp(&a.sureness).then_with(|| place(a).cmp(&place(b))));
    mistakes.iter().map(|mistake| Ok(json(mistake)? + "\n")).collect()
}
