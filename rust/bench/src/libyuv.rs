//! libyuv as a [`Peer`](crate::Peer). Its names say the order in a little-endian word: what it calls RAW is
//! R G B in memory, RGB24 is B G R, ABGR is R G B A and ARGB is B G R A.

use realtime_fast_core::format::PixelFormat::{self, Bgr24, Bgra, Nv12, Rgb24, Rgba, Yuv420p};
use realtime_fast_core::size::Size;
use std::ffi::c_int;

type FromPlanar = unsafe extern "C" fn(
    *const u8,
    c_int,
    *const u8,
    c_int,
    *const u8,
    c_int,
    *mut u8,
    c_int,
    c_int,
    c_int,
) -> c_int;
type ToPlanar = unsafe extern "C" fn(
    *const u8,
    c_int,
    *mut u8,
    c_int,
    *mut u8,
    c_int,
    *mut u8,
    c_int,
    c_int,
    c_int,
) -> c_int;
type FromWoven =
    unsafe extern "C" fn(*const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int) -> c_int;
type ToWoven = unsafe extern "C" fn(*const u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int) -> c_int;

macro_rules! functions {
    ($(fn $name:ident: $($argument:ty),+;)+) => {
        #[allow(non_snake_case, reason = "libyuv's names")]
        #[link(name = "yuv")]
        unsafe extern "C" {
            $(fn $name($(_: $argument),+) -> c_int;)+
        }
    };
}

functions! {
    fn I420ToRAW: *const u8, c_int, *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn I420ToRGB24: *const u8, c_int, *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn I420ToABGR: *const u8, c_int, *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn I420ToARGB: *const u8, c_int, *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn NV12ToRAW: *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn NV12ToRGB24: *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn NV12ToABGR: *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn NV12ToARGB: *const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int;
    fn RAWToI420: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
    fn RGB24ToI420: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
    fn ABGRToI420: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
    fn ARGBToI420: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
    fn ABGRToNV12: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
    fn ARGBToNV12: *const u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int;
}

enum Function {
    FromPlanar(FromPlanar),
    ToPlanar(ToPlanar),
    FromWoven(FromWoven),
    ToWoven(ToWoven),
}

pub fn convert(size: Size, from: PixelFormat, src: &[u8], to: PixelFormat, dst: &mut [u8]) -> Option<()> {
    use Function::{FromPlanar, FromWoven, ToPlanar, ToWoven};
    let (function, pixel) = match (from, to) {
        (Yuv420p, Rgb24) => (FromPlanar(I420ToRAW), 3),
        (Yuv420p, Bgr24) => (FromPlanar(I420ToRGB24), 3),
        (Yuv420p, Rgba) => (FromPlanar(I420ToABGR), 4),
        (Yuv420p, Bgra) => (FromPlanar(I420ToARGB), 4),
        (Nv12, Rgb24) => (FromWoven(NV12ToRAW), 3),
        (Nv12, Bgr24) => (FromWoven(NV12ToRGB24), 3),
        (Nv12, Rgba) => (FromWoven(NV12ToABGR), 4),
        (Nv12, Bgra) => (FromWoven(NV12ToARGB), 4),
        (Rgb24, Yuv420p) => (ToPlanar(RAWToI420), 3),
        (Bgr24, Yuv420p) => (ToPlanar(RGB24ToI420), 3),
        (Rgba, Yuv420p) => (ToPlanar(ABGRToI420), 4),
        (Bgra, Yuv420p) => (ToPlanar(ARGBToI420), 4),
        (Rgba, Nv12) => (ToWoven(ABGRToNV12), 4),
        (Bgra, Nv12) => (ToWoven(ARGBToNV12), 4),
        _ => return None,
    };
    let luma = size.width * size.height;
    let (width, height) = (size.width as c_int, size.height as c_int);
    let row = pixel as c_int * width;
    let (yuv, rgb) = if from.is_rgb() { (dst.len(), src.len()) } else { (src.len(), dst.len()) };
    let even = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
    assert!(
        even && yuv == luma * 3 / 2 && rgb == luma * pixel,
        "buffers of the picture's size, which is even"
    );
    let (read, write) = (src.as_ptr(), dst.as_mut_ptr());
    // SAFETY: the buffers hold pictures of this size in these formats, as just asserted, and libyuv reads and
    // writes within the strides, width and height it is given.
    let result = unsafe {
        match function {
            FromPlanar(call) => {
                let (u, v) = (read.add(luma), read.add(luma * 5 / 4));
                call(read, width, u, width / 2, v, width / 2, write, row, width, height)
            }
            ToPlanar(call) => {
                let (u, v) = (write.add(luma), write.add(luma * 5 / 4));
                call(read, row, write, width, u, width / 2, v, width / 2, width, height)
            }
            FromWoven(call) => call(read, width, read.add(luma), width, write, row, width, height),
            ToWoven(call) => call(read, row, write, width, write.add(luma), width, width, height),
        }
    };
    (result == 0).then_some(())
}
