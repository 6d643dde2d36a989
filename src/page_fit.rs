//! Page features and gold labels of many pages to a page model.
//!
//! The network is fitted by stochastic gradients (Adam) together with a last layer; from there linfa-logistic, whose loss is convex,
//! takes that layer to its best on the network's units. Both must see out-of-fold scores only.

use crate::convolution::{Network, UNITS, Units};
use crate::error::{Error, Result};
use crate::evaluate::SplitMix;
use crate::label::Label;
use crate::ngram_model::log_softmax;
use crate::page_model::{PageModel, fill_row};
use linfa::traits::Fit;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// A page to learn from.
pub struct PageSample {
    /// Page features, shape (blocks, page features), row-major.
    pub features: Vec<f32>,
    /// The gold label of each block; `None` where gold has none.
    pub gold: Vec<Option<Label>>,
}

/// How a page model is fitted.
#[derive(Clone, Copy, Debug)]
pub struct PageFitOptions {
    /// Number of page features.
    pub features: usize,
    /// Number of labels.
    pub labels: usize,
    /// Seed of the first weights and of the order of pages.
    pub seed: u64,
    /// L2 penalty of the last layer: multiplies |W|^2 / 2 against the SUM of losses.
    pub penalty: f64,
    /// Norm of the gradient of the mean loss at which the fit of the last layer has converged.
    pub tolerance: f64,
    /// Most iterations of the last layer's fit.
    pub max_iterations: u64,
    /// About the most rows that the last layer is fitted on; where there are more, every second or third block with gold is taken.
    pub most_rows: usize,
    /// Whether a fit that stopped before it converged is taken all the same.
    pub allow_early_stop: bool,
}

/// A fitted page model and how the fit of its last layer ended.
#[derive(Debug)]
pub struct PageFit {
    /// The model.
    pub model: PageModel,
    /// Rows that the last layer was fitted on.
    pub rows: usize,
    /// Norm of the gradient of its mean loss.
    pub gradient_norm: f64,
}

/// Times that each page is seen (5 folds by site of the labelled pages: 14 instead of 8 raise macro F1 by 0.003 in text, by 0.005 in
/// extracted text; `models/README.md`).
const EPOCHS: usize = 14;
/// The fewest steps, for small training sets.
const LEAST_STEPS: usize = 300;
/// Blocks with gold of a step, about (chosen; half as many change little, `models/README.md`).
const BATCH: usize = 512;
/// The first step's length; it falls to nothing along a cosine (chosen; twice the one that Kingma and Ba suggest, and twice as much
/// changes little, `models/README.md`).
const RATE: f64 = 2e-3;
/// Decay of the running means of gradients and of their squares (Kingma and Ba 2015, "Adam", section 2).
const DECAYS: (f64, f64) = (0.9, 0.999);
/// Keeps a step finite (as there).
const EPSILON: f64 = 1e-8;

/// Fits a page model; the same samples in the same order give the same model.
///
/// # Errors
/// [`Error::NotConverged`] and [`Error::Optimizer`] for the last layer; the latter as well when a label has no block.
pub fn fit_page_model(samples: &[PageSample], options: &PageFitOptions) -> Result<PageFit> {
    let Parameters { network, last } = fit_network(samples, options);
    fit_last_layer(network, &last, samples, options)
}

// ---- the network

/// The network's own last layer: for each label a factor for each unit and each page feature, and a constant.
#[derive(Clone)]
struct LastLayer {
    by_units: Vec<Units>,
    /// Shape (labels, page features).
    by_features: Vec<f32>,
    constants: Vec<f32>,
}

impl LastLayer {
    fn zero(options: &PageFitOptions) -> Self {
        Self {
            by_units: vec![[0.0; UNITS]; options.labels],
            by_features: vec![0.0; options.labels * options.features],
            constants: vec![0.0; options.labels],
        }
    }

