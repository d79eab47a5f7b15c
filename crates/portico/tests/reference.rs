//! The pages in `docs/reference/` say what the code says.

use portico::reference::pages;
use portico::service::Service;
use portico_chores::project::Project;

#[test]
fn the_committed_pages_are_those_of_the_code() {
    let project = Project::find().expect("the checkout");
    // A new service is on no page until somebody asks for it, as with its document.
    let has_document = |service: &Service| project.root.join(format!("docs/openapi/{}.json", service.name())).exists();
    let services: Vec<_> = Service::all().filter(has_document).collect();

    let pages = pages(&project, &services).expect("the pages");

    assert_eq!(pages.len(), 4);
    for (path, text) in pages {
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "{} is not up to date; run `cargo run -- reference`", path.display());
    }
}
