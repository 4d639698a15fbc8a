//! What minijinja lets through though a value in it is undefined: tojson, join, and the printing of lists.
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{escape_formatter, filters, Environment, Error, ErrorKind, Output, State, Value};

const DEEPEST: usize = 64;

/// Refuses a value that is undefined, or holds one that is.
fn refuse_undefined(state: &mut State, value: &Value, depth: usize) -> Result<(), Error> {
    if value.is_undefined() {
        // The filter's own error knows which expression was undefined.
        state.apply_filter("length", &[value.clone()])?;
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
        return Ok(());
    }
    if depth == DEEPEST {
        return Err(Error::new(ErrorKind::InvalidOperation, "the value is nested too deep"));
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        state.consume_fuel(1)?;
        let item = if is_map { value.get_item(&item)? } else { item };
        refuse_undefined(state, &item, depth + 1)?;
    }
    Ok(())
}

fn tojson(state: &mut State, value: &Value, indent: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    refuse_undefined(state, value, 0)?;
    let text = filters::tojson(value, indent, kwargs)?;
    state.consume_fuel(text.as_str().map_or(0, str::len) as u64 / 4)?;
    Ok(text)
}

fn join(
    state: &mut State, value: Value, separator: Option<Value>, attribute: Option<Value>, named: Kwargs,
) -> Result<Value, Error> {
    let separator = separator.or(named.get("d")?);
    let attribute = attribute.or(named.get("attribute")?);
    named.assert_all_used()?;
    // An attribute that an item has not is undefined as well.
    let items = match attribute {
        Some(attribute) => {
            let named: Kwargs = [("attribute", attribute)].into_iter().collect();
            state.apply_filter("map", &[value, named.into()])?
        }
        None => value,
    };
    refuse_undefined(state, &items, 0)?;
    Value::from_function(filters::join).call(state, &[items, separator.into()])
}

fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
        refuse_undefined(state, value, 0)?;
    }
    escape_formatter(out, state, value)
}

pub fn add_to(env: &mut Environment) {
    env.add_filter("tojson", tojson);
    env.add_filter("join", join);
    env.set_formatter(print);
}
