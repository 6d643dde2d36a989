//! Labelled lines to a model of lines: vocabulary, n-gram model, and a calibration by scores out of fold.
//!
//! Folds by line look better than any new publisher will: lines of one publisher share its style. Folds by file or by source tell
//! what lines of others get, and a calibration by them is less sure of itself.

use crate::error::{Error, Result};
use crate::evaluate::{ScoreFigures, score_figures};
use crate::label::{Label, LabelSet};
use crate::line_classifier::LineClassifier;
use crate::line_set::{GoldLine, LineSet};
use crate::line_vectorizer::{LineRecipe, LineVectorizer};
use crate::model_file::Provenance;
use crate::ngram_fit::{SoftmaxProblem, Stop};
use crate::ngram_model::NgramModel;
use crate::train::{FitReport, Progress};
use crate::vectorizer::{BlockSink, SparseMatrix};
use crate::vocabulary::{Family, HashedMap, Sink, Vocabulary, hash_of_spelling};
use half::f16;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What lines of one fold have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoldBy {
    /// Nothing: each line by itself.
    Line,
    /// Their source.
    Source,
    /// Their file.
    File,
}

impl FoldBy {
    /// The name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Source => "source",
            Self::File => "file",
        }
    }

    fn group(self, line: &GoldLine) -> String {
        match self {
            Self::Line => line.text.clone(),
            Self::Source => line.source.clone(),
            Self::File => line.file.to_string(),
        }
    }
}

/// How a model of lines is trained. The defaults made the shipped model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineTrainOptions {
    /// How lines become vectors.
    pub recipe: LineRecipe,
    /// The label whose probability is the score.
    pub scored: String,
    /// Number of folds, 2 or more; there are no more than what lines are grouped by.
    pub folds: usize,
    /// What stays together in a fold.
    pub fold_by: FoldBy,
    /// Seed of the folds.
    pub seed: u64,
    /// L2 penalty: multiplies |W|^2 / 2 against the SUM of losses, 1 / C of liblinear and scikit-learn.
    pub penalty: f64,
    /// Power of the log-ratio of a feature's shares of the two labels, by which its values are multiplied for the fit, 0 to 1: 0 leaves
    /// them as they are, and 1 is that of Wang and Manning 2012 (section 2.3).
    pub ratio_power: f64,
    /// A feature must occur in this many lines.
    pub min_lines: usize,
    /// The most features that the model keeps; those that move scores most stay.
    pub most_features: usize,
    /// Norm of the gradient of the mean loss at which the fit has converged, each weight in units of its curvature.
    pub tolerance: f64,
    /// Most iterations of the fit.
    pub max_iterations: u64,
    /// Whether a fit that stopped before it converged is taken all the same.
    pub allow_early_stop: bool,
}

impl Default for LineTrainOptions {
    fn default() -> Self {
        Self {
            recipe: LineRecipe::default(),
            scored: "clickbait".to_owned(),
            folds: 5,
            fold_by: FoldBy::Line,
            seed: 1,
            penalty: 0.03,
            ratio_power: 0.5,
            min_lines: 2,
            most_features: 60_000,
            tolerance: 2e-3,
            max_iterations: 300,
            allow_early_stop: false,
        }
    }
}

impl LineTrainOptions {
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
        for (option, value) in [("--penalty", self.penalty), ("--tolerance", self.tolerance)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(option, format!("{value}; wanted a number above 0"));
            }
        }
        if !(0.0..=1.0).contains(&self.ratio_power) {
            return wrong("--ratio-power", format!("{}; wanted 0 to 1", self.ratio_power));
        }
        if self.most_features == 0 {
            return wrong("--most-features", "0 features; wanted at least one".to_owned());
        }
        Ok(())
    }

    fn stop(&self) -> Stop {
        Stop {
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
            allow_early_stop: self.allow_early_stop,
        }
    }
}

