//! Which devices may be bound to which gateways.

use std::fmt;

use super::{DeviceId, Inner, Record, Registry, unknown};
use crate::config::{Device, ProductType};

/// Why a device may not be bound to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAllowed {
    /// Its product is not of type `subdevice`.
    WrongKind,
    /// Its product is not among the `subproducts` of the gateway's product.
    OtherProduct,
    /// The gateway's product has no `subproducts` at all.
    NoSubDevices,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            NotAllowed::WrongKind => "is not of a product of type \"subdevice\"",
            NotAllowed::OtherProduct => "is not of one of the gateway product's subproducts",
            NotAllowed::NoSubDevices => "cannot be bound: the gateway's product has no subproducts",
        })
    }
}

impl Registry {
    /// Sub-devices and the gateways the registry file binds them to.
    pub fn bindings(&self) -> &[(DeviceId, DeviceId)] {
        &self.bindings
    }

    /// May this device be bound to this gateway?
    pub fn may_bind(&self, gateway: &DeviceId, device: &Record) -> Result<(), NotAllowed> {
        self.inner.read().may_bind(gateway, device)
    }
}

impl Inner {
    /// The bindings of the registry file: of gateways, to sub-devices they may have, each bound once.
    pub(super) fn bindings(&self, devices: &[Device]) -> Result<Vec<(DeviceId, DeviceId)>, String> {
        let mut bindings: Vec<(DeviceId, DeviceId)> = Vec::new();
        for device in devices {
            let gateway = DeviceId { product: device.product.clone(), name: device.name.clone() };
            for bound in &device.bind {
                let fail = |e: String| format!("device {gateway}, bind: {e}");
                let id = DeviceId::parse(bound).map_err(fail)?;
                let record = self.devices.get(&id).ok_or_else(|| fail(unknown(&id)))?;
                self.may_bind(&gateway, record).map_err(|e| fail(format!("device {id} {e}")))?;
                if bindings.iter().any(|(other, _)| *other == id) {
                    return Err(fail(format!("device {id} is bound twice")));
                }
                bindings.push((id, gateway.clone()));
            }
        }
        Ok(bindings)
    }

    fn may_bind(&self, gateway: &DeviceId, device: &Record) -> Result<(), NotAllowed> {
        let sub_products = self.products.get(&gateway.product).map_or(&[][..], |p| &p.subproducts);
        if device.kind != ProductType::Subdevice {
            return Err(NotAllowed::WrongKind);
        }
        if sub_products.is_empty() {
            return Err(NotAllowed::NoSubDevices);
        }
        let listed = sub_products.contains(&device.id.product);
        if listed { Ok(()) } else { Err(NotAllowed::OtherProduct) }
    }
}
