//! H.264: RFC 6184, single NAL units, aggregates (STAP-A) and fragments (FU-A) of packetization mode 1.

use super::{Fragment, even};
use crate::rtp::wire::{Malformed, u16_at};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Of a NAL unit's first byte: its type, and the rest (forbidden bit and importance).
const TYPE: u8 = 0x1f;
const IMPORTANCE: u8 = 0x60;

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Of a fragment's second byte.
const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;

/// Bytes that a fragment has before its part of the NAL unit.
const FRAGMENT_HEADER: usize = 2;
/// Bytes of an aggregate before its first NAL unit, and before each.
const AGGREGATE_HEADER: usize = 1;
const LENGTH: usize = 2;

/// A payload as it is on the wire.
enum Payload<'a> {
    Single(&'a [u8]),
    /// NAL units, each behind its length.
    Aggregate(&'a [u8]),
    Part {
        header: u8,
        first: bool,
        last: bool,
        part: &'a [u8],
    },
}

impl<'a> Payload<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let [first, rest @ ..] = payload else {
            return Err(Malformed::new("H.264 payload", "at least 1 byte", 0));
        };
        match (first & TYPE, rest) {
            (1..=23, _) => Ok(Self::Single(payload)),
            (STAP_A, units) => Ok(Self::Aggregate(units)),
            (FU_A, [fragment, part @ ..]) if is_unit(*fragment) => Ok(Self::Part {
                header: first & !TYPE | fragment & TYPE,
                first: fragment & FIRST != 0,
                last: fragment & LAST != 0,
                part,
            }),
            (FU_A, _) => Err(Malformed::new("H.264 fragment", "a part of a NAL unit", payload.len())),
            (other, _) => Err(Malformed::new("type of an H.264 payload", "1 to 24, or 28", other.into())),
        }
    }
}

/// The NAL units of an aggregate.
fn units(mut aggregate: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    std::iter::from_fn(move || {
        if aggregate.is_empty() {
            return None;
        }
        let unit = u16_at(aggregate, 0)
            .and_then(|len| aggregate[LENGTH..].split_at_checked(len.into()))
            .filter(|(unit, _)| unit.first().is_some_and(|header| is_unit(*header)));
        let Some((unit, rest)) = unit else {
            let got = std::mem::take(&mut aggregate).len();
            return Some(Err(Malformed::new("H.264 aggregate", "NAL units as long as they say", got)));
        };
        aggregate = rest;
        Some(Ok(unit))
    })
}

pub(super) fn inspect(payload: &[u8]) -> Result<Fragment, Malformed> {
    let mut fragment = Fragment::default();
    match Payload::parse(payload)? {
        Payload::Single(unit) => {
            fragment.starts = may_start(unit[0], &unit[1..]);
            fragment.key = is_key(unit[0]);
        }
        Payload::Aggregate(aggregate) => {
            for (index, unit) in units(aggregate).enumerate() {
                let unit = unit?;
                fragment.starts |= index == 0 && may_start(unit[0], &unit[1..]);
                fragment.key |= is_key(unit[0]);
            }
        }
        Payload::Part { header, first, part, .. } => {
            fragment.starts = first && may_start(header, part);
            fragment.key = is_key(header);
        }
    }
    Ok(fragment)
}

/// Whether a payload has a sequence parameter set: nothing that a decoder needs of its picture comes before.
#[must_use]
pub fn has_parameters(payload: &[u8]) -> bool {
    let is_parameters = |unit: &[u8]| unit[0] & TYPE == SPS;
    match Payload::parse(payload) {
        Ok(Payload::Single(unit)) => is_parameters(unit),
        Ok(Payload::Aggregate(aggregate)) => units(aggregate).flatten().any(is_parameters),
        Ok(Payload::Part { .. }) | Err(_) => false,
    }
}

/// Prepares a payload for losing its last bytes, which belong to its last NAL unit: an aggregate says how long that is.
/// False if there is not more of it than that; the payload is then as it was.
pub(in crate::rtp) fn shorten(payload: &mut [u8], bytes: usize) -> bool {
    match Payload::parse(payload) {
        Ok(Payload::Single(unit)) => unit.len() > bytes,
        Ok(Payload::Part { part, .. }) => part.len() > bytes,
        Ok(Payload::Aggregate(aggregate)) => {
            let Some(Ok(unit)) = units(aggregate).last() else { return false };
            let Some(left @ 1..) = unit.len().checked_sub(bytes) else { return false };
            let at = payload.len() - unit.len() - LENGTH;
            payload[at..at + LENGTH].copy_from_slice(&(left as u16).to_be_bytes());
            true
        }
        Err(_) => false,
    }
}

/// Whether a header is that of a NAL unit, not of something that RFC 6184 makes of them.
fn is_unit(header: u8) -> bool {
    (1..STAP_A).contains(&(header & TYPE))
}

fn is_key(header: u8) -> bool {
    matches!(header & TYPE, IDR | SPS)
}

/// Whether a NAL unit can be a picture's first: it is no slice, or the slice with the first macroblock, whose number
/// 0 is a single bit in Exp-Golomb code (ITU-T H.264 section 7.3.3).
fn may_start(header: u8, body: &[u8]) -> bool {
    match header & TYPE {
        SLICE..=IDR => body.first().is_some_and(|byte| byte & 0x80 != 0),
        _ => true,
    }
}

