//! The C interface of Lemmy's template room: a set of Jinja2 templates, rendered with a JSON context; and schema.rs.
mod methods;
mod schema;
mod strict;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, OutputSpan, OutputSpanKind, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{io, slice, str};

pub struct Set {
    env: Environment<'static>,
    output_bytes: usize,
}

/// Bytes owned by this crate until `lemmy_jinja_free`.
#[repr(C)]
pub struct Text {
    data: *mut u8,
    size: usize,
}

fn give(text: String) -> Text {
    let boxed = text.into_bytes().into_boxed_slice();
    let size = boxed.len();
    Text { data: Box::into_raw(boxed) as *mut u8, size }
}

unsafe fn take<'a>(data: *const u8, size: usize) -> &'a str {
    if size == 0 {
        return "";
    }
    str::from_utf8(slice::from_raw_parts(data, size)).unwrap_or("")
}

/// Stops a render that writes too much.
struct Bounded {
    out: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.out.len() + bytes.len() > self.most {
            return Err(io::Error::new(io::ErrorKind::Other, "output limit"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The innermost error is where the fault is: an included template's error is the source of the includer's.
fn describe(error: &Error) -> String {
    let mut at = error;
    while let Some(inner) = std::error::Error::source(at).and_then(|e| e.downcast_ref::<Error>()) {
        at = inner;
    }
    let mut kind = format!("{:?}", at.kind());
    if matches!(at.kind(), ErrorKind::OutOfFuel) {
        kind = "OutOfFuel".into();
    } else if matches!(at.kind(), ErrorKind::WriteFailure) {
        kind = "TooLarge".into();
    }
    serde_json::json!({
        "kind": kind,
        "what": at.kind().to_string(),
        "detail": at.detail(),
        "template": at.name().or(error.name()),
        "line": at.line(),
        "start": at.range().map(|r| r.start),
        "end": at.range().map(|r| r.end),
    })
    .to_string()
}

fn panicked() -> String {
    serde_json::json!({"kind": "Panic", "what": "the template engine failed"}).to_string()
}

/// `sources` is a JSON array of [name, text]. On failure gives null and `error` (JSON).
///
/// # Safety
/// `sources` is readable for `size` bytes; `error` is writable.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_create(
    sources: *const u8, size: usize, fuel: u64, output_bytes: usize, recursion: usize, error: *mut Text,
) -> *mut Set {
    let made = catch_unwind(AssertUnwindSafe(|| -> Result<Set, String> {
        let list: Vec<(String, String)> =
            serde_json::from_str(take(sources, size)).map_err(|e| e.to_string())?;
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(fuel));
        env.set_recursion_limit(recursion);
        env.set_debug(true);
        strict::add_to(&mut env);
        env.add_function("joiner", minijinja_contrib::globals::joiner);
        env.set_unknown_method_callback(methods::call);
        env.set_auto_escape_callback(|name| {
            if name.ends_with(".html.j2") || name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        });
        for (name, text) in list {
            env.add_template_owned(name, text).map_err(|e| describe(&e))?;
        }
        Ok(Set { env, output_bytes })
    }));
    match made.unwrap_or_else(|_| Err(panicked())) {
        Ok(set) => Box::into_raw(Box::new(set)),
        Err(text) => {
            *error = give(text);
            std::ptr::null_mut()
        }
    }
}

type Names = BTreeMap<String, Value>;

/// What templates see: names and their values. Immutable.
pub struct Context {
    value: Value,
}

unsafe fn answer(out: *mut Text, work: impl FnOnce() -> Result<String, String>) -> bool {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()));
    let ok = done.is_ok();
    *out = give(done.unwrap_or_else(|error| error));
    ok
}

/// The names of `base` (may be null) and over them those of `names` (a JSON object). On failure gives null and
/// `error` (JSON).
///
/// # Safety
/// `base` comes from here; `names` is readable for `size` bytes; `error` is writable.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_context(
    base: *const Context, names: *const u8, size: usize, error: *mut Text,
) -> *mut Context {
    let made = catch_unwind(AssertUnwindSafe(|| -> Result<Context, String> {
        let names: Names = serde_json::from_str(take(names, size))
            .map_err(|e| serde_json::json!({"kind": "Context", "what": e.to_string()}).to_string())?;
        let mut all = base.as_ref().and_then(|b| b.value.downcast_object_ref::<Names>()).cloned().unwrap_or_default();
        all.extend(names);
        Ok(Context { value: Value::from_object(all) })
    }));
    match made.unwrap_or_else(|_| Err(panicked())) {
        Ok(context) => Box::into_raw(Box::new(context)),
        Err(text) => {
            *error = give(text);
            std::ptr::null_mut()
        }
    }
}

/// The names and their values as JSON, for what is told of an error.
///
/// # Safety
/// `context` comes from `lemmy_jinja_context`.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_context_text(context: *const Context) -> Text {
    let text = catch_unwind(AssertUnwindSafe(|| serde_json::to_string(&(*context).value).unwrap_or_default()));
    give(text.unwrap_or_default())
}

/// # Safety
/// `context` comes from `lemmy_jinja_context` and is dropped once.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_context_drop(context: *mut Context) {
    if !context.is_null() {
        drop(Box::from_raw(context));
    }
}

/// True: `out` is the rendered text. False: `out` is the error (JSON). May be called from any thread.
///
/// # Safety
/// `set` and `context` come from here; the name is readable; `out` is writable.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_render(
    set: *const Set, name: *const u8, name_size: usize, context: *const Context, out: *mut Text,
) -> bool {
    answer(out, || {
        let set = &*set;
        let value = (*context).value.clone();
        let template = set.env.get_template(take(name, name_size)).map_err(|e| describe(&e))?;
        let mut bounded = Bounded { out: Vec::new(), most: set.output_bytes };
        template.render_captured_to(value, &mut bounded).map_err(|e| describe(&e))?;
        String::from_utf8(bounded.out).map_err(|e| e.to_string())
    })
}

/// As above, but `out` says also which part of which template wrote what (JSON): {"text", "pieces": [[template,
/// whether it is literal, start and end in the output, start and end in the template], ...]}, in bytes.
///
/// # Safety
/// As above.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_trace(
    set: *const Set, name: *const u8, name_size: usize, context: *const Context, out: *mut Text,
) -> bool {
    answer(out, || {
        let set = &*set;
        let value = (*context).value.clone();
        let template = set.env.get_template(take(name, name_size)).map_err(|e| describe(&e))?;
        let (text, spans) = template.render_with_spans(value).map_err(|e| describe(&e))?;
        if text.len() > set.output_bytes {
            return Err(describe(&Error::from(ErrorKind::WriteFailure)));
        }
        let piece = |s: &OutputSpan| {
            let (made, from) = (s.output_range(), s.source_range());
            let literal = s.kind() == OutputSpanKind::Raw;
            serde_json::json!([s.name(), literal, made.start, made.end, from.start, from.end])
        };
        let pieces: Vec<_> = spans.iter().map(piece).collect();
        Ok(serde_json::json!({"text": text, "pieces": pieces}).to_string())
    })
}

/// # Safety
/// `text` was given by this crate and is freed once.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_free(text: Text) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data, text.size)));
    }
}

/// # Safety
/// `set` comes from `lemmy_jinja_create` and is dropped once.
#[no_mangle]
pub unsafe extern "C" fn lemmy_jinja_drop(set: *mut Set) {
    if !set.is_null() {
        drop(Box::from_raw(set));
    }
}
