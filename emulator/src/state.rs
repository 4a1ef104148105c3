//! Files in the state directory. Every write is atomic: a reader sees the old file or the new one, never a part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Device;

/// Changes the console made to the registry; they live beside the registry file, never in it.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    pub added: Vec<Device>,
    pub deleted: BTreeSet<String>,
    pub enabled: BTreeMap<String, bool>,
}

impl Changes {
    /// Reads the changes of earlier runs; none yet is fine, a damaged file is an error.
    pub fn load(state_dir: &Path) -> Result<Changes, String> {
        let path = file(state_dir);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Changes::default()),
            Err(e) => Err(format!("{}: {e}", path.display())),
        }
    }

    /// Writes the changes.
    pub fn save(&self, state_dir: &Path) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| e.to_string())?;
        write_private(&file(state_dir), &text)
    }
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("registry.json")
}

/// Writes a file only its owner may read, through a temporary name in the same directory.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(fail)?;
    replace(path, content, true).map_err(fail)?;
    // The new name itself must survive a power cut as well.
    File::open(directory).and_then(|d| d.sync_all()).map_err(fail)
}

/// Puts a new file in the place of the old one; `sync`: its content has reached the disk before.
fn replace(path: &Path, content: &[u8], sync: bool) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}{TEMPORARY}", std::process::id()));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    out.write_all(content)?;
    if sync {
        out.sync_all()?;
    }
    std::fs::rename(&temporary, path)
}

/// End of the name of a file that is being written.
const TEMPORARY: &str = ".tmp";

/// What one service keeps: a JSON file for each device or product, `STATE/SERVICE/KEY.json`.
///
/// What `save` wrote survives the death of the process: the system has it. It is not waited for until the disk has it too, which would
/// cost milliseconds for each message of a device; a power cut may take the last seconds, never a part of a file that was there longer.
pub struct Store {
    dir: PathBuf,
}

impl Store {
    pub fn new(state_dir: &Path, service: &str) -> Store {
        Store { dir: state_dir.join(service) }
    }

    /// Everything that was saved, by key; a damaged file is an error.
    pub fn load<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, T>, String> {
        let fail = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(e) => return Err(fail(&self.dir, &e)),
        };
        let mut all = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|e| fail(&self.dir, &e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(TEMPORARY) {
                // Of a process that was killed while it wrote; nobody was told that it is saved.
                std::fs::remove_file(&path).map_err(|e| fail(&path, &e))?;
            } else if let Some(key) = name.strip_suffix(".json") {
                let text = std::fs::read(&path).map_err(|e| fail(&path, &e))?;
                let value = serde_json::from_slice(&text).map_err(|e| fail(&path, &e))?;
                all.insert(key.to_owned(), value);
            }
        }
        Ok(all)
    }

    /// Saves the value of a key.
    pub fn save<T: Serialize>(&self, key: &str, value: &T) -> Result<(), String> {
        let path = self.file(key);
        let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = serde_json::to_vec(value).map_err(|e| fail(&e))?;
        match replace(&path, &text, false) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.dir).map_err(|e| fail(&e))?;
                replace(&path, &text, false).map_err(|e| fail(&e))
            }
            result => result.map_err(|e| fail(&e)),
        }
    }

    /// Forgets a key.
    pub fn remove(&self, key: &str) -> Result<(), String> {
        remove(&self.file(key), std::fs::remove_file)
    }

    fn file(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.json"))
    }
}

/// Directories of the services.
const SERVICES: [&str; 3] = ["shadow", "gateway", "config"];

/// Removes what the hub wrote: the console's changes, what the services keep, issued certificates and, unless kept, its authorities.
pub fn reset(state_dir: &Path, keep_ca: bool) -> Result<(), String> {
    remove(&file(state_dir), std::fs::remove_file)?;
    remove(&state_dir.join("devices"), std::fs::remove_dir_all)?;
    for service in SERVICES {
        remove(&state_dir.join(service), std::fs::remove_dir_all)?;
    }
    if !keep_ca {
        remove(&state_dir.join("ca"), std::fs::remove_dir_all)?;
    }
    Ok(())
}

fn remove(path: &Path, how: fn(PathBuf) -> std::io::Result<()>) -> Result<(), String> {
    match how(path.to_owned()) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(format!("{}: {e}", path.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Changes::load(dir.path()).unwrap().deleted.is_empty());
        let mut changes = Changes::default();
        changes.deleted.insert("A1B2C3D4E5/lamp-01".into());
        changes.enabled.insert("A1B2C3D4E5/lamp-02".into(), false);
        changes.save(dir.path()).unwrap();
        let again = Changes::load(dir.path()).unwrap();
        assert!(again.deleted.contains("A1B2C3D4E5/lamp-01"));
        assert!(!again.enabled["A1B2C3D4E5/lamp-02"]);
        reset(dir.path(), false).unwrap();
        assert!(Changes::load(dir.path()).unwrap().enabled.is_empty());
    }

    #[test]
    fn a_damaged_file_is_not_ignored() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(file(dir.path()), "{").unwrap();
        assert!(Changes::load(dir.path()).unwrap_err().contains("registry.json"));
    }

    #[test]
    fn a_store_keeps_what_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), "shadow");
        assert!(store.load::<u32>().unwrap().is_empty());
        store.save("A1B2C3D4E5_lamp:1", &1).unwrap();
        store.save("A1B2C3D4E5_lamp:1", &2).unwrap();
        store.save("A1B2C3D4E5_lamp-2", &3).unwrap();
        store.remove("A1B2C3D4E5_lamp-2").unwrap();
        store.remove("never saved").unwrap();
        // A process that was killed while it wrote left this behind.
        let half = dir.path().join("shadow/A1B2C3D4E5_lamp:1.json.99.tmp");
        std::fs::write(&half, "{").unwrap();
        let again = Store::new(dir.path(), "shadow");
        assert_eq!(again.load::<u32>().unwrap(), BTreeMap::from([("A1B2C3D4E5_lamp:1".into(), 2)]));
        assert!(!half.exists());
        std::fs::write(dir.path().join("shadow/x.json"), "").unwrap();
        assert!(again.load::<u32>().unwrap_err().contains("x.json"));
        reset(dir.path(), true).unwrap();
        assert!(again.load::<u32>().unwrap().is_empty());
    }
}
