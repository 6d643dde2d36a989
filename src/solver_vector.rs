//! The solver's vectors: numbers that copies share, and a factor, so that each of its sums is one pass over memory.
//!
//! L-BFGS multiplies a vector before nearly every sum and copies it at every step; with vectors as long as the model, that would take
//! longer than the sums. A product is a new factor here, and a copy is a new owner.

use argmin_math::{
    ArgminAdd, ArgminDot, ArgminL1Norm, ArgminL2Norm, ArgminMinMax, ArgminMul, ArgminScaledAdd, ArgminSignum,
    ArgminSub, ArgminZeroLike,
};
use std::ops::{AddAssign, Mul};
use std::sync::Arc;

/// A precision in which numbers are kept and summed.
pub trait Real: Copy + Default + Send + Sync + AddAssign + Mul<Output = Self> + From<f32> + Into<f64> {
    /// The nearest number.
    fn nearest(number: f64) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn nearest(number: f64) -> Self {
        number as f32
    }
}

impl Real for f64 {
    #[inline(always)]
    fn nearest(number: f64) -> Self {
        number
    }
}

/// A vector of any length in precision `R`.
#[derive(Clone, Debug)]
pub struct SolverVector<R> {
    numbers: Arc<Vec<R>>,
    /// What each number is multiplied by.
    factor: f64,
}

/// Sums that are kept apart, so that no addition waits for the one before.
const LANES: usize = 16;

/// Numbers whose products are summed in precision `R`; sums of more of them are made in double precision (chosen).
const SUMMED_TOGETHER: usize = 64 * LANES;

impl<R: Real> SolverVector<R> {
    /// A vector of these numbers.
    pub fn new(numbers: Vec<R>) -> Self {
        Self {
            numbers: Arc::new(numbers),
            factor: 1.0,
        }
    }

    /// The numbers in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = f64> {
        self.numbers.iter().map(|number| (*number).into() * self.factor)
    }

    /// Whether both share their numbers, so that they are equal without a look at them.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.numbers, &other.numbers) && self.factor == other.factor
    }

    /// The vector of what `of` makes of each number.
    fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        Self::new(self.iter().map(|number| R::nearest(of(number))).collect())
    }

    /// The vector of what `of` makes of each two numbers.
    fn zip_with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!(self.numbers.len(), other.numbers.len(), "vectors of one length");
        let pairs = self.iter().zip(other.iter());
        Self::new(pairs.map(|(a, b)| R::nearest(of(a, b))).collect())
    }

    /// This vector and `by` times another one.
    fn plus(&self, by: f64, other: &Self) -> Self {
        assert_eq!(self.numbers.len(), other.numbers.len(), "vectors of one length");
        let (own, others) = (R::nearest(self.factor), R::nearest(by * other.factor));
        let pairs = self.numbers.iter().zip(other.numbers.iter());
        let sum = |(a, b): (&R, &R)| {
            let mut sum = *a * own;
            sum += *b * others;
            sum
        };
        Self::new(pairs.map(sum).collect())
    }
}

impl<R: Real> ArgminDot<Self, f64> for SolverVector<R> {
    fn dot(&self, other: &Self) -> f64 {
        assert_eq!(self.numbers.len(), other.numbers.len(), "vectors of one length");
        let parts = self.numbers.chunks(SUMMED_TOGETHER);
        let parts = parts.zip(other.numbers.chunks(SUMMED_TOGETHER));
        parts.map(|(a, b)| dot_of_part(a, b)).sum::<f64>() * self.factor * other.factor
    }
}

fn dot_of_part<R: Real>(a: &[R], b: &[R]) -> f64 {
    let mut sums = [R::default(); LANES];
    let ((a, a_left), (b, b_left)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_left.iter().zip(b_left)) {
        *sum += *a * *b;
    }
    sums.into_iter().map(Into::into).sum()
}

impl<R: Real> ArgminAdd<Self, Self> for SolverVector<R> {
    fn add(&self, other: &Self) -> Self {
        self.plus(1.0, other)
    }
}

impl<R: Real> ArgminSub<Self, Self> for SolverVector<R> {
    fn sub(&self, other: &Self) -> Self {
        self.plus(-1.0, other)
    }
}

impl<R: Real> ArgminScaledAdd<Self, f64, Self> for SolverVector<R> {
    fn scaled_add(&self, factor: &f64, other: &Self) -> Self {
        self.plus(*factor, other)
    }
}

impl<R: Real> ArgminMul<f64, Self> for SolverVector<R> {
    fn mul(&self, factor: &f64) -> Self {
        Self {
            numbers: Arc::clone(&self.numbers),
            factor: self.factor * factor,
        }
    }
}

impl<R: Real> ArgminL2Norm<f64> for SolverVector<R> {
    fn l2_norm(&self) -> f64 {
        self.dot(self).sqrt()
    }
}

// The rest is what the solver needs for a penalty on absolute values.

