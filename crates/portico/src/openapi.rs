//! `cargo run -- openapi`: the API of each service as a file, so that a change of it is seen in review.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::service::Service;
use portico_chores::project::Project;

/// Writes `docs/openapi/<service>.json` from the code.
///
/// # Errors
/// A file cannot be written.
pub fn write(project: &Project) -> anyhow::Result<()> {
    for (path, text) in documents(project)? {
        let folder = path.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The path and the text of each file, as the code says it now.
///
/// # Errors
/// A document cannot be written as JSON.
pub fn documents(project: &Project) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let folder = project.root.join("docs").join("openapi");
    let document = |service: Service| {
        let text = service.api().to_pretty_json()?;
        Ok((folder.join(format!("{}.json", service.name())), format!("{text}\n")))
    };
    Service::all().map(document).collect()
}
