//! Numbers of a page's blocks to numbers that know the blocks around: a small residual network of dilated convolutions.
//!
//! The blocks of a page are its one dimension, and beyond the page everything is zero. All units are rectified, so that for one page
//! the network is a sum of its inputs with fixed factors, which is what [`Network::backward`] finds and an explanation adds up.
//! (Dilated residual convolutions over a sequence: Bai, Kolter and Koltun 2018, "An Empirical Evaluation of Generic Convolutional
//! and Recurrent Networks for Sequence Modeling", here without causality.) The sums of one unit are added in the same order whatever the
//! width of the machine's vectors; where it has fused products and sums, as all but old ones have, they are used, so that other machines
//! can find numbers that differ in the last bits.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, f32x16};

/// Units of each layer. Fixed, so that the sums over them stay in registers. (On the labelled pages, 3 of 5 folds by site, 24, 32, 48
/// and 64 units were tried; `models/README.md`.)
pub const UNITS: usize = 32;

/// Distance in blocks between the taps of each layer: with three taps a layer, a block is seen in the light of 15 on both sides.
pub const DILATIONS: [usize; 4] = [1, 2, 4, 8];

/// The taps of a convolution: a block before, the block itself, a block after.
pub const TAPS: usize = 3;

/// One row of units.
pub type Units = [f32; UNITS];

/// The weights of a network; also the gradient of a loss by them.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Of the first layer, shape (inputs, units).
    pub first: Vec<Units>,
    /// One for each unit of the first layer.
    pub first_bias: Units,
    /// The convolutions, one for each of [`DILATIONS`].
    pub layers: Vec<Convolution>,
}

/// One convolution: `h + max(0, bias + sum over taps of h at the tap, times weights)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// By tap, shape (units in, units out).
    pub taps: [Vec<Units>; TAPS],
    /// One for each unit.
    pub bias: Units,
}

/// What the network makes of a page, layer by layer.
#[derive(Clone, Debug)]
pub struct Activations {
    /// The rectified first layer, shape (blocks, units).
    first: Vec<Units>,
    /// What each convolution adds, shape (blocks, units).
    added: Vec<Vec<Units>>,
    /// What each convolution was given, shape (blocks, units); empty unless it is kept for [`Network::backward`].
    given: Vec<Vec<Units>>,
    /// What comes out, shape (blocks, units).
    pub last: Vec<Units>,
}

const NOTHING: Units = [0.0; UNITS];

/// Rows of zeros on both sides of a page, for the taps that reach beyond it; the last layer reaches farthest.
const BEYOND: usize = DILATIONS[DILATIONS.len() - 1];

impl Convolution {
    fn zero() -> Self {
        Self {
            taps: std::array::from_fn(|_| vec![NOTHING; UNITS]),
            bias: NOTHING,
        }
    }
}

impl Network {
    /// A network of zeros.
    pub fn zero(inputs: usize) -> Self {
        Self {
            first: vec![NOTHING; inputs],
            first_bias: NOTHING,
            layers: DILATIONS.iter().map(|_| Convolution::zero()).collect(),
        }
    }

    /// Number of inputs of a block.
    pub fn inputs(&self) -> usize {
        self.first.len()
    }

    /// All weights, part by part, always in the same order.
    pub fn parts(&self) -> Vec<&[f32]> {
        let mut parts = vec![self.first.as_flattened(), &self.first_bias[..]];
        for layer in &self.layers {
            parts.extend(layer.taps.iter().map(|tap| tap.as_flattened()));
            parts.push(&layer.bias);
        }
        parts
    }

    /// The same parts in the same order, to be changed.
    pub fn parts_mut(&mut self) -> Vec<&mut [f32]> {
        let mut parts = vec![self.first.as_flattened_mut(), &mut self.first_bias[..]];
        for layer in &mut self.layers {
            parts.extend(layer.taps.iter_mut().map(|tap| tap.as_flattened_mut()));
            parts.push(&mut layer.bias);
        }
        parts
    }

    /// What comes out for each block, shape (blocks, units), from inputs of shape (blocks, inputs), row-major.
    ///
    /// # Panics
    /// When the inputs are no rows of [`Network::inputs`] numbers.
    pub fn forward(&self, inputs: &[f32]) -> Vec<Units> {
        self.run(inputs, false).last
    }

