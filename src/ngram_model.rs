//! Sparse vectors to scores: the multinomial logistic model of one block at a time.
//!
//! Weights are kept in half precision in a model file; a model that was just trained is rounded the same way, so both score alike.

use crate::vectorizer::{Row, SparseMatrix};
use ndarray::Array2;

/// A multinomial logistic regression over sparse rows.
#[derive(Clone, Debug, PartialEq)]
pub struct NgramModel {
    labels: usize,
    /// Row-major, shape (columns + 1, labels); the last row, which stands for no column, is of zeros.
    weights: Vec<f32>,
    /// One for each label.
    intercept: Vec<f64>,
}

impl NgramModel {
    /// A model of these weights, row-major with shape (columns, labels), and intercepts, one for each label.
    ///
    /// # Panics
    /// When the weights are no multiple of the labels.
    pub fn new(mut weights: Vec<f32>, intercept: Vec<f64>) -> Self {
        let labels = intercept.len();
        assert!(
            labels > 0 && weights.len().is_multiple_of(labels),
            "weights have shape (columns, labels)"
        );
        weights.resize(weights.len() + labels, 0.0);
        Self {
            labels,
            weights,
            intercept,
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.weights.len() / self.labels - 1
    }

    /// Number of labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The weights, row-major, shape (columns, labels).
    pub fn weights(&self) -> &[f32] {
        &self.weights[..self.weights.len() - self.labels]
    }

    /// The intercepts, one for each label.
    pub fn intercept(&self) -> &[f64] {
        &self.intercept
    }

    /// Log-probabilities, shape (rows, labels), each at most 0.
    pub fn log_probabilities(&self, rows: &SparseMatrix) -> Array2<f64> {
        let mut scores = Array2::zeros((rows.rows(), self.labels));
        for (row, mut out) in scores.rows_mut().into_iter().enumerate() {
            let (mut columns, values) = rows.row(row);
            // entries of one group of features have the same value
            let groups = values.chunk_by(|a, b| a == b).map(|values| {
                let (group, rest) = columns.split_at(values.len());
                columns = rest;
                (values[0], group)
            });
            let out = out.as_slice_mut().unwrap_or_default();
            self.scores_into(groups, out);
            log_softmax(out);
        }
        scores
    }

    /// The same for one row, into a slice with a number for each label.
    ///
    /// # Panics
    /// When the slice has another length, or the row is of a larger vocabulary.
    #[inline]
    pub fn row_log_probabilities(&self, row: Row<'_>, out: &mut [f64]) {
        self.scores_into(row.groups(), out);
        log_softmax(out);
    }

    /// The scores of one row before normalisation: intercept plus the value of each group times the sum of its weights.
    #[inline]
    fn scores_into<'r>(&self, groups: impl Iterator<Item = (f32, &'r [u32])>, out: &mut [f64]) {
        out.copy_from_slice(&self.intercept);
        // the usual numbers of labels have code of their own, which keeps the sums in registers
        match self.labels {
            2 => self.add_groups::<2>(groups, out),
            3 => self.add_groups::<3>(groups, out),
            4 => self.add_groups::<4>(groups, out),
            labels => {
                for (value, columns) in groups {
                    for column in columns {
                        let weights = &self.weights[*column as usize * labels..][..labels];
                        for (score, weight) in out.iter_mut().zip(weights) {
                            *score += f64::from(value) * f64::from(*weight);
                        }
                    }
                }
            }
        }
    }

    #[inline]
    fn add_groups<'r, const L: usize>(&self, groups: impl Iterator<Item = (f32, &'r [u32])>, out: &mut [f64]) {
        let (weights, _) = self.weights.as_chunks::<L>();
        for (value, columns) in groups {
            for (score, sum) in out.iter_mut().zip(sum_of_rows(weights, columns)) {
                *score += f64::from(value) * f64::from(sum);
            }
        }
    }

    /// What each stored feature of a row adds to the log-odds of one label against another: (column, contribution).
    /// Their sum and the difference of the two intercepts is the difference of the two log-probabilities.
    pub fn contributions(&self, (columns, values): (&[u32], &[f32]), label: usize, against: usize) -> Vec<(u32, f64)> {
        assert!(label < self.labels && against < self.labels, "labels of this model");
        columns
            .iter()
            .zip(values)
            .map(|(column, value)| {
                let weights = &self.weights[*column as usize * self.labels..];
                (
                    *column,
                    f64::from(*value) * (f64::from(weights[label]) - f64::from(weights[against])),
                )
            })
            .collect()
    }
}

