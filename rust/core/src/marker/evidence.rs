//! How strongly a picture's corner speaks for each number, before anything else is known.
//!
//! Encoders blur cells and senders scale the picture, so cells are not thresholded. The corner is averaged
//! over its rows; a number's cells, sampled as area and as bilinear scalers do, are fitted to it with a free
//! level and contrast. What then speaks for the number adds up to a likelihood ratio: how much likelier this
//! corner is if the number stands there than if no marker does. Its terms:
//!
//! - The residual: a marker leaves little. Step edges of natural pictures can fit one well at small scales,
//!   hence the other terms.
//! - The rows above: natural content continues upwards, a marker does not.
//! - The rows of the marker are alike.
//! - Level and contrast: a marker is about as bright as it was stamped.
//! - Whether the reference reader sees the number as well.
//!
//! The weights are a conditional logistic regression on real encoders' output, marked and unmarked
//! (`benches/marker_weights.py`), rounded, and reduced by a fifth because the residuals of consecutive frames
//! are correlated.

use super::code::{self, CELLS, ROWS, Reading};
use super::levels::{Cell, Levels, check_first, sampling};
use super::middles::{ABOVE, Middles};
use super::read_hard::read_hard;
use super::sampler::{LANES, MAX_COLUMNS, MAX_SCALE, MIN_SCALE, Sampler};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::plane::Plane;
use crate::size::Size;
use arrayvec::ArrayVec;
use wide::f32x8;

/// Senders' scales, tried when the stamped size is not known.
const SCALES: [(usize, usize); 4] = [(1, 1), (3, 4), (2, 3), (1, 2)];

/// Weights of the terms, and the noise that keeps perfect fits finite. More columns say more.
const FIT: f32 = 0.72;
const FIT_BY_COLUMNS: f32 = 1.28;
const FIT_FLOOR: f32 = 0.002;
const BREAK: f32 = 1.76;
const BREAK_FLOOR: f32 = 16.0;
const BREAK_MAX: f32 = 5.0;
const UNLIKE_ROWS: f32 = 0.34;
const UNLIKE_ROWS_FLOOR: f32 = 4.0;
/// Per grey level that the middle between high and low is off.
const LEVEL: f32 = 0.086;
const LEVEL_MAX: f32 = 60.0;
/// Per grey level that high minus low is off.
const CONTRAST: f32 = 0.055;
const BIAS: f32 = 0.08;
const BIAS_BY_COLUMNS: f32 = 0.4;

/// What a marker's middle and contrast usually are once it has been through an encoder.
const USUAL_MIDDLE: f32 = 123.0;
const USUAL_CONTRAST: f32 = 125.0;
/// Weight of that prior contrast, in squared cells.
const CONTRAST_BELIEF: f32 = 0.3;
/// The least that encoders leave.
const MIN_CONTRAST: f32 = 10.0;
/// Weight of the reference reader seeing the same number.
const PLAIN: f32 = 3.5;

/// A row's weight by its distance from the marker's upper edge: the content above bleeds into it.
const ROW_AT_EDGE: f32 = 0.25;
const ROW_PER_PIXEL: f32 = 0.35;
const MIN_ROW: f32 = 0.2;

/// The corner of one picture, prepared for queries about numbers.
pub struct Evidence {
    corners: ArrayVec<Corner, { SCALES.len() }>,
    /// The number that the reference reader sees.
    plain: Option<u16>,
}

