//! Pictures to another size, and to another format on the way.
//!
//! Both axes are filtered by weights in `f32`, in the same order on every CPU level, and rounded once; a
//! result differs from real numbers only where those lie at a half. Each plane is scaled as a picture of its
//! own, so chroma keeps its place relative to luma.
//!
//! With a change of format, a few rows at a time are scaled in the source's format and converted while they
//! are in the cache: a 1080p camera picture is read once and never stored at its new size in its old format.

use crate::color::Color;
use crate::convert::{self, Work};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::frame::{Frame, FrameMut};
use crate::level::Level;
use crate::plane::{Plane, PlaneMut};
use crate::size::Size;

/// What an output pixel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The two nearest pixels of each axis, by distance. Shrinking below half leaves pixels out.
    Bilinear,
    /// All pixels under it, by how much of them it covers. On an axis that grows it is [`Filter::Bilinear`].
    Area,
}

/// Rows scaled at a time: enough to be worth a call, few enough to stay in the cache. Even, so that chroma
/// rows are not cut.
const STRIP: usize = 16;

/// Scales `src` to the size of `dst` and converts it to the format of `dst`; `color` is as for
/// [`convert::convert`].
///
/// # Errors
/// None today; it returns a result so that it can be used as `convert` is.
pub fn resize(src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color, filter: Filter) -> Result<(), Error> {
    resize_with(Level::detect(), src, dst, color, filter)
}

/// [`resize`] on a given level: the door for tests and benches.
#[doc(hidden)]
pub fn resize_with(
    level: Level,
    src: &Frame<'_>,
    dst: &mut FrameMut<'_>,
    color: Color,
    filter: Filter,
) -> Result<(), Error> {
    if src.size() == dst.size() {
        return convert::convert_with(level, src, dst, color);
    }
    if src.format() == PixelFormat::Yuyv422 {
        // Luma and chroma lie too mixed to be scaled where they are.
        let mut data = vec![0; PixelFormat::Yuv420p.packed_bytes(src.size())];
        let mut planar = FrameMut::packed(PixelFormat::Yuv420p, src.size(), &mut data)?;
        convert::convert_with(level, src, &mut planar, color)?;
        return resize_with(level, &planar.as_frame(), dst, color, filter);
    }
    let scaler = Scaler::new(src, dst.size(), filter);
    if src.format() == dst.format() {
        return scaler.scale(level, 0, dst);
    }
    let size = dst.size();
    let strip = |rows| Size { width: size.width, height: rows };
    let mut data = vec![0; src.format().packed_bytes(strip(STRIP.min(size.height)))];
    for y in (0..size.height).step_by(STRIP) {
        let rows = STRIP.min(size.height - y);
        let mut scaled = FrameMut::packed(src.format(), strip(rows), &mut data)?;
        scaler.scale(level, y, &mut scaled)?;
        convert::convert_with(level, &scaled.as_frame(), &mut dst.rows_mut(y, rows), color)?;
    }
    Ok(())
}

/// The weights for scaling one picture.
struct Scaler<'a> {
    src: Frame<'a>,
    size: Size,
    /// Of each plane: along its rows and along its columns.
    taps: Vec<(Taps, Taps)>,
}

impl<'a> Scaler<'a> {
    fn new(src: &Frame<'a>, size: Size, filter: Filter) -> Self {
        let format = src.format();
        let taps = (0..src.planes().len()).map(|index| {
            let pixel = format.plane_channels(index);
            let (from_rows, from_bytes) = format.plane_shape(src.size(), index);
            let (to_rows, to_bytes) = format.plane_shape(size, index);
            (Taps::new(from_bytes / pixel, to_bytes / pixel, filter), Taps::new(from_rows, to_rows, filter))
        });
        Self { src: *src, size, taps: taps.collect() }
    }

    /// Fills `dst` with the rows of the scaled picture from `top`, which is even, on.
    fn scale(&self, level: Level, top: usize, dst: &mut FrameMut<'_>) -> Result<(), Error> {
        let format = self.src.format();
        for (index, out) in dst.planes_mut().iter_mut().enumerate() {
            let halved = format.plane_shape(self.size, index).0 != self.size.height;
            let (along_rows, along_columns) = &self.taps[index];
            let work = ScalePlane {
                src: self.src.planes()[index],
                dst: out,
                top: if halved { top / 2 } else { top },
                along_rows,
                along_columns,
                channels: format.plane_channels(index),
            };
            convert::on_level(level, work);
        }
        Ok(())
    }
}

/// For each output sample of an axis: where its first input sample is, and the weights from there on.
struct Taps {
    count: usize,
    first: Vec<u32>,
    weights: Vec<f32>,
}

