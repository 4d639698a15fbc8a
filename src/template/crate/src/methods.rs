//! Python's methods of texts, paid for before they make something large.
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Of one unit of fuel, as the engine counts.
const BYTES: usize = 64;
/// Digits of a width or an index in format(); the engine would make any width.
const DIGITS: usize = 4;

fn result_size(text: &str, name: &str, args: &[Value]) -> usize {
    match (name, args) {
        ("replace", [from, to, ..]) => {
            let (from, to) = (from.as_str().unwrap_or(""), to.as_str().unwrap_or(""));
            text.matches(from).count().saturating_mul(to.len())
        }
        ("join", [items, ..]) => items.len().unwrap_or(0).saturating_mul(text.len()),
        _ => 0,
    }
}

/// Python's str.zfill.
fn zfill(text: &str, width: &Value) -> Result<Value, Error> {
    let width = usize::try_from(width.clone())?;
    if width > 10_000 {
        return Err(Error::new(ErrorKind::InvalidOperation, "the width of zfill is too large"));
    }
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => text.split_at(text.len() - rest.len()),
        None => ("", text),
    };
    let missing = width.saturating_sub(text.chars().count());
    Ok(Value::from(format!("{sign}{}{digits}", "0".repeat(missing))))
}

/// Python's list.index, of one argument.
fn index(state: &mut State, items: &Value, wanted: &Value) -> Result<Value, Error> {
    for (at, item) in items.try_iter()?.enumerate() {
        state.consume_fuel(1)?;
        if item == *wanted {
            return Ok(Value::from(at));
        }
    }
    Err(Error::new(ErrorKind::InvalidOperation, format!("{wanted} is not in the list")))
}

pub fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match (name, args) {
        ("zfill", [width]) if value.kind() == ValueKind::String => return zfill(value.as_str().unwrap_or(""), width),
        ("index", [wanted]) if value.kind() == ValueKind::Seq => return index(state, value, wanted),
        _ => {}
    }
    if let Some(text) = value.as_str() {
        state.consume_fuel((result_size(text, name, args) / BYTES) as u64)?;
        if name == "format" && text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > DIGITS) {
            return Err(Error::new(ErrorKind::InvalidOperation, "a number in format() has too many digits"));
        }
    }
    unknown_method_callback(state, value, name, args)
}
