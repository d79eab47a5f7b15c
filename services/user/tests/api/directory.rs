//! The directory: search, filters, order, pages.

use portico_testkit::{Client, Reply, User};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::feed::{created, event, roles_changed};
use crate::helpers::{ME, TestApp, column};

/// Four users made by events, a year apart.
async fn four_users(app: &TestApp) -> [Uuid; 4] {
    let people = [
        ("ada@example.com", "Ada Lovelace", true, "editor"),
        ("Bob@example.com", "ada's friend", true, "customer"),
        ("cy%d@example.com", "Cyd_", false, "customer"),
        ("dan@example.org", "Ärmel", true, "admin"),
    ];
    let mut ids = [Uuid::nil(); 4];
    let mut events = Vec::new();
    for (n, (email, name, is_verified, role)) in people.into_iter().enumerate() {
        ids[n] = Uuid::from_u128(n as u128 + 1);
        let data = json!({
            "email": email,
            "email_verified": is_verified,
            "display_name": name,
            "roles": [role],
        });
        let mut event = event("account.created", ids[n], 1, &data);
        event["occurred_at"] = json!(format!("202{n}-06-01T00:00:00Z"));
        events.push(event);
    }
    app.feed.deliver(events).await;
    ids
}

async fn ids(client: &Client, query: &str) -> Vec<u128> {
    let reply = client.get(&format!("/v1/users?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {:?}", reply.body);
    let ids = column(&reply, "id");
    ids.iter().map(|id| id.as_str().unwrap().parse::<Uuid>().unwrap().as_u128()).collect()
}

#[tokio::test]
async fn conditions_find_who_meets_all_of_them() {
    let app = TestApp::start().await;
    four_users(&app).await;
    app.set_status(Uuid::from_u128(2), "suspended").await;
    let admin = app.admin();

    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("q=ada", vec![2, 1]),
        ("q=ADA%40EXAMPLE", vec![1]),
        ("q=bob", vec![2]),
        ("q=%C3%A4R", vec![4]),
        ("q=cy%25", vec![3]),
        ("q=%25", vec![]),
        ("q=_", vec![]),
        ("q=friend", vec![]),
        ("status=suspended", vec![2]),
        ("status=active", vec![4, 3, 1]),
        ("status=deleted", vec![]),
        ("role=customer", vec![3, 2]),
        ("role=nobody", vec![]),
        ("email_verified=false", vec![3]),
        ("created_at.gte=2021-06-01T00:00:00Z", vec![4, 3, 2]),
        ("created_at.lt=2021-06-01T02:00:00%2B02:00", vec![1]),
        ("created_at.gte=2021-01-01T00:00:00Z&created_at.lt=2023-01-01T00:00:00Z", vec![3, 2]),
        ("q=ada&role=customer&status=suspended&email_verified=true", vec![2]),
        ("q=ada&role=admin", vec![]),
    ] {
        assert_eq!(ids(&admin, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn each_order_is_kept_from_page_to_page() {
    let app = TestApp::start().await;
    four_users(&app).await;
    let admin = app.admin();

    for (sort, expected) in [
        ("created_at", [1, 2, 3, 4]),
        ("-created_at", [4, 3, 2, 1]),
        ("email", [1, 2, 3, 4]),
        ("-email", [4, 3, 2, 1]),
        ("display_name", [1, 2, 3, 4]),
        ("-display_name", [4, 3, 2, 1]),
    ] {
        let mut seen = Vec::new();
        let mut query = format!("sort={sort}&limit=1");
        loop {
            let page = admin.get(&format!("/v1/users?{query}")).await;
            let item = &column(&page, "id")[0];
            seen.push(item.as_str().unwrap().parse::<Uuid>().unwrap().as_u128());
            let Some(cursor) = next_cursor(&page) else { break };
            query = format!("sort={sort}&limit=1&cursor={cursor}");
        }

        assert_eq!(seen, expected, "{sort}");
    }
}

#[tokio::test]
async fn ties_are_broken_by_the_id() {
    let app = TestApp::start().await;
    app.feed.deliver((1..=5).map(|n| created(Uuid::from_u128(n), "same@example.com"))).await;
    let admin = app.admin();

    let first = admin.get("/v1/users?sort=email&limit=3").await;
    let rest = ids(&admin, &format!("sort=email&limit=3&cursor={}", next_cursor(&first).unwrap())).await;

    assert_eq!(rest, [4, 5]);
    assert_eq!(ids(&admin, "sort=-email").await, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_walk_meets_everyone_once_while_others_arrive() {
    let app = TestApp::start().await;
    let person = |n: u128| created(Uuid::from_u128(n), &format!("user-{n:03}@example.com"));
    app.feed.deliver((10..40).map(person)).await;
    let admin = app.admin();
    let (mut seen, mut path, mut newcomers) = (Vec::new(), "/v1/users?sort=email&limit=4".to_owned(), 0);

    loop {
        let page = admin.get(&path).await;
        seen.extend(column(&page, "email"));
        newcomers += 1;
        app.feed.deliver([person(newcomers), person(100 + newcomers)]).await;
        let Some(next) = next_link(&page).filter(|_| newcomers < 50) else { break };
        path = next;
    }

    for n in 10..40 {
        let email = json!(format!("user-{n:03}@example.com"));
        assert_eq!(seen.iter().filter(|seen| **seen == email).count(), 1, "{email}");
    }
    assert!(seen.is_sorted_by_key(|email| email.as_str().unwrap().to_owned()));
}

#[tokio::test]
async fn a_page_says_how_to_go_on() {
    let app = TestApp::start().await;
    four_users(&app).await;
    let admin = app.admin();

    let page = admin.get("/v1/users?role=customer&limit=1").await;
    let last = admin.get(&next_link(&page).unwrap()).await;

    assert_eq!(page.body["page"]["has_more"], true);
    assert!(next_link(&page).unwrap().contains("role=customer"));
    assert_eq!(last.body["page"], json!({ "next_cursor": null, "has_more": false }));
    assert_eq!(last.header("link"), "");
    assert_eq!(last.body["items"][0]["display_name"], "ada's friend");
    assert_eq!(last.body["items"][0]["status_reason"], Value::Null);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_query_only() {
    let app = TestApp::start().await;
    four_users(&app).await;
    let admin = app.admin();
    let page = admin.get("/v1/users?limit=1").await;
    let cursor = next_cursor(&page).unwrap();
    let mut forged = cursor.clone().into_bytes();
    forged[5] = if forged[5] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();

    for other in ["sort=created_at", "role=customer", "q=a", "status=active", "email_verified=true"] {
        let reply = admin.get(&format!("/v1/users?limit=1&cursor={cursor}&{other}")).await;

        reply.assert_problem(400, "cursor_mismatch");
    }
    for bad in [&forged, "", "garbage", "%F0%9F%A6%80", &cursor[1..], &"A".repeat(5000)] {
        let reply = admin.get(&format!("/v1/users?cursor={bad}")).await;

        assert_eq!(reply.status, 400, "{bad}");
    }
    admin.get(&format!("/v1/users?cursor={forged}")).await.assert_problem(400, "invalid_cursor");
    // Another page size is the same walk.
    assert_eq!(admin.get(&format!("/v1/users?limit=2&cursor={cursor}")).await.status, 200);
}

#[tokio::test]
async fn an_unknown_or_bad_parameter_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin();

    for query in [
        "name=ada",
        "statuss=active",
        "status=",
        "status=gone",
        "status=active&status=suspended",
        "sort=id",
        "sort=",
        "sort=email,id",
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "limit=99999999999999999999",
        "email_verified=",
        "email_verified=1",
        "q=",
        "q=%20",
        "created_at.gte=yesterday",
        "created_at.gte=2020-01-01",
        "created_at.lt=%2B262142-12-31T00:00:00Z",
        "created_at.lt=-4713-01-01T00:00:00Z",
        "created_at=2020-01-01T00:00:00Z",
        "q=%00",
        "q=%FF",
        "role=%00",
    ] {
        let reply = admin.get(&format!("/v1/users?{query}")).await;

        assert_eq!(reply.status, 400, "{query}: {:?}", reply.body);
        reply.assert_problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn the_deleted_are_listed_only_when_asked_for() {
    let app = TestApp::start().await;
    four_users(&app).await;
    app.feed.deliver([event("account.deleted", Uuid::from_u128(3), 2, &json!({}))]).await;
    let admin = app.admin();

    for sort in ["created_at", "email", "display_name"] {
        assert_eq!(ids(&admin, &format!("status=deleted&sort={sort}")).await, [3]);
        assert_eq!(ids(&admin, &format!("sort={sort}")).await, [1, 2, 4]);
    }
}

#[tokio::test]
async fn a_list_follows_what_changes() {
    let app = TestApp::start().await;
    let ada = User::customer();
    app.client(&ada).patch(ME, "*", json!({ "display_name": "Zelda" })).await;
    app.feed.deliver([roles_changed(ada.id, 2, &["editor"])]).await;
    let admin = app.admin();

    assert_eq!(ids(&admin, "q=zel&role=editor").await, [ada.id.as_u128()]);
    assert_eq!(ids(&admin, "q=Test").await, [0_u128; 0]);
    assert_eq!(ids(&admin, "role=customer").await, [0_u128; 0]);
}

fn next_cursor(page: &Reply) -> Option<String> {
    page.body["page"]["next_cursor"].as_str().map(str::to_owned)
}

fn next_link(page: &Reply) -> Option<String> {
    let link = page.header("link").strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(link.to_owned())
}
