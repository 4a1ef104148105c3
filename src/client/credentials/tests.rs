use super::super::notice::Severity;
use super::*;

/// Test vectors of `auth.md` §6 and `services/vectors.md` §1: made-up credentials.
struct Vector {
    client_id: &'static str,
    secret: &'static str,
    connection_id: &'static str,
    expiry: &'static str,
    user_name: &'static str,
    sha1: &'static str,
    sha256: Option<&'static str>,
}

const SECRET_A: &str = "AAECAwQFBgcICQoLDA0ODw==";

const VECTORS: &[Vector] = &[
    Vector {
        client_id: "ABCD1234EFdev_01",
        secret: SECRET_A,
        connection_id: "a1B2c",
        expiry: NEVER,
        user_name: "ABCD1234EFdev_01;21010406;a1B2c;92233720368547758",
        sha1: "d4df6c60760815fc0ad5877f0982f2bf4267cfdf",
        sha256: Some("523e1dbc278a6999eac561dfa656696151e9bdea14b4aa10b74b6e1bf75881a3"),
    },
    Vector {
        client_id: "ABCD1234EFdev_01",
        secret: SECRET_A,
        connection_id: "a1B2c",
        expiry: "1700000000",
        user_name: "ABCD1234EFdev_01;21010406;a1B2c;1700000000",
        sha1: "a2b7eda20870c17c35ca8869e2154e66764817d2",
        sha256: Some("c88459fb65788e722f9726f900677a6493dfbd67f91a048f75467a0c62e3baa6"),
    },
    Vector {
        client_id: "Z9Z9Z9Z9Z9xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v",
        connection_id: "ZZZZ9",
        expiry: NEVER,
        user_name: "Z9Z9Z9Z9Z9xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;21010406;ZZZZ9;92233720368547758",
        sha1: "781523c643f31aa142f9b18d442dbe92eec054f5",
        sha256: Some("433a39f29f9e3441e85b3ead66401d64e80a1a3f51907e43a946333aa608e023"),
    },
    Vector {
        client_id: "7CN3UQ4VGTtest1",
        secret: "c3VwZXItc2VjcmV0LWtleS0wMQ==",
        connection_id: "jig9c",
        expiry: NEVER,
        user_name: "7CN3UQ4VGTtest1;21010406;jig9c;92233720368547758",
        sha1: "15a51390973b9718249f67bf7cc22afef5d87101",
        sha256: None,
    },
    Vector {
        client_id: "A1B2C3D4E5lamp-01",
        secret: "EBESExQVFhcYGRobHB0eHw==",
        connection_id: "Q7xTz",
        expiry: "4102444800",
        user_name: "A1B2C3D4E5lamp-01;21010406;Q7xTz;4102444800",
        sha1: "f8e910dffcbde477d26eafe364a36a36fbaca4ca",
        sha256: Some("04a7344c850d4f0f01ef8a9593d5f2ad17a683304f841b84277a1d779d658d82"),
    },
];

#[test]
fn vectors_give_user_name_and_password() {
    for vector in VECTORS {
        let user_name = user_name(vector.client_id, vector.connection_id, vector.expiry);
        assert_eq!(user_name, vector.user_name);
        let key = DeviceKey::decode(vector.secret.as_bytes()).unwrap();
        let password = key.password(&user_name, Digest::HmacSha1).unwrap();
        assert_eq!(password.as_str(), format!("{};hmacsha1", vector.sha1));
        assert_eq!(password.as_str().len(), 49);
        if let Some(token) = vector.sha256 {
            assert_eq!(
                key.password(&user_name, Digest::HmacSha256).unwrap().as_str(),
                format!("{token};hmacsha256")
            );
        }
    }
}

#[test]
fn vector_c_has_the_longest_user_name() {
    assert_eq!(VECTORS[2].user_name.len(), 91);
    assert_eq!(DeviceKey::decode(VECTORS[2].secret.as_bytes()).unwrap().bytes().len(), MAX_KEY);
}

