//! A scanner for JSON text most of which is skipped.
//!
//! What reports consist of (plain strings, short numbers, the three literals) is scanned here. Everything
//! rare (escapes, exponents, signs, NaN, arrays) and every error is left to jiter, from the position where
//! it begins. What is accepted, its value, and the kind and position of an error are therefore jiter's; the
//! fuzz target compares the two.

use super::stops::Stops;
use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType};
use std::borrow::Cow;

type Result<T> = std::result::Result<T, JiterError>;

/// A position in JSON text.
///
/// [`peek`](Self::peek) tells what comes next, one of the other methods takes it.
pub(super) struct Scanner<'j> {
    text: &'j str,
    at: usize,
    stops: Stops<'j>,
}

impl<'j> Scanner<'j> {
    /// At the beginning of `text`.
    pub fn new(text: &'j str) -> Self {
        Self { text, at: 0, stops: Stops::new(text.as_bytes()) }
    }

    /// The byte that the next value begins with.
    ///
    /// # Errors
    /// At the end of the text.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<u8> {
        match self.visible() {
            Some(byte) => Ok(byte),
            None => Err(fault(JsonErrorType::EofWhileParsingValue, self.at)),
        }
    }

    /// Shows the first key of an object to `look`; `None` if the object is empty.
    ///
    /// # Errors
    /// If what comes next is not an object, or a malformed one.
    #[inline(always)]
    pub fn object<R>(&mut self, look: impl FnOnce(&str) -> R) -> Result<Option<R>> {
        if self.peek()? != b'{' {
            return self.jiter(|jiter| jiter.next_object().map(|_| None));
        }
        self.at += 1;
        match self.visible() {
            Some(b'"') => self.key(look).map(Some),
            Some(b'}') => {
                self.at += 1;
                Ok(None)
            }
            Some(_) => Err(fault(JsonErrorType::KeyMustBeAString, self.at)),
            None => Err(fault(JsonErrorType::EofWhileParsingObject, self.at)),
        }
    }

    /// Shows the next key of an object, after a value, to `look`; `None` at the end of the object.
    ///
    /// # Errors
    /// If neither a key nor the end comes next.
    #[inline(always)]
    pub fn next_key<R>(&mut self, look: impl FnOnce(&str) -> R) -> Result<Option<R>> {
        match self.visible() {
            Some(b',') => {
                self.at += 1;
                match self.visible() {
                    Some(b'"') => self.key(look).map(Some),
                    Some(b'}') => Err(fault(JsonErrorType::TrailingComma, self.at)),
                    Some(_) => Err(fault(JsonErrorType::KeyMustBeAString, self.at)),
                    None => Err(fault(JsonErrorType::EofWhileParsingValue, self.at)),
                }
            }
            Some(b'}') => {
                self.at += 1;
                Ok(None)
            }
            Some(_) => Err(fault(JsonErrorType::ExpectedObjectCommaOrEnd, self.at)),
            None => Err(fault(JsonErrorType::EofWhileParsingObject, self.at)),
        }
    }

    /// Takes a string, whose opening quote is next.
    ///
    /// # Errors
    /// If it is malformed.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Cow<'j, str>> {
        match self.plain_string() {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => self.jiter(|jiter| jiter.next_str().map(|text| Cow::Owned(text.to_owned()))),
        }
    }

    /// Takes a number, whose first byte is next.
    ///
    /// # Errors
    /// If it is malformed.
    #[inline(always)]
    pub fn number(&mut self) -> Result<f64> {
        match self.plain_number() {
            Some(number) => Ok(number),
            None => self.jiter(Jiter::next_float),
        }
    }

    /// Skips the value that begins with `first`, which is next.
    ///
    /// # Errors
    /// If it is malformed.
    #[inline(always)]
    pub fn skip(&mut self, first: u8) -> Result<()> {
        let plain = match first {
            b'"' => self.plain_string().is_some(),
            b'0'..=b'9' => self.plain_number().is_some(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => false,
        };
        if plain { Ok(()) } else { self.jiter(Jiter::next_skip) }
    }

    /// The end of the text, or whitespace up to it.
    ///
    /// # Errors
    /// If there is more.
    pub fn finish(&mut self) -> Result<()> {
        match self.visible() {
            Some(_) => Err(fault(JsonErrorType::TrailingCharacters, self.at)),
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn key<R>(&mut self, look: impl FnOnce(&str) -> R) -> Result<R> {
        let looked = match self.plain_string() {
            Some(plain) => look(plain),
            None => self.jiter(|jiter| jiter.next_str().map(look))?,
        };
        match self.visible() {
            Some(b':') => {
                self.at += 1;
                Ok(looked)
            }
            Some(_) => Err(fault(JsonErrorType::ExpectedColon, self.at)),
            None => Err(fault(JsonErrorType::EofWhileParsingObject, self.at)),
        }
    }

    /// Takes a string without escapes, whose opening quote is next; `None` leaves it.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<&'j str> {
        if self.stops.next() != self.at {
            // Whitespace was between, or something that jiter took.
            self.stops.seek(self.at + 1);
        }
        let end = self.stops.next();
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        let plain = &self.text[self.at + 1..end];
        self.at = end + 1;
        Some(plain)
    }

    /// Takes a number of digits with at most one point, if it takes but one rounding; `None` leaves it.
    #[inline(always)]
    fn plain_number(&mut self) -> Option<f64> {
        let bytes = self.text.as_bytes();
        let (whole, point) = digits(bytes, self.at, 0);
        if point == self.at || point - self.at > 1 && bytes[self.at] == b'0' {
            return None;
        }
        let (mantissa, end) = match bytes.get(point) {
            Some(b'.') => digits(bytes, point + 1, whole),
            _ => (whole, point),
        };
        // 19 digits fit 64 bits, and 53 bits fit a double.
        let decimals = end.saturating_sub(point + 1);
        let exact = end - self.at <= 19 && (decimals == 0 || mantissa <= 1 << 53);
        if !exact || end == point + 1 || matches!(bytes.get(end), Some(b'e' | b'E')) {
            return None;
        }
        self.at = end;
        Some(mantissa as f64 / TENS[decimals])
    }

    /// Takes one of the three literals; false leaves what comes next.
    #[inline(always)]
    fn word(&mut self, word: &str) -> bool {
        let is_next = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// The next byte that is no whitespace.
    #[inline(always)]
    fn visible(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at..) {
            Some(&[byte, ..]) if byte > b' ' => Some(byte),
            Some(&[b' ', byte, ..]) if byte > b' ' => {
                self.at += 1;
                Some(byte)
            }
            _ => self.pass_whitespace(),
        }
    }

    #[cold]
    #[inline(never)]
    fn pass_whitespace(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                next => return next.copied(),
            }
        }
    }

    /// Has jiter take what comes next.
    #[inline(always)]
    fn jiter<T>(&mut self, take: impl FnOnce(&mut Jiter<'j>) -> Result<T>) -> Result<T> {
        let (taken, end) = with_jiter(self.text.as_bytes(), self.at, take)?;
        self.at = end;
        Ok(taken)
    }
}

#[cold]
#[inline(never)]
fn with_jiter<'j, T>(
    bytes: &'j [u8],
    at: usize,
    take: impl FnOnce(&mut Jiter<'j>) -> Result<T>,
) -> Result<(T, usize)> {
    let mut jiter = Jiter::new(&bytes[at..]).with_allow_inf_nan();
    match take(&mut jiter) {
        Ok(taken) => Ok((taken, at + jiter.current_index())),
        Err(error) => Err(JiterError { index: at + error.index, ..error }),
    }
}

#[cold]
fn fault(what: JsonErrorType, index: usize) -> JiterError {
    JiterError { error_type: JiterErrorType::JsonError(what), index }
}

/// Powers of ten that a double holds exactly.
const TENS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// Appends the digits at `at` to `value`, which wraps around if they are too many.
#[inline(always)]
fn digits(bytes: &[u8], at: usize, mut value: u64) -> (u64, usize) {
    let mut count = 0;
    for byte in &bytes[at..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, at + count)
}
