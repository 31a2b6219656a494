//! Chat templates behind a C interface (include/zswarm_chat.h). Text goes in and out; panics stop here.

mod args;
mod budget;
mod conversation;
mod filters;
mod filters_numbers;
mod filters_sequences;
mod globals;
mod json;
mod methods;
mod ops;
mod rewrite;
mod source;
mod template;
mod tests;
mod text;
mod value;

use std::panic::{catch_unwind, AssertUnwindSafe};
use template::{Failure, FailureKind, Limits, Template};

/// Status codes of zswarm_chat.h.
const OK: i32 = 0;
const INVALID: i32 = 1;
const REFUSED: i32 = 2;
const TOO_LARGE: i32 = 3;
const OUT_OF_FUEL: i32 = 4;
const PANIC: i32 = 5;

#[repr(C)]
pub struct ZsChatText {
    data: *mut u8,
    len: usize,
}

#[repr(C)]
pub struct ZsChatLimits {
    fuel: u64,
    max_output_bytes: u64,
    now_unix_s: i64,
}

fn give(text: String, out: *mut ZsChatText) {
    let bytes = text.into_bytes().into_boxed_slice();
    let len = bytes.len();
    let data = Box::into_raw(bytes).cast::<u8>();
    // SAFETY: `out` points to a text of the caller's (contract of the header).
    unsafe { out.write(ZsChatText { data, len }) };
}

fn give_failure(failure: Failure, out: *mut ZsChatText) -> i32 {
    give(failure.message, out);
    match failure.kind {
        FailureKind::Invalid => INVALID,
        FailureKind::Refused => REFUSED,
        FailureKind::TooLarge => TOO_LARGE,
        FailureKind::OutOfFuel => OUT_OF_FUEL,
    }
}

fn guarded(out: *mut ZsChatText, work: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        give("the template engine failed on this template".into(), out);
        PANIC
    })
}

/// # Safety
/// `data` must point to `len` readable bytes, or `len` be 0.
unsafe fn text_at<'a>(data: *const u8, len: usize) -> Result<&'a str, Failure> {
    let bytes = if len == 0 { &[] } else { std::slice::from_raw_parts(data, len) };
    std::str::from_utf8(bytes).map_err(|_| Failure { kind: FailureKind::Invalid, message: "the text is not valid UTF-8".into() })
}

/// # Safety
/// As zswarm_chat.h says: `source` readable for `len` bytes; `template` and `message` writable.
#[no_mangle]
pub unsafe extern "C" fn zs_chat_compile(source: *const u8, len: usize, template: *mut *mut Template, message: *mut ZsChatText) -> i32 {
    guarded(message, || match text_at(source, len).and_then(template::compile) {
        Ok(compiled) => {
            template.write(Box::into_raw(Box::new(compiled)));
            OK
        }
        Err(failure) => give_failure(failure, message),
    })
}

/// # Safety
/// As zswarm_chat.h says: `template` from zs_chat_compile; `context` readable for `len` bytes; `limits` readable; `out` writable.
#[no_mangle]
pub unsafe extern "C" fn zs_chat_render(
    template: *const Template,
    context: *const u8,
    len: usize,
    limits: *const ZsChatLimits,
    out: *mut ZsChatText,
) -> i32 {
    guarded(out, || {
        let limits = &*limits;
        let limits = Limits { fuel: limits.fuel, output_bytes: limits.max_output_bytes, now_unix_s: limits.now_unix_s };
        match text_at(context, len).and_then(|context| conversation::render_json(&*template, context, limits)) {
            Ok(text) => {
                give(text, out);
                OK
            }
            Err(failure) => give_failure(failure, out),
        }
    })
}

/// # Safety
/// `template` must come from zs_chat_compile, and not be used again.
#[no_mangle]
pub unsafe extern "C" fn zs_chat_template_free(template: *mut Template) {
    if !template.is_null() {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(template))));
    }
}

/// # Safety
/// `text` must have been filled by a function of this library, and not been freed.
#[no_mangle]
pub unsafe extern "C" fn zs_chat_text_free(text: ZsChatText) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data, text.len)));
    }
}
