//! Continuing a session.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use portico_auth::Role;

use crate::helpers::{TestApp, as_hex};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    app.advance(Duration::from_mins(9));

    let reply = app.refresh(&ada.refresh_token).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "no-store");
    let renewed = app.holder(&reply);
    assert_ne!(renewed.refresh_token, ada.refresh_token);
    assert_eq!(renewed.claims()["sid"], ada.claims()["sid"]);
    assert_eq!(renewed.claims()["auth_time"], ada.claims()["auth_time"]);
    assert_eq!(renewed.claims()["iat"], app.now().timestamp());
    assert_ne!(renewed.claims()["jti"], ada.claims()["jti"]);
    assert!(renewed.is_let_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_have_one_successor() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    let replies = join_all((0..50).map(|_| app.refresh(&ada.refresh_token))).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    let successors: HashSet<_> = replies.iter().map(|reply| app.holder(reply).refresh_token).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(app.refresh(successors.iter().next().unwrap()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_can_be_asked_for_again_for_ten_seconds() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let first = app.holder(&app.refresh(&ada.refresh_token).await);
    app.advance(Duration::from_secs(10));

    let again = app.refresh(&ada.refresh_token).await;

    assert_eq!(again.status, 200);
    assert_eq!(app.holder(&again).refresh_token, first.refresh_token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_comes_back_later_ends_the_session_for_everybody() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let newest = app.holder(&app.refresh(&ada.refresh_token).await);
    let elsewhere = app.login("ada@example.com").await;
    app.advance(Duration::from_secs(11));

    let replayed = app.refresh(&ada.refresh_token).await;

    replayed.assert_problem(400, "invalid_grant");
    app.refresh(&newest.refresh_token).await.assert_problem(400, "invalid_grant");
    assert!(!newest.is_let_in().await);
    assert!(elsewhere.is_let_in().await);
    let notice = app.mailbox.wait_for("ada@example.com", 1).await.remove(0);
    assert_eq!(notice.subject, "You were signed out on a device");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_older_than_the_last_is_never_repeated() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let second = app.holder(&app.refresh(&ada.refresh_token).await);
    let third = app.holder(&app.refresh(&second.refresh_token).await);

    let replayed = app.refresh(&ada.refresh_token).await;

    replayed.assert_problem(400, "invalid_grant");
    app.refresh(&third.refresh_token).await.assert_problem(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_of_ours_is_refused() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;

    for token in ["", "garbage", &ada.access_token, &format!("prt_{}", "A".repeat(43))] {
        app.refresh(token).await.assert_problem(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_idle() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    app.advance(Duration::from_hours(14 * 24));

    let late = app.refresh(&ada.refresh_token).await;

    late.assert_problem(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_sixty_days_however_busy_and_its_last_token_with_it() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada@example.com", Role::Customer).await;
    let end = ada.claims()["iat"].as_i64().unwrap() + 60 * 24 * 3600;
    for _ in 0..5 {
        app.advance(Duration::from_hours(10 * 24));
        ada = app.holder(&app.refresh(&ada.refresh_token).await);
    }
    app.advance(Duration::from_hours(10 * 24) - Duration::from_mins(5));

    let reply = app.refresh(&ada.refresh_token).await;
    let last = app.holder(&reply);
    app.advance(Duration::from_mins(5));
    let over = app.refresh(&last.refresh_token).await;

    assert_eq!(last.claims()["exp"], end);
    assert_eq!((&reply.body["expires_in"], &reply.body["refresh_expires_in"]), (&300.into(), &300.into()));
    over.assert_problem(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_dump_gives_nobody_a_session() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada@example.com", Role::Customer).await;
    let newest = app.holder(&app.refresh(&ada.refresh_token).await);

    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT refresh_tokens::text FROM refresh_tokens UNION ALL SELECT sessions::text FROM sessions",
    )
    .fetch_all(&app.db.pool)
    .await
    .unwrap();

    let dump = rows.concat();
    for token in [&ada.refresh_token, &newest.refresh_token] {
        assert!(!dump.contains(token.as_str()) && !dump.contains(&as_hex(token)));
    }
}
