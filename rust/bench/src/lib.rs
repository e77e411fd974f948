//! Peers of the core's conversion, for its own benches (`make bench-core`) and, as a C library, for those in Python.

#[cfg(feature = "libyuv")]
mod libyuv;
mod yuv_crate;

use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::size::Size;
use std::ffi::{CStr, c_char};

/// Converts a picture of even sides whose planes follow one another, limited BT.601; `None` if the peer cannot.
pub type Peer = fn(Size, PixelFormat, &[u8], PixelFormat, &mut [u8]) -> Option<()>;

/// Everybody who is there, by name.
pub const PEERS: &[(&str, Peer)] = &[
    ("yuv crate", yuv_crate::convert),
    #[cfg(feature = "libyuv")]
    ("libyuv", libyuv::convert),
];

/// A [`Peer`] by its name; false if there is none of that name, or if it cannot.
///
/// # Safety
/// The three words are strings that end with a zero, and `src` and `dst` point to pictures of that format and size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_convert(
    peer: *const c_char,
    width: usize,
    height: usize,
    from: *const c_char,
    src: *const u8,
    to: *const c_char,
    dst: *mut u8,
) -> bool {
    // SAFETY: the caller's promise.
    let word = |word| unsafe { CStr::from_ptr(word) }.to_str().ok();
    let format = |name| word(name).and_then(PixelFormat::from_name);
    let convert = || {
        let (_, convert) = PEERS.iter().find(|(name, _)| Some(*name) == word(peer))?;
        let (size, from, to) = (Size::new(width, height).ok()?, format(from)?, format(to)?);
        // SAFETY: the caller's promise.
        let (src, dst) = unsafe {
            (
                std::slice::from_raw_parts(src, from.packed_bytes(size)),
                std::slice::from_raw_parts_mut(dst, to.packed_bytes(size)),
            )
        };
        convert(size, from, src, to, dst)
    };
    convert().is_some()
}
