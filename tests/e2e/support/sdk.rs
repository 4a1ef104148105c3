//! Builds configurations of the SDK, and C programs with them, once for all tests of a run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{build_dir, cross, root, target_dir};

/// One configuration: the options that differ from the defaults. `tests/configurations.py` has the same names, and both
/// share the builds.
pub struct Config {
    pub name: &'static str,
    options: &'static [&'static str],
}

/// The defaults: device secret, WebSocket on TLS (443).
pub const KEY: Config = Config { name: "key", options: &[] };
/// Device certificate, WebSocket on TLS (443).
pub const CERT: Config = Config { name: "cert", options: &["-DFEATURE_AUTH_MODE=CERT"] };
/// Device secret, WebSocket on TCP (80).
pub const KEY_PLAIN: Config = Config { name: "key-plain", options: &["-DFEATURE_AUTH_WITH_NOTLS=ON"] };
/// Device secret, TLS with pre-shared key (8883).
pub const KEY_TCP: Config = Config { name: "key-tcp", options: &["-DFEATURE_WEBSOCKET_MQTT=OFF"] };
/// Device secret, TCP (1883).
pub const KEY_TCP_PLAIN: Config = Config {
    name: "key-tcp-plain",
    options: &["-DFEATURE_WEBSOCKET_MQTT=OFF", "-DFEATURE_AUTH_WITH_NOTLS=ON"],
};
/// Device certificate, TLS (8883).
pub const CERT_TCP: Config =
    Config { name: "cert-tcp", options: &["-DFEATURE_AUTH_MODE=CERT", "-DFEATURE_WEBSOCKET_MQTT=OFF"] };
/// The defaults without threads.
pub const NO_THREADS: Config = Config { name: "no-threads", options: &["-DFEATURE_MULTITHREAD_ENABLED=OFF"] };
/// Device secret, WebSocket on TCP, without threads.
pub const KEY_PLAIN_NO_THREADS: Config = Config {
    name: "key-plain-no-threads",
    options: &["-DFEATURE_AUTH_WITH_NOTLS=ON", "-DFEATURE_MULTITHREAD_ENABLED=OFF"],
};

/// C sources are to pass this, as C99 and as C++17.
const WARNINGS: [&str; 3] = ["-Wall", "-Wextra", "-Werror"];

/// Builds that go on or are done, by name.
type Builds = Mutex<HashMap<String, Arc<OnceLock<Result<PathBuf, String>>>>>;

impl Config {
    /// The output tree (`bin`, `include`, `lib`).
    pub fn tree(&self) -> PathBuf {
        static BUILDS: OnceLock<Builds> = OnceLock::new();
        once(&BUILDS, self.name, || self.build())
    }

    /// A sample as the build makes it.
    pub fn sample(&self, name: &str) -> PathBuf {
        let path = self.tree().join("bin").join(name);
        assert!(path.exists(), "configuration {} has no sample {name}", self.name);
        path
    }

    /// Compiles a program from sources of this workspace, as C99 and with the documented link line, and checks that its
    /// sources are C++17 too. `name` must be one program everywhere.
    pub fn compile(&self, name: &str, sources: &[&str]) -> PathBuf {
        self.compile_with(name, sources, &[])
    }

    /// With further compiler options.
    pub fn compile_with(&self, name: &str, sources: &[&str], options: &[&str]) -> PathBuf {
        static BUILDS: OnceLock<Builds> = OnceLock::new();
        once(&BUILDS, &format!("{}/{name}", self.name), || {
            self.compile_as_cpp(sources, options)?;
            self.link(name, sources, options, self.link_line())
        })
    }

    /// Without `libiot_platform.a`: the sources have a whole port in them, which may need further libraries.
    pub fn compile_on_port(&self, name: &str, sources: &[&str], libraries: &[&str]) -> PathBuf {
        static BUILDS: OnceLock<Builds> = OnceLock::new();
        once(&BUILDS, &format!("{}/{name}", self.name), || {
            let options = ["-D_GNU_SOURCE"];
            self.compile_as_cpp(sources, &options)?;
            let mut line = vec![format!("-L{}", self.tree().join("lib").display()), "-liot_sdk".into()];
            line.extend(libraries.iter().map(|library| (*library).to_owned()));
            line.push("-lpthread".into());
            self.link(name, sources, &options, line)
        })
    }

