//! Paths with variables in them, such as `/v1/things/{id}`.

use std::borrow::Cow;
use std::cmp::Reverse;

use anyhow::{Context as _, ensure};
use percent_encoding::percent_decode_str;

/// A path of a document.
#[derive(Debug)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug)]
struct Segment(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// What the variables of a template stand for in a path, decoded.
pub(super) type Variables = Vec<(String, String)>;

impl Template {
    /// # Errors
    /// A brace is not closed, or two variables touch, so that nothing tells where one ends.
    pub fn parse(path: &str) -> anyhow::Result<Self> {
        let rest = path.strip_prefix('/').context("a path begins with a slash")?;
        rest.split('/').map(Segment::parse).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The same for templates that cover the same paths. Of several that cover a path, the least is meant: the one
    /// that says more of it (OpenAPI 3.1 section 4.8.8.1).
    pub fn rank(&self) -> Vec<(bool, Reverse<usize>, String)> {
        let rank = |segment: &Segment| (segment.is_variable(), Reverse(segment.shape().len()), segment.shape());
        self.0.iter().map(rank).collect()
    }

    /// What its variables stand for in a path, of which these are the segments; `None` if it does not cover it.
    pub fn read(&self, path: &[Cow<'_, str>]) -> Option<Variables> {
        if self.0.len() != path.len() {
            return None;
        }
        let mut variables = Variables::new();
        let covers = self.0.iter().zip(path).all(|(segment, text)| segment.read(text, &mut variables).is_some());
        covers.then_some(variables)
    }
}

/// The segments of a path, decoded.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy()).collect()
}

impl Segment {
    fn parse(segment: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        let mut rest = segment;
        while let Some((literal, opened)) = rest.split_once('{') {
            let (name, after) = opened.split_once('}').with_context(|| format!("{segment}: a brace is not closed"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(percent_decode_str(literal).decode_utf8()?.into_owned()));
            }
            ensure!(!matches!(parts.last(), Some(Part::Variable(_))), "{segment}: two variables touch");
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(percent_decode_str(rest).decode_utf8()?.into_owned()));
        }
        Ok(Self(parts))
    }

    fn is_variable(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Variable(_)))
    }

    fn shape(&self) -> String {
        let shapes = self.0.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Variable(_) => "{}",
        });
        shapes.collect()
    }

    /// Takes the variables out of a text, each as short as what follows it allows.
    fn read(&self, text: &str, variables: &mut Variables) -> Option<()> {
        let mut rest = text;
        for (index, part) in self.0.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Variable(name) => {
                    let end = match &self.0[index + 1..] {
                        [] => rest.len(),
                        [Part::Literal(last)] => rest.strip_suffix(last.as_str())?.len(),
                        [Part::Literal(next), ..] => rest.find(next.as_str())?,
                        [Part::Variable(_), ..] => return None,
                    };
                    if end == 0 {
                        return None;
                    }
                    variables.push((name.clone(), rest[..end].to_owned()));
                    rest = &rest[end..];
                }
            }
        }
        rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(template: &str, path: &str) -> Option<Vec<String>> {
        let variables = Template::parse(template).unwrap().read(&segments(path))?;
        Some(variables.into_iter().map(|(_, text)| text).collect())
    }

    #[test]
    fn a_variable_is_one_whole_segment_or_a_part_of_it() {
        let read = |template, path| read(template, path).map(|found| found.join("|"));

        assert_eq!(read("/v1/things/{id}", "/v1/things/7").as_deref(), Some("7"));
        assert_eq!(read("/v1/things/{id}", "/v1/things/a%20b").as_deref(), Some("a b"));
        assert_eq!(read("/v1/{a}/x/{b}", "/v1/1/x/2").as_deref(), Some("1|2"));
        assert_eq!(read("/f/{name}.{kind}", "/f/a.b").as_deref(), Some("a|b"));
        assert_eq!(read("/f/{name}.json", "/f/a.json.json").as_deref(), Some("a.json"));
        assert_eq!(read("/a%20b", "/a%20b").as_deref(), Some(""));
        for path in ["/v1/things", "/v1/things/", "/v1/things/7/", "/v1/things/7/x", "/V1/things/7"] {
            assert_eq!(read("/v1/things/{id}", path), None, "{path}");
        }
        assert_eq!(read("/f/{name}.json", "/f/.json"), None);
    }

    #[test]
    fn what_nothing_tells_apart_is_refused() {
        for template in ["things", "/{id", "/{a}{b}"] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_read_back(first in "[a-z0-9-]{1,8}", second in "[a-zA-Z0-9]{1,8}") {
            let path = format!("/v1/{first}/x.{second}");

            prop_assert_eq!(read("/v1/{a}/x.{b}", &path), Some(vec![first, second]));
        }
    }
}