    /// The same with everything that [`Network::backward`] needs.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn activations(&self, inputs: &[f32]) -> Activations {
        self.run(inputs, true)
    }

    fn run(&self, inputs: &[f32], keep: bool) -> Activations {
        assert!(
            self.inputs() > 0 && inputs.len().is_multiple_of(self.inputs()),
            "rows of {} inputs",
            self.inputs()
        );
        dispatch!(Level::new(), simd => self.run_with(simd, inputs, keep))
    }

    #[inline(always)]
    fn run_with<S: Simd>(&self, simd: S, inputs: &[f32], keep: bool) -> Activations {
        let blocks = inputs.len() / self.inputs();
        let page = BEYOND..BEYOND + blocks;
        let mut hidden = vec![NOTHING; page.end + BEYOND];
        let mut next = hidden.clone();
        let weights = &self.first[..used_inputs(inputs, self.inputs())];
        let of_inputs = |block: usize| [(&inputs[block * self.inputs()..][..weights.len()], weights)];
        products(simd, &self.first_bias, None, &mut hidden[page.clone()], of_inputs);
        let mut activations = Activations {
            first: if keep {
                hidden[page.clone()].to_vec()
            } else {
                Vec::new()
            },
            added: Vec::new(),
            given: Vec::new(),
            last: Vec::new(),
        };
        for (layer, dilation) in self.layers.iter().zip(DILATIONS) {
            let taps: [(usize, &[Units]); TAPS] =
                std::array::from_fn(|tap| (BEYOND + tap * dilation - dilation, &layer.taps[tap][..UNITS]));
            let of_hidden = |block: usize| taps.map(|(from, weights)| (&hidden[block + from][..], weights));
            let given = &hidden[page.clone()];
            if keep {
                let mut added = vec![NOTHING; blocks];
                products(simd, &layer.bias, None, &mut added, of_hidden);
                activations.given.push(given.to_vec());
                for ((units, given), added) in next[page.clone()].iter_mut().zip(given).zip(&added) {
                    *units = *given;
                    add(units, added);
                }
                activations.added.push(added);
            } else {
                products(simd, &layer.bias, Some(given), &mut next[page.clone()], of_hidden);
            }
            std::mem::swap(&mut hidden, &mut next);
        }
        activations.last = hidden[page].to_vec();
        activations
    }

    /// The gradient by the first layer's sums, shape (blocks, units), from the gradient by what comes out, of the same shape; adds the
    /// gradient by the weights to `gradient` if there is one.
    ///
    /// # Panics
    /// When the activations are not those of these inputs.
    pub fn backward(
        &self,
        inputs: &[f32],
        activations: &Activations,
        by_units: Vec<Units>,
        gradient: Option<&mut Self>,
    ) -> Vec<Units> {
        let blocks = activations.last.len();
        assert_eq!(activations.added.len(), self.layers.len(), "activations that were kept");
        assert_eq!(
            (by_units.len(), inputs.len()),
            (blocks, blocks * self.inputs()),
            "the same page"
        );
        dispatch!(Level::new(), simd => self.backward_with(simd, inputs, activations, by_units, gradient))
    }

    #[inline(always)]
    fn backward_with<S: Simd>(
        &self,
        simd: S,
        inputs: &[f32],
        activations: &Activations,
        mut by_units: Vec<Units>,
        mut gradient: Option<&mut Self>,
    ) -> Vec<Units> {
        let blocks = activations.last.len();
        for (number, (layer, dilation)) in self.layers.iter().zip(DILATIONS).enumerate().rev() {
            let by_sums = where_active(&by_units, &activations.added[number]);
            for (tap, weights) in layer.taps.iter().enumerate() {
                let (out, of) = shifted(blocks, tap, dilation);
                let transposed = transposed(weights);
                for (by_units, by_sums) in by_units[of.clone()].iter_mut().zip(&by_sums[out.clone()]) {
                    add_product(simd, by_sums, &transposed, by_units);
                }
                if let Some(gradient) = gradient.as_deref_mut() {
                    let given = activations.given[number][of].as_flattened();
                    add_outer_products(simd, given, &by_sums[out], &mut gradient.layers[number].taps[tap]);
                }
            }
            if let Some(gradient) = gradient.as_deref_mut() {
                for by_sums in &by_sums {
                    add(&mut gradient.layers[number].bias, by_sums);
                }
            }
        }
        let by_first = where_active(&by_units, &activations.first);
        if let Some(gradient) = gradient {
            add_outer_products(simd, inputs, &by_first, &mut gradient.first);
            for by_first in &by_first {
                add(&mut gradient.first_bias, by_first);
            }
        }
        by_first
    }

    /// The blocks whose inputs reach one block.
    pub fn reach() -> usize {
        DILATIONS.iter().sum()
    }
}