#[test]
fn user_name_is_capped_at_33_characters_behind_the_client_id() {
    let long_max = user_name("P1d1", "a1B2c", &i64::MAX.to_string());
    assert_eq!(long_max, "P1d1;21010406;a1B2c;92233720368547758");
    assert_eq!(long_max.len(), "P1d1".len() + 33);
    assert_eq!(user_name("设备", "a1B2c", "1"), "设备;21010406;a1B2c;1");
    assert_eq!(NEVER.len(), MAX_EXPIRY);
}

#[test]
fn expiry_table() {
    let now = 1_700_000_000;
    let table = [
        (0, now, NEVER),
        (-1, now, NEVER),
        (i64::MIN, now, NEVER),
        (1, now, "1700000000"),
        (999, now, "1700000000"),
        (1000, now, "1700000001"),
        (86_400_000, now, "1700086400"),
        (86_400_000, 0, "86400"),
        (86_400_000, -86_400, NEVER),
        (86_400_000, -86_399, "1"),
        (86_400_000, i64::MAX, NEVER),
        (i64::MAX, now, "9223373736854775"),
        // Behind 2038 nothing special happens.
        (1000, 2_147_483_647, "2147483648"),
    ];
    for (timeout_ms, now_sec, expected) in table {
        assert_eq!(expiry(timeout_ms, now_sec), expected, "{timeout_ms} ms from {now_sec}");
    }
}

#[test]
fn build_constants_are_read_as_documented() {
    assert_eq!(milliseconds(None), 0);
    assert_eq!(milliseconds(Some("")), 0);
    assert_eq!(milliseconds(Some("3600000")), 3_600_000);
    assert_eq!(milliseconds(Some("-1")), -1);
    assert_eq!(digest(None), Digest::HmacSha1);
    assert_eq!(digest(Some("")), Digest::HmacSha1);
    assert_eq!(digest(Some("hmacsha1")), Digest::HmacSha1);
    assert_eq!(digest(Some("hmacsha256")), Digest::HmacSha256);
}

#[test]
fn values_that_are_no_constants_stop_the_build() {
    assert!(std::panic::catch_unwind(|| milliseconds(Some("1h"))).is_err());
    assert!(std::panic::catch_unwind(|| digest(Some("md5"))).is_err());
}

/// A source that hands out the given bytes in turn.
fn source(bytes: &'static [u8]) -> impl FnMut(&mut [u8]) {
    let mut rest = bytes.iter().cycle();
    move |out| out.iter_mut().zip(&mut rest).for_each(|(out, byte)| *out = *byte)
}

#[test]
fn connection_id_draws_the_class_first() {
    let mut random = source(&[0, 25, 1, 25, 2, 9, 3, 0, 4, 0]);
    assert_eq!(connection_id(&mut random), "zZ9aA");
}

#[test]
fn connection_id_rejects_bytes_that_would_prefer_some_characters() {
    // 255 is no class, 234 no letter, 250 no digit: each is drawn again.
    let mut random = source(&[255, 0, 234, 1, 255, 255, 2, 250, 3]);
    assert_eq!(&connection_id(&mut random)[..2], "b3");
}

#[test]
fn connection_id_ends_with_a_source_that_is_stuck() {
    assert_eq!(connection_id(&mut source(&[255])).len(), 5);
}

#[test]
fn connection_id_has_the_distribution_of_the_original() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |out: &mut [u8]| {
        for byte in out {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 32) as u8;
        }
    };
    let mut count = [0u32; 128];
    for _ in 0..30_000 {
        connection_id(&mut random).bytes().for_each(|byte| count[usize::from(byte)] += 1);
    }
    let of = |from: char, to: char| (from..=to).map(|c| count[c as usize]).collect::<Vec<_>>();
    let classes = [of('a', 'z'), of('A', 'Z'), of('0', '9')];
    assert_eq!(classes.iter().flatten().sum::<u32>(), 150_000, "only letters and digits");
    for class in classes {
        let total: u32 = class.iter().sum();
        assert!((49_000..51_000).contains(&total), "{total} of 150000");
        let expected = total / class.len() as u32;
        let near = expected * 9 / 10..expected * 11 / 10;
        assert!(class.iter().all(|n| near.contains(n)), "{class:?}");
    }
}

