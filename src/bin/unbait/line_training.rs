//! `train` and `eval` of lines with labels, such as headlines: a model of lines, and how good one is.
//!
//! Options that only pages have are refused by name: nothing that was asked for is left out in silence.

use crate::Outcome;
use crate::figures::table;
use crate::inputs::read_line_model;
use crate::output::{Results, complain, json, note, write_file};
use crate::training::{DataArgs, FitArgs, Steps};
use clap::ValueEnum;
use serde::Serialize;
use std::path::{Path, PathBuf};
use unbait::error::{Error, Result};
use unbait::evaluate::ScoreFigures;
use unbait::line_set::LineSet;
use unbait::line_train::{
    Crossing, FoldBy, LineReport, LineTrainOptions, cross_validate_lines, judge_lines, train_across, train_lines,
};
use unbait::line_vectorizer::{LineRecipe, Surface};

/// What is learned, and how lines are.
#[derive(clap::Args, Clone, Debug, PartialEq)]
pub struct LineArgs {
    /// What a record of the data is: a page with labelled blocks, or a line with its label, such as a headline: JSON lines with text,
    /// label and perhaps source and lang
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Per::Page, requires = "data")]
    per: Per,
    /// Of lines: the label whose probability is the score
    #[arg(long, value_name = "LABEL", default_value_t = LineTrainOptions::default().scored)]
    scored: String,
    /// Of lines: what stays together in a fold
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = FoldByName::Line)]
    fold_by: FoldByName,
    /// Of lines: what to learn from besides the words, separated by commas: case, punctuation, length
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = Surface::parse)]
    surface: Vec<Surface>,
    /// Of lines: power of the log-ratio by which features of one label count more, 0 to 1
    #[arg(long, value_name = "X", default_value_t = LineTrainOptions::default().ratio_power)]
    ratio_power: f64,
    /// Of lines: a feature must occur in this many
    #[arg(long, value_name = "N", default_value_t = LineTrainOptions::default().min_lines)]
    min_lines: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Per {
    Page,
    Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FoldByName {
    /// Nothing: each line by itself
    Line,
    /// Lines of the same source
    Source,
    /// Lines of the same file
    File,
}

impl Default for LineArgs {
    fn default() -> Self {
        let options = LineTrainOptions::default();
        Self {
            per: Per::Page,
            scored: options.scored,
            fold_by: FoldByName::Line,
            surface: Vec::new(),
            ratio_power: options.ratio_power,
            min_lines: options.min_lines,
        }
    }
}

impl LineArgs {
    /// Whether the data are lines.
    ///
    /// # Errors
    /// [`Error::Option`] when they are pages and an option of lines was given, or the other way round.
    pub fn are_lines(&self, reading: &DataArgs, fit: &FitArgs, others: &[(&'static str, bool)]) -> Result<bool> {
        let wrong = |option, problem: &str| {
            Err(Error::Option {
                option,
                problem: problem.to_owned(),
            })
        };
        if self.per == Per::Page {
            return match *self == Self::default() {
                true => Ok(false),
                false => wrong(
                    "--per",
                    "an option of lines was given (--scored, --fold-by, --surface, --ratio-power or --min-lines), but the data are pages; give --per line",
                ),
            };
        }
        let given = others
            .iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(option, _)| *option);
        match reading.of_pages().chain(fit.of_pages()).chain(given).next() {
            Some(option) => wrong(
                option,
                "only pages have this, and --per line was given; leave one of the two out",
            ),
            None => Ok(true),
        }
    }

    /// Refuses options of a training, which a model that is measured as it is has behind it.
    fn check_of_model(&self) -> Result<()> {
        let per_line = Self {
            per: Per::Line,
            ..Self::default()
        };
        match *self == per_line {
            true => Ok(()),
            false => Err(Error::Option {
                option: "--folds",
                problem: "an option of training was given (--scored, --fold-by, --surface, --ratio-power or --min-lines), but a model is measured as it is; give --folds or --across to measure a training".to_owned(),
            }),
        }
    }

    fn options(&self, reading: &DataArgs, fit: &FitArgs, folds: Option<usize>) -> LineTrainOptions {
        let usual = LineTrainOptions::default();
        let mut surface = self.surface.clone();
        surface.sort_unstable();
        surface.dedup();
        LineTrainOptions {
            recipe: LineRecipe {
                surface,
                ..usual.recipe
            },
            scored: self.scored.clone(),
            folds: folds.unwrap_or(usual.folds),
            fold_by: match self.fold_by {
                FoldByName::Line => FoldBy::Line,
                FoldByName::Source => FoldBy::Source,
                FoldByName::File => FoldBy::File,
            },
            seed: reading.seed(),
            ratio_power: self.ratio_power,
            min_lines: self.min_lines,
            penalty: fit.penalty.unwrap_or(usual.penalty),
            most_features: fit.most_features.unwrap_or(usual.most_features),
            tolerance: fit.tolerance.unwrap_or(usual.tolerance),
            max_iterations: fit.max_iterations,
            allow_early_stop: fit.allow_early_stop,
        }
    }
}

/// Reads lines; names bad records on standard error, and counts what was left out.
fn read(data: &[PathBuf]) -> Result<LineSet> {
    let set = LineSet::read(data)?;
    set.errors.iter().for_each(complain);
    for (count, what) in [
        (set.repeated, "stand there more than once and are learned once"),
        (set.contradicted, "have both labels and are left out"),
    ] {
        if count > 0 {
            note(&format!("{count} lines {what}"));
        }
    }
    if set.lines.is_empty() {
        return Err(Error::Dataset {
            problem: "no line could be read; correct the records named above".to_owned(),
        });
    }
    Ok(set)
}

fn outcome(set: &LineSet) -> Outcome {
    match set.errors.is_empty() {
        true => Outcome::Done,
        false => Outcome::SomeFailed,
    }
}

// ---- train

#[derive(Serialize)]
struct FullReport<'a> {
    /// Name and SHA-256 of each file that was read.
    files: &'a [(String, String)],
    options: &'a LineTrainOptions,
    #[serde(flatten)]
    report: &'a LineReport,
}

/// Makes a model of lines, and writes it to `output`.
pub fn train(
    args: &LineArgs,
    data: &[PathBuf],
    (reading, fit): (&DataArgs, &FitArgs),
    folds: usize,
    output: &Path,
    report_file: Option<&Path>,
) -> Result<Outcome> {
    let options = args.options(reading, fit, Some(folds));
    let set = read(data)?;
    let steps = Steps::default();
    let trained = train_lines(&set, &options, &steps);
    steps.end();
    let (classifier, report) = trained?;
    write_file(output, &classifier.to_bytes()?)?;
    if let Some(path) = report_file {
        let full = FullReport {
            files: &set.files,
            options: &options,
            report: &report,
        };
        write_file(path, (json(&full)? + "\n").as_bytes())?;
    }
    let mut results = Results::data();
    for (name, checksum) in &set.files {
        results.write(&format!("{checksum}  {name}\n"))?;
    }
    results.write(&format!("\n{}", report_table(&report, &options.scored)))?;
    let features = classifier.vocabulary().len();
    results.write(&format!("\nthe model knows {features} features\n"))?;
    results.flush()?;
    Ok(outcome(&set))
}

// ---- eval

/// What is measured.
pub enum Measured<'a> {
    /// A model: a file or a built-in one, if any was named.
    Model(Option<&'a Path>),
    /// A training, by cross-validation with so many folds.
    Folds(usize),
    /// A training on each file, measured on the others.
    Across,
}

/// Measures on lines.
pub fn eval(
    args: &LineArgs,
    data: &[PathBuf],
    (reading, fit): (&DataArgs, &FitArgs),
    measured: &Measured<'_>,
    as_json: bool,
) -> Result<Outcome> {
    let set = read(data)?;
    let steps = Steps::default();
    let text = match measured {
        Measured::Model(model) => {
            args.check_of_model()?;
            let classifier = read_line_model(model.unwrap_or(Path::new(crate::inputs::CLICKBAIT)))?;
            let figures = judge_lines(&set, &classifier)?;
            match as_json {
                true => json(&figures)? + "\n",
                false => table(&[
                    header(&[""], classifier.scored()),
                    row(vec!["model".to_owned()], &figures),
                ]),
            }
        }
        Measured::Folds(folds) => {
            let options = args.options(reading, fit, Some(*folds));
            let report = cross_validate_lines(&set, &options, &steps);
            steps.end();
            let report = report?;
            match as_json {
                true => json(&report)? + "\n",
                false => report_table(&report, &options.scored),
            }
        }
        Measured::Across => {
            let options = args.options(reading, fit, None);
            let crossings = train_across(&set, &options, &steps);
            steps.end();
            let crossings = crossings?;
            match as_json {
                true => json(&crossings)? + "\n",
                false => crossings_table(&crossings, &options.scored),
            }
        }
    };
    let mut results = Results::data();
    results.write(&text)?;
    results.flush()?;
    Ok(outcome(&set))
}

// ---- tables

fn header(first: &[&str], scored: &str) -> Vec<String> {
    let names = [
        "lines",
        scored,
        "without score",
        "accuracy",
        "AUC",
        "Brier",
        "calibration error",
    ];
    first.iter().chain(&names).map(|name| (*name).to_owned()).collect()
}

fn row(first: Vec<String>, figures: &ScoreFigures) -> Vec<String> {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let counts = [figures.lines, figures.scored, figures.unscored].map(|count| count.to_string());
    let shares = [figures.accuracy, figures.auc, figures.brier, figures.calibration_error].map(figure);
    first.into_iter().chain(counts).chain(shares).collect()
}

fn report_table(report: &LineReport, scored: &str) -> String {
    let by = format!("out of {} folds by {}", report.folds, report.fold_by.as_str());
    let mut text = table(&[header(&[""], scored), row(vec![by], &report.figures)]);
    let scale = &report.calibration;
    text.push_str(&format!(
        "calibrated: log-odds times {:.3} plus {:.3}\n",
        scale.slope, scale.offset
    ));
    if let Some(fit) = &report.fit {
        let iterations = fit.iterations.unwrap_or_default();
        text.push_str(&format!(
            "final fit: {} lines, {} features, {iterations} iterations, gradient norm {:.1e}\n",
            fit.rows, fit.columns, fit.gradient_norm
        ));
    }
    text
}

fn crossings_table(crossings: &[Crossing], scored: &str) -> String {
    let mut rows = vec![header(&["learned", "judged"], scored)];
    for one in crossings {
        rows.push(row(vec![one.learned.clone(), one.judged.clone()], &one.figures));
    }
    table(&rows)
}
