//! How a scaler makes columns out of cells: a few weights a column.

use super::code::CELLS;

/// Cells narrower than this hold too little to tell numbers apart.
pub(super) const MIN_SCALE: f32 = 0.45;
pub(super) const MAX_SCALE: f32 = 4.0;
pub(super) const MAX_COLUMNS: usize = CELLS * MAX_SCALE as usize;

/// Cells that a column can depend on: a triangle at the smallest scale is 4.5 cells wide.
const TAPS: usize = 6;

pub(super) struct Sampler {
    first: [i8; MAX_COLUMNS],
    weights: [[f32; TAPS]; MAX_COLUMNS],
    columns: usize,
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
        let mut sampler = Self { first: [0; MAX_COLUMNS], weights: [[0.0; TAPS]; MAX_COLUMNS], columns };
        for column in 0..columns {
            let reach = (column as f32 + 0.5) / scale - 0.5 - 1.0 / scale.min(1.0);
            let first = reach.ceil() as i8;
            let weights = &mut sampler.weights[column];
            for (tap, value) in weights.iter_mut().enumerate() {
                *value = weight(f32::from(first) + tap as f32, column);
            }
            let total = weights.iter().sum::<f32>();
            weights.iter_mut().for_each(|value| *value /= total);
            sampler.first[column] = first;
        }
        sampler
    }

    /// The columns of a row of cells: 1 for high, 0 for low, between for what is not known right of it.
    pub(super) fn sample(&self, cells: u32) -> [f32; MAX_COLUMNS] {
        // Left of the picture scalers repeat its edge.
        let mut padded = [0.5; CELLS + 2 * TAPS];
        for (i, value) in padded[TAPS..TAPS + CELLS].iter_mut().enumerate() {
            *value = (cells >> (CELLS - 1 - i) & 1) as f32;
        }
        let edge = padded[TAPS];
        padded[..TAPS].fill(edge);
        let mut columns = [0.0; MAX_COLUMNS];
        for (column, value) in columns.iter_mut().take(self.columns).enumerate() {
            let start = (i32::from(self.first[column]) + TAPS as i32) as usize;
            let cells = &padded[start..start + TAPS];
            *value = cells.iter().zip(&self.weights[column]).map(|(cell, weight)| cell * weight).sum();
        }
        columns
    }
}
