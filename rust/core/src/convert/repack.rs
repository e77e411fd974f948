//! RGB to RGB and YUV to YUV: bytes are rearranged, colours are kept.

use crate::color::{Color, Decode, Encode};
use crate::format::PixelFormat;
use crate::frame::{Frame, FrameMut};
use crate::plane::{Plane, PlaneMut};

/// Reorders channels; a new fourth one is 255.
#[inline(always)]
pub(super) fn rgb(src: &Frame<'_>, dst: &mut FrameMut<'_>) {
    let swap = src.format().is_blue_first() != dst.format().is_blue_first();
    let formats = (src.format().plane_channels(0), dst.format().plane_channels(0));
    let rows = src.planes()[0];
    let out = &mut dst.planes_mut()[0];
    for y in 0..rows.rows() {
        match formats {
            (3, 3) => pixels::<3, 3>(rows.row(y), out.row_mut(y), swap),
            (3, _) => pixels::<3, 4>(rows.row(y), out.row_mut(y), swap),
            (_, 3) => pixels::<4, 3>(rows.row(y), out.row_mut(y), swap),
            _ => pixels::<4, 4>(rows.row(y), out.row_mut(y), swap),
        }
    }
}

#[inline(always)]
fn pixels<const FROM: usize, const TO: usize>(from: &[u8], to: &mut [u8], swap: bool) {
    if !swap && FROM == TO {
        return to.copy_from_slice(from);
    }
    for (from, to) in from.chunks_exact(FROM).zip(to.chunks_exact_mut(TO)) {
        let (red, blue) = if swap { (from[2], from[0]) } else { (from[0], from[2]) };
        to[..3].copy_from_slice(&[red, from[1], blue]);
        if TO == 4 {
            to[3] = if FROM == 4 { from[3] } else { 255 };
        }
    }
}

/// Moves luma and chroma. `gray8` is full range; what has colour has the range of `color`.
#[inline(always)]
pub(super) fn yuv(src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) {
    use PixelFormat::{Gray8, Nv12, Yuv420p, Yuyv422};
    let height = src.size().height;
    let planes = src.planes();
    match (src.format(), planes, dst.format(), dst.planes_mut()) {
        (from, planes, to, out) if from == to => {
            for (plane, out) in planes.iter().zip(out) {
                copy(*plane, out);
            }
        }
        (Gray8, [gray], Yuyv422, [out]) => {
            let codes = luma_of_gray(color);
            for y in 0..height {
                for (pair, pixels) in out.row_mut(y).chunks_exact_mut(4).zip(gray.row(y).chunks(2)) {
                    let (first, last) = (pixels[0], pixels[pixels.len() - 1]);
                    pair.copy_from_slice(&[codes[usize::from(first)], 128, codes[usize::from(last)], 128]);
                }
            }
        }
        (Gray8, [gray], _, [luma, chroma @ ..]) => {
            map(*gray, luma, &luma_of_gray(color));
            for plane in chroma {
                for y in 0..plane.rows() {
                    plane.row_mut(y).fill(128);
                }
            }
        }
        (Yuyv422, [yuyv], Gray8, [gray]) => {
            let codes = gray_of_luma(color);
            for y in 0..height {
                for (gray, pixel) in gray.row_mut(y).iter_mut().zip(yuyv.row(y).chunks_exact(2)) {
                    *gray = codes[usize::from(pixel[0])];
                }
            }
        }
        (_, [luma, ..], Gray8, [gray]) => map(*luma, gray, &gray_of_luma(color)),
        (Yuv420p, [luma, u, v], Nv12, [luma_out, uv]) => {
            copy(*luma, luma_out);
            for y in 0..uv.rows() {
                merge_uv(u.row(y), v.row(y), uv.row_mut(y));
            }
        }
        (Nv12, [luma, uv], Yuv420p, [luma_out, u, v]) => {
            copy(*luma, luma_out);
            for y in 0..uv.rows() {
                split_uv(uv.row(y), u.row_mut(y), v.row_mut(y));
            }
        }
        (Yuyv422, [yuyv], _, [luma, chroma @ ..]) => {
            let pairs = src.size().halved().width;
            let (mut row, mut below) = (vec![0; 2 * pairs], vec![0; 2 * pairs]);
            for y in (0..height).step_by(2) {
                split_yuyv(yuyv.row(y), luma.row_mut(y), &mut row);
                if y + 1 < height {
                    split_yuyv(yuyv.row(y + 1), luma.row_mut(y + 1), &mut below);
                    for (chroma, below) in row.iter_mut().zip(&below) {
                        *chroma = (u16::from(*chroma) + u16::from(*below)).div_ceil(2) as u8;
                    }
                }
                match chroma {
                    [u, v] => split_uv(&row, u.row_mut(y / 2), v.row_mut(y / 2)),
                    [uv] => uv.row_mut(y / 2).copy_from_slice(&row),
                    _ => unreachable!("4:2:0 has one or two planes of chroma"),
                }
            }
        }
        (_, [luma, chroma @ ..], _, [yuyv]) => {
            let (width, pairs) = (src.size().width, src.size().halved().width);
            let (mut row, mut uv) = (vec![0; 2 * pairs], vec![0; 2 * pairs]);
            for y in 0..height {
                match chroma {
                    [u, v] => merge_uv(u.row(y / 2), v.row(y / 2), &mut uv),
                    [plane] => uv.copy_from_slice(plane.row(y / 2)),
                    _ => unreachable!("4:2:0 has one or two planes of chroma"),
                }
                row[..width].copy_from_slice(luma.row(y));
                row[2 * pairs - 1] = luma.row(y)[width - 1];
                merge_yuyv(&row, &uv, yuyv.row_mut(y));
            }
        }
        _ => unreachable!("frames have the planes of their format"),
    }
}

