//! The `yuv` crate as a [`Peer`](crate::Peer).

use realtime_fast_core::format::PixelFormat::{self, Bgr24, Bgra, Nv12, Rgb24, Rgba, Yuv420p};
use realtime_fast_core::size::Size;
use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvPlanarImage,
    YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
};

const RANGE: YuvRange = YuvRange::Limited;
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt601;
const MODE: YuvConversionMode = YuvConversionMode::Balanced;

fn planar(size: Size, data: &[u8]) -> YuvPlanarImage<'_, u8> {
    let (y_plane, chroma) = data.split_at(size.width * size.height);
    let (u_plane, v_plane) = chroma.split_at(chroma.len() / 2);
    let (width, height) = (size.width as u32, size.height as u32);
    YuvPlanarImage {
        y_plane,
        y_stride: width,
        u_plane,
        u_stride: width / 2,
        v_plane,
        v_stride: width / 2,
        width,
        height,
    }
}

fn planar_mut(size: Size, data: &mut [u8]) -> YuvPlanarImageMut<'_, u8> {
    let (y_plane, chroma) = data.split_at_mut(size.width * size.height);
    let (u_plane, v_plane) = chroma.split_at_mut(chroma.len() / 2);
    let (width, height) = (size.width as u32, size.height as u32);
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y_plane),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u_plane),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(v_plane),
        v_stride: width / 2,
        width,
        height,
    }
}

fn woven(size: Size, data: &[u8]) -> YuvBiPlanarImage<'_, u8> {
    let (y_plane, uv_plane) = data.split_at(size.width * size.height);
    let (width, height) = (size.width as u32, size.height as u32);
    YuvBiPlanarImage { y_plane, y_stride: width, uv_plane, uv_stride: width, width, height }
}

fn woven_mut(size: Size, data: &mut [u8]) -> YuvBiPlanarImageMut<'_, u8> {
    let (y_plane, uv_plane) = data.split_at_mut(size.width * size.height);
    let (width, height) = (size.width as u32, size.height as u32);
    YuvBiPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y_plane),
        y_stride: width,
        uv_plane: BufferStoreMut::Borrowed(uv_plane),
        uv_stride: width,
        width,
        height,
    }
}

pub fn convert(size: Size, from: PixelFormat, src: &[u8], to: PixelFormat, dst: &mut [u8]) -> Option<()> {
    let (three, four) = (3 * size.width as u32, 4 * size.width as u32);
    let result = match (from, to) {
        (Yuv420p, Rgb24) => yuv::yuv420_to_rgb(&planar(size, src), dst, three, RANGE, MATRIX),
        (Yuv420p, Bgr24) => yuv::yuv420_to_bgr(&planar(size, src), dst, three, RANGE, MATRIX),
        (Yuv420p, Rgba) => yuv::yuv420_to_rgba(&planar(size, src), dst, four, RANGE, MATRIX),
        (Yuv420p, Bgra) => yuv::yuv420_to_bgra(&planar(size, src), dst, four, RANGE, MATRIX),
        (Nv12, Rgb24) => yuv::yuv_nv12_to_rgb(&woven(size, src), dst, three, RANGE, MATRIX, MODE),
        (Nv12, Bgr24) => yuv::yuv_nv12_to_bgr(&woven(size, src), dst, three, RANGE, MATRIX, MODE),
        (Nv12, Rgba) => yuv::yuv_nv12_to_rgba(&woven(size, src), dst, four, RANGE, MATRIX, MODE),
        (Nv12, Bgra) => yuv::yuv_nv12_to_bgra(&woven(size, src), dst, four, RANGE, MATRIX, MODE),
        (Rgb24, Yuv420p) => yuv::rgb_to_yuv420(&mut planar_mut(size, dst), src, three, RANGE, MATRIX, MODE),
        (Bgr24, Yuv420p) => yuv::bgr_to_yuv420(&mut planar_mut(size, dst), src, three, RANGE, MATRIX, MODE),
        (Rgba, Yuv420p) => yuv::rgba_to_yuv420(&mut planar_mut(size, dst), src, four, RANGE, MATRIX, MODE),
        (Bgra, Yuv420p) => yuv::bgra_to_yuv420(&mut planar_mut(size, dst), src, four, RANGE, MATRIX, MODE),
        (Rgb24, Nv12) => yuv::rgb_to_yuv_nv12(&mut woven_mut(size, dst), src, three, RANGE, MATRIX, MODE),
        (Bgr24, Nv12) => yuv::bgr_to_yuv_nv12(&mut woven_mut(size, dst), src, three, RANGE, MATRIX, MODE),
        (Rgba, Nv12) => yuv::rgba_to_yuv_nv12(&mut woven_mut(size, dst), src, four, RANGE, MATRIX, MODE),
        (Bgra, Nv12) => yuv::bgra_to_yuv_nv12(&mut woven_mut(size, dst), src, four, RANGE, MATRIX, MODE),
        _ => return None,
    };
    result.ok()
}