impl<R: Real> ArgminAdd<f64, Self> for SolverVector<R> {
    fn add(&self, number: &f64) -> Self {
        self.map(|own| own + number)
    }
}

impl<R: Real> ArgminSub<f64, Self> for SolverVector<R> {
    fn sub(&self, number: &f64) -> Self {
        self.map(|own| own - number)
    }
}

impl<R: Real> ArgminMul<Self, Self> for SolverVector<R> {
    fn mul(&self, other: &Self) -> Self {
        self.zip_with(other, |a, b| a * b)
    }
}

impl<R: Real> ArgminL1Norm<f64> for SolverVector<R> {
    fn l1_norm(&self) -> f64 {
        self.iter().map(f64::abs).sum()
    }
}

impl<R: Real> ArgminSignum for SolverVector<R> {
    fn signum(self) -> Self {
        self.map(f64::signum)
    }
}

impl<R: Real> ArgminZeroLike for SolverVector<R> {
    fn zero_like(&self) -> Self {
        self.map(|_| 0.0)
    }
}

impl<R: Real> ArgminMinMax for SolverVector<R> {
    fn min(x: &Self, y: &Self) -> Self {
        x.zip_with(y, f64::min)
    }

    fn max(x: &Self, y: &Self) -> Self {
        x.zip_with(y, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type V = SolverVector<f64>;

    fn vector(numbers: &[f64], factor: f64) -> V {
        ArgminMul::<f64, V>::mul(&V::new(numbers.to_vec()), &factor)
    }

    fn numbers(vector: V) -> Vec<f64> {
        vector.iter().collect()
    }

    #[test]
    fn a_factor_counts_in_every_operation() {
        let (a, b) = (vector(&[1.0, -2.0, 0.5], 2.0), vector(&[3.0, 1.0, -4.0], -1.0));
        assert_eq!(a.iter().collect::<Vec<_>>(), [2.0, -4.0, 1.0]);
        assert_eq!(a.dot(&b), -6.0 + 4.0 + 4.0);
        assert_eq!(a.l2_norm(), 21f64.sqrt());
        assert_eq!(a.l1_norm(), 7.0);
        assert_eq!(numbers(ArgminAdd::<V, V>::add(&a, &b)), [-1.0, -5.0, 5.0]);
        assert_eq!(numbers(ArgminSub::<V, V>::sub(&a, &b)), [5.0, -3.0, -3.0]);
        assert_eq!(numbers(a.scaled_add(&0.5, &b)), [0.5, -4.5, 3.0]);
        assert_eq!(numbers(ArgminMul::<f64, V>::mul(&a, &3.0)), [6.0, -12.0, 3.0]);
        assert_eq!(numbers(ArgminMul::<V, V>::mul(&a, &b)), [-6.0, 4.0, 4.0]);
        assert_eq!(numbers(ArgminAdd::<f64, V>::add(&a, &1.0)), [3.0, -3.0, 2.0]);
        assert_eq!(numbers(ArgminSub::<f64, V>::sub(&a, &1.0)), [1.0, -5.0, 0.0]);
        assert_eq!(numbers(a.clone().signum()), [1.0, -1.0, 1.0]);
        assert_eq!(numbers(a.zero_like()), [0.0; 3]);
        assert_eq!(numbers(V::min(&a, &b)), [-3.0, -4.0, 1.0]);
        assert_eq!(numbers(V::max(&a, &b)), [2.0, -1.0, 4.0]);
    }

    #[test]
    fn a_copy_is_known_without_a_look_at_its_numbers() {
        let a = vector(&[1.0, 2.0], 1.0);
        assert!(a.clone().is_copy_of(&a));
        assert!(!ArgminMul::<f64, V>::mul(&a, &2.0).is_copy_of(&a));
        assert!(!vector(&[1.0, 2.0], 1.0).is_copy_of(&a));
    }

    #[test]
    fn a_long_sum_in_single_precision_is_as_good_as_its_products() {
        // every length around a whole part, and one where lanes that go on to the end are off by 7e-4
        let lengths = [
            0,
            1,
            LANES,
            LANES + 3,
            SUMMED_TOGETHER - 1,
            SUMMED_TOGETHER,
            SUMMED_TOGETHER + 5,
        ];
        for length in lengths {
            let ones = SolverVector::new(vec![1f32; length]);
            assert_eq!(ones.dot(&ones), length as f64);
        }
        let many = 1 << 20;
        let thirds = SolverVector::new(vec![1f32 / 3.0; many]);
        let exact = f64::from(1f32 / 3.0) * f64::from(1f32 / 3.0) * many as f64;
        assert!((thirds.dot(&thirds) / exact - 1.0).abs() < 1e-6);
    }

    #[test]
    #[should_panic(expected = "vectors of one length")]
    fn vectors_of_two_lengths_have_no_sum() {
        let _ = ArgminAdd::<V, V>::add(&vector(&[1.0], 1.0), &vector(&[1.0, 2.0], 1.0));
    }
}
