//! Sparse rows and their gold labels to an n-gram model: multinomial logistic regression, solved by L-BFGS.
//!
//! The penalty multiplies |W|^2 / 2 against the SUM of losses, and the gradient is that of the MEAN.

use crate::error::{Error, Result};
use crate::label::MOST_LABELS;
use crate::ngram_model::{NgramModel, softmax};
use crate::solver_vector::{Real, SolverVector};
use crate::vectorizer::SparseMatrix;
use crate::vocabulary::Vocabulary;
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use argmin_math::ArgminL2Norm;
use half::f16;
use rayon::prelude::*;
use std::sync::Mutex;

/// When a fit ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Norm of the gradient of the mean loss at which it has converged, each weight in units of its curvature (the square root of
    /// rows / (penalty + a quarter of the column's sum of squares)). From 1e-3 on, single precision is used.
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

/// The least tolerance for which sums over rows are made, and the solver's vectors kept, in single precision (chosen: it is far above what
/// such sums are off by, and what a pass over the rows or over a vector waits for takes half the room in the cache).
const SINGLE_PRECISION: f64 = 1e-3;

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
}

/// A problem as the solver asks for it, with sums over rows in precision `R`.
struct Objective<'p, R> {
    problem: &'p SoftmaxProblem<'p>,
    last: Mutex<Option<Evaluated<R>>>,
    /// Memory of gradients of parts of the rows.
    spare: Mutex<Vec<Vec<R>>>,
}

