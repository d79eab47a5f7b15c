//! What `--with` says when a guest cannot be started.

use std::path::{Path, PathBuf};
use std::process::Command;

use uuid::Uuid;

/// A checkout with one guest.
struct Checkout(PathBuf);

impl Checkout {
    fn with(declaration: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().simple().to_string());
        let guest = root.join("examples/guests/tiny");
        std::fs::create_dir_all(&guest).unwrap();
        std::fs::write(guest.join("guest.toml"), declaration).unwrap();
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portico.toml");
        std::fs::copy(list, root.join("portico.toml")).unwrap();
        Self(root)
    }

    /// What the runner says before it gives up.
    fn refusal(&self, name: &str) -> String {
        let ran = Command::new(env!("CARGO_BIN_EXE_portico"))
            .args(["up", "--port", "0", "--dev-port", "0", "--with", name])
            .env_remove("DATABASE_URL")
            .current_dir(&self.0)
            .output()
            .unwrap();
        assert!(!ran.status.success());
        String::from_utf8_lossy(&ran.stderr).into_owned()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

const ROUTES: &str = "ready = \"/\"\n[[routes]]\nprefix = \"/v1/tiny\"\ntoken = \"required\"\n";

#[test]
fn an_unknown_guest_is_answered_with_those_there_are() {
    let checkout = Checkout::with(&format!("command = [\"true\"]\n{ROUTES}"));

    let said = checkout.refusal("huge");

    assert!(said.contains("no guest `huge` in examples/guests, only: tiny"), "{said}");
}

#[test]
fn what_fails_when_a_guest_is_set_up_is_named() {
    for (setup, why) in [
        ("[\"no-such-program\"]", "`no-such-program` cannot be started; is it installed?"),
        ("[\"sh\", \"-c\", \"exit 7\"]", "`sh -c exit 7` failed (exit status: 7)"),
    ] {
        let checkout = Checkout::with(&format!("setup = [{setup}]\ncommand = [\"true\"]\n{ROUTES}"));

        let said = checkout.refusal("tiny");

        assert!(said.contains("the guest `tiny` cannot be set up") && said.contains(why), "{said}");
    }
}

#[test]
fn a_guest_that_ends_is_told_with_its_last_words() {
    let command = "command = [\"sh\", \"-c\", \"echo no room for {port}; exit 7\"]";
    let checkout = Checkout::with(&format!("{command}\n{ROUTES}"));

    let said = checkout.refusal("tiny");

    assert!(said.contains("the guest `tiny` does not run, it ended (exit status: 7)"), "{said}");
    assert!(said.contains("no room for "), "{said}");
}

#[test]
fn a_guest_on_a_path_that_is_taken_is_refused() {
    let routes = ROUTES.replace("/v1/tiny", "/v1/products");
    let checkout = Checkout::with(&format!("command = [\"true\"]\n{routes}"));

    let said = checkout.refusal("tiny");

    assert!(said.contains("/v1/products"), "{said}");
}
