//! Checks requests against the API model's shapes, with AWS's error messages (facts, section 3.6).
//!
//! A member of the wrong JSON type is a `SerializationException`, which AWS returns before it validates anything.
//! Members that the model does not know are ignored, as AWS does. Lengths count UTF-16 units.

use serde_json::Value;

use super::ApiError;

/// A regular expression of the API model: its text for the message, and an equivalent function.
pub(crate) struct Pattern {
    pub text: &'static str,
    pub accepts: fn(&str) -> bool,
}

/// The shape of a value.
pub(crate) enum Shape {
    Text { min: usize, max: usize, pattern: Option<&'static Pattern> },
    OneOf(&'static [&'static str]),
    Whole { min: i64, max: i64 },
    Flag,
    List { min: usize, max: usize, item: &'static Shape },
    Record(&'static [Member]),
}

/// A member of a record.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    pub name: &'static str,
    pub required: bool,
    pub shape: &'static Shape,
}

/// A required member.
pub(crate) const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

/// An optional member.
pub(crate) const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

/// Checks a whole request.
pub(crate) fn check(body: &Value, members: &'static [Member]) -> Result<(), ApiError> {
    let mut found = Vec::new();
    record(body, members, &String::new, &mut found)?;
    if found.is_empty() {
        return Ok(());
    }
    let noun = if found.len() == 1 { "error" } else { "errors" };
    Err(ApiError::bad_request(format!("{} validation {noun} detected: {}", found.len(), found.join("; "))))
}

/// The path of a value in the request, formatted only for an error.
type Path<'a> = &'a dyn Fn() -> String;

fn record(value: &Value, members: &'static [Member], path: Path<'_>, found: &mut Vec<String>) -> Result<(), ApiError> {
    let Value::Object(given) = value else {
        return Err(unreadable(value, "a structure"));
    };
    for member in members {
        let path = || format!("{}{}", path(), lower_first(member.name));
        match given.get(member.name) {
            None | Some(Value::Null) if member.required => complain(found, None, &path, "Member must not be null"),
            None | Some(Value::Null) => {}
            Some(value) => one(value, member.shape, &path, found)?,
        }
    }
    Ok(())
}

fn one(value: &Value, shape: &'static Shape, path: Path<'_>, found: &mut Vec<String>) -> Result<(), ApiError> {
    match shape {
        Shape::Record(members) => record(value, members, &|| format!("{}.", path()), found),
        Shape::List { min, max, item } => list(value, (*min, *max), item, path, found),
        _ => {
            for constraint in broken(value, shape)? {
                complain(found, Some(value), path, &constraint);
            }
            Ok(())
        }
    }
}

fn list(
    value: &Value,
    (min, max): (usize, usize),
    item: &'static Shape,
    path: Path<'_>,
    found: &mut Vec<String>,
) -> Result<(), ApiError> {
    let Value::Array(items) = value else {
        return Err(unreadable(value, "a list"));
    };
    if let Some(constraint) = outside(items.len(), min, max, "length") {
        complain(found, Some(value), path, &constraint);
    }
    for (at, each) in items.iter().enumerate() {
        match item {
            Shape::Record(members) => {
                record(each, members, &|| format!("{}.{}.member.", path(), at + 1), found)?;
            }
            // For an invalid scalar item, the service names the whole list.
            plain => {
                let constraints = broken(each, plain)?;
                if !constraints.is_empty() {
                    let all = format!("Member must satisfy constraint: [{}]", constraints.join(", "));
                    complain(found, Some(value), path, &all);
                }
            }
        }
    }
    Ok(())
}

/// The constraints that a scalar value violates.
fn broken(value: &Value, shape: &'static Shape) -> Result<Vec<String>, ApiError> {
    let mut out = Vec::new();
    match shape {
        Shape::Text { min, max, pattern } => {
            let text = value.as_str().ok_or_else(|| unreadable(value, "a String"))?;
            out.extend(outside(text.encode_utf16().count(), *min, *max, "length"));
            if let Some(pattern) = pattern.filter(|pattern| !(pattern.accepts)(text)) {
                out.push(format!("Member must satisfy regular expression pattern: {}", pattern.text));
            }
        }
        Shape::OneOf(names) => {
            let text = value.as_str().ok_or_else(|| unreadable(value, "a String"))?;
            if !names.contains(&text) {
                out.push(format!("Member must satisfy enum value set: [{}]", names.join(", ")));
            }
        }
        Shape::Whole { min, max } => {
            let number = value.as_i64().ok_or_else(|| unreadable(value, "an Integer"))?;
            if number < *min {
                out.push(format!("Member must have value greater than or equal to {min}"));
            } else if number > *max {
                out.push(format!("Member must have value less than or equal to {max}"));
            }
        }
        Shape::Flag => {
            value.as_bool().ok_or_else(|| unreadable(value, "a Boolean"))?;
        }
        // Lists and records have their own functions; the model has no list of lists.
        Shape::List { .. } | Shape::Record(_) => {}
    }
    Ok(out)
}

fn outside(length: usize, min: usize, max: usize, what: &str) -> Option<String> {
    if length > max {
        Some(format!("Member must have {what} less than or equal to {max}"))
    } else if length < min {
        Some(format!("Member must have {what} greater than or equal to {min}"))
    } else {
        None
    }
}

fn complain(found: &mut Vec<String>, value: Option<&Value>, path: Path<'_>, constraint: &str) {
    let shown = value.map_or_else(|| "null".to_owned(), |value| format!("'{}'", show(value)));
    found.push(format!("Value {shown} at '{}' failed to satisfy constraint: {constraint}", path()));
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn unreadable(value: &Value, wanted: &str) -> ApiError {
    let kind = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ApiError::client("SerializationException", format!("{kind} can not be converted to {wanted}"))
}
