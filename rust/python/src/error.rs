//! The one place where errors of the core become Python exceptions.

use pyo3::PyErr;
use realtime_fast_core::Error;

pyo3::import_exception!(realtime_fast.errors, InvalidInputError);

/// An `InvalidInputError` (a `ValueError`) that says what was expected and what came.
pub fn invalid(message: impl Into<String>) -> PyErr {
    InvalidInputError::new_err(message.into())
}

/// The exception for an error of the core.
pub fn value_error(error: Error) -> PyErr {
    invalid(error.to_string())
}