#[inline(always)]
fn copy(src: Plane<'_>, dst: &mut PlaneMut<'_>) {
    for y in 0..src.rows() {
        dst.row_mut(y).copy_from_slice(src.row(y));
    }
}

#[inline(always)]
fn map(src: Plane<'_>, dst: &mut PlaneMut<'_>, codes: &[u8; 256]) {
    for y in 0..src.rows() {
        for (dst, src) in dst.row_mut(y).iter_mut().zip(src.row(y)) {
            *dst = codes[usize::from(*src)];
        }
    }
}

/// The level of gray of each luma code.
fn gray_of_luma(color: Color) -> [u8; 256] {
    let k = Decode::new(color, false);
    std::array::from_fn(|y| k.gray(y as u8))
}

/// The luma code of each level of gray.
fn luma_of_gray(color: Color) -> [u8; 256] {
    let k = Encode::new(color, false);
    std::array::from_fn(|gray| k.luma([gray as u8; 3]))
}

/// U V U V to U and V.
#[inline(always)]
fn split_uv(uv: &[u8], u: &mut [u8], v: &mut [u8]) {
    for ((pair, u), v) in uv.chunks_exact(2).zip(u).zip(v) {
        (*u, *v) = (pair[0], pair[1]);
    }
}

/// U and V to U V U V.
#[inline(always)]
fn merge_uv(u: &[u8], v: &[u8], uv: &mut [u8]) {
    for ((pair, u), v) in uv.chunks_exact_mut(2).zip(u).zip(v) {
        (pair[0], pair[1]) = (*u, *v);
    }
}

/// Y U Y V to luma, as far as the row goes, and to U V U V.
#[inline(always)]
pub(super) fn split_yuyv(yuyv: &[u8], luma: &mut [u8], uv: &mut [u8]) {
    split_uv(yuyv, luma, uv);
    if luma.len() < uv.len() {
        // An odd row has no place for the luma of its last pair's second pixel.
        uv[luma.len()] = yuyv[2 * luma.len() + 1];
    }
}

/// Luma of whole pairs and U V U V to Y U Y V.
#[inline(always)]
pub(super) fn merge_yuyv(luma: &[u8], uv: &[u8], yuyv: &mut [u8]) {
    merge_uv(luma, uv, yuyv);
}
