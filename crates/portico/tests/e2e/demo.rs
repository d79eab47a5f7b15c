//! The demo data is made once, and nowhere but in development.

use std::time::Duration;

use portico::demo;

use crate::helpers::TestSuite;

#[tokio::test]
async fn making_the_demo_data_again_makes_nothing() {
    let suite = TestSuite::start().await;
    let admin = suite.client_as("admin").await;
    suite
        .until("the profiles are there", Duration::from_secs(10), async || {
            admin.get("/v1/users").await.body["items"].as_array().is_some_and(|users| users.len() == 3)
        })
        .await;
    let before = suite.rows().await;

    demo::seed(suite.plan()).await.unwrap();

    assert!(before.values().sum::<i64>() > 400, "{before:?}");
    assert_eq!(suite.rows().await, before);
}
