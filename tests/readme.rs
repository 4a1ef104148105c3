//! What the documents show a newcomer: the program in `README.md` compiles, and links between documents lead somewhere.
#![cfg(not(feature = "auth_mode_cert"))] // the program is that of a device with a secret

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The headers as `build.rs` generates them, with a `config.h` for the active features.
const INCLUDE: &str = concat!(env!("OUT_DIR"), "/include");

#[test]
fn the_first_program_compiles() {
    let readme = read(&Path::new(ROOT).join("README.md"));
    let program = block(&readme, "```c").expect("a block of C in README.md");
    assert!(program.lines().count() <= 40, "a first program has at most 40 lines");
    compile(&program).unwrap_or_else(|errors| panic!("{errors}"));

    // The compiler really looks at the headers: a function that is not there is an error.
    let wrong = program.replace("IOT_MQTT_Destroy", "IOT_MQTT_Destruct");
    assert!(compile(&wrong).is_err());
}

fn compile(program: &str) -> Result<(), String> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme-{}.c", std::process::id()));
    fs::write(&file, program).expect("writing the program");
    let includes = [format!("-I{INCLUDE}"), format!("-I{INCLUDE}/exports")];
    let done = Command::new("cc")
        .args(["-std=gnu99", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"])
        .args(includes)
        .arg(&file)
        .output()
        .expect("running cc");
    fs::remove_file(&file).expect("removing the program");
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let folder = document.parent().expect("a folder").to_owned();
        for target in relative_links(&read(&document)) {
            assert!(folder.join(&target).exists(), "{}: {target} does not exist", document.display());
            links += 1;
        }
    }
    assert!(links > 20, "only {links} links found");
    assert_eq!(relative_links("[a](b.md#c) ![d](https://e) [f](#g)\n```\n[h](i)\n```\n"), ["b.md"]);
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let docs = fs::read_dir(root.join("docs")).expect("docs/").map(|entry| entry.expect("an entry").path());
    let more = ["README.md", "CHANGELOG.md", "c_samples/README.md"].map(|name| root.join(name));
    docs.filter(|path| path.extension().is_some_and(|e| e == "md")).chain(more).collect()
}

/// Targets of `[text](target)` outside code blocks, without web addresses and without the part behind `#`.
fn relative_links(markdown: &str) -> Vec<String> {
    let text: String = markdown.split("```").step_by(2).collect();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .filter(|target| !target.contains("://"))
        .filter_map(|target| target.split('#').next().filter(|path| !path.is_empty()))
        .map(String::from)
        .collect()
}

/// The text between a line that is `fence` and the line that ends the block.
fn block(markdown: &str, fence: &str) -> Option<String> {
    let mut lines = markdown.lines().skip_while(|line| *line != fence);
    lines.next()?;
    Some(lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
