//! What an operation takes as a body.

use std::sync::Arc;

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use portico_common::error::{ApiError, kinds};

use super::document::Located;
use super::intake::Intake;
use super::media::{MediaType, essence, is_packed};
use super::schema::{Schema, Schemas};

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The bodies an operation takes.
pub(super) struct Bodies {
    is_required: bool,
    /// Each media type, and what JSON of it must be like.
    listed: Vec<(String, Arc<Schema>)>,
    /// The media types, as headers list them.
    types: HeaderValue,
}

impl Bodies {
    /// # Errors
    /// A schema is none.
    pub fn compile(schemas: &Schemas<'_>, described: &Located<'_>) -> anyhow::Result<Self> {
        let content = described.member("content").context("the body has no `content`")?;
        let mut listed = Vec::new();
        for (name, media) in content.members() {
            let schema = media.member("schema").map_or_else(Schema::anything, |schema| schemas.compile(&schema))?;
            listed.push((essence(name), Arc::new(schema)));
        }
        let types = listed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let types = HeaderValue::try_from(types).context("a media type cannot stand in a header")?;
        Ok(Self { is_required: described.says("required"), listed, types })
    }

    /// What to do with the body of a request with these headers; `None` if it passes as it comes.
    ///
    /// # Errors
    /// 415: it is of no type that is listed.
    pub fn intake(&self, method: &Method, headers: &HeaderMap) -> Result<Option<Intake>, ApiError> {
        let given = MediaType::of(headers);
        let fitting = given.as_ref().and_then(|given| {
            let fitting = self.listed.iter().filter_map(|(listed, schema)| Some((given.fits(listed)?, schema)));
            Some((given, fitting.max_by_key(|(narrowness, _)| *narrowness)?.1))
        });
        let Some((given, schema)) = fitting else {
            let refusal = self.unsupported(method);
            return if self.is_required { Err(refusal) } else { Ok(Some(Intake::Nothing(refusal))) };
        };
        if !given.is_json() {
            return Ok(None);
        }
        if given.claims_another_charset() {
            return Err(ApiError::new(&kinds::UNSUPPORTED_MEDIA_TYPE, "send JSON in UTF-8").because("charset"));
        }
        if is_packed(headers) {
            let refusal = ApiError::new(&kinds::UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding");
            return Err(refusal.because("content_encoding").with_header(header::ACCEPT_ENCODING, IDENTITY));
        }
        Ok(Some(Intake::Json { schema: Arc::clone(schema), is_required: self.is_required }))
    }

    /// RFC 9110 section 15.5.16 and RFC 5789 section 2.2: the answer says what would be taken.
    fn unsupported(&self, method: &Method) -> ApiError {
        let name = match *method {
            Method::PATCH => ACCEPT_PATCH,
            Method::POST => ACCEPT_POST,
            _ => header::ACCEPT,
        };
        let types = self.types.to_str().unwrap_or_default();
        ApiError::new(&kinds::UNSUPPORTED_MEDIA_TYPE, format!("send the body as {types}"))
            .with_header(name, self.types.clone())
    }
}
