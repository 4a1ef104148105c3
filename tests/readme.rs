//! What the documents say is so: the program in `README.md` compiles, links lead somewhere, names exist, and the lists of
//! dependencies and defects are complete.
#![cfg(not(feature = "auth_mode_cert"))] // the program is that of a device with a secret

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

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

#[test]
fn the_first_program_of_each_service_compiles() {
    for page in pages(&Path::new(ROOT).join("docs/services")) {
        let program = block(&read(&page), "```c").unwrap_or_else(|| panic!("no C in {}", page.display()));
        compile(&program).unwrap_or_else(|errors| panic!("{}\n{errors}", page.display()));
    }
}

fn compile(program: &str) -> Result<(), String> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "readme-{}-{}.c",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    ));
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

#[test]
fn names_in_documents_exist() {
    let sources = sources();
    let mut names = 0;
    // That list names what is not there, too.
    let lists = |document: &PathBuf| document.ends_with("docs/compatibility.md");
    for document in documents().into_iter().filter(|document| !lists(document)) {
        for name in interface_names(&read(&document)) {
            assert!(sources.contains(&name), "{}: {name} is nowhere in the sources", document.display());
            names += 1;
        }
    }
    assert!(names > 100, "only {names} names found");
    let text = "`HAL_TCP_Connect`, `HAL_TCP_*`, FEATURE_MINSIZE=ON and `IOT_MQTT_Yield(client)`";
    assert_eq!(interface_names(text), ["HAL_TCP_Connect", "FEATURE_MINSIZE", "IOT_MQTT_Yield"]);
    assert!(!sources.contains("IOT_MQTT_Destruct("));
}

#[test]
fn every_dependency_has_its_line() {
    let document = read(&Path::new(ROOT).join("docs/dependencies.md"));
    let mut crates = 0;
    for manifest in ["Cargo.toml", "platform/Cargo.toml", "emulator/Cargo.toml", "fuzz/Cargo.toml"] {
        for name in dependencies(&read(&Path::new(ROOT).join(manifest))) {
            assert!(
                document.contains(&format!("`{name}`")),
                "docs/dependencies.md lacks {name} of {manifest}"
            );
            crates += 1;
        }
    }
    assert!(crates > 30, "only {crates} crates found");
    let manifest = "[dependencies]\na = \"1\"\nb.workspace = true\n[dev-dependencies.c]\nversion = \"1\"\n[features]\nd = []\n";
    assert_eq!(dependencies(manifest), ["a", "b", "c"]);
}

#[test]
fn every_defect_has_its_row_and_its_tests_exist() {
    let document = read(&Path::new(ROOT).join("docs/deviations.md"));
    let sources = sources();
    for number in 1..=37 {
        let start = format!("| {number} | ");
        let row = document.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("docs/deviations.md has no row {number}"));
        let tests = row.rsplit('|').nth(1).expect("a column of tests");
        assert!(tests.contains('`'), "no test in row {number}");
        for name in tests.split('`').skip(1).step_by(2) {
            assert!(
                sources.contains(&format!("fn {name}(")) || sources.contains(&format!("def {name}(")),
                "no test {name}"
            );
        }
    }
}

/// Names of functions, options and variables that the project defines; names with a `*` stand for several.
fn interface_names(markdown: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = ["HAL_", "IOT_", "LITE_", "FEATURE_", "QCLOUD_IOT_"];
    let words = markdown.split_inclusive(|c| !is_word(c));
    words
        .filter(|word| starts.iter().any(|start| word.starts_with(start)) && !word.ends_with('*'))
        .map(|word| word.trim_end_matches(|c| !is_word(c)).to_owned())
        .filter(|word| !word.ends_with('_'))
        .collect()
}

/// Names of the crates in a manifest's tables of dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines().filter(|line| !line.starts_with('#')) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            is_inside = table.ends_with("dependencies");
            names.extend(table.split_once("dependencies.").map(|(_, name)| name.to_owned()));
        } else if let (true, Some((name, _))) = (is_inside, line.split_once(['=', '.'])) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// Everything that names are looked up in.
fn sources() -> String {
    let root = Path::new(ROOT);
    let folders = ["src", "platform", "emulator", "include", "cmake", "tests", "benches", "scripts"];
    let mut text = read(&root.join("CMakeLists.txt"));
    let mut rest: Vec<PathBuf> = folders.iter().map(|name| root.join(name)).collect();
    while let Some(path) = rest.pop() {
        if path.is_dir() && !path.ends_with("node_modules") {
            rest.extend(
                fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()),
            );
        } else if !path.ends_with("tests/readme.rs") {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()));
        }
    }
    text
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let more = ["README.md", "CHANGELOG.md", "c_samples/README.md"].map(|name| root.join(name));
    pages(&root.join("docs")).chain(pages(&root.join("docs/services"))).chain(more).collect()
}

/// The documents of a folder.
fn pages(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "md"))
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
