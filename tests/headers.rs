//! The committed headers are what the source makes, and every program that may include them can.
//!
//! `tests/steps/abi_headers.py` compares them with the tables of the original interface.
//!
//! `UPDATE_HEADERS=1 cargo test --test headers` writes `include/` anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Written by `build.rs`, with a `config.h` for the active features.
const GENERATED: &str = concat!(env!("OUT_DIR"), "/include");
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

#[test]
fn the_committed_headers_are_up_to_date() {
    let generated = headers(Path::new(GENERATED));
    assert_eq!(generated.len(), 20, "all headers of the interface except config.h: {:?}", generated.keys());
    if std::env::var_os("UPDATE_HEADERS").is_some() {
        for (name, text) in &generated {
            let path = Path::new(COMMITTED).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let committed = headers(Path::new(COMMITTED));
    assert_eq!(generated.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, text) in generated {
        assert!(
            committed[&name] == text,
            "include/{name} differs; UPDATE_HEADERS=1 cargo test --test headers"
        );
    }
}

/// Relative name and text of every header below a directory, except `config.h`.
fn headers(dir: &Path) -> BTreeMap<String, String> {
    let in_dir = |dir: PathBuf| fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let paths =
        in_dir(dir.to_path_buf()).chain(in_dir(dir.join("exports"))).map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_string();
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "h") && !path.ends_with("config.h"))
        .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// A directory with the headers and a `config.h`, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(features: &[&str]) -> Tree {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("headers-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for (name, text) in headers(Path::new(GENERATED)) {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let config: String = features.iter().map(|name| format!("#define {name}\n")).collect();
        fs::write(dir.join("config.h"), config).unwrap();
        Tree(dir)
    }

    fn compile(&self, compiler: &[&str], source: &str) {
        let file = self.0.join(if compiler[0] == "g++" { "use.cpp" } else { "use.c" });
        fs::write(&file, source).unwrap();
        let out = Command::new(compiler[0])
            .args(&compiler[1..])
            .args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
            .arg(&self.0)
            .arg("-I")
            .arg(self.0.join("exports"))
            .arg(&file)
            .output()
            .unwrap();
        assert!(out.status.success(), "{compiler:?} {source}\n{}", String::from_utf8_lossy(&out.stderr));
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const COMPILERS: [&[&str]; 4] =
    [&["gcc", "-std=c99"], &["gcc", "-std=gnu99"], &["gcc", "-std=c11"], &["g++", "-std=c++17"]];

/// Every feature that headers test, so that nothing is left out; AUTH_WITH_NOTLS would leave something out.
const ALL: &[&str] = &[
    "AT_TCP_ENABLED",
    "BROADCAST_ENABLED",
    "COAP_COMM_ENABLED",
    "DEV_DYN_REG_ENABLED",
    "GATEWAY_ENABLED",
    "IOT_DEBUG",
    "LOG_UPLOAD",
    "MULTITHREAD_ENABLED",
    "RRPC_ENABLED",
];

#[test]
fn every_header_compiles_on_its_own() {
    let tree = Tree::new(ALL);
    for header in headers(&tree.0).keys() {
        for compiler in COMPILERS {
            tree.compile(compiler, &format!("#include \"{header}\"\n"));
            tree.compile(compiler, &format!("#include \"{header}\"\n#include \"{header}\"\nint used;\n"));
        }
    }
}

#[test]
fn headers_compile_after_each_other() {
    let tree = Tree::new(ALL);
    let names: Vec<String> = headers(&tree.0).into_keys().collect();
    let forward: String = names.iter().map(|name| format!("#include \"{name}\"\n")).collect();
    let backward: String = names.iter().rev().map(|name| format!("#include \"{name}\"\n")).collect();
    for compiler in COMPILERS {
        tree.compile(compiler, &forward);
        tree.compile(compiler, &backward);
    }
}

/// A result that a description names has to exist.
#[test]
fn descriptions_name_results_that_exist() {
    let headers = headers(Path::new(GENERATED));
    let defined = &headers["exports/qcloud_iot_export_error.h"];
    for (name, text) in &headers {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '*') {
            if word.starts_with("QCLOUD_ERR_") || word.starts_with("QCLOUD_RET_") {
                let known = match word.strip_suffix('*') {
                    Some(start) => defined.contains(&format!(" {start}")),
                    None => defined.contains(&format!(" {word} = ")),
                };
                assert!(known, "{name}: {word}");
            }
        }
    }
}

