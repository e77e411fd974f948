//! Python memory as planes: the only file of this crate with unsafe code.
//!
//! A guard holds a buffer export, so the memory can neither move nor go away while it lives, and hands out
//! [`Plane`]s over it. Guards are made while attached to the interpreter and may then be used detached.
//!
//! What the buffer protocol cannot promise is that no other thread writes to the memory meanwhile. That is
//! the callers' side of the contract, as it is with NumPy: while a call runs, nobody else writes to its
//! inputs or touches its outputs, the bytes between an output's rows included. Within one call
//! [`refuse_overlap`] makes sure of it.

use crate::error::{invalid, is_ordinary, value_error};
use pyo3::buffer::ElementType;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::FrameMut;
use realtime_fast_core::plane::Plane;
use realtime_fast_core::size::Size;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;

/// Room for an export on the stack of the call: PyO3's buffer lives on the heap, and allocating it takes
/// longer than reading a marker.
pub struct Slot(MaybeUninit<ffi::Py_buffer>);

impl Slot {
    /// Room for one export.
    pub const EMPTY: Self = Self(MaybeUninit::uninit());
}

/// An exported buffer of bytes whose rows run forward.
struct Export<'a> {
    /// Points into a slot, where it stays: exporters may let `shape` and `strides` point to the view's own fields.
    view: NonNull<ffi::Py_buffer>,
    /// Bytes from the first element to the end of the last one.
    span: usize,
    /// The slot is taken, and the interpreter attached, until the export is released.
    held: PhantomData<(&'a mut Slot, Python<'a>)>,
}

impl Drop for Export<'_> {
    fn drop(&mut self) {
        // SAFETY: `get` filled the view, it has not moved since, and this is the one release.
        unsafe { ffi::PyBuffer_Release(self.view.as_ptr()) }
    }
}

impl<'a> Export<'a> {
    // Always inlined, as the other steps below are: what they return would go through memory, and reading it back
    // at once in other widths than it was written takes longer than the steps themselves.
    #[inline(always)]
    fn get(slot: &'a mut Slot, name: &str, obj: &Bound<'a, PyAny>) -> PyResult<Self> {
        let view = NonNull::from(&mut slot.0).cast();
        // SAFETY: attached, as `obj` proves, and the slot has room for a view.
        if unsafe { ffi::PyObject_GetBuffer(obj.as_ptr(), view.as_ptr(), ffi::PyBUF_FULL_RO) } != 0 {
            return Err(not_bytes(name, obj, PyErr::fetch(obj.py())));
        }
        let mut export = Self { view, span: 0, held: PhantomData };
        if export.view().shape.is_null() || export.view().strides.is_null() {
            return Err(not_bytes(name, obj, PyBufferError::new_err("shape or strides are missing")));
        }
        let format = export.format();
        // The usual spelling first, the parser for others after it.
        let is_unsigned = format == c"B"
            || matches!(ElementType::from_format(format), ElementType::UnsignedInteger { bytes: 1 });
        let item_bytes = export.view().itemsize;
        if !is_unsigned || item_bytes != 1 {
            return Err(invalid(format!(
                "{name}: expected elements of uint8 (format 'B'), got format '{}' of {item_bytes} bytes each",
                format.to_string_lossy(),
            )));
        }
        if export.suboffsets().iter().any(|&offset| offset >= 0) {
            return Err(invalid(format!("{name}: expected one block of memory, got suboffsets")));
        }
        export.span = span(export.shape(), export.strides()).ok_or_else(|| {
            invalid(format!(
                "{name}: expected strides that run forward, got {:?}; numpy.ascontiguousarray makes such a copy",
                export.strides()
            ))
        })?;
        Ok(export)
    }

    fn view(&self) -> &ffi::Py_buffer {
        // SAFETY: filled by `get`, and nobody writes to it before the release.
        unsafe { self.view.as_ref() }
    }

    fn format(&self) -> &CStr {
        let format = self.view().format;
        // SAFETY: an exporter gives a string that ends with a zero and lives as long as the export, or none.
        if format.is_null() { c"B" } else { unsafe { CStr::from_ptr(format) } }
    }

    fn axes(&self) -> usize {
        self.view().ndim as usize
    }

