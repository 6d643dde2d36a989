//! The n-gram model's scores of a whole page to final probabilities: each block in the light of its neighbours.
//!
//! Every input is bounded to [-1, 1]: the solver that fits the weights shifts by the maximum of the whole matrix and stops silently otherwise.

use crate::ngram_model::{log_softmax, softmax};
use crate::vectorizer::BlockFacts;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// A multinomial logistic regression over dense page features.
#[derive(Clone, Debug, PartialEq)]
pub struct PageModel {
    /// Shape (page features, labels).
    weights: Array2<f64>,
    /// One for each label.
    intercept: Array1<f64>,
}

/// Log-probabilities below minus this count as this (chosen: 3e-4 is as good as never).
const LOWEST_LOG: f64 = 8.0;
/// Neighbours on both sides that are seen one by one (chosen).
const NEAR: usize = 3;
/// Half widths in blocks of the windows whose mean is taken (chosen).
const WINDOWS: [usize; 2] = [5, 12];
/// Share of a running mean that one block keeps of what came before (chosen: half is forgotten in 1 and in 6 blocks).
const DECAYS: [f64; 2] = [0.5, 0.9];
/// Word units of a block that count in weighted means (chosen; keeps one huge block from being the whole page).
const MOST_WORDS: f32 = 60.0;

impl PageModel {
    /// A model of weights with shape (page features, labels) and one intercept for each label.
    ///
    /// # Panics
    /// When the shapes do not agree.
    pub fn new(weights: Array2<f64>, intercept: Array1<f64>) -> Self {
        assert_eq!(weights.ncols(), intercept.len(), "an intercept for each label");
        Self { weights, intercept }
    }

