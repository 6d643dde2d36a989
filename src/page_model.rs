//! The n-gram model's scores of a whole page to final probabilities: each block in the light of the blocks around it.
//!
//! A small network of convolutions makes units of the page features; the last layer is a multinomial logistic regression over both. The
//! units are rectified, so that [`PageModel::contributions`] of one block add up exactly to its log-odds.

use crate::convolution::{Network, UNITS, Units};
use crate::ngram_model::{log_softmax, softmax};
use crate::page_features::PageTables;
use crate::vectorizer::BlockFacts;
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, f32x4};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use std::ops::Range;

/// A network over page features, and a multinomial logistic regression over its units and the page features.
#[derive(Clone, Debug, PartialEq)]
pub struct PageModel {
    network: Network,
    /// Shape (units + page features, labels).
    weights: Array2<f64>,
    /// One for each label.
    intercept: Array1<f64>,
}

/// What speaks for a label of one block against another one, by page feature.
#[derive(Clone, Debug, PartialEq)]
pub struct PageContributions {
    /// What the block's own page features add to the log-odds.
    pub own: Vec<f64>,
    /// What those of the blocks before it add, all together.
    pub before: Vec<f64>,
    /// What those of the blocks after it add, all together.
    pub after: Vec<f64>,
    /// The rest: intercepts, and the biases of the units that are active.
    pub constant: f64,
}

impl PageModel {
    /// A model of a network, weights with shape (units + page features, labels) and one intercept for each label.
    ///
    /// # Panics
    /// When the shapes do not agree.
    pub fn new(network: Network, weights: Array2<f64>, intercept: Array1<f64>) -> Self {
        assert_eq!(weights.ncols(), intercept.len(), "an intercept for each label");
        assert_eq!(
            weights.nrows(),
            UNITS + network.inputs(),
            "a row for each unit and each page feature"
        );
        Self {
            network,
            weights,
            intercept,
        }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The weights of the last layer, shape (units + page features, labels).
    pub fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    /// The intercepts, one for each label.
    pub fn intercept(&self) -> ArrayView1<'_, f64> {
        self.intercept.view()
    }

    /// Final probabilities, shape (blocks, labels), from the log-probabilities of the n-gram model for the same page.
    ///
    /// # Panics
    /// When the facts are not one for each block, or the labels are not those of the model.
    pub fn probabilities(&self, ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Array2<f64> {
        let tables = PageTables::new(ngram, facts);
        let mut scores = Vec::with_capacity(ngram.len());
        for start in (0..facts.len()).step_by(WINDOW) {
            let window = start..(start + WINDOW).min(facts.len());
            let first = window.start.saturating_sub(Network::reach());
            let end = (window.end + Network::reach()).min(facts.len());
            let features = tables.features(first..end);
            scores.extend(self.scores(&features, window.start - first..window.end - first));
        }
        for scores in scores.chunks_exact_mut(self.intercept.len()) {
            softmax(scores);
        }
        Array2::from_shape_vec(ngram.dim(), scores).expect("a row for each block")
    }

    /// The same as log-probabilities, from page features of shape (blocks, page features), row-major.
    ///
    /// # Panics
    /// When the features are not those of the model.
    pub fn log_probabilities(&self, features: &[f32]) -> Array2<f64> {
        let blocks = features.len() / self.network.inputs();
        let labels = self.intercept.len();
        let mut scores = self.scores(features, 0..blocks);
        scores.chunks_exact_mut(labels).for_each(log_softmax);
        Array2::from_shape_vec((blocks, labels), scores).expect("a row for each block")
    }

    /// Scores before normalisation of some of the blocks with these page features, shape (wanted blocks, labels).
    fn scores(&self, features: &[f32], wanted: Range<usize>) -> Vec<f64> {
        let units = &self.network.forward(features)[wanted.clone()];
        let features = &features[wanted.start * self.network.inputs()..wanted.end * self.network.inputs()];
        let mut scores = self.intercept.to_vec().repeat(wanted.len());
        dispatch!(Level::new(), simd => self.add_scores(simd, units, features, &mut scores));
        scores
    }

    /// Adds the last layer's products for blocks with these units and page features to their scores.
    #[inline(always)]
    fn add_scores<S: Simd>(&self, simd: S, units: &[Units], features: &[f32], scores: &mut [f64]) {
        let labels = self.weights.ncols();
        for first in (0..labels).step_by(TOGETHER) {
            // beyond the last label there are zeros
            let together = |row: ArrayView1<'_, f64>| {
                std::array::from_fn(|label| row.get(first + label).map_or(0.0, |weight| *weight as f32))
            };
            let weights: Vec<[f32; TOGETHER]> = self.weights.rows().into_iter().map(together).collect();
            let features = features.chunks_exact(self.network.inputs());
            for ((units, features), out) in units.iter().zip(features).zip(scores.chunks_exact_mut(labels)) {
                let sums = products(simd, units, features, &weights);
                for (score, sum) in out[first..].iter_mut().zip(sums.as_slice()) {
                    *score += f64::from(*sum);
                }
            }
        }
    }

