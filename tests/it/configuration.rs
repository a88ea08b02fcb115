//! `spandrel check-config`: everything that is wrong, at once, and nothing changed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

fn check(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .arg("check-config")
        .arg(file)
        .env_remove("SPANDREL_DATABASE_URL")
        .env_remove("SPANDREL_KEYS")
        .output()
        .unwrap()
}

#[test]
fn every_mistake_is_told_also_those_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "c3BhbmRyZWwtdGVzdC1rZXktc3BhbmRyZWwtdGVzdC0=\n").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = folder.path().join("spandrel.toml");
    // 192.0.2.1 is of a network that no machine has.
    let text = format!(
        "data_directory = {folder:?}\nunknown = 1\n[server]\nlisten = \"192.0.2.1:8480\"\nsession_h = 0\n[database]\n\
         url = \"postgres://user:hunter2@db.example\"\n",
        folder = folder.path()
    );
    std::fs::write(&file, text).unwrap();
    let output = check(&file);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    for part in ["unknown", "`server.session_h` is 0", "cannot listen on 192.0.2.1:8480", "`database.url`", "0644"] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_good_file_is_well_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spandrel.toml");
    let data = folder.path().join("data");
    std::fs::write(&file, format!("data_directory = {data:?}\n[server]\nlisten = \"127.0.0.1:0\"\n")).unwrap();
    let output = check(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!data.exists(), "nothing is made by a check");
}
