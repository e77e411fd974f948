//! Entries out of JSON text, without building what is not looked at.

use super::entry::{DURATIONS, Entry, NOMINATED, Number, Text, valid};
use super::{Parser, RtcStats};
use jiter::{Jiter, JiterError, Peek};
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

/// Text that is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a JSON object of statistics entries by id: {}", self.0)
    }
}

impl std::error::Error for JsonError {}

/// Parses one report: an object of entries by id. Entries that are no objects are passed over.
///
/// # Errors
/// If the text is no such JSON; the parser then remembers what it did before.
pub fn parse(parser: &mut Parser, text: &[u8], now: f64) -> Result<RtcStats, JsonError> {
    let mut json = Jiter::new(text).with_allow_inf_nan();
    let mut sampling = parser.begin(now);
    read(&mut json, |id, entry| sampling.add(id, entry)).map_err(|error| {
        JsonError(format!("{} at {}", error.error_type, json.error_position(error.index)))
    })?;
    Ok(sampling.finish())
}

fn read<'j>(json: &mut Jiter<'j>, mut add: impl FnMut(&str, JsonEntry<'j>)) -> Result<(), JiterError> {
    let mut id = String::new();
    let mut more = keep(json.next_object()?, &mut id);
    while more {
        let peek = json.peek()?;
        if peek == Peek::Object {
            if let Some(entry) = read_entry(json)? {
                add(&id, entry);
            }
        } else {
            json.known_skip(peek)?;
        }
        more = keep(json.next_key()?, &mut id);
    }
    json.finish()
}

/// Copies a key, which the reader forgets with its next step; false at the end of the object.
fn keep(key: Option<&str>, to: &mut String) -> bool {
    to.clear();
    to.push_str(key.unwrap_or_default());
    key.is_some()
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

/// Members by a hash of their names. Most keys of a report are none of ours, so a miss must be cheap:
/// comparing with every name in turn would take longer than all the rest.
static MEMBERS: LazyLock<[Vec<(&'static str, Member)>; BUCKETS]> = LazyLock::new(|| {
    let mut buckets = [const { Vec::new() }; BUCKETS];
    let numbers = Number::ALL.iter().map(|&name| (name.name(), Member::Number(name)));
    let texts = Text::ALL.iter().map(|&name| (name.name(), Member::Text(name)));
    let others = [(DURATIONS, Member::Durations), (NOMINATED, Member::Nominated)];
    for (name, member) in numbers.chain(texts).chain(others) {
        buckets[bucket(name.as_bytes())].push((name, member));
    }
    buckets
});

const BUCKETS: usize = 256;

fn bucket(key: &[u8]) -> usize {
    match key {
        [first, .., last] => (key.len() * 7 + usize::from(*first) * 5 + usize::from(*last)) % BUCKETS,
        _ => 0,
    }
}

impl Member {
    fn of(key: &[u8]) -> Self {
        MEMBERS[bucket(key)]
            .iter()
            .find(|(name, _)| name.as_bytes() == key)
            .map_or(Self::Other, |&(_, member)| member)
    }
}

/// Reads one object; `None` if it turned out to be of a type that nobody looks at.
fn read_entry<'j>(json: &mut Jiter<'j>) -> Result<Option<JsonEntry<'j>>, JiterError> {
    let mut entry = JsonEntry::default();
    let mut wanted = true;
    let mut member = json.next_object_bytes()?.map(Member::of);
    while let Some(of) = member {
        let peek = json.peek()?;
        match of {
            _ if !wanted => json.known_skip(peek)?,
            Member::Number(name) if peek.is_num() => {
                entry.numbers[name as usize] = json.known_float(peek)?;
            }
            Member::Text(name) if peek == Peek::String => {
                let text = read_text(json)?;
                wanted = name != Text::Type || text.contains("-rtp") || text.contains("candidate");
                entry.texts[name as usize] = Some(text);
            }
            Member::Durations if peek == Peek::Object => entry.durations = read_durations(json)?,
            Member::Nominated => {
                entry.nominated = peek == Peek::True;
                json.known_skip(peek)?;
            }
            _ => json.known_skip(peek)?,
        }
        member = json.next_key_bytes()?.map(Member::of);
    }
    Ok(wanted.then_some(entry))
}

/// A string, borrowed from the text unless it has escapes.
fn read_text<'j>(json: &mut Jiter<'j>) -> Result<Cow<'j, str>, JiterError> {
    let start = json.current_index();
    let length = json.known_str()?.len();
    let raw = json.slice_to_current(start);
    if raw.len() == length + 2 {
        // Without escapes the text between the quotes is the string.
        if let Ok(text) = std::str::from_utf8(&raw[1..=length]) {
            return Ok(Cow::Borrowed(text));
        }
    }
    let mut again = Jiter::new(raw);
    Ok(Cow::Owned(again.next_str()?.to_owned()))
}

fn read_durations(json: &mut Jiter<'_>) -> Result<Vec<(String, f64)>, JiterError> {
    let mut durations = Vec::new();
    let mut reason = json.known_object()?.map(str::to_owned);
    while let Some(name) = reason {
        let peek = json.peek()?;
        if peek.is_num() {
            durations.extend(valid(json.known_float(peek)?).map(|seconds| (name, seconds)));
        } else {
            json.known_skip(peek)?;
        }
        reason = json.next_key()?.map(str::to_owned);
    }
    Ok(durations)
}

/// An entry read from text.
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