/// The rows that a tap gives to, and the rows that it takes from, among this many.
fn shifted(rows: usize, tap: usize, dilation: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let far = dilation.min(rows);
    match tap {
        0 => (far..rows, 0..rows - far),
        1 => (0..rows, 0..rows),
        _ => (0..rows - far, far..rows),
    }
}

/// Number of inputs up to the last one that is not zero in all rows.
fn used_inputs(inputs: &[f32], width: usize) -> usize {
    inputs.chunks_exact(width).fold(0, |used, row| {
        let further = row[used..].iter().rposition(|value| *value != 0.0);
        further.map_or(used, |at| used + at + 1)
    })
}

/// Sets each block's units to the rectified sum of a bias and the products of some rows with their weights, shape (length of the row,
/// units); with what they are added to, if anything.
#[inline(always)]
fn products<'a, S: Simd, const P: usize>(
    simd: S,
    bias: &Units,
    to: Option<&[Units]>,
    out: &mut [Units],
    of: impl Fn(usize) -> [(&'a [f32], &'a [Units]); P],
) {
    // as many blocks at a time as there are registers for their sums
    match S::f32s::LEN {
        ..8 => products_of::<S, P, 1>(simd, bias, to, out, of),
        8 => products_of::<S, P, 2>(simd, bias, to, out, of),
        _ => products_of::<S, P, 4>(simd, bias, to, out, of),
    }
}

#[inline(always)]
fn products_of<'a, S: Simd, const P: usize, const TOGETHER: usize>(
    simd: S,
    bias: &Units,
    to: Option<&[Units]>,
    out: &mut [Units],
    of: impl Fn(usize) -> [(&'a [f32], &'a [Units]); P],
) {
    let (together, rest) = out.as_chunks_mut::<TOGETHER>();
    let first_of_rest = together.len() * TOGETHER;
    for (at, out) in together.iter_mut().enumerate() {
        let first = at * TOGETHER;
        products_into(
            simd,
            bias,
            to.map(|to| &to[first..]),
            out,
            std::array::from_fn(|block| of(first + block)),
        );
    }
    for (at, out) in rest.iter_mut().enumerate() {
        let block = first_of_rest + at;
        products_into(
            simd,
            bias,
            to.map(|to| &to[block..]),
            std::array::from_mut(out),
            [of(block)],
        );
    }
}

#[inline(always)]
fn products_into<S: Simd, const P: usize, const TOGETHER: usize>(
    simd: S,
    bias: &Units,
    to: Option<&[Units]>,
    out: &mut [Units; TOGETHER],
    of: [[(&[f32], &[Units]); P]; TOGETHER],
) {
    let mut halves = [in_halves(simd, bias); TOGETHER];
    for product in 0..P {
        let weights = of[0][product].1;
        let rows = of.map(|products| &products[product].0[..weights.len()]);
        for (at, weights) in weights.iter().enumerate() {
            let weights = in_halves(simd, weights);
            for (halves, row) in halves.iter_mut().zip(&rows) {
                let value = f32x16::splat(simd, row[at]);
                halves[0] = value.mul_add(weights[0], halves[0]);
                halves[1] = value.mul_add(weights[1], halves[1]);
            }
        }
    }
    let zero = f32x16::splat(simd, 0.0);
    for (block, (halves, out)) in halves.iter().zip(out).enumerate() {
        let mut rectified = halves.map(|half| half.max(zero));
        if let Some(to) = to {
            let to = in_halves(simd, &to[block]);
            rectified = std::array::from_fn(|half| to[half] + rectified[half]);
        }
        store(&rectified, out);
    }
}

#[inline(always)]
fn store<S: Simd>(halves: &[f32x16<S>; 2], to: &mut Units) {
    for (half, to) in halves.iter().zip(to.as_chunks_mut::<{ UNITS / 2 }>().0) {
        half.store_slice(to);
    }
}

#[inline(always)]
fn in_halves<S: Simd>(simd: S, units: &Units) -> [f32x16<S>; 2] {
    let (halves, _) = units.as_chunks::<{ UNITS / 2 }>();
    std::array::from_fn(|half| f32x16::load_array_ref(simd, &halves[half]))
}

#[inline(always)]
fn add(to: &mut Units, units: &Units) {
    for (to, unit) in to.iter_mut().zip(units) {
        *to += unit;
    }
}

