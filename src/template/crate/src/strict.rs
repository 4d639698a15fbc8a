//! What minijinja lets through though a value in it is undefined (tojson, join, attributes that items have not, the printing
//! of lists), or though it is neither true nor false.
use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
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

/// Of a filter that goes by an attribute of each item: one that an item has not is an error, not a value of its own.
fn refuse_missing(state: &mut State, items: &Value, attribute: &Value) -> Result<(), Error> {
    let paths = attribute.to_string();
    for path in paths.split(',').map(str::trim) {
        let named: Kwargs = [("attribute", Value::from(path))].into_iter().collect();
        let found = state.apply_filter("map", &[items.clone(), named.into()])?;
        for (at, item) in found.try_iter()?.enumerate() {
            state.consume_fuel(1)?;
            if item.is_undefined() {
                let what = format!("item {at} (from 0) has no attribute '{path}'");
                return Err(Error::new(ErrorKind::UndefinedError, what));
            }
        }
    }
    Ok(())
}

/// Whether the attribute may be missing: it is asked for, or has a default.
fn may_miss(test: Option<&Value>, named: &Kwargs) -> bool {
    matches!(test.and_then(|t| t.as_str()), Some("defined" | "undefined")) || named.has("default")
}

/// `position`: of the attribute among the filter's arguments, when it may stand there without its name.
fn by_attribute(env: &mut Environment, name: &'static str, position: Option<usize>, filter: Value) {
    env.add_filter(name, move |state: &mut State, value: Value, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        // It is looked at twice, and may be an iterator.
        let items = if value.is_undefined() { value } else { state.apply_filter("list", &[value])? };
        let mut all: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
        let named = match all.last() {
            Some(last) if last.is_kwargs() => Kwargs::try_from(last.clone())?,
            _ => std::iter::empty::<(&str, Value)>().collect(),
        };
        let given: Vec<&Value> = all.iter().filter(|v| !v.is_kwargs()).collect();
        let by_name: Option<Value> = if named.has("attribute") { Some(named.peek("attribute")?) } else { None };
        let attribute = position.and_then(|at| given.get(at).map(|v| (*v).clone())).or(by_name);
        let attribute_of_keys = attribute.clone();
        let test = if name.ends_with("attr") { given.get(1).copied() } else { None };
        if let Some(attribute) = attribute.filter(|v| !v.is_none() && !v.is_undefined()) {
            if !may_miss(test, &named) {
                refuse_missing(state, &items, &attribute)?;
            }
        }
        if matches!(name, "sort" | "min" | "max") && !items.is_undefined() {
            refuse_mixed(state, &items, attribute_of_keys.as_ref())?;
        }
        all.insert(0, items);
        filter.call(state, &all)
    });
}

/// What Python compares with each other; none of the others.
fn comparable(value: &Value) -> u8 {
    match value.kind() {
        ValueKind::Bool | ValueKind::Number => 0,
        ValueKind::String => 1,
        ValueKind::Seq | ValueKind::Iterable => 2,
        _ => 3,
    }
}

/// Texts and numbers have no order among them.
fn refuse_mixed(state: &mut State, items: &Value, attribute: Option<&Value>) -> Result<(), Error> {
    let keys = match attribute {
        Some(path) if !path.to_string().contains(',') => {
            let named: Kwargs = [("attribute", path.clone())].into_iter().collect();
            state.apply_filter("map", &[items.clone(), named.into()])?
        }
        Some(_) => return Ok(()),
        None => items.clone(),
    };
    let mut first: Option<Value> = None;
    for key in keys.try_iter()? {
        state.consume_fuel(1)?;
        match &first {
            Some(one) if comparable(one) != comparable(&key) => {
                let what = format!("{one} and {key} have no order: they are of different kinds");
                return Err(Error::new(ErrorKind::InvalidOperation, what));
            }
            Some(_) => {}
            None => first = Some(key),
        }
    }
    Ok(())
}

/// As Python's: texts and objects have a length and items too.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Bytes)
}

/// Of pairs too.
fn urlencode(state: &mut State, value: &Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Seq {
        return Ok(Value::from(filters::urlencode(value)?));
    }
    let mut out: Vec<String> = Vec::new();
    for pair in value.try_iter()? {
        state.consume_fuel(1)?;
        if pair.len() != Some(2) || pair.kind() != ValueKind::Seq {
            return Err(Error::new(ErrorKind::InvalidOperation, "urlencode takes a text, an object or a list of pairs"));
        }
        let part = |at: usize| -> Result<String, Error> {
            let text = pair.get_item_by_index(at)?.to_string();
            filters::urlencode(&Value::from(text))
        };
        out.push(format!("{}={}", part(0)?, part(1)?));
    }
    Ok(Value::from(out.join("&")))
}

/// As Ansible's filter, which Jinja2 has not: what is no word for yes or no is an error.
fn to_bool(value: &Value) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("{value} is neither true nor false"));
    match value.kind() {
        ValueKind::Bool => Ok(value.clone()),
        ValueKind::None => Ok(value.clone()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        _ => match value.to_string().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" | "1.0" => Ok(Value::from(true)),
            "false" | "no" | "off" | "0" | "n" | "f" | "0.0" => Ok(Value::from(false)),
            _ => Err(unknown()),
        },
    }
}

pub fn add_to(env: &mut Environment) {
    env.add_filter("tojson", tojson);
    env.add_filter("join", join);
    env.add_filter("bool", to_bool);
    env.add_filter("urlencode", urlencode);
    env.add_test("sequence", is_sequence);
    by_attribute(env, "selectattr", Some(0), Value::from_function(filters::selectattr));
    by_attribute(env, "rejectattr", Some(0), Value::from_function(filters::rejectattr));
    by_attribute(env, "groupby", Some(0), Value::from_function(filters::groupby));
    by_attribute(env, "sum", Some(0), Value::from_function(filters::sum));
    by_attribute(env, "sort", None, Value::from_function(filters::sort));
    by_attribute(env, "unique", None, Value::from_function(filters::unique));
    by_attribute(env, "min", None, Value::from_function(filters::min));
    by_attribute(env, "max", None, Value::from_function(filters::max));
    env.set_formatter(print);
}
