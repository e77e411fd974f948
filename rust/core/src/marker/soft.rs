//! The reader for real channels: which of the numbers in flight explains the corner best, and well enough?
//!
//! Encoders blur cells and senders scale the picture, so cells are not thresholded. The corner is averaged
//! over its rows; each candidate's cells, sampled at the received scale, are fitted to it with a free level
//! and contrast; what is left over, and how likely the level, the contrast and the number are, adds up to a
//! score in log-odds of "this number" against "no marker". The weights are a logistic regression on real
//! encoders' output and on corners of unmarked video (`benches/marker_channels.py`), rounded.
//!
//! - What is left over: a marker leaves little. Step edges of natural pictures can fit it well at small
//!   scales, hence the other terms.
//! - The rows above: natural content goes on upwards, a marker does not.
//! - Level and contrast: a marker is about as bright as it was stamped.
//! - Surprise: numbers arrive nearly in order and latency moves slowly.
//!
//! Two numbers that score alike are no reading: at half size and area sampling some neighbours have the
//! very same picture, and only the surprise tells them apart.

use super::code::{self, CELLS, ROWS, Reading};
use super::{Levels, read_hard, sampling};
use crate::Error;
use crate::frame::{PixelFormat, Size};
use crate::plane::Plane;

/// A number that may come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The number.
    pub seq: u16,
    /// How far from the expected one it is, in frames: 0 for the number that should come now.
    pub surprise: f32,
}

/// What the soft reader found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftReading {
    /// A number, a marker without one, or nothing.
    pub reading: Reading,
    /// 0 to 1: how sure the reading is, be it a number or none.
    pub confidence: f32,
}

/// Senders' scales, tried when the stamped size is not known.
const SCALES: [(usize, usize); 4] = [(1, 1), (3, 4), (2, 3), (1, 2)];
/// Cells narrower than this hold too little to tell numbers apart.
const MIN_SCALE: f32 = 0.45;
const MAX_SCALE: f32 = 4.0;
const MAX_COLUMNS: usize = CELLS * MAX_SCALE as usize;
/// Rows above the marker that say how natural content would go on.
const ABOVE: usize = 3;

/// Weights of the score's terms, and the noise that keeps perfect fits finite.
const FIT: f32 = 2.0;
const FIT_FLOOR: f32 = 0.002;
const BREAK: f32 = 3.0;
const BREAK_FLOOR: f32 = 16.0;
const BREAK_MAX: f32 = 5.0;
/// Per grey level that the middle between high and low is off.
const LEVEL: f32 = 0.25;
/// Per grey level that high minus low is off.
const CONTRAST: f32 = 2.0 / 30.0;
const SURPRISE: f32 = 1.3;
/// Surprise grows from about a third of a frame on: 1 / 0.35².
const SURPRISE_SCALE: f32 = 8.0;
/// The surprise of a number nobody waits for, in frames.
const FOREIGN: f32 = 256.0;

/// What a marker's middle and contrast usually are once it has been through an encoder.
const USUAL_MIDDLE: f32 = 123.0;
const USUAL_CONTRAST: f32 = 125.0;
/// How firmly that contrast is believed, in squared cells.
const CONTRAST_BELIEF: f32 = 0.3;
/// No encoder leaves less.
const MIN_CONTRAST: f32 = 25.0;

/// Score from which on a marker is there: the fewer columns, the easier natural content fits.
const THRESHOLD: f32 = 17.0;
const THRESHOLD_PER_COLUMN: f32 = -0.65;
/// Lead over the second-best number from which on the best one is read.
const MARGIN: f32 = 1.5;

