//! The C interface of JSON Schema (https://json-schema.org, by default draft 2020-12). Patterns are matched in linear
//! time, and no reference to another document is followed.
use crate::{answer, give, take, Text};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{json, Value};
use std::panic::{catch_unwind, AssertUnwindSafe};

const MOST_FAULTS: usize = 20;
const MOST_SHOWN: usize = 400;

pub struct Schema {
    validator: Validator,
}

fn shorten(text: String) -> String {
    if text.len() <= MOST_SHOWN {
        return text;
    }
    let mut end = MOST_SHOWN;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_string() + "…"
}

/// Gives null and `error` (a sentence) when the text is no schema.
///
/// # Safety
/// `text` is readable for `size` bytes; `error` is writable.
#[no_mangle]
pub unsafe extern "C" fn lemmy_schema_create(text: *const u8, size: usize, error: *mut Text) -> *mut Schema {
    let made = catch_unwind(AssertUnwindSafe(|| -> Result<Schema, String> {
        let schema: Value = serde_json::from_str(take(text, size)).map_err(|e| e.to_string())?;
        let validator = jsonschema::options()
            .with_draft(Draft::default().detect(&schema))
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(&schema)
            .map_err(|e| {
                let at = e.instance_path().as_str().to_string();
                shorten(if at.is_empty() { e.to_string() } else { format!("{at}: {e}") })
            })?;
        Ok(Schema { validator })
    }))
    .unwrap_or_else(|_| Err("the schema engine failed".into()));
    match made {
        Ok(schema) => Box::into_raw(Box::new(schema)),
        Err(what) => {
            *error = give(what);
            std::ptr::null_mut()
        }
    }
}

/// `out` is a JSON list of what is wrong with the value, [{"path": JSON pointer, "what"}], or a sentence when false.
/// May be called from any thread.
///
/// # Safety
/// `schema` comes from `lemmy_schema_create`; `value` is readable for `size` bytes; `out` is writable.
#[no_mangle]
pub unsafe extern "C" fn lemmy_schema_check(
    schema: *const Schema, value: *const u8, size: usize, out: *mut Text,
) -> bool {
    answer(out, || {
        let value: Value = serde_json::from_str(take(value, size)).map_err(|e| e.to_string())?;
        let faults: Vec<Value> = (*schema)
            .validator
            .iter_errors(&value)
            .take(MOST_FAULTS)
            .map(|e| json!({"path": e.instance_path().as_str(), "what": shorten(e.to_string())}))
            .collect();
        Ok(Value::from(faults).to_string())
    })
}

/// # Safety
/// `schema` comes from `lemmy_schema_create` and is dropped once.
#[no_mangle]
pub unsafe extern "C" fn lemmy_schema_drop(schema: *mut Schema) {
    if !schema.is_null() {
        drop(Box::from_raw(schema));
    }
}