/// The sum of some rows. Four sums are kept apart, so that no addition waits for the one before.
#[inline]
fn sum_of_rows<const L: usize>(rows: &[[f32; L]], wanted: &[u32]) -> [f32; L] {
    let add = |sum: &mut [f32; L], row: u32| {
        let row = &rows[row as usize];
        for label in 0..L {
            sum[label] += row[label];
        }
    };
    let mut sums = [[0.0f32; L]; 4];
    let (fours, rest) = wanted.as_chunks::<4>();
    for [a, b, c, d] in fours {
        add(&mut sums[0], *a);
        add(&mut sums[1], *b);
        add(&mut sums[2], *c);
        add(&mut sums[3], *d);
    }
    for row in rest {
        add(&mut sums[0], *row);
    }
    std::array::from_fn(|label| (sums[0][label] + sums[1][label]) + (sums[2][label] + sums[3][label]))
}

/// Scores to probabilities, in place; returns the logarithm of the sum of their exponentials.
pub fn softmax(scores: &mut [f64]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
    most + sum.ln()
}

/// Scores to log-probabilities, in place.
pub fn log_softmax(scores: &mut [f64]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
    let norm = most + sum.ln();
    for score in scores {
        *score -= norm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Page, PageKind};
    use crate::segment::{Split, segment};
    use crate::vectorizer::{Recipe, Vectorizer};
    use crate::vocabulary::Vocabulary;

    #[test]
    fn both_ways_to_normalize_agree() {
        for scores in [[0.0, 0.0, 0.0], [1.0, -2.0, 3.5], [800.0, -800.0, 799.0]] {
            let (mut p, mut logs) = (scores, scores);
            softmax(&mut p);
            log_softmax(&mut logs);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (p, log) in p.iter().zip(logs) {
                assert!((p - log.exp()).abs() < 1e-12, "{p} {log}");
            }
        }
    }

    fn rows() -> SparseMatrix {
        let mut rows = SparseMatrix::new();
        rows.push([(0, 0.5), (2, 0.25)].into_iter());
        rows.push(std::iter::empty());
        rows
    }

    fn model() -> NgramModel {
        NgramModel::new(vec![1.0, -1.0, 9.0, 9.0, 0.0, 2.0], vec![0.1, 0.0])
    }

    #[test]
    fn log_probabilities_are_the_softmax_of_the_linear_scores() {
        let found = model().log_probabilities(&rows());
        // by hand: scores (0.1 + 0.5, -0.5 + 0.5) and (0.1, 0)
        let by_hand = |a: f64, b: f64| a - (a.exp() + b.exp()).ln();
        assert!((found[[0, 0]] - by_hand(0.6, 0.0)).abs() < 1e-12);
        assert!((found[[0, 1]] - by_hand(0.0, 0.6)).abs() < 1e-12);
        assert!((found[[1, 0]] - by_hand(0.1, 0.0)).abs() < 1e-12);
    }

    #[test]
    fn contributions_and_intercepts_add_up_to_the_log_odds() {
        let (model, rows) = (model(), rows());
        let found = model.log_probabilities(&rows);
        let sum: f64 = model
            .contributions(rows.row(0), 0, 1)
            .iter()
            .map(|(_, contribution)| contribution)
            .sum();
        assert!((sum + 0.1 - (found[[0, 0]] - found[[0, 1]])).abs() < 1e-12);
    }

    #[test]
    fn a_row_as_it_comes_has_the_scores_of_a_row_that_is_kept() {
        let text = "A boat waits by a boat\n\nRead more\n\nNothing known".to_owned();
        let segmented = segment(&Page::from_text("-", text, Some(PageKind::Text)).unwrap(), Split::Auto);
        let vocabulary = Vocabulary::new(["word=boat", "word=read", "length=3", "word=read more", "word=by"]);
        let vectorizer = Vectorizer::new(Recipe::default()).unwrap();
        let kept = vectorizer.transform(&segmented, &vocabulary).rows;
        assert!(kept.entries() >= 4);
        for labels in [2, 3, 4, 6] {
            let weights = (0..5 * labels).map(|at| (at * 7 % 11) as f32 - 5.0).collect();
            let model = NgramModel::new(weights, vec![0.5; labels]);
            let wanted = model.log_probabilities(&kept);
            let mut row_number = 0;
            vectorizer.for_each_row(&segmented, &vocabulary, |row| {
                let mut found = vec![0.0; labels];
                model.row_log_probabilities(row, &mut found);
                for (found, wanted) in found.iter().zip(wanted.row(row_number)) {
                    assert!(
                        (found - wanted).abs() < 1e-5,
                        "{labels} labels, row {row_number}: {found} {wanted}"
                    );
                }
                row_number += 1;
            });
            assert_eq!(row_number, 3);
        }
    }

    #[test]
    fn huge_scores_stay_finite() {
        let mut scores = [1e5, -1e5, 0.0];
        log_softmax(&mut scores);
        assert!(scores.iter().all(|score| score.is_finite() && *score <= 0.0));
    }
}