/// Loss and gradient at the parameters that were asked for last: the solver asks for the two one after the other.
struct Evaluated<R> {
    variables: SolverVector<R>,
    loss: f64,
    gradient: SolverVector<R>,
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
        }
    }

    /// The weights and intercepts that the solver's variables stand for.
    fn unscaled<R: Real>(&self, variables: &SolverVector<R>) -> Vec<R> {
        let scales = self
            .scales
            .iter()
            .flat_map(|scale| std::iter::repeat_n(*scale, self.labels()));
        let weights = variables.iter().zip(scales);
        weights.map(|(variable, scale)| R::nearest(variable * scale)).collect()
    }

    fn labels(&self) -> usize {
        self.class_weights.len()
    }

    /// Finds the weights.
    ///
    /// # Errors
    /// [`Error::NotConverged`] when it ended too early and that is not allowed; [`Error::Optimizer`].
    pub fn solve(&self, stop: Stop) -> Result<Fitted> {
        if stop.tolerance >= SINGLE_PRECISION {
            self.solve_in::<f32>(stop)
        } else {
            self.solve_in::<f64>(stop)
        }
    }

    fn solve_in<R: Real>(&self, stop: Stop) -> Result<Fitted> {
        let failed = |problem: String| Error::Optimizer {
            model: "n-gram model",
            problem,
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(stop.tolerance)
            .and_then(|solver| solver.with_tolerance_cost(0.0))
            .map_err(|error| failed(error.to_string()))?;
        let start = SolverVector::new(vec![R::default(); (self.columns + 1) * self.labels()]);
        let objective = Objective::<R>::new(self);
        let result = Executor::new(&objective, solver)
            .configure(|state| state.param(start).max_iters(stop.max_iterations))
            .run()
            .map_err(|error| failed(error.to_string()))?;
        let state = result.state();
        let iterations = state.get_iter();
        let weights = state
            .get_best_param()
            .cloned()
            .ok_or_else(|| failed("no step was made".to_owned()))?;
        let gradient_norm = objective.evaluate(&weights).1.l2_norm();
        if gradient_norm > stop.tolerance && !stop.allow_early_stop {
            return Err(Error::NotConverged {
                model: "n-gram model",
                iterations,
                gradient_norm,
                tolerance: stop.tolerance,
            });
        }
        Ok(Fitted {
            weights: self.unscaled(&weights).into_iter().map(Into::into).collect(),
            iterations,
            gradient_norm,
        })
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
}

impl<'p, R: Real> Objective<'p, R> {
    fn new(problem: &'p SoftmaxProblem<'p>) -> Self {
        Self {
            problem,
            last: Mutex::new(None),
            spare: Mutex::default(),
        }
    }

    /// Loss and gradient at the solver's `variables`.
    fn evaluate(&self, variables: &SolverVector<R>) -> (f64, SolverVector<R>) {
        let problem = self.problem;
        let flat: &Vec<R> = &problem.unscaled(variables);
        let chunk_rows = problem.rows.rows().div_ceil(CHUNKS).max(1);
        let parts: Vec<(f64, Vec<R>)> = (0..CHUNKS)
            .into_par_iter()
            .map(|chunk| {
                let rows =
                    (chunk * chunk_rows).min(problem.rows.rows())..((chunk + 1) * chunk_rows).min(problem.rows.rows());
                match problem.labels() {
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
        let scale = 1.0 / problem.rows.rows().max(1) as f64;
        let labels = problem.labels();
        let weights = problem.columns * labels;
        let mut gradient = vec![R::default(); flat.len()];
        gradient
            .par_chunks_mut(COLUMNS_TOGETHER * labels)
            .enumerate()
            .for_each(|(part, gradient)| {
                let first = part * COLUMNS_TOGETHER;
                let own = first * labels..first * labels + gradient.len();
                let mut sums = vec![0.0; gradient.len()];
                for (_, of_rows) in &parts {
                    for (sum, value) in sums.iter_mut().zip(&of_rows[own.clone()]) {
                        *sum += (*value).into();
                    }
                }
                let columns = gradient.chunks_exact_mut(labels).zip(sums.chunks_exact(labels));
                for (((gradient, sums), flat), column) in columns.zip(flat[own].chunks_exact(labels)).zip(first..) {
                    let penalty = if column < problem.columns { problem.penalty } else { 0.0 };
                    for ((value, sum), weight) in gradient.iter_mut().zip(sums).zip(flat) {
                        *value = R::nearest((sum + penalty * (*weight).into()) * scale * problem.scales[column]);
                    }
                }
            });
        let mut spare = self.spare.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (losses, gradients): (Vec<f64>, Vec<Vec<R>>) = parts.into_iter().unzip();
        spare.extend(gradients);
        drop(spare);
        let squares: f64 = flat[..weights].iter().map(|weight| (*weight).into().powi(2)).sum();
        let loss: f64 = losses.iter().sum();
        (
            (loss + 0.5 * problem.penalty * squares) * scale,
            SolverVector::new(gradient),
        )
    }

    /// As many zeros, in memory that was used before if there is some: the gradient of each part of the rows is as large as the model.
    fn zeros(&self, count: usize) -> Vec<R> {
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop();
        let mut zeros = spare.unwrap_or_default();
        zeros.clear();
        zeros.resize(count, R::default());
        zeros
    }

    /// Sum of losses and of their gradients over some rows; `L` is at least the number of labels.
    fn pass<const L: usize>(&self, parameters: &[R], rows: std::ops::Range<usize>) -> (f64, Vec<R>) {
        let problem = self.problem;
        let labels = problem.labels();
        let exact = labels == L;
        let mut gradient = self.zeros(parameters.len());
        let mut loss = 0.0;
        let (weights, intercepts) = parameters.split_at(problem.columns * labels);
        let mut by_intercepts = [0.0; L];
        for row in rows {
            let (columns, values) = problem.rows.row(row);
            let mut sums = [R::default(); L];
            if exact {
                sums = product(weights.as_chunks().0, columns, values);
            } else {
                for (column, value) in columns.iter().zip(values) {
                    let weights = &weights[*column as usize * labels..][..labels];
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += R::from(*value) * *weight;
                    }
                }
            }
            let mut scores = [0.0; L];
            for ((score, sum), intercept) in scores.iter_mut().zip(sums).zip(intercepts) {
                *score = sum.into() + (*intercept).into();
            }
            let scores = &mut scores[..labels];
            let gold = usize::from(problem.gold[row]);
            let weight = problem.class_weights[gold];
            let gold_score = scores[gold];
            let norm = softmax(scores);
            loss += weight * (norm - gold_score);
            scores[gold] -= 1.0;
            let mut errors = [R::default(); L];
            for (label, difference) in scores.iter().enumerate() {
                let error = weight * difference;
                by_intercepts[label] += error;
                errors[label] = R::nearest(error);
            }
            for (column, value) in columns.iter().zip(values) {
                let value = R::from(*value);
                if exact {
                    let sums = &mut gradient.as_chunks_mut::<L>().0[*column as usize];
                    for label in 0..L {
                        sums[label] += value * errors[label];
                    }
                } else {
                    let sums = &mut gradient[*column as usize * labels..][..labels];
                    for (sum, error) in sums.iter_mut().zip(&errors) {
                        *sum += value * *error;
                    }
                }
            }
        }
        let last = gradient.len() - labels;
        for (sum, by_intercept) in gradient[last..].iter_mut().zip(by_intercepts) {
            *sum = R::nearest(by_intercept);
        }
        (loss, gradient)
    }

    fn at<T>(&self, variables: &SolverVector<R>, read: impl Fn(&Evaluated<R>) -> T) -> T {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(evaluated) = last
            .as_ref()
            .filter(|evaluated| evaluated.variables.is_copy_of(variables))
        {
            return read(evaluated);
        }
        let (loss, gradient) = self.evaluate(variables);
        read(last.insert(Evaluated {
            variables: variables.clone(),
            loss,
            gradient,
        }))
    }
}

/// The sum of some rows of weights, each times its value. Four sums are kept apart, so that no addition waits for the one before.
#[inline(always)]
fn product<R: Real, const L: usize>(weights: &[[R; L]], columns: &[u32], values: &[f32]) -> [R; L] {
    let add = |sum: &mut [R; L], column: u32, value: f32| {
        let weights = &weights[column as usize];
        for label in 0..L {
            sum[label] += R::from(value) * weights[label];
        }
    };
    let mut sums = [[R::default(); L]; 4];
    let (columns, columns_left) = columns.as_chunks::<4>();
    let (values, values_left) = values.as_chunks::<4>();
    for (columns, values) in columns.iter().zip(values) {
        for part in 0..4 {
            add(&mut sums[part], columns[part], values[part]);
        }
    }
    let [mut sum, ..] = sums;
    for (column, value) in columns_left.iter().zip(values_left) {
        add(&mut sum, *column, *value);
    }
    for other in &sums[1..] {
        for label in 0..L {
            sum[label] += other[label];
        }
    }
    sum
}

impl<R: Real> CostFunction for &Objective<'_, R> {
    type Param = SolverVector<R>;
    type Output = f64;

    fn cost(&self, variables: &Self::Param) -> std::result::Result<f64, argmin::core::Error> {
        Ok(self.at(variables, |evaluated| evaluated.loss))
    }
}

impl<R: Real> Gradient for &Objective<'_, R> {
    type Param = SolverVector<R>;
    type Gradient = SolverVector<R>;

    fn gradient(&self, variables: &Self::Param) -> std::result::Result<Self::Gradient, argmin::core::Error> {
        Ok(self.at(variables, |evaluated| evaluated.gradient.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::traits::Fit;
    use linfa_logistic::MultiLogisticRegression;
    use ndarray::{Array1, Array2};

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

    /// Rows of one to seven entries in all columns.
    fn rows_of_all_lengths() -> (SparseMatrix, Vec<u8>) {
        let mut rows = SparseMatrix::new();
        for n in 0..21u32 {
            rows.push((0..1 + n % 7).map(|at| ((n + 3 * at) % 7, 0.3 + 0.1 * at as f32)));
        }
        (rows, (0..21).map(|n| n % 3).collect())
    }

    /// Numbers of labels that have code of their own, and one more.
    const LABEL_COUNTS: [usize; 5] = [3, 4, 5, 6, 17];

    fn somewhere(labels: usize) -> Vec<f64> {
        (0..8 * labels).map(|n| (n as f64 * 0.7).sin() * 0.01).collect()
    }

    /// Loss and gradient.
    fn evaluated<R: Real>(problem: &SoftmaxProblem<'_>, at: &[f64]) -> (f64, Vec<f64>) {
        let at = SolverVector::new(at.iter().map(|number| R::nearest(*number)).collect());
        let (loss, gradient) = Objective::<R>::new(problem).evaluate(&at);
        (loss, gradient.iter().collect())
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (rows, gold) = rows_of_all_lengths();
        for labels in LABEL_COUNTS {
            let weights: Vec<f64> = (0..labels).map(|label| 0.5 + label as f64 * 0.5).collect();
            let problem = SoftmaxProblem::new(&rows, &gold, &weights, 7, 0.5);
            let at = somewhere(labels);
            let (_, gradient) = evaluated::<f64>(&problem, &at);
            for n in 0..at.len() {
                let loss = |by: f64| {
                    let mut moved = at.clone();
                    moved[n] += by;
                    evaluated::<f64>(&problem, &moved).0
                };
                let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!(
                    (slope - gradient[n]).abs() < 1e-6,
                    "{labels} {n}: {slope} {}",
                    gradient[n]
                );
            }
        }
    }

    #[test]
    fn loss_and_gradient_are_nearly_the_same_in_single_precision() {
        let (rows, gold) = rows_of_all_lengths();
        for labels in LABEL_COUNTS {
            let weights = vec![1.5; labels];
            let problem = SoftmaxProblem::new(&rows, &gold, &weights, 7, 0.5);
            let (loss, gradient) = evaluated::<f64>(&problem, &somewhere(labels));
            let (nearly_loss, nearly) = evaluated::<f32>(&problem, &somewhere(labels));
            assert!((loss - nearly_loss).abs() < 1e-6, "{loss} {nearly_loss}");
            let differences = gradient
                .iter()
                .zip(&nearly)
                .map(|(exact, nearly)| (exact - nearly).abs());
            let largest = differences.fold(0.0, f64::max);
            assert!(largest > 0.0 && largest < 1e-6, "another precision: {largest}");
        }
    }

    #[test]
    fn a_loose_tolerance_gives_nearly_the_weights_of_a_tight_one() {
        let (rows, gold) = small_problem();
        let problem = SoftmaxProblem::new(&rows, &gold, &[1.0; LABELS], 7, 0.5);
        let tight = problem.solve(stop()).unwrap();
        let loose = problem
            .solve(Stop {
                tolerance: SINGLE_PRECISION,
                ..stop()
            })
            .unwrap();
        assert!(loose.iterations < tight.iterations);
        for (loose, tight) in loose.weights.iter().zip(&tight.weights) {
            assert!((loose - tight).abs() < 0.02, "{loose} {tight}");
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
