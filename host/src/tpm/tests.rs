//! What one half seals the other opens, and nobody else. That a real TPM opens it too is told by the tests of clients.

use std::os::unix::fs::PermissionsExt as _;

use super::{SoftwareTpm, StorageKey, TpmError, activation};

#[test]
fn a_tpm_activates_what_was_sealed_for_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tpm.pem");
    assert!(matches!(SoftwareTpm::open(&path), Err(TpmError::NoFile(_))));
    assert!(!path.exists());
    let (one, is_new) = SoftwareTpm::open_or_make(&path).unwrap();
    assert!(is_new);
    let other = SoftwareTpm::new().unwrap();
    let [endorsement, storage_root] = [one.endorsement_key(), one.storage_root_key()].map(|key| key.to_bytes());
    let parsed = [&endorsement, &storage_root].map(|bytes| StorageKey::parse(bytes).unwrap());
    let sealed = activation(&parsed[0], &parsed[1], b"an identity key").unwrap();

    // Also after the file was closed and read again.
    let (again, is_new) = SoftwareTpm::open_or_make(&path).unwrap();
    assert!(!is_new);
    assert_eq!(again.endorsement_key().to_bytes(), endorsement);
    assert_eq!(again.activate(&sealed).unwrap().sign(b"x"), one.activate(&sealed).unwrap().sign(b"x"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    assert!(matches!(other.activate(&sealed), Err(TpmError::NotForThisTpm)));
    // Neither key may be another's.
    let mixed = activation(&parsed[0], &other.storage_root_key(), b"k").unwrap();
    assert!(matches!(one.activate(&mixed), Err(TpmError::NotForThisTpm)));
    let mixed = activation(&other.endorsement_key(), &parsed[1], b"k").unwrap();
    assert!(matches!(one.activate(&mixed), Err(TpmError::NotForThisTpm)));

    // No byte may differ, but for the count at the end, of what is none of the key's.
    for place in 0..sealed.len() - 2 {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(one.activate(&changed).is_err(), "byte {place}");
    }
    for end in 0..sealed.len() - 2 {
        assert!(one.activate(&sealed[..end]).is_err(), "the first {end} bytes");
    }
}

#[test]
fn public_keys_begin_as_those_of_hardware_do() {
    use base64::Engine as _;
    let tpm = SoftwareTpm::new().unwrap();
    let text = |key: StorageKey| base64::engine::general_purpose::STANDARD.encode(key.to_bytes());
    assert!(text(tpm.endorsement_key()).starts_with("AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S12"));
    assert!(text(tpm.storage_root_key()).starts_with("ARoAAQALAAMEcgAAAAYAgABDABAIAAAAAAABA"));
    let bytes = tpm.endorsement_key().to_bytes();
    assert!(StorageKey::parse(&bytes[..bytes.len() - 1]).is_err());
    let elliptic = [&bytes[..3], &[0x23], &bytes[4..]].concat();
    assert!(matches!(StorageKey::parse(&elliptic), Err(TpmError::Unsupported)));
}

#[test]
fn a_file_that_holds_no_tpm_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(&path, "milk, bread").unwrap();
    for opened in [SoftwareTpm::open(&path), SoftwareTpm::open_or_make(&path).map(|(tpm, _)| tpm)] {
        assert!(matches!(opened, Err(TpmError::NotATpm(_))));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "milk, bread");
}
