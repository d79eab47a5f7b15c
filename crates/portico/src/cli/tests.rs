use std::process::Command as Process;

use super::*;

#[test]
fn bash_completes_a_command() {
    let mut script = Vec::new();
    completions(Shell::Bash, &mut script);
    let script = String::from_utf8(script).unwrap();
    let Ok(checked) = Process::new("bash").args(["-n", "-c", &script]).output() else { return };
    assert!(checked.status.success(), "{checked:?}");

    let ask = r#"COMP_WORDS=(portico db pre) COMP_CWORD=2; _portico portico pre db; echo "${COMPREPLY[*]}""#;
    let asked = Process::new("bash").args(["-c", &format!("{script}\n{ask}")]).output().unwrap();

    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "prepare", "{asked:?}");
}
