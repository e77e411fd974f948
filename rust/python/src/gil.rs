//! When to release the interpreter.

use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// Below this many bytes the work is done before another thread could make use of the interpreter.
const DETACH_BYTES: usize = 16 * 1024;

/// Runs `work` with the interpreter released if it touches many bytes.
///
/// Getting the interpreter back can cost a whole switch interval when other threads compute, far more than
/// a small picture takes.
pub fn detach_if_large<T: Ungil>(py: Python<'_>, bytes: usize, work: impl Ungil + FnOnce() -> T) -> T {
    if bytes >= DETACH_BYTES { py.detach(work) } else { work() }
}
