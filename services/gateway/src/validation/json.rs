//! JSON that has one reading: a name is in an object once, as RFC 7493 (I-JSON) wants it.
//!
//! Of two members of one name, readers take the first, the last or none, so what was checked might not be what is read.
//! Numbers are compared as doubles; one that no double can hold is refused.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value takes up to 600 times as much memory as the bytes it is written in, so that bytes alone are no limit.
const MOST_VALUES: usize = 200_000;

/// A body, and of how many values it is made.
pub(super) struct Read {
    pub value: Value,
    pub values: usize,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum JsonError {
    #[error("the body is not JSON: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("the body has more than {MOST_VALUES} values")]
    TooMany,
}

/// Reads a body of at most 127 levels.
pub(super) fn read(bytes: &[u8]) -> Result<Read, JsonError> {
    let count = Cell::new(0);
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(&count).deserialize(&mut text).and_then(|value| text.end().map(|()| value));
    match value {
        Ok(value) => Ok(Read { value, values: count.get() }),
        Err(_) if count.get() > MOST_VALUES => Err(JsonError::TooMany),
        Err(error) => Err(JsonError::Malformed(error)),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MOST_VALUES {
            return Err(de::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("an object has two members of one name"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> Option<String> {
        read(text.as_bytes()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_name_is_given_once() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"b":{"a":1,"x":2,"a":3}}]"#] {
            assert!(refusal(text).unwrap().contains("two members of one name"), "{text}");
        }
        assert_eq!(refusal(r#"[{"a":1},{"a":{"a":2}}]"#), None);
    }

    #[test]
    fn depth_and_number_of_values_have_an_end() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let many = |count: usize| format!("[{}0]", "0,".repeat(count));

        assert_eq!(refusal(&nested(127)), None);
        assert!(refusal(&nested(128)).unwrap().contains("recursion limit"));
        assert_eq!(refusal(&many(MOST_VALUES - 2)), None);
        assert!(refusal(&many(MOST_VALUES - 1)).unwrap().contains("values"));
    }

    #[test]
    fn a_number_that_no_double_holds_is_refused() {
        assert!(refusal("1e999").is_some() && refusal("-1e999").is_some());
        assert_eq!(refusal("[1e300, 18446744073709551615, 123456789012345678901234567890]"), None);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_body_is_read_as_the_library_reads_it(value in json()) {
            let text = value.to_string();

            let read = read(text.as_bytes()).unwrap();

            prop_assert_eq!(read.value, serde_json::from_str::<Value>(&text).unwrap());
        }

        #[test]
        fn what_the_library_refuses_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if read(&bytes).is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            }
        }
    }
}
