//! Products and devices, checked, with the console's changes applied and written back to the state directory.

mod binding;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::RwLock;

use crate::ca::{Authorities, Certificate};
use crate::config::{AuthKind, Config, Device, Product, ProductType, RemoteConfig, Rule};
use crate::rules;
use crate::state::Changes;
pub use binding::NotAllowed;

/// Longest decoded device secret (`DECODE_PSK_LENGTH` of the device SDK).
const MAX_KEY: usize = 48;

/// Product id and device name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId {
    pub product: String,
    pub name: String,
}

impl DeviceId {
    /// Splits `{pid}/{dev}` as the console gives it.
    pub fn parse(text: &str) -> Result<DeviceId, String> {
        let (product, name) = text
            .split_once('/')
            .ok_or_else(|| format!("\"{text}\" is not a device: write product/device"))?;
        check_product_id(product)?;
        check_device_name(name)?;
        Ok(DeviceId { product: product.into(), name: name.into() })
    }

    /// Splits a client id: the product is the first ten characters, the device the rest.
    pub fn from_client_id(client_id: &str) -> Option<DeviceId> {
        let (product, name) = client_id.split_at_checked(10)?;
        (!name.is_empty()).then(|| DeviceId { product: product.into(), name: name.into() })
    }

    /// The device's name among files.
    pub fn file_stem(&self) -> String {
        format!("{}_{}", self.product, self.name)
    }

    /// The device a file belongs to.
    pub fn from_file_stem(stem: &str) -> Option<DeviceId> {
        let (product, name) = stem.split_once('_')?;
        DeviceId::parse(&format!("{product}/{name}")).ok()
    }

    /// `{pid}{dev}`, also the PSK identity.
    pub fn client_id(&self) -> String {
        format!("{}{}", self.product, self.name)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.product, self.name)
    }
}

/// A registered device.
#[derive(Clone)]
pub struct Record {
    pub id: DeviceId,
    pub enabled: bool,
    pub auth: AuthKind,
    pub kind: ProductType,
    /// Decoded secret of a key device.
    pub key: Option<Vec<u8>>,
    /// The same as text: some signatures are made with that.
    pub secret: Option<String>,
    /// Registered certificate of a cert device.
    pub certificate: Option<Certificate>,
    /// Files the hub issued for the device.
    pub issued: Option<(PathBuf, PathBuf)>,
    /// Custom topics of the product.
    pub topics: Vec<crate::config::CustomTopic>,
}

/// All products and devices.
pub struct Registry {
    state_dir: PathBuf,
    authorities: Authorities,
    rules: Vec<Rule>,
    /// Sub-device and gateway of each `bind` in the registry file.
    bindings: Vec<(DeviceId, DeviceId)>,
    inner: RwLock<Inner>,
}

struct Inner {
    products: HashMap<String, Product>,
    devices: BTreeMap<DeviceId, Record>,
    changes: Changes,
}

impl Registry {
    /// Checks the registry file and applies the changes of earlier runs.
    pub fn new(config: &Config, authorities: Authorities) -> Result<Registry, String> {
        let state_dir = config.server.state_dir.clone();
        let changes = Changes::load(&state_dir)?;
        let mut products = HashMap::new();
        for product in &config.product {
            check_product(product)?;
            if products.insert(product.id.clone(), product.clone()).is_some() {
                return Err(format!("product {} is there twice", product.id));
            }
        }
        config.rule.iter().try_for_each(rules::check)?;
        let mut inner = Inner { products, devices: BTreeMap::new(), changes };
        let added = inner.changes.added.clone();
        // A device that was deleted and added again by the console is the console's, not the file's.
        let replaced = |d: &Device| added.iter().any(|a| a.product == d.product && a.name == d.name);
        for device in config.device.iter().filter(|d| !replaced(d)).chain(&added) {
            let id = inner.insert(device, &authorities)?;
            if let Some(record) = inner.devices.get_mut(&id) {
                record.enabled = *inner.changes.enabled.get(&id.to_string()).unwrap_or(&device.enabled);
            }
        }
        let bindings = inner.bindings(&config.device)?;
        let deleted = &inner.changes.deleted;
        inner.devices.retain(|id, _| !deleted.contains(&id.to_string()));
        Ok(Registry {
            state_dir,
            authorities,
            rules: config.rule.clone(),
            bindings,
            inner: RwLock::new(inner),
        })
    }

