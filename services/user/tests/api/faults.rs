//! What goes wrong around the feed: crashes, poison, an auth that is away.

use std::time::Duration;

use portico_common::postgres::{DatabaseConfig, migrate};
use portico_testkit::{TestDb, User};
use portico_user::MIGRATOR;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio::time::{sleep, timeout};
use url::Url;
use uuid::Uuid;

use crate::feed::{SOON, created, event, roles_changed};
use crate::helpers::{ME, TestApp};

/// Waits until another session waits for a lock this one holds.
async fn until_someone_waits(db: &mut PgConnection) {
    until_waiting_is(true, db).await;
}

/// Waits until another session waits for a lock this one holds, or none does any more.
async fn until_waiting_is(wanted: bool, db: &mut PgConnection) {
    const WAITING: &str =
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
    let reached = async {
        while sqlx::query_scalar::<_, bool>(WAITING).fetch_one(&mut *db).await.unwrap() != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, reached).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_meets_a_lock_lets_others_through_and_tries_again() {
    let db = TestDb::create(&MIGRATOR).await;
    let config = db.config();
    let mut holder = db.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE").execute(&mut *holder).await.unwrap();
    let lock = async {
        until_waiting_is(true, &mut holder).await;
        until_waiting_is(false, &mut holder).await;
        holder.rollback().await.unwrap();
    };

    let (migrated, ()) = tokio::join!(timeout(SOON, migrate(&config, "users", &MIGRATOR)), lock);

    migrated.unwrap().unwrap();
}

/// As on AWS, where one of two logins is changed while the other is in use (deploy/aws/cluster.yaml).
#[tokio::test]
async fn what_any_of_two_logins_makes_belongs_to_their_role() {
    let db = TestDb::create(&MIGRATOR).await;
    let role = format!("r_{}", Uuid::new_v4().simple());
    let run = |sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(&db.pool);
    run(format!(
        "CREATE ROLE {role}; CREATE ROLE {role}_clone LOGIN PASSWORD 'secret' IN ROLE {role};
         CREATE SCHEMA {role} AUTHORIZATION {role}"
    ))
    .await
    .unwrap();
    let mut url = Url::parse(db.config().database_url.expose()).unwrap();
    url.set_username(&format!("{role}_clone")).unwrap();
    url.set_password(Some("secret")).unwrap();
    url.query_pairs_mut().append_pair("options", &format!("-c role={role}"));
    let address = url.as_str().replace('+', "%20");

    migrate(&DatabaseConfig::local(&address, &role), &role, &MIGRATOR).await.unwrap();

    let owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = $1";
    let owners: Vec<String> = sqlx::query_scalar(owners).bind(&role).fetch_all(&db.pool).await.unwrap();
    run(format!("DROP SCHEMA {role} CASCADE; DROP ROLE {role}_clone; DROP ROLE {role}")).await.unwrap();
    assert_eq!(owners, [role]);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_batch_loses_nothing_and_repeats_nothing() {
    let mut app = TestApp::start().await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    app.feed.deliver([created(first, "a@example.com"), created(second, "b@example.com")]).await;
    let mut lock = app.db.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM profiles WHERE id = $1 FOR UPDATE").bind(second).execute(&mut *lock).await.unwrap();

    app.feed.push([roles_changed(first, 2, &["editor"]), roles_changed(second, 2, &["editor"])]);
    until_someone_waits(&mut lock).await;
    app.kill(async || {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
        )
        .execute(&mut *lock)
        .await
        .unwrap();
    })
    .await;
    let roles: Vec<String> = sqlx::query_scalar("SELECT roles FROM profiles WHERE id = $1")
        .bind(first)
        .fetch_one(&app.db.pool)
        .await
        .unwrap();
    lock.rollback().await.unwrap();
    app.service = app.replica().await;
    app.feed.caught_up().await;

    assert_eq!(roles, ["customer"], "half a batch must not be seen");
    for id in [first, second] {
        let user = app.user(id).await;
        assert_eq!((user.etag(), &user.body["roles"]), ("\"2\"", &json!(["editor"])));
    }
}

#[tokio::test]
async fn a_lost_connection_in_the_middle_of_a_batch_is_survived() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    app.feed.deliver([created(id, "a@example.com")]).await;
    let mut lock = app.db.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM profiles WHERE id = $1 FOR UPDATE").bind(id).execute(&mut *lock).await.unwrap();

    app.feed.push([roles_changed(id, 2, &["editor"])]);
    until_someone_waits(&mut lock).await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
    )
    .execute(&mut *lock)
    .await
    .unwrap();
    lock.rollback().await.unwrap();
    app.feed.caught_up().await;

    assert_eq!(app.user(id).await.etag(), "\"2\"");
}

