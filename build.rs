//! Generates the public headers into `OUT_DIR/include` and compiles the C part of the interface against them.
//!
//! A file of `cbindgen/` is a header as it will be, except that a line `@rust a.rs b.rs` stands for what cbindgen makes
//! of these Rust files. `include/` holds the committed result; `tests/headers.rs` compares.

use std::fs;
use std::path::{Path, PathBuf};

/// Tags that differ from the name of the type; all other types have their name as tag.
const TAGS: [(&str, &str); 9] = [
    ("enum QoS", "enum _QoS"),
    ("enum eShadowType", "enum _eShadowType_"),
    ("enum eDataState", "enum _eDataState_"),
    ("enum eRRPCReplyCode", "enum _eRRPCReplyCode_"),
    ("struct DeviceProperty", "struct _JSONNode"),
    ("struct SubdevBindInfo", "struct _SubdevBindInfo"),
    ("struct SubdevBindList", "struct _SubdevBindList"),
    ("struct sRRPCReplyPara", "struct _sRRPCReplyPara"),
    ("struct json_key_t", "struct _json_key_t"),
];

fn main() {
    println!("cargo:rerun-if-changed=cbindgen");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=src");
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let include = PathBuf::from(env("OUT_DIR")).join("include");
    generate(&root, &root.join("cbindgen"), &include);
    write(&include.join("config.h"), &config_h());
    compile_c(&include);
}

fn generate(root: &Path, templates: &Path, out: &Path) {
    for entry in fs::read_dir(templates).expect("reading cbindgen/") {
        let path = entry.expect("reading cbindgen/").path();
        let target = out.join(path.file_name().expect("a file name"));
        if path.is_dir() {
            generate(root, &path, &target);
        } else {
            write(&target, &header(root, &read(&path)));
        }
    }
}

fn header(root: &Path, template: &str) -> String {
    let mut text = String::new();
    for line in template.lines() {
        match line.strip_prefix("@rust ") {
            Some(files) => text.push_str(&declarations(root, files)),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text.replace("@version@", &env("CARGO_PKG_VERSION"))
}

fn declarations(root: &Path, files: &str) -> String {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    // By itself cbindgen leaves out types that no function of these files uses.
    config.export.include = files.split(' ').flat_map(|file| types(&read(&root.join(file)))).collect();
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = files.split(' ').fold(builder, |builder, file| builder.with_src(root.join(file)));
    let mut text = Vec::new();
    builder.generate().unwrap_or_else(|e| panic!("{files}: {e}")).write(&mut text);
    in_c_terms(String::from_utf8(text).expect("cbindgen writes UTF-8"))
}

/// Names of the types that a Rust file defines.
fn types(source: &str) -> Vec<String> {
    let definition = |line: &str| {
        let rest =
            ["pub struct ", "pub enum ", "pub type "].iter().find_map(|start| line.strip_prefix(start))?;
        rest.split([' ', '{', '=']).next().map(String::from)
    };
    source.lines().filter_map(definition).collect()
}

/// Tags of the interface, types called by their names, and documentation without Rust's own notation.
fn in_c_terms(text: String) -> String {
    let text = type_names(&text);
    let text =
        TAGS.iter().fold(text, |text, (name, tag)| text.replace(&format!("{name} "), &format!("{tag} ")));
    let text =
        text.replace("# Safety\n * ", "").replace("[`", "").replace("`]", "").replace("(super::symbols)", "");
    let text = text.replace('…', "...");
    one_line_comments(&text)
}

/// `LOG_LEVEL level` for `enum LOG_LEVEL level`, once the type is complete.
fn type_names(text: &str) -> String {
    let mut complete: Vec<&str> = Vec::new();
    let mut out = String::new();
    for source in text.lines() {
        complete.extend(source.strip_prefix("} ").and_then(|end| end.strip_suffix(';')));
        let mut line = source.to_string();
        if !line.ends_with('{') {
            for name in &complete {
                line = line.replace(&format!("struct {name} "), &format!("{name} "));
                line = line.replace(&format!("enum {name} "), &format!("{name} "));
            }
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// A comment of one line on one line.
fn one_line_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let text = lines.get(at + 1).and_then(|next| next.trim_start().strip_prefix("* "));
        match (line.trim_start(), text, lines.get(at + 2).map(|end| end.trim_start())) {
            ("/**", Some(text), Some("*/")) => {
                out.push_str(&format!("{line} {text} */\n"));
                at += 3;
            }
            _ => {
                out.push_str(&format!("{line}\n"));
                at += 1;
            }
        }
    }
    out
}

/// A `config.h` for the active features, as CMake would write it.
fn config_h() -> String {
    let mut macros: Vec<String> = std::env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(String::from))
        .filter(|name| name != "DEFAULT")
        .collect();
    if !macros.iter().any(|name| name == "AUTH_MODE_CERT") {
        macros.push("AUTH_MODE_KEY".into());
    }
    macros.sort();
    macros.iter().map(|name| format!("#define {name}\n")).collect()
}

fn compile_c(include: &Path) {
    cc::Build::new()
        .files(["src/ffi/variadic.c", "src/hal/optional.c"])
        .include(include)
        .include(include.join("exports"))
        .std("gnu99")
        .warnings(true)
        .flag_if_supported("-ffunction-sections")
        .compile("iot_sdk_c");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("making the include directory");
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
