//! Which route a path takes, and which route files are refused.

use portico_gateway::{RouteFile, TokenRule};

use crate::helpers::Suite;

const BASE: &str = "[services.shop]\nurl = \"http://shop:1\"\nport = 1\ninternal_port = 2\n";

fn route(lines: &str) -> String {
    format!("{BASE}[[routes]]\n{lines}")
}

#[tokio::test]
async fn the_longest_prefix_on_a_segment_boundary_decides() {
    let suite = Suite::start().await;

    let open = suite.client().get("/v1/open/echo").await;
    let closed_within_open = suite.client().get("/v1/open/closed/echo").await;
    let not_on_a_boundary = suite.client().get("/v1/open/closedx/echo").await;
    let beside = suite.client().get("/v1/openx/echo").await;

    assert_eq!(open.status, 200);
    closed_within_open.assert_problem(401, "unauthenticated");
    assert_eq!(not_on_a_boundary.status, 200);
    beside.assert_problem(404, "route_not_found");
}

#[tokio::test]
async fn a_route_at_the_root_takes_what_nothing_else_does() {
    let routes = "[[routes]]\nprefix = \"/\"\nurl = \"http://UPSTREAM\"\ntoken = \"ignored\"\n";
    let suite = Suite::with_routes(routes).await;

    assert_eq!(suite.client().get("/").await.body["target"], "/");
    assert_eq!(suite.client().get("/any/thing").await.body["target"], "/any/thing");
    assert_eq!(suite.client().get("/healthz").await.body["status"], "ok");
}

#[test]
fn the_repository_s_own_file_is_right() {
    let text = include_str!("../../../../portico.toml");

    let file = RouteFile::parse(text).unwrap();

    let services: Vec<&str> = file.services.keys().map(String::as_str).collect();
    assert_eq!(services, ["auth", "product", "user"]);
    let users = file.routes.iter().find(|route| route.prefix == "/v1/users").unwrap();
    assert_eq!((users.service.as_deref(), users.token), (Some("user"), TokenRule::Required));
}

#[test]
fn the_example_of_a_guest_in_the_file_s_comments_works() {
    let text = include_str!("../../../../portico.toml");
    let example = text.split("# A guest with all of it:\n#\n").nth(1).unwrap();
    let example: Vec<&str> = example.lines().map_while(|line| line.strip_prefix("# ")).collect();

    let file = RouteFile::parse(&example.join("\n")).unwrap();

    assert_eq!(file.routes[0].prefix, "/v1/reports");
    assert_eq!(file.routes[0].body_limit_bytes, Some(10_485_760));
}