/// What a training, or its cross-validation, found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineReport {
    /// Number of lines that were used.
    pub lines: usize,
    /// Lines by label name.
    pub labels: BTreeMap<String, usize>,
    /// Number of folds.
    pub folds: usize,
    /// What the folds are by.
    pub fold_by: FoldBy,
    /// Figures of the scores out of fold, calibrated by those of the other folds.
    pub figures: ScoreFigures,
    /// How log-odds out of fold were calibrated, all folds together.
    pub calibration: PlattScale,
    /// How the final fit ended; `None` when there was none.
    pub fit: Option<FitReport>,
}

/// What a model of one file's lines does with another file's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossing {
    /// Name of the file that was learned.
    pub learned: String,
    /// Name of the file that was judged.
    pub judged: String,
    /// Figures of the scores, calibrated on the learned file out of fold.
    pub figures: ScoreFigures,
}

/// Log-odds of a line, which one without a known feature lacks, and whether it has the scored label.
type Odds = (Option<f64>, bool);

/// Log-odds to calibrated log-odds: `slope * log-odds + offset` (Platt 1999).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlattScale {
    /// Below 1 when the log-odds were too sure.
    pub slope: f64,
    /// Added to them.
    pub offset: f64,
}

/// Steps of Newton's method after which a scale that still moves is taken as it is (chosen; the loss is convex, and ten are enough).
const MOST_STEPS: usize = 50;

impl PlattScale {
    /// The scale with the least log-loss on log-odds, each with whether the line has the label; with Platt's targets, so that it is
    /// finite also where the log-odds are right everywhere.
    fn fit(scores: &[Odds]) -> Self {
        let known = scores
            .iter()
            .filter_map(|(odds, is_scored)| odds.map(|odds| (odds, *is_scored)));
        let scores: Vec<(f64, bool)> = known.collect();
        let with = scores.iter().filter(|(_, is_scored)| *is_scored).count() as f64;
        let without = scores.len() as f64 - with;
        let target = |is_scored| match is_scored {
            true => (with + 1.0) / (with + 2.0),
            false => 1.0 / (without + 2.0),
        };
        let mut scale = Self {
            slope: 1.0,
            offset: 0.0,
        };
        let loss = |scale: Self| -> f64 {
            let of_one = |(odds, is_scored): &(f64, bool)| {
                let odds = scale.of(*odds);
                // -t ln p - (1 - t) ln (1 - p) for the target t
                odds.max(0.0) + (-odds.abs()).exp().ln_1p() - odds * target(*is_scored)
            };
            scores.iter().map(of_one).sum()
        };
        for _ in 0..MOST_STEPS {
            // gradient and second derivatives of the loss by slope and offset
            let (mut gs, mut go, mut ss, mut so, mut oo) = (0.0, 0.0, RIDGE, 0.0, RIDGE);
            for (odds, is_scored) in &scores {
                let p = sigmoid(scale.of(*odds));
                let error = p - target(*is_scored);
                let curvature = p * (1.0 - p);
                gs += error * odds;
                go += error;
                ss += curvature * odds * odds;
                so += curvature * odds;
                oo += curvature;
            }
            let determinant = ss * oo - so * so;
            let step = ((oo * gs - so * go) / determinant, (ss * go - so * gs) / determinant);
            // half of the step, and half of that, until the loss is smaller (Lin, Lin and Weng 2007)
            let after = |share: f64| Self {
                slope: scale.slope - share * step.0,
                offset: scale.offset - share * step.1,
            };
            let shares = (0..MOST_HALVINGS).map(|halvings| 0.5f64.powi(halvings));
            let before = loss(scale);
            match shares.map(after).find(|after| loss(*after) < before) {
                Some(better) => scale = better,
                None => break,
            }
        }
        scale
    }

    /// The calibrated log-odds.
    fn of(self, odds: f64) -> f64 {
        self.slope * odds + self.offset
    }
}

/// Times that a step is halved before the scale is the best one (chosen: a step of a thousandth changes nothing).
const MOST_HALVINGS: i32 = 10;

