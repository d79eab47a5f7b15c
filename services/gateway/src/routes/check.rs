//! What a list of services and routes must agree on before anything is routed by it.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU16;

use anyhow::{Context as _, bail, ensure};
use url::Url;

use crate::cors::Cors;
use crate::limit::Policies;
use crate::upstream::{HealthCheck, Site, check_place};

use super::{OWN_PATHS, RouteEntry, RouteFile, ServiceEntry, TokenRule, covers};

impl RouteFile {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let mut ports = BTreeMap::new();
        for (name, service) in &self.services {
            service.check(name)?;
            for (key, port) in [("port", service.port), ("internal_port", service.internal_port)] {
                if let Some(other) = ports.insert(port, format!("services.{name}.{key}")) {
                    bail!("services.{name}.{key}: {port} is taken by {other}");
                }
            }
        }
        Policies::new(&self.limits)?;
        self.cors.as_ref().map(Cors::new).transpose()?;
        ensure!(!self.routes.is_empty(), "routes: there is none, so nothing would be reachable");
        let mut prefixes = HashSet::new();
        for (index, route) in self.routes.iter().enumerate() {
            let place = format!("routes[{index}]");
            route.check(&place, self)?;
            ensure!(prefixes.insert(route.prefix.as_str()), "{place}.prefix: {} is routed twice", route.prefix);
        }
        Ok(())
    }

    /// Where what is behind a route is.
    pub(super) fn site_of(&self, route: &RouteEntry) -> anyhow::Result<Site> {
        if let Some(service) = route.service.as_ref().and_then(|name| self.services.get(name)) {
            return service.site();
        }
        let url = route.url.as_ref().with_context(|| format!("{}: no address", route.prefix))?;
        site(url, &route.endpoints, route.health.as_deref(), route.health_port)
    }

    /// Whether one service or guest is named, and not a place that clients may not reach.
    pub(super) fn check_leads(
        &self,
        place: &str,
        prefix: &str,
        service: Option<&str>,
        url: Option<&Url>,
    ) -> anyhow::Result<()> {
        match (service, url) {
            (Some(_), Some(_)) | (None, None) => bail!("{place} ({prefix}): give either `service` or `url`"),
            (Some(name), None) => {
                let known = self.services.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                ensure!(self.services.contains_key(name), "{place}.service: there is no service {name}, only {known}");
            }
            (None, Some(url)) => {
                check_url(url).with_context(|| format!("{place}.url"))?;
                ensure!(
                    !self.leads_inside(url),
                    "{place}.url: leads to an internal listener, which no client may reach"
                );
            }
        }
        Ok(())
    }

    fn leads_inside(&self, url: &Url) -> bool {
        self.services.values().any(|service| {
            service.url.host() == url.host() && url.port_or_known_default() == Some(service.internal_port)
        })
    }
}

impl ServiceEntry {
    /// Where it is.
    pub(super) fn site(&self) -> anyhow::Result<Site> {
        site(&self.url, &self.endpoints, self.health.as_deref(), self.health_port)
    }

    fn check(&self, name: &str) -> anyhow::Result<()> {
        let place = format!("services.{name}");
        ensure!(
            is_identifier(&name.replace('-', "_")),
            "{place}: a name is lower-case letters, digits, - and _, beginning with a letter"
        );
        check_url(&self.url).with_context(|| format!("{place}.url"))?;
        check_places(&self.endpoints).with_context(|| format!("{place}.endpoints"))?;
        let internal = format!(":{}", self.internal_port);
        ensure!(
            !self.endpoints.iter().any(|endpoint| endpoint.ends_with(&internal)),
            "{place}.endpoints: one leads to the internal listener, which no client may reach"
        );
        ensure!(self.port != 0, "{place}.port: must be at least 1");
        ensure!(self.internal_port != 0, "{place}.internal_port: must be at least 1");
        ensure!(
            self.url.port_or_known_default() != Some(self.internal_port),
            "{place}.url: leads to the internal listener, which no client may reach"
        );
        check_health(&place, self.health.as_deref(), self.health_port)?;
        if let Some(schema) = &self.schema {
            ensure!(is_identifier(schema), "{place}.schema: {schema} is not a plain lower-case identifier");
        }
        Ok(())
    }
}

impl RouteEntry {
    fn check(&self, place: &str, file: &RouteFile) -> anyhow::Result<()> {
        Policies::new(&file.limits)?.of_route(&self.prefix, &self.limits)?;
        check_prefix(&self.prefix).with_context(|| format!("{place}.prefix: {:?}", self.prefix))?;
        file.check_leads(place, &self.prefix, self.service.as_deref(), self.url.as_ref())?;
        file.check_splits(place, self)?;
        ensure!(
            self.service.is_none() || self.openapi.is_none(),
            "{place}.openapi: services publish theirs at /openapi.json; only a guest can say where"
        );
        ensure!(
            !self.validate || self.service.is_some() || self.openapi.is_some(),
            "{place}.validate: say in `openapi` where the guest publishes what it takes"
        );
        check_places(&self.endpoints).with_context(|| format!("{place}.endpoints"))?;
        ensure!(
            self.service.is_none() || self.endpoints.is_empty(),
            "{place}.endpoints: those of a service are said where it is"
        );
        ensure!(
            !self.cache || self.token != TokenRule::Required,
            "{place}.cache: what requires a token is not public, so none of it would be kept"
        );
        check_health(place, self.health.as_deref(), self.health_port)?;
        ensure!(
            self.service.is_none() || self.health.is_none(),
            "{place}.health: that of a service is said where it is"
        );
        if let Some(path) = &self.openapi {
            ensure!(is_plain_path(path), "{place}.openapi: must be a path such as /openapi.json");
        }
        Ok(())
    }
}

fn site(url: &Url, places: &[String], health: Option<&str>, port: Option<NonZeroU16>) -> anyhow::Result<Site> {
    let path = health.map(str::parse).transpose().context("health: not a path")?;
    let health = path.map(|path| HealthCheck { path, port: port.map(Into::into) });
    Ok(Site { url: url.clone(), places: places.to_vec(), health })
}

fn check_health(place: &str, path: Option<&str>, port: Option<NonZeroU16>) -> anyhow::Result<()> {
    let is_path = path.is_none_or(|path| path == "/" || is_plain_path(path));
    ensure!(is_path, "{place}.health: must be a path such as /healthz");
    ensure!(path.is_some() || port.is_none(), "{place}.health_port: there is no health to ask for");
    Ok(())
}

fn check_prefix(prefix: &str) -> anyhow::Result<()> {
    ensure!(prefix.starts_with('/'), "must begin with a slash");
    ensure!(
        prefix == "/" || is_plain_path(prefix),
        "must be segments of letters, digits and -._~ with single slashes between them and none at the end"
    );
    let own = OWN_PATHS.iter().find(|own| covers(own, prefix));
    ensure!(own.is_none(), "the gateway answers {} itself", own.unwrap_or(&""));
    Ok(())
}

/// Only characters that mean the same encoded and plain, so that a path can be compared in one form.
fn is_plain_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

fn check_url(url: &Url) -> anyhow::Result<()> {
    ensure!(url.scheme() == "http", "{url} is not http:// (services are reached over plain HTTP/1.1)");
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    ensure!(is_bare, "{url} is more than http://host:port (paths are passed on as they are)");
    ensure!(url.has_host(), "{url} names no host");
    Ok(())
}

fn check_places(places: &[String]) -> anyhow::Result<()> {
    places.iter().try_for_each(|place| check_place(place))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
