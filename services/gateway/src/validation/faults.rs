//! What is wrong with a value, in our words: they never repeat what was sent but for names, and those cut short.

use std::borrow::Cow;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use portico_common::error::{FieldErrors, Invalid};
use serde_json::{Map, Value};

use super::document::escape;

/// More is not told at once.
const MOST_TOLD: usize = 50;
/// Of a body with more values, only that something is wrong with it is told: to look for all of it takes memory.
const MOST_SEARCHED: usize = 20_000;
const LONGEST_SHOWN: usize = 100;
const LONGEST_POINTER: usize = 300;

/// All that is wrong with a body of so many values.
pub(super) fn of_body(validator: &Validator, body: &Value, values: usize) -> FieldErrors {
    let mut told = FieldErrors::default();
    if values > MOST_SEARCHED {
        told.add("", Invalid::new("invalid", "something in it does not fit; it is too large to say what"));
        return told;
    }
    let mut found = Vec::new();
    for error in validator.iter_errors(body) {
        collect(&error, body, &mut found);
    }
    for (pointer, invalid) in found.into_iter().take(MOST_TOLD) {
        told.add(cut(&pointer, LONGEST_POINTER), invalid);
    }
    told
}

/// What is wrong with a single value, as the end of a sentence.
pub(super) fn of_value(validator: &Validator, value: &Value) -> String {
    let mut found = Vec::new();
    for error in validator.iter_errors(value) {
        collect(&error, value, &mut found);
    }
    let mut told: Vec<_> = found.into_iter().map(|(_, invalid)| invalid.detail).collect();
    told.dedup();
    told.truncate(3);
    told.join(", ")
}

/// Text of a client's, fit to be shown.
pub(super) fn shown(text: &str) -> String {
    cut(text, LONGEST_SHOWN)
}

fn cut(text: &str, longest: usize) -> String {
    let clean = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut cut: String = text.chars().take(longest).map(clean).collect();
    if text.chars().nth(longest).is_some() {
        cut.push('…');
    }
    cut
}

fn collect(error: &ValidationError<'_>, body: &Value, found: &mut Vec<(String, Invalid)>) {
    let at = error.instance_path().as_str();
    let mut unknown = |name: &String| {
        let invalid = Invalid::new("unknown_field", "there is no such field");
        found.push((format!("{at}/{}", escape(name)), invalid));
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            found.push((format!("{at}/{}", escape(name)), Invalid::new("required", "is missing")));
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().take(MOST_TOLD).for_each(&mut unknown);
        }
        // An object that may have no fields at all is told as one fault.
        ValidationErrorKind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            let fields = body.pointer(at).and_then(Value::as_object);
            fields.into_iter().flat_map(Map::keys).take(MOST_TOLD).for_each(&mut unknown);
        }
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            match meant(at, context) {
                Some(branch) => branch.iter().for_each(|error| collect(error, body, found)),
                None => found.push((at.to_owned(), Invalid::new("not_one_of", "fits none of the forms it may have"))),
            }
        }
        kind => found.push((at.to_owned(), rule(kind))),
    }
}

/// Of several forms the one that was meant: the only one of this type.
fn meant<'a>(at: &str, forms: &'a [Vec<ValidationError<'static>>]) -> Option<&'a [ValidationError<'static>]> {
    let is_other_type = |error: &ValidationError<'_>| {
        let kind = error.kind();
        error.instance_path().as_str() == at
            && matches!(kind, ValidationErrorKind::Type { .. } | ValidationErrorKind::Constant { .. })
    };
    let mut forms = forms.iter().filter(|errors| !errors.iter().any(is_other_type));
    let form = forms.next()?;
    if forms.next().is_some() { None } else { Some(form) }
}

fn rule(kind: &ValidationErrorKind) -> Invalid {
    use ValidationErrorKind as Kind;
    let (code, detail): (_, Cow<'static, str>) = match kind {
        Kind::Type { kind: TypeKind::Single(name) } => ("wrong_type", format!("must be of the type {name}").into()),
        Kind::Type { kind: TypeKind::Multiple(_) } => ("wrong_type", "is of none of the types it may have".into()),
        Kind::Enum { options } => ("not_one_of", format!("must be one of {}", shown(&options.to_string())).into()),
        Kind::Constant { expected_value } => {
            ("not_one_of", format!("must be {}", shown(&expected_value.to_string())).into())
        }
        Kind::Not { .. } | Kind::OneOfMultipleValid { .. } => ("not_one_of", "has a form it may not have".into()),
        Kind::MaxLength { limit } => ("too_long", format!("must have at most {limit} characters").into()),
        Kind::MinLength { limit } => ("too_short", format!("must have at least {limit} characters").into()),
        Kind::MaxItems { limit } => ("too_many", format!("must have at most {limit} items").into()),
        Kind::MaxProperties { limit } => ("too_many", format!("must have at most {limit} fields").into()),
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            ("too_many", "has more items than it may".into())
        }
        Kind::MinItems { limit } => ("too_few", format!("must have at least {limit} items").into()),
        Kind::MinProperties { limit } => ("too_few", format!("must have at least {limit} fields").into()),
        Kind::Contains => ("too_few", "lacks an item it must have".into()),
        Kind::Maximum { limit } => ("out_of_range", format!("must be at most {limit}").into()),
        Kind::Minimum { limit } => ("out_of_range", format!("must be at least {limit}").into()),
        Kind::ExclusiveMaximum { limit } => ("out_of_range", format!("must be less than {limit}").into()),
        Kind::ExclusiveMinimum { limit } => ("out_of_range", format!("must be more than {limit}").into()),
        Kind::MultipleOf { multiple_of } => ("out_of_range", format!("must be a multiple of {multiple_of}").into()),
        Kind::UniqueItems => ("duplicate", "has an item twice".into()),
        Kind::Pattern { pattern } => ("format", format!("must match {}", shown(pattern)).into()),
        Kind::Format { format } => ("format", format!("must be a {}", shown(format)).into()),
        Kind::PropertyNames { .. } => ("format", "has a field whose name may not be".into()),
        Kind::FalseSchema => ("unknown_field", "may not be here".into()),
        _ => ("invalid", "does not fit".into()),
    };
    Invalid { code, detail }
}