    /// What speaks for a label of a block against another one, from the page features of all blocks, shape (blocks, page features).
    /// All parts add up to the difference of the two log-probabilities.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn contributions(&self, features: &[f32], block: usize, label: usize, against: usize) -> PageContributions {
        let inputs = self.network.inputs();
        let blocks = features.len() / inputs;
        assert!(block < blocks, "a block of the page");
        // blocks out of reach make no difference
        let first = block.saturating_sub(Network::reach());
        let end = (block + Network::reach() + 1).min(blocks);
        let features = &features[first * inputs..end * inputs];
        let at = block - first;
        let difference = &self.weights.column(label) - &self.weights.column(against);
        let activations = self.network.activations(features);
        let mut by_units = vec![[0.0; UNITS]; end - first];
        for (by, weight) in by_units[at].iter_mut().zip(&difference) {
            *by = *weight as f32;
        }
        let by_first = self.network.backward(features, &activations, by_units, None);
        let nothing = || vec![0.0; inputs];
        let mut found = PageContributions {
            own: nothing(),
            before: nothing(),
            after: nothing(),
            constant: 0.0,
        };
        let mut sum = 0.0;
        for (row, (features, by_first)) in features.chunks_exact(inputs).zip(&by_first).enumerate() {
            let to = match row.cmp(&at) {
                std::cmp::Ordering::Less => &mut found.before,
                std::cmp::Ordering::Equal => &mut found.own,
                std::cmp::Ordering::Greater => &mut found.after,
            };
            for ((to, value), weights) in to.iter_mut().zip(features).zip(&self.network.first) {
                let products = weights.iter().zip(by_first).map(|(weight, by)| f64::from(weight * by));
                let part = f64::from(*value) * products.sum::<f64>();
                *to += part;
                sum += part;
            }
        }
        let own = &features[at * inputs..(at + 1) * inputs];
        for ((to, value), weight) in found.own.iter_mut().zip(own).zip(difference.iter().skip(UNITS)) {
            let part = f64::from(*value) * weight;
            *to += part;
            sum += part;
        }
        let mut row = vec![0.0; self.weights.nrows()];
        fill_row(&mut row, &activations.last[at], own);
        let products = row.iter().zip(&difference).map(|(value, weight)| value * weight);
        let log_odds = products.sum::<f64>() + self.intercept[label] - self.intercept[against];
        found.constant = log_odds - sum;
        found
    }
}

/// Writes what the last layer sees of a block: its units, then its page features.
pub fn fill_row(row: &mut [f64], units: &Units, features: &[f32]) {
    for (to, value) in row.iter_mut().zip(units.iter().chain(features)) {
        *to = f64::from(*value);
    }
}

/// Blocks whose scores are found together (chosen: what is kept of them, 0.8 kB each, fits the second-level cache).
const WINDOW: usize = 512;

/// Labels whose scores are summed together.
const TOGETHER: usize = 4;