    /// The factors, shape (units + page features, labels), and the constants.
    fn weights(&self) -> (Array2<f64>, Array1<f64>) {
        let labels = self.constants.len();
        let features = self.by_features.len() / labels;
        let weights = Array2::from_shape_fn((UNITS + features, labels), |(row, label)| {
            match row.checked_sub(UNITS) {
                None => f64::from(self.by_units[label][row]),
                Some(feature) => f64::from(self.by_features[label * features + feature]),
            }
        });
        (weights, self.constants.iter().copied().map(f64::from).collect())
    }
}

/// All that is fitted by stochastic gradients; also the gradient.
struct Parameters {
    network: Network,
    last: LastLayer,
}

impl Parameters {
    fn zero(options: &PageFitOptions) -> Self {
        Self {
            network: Network::zero(options.features),
            last: LastLayer::zero(options),
        }
    }

    /// Weights drawn around zero, so that each layer's sums vary about as much as its inputs (He et al. 2015, section 2.2).
    fn random(options: &PageFitOptions) -> Self {
        let mut parameters = Self::zero(options);
        let mut random = SplitMix(options.seed);
        let mut fill = |weights: &mut [f32], deviation: f64| {
            let most = deviation * 3f64.sqrt();
            for weight in weights {
                *weight = ((random.below(1 << 24) as f64 / f64::from(1 << 23) - 1.0) * most) as f32;
            }
        };
        fill(
            parameters.network.first.as_flattened_mut(),
            (options.features as f64).recip().sqrt(),
        );
        for layer in &mut parameters.network.layers {
            let taps = layer.taps.len();
            for tap in &mut layer.taps {
                fill(tap.as_flattened_mut(), 0.7 * ((UNITS * taps) as f64).recip().sqrt());
            }
        }
        fill(
            parameters.last.by_units.as_flattened_mut(),
            0.3 * (UNITS as f64).recip().sqrt(),
        );
        parameters
    }

    /// All parameters in a fixed order.
    fn parts_mut(&mut self) -> Vec<&mut [f32]> {
        let mut parts = self.network.parts_mut();
        parts.push(self.last.by_units.as_flattened_mut());
        parts.push(&mut self.last.by_features);
        parts.push(&mut self.last.constants);
        parts
    }

    /// Adds the gradient of the summed loss of a page; every block with gold has a weight of `scale`.
    fn add_gradient(&self, sample: &PageSample, scale: f32, gradient: &mut Self) {
        let features = self.network.inputs();
        let activations = self.network.activations(&sample.features);
        let mut by_units = vec![[0.0; UNITS]; sample.gold.len()];
        let mut scores = vec![0.0f64; self.last.constants.len()];
        let rows = sample.features.chunks_exact(features).zip(&activations.last);
        for (((row, units), gold), by_units) in rows.zip(&sample.gold).zip(&mut by_units) {
            let Some(gold) = gold else { continue };
            for (label, score) in scores.iter_mut().enumerate() {
                let weights = &self.last.by_features[label * features..(label + 1) * features];
                *score =
                    f64::from(self.last.constants[label] + dot(units, &self.last.by_units[label]) + dot(row, weights));
            }
            log_softmax(&mut scores);
            for (label, score) in scores.iter().enumerate() {
                let error = (score.exp() as f32 - f32::from(u8::from(label == gold.index()))) * scale;
                gradient.last.constants[label] += error;
                for (by, weight) in by_units.iter_mut().zip(&self.last.by_units[label]) {
                    *by += error * weight;
                }
                for (to, unit) in gradient.last.by_units[label].iter_mut().zip(units) {
                    *to += error * unit;
                }
                let to = &mut gradient.last.by_features[label * features..(label + 1) * features];
                for (to, value) in to.iter_mut().zip(row) {
                    *to += error * value;
                }
            }
        }
        self.network
            .backward(&sample.features, &activations, by_units, Some(&mut gradient.network));
    }
}

/// The sum of products, in eight parts that need not wait for one another.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_eights.iter().zip(b_eights) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Adam's running means of one part of the parameters.
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

