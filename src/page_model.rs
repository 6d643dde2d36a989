//! The n-gram model's scores of a whole page to final probabilities: each block in the light of its neighbours.
//!
//! Every input is bounded to [-1, 1]: the solver that fits the weights shifts by the maximum of the whole matrix and stops silently otherwise.

use crate::ngram_model::log_softmax;
use crate::vectorizer::BlockFacts;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};

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

    /// Final log-probabilities, shape (blocks, labels), from those of the n-gram model for the same page.
    pub fn log_probabilities(&self, ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Array2<f64> {
        let mut scores = page_features(ngram, facts).dot(&self.weights) + &self.intercept;
        for mut row in scores.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                log_softmax(row);
            }
        }
        scores
    }

    /// What each page feature of a block adds to the log-odds of one label against another, in the order of [`feature_names`].
    pub fn contributions(&self, features: ArrayView1<'_, f64>, label: usize, against: usize) -> Vec<f64> {
        let difference = &self.weights.column(label) - &self.weights.column(against);
        (&features * &difference).to_vec()
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
pub fn page_features(ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Array2<f64> {
    assert_eq!(ngram.nrows(), facts.len(), "facts for each block");
    let (blocks, labels) = ngram.dim();
    let logs = ngram.mapv(|log| (log / LOWEST_LOG).max(-1.0));
    let p = ngram.mapv(f64::exp);
    let words: Vec<f64> = facts
        .iter()
        .map(|fact| f64::from(fact.words.clamp(1.0, MOST_WORDS)))
        .collect();
    let mut features = Array2::zeros((blocks, VIEWS.len() * labels + POSITIONS.len()));
    let mut view = 0;
    let mut put = |values: &Array2<f64>| {
        features
            .slice_axis_mut(Axis(1), Slice::from(view * labels..(view + 1) * labels))
            .assign(values);
        view += 1;
    };
    put(&logs);
    put(&p);
    for distance in 1..=NEAR {
        put(&shifted(&p, distance as isize));
    }
    for distance in 1..=NEAR {
        put(&shifted(&p, -(distance as isize)));
    }
    let ones = vec![1.0; blocks];
    let mut surroundings = Array2::zeros((0, 0));
    for weights in [&ones, &words] {
        let sums = prefix_sums(&p, weights);
        for half in WINDOWS {
            surroundings = window_means(&sums, weights, half);
            put(&surroundings);
        }
    }
    let mut so_far = Array2::zeros((0, 0));
    for decay in DECAYS {
        so_far = running_means(&p, decay, false);
        put(&so_far);
        put(&running_means(&p, decay, true));
    }
    let by_words = prefix_sums(&p, &words);
    let by_blocks = prefix_sums(&p, &ones);
    let whole = |sums: &Array2<f64>, weights: &[f64]| {
        let mean = &sums.row(blocks) / weights.iter().sum::<f64>().max(1.0);
        Array2::from_shape_fn((blocks, labels), |(_, label)| mean[label])
    };
    let whole_by_words = whole(&by_words, &words);
    put(&whole_by_words);
    put(&whole(&by_blocks, &ones));
    for sums in [&by_words, &by_blocks] {
        let mut before = sums.slice_axis(Axis(0), Slice::from(..blocks)).to_owned();
        for (mut column, total) in before.columns_mut().into_iter().zip(sums.row(blocks)) {
            column.mapv_inplace(|part| part / total.max(1e-9));
        }
        put(&before);
    }
    put(&surest(&p, false));
    put(&surest(&p, true));
    let paths: Vec<u32> = facts.iter().map(|fact| fact.path_group).collect();
    let parents: Vec<u32> = facts.iter().map(|fact| fact.parent_group).collect();
    let path_means = group_means(&p, &paths);
    put(&path_means);
    put(&group_means(&logs, &paths));
    put(&group_means(&p, &parents));
    put(&group_means(&logs, &parents));
    put(&gathered(&p, facts.iter().map(|fact| fact.heading)));
    put(&gathered(&p, facts.iter().map(|fact| fact.twin)));
    put(&(&p * &path_means));
    put(&(&p * &surroundings));
    put(&(&p * &whole_by_words));
    put(&(&p * &so_far));
    let alone = group_sizes(&paths);
    let start = VIEWS.len() * labels;
    for (at, fact) in facts.iter().enumerate() {
        let place = (at as f64 + 0.5) / blocks as f64;
        let values = [
            place,
            place * place,
            (-(at as f64) / 4.0).exp(),
            (-((blocks - 1 - at) as f64) / 4.0).exp(),
            f64::from(fact.words.clamp(0.0, MOST_WORDS) / MOST_WORDS),
            f64::from(u8::from(fact.words > 25.0)),
            f64::from(u8::from(fact.twin.is_some())),
            f64::from(u8::from(alone[fact.path_group as usize] == 1)),
        ];
        for (offset, value) in values.into_iter().enumerate() {
            features[[at, start + offset]] = value;
        }
    }
    features
}

/// Row `i` is row `i - by`; zero beyond the page.
fn shifted(p: &Array2<f64>, by: isize) -> Array2<f64> {
    let mut out = Array2::zeros(p.raw_dim());
    for at in 0..p.nrows() {
        if let Some(from) = at.checked_add_signed(-by).filter(|from| *from < p.nrows()) {
            out.row_mut(at).assign(&p.row(from));
        }
    }
    out
}

/// Row `i` is the weighted sum of the rows before `i`; shape (rows + 1, labels).
fn prefix_sums(p: &Array2<f64>, weights: &[f64]) -> Array2<f64> {
    let mut sums = Array2::zeros((p.nrows() + 1, p.ncols()));
    for (at, weight) in weights.iter().enumerate() {
        let next = &sums.row(at) + &(&p.row(at) * *weight);
        sums.row_mut(at + 1).assign(&next);
    }
    sums
}

fn window_means(sums: &Array2<f64>, weights: &[f64], half: usize) -> Array2<f64> {
    let blocks = weights.len();
    let mut weight_sums = Vec::with_capacity(blocks + 1);
    weight_sums.push(0.0);
    for weight in weights {
        weight_sums.push(weight_sums.last().copied().unwrap_or(0.0) + weight);
    }
    let mut means = Array2::zeros((blocks, sums.ncols()));
    for at in 0..blocks {
        let (from, to) = (at.saturating_sub(half), (at + half + 1).min(blocks));
        let mean = (&sums.row(to) - &sums.row(from)) / (weight_sums[to] - weight_sums[from]);
        means.row_mut(at).assign(&mean);
    }
    means
}

/// Exponentially decaying mean of the rows before each row (after each row when `backwards`).
fn running_means(p: &Array2<f64>, decay: f64, backwards: bool) -> Array2<f64> {
    let mut means = Array2::zeros(p.raw_dim());
    let mut mean: Array1<f64> = Array1::zeros(p.ncols());
    for step in 0..p.nrows() {
        let at = if backwards { p.nrows() - 1 - step } else { step };
        means.row_mut(at).assign(&mean);
        mean = mean * decay + &(&p.row(at) * (1.0 - decay));
    }
    means
}

/// The largest probability of each label in the rows before each row (after each row when `backwards`).
fn surest(p: &Array2<f64>, backwards: bool) -> Array2<f64> {
    let mut most = Array2::zeros(p.raw_dim());
    let mut best: Array1<f64> = Array1::zeros(p.ncols());
    for step in 0..p.nrows() {
        let at = if backwards { p.nrows() - 1 - step } else { step };
        most.row_mut(at).assign(&best);
        best.zip_mut_with(&p.row(at), |best, p| *best = best.max(*p));
    }
    most
}

fn group_sizes(groups: &[u32]) -> Vec<u32> {
    let count = groups.iter().max().map_or(0, |most| *most as usize + 1);
    let mut sizes = vec![0; count];
    for group in groups {
        sizes[*group as usize] += 1;
    }
    sizes
}

fn group_means(p: &Array2<f64>, groups: &[u32]) -> Array2<f64> {
    let sizes = group_sizes(groups);
    let mut sums: Array2<f64> = Array2::zeros((sizes.len(), p.ncols()));
    for (row, group) in p.axis_iter(Axis(0)).zip(groups) {
        let mut sum = sums.row_mut(*group as usize);
        sum += &row;
    }
    let mut means = Array2::zeros(p.raw_dim());
    for (mut row, group) in means.axis_iter_mut(Axis(0)).zip(groups) {
        row.assign(&(&sums.row(*group as usize) / f64::from(sizes[*group as usize])));
    }
    means
}

fn gathered(p: &Array2<f64>, from: impl Iterator<Item = Option<u32>>) -> Array2<f64> {
    let mut out = Array2::zeros(p.raw_dim());
    for (mut row, from) in out.axis_iter_mut(Axis(0)).zip(from) {
        if let Some(from) = from {
            row.assign(&p.row(from as usize));
        }
    }
    out
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
