//! Rebuilds when a migration is added: the compiled-in list would not know of a new file.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/workshop");
}