#[test]
fn base64_edges() {
    let zeros = [0u8; 48];
    let longest = "A".repeat(64);
    let spread = longest.chars().map(|c| format!("{c}  \r\n")).collect::<String>();
    let good: &[(&str, &[u8])] = &[
        ("", b""),
        ("   ", b""),
        ("\n", b""),
        ("\r\n  \n", b""),
        ("=", b""),
        ("==", b""),
        ("AAECAwQFBgcICQoLDA0ODw==", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
        // 22 characters without padding give all 16 bytes.
        ("AAECAwQFBgcICQoLDA0ODw", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
        ("AAECAwQFBgcICQoLDA0ODw=", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
        ("QUI=", b"AB"),
        ("QUI", b"AB"),
        ("QUJD", b"ABC"),
        ("QUJD==", b"ABC"),
        ("QUI=\n", b"AB"),
        ("QUI=\r\n", b"AB"),
        ("QUI= ", b"AB"),
        ("QU  \nI=", b"AB"),
        ("QU \r\nI=", b"AB"),
        ("Q\nU\nI\n=", b"AB"),
        ("QQ=\n=", b"A"),
        // Bits that do not fill a byte are ignored.
        ("QR==", b"A"),
        ("QUJ=", b"AB"),
        ("+/+/", b"\xfb\xff\xbf"),
        (&longest, &zeros),
        (&spread, &zeros),
    ];
    for (secret, bytes) in good {
        let key = DeviceKey::decode(secret.as_bytes());
        assert_eq!(key.as_ref().map(DeviceKey::bytes).map_err(|e| &e.text), Ok(*bytes), "{secret:?}");
        assert_eq!(key.unwrap().is_empty(), bytes.is_empty());
    }
}

#[test]
fn base64_errors() {
    let not_base64 = [
        "A",
        "AAAAA",
        "A==",
        "A=",
        "===",
        "QQ===",
        "QQ=\n==",
        "QQ==QQ==",
        "Q=Q=",
        "=QQ",
        " QUI=",
        "QU I=",
        "QUI =",
        "QUI\t",
        "QUI\r",
        "QUI\r\r\n",
        "Q\rUI",
        "QU-_",
        "QUI*",
        "QUI\0",
        "QÜI=",
        "QUI=\n QUI",
    ];
    let too_long = ["A".repeat(66), "A".repeat(68), "A".repeat(10_000), format!("{}\nAA", "A".repeat(64))];
    let refusal = |secret: &[u8]| DeviceKey::decode(secret).unwrap_err();
    for secret in not_base64 {
        assert_eq!(refusal(secret.as_bytes()), super::not_base64(), "{secret:?}");
    }
    for secret in too_long {
        assert_eq!(refusal(secret.as_bytes()), super::too_long());
    }
    assert_eq!(refusal(b"QU\xff\xfe"), super::not_base64());
    assert_eq!(super::not_base64().error, Error::Inval);
    assert_eq!(super::too_long().error, Error::Inval);
}

/// The original prints a secret it cannot decode, in full.
#[test]
fn secrets_are_neither_in_debug_nor_in_errors() {
    let secret = "c3VwZXItc2VjcmV0LWtleS0wMQ==";
    let (credential, notice) = Credential::key(Some(secret.as_bytes())).unwrap();
    assert_eq!(notice, None);
    assert_eq!(format!("{credential:?}"), "Key(DeviceKey(hidden))");
    let Credential::Key(key) = credential else { unreachable!() };
    let password = key.password("user", Digest::HmacSha1).unwrap();
    assert_eq!(format!("{password:?}"), "Password(hidden)");

    for broken in [format!("{secret}!"), secret.repeat(4), format!("{secret}A")] {
        let refusal = DeviceKey::decode(broken.as_bytes()).unwrap_err();
        let shown = format!("{refusal} {refusal:?}");
        assert!(!shown.contains("c3Vw") && !shown.contains("super"), "{shown}");
    }
}

/// Looks at the memory of the key after it was freed. The allocator may use its first bytes for its own lists.
#[test]
#[cfg(target_os = "linux")]
fn key_is_zeroed_when_dropped() {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let key = DeviceKey::decode(VECTORS[2].secret.as_bytes()).unwrap();
    let (address, bytes) = (key.block.as_ptr().addr() as u64, key.bytes().to_vec());
    let at_address = || {
        let mut seen = [0; MAX_KEY];
        memory.read_exact_at(&mut seen, address).unwrap();
        seen
    };
    assert_eq!(at_address(), *bytes);
    drop(key);
    assert!(!at_address().windows(8).any(|seen| bytes[16..].windows(8).any(|byte| byte == seen)));
}

#[test]
fn empty_secret_is_accepted_with_a_warning() {
    let (credential, notice) = Credential::key(Some(b"")).unwrap();
    assert!(matches!(credential, Credential::Key(key) if key.is_empty()));
    assert_eq!(notice.unwrap().severity, Severity::Warning);
}

#[test]
fn missing_credentials_are_refused() {
    assert_eq!(Credential::key(None).unwrap_err().error, Error::Inval);
    for (cert, key, named) in
        [(c"", c"k", "certificate"), (c"c", c"", "private key"), (c"", c"", "certificate")]
    {
        let refusal = Credential::certificate(cert, key).unwrap_err();
        assert_eq!(refusal.error, Error::Inval);
        assert!(refusal.text.contains(named), "{}", refusal.text);
    }
    let credential = Credential::certificate(c"certs/d_cert.crt", c"certs/d_private.key").unwrap();
    let Credential::Certificate { cert_file, key_file } = credential else { unreachable!() };
    assert_eq!((cert_file.as_c_str(), key_file.as_c_str()), (c"certs/d_cert.crt", c"certs/d_private.key"));
}

#[test]
fn only_mqtt_directly_on_tls_goes_without_password() {
    let without: Vec<_> = [Scheme::Mqtt, Scheme::Mqtts, Scheme::Ws, Scheme::Wss]
        .into_iter()
        .filter(|&scheme| !sends_password(scheme))
        .collect();
    assert_eq!(without, [Scheme::Mqtts]);
}

#[test]
fn rsa_password_is_lower_case_hex() {
    assert_eq!(rsa_password(&[0x00, 0xab, 0xff]).unwrap().as_str(), "00abff;rsa-sha256");
    // RSA-2048.
    assert_eq!(rsa_password(&[0x5a; 256]).unwrap().as_str().len(), 523);
}

/// Vector E of `auth.md` §6, signed by the port with a key that exists for tests only.
#[test]
#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
fn rsa_vector_gives_password() {
    use crate::hal::private_key::PrivateKey;

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/client/credentials/throw_away_key.pem\0");
    let key = PrivateKey::from_file(CStr::from_bytes_with_nul(path.as_bytes()).unwrap()).unwrap();
    let signature = key.sign(VECTORS[0].user_name).unwrap();
    let expected = [
        "90eda576043654733cffefc28d35039709a5e93e819f9f30aeb5e07735140916",
        "21b0cb52f0d719294861dee22ede63ec017a548f1bda52fd90065dc070e8aede",
        "719806d335cbdb9d173d4fec04610d0cad407f1d60d93dc02f8fc4ee4e34f104",
        "76054bba666900ddfc43572c5490cc16b82564eef73d8994b4dcc6449ba92559",
        "ea0ec09e779e706c64d4726af0ea82b7b41f791df9eb266e9944325565819c7b",
        "ca0870717b07870986ab28cad19f54a1758e61b3745f861ae4b6b851239abcd8",
        "666cf128892a7076389a173cccb4d3150ef339f218bbc668593aefde219c3767",
        "b5bbcf69cf9a5e0f0af4c6bb998da3d1ad997f40c36b04e5fa9dcb844014ff95",
    ];
    assert_eq!(rsa_password(&signature).unwrap().as_str(), format!("{};rsa-sha256", expected.concat()));
}