/// The values of `by` where the unit is above zero, else zero.
#[inline(always)]
fn where_active(by: &[Units], units: &[Units]) -> Vec<Units> {
    by.iter()
        .zip(units)
        .map(|(by, units)| {
            let mut kept = NOTHING;
            for ((kept, by), unit) in kept.iter_mut().zip(by).zip(units) {
                *kept = if *unit > 0.0 { *by } else { 0.0 };
            }
            kept
        })
        .collect()
}

/// Adds a row times weights of shape (length of the row, units).
#[inline(always)]
fn add_product<S: Simd>(simd: S, row: &Units, weights: &[Units], to: &mut Units) {
    let mut halves = in_halves(simd, to);
    for (value, weights) in row.iter().zip(weights) {
        let value = f32x16::splat(simd, *value);
        let weights = in_halves(simd, weights);
        halves[0] = value.mul_add(weights[0], halves[0]);
        halves[1] = value.mul_add(weights[1], halves[1]);
    }
    store(&halves, to);
}

/// Adds, row by row, the product of each value of a row with each unit of its block. Rows are row-major and as long as `to`, which has
/// shape (length of a row, units).
#[inline(always)]
fn add_outer_products<S: Simd>(simd: S, rows: &[f32], units: &[Units], to: &mut [Units]) {
    let width = to.len();
    let (together, rest) = to.as_chunks_mut::<SUMS_TOGETHER>();
    let first_of_rest = together.len() * SUMS_TOGETHER;
    for (at, to) in together.iter_mut().enumerate() {
        add_columns(simd, rows, width, at * SUMS_TOGETHER, units, to);
    }
    for (at, to) in rest.iter_mut().enumerate() {
        add_columns(simd, rows, width, first_of_rest + at, units, std::array::from_mut(to));
    }
}

/// Rows of sums that stay in registers at once, two registers each where these are widest.
const SUMS_TOGETHER: usize = 4;

/// [`add_outer_products`] for the columns of the rows from `first` on.
#[inline(always)]
fn add_columns<S: Simd, const TOGETHER: usize>(
    simd: S,
    rows: &[f32],
    width: usize,
    first: usize,
    units: &[Units],
    to: &mut [Units; TOGETHER],
) {
    let mut sums: [_; TOGETHER] = std::array::from_fn(|at| in_halves(simd, &to[at]));
    for (row, units) in rows.chunks_exact(width).zip(units) {
        let units = in_halves(simd, units);
        for (sums, value) in sums.iter_mut().zip(&row[first..first + TOGETHER]) {
            let value = f32x16::splat(simd, *value);
            sums[0] += value * units[0];
            sums[1] += value * units[1];
        }
    }
    for (sums, to) in sums.iter().zip(to) {
        store(sums, to);
    }
}

