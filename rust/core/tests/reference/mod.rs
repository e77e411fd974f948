//! Statistics out of JSON text the plain way: jiter reads every member of every entry into maps.

use jiter::{Jiter, JiterError, Peek};
use realtime_fast_core::stats::{DURATIONS, Entry, NOMINATED, Number, Parser, RtcStats, Text};
use std::collections::HashMap;

#[derive(Clone, Default)]
struct PlainEntry {
    numbers: HashMap<String, f64>,
    texts: HashMap<String, String>,
    durations: Vec<(String, f64)>,
    nominated: bool,
}

impl Entry for PlainEntry {
    fn raw_number(&self, name: Number) -> Option<f64> {
        self.numbers.get(name.name()).copied()
    }

    fn with_text<R>(&self, name: Text, read: impl FnOnce(&str) -> R) -> Option<R> {
        self.texts.get(name.name()).map(|text| read(text))
    }

    fn is_nominated(&self) -> bool {
        self.nominated
    }

    fn durations(&self) -> Vec<(String, f64)> {
        self.durations.clone()
    }
}

/// The sample, or what the error should say.
pub fn parse(parser: &mut Parser, bytes: &[u8], now: f64) -> Result<RtcStats, String> {
    if let Err(error) = std::str::from_utf8(bytes) {
        let position = Jiter::new(bytes).error_position(error.valid_up_to());
        return Err(format!("invalid unicode code point at {position}"));
    }
    let mut json = Jiter::new(bytes).with_allow_inf_nan();
    let mut sampling = parser.begin(now);
    let mut read = || {
        let mut id = json.next_object()?.map(str::to_owned);
        while let Some(of) = id {
            let peek = json.peek()?;
            if peek != Peek::Object {
                json.known_skip(peek)?;
            } else if let Some(entry) = read_entry(&mut json)? {
                sampling.add(&of, &entry);
            }
            id = json.next_key()?.map(str::to_owned);
        }
        json.finish()
    };
    read().map_err(|error| format!("{} at {}", error.error_type, json.error_position(error.index)))?;
    Ok(sampling.finish())
}

/// One entry, read up to the member that says it is of a type that nobody looks at; the rest is only checked.
fn read_entry(json: &mut Jiter<'_>) -> Result<Option<PlainEntry>, JiterError> {
    let mut entry = PlainEntry::default();
    let mut wanted = true;
    let mut key = json.next_object()?.map(str::to_owned);
    while let Some(name) = key {
        let peek = json.peek()?;
        let known = |name: &str| Number::from_name(name).is_some();
        if !wanted {
            json.known_skip(peek)?;
        } else if known(&name) && peek.is_num() {
            entry.numbers.insert(name, json.known_float(peek)?);
        } else if Text::from_name(&name).is_some() && peek == Peek::String {
            let text = json.known_str()?.to_owned();
            wanted = name != Text::Type.name() || text.contains("-rtp") || text.contains("candidate");
            entry.texts.insert(name, text);
        } else if name == DURATIONS && peek == Peek::Object {
            entry.durations = read_durations(json)?;
        } else {
            entry.nominated = if name == NOMINATED { peek == Peek::True } else { entry.nominated };
            json.known_skip(peek)?;
        }
        key = json.next_key()?.map(str::to_owned);
    }
    Ok(wanted.then_some(entry))
}

fn read_durations(json: &mut Jiter<'_>) -> Result<Vec<(String, f64)>, JiterError> {
    let mut durations = Vec::new();
    let mut key = json.next_object()?.map(str::to_owned);
    while let Some(name) = key {
        let peek = json.peek()?;
        if peek.is_num() {
            let seconds = json.known_float(peek)?;
            if seconds >= 0.0 && seconds.is_finite() {
                durations.push((name, seconds));
            }
        } else {
            json.known_skip(peek)?;
        }
        key = json.next_key()?.map(str::to_owned);
    }
    Ok(durations)
}
