//! Who the device is: product id, device name and the client id made of them (`auth.md` §1).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use crate::error::Error;
use crate::hal::device_info::{MAX_SIZE_OF_DEVICE_NAME, MAX_SIZE_OF_PRODUCT_ID};

/// Product id and device name of one device, both within their limits and valid UTF-8.
///
/// Needs no memory of its own, so that a list of them is one block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Product id and device name behind each other, then zeros.
    client_id: [u8; MAX_CLIENT_ID],
    product_id_len: u8,
    client_id_len: u8,
}

const MAX_CLIENT_ID: usize = MAX_SIZE_OF_PRODUCT_ID + MAX_SIZE_OF_DEVICE_NAME;

impl Identity {
    /// Takes the bytes of the two C strings, terminators not included; `None` stands for NULL.
    ///
    /// Errors: `Inval` for NULL, for an empty field and for bytes that are not UTF-8, which MQTT demands of a
    /// client id [MQTT-3.1.3-4]; `Failure` for a product id above 10 or a device name above 48 bytes. A shorter
    /// product id is accepted.
    pub fn new(product_id: Option<&[u8]>, device_name: Option<&[u8]>) -> Result<Identity, Error> {
        let product_id = field(product_id, MAX_SIZE_OF_PRODUCT_ID)?;
        let device_name = field(device_name, MAX_SIZE_OF_DEVICE_NAME)?;
        let mut client_id = [0; MAX_CLIENT_ID];
        let both = product_id.bytes().chain(device_name.bytes());
        client_id.iter_mut().zip(both).for_each(|(slot, byte)| *slot = byte);
        // Both fit: they are within their limits.
        Ok(Identity {
            client_id,
            product_id_len: product_id.len() as u8,
            client_id_len: (product_id.len() + device_name.len()) as u8,
        })
    }

    /// 1 to 10 bytes.
    pub fn product_id(&self) -> &str {
        self.text(0, self.product_id_len)
    }

    /// 1 to 48 bytes.
    pub fn device_name(&self) -> &str {
        self.text(self.product_id_len, self.client_id_len)
    }

    /// Product id and device name without a separator; also the identity that goes with a pre-shared key.
    pub fn client_id(&self) -> &str {
        self.text(0, self.client_id_len)
    }

    fn text(&self, from: u8, to: u8) -> &str {
        let bytes = self.client_id.get(usize::from(from)..usize::from(to)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({}/{})", self.product_id(), self.device_name())
    }
}

fn field(bytes: Option<&[u8]>, limit: usize) -> Result<&str, Error> {
    match bytes {
        None | Some([]) => Err(Error::Inval),
        Some(bytes) if bytes.len() > limit => Err(Error::Failure),
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| Error::Inval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_id_is_product_id_and_device_name() {
        let identity = Identity::new(Some(b"7CN3UQ4VGT"), Some(b"test1")).unwrap();
        assert_eq!(identity.product_id(), "7CN3UQ4VGT");
        assert_eq!(identity.device_name(), "test1");
        assert_eq!(identity.client_id(), "7CN3UQ4VGTtest1");
    }

    #[test]
    fn limits_are_10_and_48_bytes() {
        let cases: [(usize, usize, Option<Error>); 6] = [
            (10, 48, None),
            (1, 1, None),
            (11, 1, Some(Error::Failure)),
            (10, 49, Some(Error::Failure)),
            (0, 1, Some(Error::Inval)),
            (1, 0, Some(Error::Inval)),
        ];
        for (product_id, device_name, refused) in cases {
            let result = Identity::new(Some(&vec![b'P'; product_id]), Some(&vec![b'd'; device_name]));
            assert_eq!(result.as_ref().err().copied(), refused, "{product_id} and {device_name} bytes");
            if let Ok(identity) = result {
                assert_eq!(identity.product_id().len(), product_id);
                assert_eq!(identity.device_name().len(), device_name);
            }
        }
    }

    #[test]
    fn null_is_refused() {
        assert_eq!(Identity::new(None, Some(b"test1")), Err(Error::Inval));
        assert_eq!(Identity::new(Some(b"7CN3UQ4VGT"), None), Err(Error::Inval));
        assert_eq!(Identity::new(None, None), Err(Error::Inval));
    }

    #[test]
    fn limits_count_bytes_and_text_must_be_utf8() {
        let name = "设备-01";
        assert_eq!(Identity::new(Some(b"P"), Some(name.as_bytes())).unwrap().device_name(), name);
        assert_eq!(Identity::new(Some("产品ID11".as_bytes()), Some(b"d")).unwrap().product_id(), "产品ID11");
        assert_eq!(Identity::new(Some("产品ID111".as_bytes()), Some(b"d")), Err(Error::Failure));
        assert_eq!(Identity::new(Some(b"\xc3"), Some(b"\xa9")), Err(Error::Inval));
        assert_eq!(Identity::new(Some(b"P"), Some(b"lamp\xff")), Err(Error::Inval));
    }
}