    /// The weights, shape (page features, labels).
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
        self.scores(ngram, facts, softmax)
    }

    /// The same as log-probabilities.
    ///
    /// # Panics
    /// As [`PageModel::probabilities`].
    pub fn log_probabilities(&self, ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Array2<f64> {
        self.scores(ngram, facts, log_softmax)
    }

    fn scores(&self, ngram: ArrayView2<'_, f64>, facts: &[BlockFacts], normalize: fn(&mut [f64])) -> Array2<f64> {
        let views = PageViews::new(ngram, facts);
        let (features, labels) = self.weights.dim();
        assert_eq!(features, views.width(), "a model of as many labels");
        let weights = self.weights.as_standard_layout();
        let weights = weights.as_slice().unwrap_or_default();
        let intercept = self.intercept.to_vec();
        let mut scores = Vec::with_capacity(facts.len() * labels);
        let mut row = vec![0.0; features];
        for at in 0..facts.len() {
            views.fill(at, &mut row);
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
        Array2::from_shape_vec((facts.len(), labels), scores).expect("a row for each block")
    }

    /// What each page feature of a block adds to the log-odds of one label against another, in the order of [`feature_names`].
    pub fn contributions(&self, features: ArrayView1<'_, f64>, label: usize, against: usize) -> Vec<f64> {
        let difference = &self.weights.column(label) - &self.weights.column(against);
        (&features * &difference).to_vec()
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

/// Names of the page features in their order, for labels with these names.
pub fn feature_names(labels: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for view in VIEWS {
        for label in labels {
            names.push(format!("{} {label}", view.replace('_', " ")));
        }
    }
    names.extend(POSITIONS.iter().map(|name| (*name).to_owned()));
    names
}

/// The ways in which the labels' scores are seen; each gives one feature a label.
const VIEWS: [&str; 32] = [
    "own_log-probability_of",
    "own_probability_of",
    "1_before:",
    "2_before:",
    "3_before:",
    "1_after:",
    "2_after:",
    "3_after:",
    "mean_of_11_blocks:",
    "mean_of_25_blocks:",
    "mean_of_11_blocks_by_words:",
    "mean_of_25_blocks_by_words:",
    "running_mean_before:",
    "running_mean_after:",
    "long_running_mean_before:",
    "long_running_mean_after:",
    "whole_page_by_words:",
    "whole_page_by_blocks:",
    "share_of_words_before:",
    "share_of_blocks_before:",
    "surest_before:",
    "surest_after:",
    "same_element_path:",
    "same_element_path_log-probability:",
    "same_container:",
    "same_container_log-probability:",
    "heading_above:",
    "twin:",
    "own_times_same_path:",
    "own_times_mean_of_25_blocks_by_words:",
    "own_times_whole_page_by_words:",
    "own_times_long_running_mean_before:",
];

const POSITIONS: [&str; 8] = [
    "place in the page",
    "place in the page, squared",
    "near the start",
    "near the end",
    "length",
    "long",
    "has a twin",
    "alone in its element path",
];

/// The page features, shape (blocks, page features), each in [-1, 1], from the n-gram model's log-probabilities, shape (blocks, labels).
///
/// # Panics
/// When the facts are not one for each block.
pub fn page_features(ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Array2<f64> {
    let views = PageViews::new(ngram, facts);
    let mut features = Array2::zeros((facts.len(), views.width()));
    for (at, mut row) in features.rows_mut().into_iter().enumerate() {
        if let Some(row) = row.as_slice_mut() {
            views.fill(at, row);
        }
    }
    features
}

/// What the page features are read from: tables of shape (blocks, labels), row-major, one pass over the page each.
struct PageViews<'p> {
    labels: usize,
    facts: &'p [BlockFacts],
    p: Vec<f64>,
    logs: Vec<f64>,
    by_blocks: PrefixSums,
    by_words: PrefixSums,
    /// For each of [`DECAYS`]: running means before and after each block.
    running: [[Vec<f64>; 2]; 2],
    /// Largest probabilities before and after each block.
    surest: [Vec<f64>; 2],
    paths: GroupMeans,
    parents: GroupMeans,
    nothing: Vec<f64>,
}

impl<'p> PageViews<'p> {
    fn new(ngram: ArrayView2<'_, f64>, facts: &'p [BlockFacts]) -> Self {
        assert_eq!(ngram.nrows(), facts.len(), "facts for each block");
        let labels = ngram.ncols();
        let logs: Vec<f64> = ngram.iter().map(|log| (log / LOWEST_LOG).max(-1.0)).collect();
        let p: Vec<f64> = ngram.iter().map(|log| log.exp()).collect();
        let words = facts.iter().map(|fact| f64::from(fact.words.clamp(1.0, MOST_WORDS)));
        Self {
            by_blocks: PrefixSums::new(&p, labels, facts.iter().map(|_| 1.0)),
            by_words: PrefixSums::new(&p, labels, words),
            running: DECAYS.map(|decay| [false, true].map(|after| running_means(&p, labels, decay, after))),
            surest: [false, true].map(|after| surest(&p, labels, after)),
            paths: GroupMeans::new(&p, &logs, labels, facts.iter().map(|fact| fact.path_group)),
            parents: GroupMeans::new(&p, &logs, labels, facts.iter().map(|fact| fact.parent_group)),
            nothing: vec![0.0; labels],
            labels,
            facts,
            p,
            logs,
        }
    }

    /// Number of page features.
    fn width(&self) -> usize {
        VIEWS.len() * self.labels + POSITIONS.len()
    }

    /// The probabilities of a block; zero beyond the page.
    fn p(&self, at: Option<usize>) -> &[f64] {
        at.and_then(|at| self.p.get(at * self.labels..(at + 1) * self.labels))
            .unwrap_or(&self.nothing)
    }

    /// Writes the features of one block, in the order of [`feature_names`].
    fn fill(&self, at: usize, row: &mut [f64]) {
        let labels = self.labels;
        let fact = &self.facts[at];
        let own = at * labels..(at + 1) * labels;
        let (views, positions) = row.split_at_mut(VIEWS.len() * labels);
        let mut filled = 0;
        let mut next = || {
            filled += labels;
            filled - labels..filled
        };
        let mut put = |views: &mut [f64], values: &[f64]| {
            let place = next();
            let to = &mut views[place.clone()];
            // four labels are moved in registers, any other number by a call
            match (to.first_chunk_mut::<4>(), values.first_chunk::<4>()) {
                (Some(to), Some(values)) if labels == 4 => *to = *values,
                _ => to.copy_from_slice(values),
            }
            place
        };
        put(views, &self.logs[own.clone()]);
        put(views, &self.p[own.clone()]);
        for distance in 1..=NEAR {
            put(views, self.p(at.checked_sub(distance)));
        }
        for distance in 1..=NEAR {
            put(views, self.p(Some(at + distance)));
        }
        let mut wide = 0..0;
        for sums in [&self.by_blocks, &self.by_words] {
            for half in WINDOWS {
                wide = put(views, &self.nothing);
                sums.window_mean(at, half, &mut views[wide.clone()]);
            }
        }
        let mut long_before = 0..0;
        for [before, after] in &self.running {
            long_before = put(views, &before[own.clone()]);
            put(views, &after[own.clone()]);
        }
        let whole = put(views, &self.by_words.mean);
        put(views, &self.by_blocks.mean);
        for sums in [&self.by_words, &self.by_blocks] {
            let share = put(views, &sums.sums[own.clone()]);
            for (part, total) in views[share].iter_mut().zip(sums.total()) {
                *part /= total.max(1e-9);
            }
        }
        put(views, &self.surest[0][own.clone()]);
        put(views, &self.surest[1][own.clone()]);
        let path = put(views, self.paths.p(fact.path_group));
        put(views, self.paths.logs(fact.path_group));
        put(views, self.parents.p(fact.parent_group));
        put(views, self.parents.logs(fact.parent_group));
        put(views, self.p(fact.heading.map(|at| at as usize)));
        put(views, self.p(fact.twin.map(|at| at as usize)));
        for factor in [path, wide, whole, long_before] {
            let product = put(views, &self.p[own.clone()]);
            for (offset, label) in factor.enumerate() {
                views[product.start + offset] *= views[label];
            }
        }
        let blocks = self.facts.len();
        let place = (at as f64 + 0.5) / blocks as f64;
        positions.copy_from_slice(&[
            place,
            place * place,
            nearness(at),
            nearness(blocks - 1 - at),
            f64::from(fact.words.clamp(0.0, MOST_WORDS) / MOST_WORDS),
            f64::from(u8::from(fact.words > 25.0)),
            f64::from(u8::from(fact.twin.is_some())),
            f64::from(u8::from(self.paths.size(fact.path_group) == 1)),
        ]);
    }
}

/// 1 at a distance of no blocks, falling to nothing.
fn nearness(distance: usize) -> f64 {
    // beyond this many blocks it is less than 1e-16
    if distance > 150 {
        0.0
    } else {
        (-(distance as f64) / 4.0).exp()
    }
}

/// Sums of the rows before each row, and of all rows as the last, by weight.
struct PrefixSums {
    labels: usize,
    /// Shape (blocks + 1, labels).
    sums: Vec<f64>,
    /// Sums of the weights alone.
    weights: Vec<f64>,
    /// The weighted mean of all rows.
    mean: Vec<f64>,
}

impl PrefixSums {
    fn new(p: &[f64], labels: usize, weights: impl Iterator<Item = f64>) -> Self {
        let mut sums = Vec::with_capacity(p.len() + labels);
        let mut weight_sums = Vec::with_capacity(p.len() / labels.max(1) + 1);
        let mut sum = vec![0.0; labels];
        let mut weight_sum = 0.0;
        for (row, weight) in p.chunks_exact(labels.max(1)).zip(weights) {
            sums.extend_from_slice(&sum);
            weight_sums.push(weight_sum);
            weight_sum += weight;
            for (sum, p) in sum.iter_mut().zip(row) {
                *sum += p * weight;
            }
        }
        sums.extend_from_slice(&sum);
        weight_sums.push(weight_sum);
        Self {
            labels,
            sums,
            weights: weight_sums,
            mean: sum.iter().map(|sum| sum / weight_sum.max(1.0)).collect(),
        }
    }

    fn total(&self) -> &[f64] {
        &self.sums[self.sums.len() - self.labels..]
    }

    /// The mean of the rows from `half` before to `half` after a row.
    fn window_mean(&self, at: usize, half: usize, out: &mut [f64]) {
        let blocks = self.weights.len() - 1;
        let (from, to) = (at.saturating_sub(half), (at + half + 1).min(blocks));
        let weight = self.weights[to] - self.weights[from];
        let (first, last) = (&self.sums[from * self.labels..], &self.sums[to * self.labels..]);
        for ((out, first), last) in out.iter_mut().zip(first).zip(last) {
            *out = (last - first) / weight;
        }
    }
}

/// Exponentially decaying mean of the rows before each row (after each row when `after`).
fn running_means(p: &[f64], labels: usize, decay: f64, after: bool) -> Vec<f64> {
    accumulated(p, labels, after, |mean, p| mean * decay + p * (1.0 - decay))
}

/// The largest probability of each label in the rows before each row (after each row when `after`).
fn surest(p: &[f64], labels: usize, after: bool) -> Vec<f64> {
    accumulated(p, labels, after, f64::max)
}

/// What `add` has made of the rows before each row (after each row when `after`), from zero.
fn accumulated(p: &[f64], labels: usize, after: bool, add: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut all = vec![0.0; p.len()];
    let mut state = vec![0.0; labels];
    let mut step = |(out, row): (&mut [f64], &[f64])| {
        for ((out, p), state) in out.iter_mut().zip(row).zip(&mut state) {
            *out = *state;
            *state = add(*state, *p);
        }
    };
    let rows = all.chunks_exact_mut(labels.max(1)).zip(p.chunks_exact(labels.max(1)));
    if after {
        rows.rev().for_each(&mut step);
    } else {
        rows.for_each(&mut step);
    }
    all
}

/// The means of the rows of each group.
struct GroupMeans {
    labels: usize,
    sizes: Vec<u32>,
    /// Shape (groups, 2 * labels): probabilities, then scaled log-probabilities.
    means: Vec<f64>,
}

impl GroupMeans {
    fn new(p: &[f64], logs: &[f64], labels: usize, groups: impl Iterator<Item = u32> + Clone) -> Self {
        let count = groups.clone().max().map_or(0, |most| most as usize + 1);
        let mut sizes = vec![0u32; count];
        let mut means = vec![0.0; count * 2 * labels];
        let rows = p.chunks_exact(labels.max(1)).zip(logs.chunks_exact(labels.max(1)));
        for ((p, logs), group) in rows.zip(groups) {
            let group = group as usize;
            sizes[group] += 1;
            for (sum, value) in means[group * 2 * labels..].iter_mut().zip(p.iter().chain(logs)) {
                *sum += value;
            }
        }
        for (means, size) in means.chunks_exact_mut(2 * labels.max(1)).zip(&sizes) {
            for mean in means {
                *mean /= f64::from(*size);
            }
        }
        Self { labels, sizes, means }
    }

    fn size(&self, group: u32) -> u32 {
        self.sizes[group as usize]
    }

    fn p(&self, group: u32) -> &[f64] {
        &self.means[group as usize * 2 * self.labels..][..self.labels]
    }

    fn logs(&self, group: u32) -> &[f64] {
        &self.means[group as usize * 2 * self.labels..][self.labels..2 * self.labels]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(words: f32, group: u32, heading: Option<u32>) -> BlockFacts {
        BlockFacts {
            words,
            path_group: group,
            parent_group: group,
            heading,
            twin: None,
        }
    }

    fn page() -> (Array2<f64>, Vec<BlockFacts>) {
        let p = ndarray::arr2(&[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]);
        (
            p.mapv(f64::ln),
            vec![fact(30.0, 0, None), fact(2.0, 1, None), fact(10.0, 1, Some(1))],
        )
    }

    fn feature(name: &str) -> Array1<f64> {
        let (logs, facts) = page();
        let names = feature_names(&["body".to_owned(), "promo".to_owned()]);
        let at = names.iter().position(|known| known == name).unwrap();
        page_features(logs.view(), &facts).column(at).to_owned()
    }

    fn assert_close(found: &Array1<f64>, wanted: [f64; 3]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }
    }

    #[test]
    fn there_is_a_name_for_each_feature() {
        let (logs, facts) = page();
        let names = feature_names(&["body".to_owned(), "promo".to_owned()]);
        assert_eq!(page_features(logs.view(), &facts).ncols(), names.len());
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }

    #[test]
    fn neighbours_are_shifted_and_zero_beyond_the_page() {
        assert_close(&feature("1 before: body"), [0.0, 0.9, 0.2]);
        assert_close(&feature("1 after: promo"), [0.8, 0.6, 0.0]);
        assert_close(&feature("2 after: body"), [0.4, 0.0, 0.0]);
    }

    #[test]
    fn means_are_over_blocks_or_words() {
        assert_close(&feature("mean of 11 blocks: body"), [0.5, 0.5, 0.5]);
        let by_words = (0.9 * 30.0 + 0.2 * 2.0 + 0.4 * 10.0) / 42.0;
        assert_close(&feature("mean of 11 blocks by words: body"), [by_words; 3]);
    }

    #[test]
    fn groups_share_their_mean_and_headings_are_looked_up() {
        assert_close(&feature("same element path: promo"), [0.1, 0.7, 0.7]);
        assert_close(&feature("heading above: promo"), [0.0, 0.0, 0.8]);
    }

    #[test]
    fn shares_before_grow_from_zero() {
        let total = 1.5;
        assert_close(
            &feature("share of blocks before: body"),
            [0.0, 0.9 / total, 1.1 / total],
        );
        assert_close(&feature("surest before: body"), [0.0, 0.9, 0.9]);
        assert_close(&feature("surest after: promo"), [0.8, 0.6, 0.0]);
    }

    #[test]
    fn every_feature_is_bounded() {
        let (_, facts) = page();
        let logs = ndarray::arr2(&[[-1e-9, -700.0], [-700.0, -1e-9], [-1e-9, -50.0]]);
        for value in page_features(logs.view(), &facts) {
            assert!((-1.0..=1.0).contains(&value), "{value}");
        }
    }

    #[test]
    fn a_page_without_blocks_has_no_rows() {
        assert_eq!(page_features(Array2::zeros((0, 2)).view(), &[]).nrows(), 0);
    }
}