/// Keeps the matrix of second derivatives invertible (chosen: too small to move the scale).
const RIDGE: f64 = 1e-9;

fn sigmoid(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// Trains a model on lines; it is calibrated by scores out of fold.
///
/// # Errors
/// [`Error::Option`] for options out of range, [`Error::Dataset`] when there are not two labels or a fold lacks one,
/// [`Error::NotConverged`] and [`Error::Optimizer`].
pub fn train_lines(
    set: &LineSet,
    options: &LineTrainOptions,
    progress: &dyn Progress,
) -> Result<(LineClassifier, LineReport)> {
    let run = Run::new(set, options)?;
    let mut report = run.validate(progress)?;
    progress.begin("final model of lines", 1);
    let all: Vec<usize> = (0..set.lines.len()).collect();
    let (vocabulary, ngram, fit) = run.fit(&all)?;
    report.fit = Some(fit);
    progress.advance();
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: set.files.clone(),
        options: run.options_by_name(),
        pages: set.lines.len(),
        sites: set.lines.iter().map(|line| &line.source).collect::<BTreeSet<_>>().len(),
    };
    let classifier = LineClassifier::new(
        run.labels.clone(),
        &options.scored,
        options.recipe.clone(),
        vocabulary,
        run.calibrated(&ngram, report.calibration),
        provenance,
    )?;
    Ok((classifier.with_languages(set.languages()), report))
}

/// Measures a training on lines by cross-validation.
///
/// # Errors
/// As [`train_lines`].
pub fn cross_validate_lines(set: &LineSet, options: &LineTrainOptions, progress: &dyn Progress) -> Result<LineReport> {
    Run::new(set, options)?.validate(progress)
}

/// Trains on each file and measures on each of the others, in the order of their names.
///
/// # Errors
/// As [`train_lines`], for each file.
pub fn train_across(set: &LineSet, options: &LineTrainOptions, progress: &dyn Progress) -> Result<Vec<Crossing>> {
    let run = Run::new(set, options)?;
    progress.begin("a model of each file's lines", set.files.len());
    let mut crossings = Vec::new();
    for learned in 0..set.files.len() {
        let rows: Vec<usize> = run.rows_where(|line| line.file == learned);
        let folds = run.folds_of(&rows, FoldBy::Line)?;
        let scale = PlattScale::fit(&run.out_of_fold(&rows, &folds)?);
        let model = run.fit(&rows)?;
        for judged in (0..set.files.len()).filter(|judged| *judged != learned) {
            let rows = run.rows_where(|line| line.file == judged);
            crossings.push(Crossing {
                learned: set.files[learned].0.clone(),
                judged: set.files[judged].0.clone(),
                figures: score_figures(&calibrated_scores(run.log_odds(&model, &rows), scale)),
            });
        }
        progress.advance();
    }
    Ok(crossings)
}

/// The figures of a model on labelled lines.
///
/// # Errors
/// [`Error::Dataset`] when the lines have a label that the model lacks.
pub fn judge_lines(set: &LineSet, classifier: &LineClassifier) -> Result<ScoreFigures> {
    let labels = classifier.labels();
    if let Some(line) = set.lines.iter().find(|line| labels.find(&line.label).is_none()) {
        return Err(Error::Dataset {
            problem: format!(
                "the line {:?} has the label {:?}, which the model lacks (it has {}); give a model with these labels, or --folds",
                line.text,
                line.label,
                labels.names().join(", ")
            ),
        });
    }
    let texts: Vec<&str> = set.lines.iter().map(|line| line.text.as_str()).collect();
    let scores = classifier.scores(&texts).into_iter().zip(&set.lines);
    let judged: Vec<_> = scores
        .map(|(score, line)| (score, line.label == classifier.scored()))
        .collect();
    Ok(score_figures(&judged))
}

/// Lines as vectors, and what is made of them.
struct Run<'o> {
    options: &'o LineTrainOptions,
    set: &'o LineSet,
    labels: LabelSet,
    scored: Label,
    gold: Vec<u8>,
    spellings: Vec<String>,
    /// Shape (lines, spellings).
    rows: SparseMatrix,
}