fn fit_network(samples: &[PageSample], options: &PageFitOptions) -> Parameters {
    let counts: Vec<usize> = samples
        .iter()
        .map(|sample| sample.gold.iter().flatten().count())
        .collect();
    let mut random = SplitMix(options.seed);
    let mut parameters = Parameters::random(options);
    let mut gradient = Parameters::zero(options);
    let mut moments: Vec<Moments> = gradient
        .parts_mut()
        .iter()
        .map(|part| Moments {
            mean: vec![0.0; part.len()],
            square: vec![0.0; part.len()],
        })
        .collect();
    let steps_of_an_epoch = batches(&(0..samples.len()).collect::<Vec<_>>(), &counts).len();
    let epochs = EPOCHS.max(LEAST_STEPS.div_ceil(steps_of_an_epoch.max(1)));
    let orders: Vec<Vec<usize>> = (0..epochs).map(|_| shuffled(samples.len(), &mut random)).collect();
    let all: Vec<Vec<usize>> = orders.iter().flat_map(|order| batches(order, &counts)).collect();
    for (step, batch) in all.iter().enumerate() {
        for part in gradient.parts_mut() {
            part.fill(0.0);
        }
        let blocks: usize = batch.iter().map(|sample| counts[*sample]).sum();
        let scale = 1.0 / blocks.max(1) as f32;
        for sample in batch {
            parameters.add_gradient(&samples[*sample], scale, &mut gradient);
        }
        let done = step as f64 / all.len() as f64;
        let rate = RATE * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        let unbiased = |decay: f64| 1.0 - decay.powi(step as i32 + 1);
        let rate = rate / unbiased(DECAYS.0);
        let square_scale = unbiased(DECAYS.1).recip();
        for ((part, gradient), moments) in parameters
            .parts_mut()
            .into_iter()
            .zip(gradient.parts_mut())
            .zip(&mut moments)
        {
            let means = moments.mean.iter_mut().zip(&mut moments.square);
            for ((weight, slope), (mean, square)) in part.iter_mut().zip(gradient.iter()).zip(means) {
                *mean += (slope - *mean) * (1.0 - DECAYS.0) as f32;
                *square += (slope * slope - *square) * (1.0 - DECAYS.1) as f32;
                let deviation = (f64::from(*square) * square_scale).sqrt() + EPSILON;
                *weight -= (rate * f64::from(*mean) / deviation) as f32;
            }
        }
    }
    parameters
}

/// The numbers below `count` in a random order (Durstenfeld 1964).
fn shuffled(count: usize, random: &mut SplitMix) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

