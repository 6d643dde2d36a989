//! The n-gram model's scores of a whole page to final probabilities: each block in the light of the blocks around it.
//!
//! A small network of convolutions makes units of the page features; the last layer is a multinomial logistic regression over both. The
//! units are rectified, so that [`PageModel::contributions`] of one block add up exactly to its log-odds.

use crate::convolution::{Network, UNITS, Units};
use crate::ngram_model::{log_softmax, softmax};
use crate::page_features::page_features;
use crate::vectorizer::BlockFacts;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

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
        self.scores(&page_features(ngram, facts), softmax)
    }

    /// The same as log-probabilities, from page features of shape (blocks, page features), row-major.
    ///
    /// # Panics
    /// When the features are not those of the model.
    pub fn log_probabilities(&self, features: &[f32]) -> Array2<f64> {
        self.scores(features, log_softmax)
    }

    fn scores(&self, features: &[f32], normalize: fn(&mut [f64])) -> Array2<f64> {
        let units = self.network.forward(features);
        let labels = self.weights.ncols();
        let weights = self.weights.as_standard_layout();
        let weights = weights.as_slice().unwrap_or_default();
        let intercept = self.intercept.to_vec();
        let mut scores = Vec::with_capacity(units.len() * labels);
        let mut row = vec![0.0; self.weights.nrows()];
        for (units, features) in units.iter().zip(features.chunks_exact(self.network.inputs())) {
            fill_row(&mut row, units, features);
            let start = scores.len();
            scores.extend_from_slice(&intercept);
            let out = &mut scores[start..];
            match labels {
                2 => add_products::<2>(&row, weights, out),
                3 => add_products::<3>(&row, weights, out),
                4 => add_products::<4>(&row, weights, out),
                _ => {
                    for (value, weights) in row.iter().zip(weights.chunks_exact(labels)) {
                        for (score, weight) in out.iter_mut().zip(weights) {
                            *score += value * weight;
                        }
                    }
                }
            }
            normalize(out);
        }
        Array2::from_shape_vec((units.len(), labels), scores).expect("a row for each block")
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

/// Adds the products of a row of features with each label's weights. Four sums are kept apart, so that no addition waits for the one before.
fn add_products<const L: usize>(row: &[f64], weights: &[f64], out: &mut [f64]) {
    let (weights, _) = weights.as_chunks::<L>();
    let mut sums = [[0.0; L]; 4];
    for (values, weights) in row.chunks(4).zip(weights.chunks(4)) {
        for ((value, weights), sums) in values.iter().zip(weights).zip(&mut sums) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }
    for (label, score) in out.iter_mut().enumerate() {
        *score += (sums[0][label] + sums[1][label]) + (sums[2][label] + sums[3][label]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_features::feature_count;
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