/// A column that a model lacks.
const LEFT_OUT: u32 = u32::MAX;

type FittedModel = (Vocabulary, NgramModel, FitReport);

impl<'o> Run<'o> {
    fn new(set: &'o LineSet, options: &'o LineTrainOptions) -> Result<Self> {
        options.validate()?;
        let labels = set.labels()?;
        let scored = labels.find(&options.scored).ok_or_else(|| Error::Option {
            option: "--scored",
            problem: format!(
                "no line has the label {:?}; name the one whose probability is the score ({})",
                options.scored,
                labels.names().join(" or ")
            ),
        })?;
        let vectorizer = LineVectorizer::new(options.recipe.clone())?;
        let texts: Vec<&str> = set.lines.iter().map(|line| line.text.as_str()).collect();
        let vocabulary = Vocabulary::new(frequent_spellings(&texts, &vectorizer, options.min_lines));
        Ok(Self {
            options,
            set,
            gold: set
                .lines
                .iter()
                .filter_map(|line| labels.find(&line.label))
                .map(|label| label.0)
                .collect(),
            labels,
            scored,
            rows: vectorizer.transform(&texts, &vocabulary),
            spellings: vocabulary.spellings().map(str::to_owned).collect(),
        })
    }

    fn options_by_name(&self) -> BTreeMap<String, serde_json::Value> {
        match serde_json::to_value(self.options) {
            Ok(serde_json::Value::Object(options)) => options.into_iter().collect(),
            Ok(_) | Err(_) => BTreeMap::new(),
        }
    }

    fn rows_where(&self, wanted: impl Fn(&GoldLine) -> bool) -> Vec<usize> {
        let lines = self.set.lines.iter().enumerate();
        lines.filter(|(_, line)| wanted(line)).map(|(row, _)| row).collect()
    }

    fn is_scored(&self, row: usize) -> bool {
        self.gold[row] == self.scored.0
    }