fn transposed(weights: &[Units]) -> Vec<Units> {
    (0..UNITS)
        .map(|out| std::array::from_fn(|of| weights[of][out]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from -1 to 1 (the multiplicative generator of Park and Miller 1988).
    fn random(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed * 7919;
        move || {
            state = state * 48_271 % 2_147_483_647;
            (state % 2001) as f32 / 1000.0 - 1.0
        }
    }

    fn network(inputs: usize) -> Network {
        let mut next = random(1);
        let mut network = Network::zero(inputs);
        for part in network.parts_mut() {
            part.iter_mut().for_each(|weight| *weight = next() * 0.2);
        }
        network
    }

    fn page(blocks: usize, inputs: usize) -> Vec<f32> {
        let mut next = random(2);
        (0..blocks * inputs).map(|_| next()).collect()
    }

    /// A loss to differentiate: the sum of what comes out, each block and unit with its own factor.
    fn factors(blocks: usize) -> Vec<Units> {
        let mut next = random(3);
        (0..blocks).map(|_| std::array::from_fn(|_| next())).collect()
    }

    fn loss(network: &Network, inputs: &[f32]) -> f64 {
        let last = network.forward(inputs);
        let factors = factors(last.len());
        let products = last.as_flattened().iter().zip(factors.as_flattened());
        products.map(|(unit, factor)| f64::from(unit * factor)).sum()
    }

    #[test]
    fn a_block_sees_its_neighbours_up_to_the_reach_and_no_further() {
        let network = network(3);
        let far = Network::reach();
        let blocks = 2 * far + 3;
        let page = page(blocks, 3);
        let before = network.forward(&page);
        let mut changed = page.clone();
        changed[0] += 1.0;
        let after = network.forward(&changed);
        assert_ne!(before[0], after[0]);
        assert_ne!(before[far], after[far], "the farthest that is reached");
        assert_eq!(before[far + 1..], after[far + 1..]);
    }

    #[test]
    fn the_first_layer_is_the_one_of_the_weights() {
        let mut network = Network::zero(2);
        network.first[1][5] = 2.0;
        network.first_bias[5] = -1.0;
        let last = network.forward(&[0.0, 3.0, 7.0, 0.25]);
        assert_eq!((last[0][5], last[1][5], last[0][4]), (5.0, 0.0, 0.0));
    }

    #[test]
    fn a_convolution_adds_what_stands_a_dilation_away() {
        let mut network = Network::zero(1);
        network.first[0][0] = 1.0;
        network.layers[1].taps[0][0][3] = 1.0;
        network.layers[1].taps[2][0][4] = 1.0;
        let last = network.forward(&[1.0, 2.0, 4.0]);
        let column = |unit: usize| last.iter().map(|units| units[unit]).collect::<Vec<f32>>();
        assert_eq!(column(0), [1.0, 2.0, 4.0]);
        assert_eq!(column(3), [0.0, 0.0, 1.0], "two blocks before");
        assert_eq!(column(4), [4.0, 0.0, 0.0], "two blocks after");
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let (blocks, inputs) = (12, 3);
        let network = network(inputs);
        let page = page(blocks, inputs);
        let mut gradient = Network::zero(inputs);
        let activations = network.activations(&page);
        assert_eq!(activations.last, network.forward(&page));
        network.backward(&page, &activations, factors(blocks), Some(&mut gradient));
        for part in 0..network.parts().len() {
            let length = network.parts()[part].len();
            for at in [0, length / 2, length - 1] {
                let moved = |by: f32| {
                    let mut moved = network.clone();
                    moved.parts_mut()[part][at] += by;
                    loss(&moved, &page)
                };
                let wanted = (moved(2e-4) - moved(-2e-4)) / 4e-4;
                let found = f64::from(gradient.parts()[part][at]);
                assert!(
                    (found - wanted).abs() < 0.03 + 0.03 * wanted.abs(),
                    "part {part}, {at}: {found} {wanted}"
                );
            }
        }
    }

    #[test]
    fn inputs_times_their_gradient_and_the_biases_are_all_that_comes_out() {
        let (blocks, inputs) = (20, 3);
        let mut network = network(inputs);
        network.first_bias = NOTHING;
        for layer in &mut network.layers {
            layer.bias = NOTHING;
        }
        let page = page(blocks, inputs);
        let activations = network.activations(&page);
        let by_first = network.backward(&page, &activations, factors(blocks), None);
        let mut sum = 0.0;
        for (row, by_first) in page.chunks_exact(inputs).zip(&by_first) {
            for (value, weights) in row.iter().zip(&network.first) {
                let products = weights.iter().zip(by_first).map(|(weight, by)| f64::from(weight * by));
                sum += f64::from(*value) * products.sum::<f64>();
            }
        }
        let wanted = loss(&network, &page);
        assert!((sum - wanted).abs() < 1e-3 * wanted.abs().max(1.0), "{sum} {wanted}");
    }

    #[test]
    fn vectors_of_every_width_give_the_same_numbers() {
        let network = network(7);
        for blocks in [1, 2, 3, 5, 8, 21] {
            let page = page(blocks, 7);
            let found = network.forward(&page);
            // without fused products and sums the last bits differ
            let baseline = dispatch!(Level::baseline(), simd => network.run_with(simd, &page, false)).last;
            for (found, wanted) in found.as_flattened().iter().zip(baseline.as_flattened()) {
                assert!((found - wanted).abs() < 1e-5, "{blocks} blocks: {found} {wanted}");
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(avx2) = Level::new().as_avx2() {
                let narrower = avx2.vectorize(|| network.run_with(avx2, &page, false)).last;
                assert_eq!(found, narrower, "{blocks} blocks");
            }
        }
    }

    #[test]
    fn what_is_kept_for_the_gradient_changes_nothing() {
        let network = network(5);
        for blocks in [1, 4, 21] {
            let page = page(blocks, 5);
            assert_eq!(
                network.forward(&page),
                network.activations(&page).last,
                "{blocks} blocks"
            );
        }
    }

    #[test]
    fn inputs_behind_the_last_that_any_block_has_are_left_out() {
        assert_eq!(used_inputs(&[0.0, 0.0, 0.0, 0.0], 4), 0);
        assert_eq!(used_inputs(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0], 4), 3);
    }

    #[test]
    fn a_page_without_blocks_has_no_rows() {
        assert!(network(3).forward(&[]).is_empty());
    }
}