    fn build(&self) -> Result<PathBuf, String> {
        let directory = build_dir().join(self.name);
        let mut command = Command::new(root().join("scripts/build_config.sh"));
        command
            .arg(&directory)
            .args(self.options)
            .args(cross::build_option())
            .env("CARGO_TARGET_DIR", target_dir());
        finished(command, &format!("configuration {}", self.name))?;
        Ok(directory.join("release"))
    }

    fn compile_as_cpp(&self, sources: &[&str], options: &[&str]) -> Result<(), String> {
        let mut command = Command::new(cross::cpp_compiler());
        command.args(["-std=c++17", "-fsyntax-only", "-x", "c++"]).args(WARNINGS).args(options);
        command.args(cross::flags());
        command.args(self.includes()).args(sources).current_dir(root());
        finished(command, "as C++17")
    }

    fn link(
        &self,
        name: &str,
        sources: &[&str],
        options: &[&str],
        line: Vec<String>,
    ) -> Result<PathBuf, String> {
        let directory = build_dir().join(self.name).join("programs");
        std::fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let path = directory.join(name);
        // Under a name of its own, then moved: another test run may be using the program.
        let fresh = directory.join(format!("{name}.{}", std::process::id()));
        let mut command = Command::new(cross::compiler());
        command
            .args(["-std=c99", "-O1", "-g"])
            .args(cross::flags())
            .args(WARNINGS)
            .args(options)
            .args(self.includes());
        command.args(sources).arg("-o").arg(&fresh).args(line).current_dir(root());
        finished(command, name)?;
        std::fs::rename(&fresh, &path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    fn includes(&self) -> [String; 2] {
        ["include", "include/exports"].map(|folder| format!("-I{}", self.tree().join(folder).display()))
    }

    /// `-L… -liot_sdk -liot_platform …`, of the libraries there are.
    fn link_line(&self) -> Vec<String> {
        let folder = self.tree().join("lib");
        let is_there = |name: &&str| folder.join(format!("lib{name}.a")).exists();
        let names = ["iot_sdk", "iot_platform", "mbedtls", "mbedx509", "mbedcrypto", "wslay"];
        let mut line = vec![format!("-L{}", folder.display())];
        line.extend(names.iter().filter(|name| is_there(name)).map(|name| format!("-l{name}")));
        line.push("-lpthread".into());
        line
    }
}

/// `mqtt_sample` that reaches the hub under the platform's public host names (`Launch::public_names`).
pub fn reference_sample(config: &Config) -> PathBuf {
    sample_with_local_names(config, "mqtt_sample")
}

/// Any sample, likewise.
pub fn sample_with_local_names(config: &Config, sample: &str) -> PathBuf {
    let source = format!("c_samples/{sample}/{sample}.c");
    config.compile_with(
        &format!("{sample}-local"),
        &[&source, "tests/c/local_names.c"],
        // The samples ask for the working directory, which C99 alone does not know.
        &["-D_GNU_SOURCE"],
    )
}

/// Does something once for each name; others wait for it and get the same result.
fn once(
    builds: &'static OnceLock<Builds>,
    name: &str,
    build: impl FnOnce() -> Result<PathBuf, String>,
) -> PathBuf {
    let mut all = builds.get_or_init(Builds::default).lock().unwrap_or_else(PoisonError::into_inner);
    let cell = Arc::clone(all.entry(name.to_owned()).or_default());
    drop(all);
    match cell.get_or_init(build) {
        Ok(path) => path.clone(),
        Err(e) => panic!("{e}"),
    }
}

fn finished(mut command: Command, what: &str) -> Result<(), String> {
    let done = command.output().map_err(|e| format!("{what}: {e}"))?;
    if done.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(format!("{what} does not build: {command:?}\n{out}{err}"))
}
