//! The OpenAPI document, and who gets in.

use portico_testkit::App;
use portico_workshop::SERVICE;
use reqwest::Method;

#[tokio::test]
async fn the_document_is_served_and_is_the_one_the_code_makes() {
    let app = App::start(&SERVICE).await;

    let reply = app.anonymous.get("/openapi.json").await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, serde_json::to_value(SERVICE.api()).expect("a document"));
}

#[tokio::test]
async fn nothing_is_answered_without_a_good_token() {
    let app = App::start(&SERVICE).await;
    let document = serde_json::to_value(SERVICE.api()).expect("a document");
    let paths = document["paths"].as_object().expect("paths");

    assert!(!paths.is_empty());
    for (path, operations) in paths {
        let path = path.replace("{id}", "01890000-0000-7000-8000-000000000000");
        for method in operations.as_object().expect("operations").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let anonymous = app.anonymous.send(app.anonymous.request(method.clone(), &path)).await;
            anonymous.assert_problem(401, "unauthenticated");
            let forged = app.anonymous.with_token("eyJ.e30.x");
            forged.send(forged.request(method, &path)).await.assert_problem(401, "invalid_token");
        }
    }
}
