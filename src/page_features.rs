//! The n-gram model's scores of a whole page to dense numbers for each block, the inputs of the page model.
//!
//! Every number is bounded to [-1, 1]: the solver that fits the last layer shifts by the maximum of the whole matrix and stops silently otherwise.

use crate::vectorizer::{BlockFacts, MEASURES, measure_names};
use ndarray::ArrayView2;
use std::ops::Range;
use std::sync::LazyLock;

/// Log-probabilities below minus this count as this (chosen: 3e-4 is as good as never).
const LOWEST_LOG: f64 = 8.0;
/// Word units of a block that count in weighted means (chosen; keeps one huge block from being the whole page).
const MOST_WORDS: f32 = 60.0;

/// The ways in which the labels' scores are seen; each gives one feature a label.
const VIEWS: [&str; 12] = [
    "own log-probability of",
    "own probability of",
    "whole page by words:",
    "whole page by blocks:",
    "share of words before:",
    "share of blocks before:",
    "heading above:",
    "twin:",
    "same element path:",
    "same element path, log-probability:",
    "same container:",
    "same container, log-probability:",
];

const POSITIONS: [&str; 6] = [
    "place in the page",
    "place in the page, squared",
    "near the start",
    "near the end",
    "has a twin",
    "alone in its element path",
];

/// Number of page features for this many labels.
pub fn feature_count(labels: usize) -> usize {
    VIEWS.len() * labels + POSITIONS.len() + MEASURES
}

/// Names of the page features in their order, for labels with these names.
pub fn feature_names(labels: &[String]) -> Vec<String> {
    let by_label = VIEWS
        .iter()
        .flat_map(|view| labels.iter().map(move |label| format!("{view} {label}")));
    let others = POSITIONS.iter().copied().chain(measure_names());
    by_label.chain(others.map(str::to_owned)).collect()
}

/// The page features, shape (blocks, page features), row-major, each in [-1, 1], from the n-gram model's log-probabilities, shape
/// (blocks, labels).
///
/// # Panics
/// When the facts are not one for each block.
pub fn page_features(ngram: ArrayView2<'_, f64>, facts: &[BlockFacts]) -> Vec<f32> {
    PageTables::new(ngram, facts).features(0..facts.len())
}

/// What the page features of single blocks are read from.
pub struct PageTables<'p> {
    facts: &'p [BlockFacts],
    labels: usize,
    /// Scaled log-probabilities, shape (blocks, labels).
    logs: Vec<f64>,
    /// Probabilities, shape (blocks, labels).
    p: Vec<f64>,
    by_words: PrefixSums,
    by_blocks: PrefixSums,
    paths: GroupMeans,
    containers: GroupMeans,
}

impl<'p> PageTables<'p> {
    /// The tables of a page, from the n-gram model's log-probabilities, shape (blocks, labels).
    ///
    /// # Panics
    /// When the facts are not one for each block.
    pub fn new(ngram: ArrayView2<'_, f64>, facts: &'p [BlockFacts]) -> Self {
        assert_eq!(ngram.nrows(), facts.len(), "facts for each block");
        let labels = ngram.ncols();
        let logs: Vec<f64> = ngram.iter().map(|log| (log / LOWEST_LOG).max(-1.0)).collect();
        let p: Vec<f64> = ngram.iter().map(|log| log.exp()).collect();
        let words = facts.iter().map(|fact| f64::from(fact.words.clamp(1.0, MOST_WORDS)));
        Self {
            by_words: PrefixSums::new(&p, labels, words),
            by_blocks: PrefixSums::new(&p, labels, facts.iter().map(|_| 1.0)),
            paths: GroupMeans::new(&p, &logs, labels, facts.iter().map(|fact| fact.path_group)),
            containers: GroupMeans::new(&p, &logs, labels, facts.iter().map(|fact| fact.parent_group)),
            facts,
            labels,
            logs,
            p,
        }
    }

    /// The features of some blocks, shape (blocks, page features), row-major.
    ///
    /// # Panics
    /// When the page has no such blocks.
    pub fn features(&self, blocks: Range<usize>) -> Vec<f32> {
        let mut features = vec![0.0; blocks.len() * feature_count(self.labels)];
        for (row, at) in features.chunks_exact_mut(feature_count(self.labels)).zip(blocks) {
            self.fill(row, at);
        }
        features
    }

    fn fill(&self, row: &mut [f32], at: usize) {
        let labels = self.labels;
        let fact = &self.facts[at];
        let (views, others) = row.split_at_mut(VIEWS.len() * labels);
        let mut views = views.chunks_exact_mut(labels.max(1));
        let mut put = |values: &[f64]| {
            let view = views.next().unwrap_or_default();
            // the usual number of labels has code of its own, without a loop
            if labels == 4
                && let (Some(view), Some(values)) = (view.first_chunk_mut::<4>(), values.first_chunk::<4>())
            {
                *view = values.map(|value| value as f32);
            } else {
                for (to, value) in view.iter_mut().zip(values) {
                    *to = *value as f32;
                }
            }
        };
        let own = at * labels..(at + 1) * labels;
        let p_of = |at: Option<u32>| at.map_or(&[][..], |at| &self.p[at as usize * labels..][..labels]);
        put(&self.logs[own.clone()]);
        put(&self.p[own.clone()]);
        put(&self.by_words.mean);
        put(&self.by_blocks.mean);
        put(&self.by_words.shares[own.clone()]);
        put(&self.by_blocks.shares[own]);
        put(p_of(fact.heading));
        put(p_of(fact.twin));
        put(self.paths.p(fact.path_group));
        put(self.paths.logs(fact.path_group));
        put(self.containers.p(fact.parent_group));
        put(self.containers.logs(fact.parent_group));
        let blocks = self.facts.len();
        let place = (at as f32 + 0.5) / blocks as f32;
        let (positions, measures) = others.split_at_mut(POSITIONS.len());
        positions.copy_from_slice(&[
            place,
            place * place,
            nearness(at),
            nearness(blocks - 1 - at),
            f32::from(u8::from(fact.twin.is_some())),
            f32::from(u8::from(self.paths.size(fact.path_group) == 1)),
        ]);
        measures.copy_from_slice(&fact.measures);
    }
}

