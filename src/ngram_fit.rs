//! Sparse rows and their gold labels to an n-gram model: multinomial logistic regression, solved by L-BFGS.
//!
//! The penalty multiplies |W|^2 / 2 against the SUM of losses, and the gradient is that of the MEAN.

use crate::error::{Error, Result};
use crate::label::MOST_LABELS;
use crate::ngram_model::{NgramModel, log_softmax};
use crate::vectorizer::SparseMatrix;
use crate::vocabulary::Vocabulary;
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use half::f16;
use ndarray::Array1;
use rayon::prelude::*;
use std::sync::Mutex;

/// When a fit ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Norm of the gradient of the mean loss at which it has converged, each weight in units of its curvature (the square root of
    /// rows / (penalty + a quarter of the column's sum of squares)).
    pub tolerance: f64,
    /// Most iterations.
    pub max_iterations: u64,
    /// Whether a fit that stopped before it converged is taken all the same.
    pub allow_early_stop: bool,
}

/// Parts into which the rows are cut for parallel work; fixed, so that sums do not depend on the number of threads.
const CHUNKS: usize = 8;

/// Columns whose gradients are put together by one thread (chosen).
const COLUMNS_TOGETHER: usize = 4096;

/// The largest second derivative of the logistic loss by a score: p (1 - p) at p = 1/2.
const STEEPEST: f64 = 0.25;

/// Corrections that L-BFGS remembers (as linfa-logistic).
const MEMORY: usize = 10;

/// Multinomial logistic loss with L2 penalty on sparse rows: mean over rows of the weighted loss, plus penalty / rows * |W|^2 / 2.
/// Parameters are the weights, row-major with shape (columns, labels), then the intercepts, which are not penalised.
pub struct SoftmaxProblem<'a> {
    rows: &'a SparseMatrix,
    gold: &'a [u8],
    class_weights: &'a [f64],
    columns: usize,
    penalty: f64,
    /// By column and for the intercepts as the last entry: the solver's variables are the weights divided by this.
    scales: Vec<f64>,
    last: Mutex<Option<Evaluated>>,
    /// Memory of gradients of parts of the rows.
    spare: Mutex<Vec<Vec<f64>>>,
}

/// Loss and gradient at the parameters that were asked for last: the solver asks for the two one after the other.
struct Evaluated {
    parameters: Array1<f64>,
    loss: f64,
    gradient: Array1<f64>,
}

/// What a fit gives.
pub struct Fitted {
    /// Row-major with shape (columns, labels), then the intercepts.
    pub weights: Vec<f64>,
    /// Iterations made.
    pub iterations: u64,
    /// Norm of the gradient of the mean loss at the weights.
    pub gradient_norm: f64,
}

impl<'a> SoftmaxProblem<'a> {
    /// The problem of these rows with their gold labels and a weight for each label.
    ///
    /// # Panics
    /// When there is not a label for each row.
    pub fn new(rows: &'a SparseMatrix, gold: &'a [u8], class_weights: &'a [f64], columns: usize, penalty: f64) -> Self {
        assert_eq!(rows.rows(), gold.len(), "a label for each row");
        let mut curvatures = vec![penalty; columns];
        for row in 0..rows.rows() {
            let (columns, values) = rows.row(row);
            for (column, value) in columns.iter().zip(values) {
                curvatures[*column as usize] += STEEPEST * f64::from(*value) * f64::from(*value);
            }
        }
        curvatures.push(STEEPEST * rows.rows().max(1) as f64);
        let scales = curvatures
            .into_iter()
            .map(|curvature| (rows.rows().max(1) as f64 / curvature).sqrt())
            .collect();
        Self {
            rows,
            gold,
            class_weights,
            columns,
            penalty,
            scales,
            last: Mutex::new(None),
            spare: Mutex::default(),
        }
    }