    /// Whether the console has changed anything.
    pub fn is_changed(&self) -> bool {
        let Changes { added, deleted, enabled } = &self.inner.read().changes;
        !(added.is_empty() && deleted.is_empty() && enabled.is_empty())
    }

    /// The record of a device, if it is registered.
    pub fn device(&self, id: &DeviceId) -> Option<Record> {
        self.inner.read().devices.get(id).cloned()
    }

    /// All devices, in order.
    pub fn devices(&self) -> Vec<Record> {
        self.inner.read().devices.values().cloned().collect()
    }

    /// An error if there is no such product.
    pub fn check_product(&self, id: &str) -> Result<(), String> {
        if self.inner.read().products.contains_key(id) {
            return Ok(());
        }
        Err(format!("product {id} is not registered"))
    }

    /// The remote configurations of the registry file, by product.
    pub fn configs(&self) -> Vec<(String, RemoteConfig)> {
        let inner = self.inner.read();
        inner.products.values().filter_map(|p| Some((p.id.clone(), p.config.clone()?))).collect()
    }

    /// Length of the longest name among a product's devices.
    pub fn longest_name(&self, product: &str) -> usize {
        let inner = self.inner.read();
        let names = inner.devices.keys().filter(|id| id.product == product).map(|id| id.name.len());
        names.max().unwrap_or(0)
    }

    /// Whether a device has a shadow.
    pub fn shadow_enabled(&self, id: &DeviceId) -> bool {
        self.inner.read().products.get(&id.product).is_some_and(|p| p.shadow)
    }

    /// The rules of the registry file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Key of the device with this PSK identity.
    pub fn psk(&self, identity: &[u8]) -> Option<Vec<u8>> {
        let id = DeviceId::from_client_id(std::str::from_utf8(identity).ok()?)?;
        self.inner.read().devices.get(&id)?.key.clone()
    }

    /// The device a certificate is registered for, by its SHA-256 fingerprint.
    pub fn device_by_fingerprint(&self, fingerprint: &[u8; 32]) -> Option<DeviceId> {
        let inner = self.inner.read();
        let owner = |r: &&Record| r.certificate.as_ref().is_some_and(|c| &c.fingerprint == fingerprint);
        inner.devices.values().find(owner).map(|r| r.id.clone())
    }

    /// Enables or disables a device.
    pub fn set_enabled(&self, id: &DeviceId, enabled: bool) -> Result<(), String> {
        let mut inner = self.inner.write();
        let record = inner.devices.get_mut(id).ok_or_else(|| unknown(id))?;
        record.enabled = enabled;
        inner.changes.enabled.insert(id.to_string(), enabled);
        inner.changes.save(&self.state_dir)
    }

    /// Adds a device. A key device without a secret gets a random one; the secret is returned so that it can be put on the device.
    pub fn add(&self, mut device: Device) -> Result<(Record, Option<String>), String> {
        let mut inner = self.inner.write();
        let auth = inner.products.get(&device.product).map(|p| p.auth);
        if auth == Some(AuthKind::Key) && device.secret.is_none() {
            let mut secret = [0; 16];
            openssl::rand::rand_bytes(&mut secret).map_err(|e| e.to_string())?;
            device.secret = Some(BASE64.encode(secret));
        }
        let id = inner.insert(&device, &self.authorities)?;
        let name = id.to_string();
        inner.changes.deleted.remove(&name);
        inner.changes.enabled.remove(&name);
        inner.changes.added.push(device.clone());
        inner.changes.save(&self.state_dir)?;
        let record = inner.devices.get(&id).cloned().ok_or_else(|| unknown(&id))?;
        Ok((record, device.secret))
    }

