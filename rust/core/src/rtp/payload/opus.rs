//! Opus: RFC 7587, one packet a payload.

use super::Fragment;
use crate::rtp::wire::Malformed;

/// Ticks a second of every Opus stream's timestamps.
pub const CLOCK_RATE: u32 = 48_000;

/// The longest sound of one packet: 120 ms.
const MAX_TICKS: u32 = 5760;

pub(super) fn inspect(payload: &[u8]) -> Result<Fragment, Malformed> {
    match payload {
        [] => Err(Malformed::new("Opus payload", "at least 1 byte", 0)),
        _ => Ok(Fragment { starts: true, key: true, ..Fragment::default() }),
    }
}

pub(super) fn assemble<'a>(
    payloads: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    for (index, payload) in payloads.into_iter().enumerate() {
        inspect(payload)?;
        if index > 0 {
            return Err(Malformed::new("Opus", "one payload", index + 1));
        }
        out.extend_from_slice(payload);
    }
    Ok(())
}

/// How long a packet sounds, in ticks of [`CLOCK_RATE`]: RFC 6716 section 3. `None` if it is malformed.
#[must_use]
pub fn duration(packet: &[u8]) -> Option<u32> {
    let [toc, rest @ ..] = packet else { return None };
    let frame = match toc >> 3 {
        // SILK, hybrid and CELT each have sizes of their own.
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * frames).filter(|ticks| (1..=MAX_TICKS).contains(ticks))
}