    /// The scores out of fold of all lines, and their figures: each fold is calibrated by the others.
    fn validate(&self, progress: &dyn Progress) -> Result<LineReport> {
        let rows: Vec<usize> = (0..self.set.lines.len()).collect();
        let folds = self.folds_of(&rows, self.options.fold_by)?;
        let count = folds.iter().max().map_or(0, |last| last + 1);
        progress.begin(&format!("model of lines, out of {count} folds"), 1);
        let scores = self.out_of_fold(&rows, &folds)?;
        progress.advance();
        let mut judged = Vec::with_capacity(rows.len());
        for fold in 0..count {
            let (own, others): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| folds[**row] == fold);
            let scores_of = |rows: &[usize]| -> Vec<Odds> { rows.iter().map(|row| scores[*row]).collect() };
            judged.extend(calibrated_scores(scores_of(&own), PlattScale::fit(&scores_of(&others))));
        }
        let mut labels = BTreeMap::new();
        for line in &self.set.lines {
            *labels.entry(line.label.clone()).or_default() += 1;
        }
        Ok(LineReport {
            lines: rows.len(),
            labels,
            folds: count,
            fold_by: self.options.fold_by,
            figures: score_figures(&judged),
            calibration: PlattScale::fit(&scores),
            fit: None,
        })
    }

    /// A fold for each of these rows: groups in a seeded order, each to the smallest fold.
    fn folds_of(&self, rows: &[usize], fold_by: FoldBy) -> Result<Vec<usize>> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            groups.entry(fold_by.group(&self.set.lines[*row])).or_default().push(at);
        }
        let folds = self.options.folds.min(groups.len());
        if folds < 2 {
            return Err(Error::Option {
                option: "--fold-by",
                problem: format!(
                    "all lines are of one {}; fold by line, or give more files",
                    fold_by.as_str()
                ),
            });
        }
        let order = |group: &str| xxhash_rust::xxh3::xxh3_64_with_seed(group.as_bytes(), self.options.seed);
        let mut groups: Vec<(String, Vec<usize>)> = groups.into_iter().collect();
        groups.sort_by_cached_key(|(group, _)| (order(group), group.clone()));
        let mut sizes = vec![0usize; folds];
        let mut fold_of = vec![0; rows.len()];
        for (_, places) in groups {
            let smallest = (0..folds).min_by_key(|fold| sizes[*fold]).unwrap_or(0);
            sizes[smallest] += places.len();
            for at in places {
                fold_of[at] = smallest;
            }
        }
        Ok(fold_of)
    }

    /// Log-odds of each of these rows, of a model that did not see their fold.
    fn out_of_fold(&self, rows: &[usize], folds: &[usize]) -> Result<Vec<Odds>> {
        let mut scores = vec![(None, false); rows.len()];
        for fold in 0..folds.iter().max().map_or(0, |last| last + 1) {
            let (own, others): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|at| folds[*at] == fold);
            let learned: Vec<usize> = others.into_iter().map(|at| rows[at]).collect();
            let judged: Vec<usize> = own.iter().map(|at| rows[*at]).collect();
            let odds = self.log_odds(&self.fit(&learned)?, &judged);
            for (at, odds) in own.into_iter().zip(odds) {
                scores[at] = odds;
            }
        }
        Ok(scores)
    }

    /// Log-odds of these rows.
    fn log_odds(&self, (vocabulary, ngram, _): &FittedModel, rows: &[usize]) -> Vec<Odds> {
        let column = |spelling: &String| vocabulary.column(hash_of_spelling(spelling)).unwrap_or(LEFT_OUT);
        let columns: Vec<u32> = self.spellings.iter().map(column).collect();
        let mut matrix = SparseMatrix::new();
        for row in rows {
            matrix.push(remapped(self.rows.row(*row), &columns));
        }
        let logs = ngram.log_probabilities(&matrix);
        let (scored, other) = (self.scored.index(), 1 - self.scored.index());
        let odds = logs.rows().into_iter().enumerate().map(|(at, logs)| {
            let is_known = !matrix.row(at).0.is_empty();
            is_known.then(|| logs[scored] - logs[other])
        });
        odds.zip(rows).map(|(odds, row)| (odds, self.is_scored(*row))).collect()
    }

    /// Fits the n-gram model on these rows, and keeps the features that move scores most.
    fn fit(&self, rows: &[usize]) -> Result<FittedModel> {
        let columns = self.frequent_columns(rows);
        let mut old_to_new = vec![LEFT_OUT; self.spellings.len()];
        for (new, column) in (0..).zip(&columns) {
            old_to_new[column.old] = new;
        }
        let gold: Vec<u8> = rows.iter().map(|row| self.gold[*row]).collect();
        if let Some(label) = self.labels.iter().find(|label| !gold.contains(&label.0)) {
            return Err(Error::Dataset {
                problem: format!(
                    "the lines to learn from, {} of {}, have no label {:?}; fold by line, or give other files",
                    rows.len(),
                    self.set.lines.len(),
                    self.labels.name(label)
                ),
            });
        }
        let mut matrix = SparseMatrix::new();
        for row in rows {
            let entries = remapped(self.rows.row(*row), &old_to_new);
            matrix.push(entries.map(|(column, value)| (column, value * columns[column as usize].factor as f32)));
        }
        let problem = SoftmaxProblem::new(&matrix, &gold, &[1.0, 1.0], columns.len(), self.options.penalty);
        let fitted = problem.solve(self.options.stop())?;
        let (vocabulary, ngram) = problem.model(
            &fitted,
            self.options.most_features,
            |column| self.spellings[columns[column].old].as_str(),
            |column| columns[column].factor,
        );
        let report = FitReport {
            kind: "lines".to_owned(),
            model: "n-gram".to_owned(),
            rows: rows.len(),
            columns: columns.len(),
            iterations: Some(fitted.iterations),
            gradient_norm: fitted.gradient_norm,
            stopped_early: fitted.gradient_norm > self.options.tolerance,
        };
        Ok((vocabulary, ngram, report))
    }

    /// The columns that occur in enough of these rows, the most frequent first, each with the factor of its values.
    fn frequent_columns(&self, rows: &[usize]) -> Vec<Column> {
        let mut counts = vec![[0usize; 2]; self.spellings.len()];
        for row in rows {
            for column in self.rows.row(*row).0 {
                counts[*column as usize][usize::from(self.gold[*row])] += 1;
            }
        }
        let mut frequent: Vec<(usize, [usize; 2])> = counts
            .into_iter()
            .enumerate()
            .filter(|(_, [a, b])| a + b >= self.options.min_lines.max(1))
            .collect();
        frequent.sort_by_key(|(old, [a, b])| (std::cmp::Reverse(a + b), *old));
        // one is added to each count (Wang and Manning 2012)
        let mut sums = [0.0; 2];
        for (_, counts) in &frequent {
            sums[0] += counts[0] as f64 + 1.0;
            sums[1] += counts[1] as f64 + 1.0;
        }
        let share = |count: usize, label: usize| (count as f64 + 1.0) / sums[label];
        frequent
            .into_iter()
            .map(|(old, counts)| {
                let ratio = (share(counts[0], 0) / share(counts[1], 1)).ln().abs();
                Column {
                    old,
                    factor: ratio.powf(self.options.ratio_power),
                }
            })
            .collect()
    }

    /// The model with calibrated log-odds: half of the scale for each label, so that weights and intercepts still add up.
    fn calibrated(&self, ngram: &NgramModel, scale: PlattScale) -> NgramModel {
        let slope = scale.slope;
        let weights = ngram
            .weights()
            .iter()
            .map(|weight| f16::from_f64(f64::from(*weight) * slope).to_f32());
        let mut intercept: Vec<f64> = ngram.intercept().iter().map(|value| value * slope).collect();
        intercept[self.scored.index()] += scale.offset;
        NgramModel::new(weights.collect(), intercept)
    }
}