    /// Deletes a device.
    pub fn delete(&self, id: &DeviceId) -> Result<(), String> {
        let mut inner = self.inner.write();
        inner.devices.remove(id).ok_or_else(|| unknown(id))?;
        let Changes { added, deleted, enabled } = &mut inner.changes;
        added.retain(|d| d.product != id.product || d.name != id.name);
        enabled.remove(&id.to_string());
        deleted.insert(id.to_string());
        inner.changes.save(&self.state_dir)
    }
}

/// The console's answer for a device that is not registered.
pub fn unknown(id: &DeviceId) -> String {
    format!("device {id} is not registered")
}

impl Inner {
    fn insert(&mut self, device: &Device, authorities: &Authorities) -> Result<DeviceId, String> {
        let id = DeviceId { product: device.product.clone(), name: device.name.clone() };
        let fail = |e: String| format!("device {id}: {e}");
        check_product_id(&id.product)?;
        check_device_name(&id.name)?;
        let product =
            self.products.get(&id.product).ok_or_else(|| fail("its product is not registered".into()))?;
        let mut record = Record {
            id: id.clone(),
            enabled: device.enabled,
            auth: product.auth,
            kind: product.kind,
            key: None,
            secret: device.secret.clone(),
            certificate: None,
            issued: None,
            topics: product.topics.clone(),
        };
        match product.auth {
            AuthKind::Key => record.key = Some(key_of(device).map_err(fail)?),
            AuthKind::Cert => add_certificate(&mut record, device, authorities).map_err(fail)?,
        }
        if self.devices.insert(id.clone(), record).is_some() {
            return Err(format!("device {id} is there twice"));
        }
        Ok(id)
    }
}

fn key_of(device: &Device) -> Result<Vec<u8>, String> {
    if device.cert.is_some() || device.issue {
        return Err("a device of a key product has a secret, not a certificate".into());
    }
    let secret = device.secret.as_deref().ok_or("the secret is missing")?;
    // The secret itself must not be part of the message.
    let key = BASE64.decode(secret).map_err(|_| "the secret is not valid base64")?;
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(format!("the secret decodes to {} bytes; 1 to {MAX_KEY} are allowed", key.len()));
    }
    Ok(key)
}

fn add_certificate(record: &mut Record, device: &Device, authorities: &Authorities) -> Result<(), String> {
    if device.secret.is_some() {
        return Err("a device of a certificate product has no secret".into());
    }
    if device.issue {
        let issued = authorities.issue(&record.id)?;
        record.issued = Some((issued.certificate_file, issued.key_file));
        record.certificate = Some(issued.certificate);
    } else if let Some(file) = &device.cert {
        record.certificate = Some(Certificate::load(file)?);
    } else {
        return Err("a device of a certificate product needs cert = \"file\" or issue = true".into());
    }
    Ok(())
}

fn check_product(product: &Product) -> Result<(), String> {
    check_product_id(&product.id)?;
    if product.kind != ProductType::Gateway && !product.subproducts.is_empty() {
        return Err(format!("product {}: only one of type \"gateway\" has subproducts", product.id));
    }
    for sub in &product.subproducts {
        check_product_id(sub).map_err(|e| format!("product {}, subproducts: {e}", product.id))?;
    }
    for topic in &product.topics {
        let name = &topic.name;
        let bad = |e: &str| format!("product {}, topic \"{name}\": {e}", product.id);
        crate::topic::check_filter(name).map_err(bad)?;
        if name.contains('#') {
            return Err(bad("only + may stand for a level"));
        }
    }
    Ok(())
}

fn check_product_id(id: &str) -> Result<(), String> {
    let good = id.len() == 10 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if good { Ok(()) } else { Err(format!("product id \"{id}\" is not 10 characters of A-Z and 0-9")) }
}

