//! Python's methods of texts, paid for before they make something large.
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

pub fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        state.consume_fuel((result_size(text, name, args) / BYTES) as u64)?;
        if name == "format" && text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > DIGITS) {
            return Err(Error::new(ErrorKind::InvalidOperation, "a number in format() has too many digits"));
        }
    }
    unknown_method_callback(state, value, name, args)
}