impl Evidence {
    /// Looks at a picture's first plane, its luma or its red channel.
    ///
    /// `stamped` is the size of the picture when it was stamped; without it the usual scales of senders
    /// are tried. Where a marker would be too small or larger than the picture, nothing speaks for any number.
    /// Larger cells are reduced to a pixel each before anything else.
    ///
    /// # Errors
    /// [`Error::PlaneShape`] if the plane is not the first of a picture of that format and size.
    pub fn new(
        first: Plane<'_>,
        format: PixelFormat,
        size: Size,
        levels: Levels,
        cell: Cell,
        stamped: Option<Size>,
    ) -> Result<Self, Error> {
        check_first(first, format, size)?;
        let look = |scale| Corner::of_cells(first, format, size, levels, cell, scale);
        let corners = match stamped {
            Some(stamped) => {
                let ratio = |got, sent| got as f32 / sent as f32;
                look((ratio(size.width, stamped.width), ratio(size.height, stamped.height)))
                    .into_iter()
                    .collect()
            }
            None => {
                SCALES.iter().filter_map(|&(n, d)| look((n as f32 / d as f32, n as f32 / d as f32))).collect()
            }
        };
        let plain = match read_hard(first, format, size, levels, cell) {
            Ok(Reading::Number(seq)) => Some(seq),
            _ => None,
        };
        Ok(Self { corners, plain })
    }

    /// Natural logarithm of how much likelier the corner is with `seq` in it than without a marker.
    #[must_use]
    pub fn of(&self, seq: u16) -> f32 {
        let cells = code::encode(seq);
        let best =
            self.corners.iter().map(|corner| corner.log_ratio(cells)).fold(f32::NEG_INFINITY, f32::max);
        if self.plain == Some(seq) { best + PLAIN } else { best }
    }

    /// The numbers that can be read without weighing any, by either of two readers.
    pub(crate) fn legible(&self) -> impl Iterator<Item = u16> {
        self.plain.into_iter().chain(self.clear())
    }

    /// The number at full size once the rows are averaged and thresholded.
    #[must_use]
    pub fn clear(&self) -> Option<u16> {
        self.corners.iter().find_map(Corner::thresholded)
    }
}

/// A corner at one scale, averaged over its rows and with its mean subtracted.
struct Corner {
    columns: usize,
    mean: f32,
    /// Deviations of the columns from their mean, and zeros after them.
    profile: [f32; MAX_COLUMNS],
    /// Mean square of `profile`.
    energy: f32,
    /// Mean square of the difference from the rows above.
    broken: f32,
    /// Terms that do not depend on the number: the likeness of the rows and the bias.
    shared: f32,
    area: Sampler,
    triangle: Option<Sampler>,
}

impl Corner {
    /// `None` if the marker would be too small to read, or larger than the picture.
    fn of_cells(
        first: Plane<'_>,
        format: PixelFormat,
        size: Size,
        levels: Levels,
        cell: Cell,
        (scale_x, scale_y): (f32, f32),
    ) -> Option<Self> {
        let side = cell.side() as f32;
        let (width, height) = (side * scale_x, side * scale_y);
        if cell == Cell::PIXEL || width < Middles::LEAST || height < Middles::LEAST {
            return Self::new(first, format, size, levels, (width, height));
        }
        let middles = Middles::of(first, format, size, (width, height))?;
        let frame = middles.frame().ok()?;
        Self::new(frame.planes()[0], frame.format(), frame.size(), levels, (1.0, 1.0))
    }

