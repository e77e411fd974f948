//! Scales pictures, and converts them to another format on the way.
//!
//! Both axes are filtered by weights in `f32`, in the same order on every CPU level, and rounded once; a
//! result differs from real numbers only where those lie at a half. Each plane is scaled as a picture of its
//! own, so chroma keeps its place relative to luma.
//!
//! With a change of format, a few rows at a time are scaled in the source's format and converted while they
//! are in the cache: a 1080p camera picture is read once and never stored at its new size in its old format.

mod taps;

use crate::color::Color;
use crate::convert;
use crate::error::Error;
use crate::format::PixelFormat;
use crate::frame::{Frame, FrameMut};
use crate::kernels::{Rows, Windows, Work, nearest, on_level};
use crate::level::Level;
use crate::plane::{Plane, PlaneMut};
use crate::size::Size;
use taps::Taps;

/// How an output pixel is computed.
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
/// There is no memory for what is needed in between.
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
        let mut data = zeroed(PixelFormat::Yuv420p.packed_bytes(src.size()))?;
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
    let mut data = zeroed(src.format().packed_bytes(strip(STRIP.min(size.height))))?;
    for y in (0..size.height).step_by(STRIP) {
        let rows = STRIP.min(size.height - y);
        let mut scaled = FrameMut::packed(src.format(), strip(rows), &mut data)?;
        scaler.scale(level, y, &mut scaled)?;
        convert::convert_with(level, &scaled.as_frame(), &mut dst.rows_mut(y, rows), color)?;
    }
    Ok(())
}

/// Memory for a picture, which may be as large as the caller likes: where there is none, that is an error.
fn zeroed(bytes: usize) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    data.try_reserve_exact(bytes).map_err(|_| Error::Memory { bytes })?;
    data.resize(bytes, 0);
    Ok(data)
}

/// The weights for scaling one picture.
struct Scaler<'a> {
    src: Frame<'a>,
    size: Size,
    axes: Vec<Axes>,
}

/// The weights for scaling one plane.
struct Axes {
    along_rows: Taps,
    along_columns: Taps,
    windows: Option<Windows>,
    channels: usize,
}

impl<'a> Scaler<'a> {
    fn new(src: &Frame<'a>, size: Size, filter: Filter) -> Self {
        let format = src.format();
        let axes = (0..src.planes().len()).map(|index| {
            let channels = format.plane_channels(index);
            let (from_rows, from_bytes) = format.plane_shape(src.size(), index);
            let (to_rows, to_bytes) = format.plane_shape(size, index);
            let along_rows = Taps::new(from_bytes / channels, to_bytes / channels, filter);
            let along_columns = Taps::new(from_rows, to_rows, filter);
            Axes { windows: along_rows.windows(channels), along_rows, along_columns, channels }
        });
        Self { src: *src, size, axes: axes.collect() }
    }

    /// Fills `dst` with the rows of the scaled picture from `top`, which is even, on.
    fn scale(&self, level: Level, top: usize, dst: &mut FrameMut<'_>) -> Result<(), Error> {
        let format = self.src.format();
        for (index, out) in dst.planes_mut().iter_mut().enumerate() {
            let halved = format.plane_shape(self.size, index).0 != self.size.height;
            let work = ScalePlane {
                src: self.src.planes()[index],
                dst: out,
                top: if halved { top / 2 } else { top },
                axes: &self.axes[index],
            };
            on_level(level, work);
        }
        Ok(())
    }
}

/// Rows of one plane.
struct ScalePlane<'a, 'b> {
    src: Plane<'a>,
    dst: &'a mut PlaneMut<'b>,
    top: usize,
    axes: &'a Axes,
}

impl Work for ScalePlane<'_, '_> {
    #[inline(always)]
    fn run(self, rows: impl Rows) {
        let axes = self.axes;
        let reach = axes.windows.as_ref().map_or(0, Windows::reach);
        let mut sums = vec![0.0; reach.max(self.src.row_bytes())];
        for y in 0..self.dst.rows() {
            let (first, weights) = axes.along_columns.at(self.top + y);
            add_rows(&mut sums[..self.src.row_bytes()], self.src, first, weights);
            let out = self.dst.row_mut(y);
            match (&axes.windows, axes.channels) {
                (Some(windows), _) if windows.pairs == 1 => rows.weigh::<1>(windows, &sums, out),
                (Some(windows), _) => rows.weigh::<{ Windows::MOST_PAIRS }>(windows, &sums, out),
                (None, 1) => along_row::<1>(&sums, &axes.along_rows, out),
                (None, 2) => along_row::<2>(&sums, &axes.along_rows, out),
                (None, 3) => along_row::<3>(&sums, &axes.along_rows, out),
                (None, _) => along_row::<4>(&sums, &axes.along_rows, out),
            }
        }
    }
}

/// The weighed sum of the rows from `first` on.
#[inline(always)]
fn add_rows(sums: &mut [f32], src: Plane<'_>, first: usize, weights: &[f32]) {
    match *weights {
        [a] => {
            for (sum, &code) in sums.iter_mut().zip(src.row(first)) {
                *sum = a * f32::from(code);
            }
        }
        [a, b, ref rest @ ..] => {
            for ((sum, &upper), &lower) in sums.iter_mut().zip(src.row(first)).zip(src.row(first + 1)) {
                *sum = a * f32::from(upper) + b * f32::from(lower);
            }
            for (index, weight) in rest.iter().enumerate() {
                for (sum, &code) in sums.iter_mut().zip(src.row(first + 2 + index)) {
                    *sum += weight * f32::from(code);
                }
            }
        }
        [] => unreachable!("an output sample has an input sample"),
    }
}

/// Where windows are too narrow.
#[inline(always)]
fn along_row<const C: usize>(row: &[f32], taps: &Taps, out: &mut [u8]) {
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
        for channel in 0..C {
            pixel[channel] = nearest(sums[channel]);
        }
    }
}