/// A column of a fit.
struct Column {
    /// Its number among all spellings.
    old: usize,
    /// What its values are multiplied by for the fit.
    factor: f64,
}

fn calibrated_scores(odds: Vec<Odds>, scale: PlattScale) -> Vec<(Option<f64>, bool)> {
    let score = |odds| sigmoid(scale.of(odds));
    odds.into_iter()
        .map(|(odds, is_scored)| (odds.map(score), is_scored))
        .collect()
}

fn remapped<'a>(
    (columns, values): (&'a [u32], &'a [f32]),
    old_to_new: &'a [u32],
) -> impl Iterator<Item = (u32, f32)> + 'a {
    let mapped = columns
        .iter()
        .zip(values)
        .map(|(column, value)| (old_to_new[*column as usize], *value));
    mapped.filter(|(column, _)| *column != LEFT_OUT)
}

/// Counts lines by feature, and keeps the spellings of those that are wanted.
struct CountSink<'a> {
    /// By feature: how many lines have it, and the last one that does.
    counts: HashedMap<(u32, u32)>,
    line: u32,
    /// Features whose spellings are kept, when it is known which.
    wanted: Option<&'a HashedMap<(u32, u32)>>,
    spellings: HashedMap<String>,
}

impl Sink for CountSink<'_> {
    fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
        match self.wanted {
            None => {
                let (count, last) = self.counts.entry(hash).or_insert((0, u32::MAX));
                *count += u32::from(*last != self.line);
                *last = self.line;
            }
            Some(wanted) if wanted.contains_key(&hash) => {
                self.spellings
                    .entry(hash)
                    .or_insert_with(|| format!("{}={}", family.name, spell()));
            }
            Some(_) => {}
        }
    }
}

impl BlockSink for CountSink<'_> {
    fn end_block(&mut self) {
        self.line += 1;
    }
}