impl Taps {
    fn new(from: usize, to: usize, filter: Filter) -> Self {
        let step = from as f64 / to as f64;
        let shrinks = filter == Filter::Area && from > to;
        let count = if shrinks { (step.ceil() as usize + 1).min(from) } else { 2.min(from) };
        let mut taps = Self { count, first: Vec::with_capacity(to), weights: vec![0.0; count * to] };
        for (at, weights) in taps.weights.chunks_exact_mut(count).enumerate() {
            if shrinks {
                let (start, end) = (at as f64 * step, (at + 1) as f64 * step);
                let first = (start as usize).min(from - count);
                taps.first.push(first as u32);
                for (index, weight) in weights.iter_mut().enumerate() {
                    let (low, high) = ((first + index) as f64, (first + index + 1) as f64);
                    *weight = ((high.min(end) - low.max(start)).max(0.0) / step) as f32;
                }
            } else {
                let centre = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
                let first = (centre as usize).min(from - count);
                taps.first.push(first as u32);
                let share = centre - first as f64;
                match weights {
                    [low, high] => (*low, *high) = ((1.0 - share) as f32, share as f32),
                    _ => weights.fill(1.0),
                }
            }
        }
        taps
    }

    fn at(&self, index: usize) -> (usize, &[f32]) {
        (self.first[index] as usize, &self.weights[index * self.count..(index + 1) * self.count])
    }
}

/// Rows of one plane.
struct ScalePlane<'a, 'b> {
    src: Plane<'a>,
    dst: &'a mut PlaneMut<'b>,
    top: usize,
    along_rows: &'a Taps,
    along_columns: &'a Taps,
    channels: usize,
}

impl Work for ScalePlane<'_, '_> {
    #[inline(always)]
    fn run(self, _rows: impl convert::Rows) {
        let mut column_sums = vec![0.0; self.src.row_bytes()];
        for y in 0..self.dst.rows() {
            let (first, weights) = self.along_columns.at(self.top + y);
            for (index, &weight) in weights.iter().enumerate() {
                add_row(&mut column_sums, self.src.row(first + index), weight, index == 0);
            }
            let out = self.dst.row_mut(y);
            match self.channels {
                1 => along_row::<1>(&column_sums, self.along_rows, out),
                2 => along_row::<2>(&column_sums, self.along_rows, out),
                3 => along_row::<3>(&column_sums, self.along_rows, out),
                _ => along_row::<4>(&column_sums, self.along_rows, out),
            }
        }
    }
}

#[inline(always)]
fn add_row(sums: &mut [f32], row: &[u8], weight: f32, is_first: bool) {
    if is_first {
        for (sum, &code) in sums.iter_mut().zip(row) {
            *sum = weight * f32::from(code);
        }
    } else {
        for (sum, &code) in sums.iter_mut().zip(row) {
            *sum += weight * f32::from(code);
        }
    }
}

#[inline(always)]
fn along_row<const C: usize>(row: &[f32], taps: &Taps, out: &mut [u8]) {
    match taps.count {
        2 => along_row_of::<C, 2>(row, taps, out),
        3 => along_row_of::<C, 3>(row, taps, out),
        _ => {
            for ((pixel, &first), weights) in
                out.chunks_exact_mut(C).zip(&taps.first).zip(taps.weights.chunks_exact(taps.count))
            {
                let from = &row[first as usize * C..][..taps.count * C];
                let mut sums = [0.0; C];
                for (from, weight) in from.chunks_exact(C).zip(weights) {
                    for channel in 0..C {
                        sums[channel] += weight * from[channel];
                    }
                }
                pixel.copy_from_slice(&sums.map(nearest));
            }
        }
    }
}

/// [`along_row`] for a number of taps known at compile time.
#[inline(always)]
fn along_row_of<const C: usize, const N: usize>(row: &[f32], taps: &Taps, out: &mut [u8]) {
    let (weights, _) = taps.weights.as_chunks::<N>();
    for ((pixel, &first), weights) in out.chunks_exact_mut(C).zip(&taps.first).zip(weights) {
        let from = &row[first as usize * C..][..N * C];
        for channel in 0..C {
            let mut sum = 0.0;
            for tap in 0..N {
                sum += weights[tap] * from[tap * C + channel];
            }
            pixel[channel] = nearest(sum);
        }
    }
}

/// A sum of at most 255 to the nearest integer: adding 2^23 leaves it in the low bits.
#[inline(always)]
fn nearest(sum: f32) -> u8 {
    (sum + 8_388_608.0).to_bits() as u8
}