/// Reads a picture's first plane, its luma or its red channel.
///
/// `stamped` is the size of the picture when it was stamped; without it the usual scales of senders are
/// tried. Without `candidates` every number is as likely as any other, which takes longer and needs a clearer
/// picture. A clear number beside the candidates is no reading, lest it be mistaken for one of them.
///
/// # Errors
/// [`Error::PlaneShape`] if the plane is not the first of a picture of that format and size.
pub fn read_soft(
    first: Plane<'_>,
    format: PixelFormat,
    size: Size,
    levels: Levels,
    stamped: Option<Size>,
    candidates: Option<&[Candidate]>,
) -> Result<SoftReading, Error> {
    let got = (first.rows(), first.row_bytes());
    let expected = format.plane_shape(size, 0);
    if got != expected {
        return Err(Error::PlaneShape { plane: format.plane_names()[0], expected, got });
    }
    let mut best = Best::default();
    let mut look = |scale_x: f32, scale_y: f32| {
        if let Some(corner) = Corner::new(first, format, size, levels, (scale_x, scale_y)) {
            corner.search(candidates, &mut best);
        }
    };
    match stamped {
        Some(stamped) => {
            look(size.width as f32 / stamped.width as f32, size.height as f32 / stamped.height as f32)
        }
        None => SCALES.iter().for_each(|(n, d)| look(*n as f32 / *d as f32, *n as f32 / *d as f32)),
    }
    let mut found = best.reading();
    // What the reference reader sees as well needs no further evidence.
    let plain = read_hard(first, format, size, levels).ok();
    if !best.foreign && best.score.is_finite() && plain == Some(Reading::Number(best.seq)) {
        found.reading = Reading::Number(best.seq);
    }
    Ok(found)
}

/// The best score above its threshold, and the best one of any other number.
#[derive(Clone, Copy, Debug)]
struct Best {
    seq: u16,
    foreign: bool,
    score: f32,
    second: f32,
}

impl Default for Best {
    fn default() -> Self {
        Self { seq: 0, foreign: false, score: f32::NEG_INFINITY, second: f32::NEG_INFINITY }
    }
}

impl Best {
    fn offer(&mut self, seq: u16, foreign: bool, score: f32) {
        if score > self.score {
            if seq != self.seq {
                self.second = self.score;
            }
            (self.seq, self.foreign, self.score) = (seq, foreign, score);
        } else if seq != self.seq && score > self.second {
            self.second = score;
        }
    }

    fn reading(&self) -> SoftReading {
        let (presence, lead) = (self.score, self.score - self.second - MARGIN);
        let (reading, log_odds) = if presence < 0.0 {
            (Reading::Absent, -presence)
        } else if self.foreign {
            (Reading::Absent, presence)
        } else if lead < 0.0 {
            (Reading::Corrupted, presence.min(-lead))
        } else {
            (Reading::Number(self.seq), presence.min(lead))
        };
        SoftReading { reading, confidence: 1.0 / (1.0 + (-log_odds).exp()) }
    }
}

/// The corner of a picture at one scale, averaged over its rows and freed of its mean.
struct Corner {
    columns: usize,
    scale: f32,
    mean: f32,
    /// Deviations of the columns from their mean.
    profile: [f32; MAX_COLUMNS],
    /// Mean square of `profile`.
    energy: f32,
    /// Mean square of what the rows above do not explain.
    broken: f32,
}

