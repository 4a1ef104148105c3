//! Files in the state directory. Every write is atomic: a reader sees the old file or the new one, never a part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(fail)?;
    out.write_all(content).and_then(|()| out.sync_all()).map_err(fail)?;
    std::fs::rename(&temporary, path).map_err(fail)?;
    // The new name itself must survive a power cut as well.
    File::open(directory).and_then(|d| d.sync_all()).map_err(fail)
}

/// Removes what the hub wrote: the console's changes, issued certificates and, unless kept, its authorities.
pub fn reset(state_dir: &Path, keep_ca: bool) -> Result<(), String> {
    remove(&file(state_dir), std::fs::remove_file)?;
    remove(&state_dir.join("devices"), std::fs::remove_dir_all)?;
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
}