/// The sums of units and page features times their weights, by label. Four sums are kept apart, so that no addition waits for the one
/// before.
#[inline(always)]
fn products<S: Simd>(simd: S, units: &Units, features: &[f32], weights: &[[f32; TOGETHER]]) -> f32x4<S> {
    const { assert!(UNITS.is_multiple_of(4), "the first page feature goes to the first sum") };
    let (of_units, of_features) = weights.split_at(UNITS);
    let mut sums = [f32x4::splat(simd, 0.0); 4];
    for (values, weights) in [(&units[..], of_units), (features, of_features)] {
        let (fours, rest) = values.as_chunks::<4>();
        let (weights_of_fours, weights_of_rest) = weights.as_chunks::<4>();
        let add = |sum: &mut f32x4<S>, value: f32, weights: &[f32; TOGETHER]| {
            *sum = f32x4::splat(simd, value).mul_add(f32x4::load_array_ref(simd, weights), *sum);
        };
        for (values, weights) in fours.iter().zip(weights_of_fours) {
            for at in 0..4 {
                add(&mut sums[at], values[at], &weights[at]);
            }
        }
        for ((value, weights), sum) in rest.iter().zip(weights_of_rest).zip(&mut sums) {
            add(sum, *value, weights);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_features::{feature_count, page_features};
    use crate::vectorizer::MEASURES;

    /// Numbers from -1 to 1 (the multiplicative generator of Park and Miller 1988).
    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed * 7919;
        move || {
            state = state * 48_271 % 2_147_483_647;
            (state % 2001) as f64 / 1000.0 - 1.0
        }
    }

    fn model(labels: usize) -> PageModel {
        let inputs = feature_count(labels);
        let mut next = random(1);
        let mut network = Network::zero(inputs);
        for part in network.parts_mut() {
            part.iter_mut().for_each(|weight| *weight = next() as f32 * 0.1);
        }
        let weights = Array2::from_shape_simple_fn((UNITS + inputs, labels), || next() * 0.3);
        PageModel::new(network, weights, Array1::from_shape_simple_fn(labels, &mut next))
    }

    fn page(blocks: usize) -> (Array2<f64>, Vec<BlockFacts>) {
        let mut next = random(2);
        let facts = (0..blocks as u32).map(|at| BlockFacts {
            words: 5.0,
            path_group: at / 2,
            parent_group: 0,
            heading: at.checked_sub(1),
            twin: None,
            measures: [0.25; MEASURES],
        });
        let p = (0..blocks).map(|_| 0.5 + 0.4 * next());
        let logs: Vec<f64> = p.flat_map(|p| [p.ln(), (1.0 - p).ln()]).collect();
        (Array2::from_shape_vec((blocks, 2), logs).unwrap(), facts.collect())
    }

    #[test]
    fn probabilities_are_those_of_the_logarithms() {
        let (logs, facts) = page(40);
        let model = model(2);
        let found = model.probabilities(logs.view(), &facts);
        let by_logs = model.log_probabilities(&page_features(logs.view(), &facts));
        for (p, log) in found.iter().zip(&by_logs) {
            assert!((p - log.exp()).abs() < 1e-12, "{p} {log}");
        }
        assert!(found.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_page_of_several_windows_is_scored_as_one() {
        let model = model(2);
        for blocks in [WINDOW, WINDOW + 1, 2 * WINDOW + Network::reach()] {
            let (logs, facts) = page(blocks);
            let found = model.probabilities(logs.view(), &facts);
            let at_once = model.log_probabilities(&page_features(logs.view(), &facts));
            for (p, log) in found.iter().zip(&at_once) {
                assert!((p - log.exp()).abs() < 1e-12, "{blocks} blocks: {p} {log}");
            }
        }
    }

    #[test]
    fn more_labels_than_are_summed_together_have_their_own_scores() {
        let model = model(6);
        let inputs = model.network.inputs();
        let mut next = random(3);
        let features: Vec<f32> = (0..3 * inputs).map(|_| next() as f32).collect();
        let units = model.network.forward(&features);
        let scores = model.scores(&features, 1..3);
        for (at, scores) in scores.chunks_exact(6).enumerate() {
            let mut row = vec![0.0; UNITS + inputs];
            fill_row(&mut row, &units[at + 1], &features[(at + 1) * inputs..]);
            let wanted = Array1::from_vec(row).dot(&model.weights) + &model.intercept;
            for (score, wanted) in scores.iter().zip(&wanted) {
                assert!((score - wanted).abs() < 1e-5, "{score} {wanted}");
            }
        }
    }

    #[test]
    fn contributions_add_up_to_the_log_odds_and_name_the_side() {
        let (logs, facts) = page(40);
        let model = model(2);
        let features = page_features(logs.view(), &facts);
        let last = model.log_probabilities(&features);
        for block in [0, 1, 17, 39] {
            let found = model.contributions(&features, block, 1, 0);
            let sum = |part: &[f64]| part.iter().sum::<f64>();
            let all = sum(&found.own) + sum(&found.before) + sum(&found.after) + found.constant;
            assert!((all - (last[[block, 1]] - last[[block, 0]])).abs() < 1e-6, "{block}");
            assert_eq!(found.before.iter().any(|part| *part != 0.0), block > 0, "{block}");
            assert_eq!(found.after.iter().any(|part| *part != 0.0), block < 39, "{block}");
        }
    }

    #[test]
    fn the_constant_of_a_contribution_has_no_input_in_it() {
        // twice the inputs with the same active units: the contributions double, the constant stays
        let mut model = model(2);
        for part in model.network.parts_mut() {
            part.iter_mut().for_each(|weight| *weight = weight.abs());
        }
        let (logs, facts) = page(5);
        let features: Vec<f32> = page_features(logs.view(), &facts)
            .iter()
            .map(|value| value.abs())
            .collect();
        let doubled: Vec<f32> = features.iter().map(|value| value * 2.0).collect();
        let (once, twice) = (
            model.contributions(&features, 2, 0, 1),
            model.contributions(&doubled, 2, 0, 1),
        );
        assert!(
            (once.constant - twice.constant).abs() < 1e-3,
            "{} {}",
            once.constant,
            twice.constant
        );
        assert!((once.own[3] * 2.0 - twice.own[3]).abs() < 1e-3);
    }

    #[test]
    fn a_page_without_blocks_has_no_rows() {
        assert_eq!(model(2).probabilities(Array2::zeros((0, 2)).view(), &[]).nrows(), 0);
    }
}