    /// The weights and intercepts that the solver's variables stand for.
    fn unscaled(&self, variables: &Array1<f64>) -> Vec<f64> {
        let mut weights = variables.to_vec();
        for (weights, scale) in weights.chunks_exact_mut(self.labels()).zip(&self.scales) {
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        weights
    }

    fn labels(&self) -> usize {
        self.class_weights.len()
    }

    /// Finds the weights.
    ///
    /// # Errors
    /// [`Error::NotConverged`] when it ended too early and that is not allowed; [`Error::Optimizer`].
    pub fn solve(&self, stop: Stop) -> Result<Fitted> {
        let failed = |problem: String| Error::Optimizer {
            model: "n-gram model",
            problem,
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(stop.tolerance)
            .and_then(|solver| solver.with_tolerance_cost(0.0))
            .map_err(|error| failed(error.to_string()))?;
        let start = Array1::zeros((self.columns + 1) * self.labels());
        let result = Executor::new(self, solver)
            .configure(|state| state.param(start).max_iters(stop.max_iterations))
            .run()
            .map_err(|error| failed(error.to_string()))?;
        let state = result.state();
        let iterations = state.get_iter();
        let weights = state
            .get_best_param()
            .cloned()
            .ok_or_else(|| failed("no step was made".to_owned()))?;
        let gradient_norm = self.evaluate(&weights).1.mapv(|value| value * value).sum().sqrt();
        if gradient_norm > stop.tolerance && !stop.allow_early_stop {
            return Err(Error::NotConverged {
                model: "n-gram model",
                iterations,
                gradient_norm,
                tolerance: stop.tolerance,
            });
        }
        Ok(Fitted {
            weights: self.unscaled(&weights),
            iterations,
            gradient_norm,
        })
    }

    /// Loss and gradient at the solver's `variables`.
    fn evaluate(&self, variables: &Array1<f64>) -> (f64, Array1<f64>) {
        let flat = &self.unscaled(variables);
        let chunk_rows = self.rows.rows().div_ceil(CHUNKS).max(1);
        let parts: Vec<(f64, Vec<f64>)> = (0..CHUNKS)
            .into_par_iter()
            .map(|chunk| {
                let rows = (chunk * chunk_rows).min(self.rows.rows())..((chunk + 1) * chunk_rows).min(self.rows.rows());
                match self.labels() {
                    2 => self.pass::<2>(flat, rows),
                    3 => self.pass::<3>(flat, rows),
                    4 => self.pass::<4>(flat, rows),
                    5 => self.pass::<5>(flat, rows),
                    6..=8 => self.pass::<8>(flat, rows),
                    9..=16 => self.pass::<16>(flat, rows),
                    _ => self.pass::<{ MOST_LABELS }>(flat, rows),
                }
            })
            .collect();
        let scale = 1.0 / self.rows.rows().max(1) as f64;
        let labels = self.labels();
        let weights = self.columns * labels;
        let mut gradient = vec![0.0; flat.len()];
        gradient
            .par_chunks_mut(COLUMNS_TOGETHER * labels)
            .enumerate()
            .for_each(|(part, gradient)| {
                let first = part * COLUMNS_TOGETHER;
                let own = first * labels..first * labels + gradient.len();
                for (_, of_rows) in &parts {
                    for (sum, value) in gradient.iter_mut().zip(&of_rows[own.clone()]) {
                        *sum += value;
                    }
                }
                let columns = gradient.chunks_exact_mut(labels).zip(flat[own].chunks_exact(labels));
                for ((gradient, flat), column) in columns.zip(first..) {
                    let penalty = if column < self.columns { self.penalty } else { 0.0 };
                    for (value, weight) in gradient.iter_mut().zip(flat) {
                        *value = (*value + penalty * weight) * scale * self.scales[column];
                    }
                }
            });
        let mut spare = self.spare.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (losses, gradients): (Vec<f64>, Vec<Vec<f64>>) = parts.into_iter().unzip();
        spare.extend(gradients);
        drop(spare);
        let squares: f64 = flat[..weights].iter().map(|weight| weight * weight).sum();
        let loss: f64 = losses.iter().sum();
        (
            (loss + 0.5 * self.penalty * squares) * scale,
            Array1::from_vec(gradient),
        )
    }

    /// As many zeros, in memory that was used before if there is some: the gradient of each part of the rows is as large as the model.
    fn zeros(&self, count: usize) -> Vec<f64> {
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop();
        let mut zeros = spare.unwrap_or_default();
        zeros.clear();
        zeros.resize(count, 0.0);
        zeros
    }

    /// Sum of losses and of their gradients over some rows; `L` is at least the number of labels.
    fn pass<const L: usize>(&self, parameters: &[f64], rows: std::ops::Range<usize>) -> (f64, Vec<f64>) {
        let labels = self.labels();
        let exact = labels == L;
        let mut gradient = self.zeros(parameters.len());
        let mut loss = 0.0;
        let intercept = self.columns * labels;
        for row in rows {
            let (columns, values) = self.rows.row(row);
            let mut scores = [0.0f64; L];
            scores[..labels].copy_from_slice(&parameters[intercept..]);
            for (column, value) in columns.iter().zip(values) {
                let value = f64::from(*value);
                let start = *column as usize * labels;
                if exact {
                    let weights: &[f64; L] = parameters[start..].first_chunk().unwrap_or(&[0.0; L]);
                    for label in 0..L {
                        scores[label] += value * weights[label];
                    }
                } else {
                    for (score, weight) in scores.iter_mut().zip(&parameters[start..start + labels]) {
                        *score += value * weight;
                    }
                }
            }
            log_softmax(&mut scores[..labels]);
            let gold = usize::from(self.gold[row]);
            let weight = self.class_weights[gold];
            loss -= weight * scores[gold];
            let mut errors = [0.0f64; L];
            for label in 0..labels {
                errors[label] = weight * (scores[label].exp() - f64::from(u8::from(label == gold)));
            }
            for (column, value) in columns.iter().zip(values) {
                let value = f64::from(*value);
                let start = *column as usize * labels;
                if exact && let Some(sums) = gradient[start..].first_chunk_mut::<L>() {
                    for label in 0..L {
                        sums[label] += value * errors[label];
                    }
                } else {
                    for (sum, error) in gradient[start..start + labels].iter_mut().zip(&errors) {
                        *sum += value * error;
                    }
                }
            }
            for (sum, error) in gradient[intercept..].iter_mut().zip(&errors) {
                *sum += error;
            }
        }
        (loss, gradient)
    }

    /// The columns that move scores most, in order of their number: by the sum over rows of the squared distance by which the
    /// column moves the scores from their mean.
    fn strongest(&self, weights: &[f64], most: usize) -> Vec<usize> {
        let labels = self.labels();
        let mut squares = vec![0.0f64; self.columns];
        for row in 0..self.rows.rows() {
            let (columns, values) = self.rows.row(row);
            for (column, value) in columns.iter().zip(values) {
                squares[*column as usize] += f64::from(*value) * f64::from(*value);
            }
        }
        let mut ranked: Vec<(f64, usize)> = squares
            .iter()
            .enumerate()
            .map(|(column, square)| {
                let weights = &weights[column * labels..(column + 1) * labels];
                let mean = weights.iter().sum::<f64>() / labels as f64;
                (
                    square * weights.iter().map(|weight| (weight - mean).powi(2)).sum::<f64>(),
                    column,
                )
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut kept: Vec<usize> = ranked.into_iter().take(most).map(|(_, column)| column).collect();
        kept.sort_unstable();
        kept
    }

    /// The model of a fit with the columns that move scores most, `most` of them at the most; `spelling` gives that of a column, and
    /// `factor` what its values were multiplied by for the fit. The weights are in half precision, as in a model file, so that a
    /// model that was just trained scores as a saved one does.
    pub fn model<'s>(
        &self,
        fitted: &Fitted,
        most: usize,
        spelling: impl Fn(usize) -> &'s str,
        factor: impl Fn(usize) -> f64,
    ) -> (Vocabulary, NgramModel) {
        let labels = self.labels();
        let kept = self.strongest(&fitted.weights, most);
        let mut named: Vec<(&str, usize)> = kept.into_iter().map(|column| (spelling(column), column)).collect();
        named.sort_unstable();
        let weights = named
            .iter()
            .flat_map(|(_, column)| {
                let weights = &fitted.weights[column * labels..(column + 1) * labels];
                weights.iter().map(|weight| weight * factor(*column))
            })
            .map(|weight| f16::from_f64(weight).to_f32())
            .collect();
        let intercept = fitted.weights[self.columns * labels..].to_vec();
        let vocabulary = Vocabulary::new(named.iter().map(|(spelling, _)| *spelling));
        (vocabulary, NgramModel::new(weights, intercept))
    }

    fn at<T>(&self, parameters: &Array1<f64>, read: impl Fn(&Evaluated) -> T) -> T {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(evaluated) = last.as_ref().filter(|evaluated| evaluated.parameters == parameters) {
            return read(evaluated);
        }
        let (loss, gradient) = self.evaluate(parameters);
        read(last.insert(Evaluated {
            parameters: parameters.clone(),
            loss,
            gradient,
        }))
    }
}

impl CostFunction for &SoftmaxProblem<'_> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Self::Param) -> std::result::Result<f64, argmin::core::Error> {
        Ok(self.at(parameters, |evaluated| evaluated.loss))
    }
}

impl Gradient for &SoftmaxProblem<'_> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, parameters: &Self::Param) -> std::result::Result<Self::Gradient, argmin::core::Error> {
        Ok(self.at(parameters, |evaluated| evaluated.gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::traits::Fit;
    use linfa_logistic::MultiLogisticRegression;
    use ndarray::Array2;

    const LABELS: usize = 3;

    fn small_problem() -> (SparseMatrix, Vec<u8>) {
        let mut rows = SparseMatrix::new();
        let mut gold = Vec::new();
        let mut random = crate::evaluate::SplitMix(3);
        for n in 0..60u8 {
            let label = n % 3;
            let noisy = if random.chance(0.2) { (label + 1) % 3 } else { label };
            let first = u32::from(noisy);
            rows.push([(first, 0.6f32), (3 + random.below(4) as u32, 0.5)].into_iter());
            gold.push(label);
        }
        (rows, gold)
    }

    fn stop() -> Stop {
        Stop {
            tolerance: 1e-6,
            max_iterations: 300,
            allow_early_stop: false,
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (rows, gold) = small_problem();
        let weights = [1.0, 2.0, 0.5];
        let problem = SoftmaxProblem::new(&rows, &gold, &weights, 7, 0.5);
        let at = Array1::from_iter((0..8 * LABELS).map(|n| (n as f64 * 0.7).sin() * 0.01));
        let (_, gradient) = problem.evaluate(&at);
        for n in 0..at.len() {
            let loss = |by: f64| {
                let mut moved = at.clone();
                moved[n] += by;
                problem.evaluate(&moved).0
            };
            let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!((slope - gradient[n]).abs() < 1e-6, "{n}: {slope} {}", gradient[n]);
        }
    }

    #[test]
    fn sparse_and_linfa_fits_agree() {
        // the same objective, so the same minimum: our sparse solver against linfa-logistic on the dense rows
        let (rows, gold) = small_problem();
        let problem = SoftmaxProblem::new(&rows, &gold, &[1.0; LABELS], 7, 0.5);
        let fitted = problem.solve(stop()).unwrap();
        let mut dense = Array2::<f64>::zeros((rows.rows(), 7));
        for row in 0..rows.rows() {
            let (columns, values) = rows.row(row);
            for (column, value) in columns.iter().zip(values) {
                dense[[row, *column as usize]] = f64::from(*value);
            }
        }
        let targets: Array1<usize> = gold.iter().map(|label| usize::from(*label)).collect();
        let linfa = MultiLogisticRegression::default()
            .alpha(0.5)
            .max_iterations(500)
            .gradient_tolerance(1e-9)
            .fit(&linfa::Dataset::new(dense.clone(), targets.clone()))
            .unwrap();
        for column in 0..7 {
            for label in 0..LABELS {
                let ours = fitted.weights[column * LABELS + label];
                let theirs = linfa.params()[[column, label]];
                assert!((ours - theirs).abs() < 1e-4, "{column} {label}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn an_early_stop_is_an_error_unless_allowed() {
        let (rows, gold) = small_problem();
        let problem = SoftmaxProblem::new(&rows, &gold, &[1.0; LABELS], 7, 0.5);
        let early = Stop {
            max_iterations: 1,
            ..stop()
        };
        assert!(matches!(
            problem.solve(early),
            Err(Error::NotConverged { iterations: 1, .. })
        ));
        let allowed = problem
            .solve(Stop {
                allow_early_stop: true,
                ..early
            })
            .unwrap();
        assert!(allowed.gradient_norm > 1e-8);
    }

    #[test]
    fn class_weights_pull_predictions_towards_their_label() {
        let (rows, gold) = small_problem();
        let intercept = |weights: [f64; LABELS]| {
            let problem = SoftmaxProblem::new(&rows, &gold, &weights, 7, 0.5);
            let fitted = problem.solve(stop()).unwrap();
            fitted.weights[7 * LABELS] - fitted.weights[7 * LABELS + 1]
        };
        assert!(intercept([5.0, 1.0, 1.0]) > intercept([1.0, 1.0, 1.0]) + 0.5);
    }

    #[test]
    fn the_strongest_columns_are_those_that_move_scores() {
        let (rows, gold) = small_problem();
        let problem = SoftmaxProblem::new(&rows, &gold, &[1.0; LABELS], 7, 0.5);
        let fitted = problem.solve(stop()).unwrap();
        assert_eq!(problem.strongest(&fitted.weights, 3), [0, 1, 2]);
    }

    #[test]
    fn a_factor_that_values_were_multiplied_by_is_in_the_weights() {
        let (rows, gold) = small_problem();
        let problem = SoftmaxProblem::new(&rows, &gold, &[1.0; LABELS], 7, 0.5);
        let fitted = problem.solve(stop()).unwrap();
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let weight = |factor: f64| {
            problem
                .model(&fitted, 3, |column| names[column], |_| factor)
                .1
                .weights()[0]
        };
        assert_eq!(weight(2.0), 2.0 * weight(1.0));
        let (vocabulary, _) = problem.model(&fitted, 3, |column| names[column], |_| 1.0);
        assert_eq!(vocabulary.spellings().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