    fn shape(&self) -> &[usize] {
        // SAFETY: not null (checked by `get`), one size for each axis, for as long as the export lives; sizes
        // are not negative and so the same bits without a sign.
        unsafe { std::slice::from_raw_parts(self.view().shape.cast(), self.axes()) }
    }

    fn strides(&self) -> &[isize] {
        // SAFETY: not null (checked by `get`), one stride for each axis, for as long as the export lives.
        unsafe { std::slice::from_raw_parts(self.view().strides, self.axes()) }
    }

    fn suboffsets(&self) -> &[isize] {
        let suboffsets = self.view().suboffsets;
        if suboffsets.is_null() {
            return &[];
        }
        // SAFETY: not null, one offset for each axis, for as long as the export lives.
        unsafe { std::slice::from_raw_parts(suboffsets, self.axes()) }
    }

    fn start(&self) -> *mut u8 {
        // Exporters of empty buffers may give a null pointer, which no slice may have.
        if self.span == 0 { std::ptr::NonNull::dangling().as_ptr() } else { self.view().buf.cast() }
    }

    fn range(&self) -> Range<usize> {
        let start = self.start() as usize;
        start..start + self.span
    }

    /// The stride of `rows` rows of `row_bytes` bytes in this buffer.
    ///
    /// A flat buffer is laid out as the caller says (`stride`, else without padding). One with more axes
    /// must have a row on its first axis and bytes without gaps on the others.
    #[inline(always)]
    fn stride(&self, name: &str, row_bytes: usize, rows: usize, stride: Option<usize>) -> PyResult<usize> {
        let (shape, strides) = (self.shape(), self.strides());
        if shape.len() <= 1 {
            if strides.first().is_some_and(|&step| step != 1) && self.span > 1 {
                return Err(invalid(format!(
                    "{name}: expected bytes without gaps, got a step of {} bytes",
                    strides[0]
                )));
            }
            return Ok(stride.unwrap_or(row_bytes));
        }
        let got = shape[1..].iter().product::<usize>();
        if shape[0] != rows || got != row_bytes {
            return Err(invalid(format!(
                "{name}: expected {rows} rows of {row_bytes} bytes, got shape {shape:?}"
            )));
        }
        let mut step = 1;
        for (&length, &got) in shape[1..].iter().zip(&strides[1..]).rev() {
            if length > 1 && got != step as isize {
                return Err(invalid(format!(
                    "{name}: expected rows without gaps between their bytes, got strides {strides:?}; \
                     numpy.ascontiguousarray makes such a copy"
                )));
            }
            step *= length;
        }
        Ok(if rows > 1 { strides[0] as usize } else { row_bytes })
    }

    /// Whether the elements follow one another without gaps.
    fn is_packed(&self) -> bool {
        // SAFETY: the view is filled.
        let is_c_contiguous = || unsafe { ffi::PyBuffer_IsContiguous(self.view(), b'C' as c_char) } != 0;
        self.span as isize == self.view().len && is_c_contiguous()
    }

    fn check_packed(&self, name: &str) -> PyResult<()> {
        if self.is_packed() {
            return Ok(());
        }
        Err(invalid(format!(
            "{name}: expected contiguous bytes, got strides {:?} for shape {:?}",
            self.strides(),
            self.shape()
        )))
    }
}

fn not_bytes(name: &str, obj: &Bound<'_, PyAny>, cause: PyErr) -> PyErr {
    if !is_ordinary(obj.py(), &cause) {
        return cause;
    }
    let error = invalid(format!(
        "{name}: expected a buffer of uint8, got {}",
        obj.get_type().name().map_or_else(|_| "an unnamed type".into(), |name| name.to_string())
    ));
    error.set_cause(obj.py(), Some(cause));
    error
}

/// Bytes from the first element to the end of the last, `None` if a stride is negative.
fn span(shape: &[usize], strides: &[isize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let mut last = 0usize;
    for (&length, &stride) in shape.iter().zip(strides) {
        if length > 1 {
            last = last.checked_add(usize::try_from(stride).ok()?.checked_mul(length - 1)?)?;
        }
    }
    last.checked_add(1)
}

/// A buffer to read from.
pub struct ReadBuf<'a>(Export<'a>);