impl Corner {
    /// `None` if the marker would be too small to read, or larger than the picture.
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
        let rows = (ROWS as f32 * scale_y - 1e-3).ceil() as usize;
        if columns > size.width || rows > size.height {
            return None;
        }
        let row = |y: usize| unbiased(first.row(y), columns, format, levels);
        let mut profile = [0.0; MAX_COLUMNS];
        let mut above = [0.0; MAX_COLUMNS];
        let top = size.height - rows;
        // The top row may hold part of what lies above.
        let weight = |y: usize| if y == top && rows > 1 { 0.5 } else { 1.0 };
        let total = if rows > 1 { rows as f32 - 0.5 } else { 1.0 };
        for y in top..size.height {
            for (sum, value) in profile.iter_mut().zip(row(y)) {
                *sum += value * weight(y) / total;
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
        Some(Self {
            columns,
            scale: scale_x,
            mean,
            energy: square(&mut profile[..columns].iter().copied()),
            broken: square(&mut profile[..columns].iter().zip(&above).map(|(p, a)| p - a)),
            profile,
        })
    }

    /// Scores all candidates.
    fn search(&self, candidates: Option<&[Candidate]>, best: &mut Best) {
        let area = Sampler::area(self.scale, self.columns);
        let triangle = (self.scale < 1.0).then(|| Sampler::triangle(self.scale, self.columns));
        let mut offer = |seq: u16, foreign: bool, surprise: f32| {
            let fit = self.fit(&area, seq);
            let score = match &triangle {
                Some(triangle) => fit.max(self.fit(triangle, seq)),
                None => fit,
            };
            let unlikely = SURPRISE * (SURPRISE_SCALE * surprise * surprise).ln_1p();
            best.offer(seq, foreign, score - unlikely - self.threshold());
        };
        match candidates {
            Some(candidates) => {
                candidates.iter().for_each(|candidate| offer(candidate.seq, false, candidate.surprise));
                let plain = self.thresholded();
                if let Some(seq) = plain.filter(|seq| candidates.iter().all(|known| known.seq != *seq)) {
                    offer(seq, true, FOREIGN);
                }
            }
            None => (0..=u16::MAX).for_each(|seq| offer(seq, false, FOREIGN)),
        }
    }

    fn threshold(&self) -> f32 {
        THRESHOLD + THRESHOLD_PER_COLUMN * self.columns.min(CELLS) as f32
    }

    /// The number that stands there at full size for everyone to see.
    fn thresholded(&self) -> Option<u16> {
        if self.columns != CELLS {
            return None;
        }
        code::check(self.profile[..CELLS].iter().fold(0, |bits, value| bits << 1 | u32::from(*value >= 0.0)))
    }

    /// Log-odds of `seq` against no marker, before its surprise.
    fn fit(&self, sampler: &Sampler, seq: u16) -> f32 {
        let template = sampler.sample(code::encode(seq));
        let template = &template[..self.columns];
        let count = self.columns as f32;
        let (mut sum, mut square, mut dot) = (0.0, 0.0, 0.0);
        for (value, profile) in template.iter().zip(&self.profile) {
            sum += value;
            square += value * value;
            dot += value * profile;
        }
        let spread = square - sum * sum / count;
        if dot < MIN_CONTRAST * spread {
            return f32::NEG_INFINITY;
        }
        // Some numbers are nearly one grey at half size; their contrast is then believed to be the usual.
        let contrast = (dot + CONTRAST_BELIEF * USUAL_CONTRAST) / (spread + CONTRAST_BELIEF);
        let left = (self.energy + contrast * (contrast * spread - 2.0 * dot) / count).max(0.0);
        let middle = self.mean - contrast * (sum / count - 0.5);
        -FIT * (left / (contrast * contrast) + FIT_FLOOR).ln()
            + BREAK * ((self.broken + BREAK_FLOOR) / (left + BREAK_FLOOR)).ln().min(BREAK_MAX)
            - LEVEL * (middle - USUAL_MIDDLE).abs()
            - CONTRAST * (contrast - USUAL_CONTRAST).abs()
    }
}

/// A row's samples as limited-range luma.
fn unbiased(row: &[u8], columns: usize, format: PixelFormat, levels: Levels) -> impl Iterator<Item = f32> {
    let (step, offset) = sampling(format);
    let gain = f32::from(Levels::LIMITED.high - Levels::LIMITED.low) / f32::from(levels.high - levels.low);
    let bias = f32::from(Levels::LIMITED.low) - gain * f32::from(levels.low);
    row.chunks_exact(step).take(columns).map(move |pixel| gain * f32::from(pixel[offset]) + bias)
}

/// Takes the mean off and returns it.
fn center(values: &mut [f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    mean
}

/// How a scaler makes columns out of cells: a few weights a column.
struct Sampler {
    first: [i8; MAX_COLUMNS],
    weights: [[f32; TAPS]; MAX_COLUMNS],
    columns: usize,
}

/// Cells that a column can depend on: a triangle at the smallest scale is 4.5 cells wide.
const TAPS: usize = 6;

impl Sampler {
    /// Each column is the mean of the cells it covers.
    fn area(scale: f32, columns: usize) -> Self {
        Self::new(columns, scale, |cell, column| {
            let (left, right) = (column as f32 / scale, (column + 1) as f32 / scale);
            ((cell + 1.0).min(right) - cell.max(left)).max(0.0)
        })
    }

    /// Each column weighs cells by their distance, as bilinear scalers do that widen when they shrink.
    fn triangle(scale: f32, columns: usize) -> Self {
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
    fn sample(&self, cells: u32) -> [f32; MAX_COLUMNS] {
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