/// Attempts made at what is set aside, and how many of it were given up.
async fn parked(db: &PgPool) -> (Vec<i32>, i64) {
    let attempts = sqlx::query_scalar("SELECT attempts FROM parked_events ORDER BY attempts").fetch_all(db);
    let given_up = sqlx::query_scalar("SELECT count(*) FROM parked_events WHERE due_at IS NULL").fetch_one(db);
    (attempts.await.unwrap(), given_up.await.unwrap())
}

fn poison() -> Vec<Value> {
    let mut without_id = created(Uuid::new_v4(), "x@example.com");
    without_id.as_object_mut().unwrap().remove("id");
    let mut bad_version = created(Uuid::new_v4(), "x@example.com");
    bad_version["version"] = json!("one");
    let huge = format!("{}@example.com", "x".repeat(10_000));
    vec![
        json!("not an event"),
        json!(null),
        without_id,
        bad_version,
        event("account.created", Uuid::new_v4(), 1, &json!({ "email": 7 })),
        event("account.created", Uuid::new_v4(), 1, &json!({ "email": "nul\u{0}@example.com" })),
        event("account.created", Uuid::new_v4(), 1, &json!({ "email": huge })),
        event("account.created", Uuid::new_v4(), -1, &json!({ "email": "x@example.com" })),
        event("account.roles_changed", Uuid::new_v4(), 2, &json!({ "roles": ["early"] })),
    ]
}

#[tokio::test]
async fn poison_is_set_aside_and_what_is_behind_it_flows() {
    let app = TestApp::start().await;
    let id = Uuid::new_v4();
    let poison = poison();
    let count = poison.len();

    app.feed.deliver(poison.into_iter().chain([created(id, "ada@example.com")])).await;

    assert_eq!(app.user(id).await.status, 200);
    assert_eq!(parked(&app.db.pool).await, (vec![1; count], 0));
}

#[tokio::test]
async fn poison_is_tried_five_times_and_then_left_for_someone_to_look_at() {
    let app = TestApp::start().await;
    app.feed.deliver([json!("not an event")]).await;

    for (attempt, pause) in [(2, 10), (3, 40), (4, 160), (5, 640)] {
        app.clock.advance(Duration::from_secs(pause));
        // The feed is asked again when there is news, or after its own wait.
        app.feed.deliver([event("account.seen", Uuid::new_v4(), 1, &json!({}))]).await;

        let given_up = i64::from(attempt == 5);
        assert_eq!(parked(&app.db.pool).await, (vec![attempt], given_up));
    }
    app.clock.advance(Duration::from_hours(24));
    app.feed.deliver([event("account.seen", Uuid::new_v4(), 1, &json!({}))]).await;
    assert_eq!(parked(&app.db.pool).await, (vec![5], 1));
}

#[tokio::test]
async fn what_is_set_aside_for_a_person_is_forgotten_with_them() {
    let app = TestApp::start().await;
    let ada = User::customer();
    app.client(&ada).get(ME).await;
    let broken = event("account.email_changed", ada.id, 2, &json!({ "email": ["ada@example.com"] }));
    app.feed.deliver([broken]).await;
    assert_eq!(parked(&app.db.pool).await.0, [1]);

    app.client(&ada).delete(ME, "*").await;
    app.feed.deliver([event("account.seen", ada.id, 3, &json!({}))]).await;

    assert_eq!(parked(&app.db.pool).await.0, [0_i32; 0]);
}

#[tokio::test]
async fn while_auth_is_away_everything_else_works_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let (ada, id) = (User::customer(), Uuid::new_v4());
    app.feed.go_down().await;

    app.feed.push([created(id, "ada@example.com")]);
    let mine = app.client(&ada).get(ME).await;
    let theirs = app.user(id).await;
    app.feed.come_back();
    app.feed.caught_up().await;

    assert_eq!(mine.status, 200);
    theirs.assert_problem(404, "not_found");
    assert_eq!(app.user(id).await.status, 200);
}