/// 1 at a distance of no blocks, falling to nothing.
fn nearness(distance: usize) -> f32 {
    static NEAR: LazyLock<[f32; 151]> =
        LazyLock::new(|| std::array::from_fn(|distance| (-(distance as f64) / 4.0).exp() as f32));
    // beyond that it is less than 1e-16
    NEAR.get(distance).copied().unwrap_or(0.0)
}

/// Sums of the rows before each row, by weight, as shares of the sums of all rows.
struct PrefixSums {
    /// Shape (blocks, labels), each 0 to 1.
    shares: Vec<f64>,
    /// The weighted mean of all rows.
    mean: Vec<f64>,
}

impl PrefixSums {
    fn new(p: &[f64], labels: usize, weights: impl Iterator<Item = f64>) -> Self {
        let mut sums = Vec::with_capacity(p.len());
        let mut sum = vec![0.0; labels];
        let mut weight_sum = 0.0;
        for (row, weight) in p.chunks_exact(labels.max(1)).zip(weights) {
            sums.extend_from_slice(&sum);
            weight_sum += weight;
            for (sum, p) in sum.iter_mut().zip(row) {
                *sum += p * weight;
            }
        }
        let mut shares = sums;
        for row in shares.chunks_exact_mut(labels.max(1)) {
            for (part, total) in row.iter_mut().zip(&sum) {
                *part = (*part / total.max(1e-9)).min(1.0);
            }
        }
        Self {
            shares,
            mean: sum.iter().map(|sum| sum / weight_sum.max(1.0)).collect(),
        }
    }
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
            let (of_p, of_logs) = means[group * 2 * labels..][..2 * labels].split_at_mut(labels);
            for (sums, values) in [(of_p, p), (of_logs, logs)] {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
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
    use ndarray::Array2;

    fn fact(words: f32, group: u32, heading: Option<u32>) -> BlockFacts {
        BlockFacts {
            words,
            path_group: group,
            parent_group: group,
            heading,
            twin: None,
            measures: [0.5; MEASURES],
        }
    }

    fn page() -> (Array2<f64>, Vec<BlockFacts>) {
        let p = ndarray::arr2(&[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]);
        (
            p.mapv(f64::ln),
            vec![fact(30.0, 0, None), fact(2.0, 1, None), fact(10.0, 1, Some(1))],
        )
    }

    fn names() -> Vec<String> {
        feature_names(&["body".to_owned(), "promo".to_owned()])
    }

    /// One feature of the three blocks.
    fn feature(name: &str) -> Vec<f32> {
        let (logs, facts) = page();
        let at = names().iter().position(|known| known == name).unwrap();
        let features = page_features(logs.view(), &facts);
        features.chunks_exact(names().len()).map(|row| row[at]).collect()
    }

    fn assert_close(found: &[f32], wanted: [f64; 3]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-6, "{found} {wanted}");
        }
    }

    #[test]
    fn there_is_a_name_for_each_feature() {
        let (logs, facts) = page();
        assert_eq!(page_features(logs.view(), &facts).len(), 3 * names().len());
        assert_eq!(feature_count(2), names().len());
        let mut unique = names();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names().len());
    }

    #[test]
    fn own_scores_are_probabilities_and_scaled_logarithms() {
        assert_close(&feature("own probability of body"), [0.9, 0.2, 0.4]);
        assert_close(
            &feature("own log-probability of promo"),
            [0.1f64.ln() / 8.0, 0.8f64.ln() / 8.0, 0.6f64.ln() / 8.0],
        );
    }

    #[test]
    fn means_of_the_page_are_over_blocks_or_words() {
        assert_close(&feature("whole page by blocks: body"), [0.5; 3]);
        let by_words = (0.9 * 30.0 + 0.2 * 2.0 + 0.4 * 10.0) / 42.0;
        assert_close(&feature("whole page by words: body"), [by_words; 3]);
    }

    #[test]
    fn groups_share_their_mean_and_headings_are_looked_up() {
        assert_close(&feature("same element path: promo"), [0.1, 0.7, 0.7]);
        assert_close(&feature("heading above: promo"), [0.0, 0.0, 0.8]);
        assert_close(&feature("alone in its element path"), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn shares_before_grow_from_zero() {
        let total = 1.5;
        assert_close(
            &feature("share of blocks before: body"),
            [0.0, 0.9 / total, 1.1 / total],
        );
        let total = 0.9 * 30.0 + 0.2 * 2.0 + 0.4 * 10.0;
        assert_close(
            &feature("share of words before: body"),
            [0.0, 27.0 / total, 27.4 / total],
        );
    }

    #[test]
    fn measures_are_handed_through() {
        assert_close(&feature("commas"), [0.5; 3]);
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
        assert!(page_features(Array2::zeros((0, 2)).view(), &[]).is_empty());
    }
}