/// Samples in this order, put together until there are [`BATCH`] blocks with gold.
fn batches(order: &[usize], counts: &[usize]) -> Vec<Vec<usize>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut blocks = 0;
    for sample in order.iter().copied().filter(|sample| counts[*sample] > 0) {
        batch.push(sample);
        blocks += counts[sample];
        if blocks >= BATCH {
            batches.push(std::mem::take(&mut batch));
            blocks = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

// ---- the last layer

fn fit_last_layer(
    network: Network,
    start: &LastLayer,
    samples: &[PageSample],
    options: &PageFitOptions,
) -> Result<PageFit> {
    let rows: usize = samples.iter().map(|sample| sample.gold.iter().flatten().count()).sum();
    let step = rows.div_ceil(options.most_rows.max(1)).max(1);
    let width = UNITS + options.features;
    let mut values = Vec::with_capacity(rows.div_ceil(step) * width);
    let mut targets = Vec::with_capacity(rows.div_ceil(step));
    let mut row = vec![0.0; width];
    let mut number = 0;
    for sample in samples {
        let units = network.forward(&sample.features);
        let features = sample.features.chunks_exact(options.features);
        for ((units, features), gold) in units.iter().zip(features).zip(&sample.gold) {
            let Some(gold) = gold else { continue };
            number += 1;
            if number % step == 0 {
                fill_row(&mut row, units, features);
                values.extend_from_slice(&row);
                targets.push(gold.index());
            }
        }
    }
    let count = targets.len();
    let failed = |problem: String| Error::Optimizer {
        model: "page model",
        problem,
    };
    // linfa would leave its column out
    if (0..options.labels).any(|label| !targets.contains(&label)) {
        return Err(failed(
            "a fold lacks a label; label it on more sites or give fewer --folds".to_owned(),
        ));
    }
    let mut records = Array2::from_shape_vec((count, width), values).map_err(|error| failed(error.to_string()))?;
    let mut scaling = Scaling::of(&records);
    scaling.apply(&mut records);
    let mut records = linfa::Dataset::new(records, Array1::from_vec(targets));
    let solve = |records: &linfa::Dataset<f64, usize, ndarray::Ix1>, start: Array2<f64>| {
        // linfa's loss is a sum over rows, our tolerance is on the mean
        let fitted = MultiLogisticRegression::default()
            .alpha(options.penalty)
            .max_iterations(options.max_iterations)
            .gradient_tolerance(options.tolerance * count as f64)
            .initial_params(start)
            .fit(records)
            .map_err(|error| failed(error.to_string()))?;
        let gradient_norm = gradient_norm(
            fitted.params().view(),
            fitted.intercept(),
            records.records().view(),
            records.targets(),
            options.penalty,
        );
        Ok((fitted, gradient_norm))
    };
    let (fitted, gradient_norm) = match solve(&records, scaling.scaled(start)) {
        Ok((fitted, gradient_norm)) if gradient_norm <= options.tolerance => (fitted, gradient_norm),
        // large scores stop linfa, whose softmax is shifted by the largest of all rows; on another way it may not meet any
        Ok(_) | Err(_) => {
            records.records += &scaling.means;
            scaling.means.fill(0.0);
            solve(&records, Array2::zeros((width + 1, options.labels)))?
        }
    };
    if gradient_norm > options.tolerance && !options.allow_early_stop {
        return Err(Error::NotConverged {
            model: "page model",
            iterations: options.max_iterations,
            gradient_norm,
            tolerance: options.tolerance,
        });
    }
    let (weights, intercept) = scaling.unscaled(fitted.params(), fitted.intercept());
    Ok(PageFit {
        model: PageModel::new(network, weights, intercept),
        rows: count,
        gradient_norm,
    })
}

/// How the columns are changed for a fit. Units are divided by their largest value: they have no bound of their own, and the solver
/// wants one. From each column its mean is taken, which changes neither the loss nor the penalty at the best weights, since the
/// intercepts have no penalty, but the solver's steps: with 100,068 blocks the final models take 19 seconds in place of 31.
struct Scaling {
    /// One for each column.
    divisors: Array1<f64>,
    /// Of the divided columns.
    means: Array1<f64>,
}

impl Scaling {
    /// That of rows of units and page features.
    fn of(records: &Array2<f64>) -> Self {
        let columns = records.columns().into_iter().enumerate();
        let divisors: Array1<f64> = columns
            .map(|(at, column)| {
                let largest = column.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
                if at < UNITS && largest > 0.0 { largest } else { 1.0 }
            })
            .collect();
        let rows = records.nrows().max(1) as f64;
        let means = records.sum_axis(Axis(0)) / rows / &divisors;
        Self { divisors, means }
    }

    fn apply(&self, records: &mut Array2<f64>) {
        for mut row in records.rows_mut() {
            row /= &self.divisors;
            row -= &self.means;
        }
    }

    /// The weights and, in the last row, the intercepts of a layer for changed columns, shape (columns + 1, labels).
    fn scaled(&self, layer: &LastLayer) -> Array2<f64> {
        let (mut weights, mut intercept) = layer.weights();
        weights *= &self.divisors.view().insert_axis(Axis(1));
        intercept += &self.means.dot(&weights);
        ndarray::concatenate![Axis(0), weights, intercept.insert_axis(Axis(0))]
    }

    /// Weights, shape (columns, labels), and intercepts for the columns as they were.
    fn unscaled(&self, weights: &Array2<f64>, intercept: &Array1<f64>) -> (Array2<f64>, Array1<f64>) {
        (
            weights / &self.divisors.view().insert_axis(Axis(1)),
            intercept - self.means.dot(weights),
        )
    }
}

/// Norm of the gradient of the mean loss of a dense model: `fit` of linfa-logistic says nothing when it stops early.
fn gradient_norm(
    weights: ArrayView2<'_, f64>,
    intercept: &Array1<f64>,
    records: ArrayView2<'_, f64>,
    targets: &Array1<usize>,
    penalty: f64,
) -> f64 {
    let mut errors = records.dot(&weights) + intercept;
    for (mut row, target) in errors.rows_mut().into_iter().zip(targets) {
        if let Some(row) = row.as_slice_mut() {
            log_softmax(row);
        }
        row.mapv_inplace(f64::exp);
        row[*target] -= 1.0;
    }
    let by_weights = records.t().dot(&errors) + &weights * penalty;
    let by_intercept = errors.sum_axis(Axis(0));
    let squares = by_weights
        .iter()
        .chain(&by_intercept)
        .map(|value| value * value)
        .sum::<f64>();
    squares.sqrt() / records.nrows().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: usize = 3;

    fn options() -> PageFitOptions {
        PageFitOptions {
            features: FEATURES,
            labels: 2,
            seed: 1,
            penalty: 0.1,
            tolerance: 1e-4,
            max_iterations: 500,
            most_rows: 100_000,
            allow_early_stop: false,
        }
    }

    /// Pages on which a block is of label 1 exactly when it or the block before it is marked, and not both: no sum of its own and its
    /// neighbours' features tells that.
    fn samples(seed: u64) -> Vec<PageSample> {
        let mut random = SplitMix(seed);
        let mut page = || {
            let marks: Vec<bool> = (0..30).map(|_| random.chance(0.5)).collect();
            let before = std::iter::once(&false).chain(&marks);
            PageSample {
                features: marks
                    .iter()
                    .flat_map(|mark| [f32::from(u8::from(*mark)), 1.0, 0.0])
                    .collect(),
                gold: marks
                    .iter()
                    .zip(before)
                    .map(|(own, before)| Some(Label(u8::from(own != before))))
                    .collect(),
            }
        };
        (0..60).map(|_| page()).collect()
    }

    fn accuracy(model: &PageModel, samples: &[PageSample]) -> f64 {
        let mut right = 0;
        let mut all = 0;
        for sample in samples {
            let scores = model.log_probabilities(&sample.features);
            for (row, gold) in scores.rows().into_iter().zip(sample.gold.iter().flatten()) {
                right += usize::from((row[1] > row[0]) == (gold.0 == 1));
                all += 1;
            }
        }
        right as f64 / all as f64
    }

    #[test]
    fn what_depends_on_a_block_and_its_neighbour_together_is_learned() {
        let fit = fit_page_model(&samples(1), &options()).unwrap();
        let found = accuracy(&fit.model, &samples(2));
        assert!(found > 0.95, "{found}");
        assert_eq!(fit.rows, 60 * 30);
        assert!(fit.gradient_norm <= 1e-4);
    }

    #[test]
    fn the_same_samples_give_the_same_model_and_another_seed_another_one() {
        let fit = |seed| {
            let options = PageFitOptions { seed, ..options() };
            fit_page_model(&samples(1)[..6], &options).unwrap().model
        };
        assert_eq!(fit(1), fit(1));
        assert_ne!(fit(1), fit(2));
    }

    #[test]
    fn blocks_without_gold_teach_nothing() {
        let mut halved = samples(1);
        for sample in &mut halved {
            sample.gold[15..].fill(None);
        }
        let mut changed = samples(1);
        for sample in &mut changed {
            sample.gold[15..].fill(None);
            // too far to be seen from the blocks with gold
            for value in sample.features.iter_mut().skip((14 + Network::reach() + 1) * FEATURES) {
                *value = 9.0;
            }
        }
        let fit = |samples: &[PageSample]| fit_page_model(samples, &options()).unwrap();
        assert_eq!(fit(&halved).rows, 60 * 15);
        assert_eq!(fit(&halved).model, fit(&changed).model);
    }

    #[test]
    fn a_layer_for_changed_columns_scores_as_the_layer_does() {
        let labels = 2;
        let width = UNITS + FEATURES;
        let mut random = SplitMix(5);
        let mut number = || random.below(1 << 20) as f64 / f64::from(1 << 19) - 1.0;
        let layer = LastLayer {
            by_units: (0..labels).map(|_| [(); UNITS].map(|()| number() as f32)).collect(),
            by_features: (0..labels * FEATURES).map(|_| number() as f32).collect(),
            constants: (0..labels).map(|_| number() as f32).collect(),
        };
        let mut records = Array2::from_shape_fn((9, width), |_| 3.0 * number() + 1.0);
        // a unit that is never active
        records.column_mut(1).fill(0.0);
        let (weights, intercept) = layer.weights();
        let scores = records.dot(&weights) + &intercept;
        let scaling = Scaling::of(&records);
        let mut changed = records.clone();
        scaling.apply(&mut changed);
        assert!(changed.iter().take(UNITS).all(|value| value.abs() <= 2.0));
        assert!(changed.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-9));
        let scaled = scaling.scaled(&layer);
        let (of_columns, constants) = scaled.view().split_at(Axis(0), width);
        let (back, back_intercept) = scaling.unscaled(&of_columns.to_owned(), &constants.row(0).to_owned());
        for other in [
            changed.dot(&of_columns) + constants,
            records.dot(&back) + &back_intercept,
        ] {
            assert!((other - &scores).iter().all(|difference| difference.abs() < 1e-9));
        }
    }

    #[test]
    fn a_start_from_which_no_fit_converges_is_left() {
        let (samples, options) = (samples(1), options());
        let Parameters { network, mut last } = fit_network(&samples, &options);
        for (at, weight) in last.by_features.iter_mut().enumerate() {
            *weight = if at % 2 == 0 { 4e3 } else { -4e3 };
        }
        let fit = fit_last_layer(network, &last, &samples, &options).unwrap();
        assert!(fit.gradient_norm <= 1e-4);
        assert!(accuracy(&fit.model, &samples) > 0.95);
    }

    #[test]
    fn the_last_layer_takes_every_second_row_when_there_are_too_many() {
        let options = PageFitOptions {
            most_rows: 1_000,
            ..options()
        };
        assert_eq!(fit_page_model(&samples(1), &options).unwrap().rows, 900);
    }

    #[test]
    fn a_label_without_a_block_is_an_error() {
        let mut samples = samples(1);
        for gold in samples.iter_mut().flat_map(|sample| &mut sample.gold) {
            *gold = Some(Label(0));
        }
        let error = fit_page_model(&samples, &options()).unwrap_err();
        assert!(error.to_string().contains("a fold lacks a label"), "{error}");
    }

    #[test]
    fn an_early_stop_is_an_error_unless_allowed() {
        let early = PageFitOptions {
            max_iterations: 1,
            ..options()
        };
        assert!(matches!(
            fit_page_model(&samples(1)[..4], &early),
            Err(Error::NotConverged { iterations: 1, .. })
        ));
        let allowed = PageFitOptions {
            allow_early_stop: true,
            ..early
        };
        assert!(fit_page_model(&samples(1)[..4], &allowed).unwrap().gradient_norm > 1e-4);
    }

    #[test]
    fn batches_hold_each_sample_with_gold_once() {
        let counts = [200, 0, 400, 700, 3];
        assert_eq!(batches(&[4, 3, 2, 1, 0], &counts), [vec![4, 3], vec![2, 0]]);
        assert!(batches(&[1], &counts).is_empty());
    }

    #[test]
    fn an_order_has_every_number_once() {
        let mut order = shuffled(50, &mut SplitMix(1));
        assert_ne!(order, (0..50).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