pub(super) fn assemble<'a>(
    payloads: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    // The header of the NAL unit whose fragments are being joined.
    let mut open = None;
    for payload in payloads {
        let payload = Payload::parse(payload)?;
        let continues = matches!(payload, Payload::Part { first: false, .. });
        if continues != open.is_some() {
            let expected = "fragments from the first to the last, with nothing between";
            return Err(Malformed::new("H.264 picture", expected, out.len()));
        }
        match payload {
            Payload::Single(unit) => push(unit, out),
            Payload::Aggregate(aggregate) => {
                for unit in units(aggregate) {
                    push(unit?, out);
                }
            }
            Payload::Part { header, first, last, part } => {
                if first {
                    push(&[header], out);
                } else if open != Some(header) {
                    let expected = "fragments of one NAL unit";
                    return Err(Malformed::new("H.264 picture", expected, header.into()));
                }
                out.extend_from_slice(part);
                open = (!last).then_some(header);
            }
        }
    }
    match open {
        None => Ok(()),
        Some(header) => Err(Malformed::new("H.264 picture", "the last fragment", header.into())),
    }
}

fn push(unit: &[u8], out: &mut Vec<u8>) {
    out.extend(START_CODE);
    out.extend_from_slice(unit);
}

/// The NAL units of a byte stream (ITU-T H.264 annex B), without start codes and the zeros between.
///
/// # Errors
/// [`Malformed`] if there is anything but zeros before the first start code.
pub fn nal_units(stream: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Malformed> {
    let (before, mut rest) = split_at_start_code(stream);
    if before.iter().any(|byte| *byte != 0) {
        let expected = "zeros before its first start code";
        return Err(Malformed::new("H.264 byte stream", expected, before.len()));
    }
    Ok(std::iter::from_fn(move || {
        while let Some(units) = rest {
            let (unit, tail) = split_at_start_code(units);
            rest = tail;
            // A NAL unit never ends with a zero: those belong to the start code after it.
            let end = unit.iter().rposition(|byte| *byte != 0);
            if let Some(end) = end {
                return Some(&unit[..=end]);
            }
        }
        None
    }))
}

/// What is before the next start code of three bytes, and what is after.
fn split_at_start_code(stream: &[u8]) -> (&[u8], Option<&[u8]>) {
    // Looks at every third byte where it can: only a 0 or 1 can be the end of a start code or just before it.
    let mut at = 2;
    while let Some(byte) = stream.get(at) {
        match byte {
            0 => at += 1,
            1 if stream[at - 2..at] == [0, 0] => return (&stream[..at - 2], Some(&stream[at + 1..])),
            _ => at += 3,
        }
    }
    (stream, None)
}

pub(super) fn packetize(picture: &[u8], budget: usize, payloads: &mut Vec<Vec<u8>>) -> Result<(), Malformed> {
    let Some(room @ 1..) = budget.checked_sub(FRAGMENT_HEADER) else {
        return Err(Malformed::new("budget of an H.264 payload", "at least 3 bytes", budget));
    };
    // Lengths inside of an aggregate have 16 bits.
    let budget = budget.min(u16::MAX.into());
    // Whether the last payload is one that small NAL units still join.
    let mut open = false;
    for unit in nal_units(picture)? {
        if !is_unit(unit[0]) {
            return Err(Malformed::new("type of a NAL unit", "1 to 23", (unit[0] & TYPE).into()));
        }
        if unit.len() > budget {
            fragment(unit, room, payloads);
            open = false;
            continue;
        }
        if !(open && payloads.last_mut().is_some_and(|last| join(last, unit, budget))) {
            payloads.push(unit.to_vec());
        }
        open = true;
    }
    Ok(())
}

/// Cuts a NAL unit.
fn fragment(unit: &[u8], room: usize, payloads: &mut Vec<Vec<u8>>) {
    let (header, body) = (unit[0], &unit[1..]);
    let (count, size) = even(body.len(), room);
    for (index, part) in body.chunks(size).enumerate() {
        let first = if index == 0 { FIRST } else { 0 };
        let last = if index + 1 == count { LAST } else { 0 };
        let mut payload = Vec::with_capacity(FRAGMENT_HEADER + part.len());
        payload.extend([header & !TYPE | FU_A, header & TYPE | first | last]);
        payload.extend_from_slice(part);
        payloads.push(payload);
    }
}

/// Puts a NAL unit behind those of a payload, if it fits.
fn join(payload: &mut Vec<u8>, unit: &[u8], budget: usize) -> bool {
    let single = payload[0] & TYPE != STAP_A;
    let header = if single { AGGREGATE_HEADER + LENGTH } else { 0 };
    if payload.len() + header + LENGTH + unit.len() > budget {
        return false;
    }
    if single {
        let [upper, lower] = (payload.len() as u16).to_be_bytes();
        payload.splice(..0, [payload[0] & !TYPE | STAP_A, upper, lower]);
    }
    payload.extend((unit.len() as u16).to_be_bytes());
    payload.extend_from_slice(unit);
    // As important as its most important unit, and as broken as any (section 5.7.1).
    let forbidden = (payload[0] | unit[0]) & !TYPE & !IMPORTANCE;
    let importance = (payload[0] & IMPORTANCE).max(unit[0] & IMPORTANCE);
    payload[0] = forbidden | importance | STAP_A;
    true
}
