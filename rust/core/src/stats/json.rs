//! Reads entries from JSON text without building values that nobody reads.

use super::entry::{DURATIONS, Entry, NOMINATED, Number, Text, valid};
use super::scan::Scanner;
use super::{Kind, Parser, RtcStats};
use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType};
use std::borrow::Cow;
use std::fmt;

/// Text that is not a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl JsonError {
    fn new(bytes: &[u8], error: &JiterError) -> Self {
        let position = Jiter::new(bytes).error_position(error.index);
        Self(format!("{} at {position}", error.error_type))
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a JSON object of statistics entries by id: {}", self.0)
    }
}

impl std::error::Error for JsonError {}

/// Parses one report: an object of entries by id. Entries that are not objects are ignored.
///
/// # Errors
/// If the text is not such JSON; the parser is then unchanged.
pub fn parse(parser: &mut Parser, text: &str, now: f64) -> Result<RtcStats, JsonError> {
    let mut sampling = parser.begin(now);
    read(&mut Scanner::new(text), |id, entry| sampling.add(id, entry))
        .map_err(|error| JsonError::new(text.as_bytes(), &error))?;
    Ok(sampling.finish())
}

/// As [`parse`], of bytes that should be UTF-8.
///
/// # Errors
/// As those of [`parse`], or if they are not.
pub fn parse_bytes(parser: &mut Parser, bytes: &[u8], now: f64) -> Result<RtcStats, JsonError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(parser, text, now),
        Err(error) => Err(JsonError::new(
            bytes,
            &JiterError {
                error_type: JiterErrorType::JsonError(JsonErrorType::InvalidUnicodeCodePoint),
                index: error.valid_up_to(),
            },
        )),
    }
}

fn read<'j>(json: &mut Scanner<'j>, mut add: impl FnMut(&str, &JsonEntry<'j>)) -> Result<(), JiterError> {
    let mut id = String::new();
    let mut entry = JsonEntry::default();
    let mut more = json.object(|key| id.push_str(key))?;
    while more.is_some() {
        match json.peek()? {
            b'{' => {
                if read_entry(json, &mut entry)? {
                    add(&id, &entry);
                }
            }
            first => json.skip(first)?,
        }
        id.clear();
        more = json.next_key(|key| id.push_str(key))?;
    }
    json.finish()
}

/// What a key of an entry stands for.
#[derive(Clone, Copy)]
enum Member {
    Number(Number),
    Text(Text),
    Durations,
    Nominated,
    Other,
}

static MEMBERS: [(&str, Member); Number::ALL.len() + Text::ALL.len() + 2] = {
    let mut members = [(DURATIONS, Member::Durations); Number::ALL.len() + Text::ALL.len() + 2];
    members[0] = (NOMINATED, Member::Nominated);
    let mut index = 0;
    while index < Number::ALL.len() {
        members[2 + index] = (Number::ALL[index].name(), Member::Number(Number::ALL[index]));
        index += 1;
    }
    index = 0;
    while index < Text::ALL.len() {
        members[2 + Number::ALL.len() + index] = (Text::ALL[index].name(), Member::Text(Text::ALL[index]));
        index += 1;
    }
    members
};

/// Members by a hash of their names, each in the first free slot from there on, as a table without collisions
/// would break with the next name. Most keys of a report are unknown, so a miss must be cheap: nearly
/// always it is one empty slot, or a name of another length.
static SLOTS: [Option<u8>; 256] = {
    let mut slots = [None; 256];
    let mut index = 0;
    while index < MEMBERS.len() {
        let mut slot = hash(MEMBERS[index].0.as_bytes());
        while slots[slot as usize].is_some() {
            slot = slot.wrapping_add(1);
        }
        slots[slot as usize] = Some(index as u8);
        index += 1;
    }
    slots
};

const fn hash(key: &[u8]) -> u8 {
    match key {
        [first, .., last] => {
            (key.len() as u8).wrapping_mul(7).wrapping_add(first.wrapping_mul(5)).wrapping_add(*last)
        }
        _ => 0,
    }
}

impl Member {
    #[inline]
    fn of(key: &str) -> Self {
        let key = key.as_bytes();
        let mut slot = hash(key);
        while let Some(index) = SLOTS[usize::from(slot)] {
            let (name, member) = MEMBERS[usize::from(index)];
            if name.as_bytes() == key {
                return member;
            }
            slot = slot.wrapping_add(1);
        }
        Self::Other
    }
}

/// Reads one object into `entry`; false if its type is of no interest.
fn read_entry<'j>(json: &mut Scanner<'j>, entry: &mut JsonEntry<'j>) -> Result<bool, JiterError> {
    *entry = JsonEntry::default();
    let mut member = json.object(Member::of)?;
    while let Some(of) = member {
        let first = json.peek()?;
        match of {
            Member::Number(name) if matches!(first, b'0'..=b'9' | b'-' | b'I' | b'N') => {
                entry.numbers[name as usize] = json.number()?;
            }
            Member::Text(name) if first == b'"' => {
                let text = json.string()?;
                if name == Text::Type && Kind::of(&text).is_none() {
                    pass_over(json)?;
                    return Ok(false);
                }
                entry.texts[name as usize] = Some(text);
            }
            Member::Durations if first == b'{' => entry.durations = read_durations(json)?,
            Member::Nominated => {
                entry.nominated = first == b't';
                json.skip(first)?;
            }
            _ => json.skip(first)?,
        }
        member = json.next_key(Member::of)?;
    }
    Ok(true)
}

/// The rest of an entry.
fn pass_over(json: &mut Scanner<'_>) -> Result<(), JiterError> {
    while json.next_key(|_| ())?.is_some() {
        let first = json.peek()?;
        json.skip(first)?;
    }
    Ok(())
}

fn read_durations(json: &mut Scanner<'_>) -> Result<Vec<(String, f64)>, JiterError> {
    let mut durations = Vec::new();
    let mut reason = json.object(str::to_owned)?;
    while let Some(name) = reason {
        match json.peek()? {
            b'0'..=b'9' | b'-' | b'I' | b'N' => {
                durations.extend(valid(json.number()?).map(|seconds| (name, seconds)));
            }
            first => json.skip(first)?,
        }
        reason = json.next_key(str::to_owned)?;
    }
    Ok(durations)
}

/// An entry read from text.
#[derive(Clone)]
struct JsonEntry<'j> {
    /// NaN where there is none.
    numbers: [f64; Number::ALL.len()],
    texts: [Option<Cow<'j, str>>; Text::ALL.len()],
    durations: Vec<(String, f64)>,
    nominated: bool,
}

impl Default for JsonEntry<'_> {
    fn default() -> Self {
        Self {
            numbers: [f64::NAN; Number::ALL.len()],
            texts: [const { None }; Text::ALL.len()],
            durations: Vec::new(),
            nominated: false,
        }
    }
}

impl Entry for JsonEntry<'_> {
    fn raw_number(&self, name: Number) -> Option<f64> {
        Some(self.numbers[name as usize])
    }

    fn with_text<R>(&self, name: Text, read: impl FnOnce(&str) -> R) -> Option<R> {
        self.texts[name as usize].as_deref().map(read)
    }

    fn is_nominated(&self) -> bool {
        self.nominated
    }

    fn durations(&self) -> Vec<(String, f64)> {
        self.durations.clone()
    }
}
