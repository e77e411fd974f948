//! The one place where errors of the core become Python exceptions.

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use realtime_fast_core::Error;

pyo3::import_exception!(realtime_fast.errors, InvalidInputError);

/// An `InvalidInputError` (a `ValueError`) that says what was expected and what came.
pub fn invalid(message: impl Into<String>) -> PyErr {
    InvalidInputError::new_err(message.into())
}

/// The exception for an error of the core.
pub fn value_error(error: Error) -> PyErr {
    match error {
        Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        _ => invalid(error.to_string()),
    }
}

/// Whether an error may be answered here: `KeyboardInterrupt` and the like are for the program.
pub fn is_ordinary(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py)
}