#[test]
fn a_wrong_file_is_refused_by_the_key_at_fault() {
    let shop = |lines: &str| route(&format!("token = \"optional\"\n{lines}"));
    let good = "prefix = \"/v1/a\"\nservice = \"shop\"";
    let cases = [
        (format!("{BASE}nonsense = 1"), "nonsense"),
        (format!("{BASE}[other]\na = 1"), "other"),
        (BASE.to_owned(), "routes"),
        (shop(&format!("{good}\nretries = 3")), "retries"),
        (shop("prefix = \"v1/a\"\nservice = \"shop\""), "routes[0].prefix: \"v1/a\": must begin with a slash"),
        (shop("prefix = \"/v1/a/\"\nservice = \"shop\""), "routes[0].prefix"),
        (shop("prefix = \"/v1//a\"\nservice = \"shop\""), "routes[0].prefix"),
        (shop("prefix = \"/v1/../a\"\nservice = \"shop\""), "routes[0].prefix"),
        (shop("prefix = \"/v1/%61\"\nservice = \"shop\""), "routes[0].prefix"),
        (shop("prefix = \"/docs\"\nservice = \"shop\""), "routes[0].prefix: \"/docs\": the gateway answers /docs"),
        (shop("prefix = \"/problems/x\"\nservice = \"shop\""), "routes[0].prefix"),
        (shop("prefix = \"/v1/a\"\nservice = \"none\""), "routes[0].service: there is no service none, only shop"),
        (shop("prefix = \"/v1/a\""), "routes[0] (/v1/a): give either `service` or `url`"),
        (shop(&format!("{good}\nurl = \"http://x:1\"")), "routes[0] (/v1/a)"),
        (shop("prefix = \"/v1/a\"\nurl = \"https://x:1\""), "routes[0].url: https://x:1/ is not http://"),
        (shop("prefix = \"/v1/a\"\nurl = \"ftp://x\""), "routes[0].url"),
        (shop("prefix = \"/v1/a\"\nurl = \"x:1\""), "routes[0].url"),
        (shop("prefix = \"/v1/a\"\nurl = \"nowhere\""), "url"),
        (shop("prefix = \"/v1/a\"\nurl = \"http://x:1/base\""), "routes[0].url"),
        (shop("prefix = \"/v1/a\"\nurl = \"http://u:p@x:1\""), "routes[0].url"),
        (shop("prefix = \"/v1/a\"\nurl = \"http://shop:2\""), "routes[0].url: leads to an internal listener"),
        (shop(&format!("{good}\nopenapi = \"/openapi.json\"")), "routes[0].openapi"),
        (shop(&format!("{good}\nhealth = \"/healthz\"")), "routes[0].health"),
        (shop(good).replace("port = 1\n", "port = 1\nhealth = \"healthz\"\n"), "services.shop.health"),
        (shop(good).replace("port = 1\n", "port = 1\nhealth = \"/a?b\"\n"), "services.shop.health"),
        (shop(good).replace("port = 1\n", "port = 1\nhealth_port = 2\n"), "services.shop.health_port"),
        (shop(good).replace("port = 1\n", "port = 1\nhealth = \"/\"\nhealth_port = 0\n"), "health_port"),
        (shop(&format!("{good}\ntimeout_secs = 0")), "timeout_secs"),
        (shop(&format!("{good}\nidle_timeout_secs = -1")), "idle_timeout_secs"),
        (shop(&format!("{good}\ntotal_timeout_secs = \"1\"")), "total_timeout_secs"),
        (shop(&format!("{good}\ntimeout_secs = nan")), "timeout_secs"),
        (shop(&format!("{good}\nbody_limit_bytes = -1")), "body_limit_bytes"),
        (shop(&format!("{good}\n[[routes]]\ntoken = \"ignored\"\n{good}")), "routes[1].prefix: /v1/a is routed twice"),
        (
            shop(&format!("{good}\ncanary = {{ percent = 5 }}")),
            "routes[0].canary (/v1/a): give either `service` or `url`",
        ),
        (
            shop(&format!("{good}\nmirror = {{ service = \"shop\", url = \"http://x:1\", percent = 5 }}")),
            "routes[0].mirror",
        ),
        (shop(&format!("{good}\ncanary = {{ service = \"none\", percent = 5 }}")), "routes[0].canary.service"),
        (shop(&format!("{good}\ncanary = {{ service = \"shop\", percent = 5 }}")), "routes[0].canary: leads where"),
        (shop(&format!("{good}\nmirror = {{ url = \"https://x:1\", percent = 5 }}")), "routes[0].mirror.url"),
        (shop(&format!("{good}\nmirror = {{ url = \"http://x:1/base\", percent = 5 }}")), "routes[0].mirror.url"),
        (
            shop(&format!("{good}\nmirror = {{ url = \"http://shop:2\", percent = 5 }}")),
            "routes[0].mirror.url: leads to an internal listener",
        ),
        (
            shop(&format!("{good}\ncanary = {{ url = \"http://x:1\", percent = 100.1 }}")),
            "percent: must be from 0 to 100",
        ),
        (
            shop(&format!("{good}\ncanary = {{ url = \"http://x:1\", percent = nan }}")),
            "percent: must be from 0 to 100",
        ),
        (shop(&format!("{good}\nmirror = {{ url = \"http://x:1\", percent = -1 }}")), "percent: must be from 0 to 100"),
        (shop(&format!("{good}\nmirror = {{ url = \"http://x:1\" }}")), "percent"),
        (shop(&format!("{good}\nmirror = {{ url = \"http://x:1\", percent = 1, retries = 1 }}")), "retries"),
        (shop(&format!("{good}\ncache = true\ncanary = {{ url = \"http://x:1\", percent = 1 }}")), "routes[0].canary"),
        (route(good), "token"),
        (route(&format!("{good}\ntoken = \"maybe\"")), "token"),
        (shop(good).replace("http://shop:1", "http://shop:2"), "services.shop.url"),
        (shop(good).replace("http://shop:1", "https://shop:1"), "services.shop.url"),
        (shop(good).replace("port = 1", "port = 2"), "services.shop.internal_port: 2 is taken by services.shop.port"),
        (shop(good).replace("port = 1", "port = 70000"), "port"),
        (shop(good).replace("port = 1\n", "port = 0\n"), "services.shop.port"),
        (shop(good).replace("services.shop", "services.Shop"), "services.Shop"),
        (shop(good).replace("port = 1\n", "port = 1\nschema = \"a b\"\n"), "services.shop.schema"),
    ];

    RouteFile::parse(&shop(good)).unwrap();
    for (text, key) in cases {
        let error = format!("{:#}", RouteFile::parse(&text).expect_err(key));
        assert!(error.contains(key), "{key} is not named: {error}");
    }
}

#[test]
fn a_service_that_is_elsewhere_is_not_asked_for_its_health_at_a_port_nobody_knows() {
    let text = include_str!("../../../../portico.toml");
    let mut file = RouteFile::parse(text).unwrap();
    let health = |file: &RouteFile| (file.services["product"].health.clone(), file.services["product"].health_port);
    let as_shipped = health(&file);
    assert!(as_shipped.0.is_some() && as_shipped.1.is_some());

    file.set_url("product", "http://product.prod.internal:8083".parse().unwrap()).unwrap();
    let at_its_port = health(&file);
    file.set_url("product", "http://127.0.0.1:4567".parse().unwrap()).unwrap();

    assert_eq!(at_its_port, as_shipped);
    assert_eq!(health(&file), (None, None));
}

#[test]
fn a_service_can_be_said_to_be_elsewhere() {
    let mut file = RouteFile::parse(&route("prefix = \"/v1/a\"\nservice = \"shop\"\ntoken = \"optional\"")).unwrap();

    file.set_url("shop", "http://127.0.0.1:4567".parse().unwrap()).unwrap();
    let unknown = file.set_url("bank", "http://127.0.0.1:4567".parse().unwrap()).unwrap_err();
    let not_http = file.set_url("shop", "https://127.0.0.1:4567".parse().unwrap()).unwrap_err();

    assert_eq!(file.services["shop"].port, 1);
    assert!(unknown.to_string().contains("services.bank: there is no such service, only shop"));
    assert!(format!("{not_http:#}").contains("services.shop.url"));
}
