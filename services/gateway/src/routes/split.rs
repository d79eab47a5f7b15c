//! A second service for a share of a route's requests: `canary` answers them, `mirror` gets a copy of them.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Route, RouteEntry, RouteFile};
use crate::upstream::{Site, Upstream};

/// Which share of a route's requests is for whom.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEntry {
    /// A service, by its name.
    pub service: Option<String>,
    /// The address of a guest: `http://host:port`.
    pub url: Option<Url>,
    /// How many of a hundred requests.
    #[serde(rename = "percent")]
    pub share: Share,
}

/// A share of requests, 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share {
    percent: f64,
}

/// Who answers a share of a route's requests.
#[derive(Clone)]
pub(crate) struct Canary {
    pub share: Share,
    /// The same route to the other service.
    pub route: Arc<Route>,
}

/// Who gets a copy of a share of a route's requests.
#[derive(Clone)]
pub(crate) struct Mirror {
    pub share: Share,
    pub upstream: Arc<Upstream>,
}

/// A number that is no share.
#[derive(Debug, thiserror::Error)]
#[error("percent: must be from 0 to 100")]
pub struct NoShare;

impl Share {
    /// Whether the next request is one of them. Each is drawn by itself, so shares are right however few clients ask.
    pub fn draws(self) -> bool {
        fastrand::f64() < self.percent / 100.0
    }
}

impl TryFrom<f64> for Share {
    type Error = NoShare;

    fn try_from(percent: f64) -> Result<Self, NoShare> {
        if (0.0..=100.0).contains(&percent) { Ok(Self { percent }) } else { Err(NoShare) }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.percent
    }
}

impl Canary {
    /// The route of the next request, if it is for the other service.
    pub fn draw(&self) -> Option<Arc<Route>> {
        self.share.draws().then(|| Arc::clone(&self.route))
    }
}

impl SplitEntry {
    /// A service's name; a guest's is made of the route's prefix and its part, and is no prefix of another.
    pub(super) fn upstream_name(&self, prefix: &str, part: &str) -> String {
        self.service.clone().unwrap_or_else(|| format!("{prefix}:{part}"))
    }
}

impl RouteFile {
    /// Checks `canary` and `mirror` of a route at `place`.
    pub(super) fn check_splits(&self, place: &str, route: &RouteEntry) -> anyhow::Result<()> {
        for (part, split) in [("canary", &route.canary), ("mirror", &route.mirror)] {
            let Some(split) = split else { continue };
            let place = format!("{place}.{part}");
            self.check_leads(&place, &route.prefix, split.service.as_deref(), split.url.as_ref())?;
            let is_other = (&split.service, &split.url) != (&route.service, &route.url);
            ensure!(is_other, "{place}: leads where the route leads");
        }
        ensure!(
            !route.cache || route.canary.is_none(),
            "{place}.canary: not with `cache`, which would give the answers of either to all"
        );
        Ok(())
    }

    /// Where a canary or a mirror is.
    pub(super) fn site_of_split(&self, split: &SplitEntry) -> anyhow::Result<Site> {
        if let Some(service) = split.service.as_ref().and_then(|name| self.services.get(name)) {
            return service.site();
        }
        let url = split.url.clone().context("no address")?;
        Ok(Site { url, places: Vec::new(), health: None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_drawn_of_0_percent_and_everything_of_100() {
        let drawn = |percent| (0..10_000).filter(|_| Share::try_from(percent).unwrap().draws()).count();

        assert_eq!((drawn(0.0), drawn(100.0)), (0, 10_000));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for percent in [-0.1, 100.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Share::try_from(percent).is_err(), "{percent}");
        }
    }

    proptest! {
        #[test]
        fn as_many_are_drawn_as_are_asked_for(percent in 0.0_f64..=100.0) {
            let (share, of) = (Share::try_from(percent).unwrap(), 10_000.0_f64);

            let drawn = (0..10_000).map(|_| f64::from(u8::from(share.draws()))).sum::<f64>();

            let likely = percent / 100.0;
            // Six times the deviation, and one for those so rare that it is nearly nothing.
            let leeway = 6.0 * (of * likely * (1.0 - likely)).sqrt() + 6.0;
            prop_assert!((drawn - of * likely).abs() <= leeway, "{drawn} of {of} at {percent} %");
        }
    }
}
