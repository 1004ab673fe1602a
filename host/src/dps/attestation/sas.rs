//! Shared access signatures: read as every client writes them, and held against a key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use thiserror::Error;

/// Seconds by which a device's clock may be behind ours.
const SKEW: i64 = 300;

/// Why a text is no shared access signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotASas {
    /// Another scheme.
    #[error("it does not begin with SharedAccessSignature")]
    Scheme,
    /// A part that no signature has.
    #[error("it has a part that is none of sr, sig, se and skn")]
    Unknown,
    /// A part that is there twice.
    #[error("it has a part twice")]
    Twice,
    /// A part that is not there.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// An expiry that is no time.
    #[error("its expiry (se) is not a number of seconds")]
    Expiry,
    /// A signature that cannot be read.
    #[error("its signature (sig) is not base64")]
    Signature,
}

/// `SharedAccessSignature sr=…&sig=…&se=…&skn=…`, in any order.
#[derive(Debug)]
pub struct Sas<'a> {
    /// What was signed, literally: some clients encode it in lower-case hexadecimal, some not at all.
    pub resource: &'a str,
    expiry: &'a str,
    expires: i64,
    /// The name of the policy whose key signed. Empty or absent for some devices.
    pub policy: &'a str,
    signature: Vec<u8>,
}

impl<'a> Sas<'a> {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// If a part is missing, unknown, there twice, or not of its form.
    pub fn parse(text: &'a str) -> Result<Self, NotASas> {
        let (scheme, parts) = text.trim().split_once(' ').ok_or(NotASas::Scheme)?;
        if !scheme.eq_ignore_ascii_case("SharedAccessSignature") {
            return Err(NotASas::Scheme);
        }
        let [mut sr, mut sig, mut se, mut skn] = [None; 4];
        for part in parts.trim().split('&') {
            let (name, value) = part.split_once('=').ok_or(NotASas::Unknown)?;
            let place = match name {
                "sr" => &mut sr,
                "sig" => &mut sig,
                "se" => &mut se,
                "skn" => &mut skn,
                _ => return Err(NotASas::Unknown),
            };
            if place.replace(value).is_some() {
                return Err(NotASas::Twice);
            }
        }
        let signature = percent_decode_str(sig.ok_or(NotASas::Missing("sig"))?);
        let signature = signature.decode_utf8().map_err(|_| NotASas::Signature)?;
        let expiry = se.ok_or(NotASas::Missing("se"))?;
        Ok(Self {
            resource: sr.ok_or(NotASas::Missing("sr"))?,
            expiry,
            expires: expiry.parse().map_err(|_| NotASas::Expiry)?,
            policy: skn.unwrap_or_default(),
            signature: STANDARD.decode(signature.as_bytes()).map_err(|_| NotASas::Signature)?,
        })
    }

    /// When it expires, for people.
    #[must_use]
    pub fn expires(&self) -> String {
        jiff::Timestamp::from_second(self.expires).map_or_else(|_| self.expires.to_string(), |at| at.to_string())
    }

    /// Whether it is for this resource, without regard to case and encoding.
    #[must_use]
    pub fn is_for(&self, resource: &str) -> bool {
        percent_decode_str(self.resource).decode_utf8().is_ok_and(|named| named.eq_ignore_ascii_case(resource))
    }

    /// Whether it has expired at this second.
    #[must_use]
    pub fn has_expired(&self, now: i64) -> bool {
        self.expires.saturating_add(SKEW) < now
    }

    /// Whether this key signed it. Takes as long whichever byte differs.
    #[must_use]
    pub fn is_signed_by(&self, key: &[u8]) -> bool {
        let message = format!("{}\n{}", self.resource, self.expiry);
        mac(key, message.as_bytes()).is_some_and(|mac| mac.verify_slice(&self.signature).is_ok())
    }
}

/// The key of a device of a group: the group's key has signed its registration id.
#[must_use]
pub fn derived_key(group_key: &[u8], registration_id: &str) -> Option<Vec<u8>> {
    Some(mac(group_key, registration_id.as_bytes())?.finalize().into_bytes().to_vec())
}

fn mac(key: &[u8], message: &[u8]) -> Option<Hmac<Sha256>> {
    let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_keys_that_devices_have() {
        let group = STANDARD
            .decode("oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==")
            .unwrap();
        for (id, key) in [
            ("breakroom499-contoso-tstrsd-007", "JC8F96eayuQwwz+PkE7IzjH2lIAjCUnAa61tDigBnSs="),
            ("mainbuilding167-contoso-hpsd-088", "6uejA9PfkQgmYylj8Zerp3kcbeVrGZ172YLa7VSnJzg="),
        ] {
            assert_eq!(STANDARD.encode(derived_key(&group, id).unwrap()), key);
        }
    }

    fn signed(resource: &str, expiry: &str, key: &[u8]) -> String {
        let signature = mac(key, format!("{resource}\n{expiry}").as_bytes()).unwrap().finalize().into_bytes();
        let signature: String = form_urlencoded::byte_serialize(STANDARD.encode(signature).as_bytes()).collect();
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}")
    }

    #[test]
    fn takes_each_clients_way_to_write_the_resource() {
        for resource in [
            "0ne1/registrations/dev-1",
            "0ne1%2Fregistrations%2Fdev-1",
            "0ne1%2fregistrations%2fdev-1",
            "0NE1%2Fregistrations%2Fdev-1",
        ] {
            for tail in ["", "&skn=", "&skn=registration"] {
                let text = signed(resource, "2000000000", b"key") + tail;
                let sas = Sas::parse(&text).unwrap();
                assert!(sas.is_for("0ne1/registrations/dev-1") && sas.is_signed_by(b"key"), "{text}");
                assert!(!sas.is_signed_by(b"another") && !sas.is_for("0ne1/registrations/dev-2"));
            }
        }
    }

    #[test]
    fn refuses_what_is_changed_in_any_field() {
        let text = signed("s/registrations/d", "2000000000", b"key");
        for (from, to) in [("sr=s", "sr=t"), ("se=2000000000", "se=2000000001"), ("sig=", "sig=AAAA")] {
            let changed = text.replace(from, to);
            assert!(Sas::parse(&changed).ok().is_none_or(|sas| !sas.is_signed_by(b"key")), "{changed}");
        }
        for (wrong, why) in [
            ("", NotASas::Scheme),
            ("SharedAccessSignature", NotASas::Scheme),
            ("Bearer x", NotASas::Scheme),
            ("SharedAccessSignature sr=a&sig=b", NotASas::Missing("se")),
            ("SharedAccessSignature sr=a&se=1", NotASas::Missing("sig")),
            ("SharedAccessSignature sig=AAAA&se=1", NotASas::Missing("sr")),
        ] {
            assert_eq!(Sas::parse(wrong).unwrap_err(), why, "{wrong}");
        }
        for (tail, why) in [("&se=1", NotASas::Twice), ("&other=1", NotASas::Unknown), ("&", NotASas::Unknown)] {
            assert_eq!(Sas::parse(&(text.clone() + tail)).unwrap_err(), why, "{tail}");
        }
        assert_eq!(Sas::parse(&text.replace("2000000000", "soon")).unwrap_err(), NotASas::Expiry);
        assert_eq!(Sas::parse(&text.replace("sig=", "sig=*")).unwrap_err(), NotASas::Signature);
    }

    #[test]
    fn expires_with_some_patience() {
        let text = signed("r", "1000", b"key");
        let sas = Sas::parse(&text).unwrap();
        assert!(!sas.has_expired(1000 + SKEW) && sas.has_expired(1001 + SKEW));
    }
}