impl<'a> ReadBuf<'a> {
    /// Holds the buffer of `obj`, called `name` in errors.
    pub fn get(slot: &'a mut Slot, name: &str, obj: &Bound<'a, PyAny>) -> PyResult<Self> {
        Ok(Self(Export::get(slot, name, obj)?))
    }

    /// The same buffer to write to, if it may be.
    #[inline(always)]
    pub fn writable(self, name: &str) -> PyResult<WriteBuf<'a>> {
        if self.0.view().readonly != 0 {
            return Err(invalid(format!("{name}: expected a writable buffer, got a read-only one")));
        }
        Ok(WriteBuf(self.0))
    }

    /// Its axes.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// All bytes from the first element to the last, gaps included.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY:
        // - the export holds the memory in place for as long as `self` lives, and with it this slice;
        // - `span` bytes from the start lie inside it, by the exporter's shape and strides;
        // - nobody writes meanwhile: the module's contract.
        unsafe { std::slice::from_raw_parts(self.0.start(), self.0.span) }
    }

    /// All bytes, which must follow one another without gaps.
    pub fn packed_bytes(&self, name: &str) -> PyResult<&[u8]> {
        self.0.check_packed(name)?;
        Ok(self.bytes())
    }

    /// The buffer as `rows` rows of `row_bytes` bytes; `stride` counts for flat buffers only.
    pub fn plane(
        &self,
        name: &'static str,
        row_bytes: usize,
        rows: usize,
        stride: Option<usize>,
    ) -> PyResult<Plane<'_>> {
        let stride = self.0.stride(name, row_bytes, rows, stride)?;
        Plane::new(name, self.bytes(), row_bytes, rows, stride).map_err(value_error)
    }
}

/// A buffer to write to.
pub struct WriteBuf<'a>(Export<'a>);

impl WriteBuf<'_> {
    /// All bytes from the first element to the last, gaps included.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY:
        // - the export is writable (checked when it was made) and holds the memory in place for as long as
        //   `self` lives, and with it this slice;
        // - `span` bytes from the start lie inside it, by the exporter's shape and strides;
        // - nobody else touches it meanwhile: `refuse_overlap` within this call, the module's contract
        //   beyond it, `&mut self` against this guard itself.
        unsafe { std::slice::from_raw_parts_mut(self.0.start(), self.0.span) }
    }

    /// All bytes, which must follow one another without gaps.
    pub fn packed_bytes_mut(&mut self, name: &str) -> PyResult<&mut [u8]> {
        self.0.check_packed(name)?;
        Ok(self.bytes_mut())
    }
}

/// The picture whose planes `buffers` hold; `strides` count for flat buffers only.
pub fn frame_mut<'a>(
    format: PixelFormat,
    size: Size,
    buffers: &'a mut [WriteBuf<'_>],
    strides: [Option<usize>; 3],
) -> PyResult<FrameMut<'a>> {
    let mut steps = [0; 3];
    for (index, (buffer, name)) in buffers.iter().zip(format.plane_names()).enumerate() {
        let (rows, row_bytes) = format.plane_shape(size, index);
        steps[index] = buffer.0.stride(name, row_bytes, rows, strides[index])?;
    }
    let planes = buffers.iter_mut().map(WriteBuf::bytes_mut).zip(steps);
    FrameMut::strided(format, size, planes).map_err(value_error)
}

/// Refuses outputs that share memory with an input or with one another.
///
/// Must be called before any of the guards hands out a slice.
pub fn refuse_overlap(reads: &[ReadBuf<'_>], writes: &[WriteBuf<'_>]) -> PyResult<()> {
    for (index, write) in writes.iter().enumerate() {
        let taken = write.0.range();
        let shares = |other: Range<usize>| taken.start < other.end && other.start < taken.end;
        if let Some(read) = reads.iter().find(|read| shares(read.0.range())) {
            return Err(overlap("input", &taken, &read.0.range()));
        }
        if let Some(other) = writes[..index].iter().find(|other| shares(other.0.range())) {
            return Err(overlap("other output", &taken, &other.0.range()));
        }
    }
    Ok(())
}

fn overlap(what: &str, taken: &Range<usize>, other: &Range<usize>) -> PyErr {
    let shared = taken.end.min(other.end) - taken.start.max(other.start);
    invalid(format!("output: expected memory apart from the {what}, got {shared} bytes in common"))
}
