//! The marker's bits: number to cells and back, before any pixel.
//!
//! A row of 24 cells is a `u32` whose bit 23 is the leftmost cell:
//! four cells of sync (1010), sixteen of number, four of checksum.

/// Cells across, one pixel each.
pub const CELLS: usize = 24;
/// Rows that repeat the same cells, at the bottom of the picture.
pub const ROWS: usize = 4;

const SYNC: u32 = 0b1010;
const SYNC_SHIFT: u32 = 20;
const SEQ_SHIFT: u32 = 4;
/// The twenty bits that follow the sync.
const PAYLOAD: u32 = (1 << SYNC_SHIFT) - 1;

/// What a reader found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A marker whose checksum holds.
    Number(u16),
    /// A marker whose number cannot be told.
    Corrupted,
    /// No marker.
    Absent,
}

/// XOR of the four nibbles of `seq`.
#[must_use]
pub const fn checksum(seq: u16) -> u8 {
    let folded = seq ^ (seq >> 8);
    ((folded ^ (folded >> 4)) & 0xf) as u8
}

/// The cells that carry `seq`.
#[must_use]
pub const fn encode(seq: u16) -> u32 {
    (SYNC << SYNC_SHIFT) | ((seq as u32) << SEQ_SHIFT) | checksum(seq) as u32
}

/// The number of a row's twenty payload bits, if its checksum holds.
#[must_use]
pub const fn check(cells: u32) -> Option<u16> {
    let seq = ((cells & PAYLOAD) >> SEQ_SHIFT) as u16;
    if checksum(seq) as u32 == cells & 0xf { Some(seq) } else { None }
}

/// The reading of four thresholded rows: a row counts only if its sync is right, each payload bit
/// is a strict majority of the rows that count (a tie is 0).
#[must_use]
pub fn decode(rows: [u32; ROWS]) -> Reading {
    let mut valid = [0; ROWS];
    let mut count = 0;
    for row in rows {
        if row >> SYNC_SHIFT == SYNC {
            valid[count] = row;
            count += 1;
        }
    }
    // Rows that do not count are zero, so one expression a count covers all four slots.
    let [a, b, c, d] = valid;
    let voted = match count {
        0 => return Reading::Absent,
        1 => a,
        2 => a & b,
        3 => (a & b) | (c & (a | b)),
        _ => (a & b & (c | d)) | (c & d & (a | b)),
    };
    check(voted).map_or(Reading::Corrupted, Reading::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voted_one_by_one(rows: [u32; ROWS]) -> Reading {
        let valid: Vec<u32> = rows.into_iter().filter(|row| row >> 20 == 0b1010).collect();
        if valid.is_empty() {
            return Reading::Absent;
        }
        let payload = (0..20).fold(0, |bits, i| {
            let votes = valid.iter().filter(|row| *row >> i & 1 == 1).count();
            bits | u32::from(2 * votes > valid.len()) << i
        });
        let seq = (payload >> 4) as u16;
        let nibbles = (seq & 15) ^ (seq >> 4 & 15) ^ (seq >> 8 & 15) ^ (seq >> 12);
        if u32::from(nibbles) == payload & 15 { Reading::Number(seq) } else { Reading::Corrupted }
    }

    #[test]
    fn every_number_comes_back() {
        for seq in (0..=u16::MAX).step_by(if cfg!(miri) { 1021 } else { 1 }) {
            assert_eq!(decode([encode(seq); ROWS]), Reading::Number(seq));
        }
    }

    #[test]
    fn the_layout_is_the_published_one() {
        assert_eq!(encode(0x1234), 0b1010_0001_0010_0011_0100_0100);
        assert_eq!(encode(0), 0b1010 << 20);
    }

    #[test]
    fn votes_equal_counting_for_every_pattern_of_one_cell() {
        // Sync right or wrong in each row, and each row's say on one payload bit: 256 cases a bit.
        for bit in (0..20).step_by(if cfg!(miri) { 19 } else { 1 }) {
            for case in (0..256_u32).step_by(if cfg!(miri) { 5 } else { 1 }) {
                let rows = [0, 1, 2, 3].map(|row| {
                    let sync = if case >> row & 1 == 1 { 0b1010 } else { 0b1000 };
                    sync << 20 | (case >> (4 + row) & 1) << bit
                });
                assert_eq!(decode(rows), voted_one_by_one(rows), "{rows:?}");
            }
        }
    }
}
