//! Where strings may end, found 64 bytes at a time.

use wide::u8x64;

/// Walks over the bytes of a text that end a plain run of string: quotes, backslashes and control characters.
///
/// They are found without looking at what is between, so that reading one string does not have to wait for the
/// end of the one before.
pub(super) struct Stops<'j> {
    bytes: &'j [u8],
    /// Where the current block begins.
    base: usize,
    /// A bit for each stop of the block that has not been passed.
    left: u64,
}

impl<'j> Stops<'j> {
    pub(super) fn new(bytes: &'j [u8]) -> Self {
        Self { bytes, base: 0, left: stops(bytes, 0) }
    }

    /// The next stop, which is passed with that; the text's length if there is none.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        while self.left == 0 {
            if self.bytes.len() - self.base <= 64 {
                return self.bytes.len();
            }
            self.base += 64;
            self.left = stops(self.bytes, self.base);
        }
        let stop = self.base + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        stop
    }

    /// Goes on, or back, to `at`.
    #[cold]
    #[inline(never)]
    pub(super) fn seek(&mut self, at: usize) {
        self.base = at / 64 * 64;
        self.left = stops(self.bytes, self.base) & (u64::MAX << (at % 64));
    }
}

/// A bit for each of the 64 bytes from `base` on that is a stop.
#[inline(always)]
fn stops(bytes: &[u8], base: usize) -> u64 {
    match bytes.get(base..).and_then(<[u8]>::first_chunk) {
        Some(block) => block_stops(*block),
        None => tail_stops(bytes, base),
    }
}

#[cold]
fn tail_stops(bytes: &[u8], base: usize) -> u64 {
    let mut block = [b' '; 64];
    let tail = &bytes[base..];
    block[..tail.len()].copy_from_slice(tail);
    block_stops(block)
}

#[inline(always)]
fn block_stops(block: [u8; 64]) -> u64 {
    let block = u8x64::from(block);
    let control = block.min(u8x64::splat(0x1f)).simd_eq(block);
    (block.simd_eq(u8x64::splat(b'"')) | block.simd_eq(u8x64::splat(b'\\')) | control).to_bitmask()
}