    /// As [`Corner::of_cells`], for cells that have so many pixels.
    fn new(
        first: Plane<'_>,
        format: PixelFormat,
        size: Size,
        levels: Levels,
        (scale_x, scale_y): (f32, f32),
    ) -> Option<Self> {
        let usable = MIN_SCALE..=MAX_SCALE;
        if !usable.contains(&scale_x) || !usable.contains(&scale_y) {
            return None;
        }
        let columns = (CELLS as f32 * scale_x + 1e-3) as usize;
        let height = ROWS as f32 * scale_y;
        let rows = (height - 1e-3).ceil() as usize;
        if columns > size.width || rows > size.height {
            return None;
        }
        let row = |y: usize| unbiased(first.row(y), columns, format, levels);
        let mut profile = [0.0; MAX_COLUMNS];
        let mut above = [0.0; MAX_COLUMNS];
        let top = size.height - rows;
        let weight = |y: usize| {
            let below_edge = height - (size.height - y) as f32;
            (ROW_AT_EDGE + ROW_PER_PIXEL * below_edge).clamp(MIN_ROW, 1.0)
        };
        let total: f32 = (top..size.height).map(weight).sum();
        for y in top..size.height {
            let weight = weight(y) / total;
            for (sum, value) in profile.iter_mut().zip(row(y)) {
                *sum += value * weight;
            }
        }
        let upper = ABOVE.min(top);
        for y in top - upper..top {
            for (sum, value) in above.iter_mut().zip(row(y)) {
                *sum += value / upper as f32;
            }
        }
        let mean = center(&mut profile[..columns]);
        center(&mut above[..columns]);
        let square =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>() / columns as f32;
        let unlike = match rows {
            1 => 0.0,
            _ => square(&mut row(size.height - 1).zip(row(size.height - 2)).map(|(a, b)| a - b)),
        };
        let share = by_columns(columns);
        Some(Self {
            columns,
            mean,
            energy: square(&mut profile[..columns].iter().copied()),
            broken: square(&mut profile[..columns].iter().zip(&above).map(|(p, a)| p - a)),
            shared: BIAS + BIAS_BY_COLUMNS * share - UNLIKE_ROWS * (unlike + UNLIKE_ROWS_FLOOR).ln(),
            profile,
            area: Sampler::area(scale_x, columns),
            triangle: (scale_x < 1.0).then(|| Sampler::triangle(scale_x, columns)),
        })
    }

    fn log_ratio(&self, cells: u32) -> f32 {
        let area = self.fit(&self.area, cells);
        self.triangle.as_ref().map_or(area, |triangle| area.max(self.fit(triangle, cells)))
    }

    fn fit(&self, sampler: &Sampler, cells: u32) -> f32 {
        let count = self.columns as f32;
        let [mut sum, mut square, mut dot] = [f32x8::ZERO; 3];
        for (template, profile) in sampler.sample(cells).zip(self.profile.as_chunks::<LANES>().0) {
            sum += template;
            square += template * template;
            dot += template * f32x8::from(*profile);
        }
        let [sum, square, dot] = [sum, square, dot].map(f32x8::reduce_add);
        let spread = square - sum * sum / count;
        if dot < MIN_CONTRAST * spread {
            return f32::NEG_INFINITY;
        }
        // Some numbers are nearly one grey at half size; their contrast is then believed to be the usual.
        let contrast = (dot + CONTRAST_BELIEF * USUAL_CONTRAST) / (spread + CONTRAST_BELIEF);
        let left = (self.energy + contrast * (contrast * spread - 2.0 * dot) / count).max(0.0);
        let middle = self.mean - contrast * (sum / count - 0.5);
        self.shared
            - (FIT + FIT_BY_COLUMNS * by_columns(self.columns))
                * (left / (contrast * contrast) + FIT_FLOOR).ln()
            + BREAK * ((self.broken + BREAK_FLOOR) / (left + BREAK_FLOOR)).ln().min(BREAK_MAX)
            - LEVEL * (middle - USUAL_MIDDLE).abs().min(LEVEL_MAX)
            - CONTRAST * (contrast - USUAL_CONTRAST).abs()
    }

    fn thresholded(&self) -> Option<u16> {
        if self.columns != CELLS {
            return None;
        }
        code::check(self.profile[..CELLS].iter().fold(0, |bits, value| bits << 1 | u32::from(*value >= 0.0)))
    }
}

/// Columns as a share of those at full size.
fn by_columns(columns: usize) -> f32 {
    columns.min(CELLS) as f32 / CELLS as f32
}

/// A row's samples as limited-range luma.
fn unbiased(row: &[u8], columns: usize, format: PixelFormat, levels: Levels) -> impl Iterator<Item = f32> {
    let (step, offset) = sampling(format);
    let gain = f32::from(Levels::LIMITED.high - Levels::LIMITED.low) / f32::from(levels.high - levels.low);
    let bias = f32::from(Levels::LIMITED.low) - gain * f32::from(levels.low);
    row.chunks_exact(step).take(columns).map(move |pixel| gain * f32::from(pixel[offset]) + bias)
}

/// Subtracts the mean and returns it.
fn center(values: &mut [f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    mean
}
