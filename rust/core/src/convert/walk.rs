//! Walks over the rows of a picture and calls the row bodies that its formats need. Inlined into each
//! level's shell, and the row bodies with it.

use super::repack::{self, merge_yuyv, split_yuyv};
use crate::color::{Color, Decode, Encode};
use crate::format::PixelFormat;
use crate::frame::{Frame, FrameMut};
use crate::kernels::{Chroma, Rows};
use crate::plane::PlaneMut;

/// Converts; sizes are equal.
#[inline(always)]
pub(super) fn walk(rows: impl Rows, src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) {
    match (src.format().is_rgb(), dst.format().is_rgb()) {
        (false, true) => {
            let k = Decode::new(color, dst.format().is_blue_first());
            match dst.format().plane_channels(0) {
                3 => decode::<3>(rows, &k, src, dst),
                _ => decode::<4>(rows, &k, src, dst),
            }
        }
        (true, false) => {
            let k = Encode::new(color, src.format().is_blue_first());
            match src.format().plane_channels(0) {
                3 => encode::<3>(rows, &k, src, dst),
                _ => encode::<4>(rows, &k, src, dst),
            }
        }
        (true, true) => repack::rgb(src, dst),
        (false, false) => repack::yuv(src, dst, color),
    }
}

#[inline(always)]
fn decode<const P: usize>(rows: impl Rows, k: &Decode, src: &Frame<'_>, dst: &mut FrameMut<'_>) {
    let [out] = dst.planes_mut() else { unreachable!("RGB has one plane") };
    let planes = src.planes();
    let height = src.size().height;
    if src.format() == PixelFormat::Yuyv422 {
        let width = src.size().width;
        let mut luma = vec![0; 2 * width.div_ceil(2)];
        let mut chroma = vec![0; 2 * width.div_ceil(2)];
        for y in 0..height {
            split_yuyv(planes[0].row(y), &mut luma, &mut chroma);
            rows.decode::<1, P>(k, [&luma[..width]], Chroma::Interleaved(&chroma), [out.row_mut(y)]);
        }
        return;
    }
    for y in (0..height).step_by(2) {
        let chroma = match planes {
            [_, u, v] => Chroma::Planar(u.row(y / 2), v.row(y / 2)),
            [_, uv] => Chroma::Interleaved(uv.row(y / 2)),
            _ => Chroma::Neutral,
        };
        match out.row_pair_mut(y) {
            (first, Some(second)) => {
                rows.decode::<2, P>(k, [planes[0].row(y), planes[0].row(y + 1)], chroma, [first, second]);
            }
            (first, None) => rows.decode::<1, P>(k, [planes[0].row(y)], chroma, [first]),
        }
    }
}

#[inline(always)]
fn encode<const P: usize>(rows: impl Rows, k: &Encode, src: &Frame<'_>, dst: &mut FrameMut<'_>) {
    let rgb = src.planes()[0];
    let size = src.size();
    if dst.format() == PixelFormat::Yuyv422 {
        let mut luma = vec![0; 2 * size.width.div_ceil(2)];
        let mut chroma = vec![0; 2 * size.width.div_ceil(2)];
        for y in 0..size.height {
            rows.encode::<1, P>(k, [rgb.row(y)], [&mut luma[..size.width]], Chroma::Interleaved(&mut chroma));
            if size.width % 2 == 1 {
                luma[size.width] = luma[size.width - 1];
            }
            merge_yuyv(&luma, &chroma, dst.planes_mut()[0].row_mut(y));
        }
        return;
    }
    let [luma, chroma @ ..] = dst.planes_mut() else { unreachable!("every format has a plane") };
    for y in (0..size.height).step_by(2) {
        let chroma = chroma_rows(chroma, y / 2);
        match luma.row_pair_mut(y) {
            (first, Some(second)) => {
                rows.encode::<2, P>(k, [rgb.row(y), rgb.row(y + 1)], [first, second], chroma);
            }
            (first, None) => rows.encode::<1, P>(k, [rgb.row(y)], [first], chroma),
        }
    }
}

fn chroma_rows<'a>(planes: &'a mut [PlaneMut<'_>], y: usize) -> Chroma<&'a mut [u8]> {
    match planes {
        [u, v] => Chroma::Planar(u.row_mut(y), v.row_mut(y)),
        [uv] => Chroma::Interleaved(uv.row_mut(y)),
        _ => Chroma::Neutral,
    }
}
