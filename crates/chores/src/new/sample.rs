//! `portico template sample`: the service in `templates/service`, which is what the templates make of a field of
//! every type.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::names::{Noun, Service};
use super::render::{Files, Templates};
use super::resource::Resource;
use crate::project::Project;

const PLACE: &str = "templates/service";
const FIELDS: &[&str] = &[
    "name:string:unique",
    "description:text?",
    "quantity:int",
    "is_ready:bool",
    "price:money",
    "former_price:money?",
    "built_at:time",
    "inspected_on:date?",
    "serial:uuid?",
    "color:enum=red,green,dark_blue",
    "parent_id:reference=gizmo?",
];

/// Writes it anew, or with `only_check` says whether it is what the templates make.
///
/// # Errors
/// A template is wrong, or the check found a difference.
pub fn sample(project: &Project, only_check: bool) -> anyhow::Result<()> {
    let place = project.root.join(PLACE);
    let (old, new) = (read(&place)?, make(project)?);
    if only_check {
        let mut paths = old.keys().chain(new.keys());
        let different = paths.find(|path| old.get(*path) != new.get(*path));
        ensure!(
            different.is_none(),
            "{PLACE}/{} is not what templates/new makes; run `cargo portico template sample`",
            different.map(|path| path.display().to_string()).unwrap_or_default()
        );
        return Ok(());
    }
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        fs::remove_file(place.join(path))?;
    }
    super::write(&place, &new)?;
    println!("wrote {PLACE}");
    Ok(())
}

fn make(project: &Project) -> anyhow::Result<Files> {
    let fields: Vec<_> = FIELDS.iter().map(ToString::to_string).collect();
    let resource = Resource::parse(Noun::parse("gizmo", None)?, &fields, |_| None)?;
    Templates::of(&project.root).service(&Service::parse("workshop", 8084, 9084)?, &resource)
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.insert(path, fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_in_the_templates_is_what_they_make() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");

        sample(&Project { root }, true).unwrap();
    }
}
