//! The files of a new service or resource, made from `templates/new`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context, path_loader};

use super::names::Service;
use super::resource::Resource;

/// Files by their place below the checkout.
pub type Files = BTreeMap<PathBuf, String>;

/// The longest line of SQL.
const WIDTH: usize = 120;

/// The files that a service has once: template, and place with `SERVICE` in it.
const SERVICE: [(&str, &str); 9] = [
    ("service/Cargo.toml", "services/SERVICE/Cargo.toml"),
    ("service/build.rs", "services/SERVICE/build.rs"),
    ("service/sqlx.toml", "services/SERVICE/sqlx.toml"),
    ("service/lib.rs", "services/SERVICE/src/lib.rs"),
    ("service/main.rs", "services/SERVICE/src/main.rs"),
    ("service/problems.rs", "services/SERVICE/src/problems.rs"),
    ("service/routes.rs", "services/SERVICE/src/routes.rs"),
    ("service/tests.rs", "services/SERVICE/tests/api/main.rs"),
    ("service/document.rs", "services/SERVICE/tests/api/document.rs"),
];

/// The files that each resource has, `NOUNS` being its plural.
const RESOURCE: [(&str, &str); 12] = [
    ("resource/mod.rs", "services/SERVICE/src/NOUNS/mod.rs"),
    ("resource/model.rs", "services/SERVICE/src/NOUNS/model.rs"),
    ("resource/create.rs", "services/SERVICE/src/NOUNS/create.rs"),
    ("resource/patch.rs", "services/SERVICE/src/NOUNS/patch.rs"),
    ("resource/view.rs", "services/SERVICE/src/NOUNS/view.rs"),
    ("resource/filter.rs", "services/SERVICE/src/NOUNS/filter.rs"),
    ("resource/error.rs", "services/SERVICE/src/NOUNS/error.rs"),
    ("resource/store.rs", "services/SERVICE/src/NOUNS/store.rs"),
    ("resource/actions.rs", "services/SERVICE/src/NOUNS/actions.rs"),
    ("resource/http.rs", "services/SERVICE/src/NOUNS/http.rs"),
    ("resource/tests.rs", "services/SERVICE/tests/api/NOUNS.rs"),
    ("resource/bodies.rs", "services/SERVICE/tests/api/NOUNS_bodies.rs"),
];

/// Makes files from the templates of a checkout.
pub struct Templates {
    environment: Environment<'static>,
    root: PathBuf,
}

impl Templates {
    /// Those of the checkout at `root`.
    pub fn of(root: &Path) -> Self {
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        let mut environment = Environment::new();
        environment.set_syntax(syntax.unwrap_or_default());
        environment.set_loader(path_loader(root.join("templates/new")));
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("wrap", wrap);
        environment.add_filter("quoted", |names: Vec<String>| {
            names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        });
        environment.add_filter("dollars", |numbers: Vec<u32>| {
            numbers.iter().map(|number| format!("${number}")).collect::<Vec<_>>()
        });
        environment.add_filter("assigned", |names: Vec<String>, first: usize| {
            names.iter().enumerate().map(|(at, name)| format!("{name} = ${}", first + at)).collect::<Vec<_>>()
        });
        Self { environment, root: root.to_owned() }
    }

    /// All files of a service with one resource, but for what is registered elsewhere.
    ///
    /// # Errors
    /// A template is wrong, or rustfmt is missing.
    pub fn service(&self, service: &Service, resource: &Resource) -> anyhow::Result<Files> {
        let mut files = self.resource(service, resource, 2)?;
        files.extend(self.in_format(self.render(&SERVICE, service, resource)?)?);
        let schema = self.text("service/service.sql", service, resource)?;
        files.insert(migration(service, 1, "service"), schema);
        Ok(files)
    }

    /// The files of a resource whose migration has this number.
    ///
    /// # Errors
    /// A template is wrong, or rustfmt is missing.
    pub fn resource(&self, service: &Service, resource: &Resource, number: u32) -> anyhow::Result<Files> {
        let mut files = self.in_format(self.render(&RESOURCE, service, resource)?)?;
        let table = self.text("resource/table.sql", service, resource)?;
        files.insert(migration(service, number, &resource.noun.plural), table);
        Ok(files)
    }

    fn render(&self, table: &[(&str, &str)], service: &Service, resource: &Resource) -> anyhow::Result<Files> {
        let mut files = Files::new();
        for (template, place) in table {
            let text = self.text(template, service, resource)?;
            let place = place.replace("SERVICE", &service.kebab).replace("NOUNS", &resource.noun.plural);
            files.insert(place.into(), text);
        }
        Ok(files)
    }

    /// The code of a service with one resource, without its tests, as the templates write it.
    ///
    /// # Errors
    /// A template is wrong.
    pub fn code(&self, service: &Service, resource: &Resource) -> anyhow::Result<Files> {
        let mut files = self.render(&SERVICE, service, resource)?;
        files.extend(self.render(&RESOURCE, service, resource)?);
        files.retain(|path, _| is_rust(path) && path.components().any(|part| part.as_os_str() == "src"));
        Ok(files)
    }

    fn in_format(&self, mut files: Files) -> anyhow::Result<Files> {
        for (path, text) in files.iter_mut().filter(|(path, _)| is_rust(path)) {
            *text = self.formatted(text).with_context(|| path.display().to_string())?;
        }
        Ok(files)
    }

    /// One template, as it is.
    ///
    /// # Errors
    /// It is wrong.
    pub fn text(&self, template: &str, service: &Service, resource: &Resource) -> anyhow::Result<String> {
        let template = self.environment.get_template(&format!("{template}.jinja"))?;
        Ok(template.render(context! { s => Value::from(Serde(service)), r => Value::from(Serde(resource)) })?)
    }

    /// Rust as `rustfmt` writes it, by the rules of the checkout.
    ///
    /// # Errors
    /// It is no Rust, or rustfmt is missing.
    pub fn formatted(&self, code: &str) -> anyhow::Result<String> {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024", "--config-path"]).arg(self.root.join("rustfmt.toml"));
        rustfmt.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut rustfmt = rustfmt.spawn().context("rustfmt, which `rustup component add rustfmt` installs")?;
        let mut input = rustfmt.stdin.take().context("its input")?;
        input.write_all(code.as_bytes())?;
        drop(input);
        let done = rustfmt.wait_with_output()?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?)
    }
}

fn migration(service: &Service, number: u32, name: &str) -> PathBuf {
    format!("migrations/{}/{number:04}_{name}.sql", service.kebab).into()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Writes a list with commas, in lines that begin below the first, which begins after `indent` characters.
#[expect(clippy::needless_pass_by_value, reason = "filters are given what is theirs")]
fn wrap(items: Vec<String>, indent: usize) -> String {
    let mut text = String::new();
    let mut at = indent;
    for (number, item) in items.iter().enumerate() {
        if number > 0 && at + 2 + item.len() + 1 > WIDTH {
            let _ = write!(text, ",\n{:indent$}", "");
            at = indent;
        } else if number > 0 {
            text.push_str(", ");
            at += 2;
        }
        text.push_str(item);
        at += item.len();
    }
    text
}
