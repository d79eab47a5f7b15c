//! The files in `docs/openapi/` say what the code says.

use portico::openapi::documents;
use portico_chores::project::Project;

#[test]
fn the_committed_documents_are_those_of_the_code() {
    let project = Project::find().expect("the checkout");

    let documents = documents(&project).expect("the documents");
    // A new service has none until somebody asks for it.
    let committed: Vec<_> = documents.iter().filter(|(path, _)| path.exists()).collect();
    for (path, text) in &committed {
        let there = std::fs::read_to_string(path).expect("a file");
        assert!(there == *text, "{} is not up to date; run `cargo run -- openapi`", path.display());
    }
    assert!(committed.len() >= 3, "only {} documents are committed", committed.len());
}