/// The spellings of all features of at least `min_lines` lines, sorted.
fn frequent_spellings(lines: &[&str], vectorizer: &LineVectorizer, min_lines: usize) -> Vec<String> {
    let sink = |wanted| CountSink {
        counts: HashedMap::default(),
        line: 0,
        wanted,
        spellings: HashedMap::default(),
    };
    let mut counting = sink(None);
    vectorizer.visit(lines, &mut counting);
    counting.counts.retain(|_, (count, _)| *count as usize >= min_lines);
    let mut spelling = sink(Some(&counting.counts));
    vectorizer.visit(lines, &mut spelling);
    let mut spellings: Vec<String> = spelling.spellings.into_values().collect();
    spellings.sort_unstable();
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Silent;

    /// Lines of `files` files: headlines of two kinds, a few of them with the other's label.
    fn set(files: usize) -> LineSet {
        let bait = [
            "You will love these halls",
            "This is why you need a rope",
            "Ten things you did not know",
        ];
        let news = [
            "Council approves budget",
            "Ferry delayed by storm",
            "Court rejects appeal",
        ];
        let mut set = LineSet::default();
        for file in 0..files {
            set.files.push((format!("{file}.jsonl"), String::new()));
            for n in 0..30 {
                let (texts, label) = if n % 2 == 0 {
                    (bait, "clickbait")
                } else {
                    (news, "news")
                };
                let label = if n == 7 { "clickbait" } else { label };
                set.lines.push(GoldLine {
                    text: format!(
                        "{} {} of {file}",
                        texts[n % 3],
                        ["tarn", "harbour", "mill", "quay"][n % 4]
                    ),
                    label: label.to_owned(),
                    source: format!("outlet {}", n % 3),
                    lang: None,
                    file,
                });
            }
        }
        set
    }

    #[test]
    fn what_was_learned_is_known_again_out_of_fold() {
        for fold_by in [FoldBy::Line, FoldBy::File] {
            let options = LineTrainOptions {
                fold_by,
                ..LineTrainOptions::default()
            };
            let report = cross_validate_lines(&set(2), &options, &Silent).unwrap();
            assert!(report.figures.auc.unwrap() > 0.9, "{report:?}");
            assert_eq!((report.figures.lines, report.labels["clickbait"]), (60, 32));
            assert_eq!(report.folds, if fold_by == FoldBy::File { 2 } else { 5 });
        }
    }

    #[test]
    fn a_trained_model_scores_its_label_and_training_twice_gives_the_same_bytes() {
        let trained = || train_lines(&set(2), &LineTrainOptions::default(), &Silent).unwrap();
        let (model, report) = trained();
        let scores = model.scores(&["You will love this", "Council rejects appeal", ""]);
        assert!(
            scores[0].unwrap() > 0.5 && scores[1].unwrap() < 0.5 && scores[2].is_none(),
            "{scores:?}"
        );
        assert_eq!(model.to_bytes().unwrap(), trained().0.to_bytes().unwrap());
        assert_eq!((model.provenance().pages, model.provenance().sites), (60, 3));
        assert_eq!(report.fit.unwrap().rows, 60);
        let figures = judge_lines(&set(2), &model).unwrap();
        assert!(figures.accuracy.unwrap() > 0.9, "{figures:?}");
    }

    #[test]
    fn folds_keep_what_they_are_by_together() {
        let (set, options) = (set(3), LineTrainOptions::default());
        let run = Run::new(&set, &options).unwrap();
        let rows: Vec<usize> = (0..set.lines.len()).collect();
        for (fold_by, count) in [(FoldBy::Line, 5), (FoldBy::Source, 3), (FoldBy::File, 3)] {
            let folds = run.folds_of(&rows, fold_by).unwrap();
            let mut of_group: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
            for (line, fold) in set.lines.iter().zip(&folds) {
                of_group.entry(fold_by.group(line)).or_default().insert(*fold);
            }
            assert!(of_group.values().all(|folds| folds.len() == 1));
            assert_eq!(folds.into_iter().collect::<BTreeSet<_>>().len(), count);
        }
    }

    #[test]
    fn each_file_is_judged_by_the_models_of_the_others() {
        let crossings = train_across(&set(3), &LineTrainOptions::default(), &Silent).unwrap();
        let pairs: Vec<String> = crossings
            .iter()
            .map(|one| format!("{}{}", &one.learned[..1], &one.judged[..1]))
            .collect();
        assert_eq!(pairs, ["01", "02", "10", "12", "20", "21"]);
        assert!(crossings.iter().all(|one| one.figures.lines == 30));
    }

    #[test]
    fn a_scale_finds_what_log_odds_were_multiplied_by() {
        // odds of 3 to 1 and 1 to 3, told as twice their logarithm and 0.5 too high
        let odds = 2.0 * 3f64.ln();
        let mut scores = Vec::new();
        for n in 0..4000 {
            scores.push((Some(odds + 0.5), n % 4 != 0));
            scores.push((Some(0.5 - odds), n % 4 == 0));
        }
        scores.push((None, true));
        let scale = PlattScale::fit(&scores);
        assert!(
            (scale.slope - 0.5).abs() < 0.01 && (scale.offset + 0.25).abs() < 0.01,
            "{scale:?}"
        );
    }

    #[test]
    fn a_scale_of_scores_that_are_right_everywhere_is_finite() {
        let scale = PlattScale::fit(&[
            (Some(3.0), true),
            (Some(-3.0), false),
            (Some(2.0), true),
            (Some(-2.0), false),
        ]);
        assert!(
            scale.slope.is_finite() && scale.slope > 0.0 && scale.offset.abs() < 1e-6,
            "{scale:?}"
        );
    }

    #[test]
    fn features_of_one_label_move_scores_more_with_a_ratio_power() {
        let set = set(2);
        let spread = |ratio_power: f64| {
            let options = LineTrainOptions {
                ratio_power,
                ..LineTrainOptions::default()
            };
            let run = Run::new(&set, &options).unwrap();
            let columns = run.frequent_columns(&(0..set.lines.len()).collect::<Vec<_>>());
            let factor = |spelling: &str| {
                columns
                    .iter()
                    .find(|column| run.spellings[column.old] == spelling)
                    .unwrap()
                    .factor
            };
            factor("word=you") / factor("word=of")
        };
        assert_eq!(spread(0.0), 1.0);
        assert!(spread(0.5) > 2.0 && spread(1.0) > spread(0.5));
    }

    #[test]
    fn a_label_that_no_line_has_and_folds_that_cannot_be_are_refused() {
        let refusal = |set: &LineSet, options: LineTrainOptions| {
            cross_validate_lines(set, &options, &Silent).unwrap_err().to_string()
        };
        let scored = LineTrainOptions {
            scored: "bait".to_owned(),
            ..LineTrainOptions::default()
        };
        assert!(refusal(&set(1), scored).contains("clickbait or news"));
        let by_file = LineTrainOptions {
            fold_by: FoldBy::File,
            ..LineTrainOptions::default()
        };
        assert!(refusal(&set(1), by_file.clone()).contains("all lines are of one file"));
        let mut one_label_each = set(2);
        for line in &mut one_label_each.lines {
            line.label = ["clickbait", "news"][line.file].to_owned();
        }
        assert!(refusal(&one_label_each, by_file).contains("have no label"));
        assert!(
            refusal(
                &set(1),
                LineTrainOptions {
                    ratio_power: 2.0,
                    ..LineTrainOptions::default()
                }
            )
            .contains("--ratio-power")
        );
    }

    #[test]
    fn lines_with_other_labels_than_the_model_are_refused() {
        let (model, _) = train_lines(&set(1), &LineTrainOptions::default(), &Silent).unwrap();
        let mut other = set(1);
        other.lines[3].label = "sport".to_owned();
        assert!(
            judge_lines(&other, &model)
                .unwrap_err()
                .to_string()
                .contains("\"sport\"")
        );
    }
}
