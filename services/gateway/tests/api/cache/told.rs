//! What operators are told: counts, the access line, and the view.

use portico_testkit::Client;

use super::origin::Origin;
use super::{ask, metric, suite, text};
use crate::logs::line_of;

#[tokio::test]
async fn what_the_cache_did_is_counted_and_logged() {
    let origin = Origin::counting(&[("cache-control", "max-age=60")]).await;
    let suite = suite(&origin).await;
    let client = suite.client();
    let asked = [("cached-miss", "/v1/public/x"), ("cached-hit", "/v1/public/x"), ("cached-not", "/v1/plain/x")];

    for (id, path) in asked {
        ask(&client, path, &[("x-request-id", id)]).await;
    }
    ask(&client, "/v1/public/x", &[("cookie", "a=b")]).await;

    for result in ["miss", "hit", "pass"] {
        let series = format!("cache_total{{route=\"/v1/public\",result=\"{result}\"}}");
        assert_eq!(metric(&suite, &series).await, Some(1), "{result}");
    }
    assert_eq!(metric(&suite, "cache_total{route=\"/v1/plain\",result=\"pass\"}").await, None);
    let (miss, hit, not) = (line_of("cached-miss").await, line_of("cached-hit").await, line_of("cached-not").await);
    assert_eq!((&miss["cache"], &miss["upstream"]), (&"miss".into(), &"shop".into()));
    assert_eq!((&hit["cache"], hit.get("upstream"), not.get("cache")), (&"hit".into(), None, None));
}

#[tokio::test]
async fn the_view_shows_which_routes_have_one_and_what_it_holds() {
    let origin = Origin::counting(&[("cache-control", "max-age=60")]).await;
    let suite = suite(&origin).await;
    assert_eq!(text(&suite.client().get("/v1/public/x").await), "1");

    let view = Client::new(suite.gateway.internal).get("/admin").await.body;

    let has_cache = |prefix: &str| {
        let mut routes = view["routes"].as_array().unwrap().iter();
        routes.find(|route| route["prefix"] == prefix).unwrap()["cache"].clone()
    };
    assert_eq!((has_cache("/v1/public"), has_cache("/v1/plain")), (true.into(), false.into()));
    assert!(view["cache_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{view}");
}
