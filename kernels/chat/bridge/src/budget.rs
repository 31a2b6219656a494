//! What one rendering may use: a count of bytes built, kept per thread while a template runs.
//!
//! minijinja counts instructions (fuel) but not what one instruction builds: a filter may make a string of gigabytes. Every
//! operation of ours that builds or walks something charges its size here first. The first limit that is hit is remembered, so
//! that the caller can tell a limit from a mistake in the template.

use minijinja::{Error, ErrorKind};
use std::cell::{Cell, RefCell};

thread_local! {
    static BYTES_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static TOO_LARGE: Cell<bool> = const { Cell::new(false) };
    static REFUSAL: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Starts the account of one rendering.
pub fn begin(bytes: u64) {
    BYTES_LEFT.with(|left| left.set(bytes));
    TOO_LARGE.with(|flag| flag.set(false));
    REFUSAL.with(|text| *text.borrow_mut() = None);
}

/// Takes `bytes` from the account, before they are allocated.
pub fn charge(bytes: usize) -> Result<(), Error> {
    BYTES_LEFT.with(|left| match left.get().checked_sub(bytes as u64) {
        Some(rest) => {
            left.set(rest);
            Ok(())
        }
        None => {
            TOO_LARGE.with(|flag| flag.set(true));
            Err(Error::new(ErrorKind::InvalidOperation, "the template builds more text than is allowed"))
        }
    })
}

/// Whether a charge failed since begin().
pub fn too_large() -> bool {
    TOO_LARGE.with(Cell::get)
}

/// The template refused the conversation with words of its own (raise_exception).
pub fn set_refusal(text: String) {
    REFUSAL.with(|refusal| *refusal.borrow_mut() = Some(text));
}

pub fn take_refusal() -> Option<String> {
    REFUSAL.with(|refusal| refusal.borrow_mut().take())
}