/// A C programmer finds a description before each function, type, member and enumerator.
#[test]
fn everything_has_a_description() {
    let mut described = 0;
    for (name, text) in headers(Path::new(GENERATED)) {
        let mut body = false;
        let mut before = "";
        for line in text.lines() {
            let opens = line.ends_with('{') && (line.starts_with("typedef ") || line.starts_with("struct "));
            let declares = opens
                || body && line.starts_with("    ") && line.ends_with([';', ','])
                || line.starts_with(|c: char| c.is_ascii_alphabetic())
                    && line.contains('(')
                    && !line.contains("extern \"C\"")
                || line.starts_with("typedef ")
                || line.starts_with("extern ") && line.ends_with(';');
            if declares {
                assert!(before.ends_with("*/"), "{name}: no description: {line}");
                described += 1;
            }
            body = (body || opens) && !line.starts_with('}');
            before = line;
        }
    }
    assert!(described > 600, "only {described} declarations found");
}

/// The initialisers and macros in the language that the original's do not compile in.
#[test]
fn initialisers_are_valid_in_both_languages_and_modes() {
    let source = r#"
        #include "qcloud_iot_export.h"
        #include "qcloud_iot_import.h"
        #include "lite-utils.h"
        int use(char *text);
        int use(char *text)
        {
            MQTTInitParams mqtt = DEFAULT_MQTTINIT_PARAMS;
            ShadowInitParams shadow = DEFAULT_SHAWDOW_INIT_PARAMS;
            GatewayInitParam gateway = DEFAULT_GATEWAY_INIT_PARAMS;
            CoAPInitParams coap = DEFAULT_COAPINIT_PARAMS;
            PublishParams publish = DEFAULT_PUB_PARAMS;
            SubscribeParams subscribe = DEFAULT_SUB_PARAMS;
            GatewayParam device = DEFAULT_GATEWAY_PARAMS;
            SendMsgParams message = DEFAULT_SENDMSG_PARAMS;
            char *key;
            list_head_t *list;
            void *pos;
            IOT_FUNC_ENTRY;
            foreach_json_keys_in(text, key, list, pos) {
                Log_d("%s", key);
            }
            LITE_json_keys_release(list);
            Log_i("%p %p %p %p %p %p %p %p", (void *)&mqtt, (void *)&shadow, (void *)&gateway, (void *)&coap,
                  (void *)&publish, (void *)&subscribe, (void *)&device, (void *)&message);
            IOT_FUNC_EXIT_RC(mqtt.err_code);
        }
    "#;
    for features in [&["AUTH_MODE_CERT"][..], &["AUTH_MODE_CERT", "IOT_DEBUG"], &[], &["IOT_DEBUG"]] {
        let tree = Tree::new(features);
        for compiler in COMPILERS {
            tree.compile(compiler, source);
        }
    }
}

/// The samples in both languages, with warnings that their build leaves out.
#[test]
fn every_sample_is_valid_in_both_languages() {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/c_samples")).unwrap();
    let sources: Vec<PathBuf> = folders
        .map(|folder| folder.unwrap().path())
        .filter_map(|folder| Some(folder.join(folder.file_name()?).with_extension("c")))
        .filter(|source| source.exists())
        .collect();
    assert!(sources.len() >= 4, "{sources:?}");
    let features = [
        "GATEWAY_ENABLED",
        "MULTITHREAD_ENABLED",
        "SYSTEM_COMM",
        "WEBSOCKET_CLIENT",
        "WEBSOCKET_MQTT",
        "BROADCAST_ENABLED",
        "RRPC_ENABLED",
        "REMOTE_CONFIG_MQTT",
    ];
    for login in LOGINS {
        let tree = Tree::new(&[login, &features].concat());
        for source in &sources {
            // For the headers of its own that a sample of several files has.
            let own = format!("-I{}", source.parent().unwrap().display());
            for compiler in COMPILERS {
                tree.compile(&[compiler, &[own.as_str()][..]].concat(), &fs::read_to_string(source).unwrap());
            }
        }
    }
}

const LOGINS: [&[&str]; 3] = [&["AUTH_MODE_KEY"], &["AUTH_MODE_KEY", "AUTH_WITH_NOTLS"], &["AUTH_MODE_CERT"]];