fn check_device_name(name: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
    let good = (1..=48).contains(&name.len()) && name.bytes().all(allowed);
    if good {
        Ok(())
    } else {
        Err(format!("device name \"{name}\" is not 1 to 48 characters of A-Z, a-z, 0-9, : _ -"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(dir: &std::path::Path, text: &str) -> Result<Registry, String> {
        let file = dir.join("hub.toml");
        std::fs::write(&file, text).unwrap();
        let config = crate::config::load(&file)?;
        Registry::new(&config, Authorities::open(&config.server.state_dir)?)
    }

    const LAMP: &str = "[[product]]\nid = \"A1B2C3D4E5\"\n[[device]]\nproduct = \"A1B2C3D4E5\"\nname = \"lamp-01\"\n\
                        secret = \"EBESExQVFhcYGRobHB0eHw==\"\n";

    #[test]
    fn console_changes_survive_a_restart_and_leave_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let lamp = DeviceId::parse("A1B2C3D4E5/lamp-01").unwrap();
        let added = DeviceId::parse("A1B2C3D4E5/new").unwrap();
        let first = registry(dir.path(), LAMP).unwrap();
        first.set_enabled(&lamp, false).unwrap();
        let spec: Device = serde_json::from_str(r#"{"product":"A1B2C3D4E5","name":"new"}"#).unwrap();
        let (_, secret) = first.add(spec).unwrap();
        let key = BASE64.decode(secret.unwrap()).unwrap();

        let second = registry(dir.path(), LAMP).unwrap();
        assert!(!second.device(&lamp).unwrap().enabled);
        assert_eq!(second.psk(b"A1B2C3D4E5new"), Some(key));
        second.delete(&added).unwrap();
        second.delete(&lamp).unwrap();

        let third = registry(dir.path(), LAMP).unwrap();
        assert!(third.devices().is_empty());
        let spec: Device = serde_json::from_str(r#"{"product":"A1B2C3D4E5","name":"lamp-01"}"#).unwrap();
        let (_, secret) = third.add(spec).unwrap();
        let fourth = registry(dir.path(), LAMP).unwrap();
        assert_eq!(fourth.psk(b"A1B2C3D4E5lamp-01"), Some(BASE64.decode(secret.unwrap()).unwrap()));
        assert_eq!(std::fs::read_to_string(dir.path().join("hub.toml")).unwrap(), LAMP);
    }

    #[test]
    fn the_example_is_a_registry() {
        let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("hub.example.toml");
        let dir = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(example).unwrap();
        let registry = registry(dir.path(), &text.replace("./emulator-state", "state")).unwrap();
        let bound: Vec<_> = registry.bindings().iter().map(|(sub, gw)| format!("{sub} {gw}")).collect();
        assert_eq!(bound, ["SENSOR0001/probe-1 GATEWAY001/hall"]);
    }

    #[test]
    fn bad_entries_are_named_without_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let with = |from: &str, to: &str| registry(dir.path(), &LAMP.replace(from, to)).err().unwrap();
        assert!(with("lamp-01", "lamp 01").contains("lamp 01"));
        assert!(with("id = \"A1B2C3D4E5\"", "id = \"short\"").contains("short"));
        let error = with("EBESExQVFhcYGRobHB0eHw==", "EBESExQV*");
        assert!(error.contains("lamp-01") && error.contains("base64") && !error.contains("EBES"), "{error}");
        assert!(with("secret = \"EBESExQVFhcYGRobHB0eHw==\"", "issue = true").contains("secret"));
    }

    #[test]
    fn client_ids_split_after_ten_characters() {
        let id = DeviceId::from_client_id("A1B2C3D4E5lamp-01").unwrap();
        assert_eq!((id.product.as_str(), id.name.as_str()), ("A1B2C3D4E5", "lamp-01"));
        assert_eq!(DeviceId::from_client_id("A1B2C3D4E5"), None);
        assert_eq!(DeviceId::from_client_id("ééééééé"), DeviceId::from_client_id("ééééééé"));
        assert_eq!(DeviceId::from_client_id("123456789é"), None);
    }

    #[test]
    fn file_names_lead_back_to_the_device() {
        let id = DeviceId::parse("A1B2C3D4E5/lamp_01:x").unwrap();
        assert_eq!(DeviceId::from_file_stem(&id.file_stem()), Some(id));
        assert_eq!(DeviceId::from_file_stem("registry"), None);
    }
}
