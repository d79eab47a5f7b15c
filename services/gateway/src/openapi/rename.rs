//! Names that mean different things in two documents: the later one's are prefixed and what refers to them follows.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const COMPONENTS: &str = "#/components/";
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// New names of components, by section and old name.
#[derive(Debug, Default)]
pub(super) struct Renames(BTreeMap<(String, String), String>);

impl Renames {
    /// Finds what must be renamed so that `document` can join `merged`: components of the same name and other
    /// content. Content is compared with its references renamed, since they may point at renamed components.
    pub fn between(merged: &Value, document: &Value, prefix: &str) -> Self {
        let mut renames = Self::default();
        loop {
            let taken = renames.still_taken(merged, document);
            if taken.is_empty() {
                return renames;
            }
            for (section, name) in taken {
                let known = [&merged["components"][&section], &document["components"][&section]];
                let free = free_name(known, &format!("{prefix}_{name}"));
                renames.0.insert((section, name), free);
            }
        }
    }

    fn still_taken(&self, merged: &Value, document: &Value) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        for (section, components) in members(&document["components"]) {
            for (name, component) in members(components) {
                let key = (section.clone(), name.clone());
                let Some(other) = merged["components"][section].get(name) else { continue };
                if self.0.contains_key(&key) {
                    continue;
                }
                let mut component = component.clone();
                self.follow(&mut component);
                if !is_same(section, &component, other) {
                    taken.push(key);
                }
            }
        }
        taken
    }

    /// The name a component has now.
    pub fn name<'a>(&'a self, section: &str, name: &'a str) -> &'a str {
        self.0.get(&(section.to_owned(), name.to_owned())).map_or(name, String::as_str)
    }

    /// Makes everything in `value` that refers to a renamed component refer to its new name.
    pub fn follow(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::Object(object) => {
                for (key, member) in object {
                    match (key.as_str(), member) {
                        ("$ref", Value::String(reference)) => self.follow_reference(reference),
                        ("mapping", Value::Object(mapping)) => self.follow_mapping(mapping),
                        (_, member) => self.follow(member),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.follow(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn follow_reference(&self, reference: &mut String) {
        let Some((section, rest)) = reference.strip_prefix(COMPONENTS).and_then(|rest| rest.split_once('/')) else {
            return;
        };
        let (name, inside) = rest.split_once('/').map_or((rest, None), |(name, inside)| (name, Some(inside)));
        let name = self.name(section, name);
        *reference = match inside {
            Some(inside) => format!("{COMPONENTS}{section}/{name}/{inside}"),
            None => format!("{COMPONENTS}{section}/{name}"),
        };
    }

    /// A discriminator names its schemas by reference or by bare name; elsewhere `mapping` may be anything.
    fn follow_mapping(&self, mapping: &mut Map<String, Value>) {
        for target in mapping.values_mut() {
            match target {
                Value::String(target) if target.starts_with(COMPONENTS) => self.follow_reference(target),
                Value::String(target) => *target = self.name("schemas", target).to_owned(),
                other => self.follow(other),
            }
        }
    }

    /// Makes security requirements name renamed schemes.
    pub fn follow_security(&self, requirements: &mut Value) {
        for requirement in requirements.as_array_mut().into_iter().flatten() {
            if let Some(schemes) = requirement.as_object_mut() {
                let renamed = std::mem::take(schemes).into_iter();
                *schemes = renamed
                    .map(|(scheme, scopes)| (self.name("securitySchemes", &scheme).to_owned(), scopes))
                    .collect();
            }
        }
    }
}

/// The operations of a path item.
pub(super) fn operations(item: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let members = item.as_object_mut().into_iter().flatten();
    members.filter(|(key, _)| METHODS.contains(&key.as_str())).filter_map(|(_, operation)| operation.as_object_mut())
}

/// The members of an object; none of anything else.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Security schemes are the same if they work the same, in whatever words they are described.
fn is_same(section: &str, one: &Value, other: &Value) -> bool {
    let without_words = |(key, _): &(&String, &Value)| *key != "description";
    if section == "securitySchemes" {
        members(one).filter(without_words).eq(members(other).filter(without_words))
    } else {
        one == other
    }
}

fn free_name(known: [&Value; 2], wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut count = 2;
    while known.iter().any(|components| components.get(&name).is_some()) {
        name = format!("{wanted}_{count}");
        count += 1;
    }
    name
}
