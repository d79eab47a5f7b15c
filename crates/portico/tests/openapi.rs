//! The files in `docs/openapi/` say what the code says.

use portico::openapi::documents;
use portico_chores::project::Project;

#[test]
fn the_committed_documents_are_those_of_the_code() {
    let project = Project::find().expect("the checkout");

    for (path, text) in documents(&project).expect("the documents") {
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is not up to date; run `cargo run -- openapi`", path.display());
    }
}
