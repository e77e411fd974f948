//! How a scaler turns cells into columns.
//!
//! Thousands of numbers may be in flight, and each is sampled for every frame. Columns are linear in cells,
//! so the contribution of four cells to all columns is computed once for each of their sixteen values.

use super::code::CELLS;
use wide::f32x8;

/// Below this scale, cells are too narrow to tell numbers apart.
pub(super) const MIN_SCALE: f32 = 0.45;
pub(super) const MAX_SCALE: f32 = 4.0;
pub(super) const MAX_COLUMNS: usize = CELLS * MAX_SCALE as usize;

/// Columns in a vector.
pub(super) const LANES: usize = 8;
/// Cells that a column can depend on: a triangle at the smallest scale is 4.5 cells wide.
const TAPS: usize = 6;
/// Cells whose share of the columns is looked up at once.
const GROUP: usize = 4;

pub(super) struct Sampler {
    /// For each eight columns: what each group of cells adds to them, by the group's value.
    shares: Vec<[[f32x8; 1 << GROUP]; CELLS / GROUP]>,
}

impl Sampler {
    /// Each column is the mean of the cells it covers.
    pub(super) fn area(scale: f32, columns: usize) -> Self {
        Self::new(columns, scale, |cell, column| {
            let (left, right) = (column as f32 / scale, (column + 1) as f32 / scale);
            ((cell + 1.0).min(right) - cell.max(left)).max(0.0)
        })
    }

    /// Each column weighs cells by their distance, as bilinear scalers do that widen when they shrink.
    pub(super) fn triangle(scale: f32, columns: usize) -> Self {
        Self::new(columns, scale, |cell, column| {
            let center = (column as f32 + 0.5) / scale;
            (1.0 - (cell + 0.5 - center).abs() * scale).max(0.0)
        })
    }

    fn new(columns: usize, scale: f32, weight: impl Fn(f32, usize) -> f32) -> Self {
        let shares = (0..columns).step_by(LANES).map(|start| {
            let mut weights = [[0.0; LANES]; CELLS];
            let mut beyond = [0.0; LANES];
            for (lane, column) in (start..columns.min(start + LANES)).enumerate() {
                let reach = (column as f32 + 0.5) / scale - 0.5 - 1.0 / scale.min(1.0);
                let first = reach.ceil();
                let taps: [f32; TAPS] = std::array::from_fn(|tap| weight(first + tap as f32, column));
                let total = taps.iter().sum::<f32>();
                for (tap, weight) in taps.iter().enumerate() {
                    // Left of the picture scalers repeat its edge.
                    let cell = (first as i32 + tap as i32).max(0) as usize;
                    weights.get_mut(cell).unwrap_or(&mut beyond)[lane] += weight / total;
                }
            }
            shares(&weights, beyond)
        });
        Self { shares: shares.collect() }
    }

    /// The columns of a row of cells, eight at a time and zeros after the last: 1 for high, 0 for low, between for
    /// what is not known right of it.
    pub(super) fn sample(&self, cells: u32) -> impl Iterator<Item = f32x8> {
        self.shares.iter().map(move |groups| {
            groups.iter().rev().enumerate().fold(f32x8::ZERO, |columns, (group, shares)| {
                columns + shares[(cells >> (GROUP * group)) as usize % shares.len()]
            })
        })
    }
}

/// What each group of cells adds to eight columns, given each cell's weight and that of what lies beyond them.
fn shares(weights: &[[f32; LANES]; CELLS], beyond: [f32; LANES]) -> [[f32x8; 1 << GROUP]; CELLS / GROUP] {
    let mut shares = [[f32x8::ZERO; 1 << GROUP]; CELLS / GROUP];
    for (shares, weights) in shares.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
        for value in 1..shares.len() {
            // One cell more than a value that is there already; the last cell is the lowest bit.
            let cell = GROUP - 1 - value.trailing_zeros() as usize;
            shares[value] = shares[value & (value - 1)] + f32x8::from(weights[cell]);
        }
    }
    let grey = f32x8::from(beyond) * f32x8::splat(0.5);
    shares[0].iter_mut().for_each(|share| *share += grey);
    shares
}
