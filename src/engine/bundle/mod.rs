//! Bundles: modules that were validated and signed on another machine.
//!
//! A device without validators cannot tell a valid module from one that would make its interpreter run off the rails.
//! So someone else looks: [`Bundler`] checks a module as loading would, makes the edits that loading makes, notes
//! what loading would find out, and signs all of it. The device holds the public key. Whether what it is given
//! holds against that key, [`VerifiedBundle::verify`] says, and nothing but its answer can be loaded.
//!
//! The format, all numbers in little-endian order:
//!
//! | bytes | what |
//! |--:|---|
//! | 8 | `"\x7fwasmote"` |
//! | 4 | the version of this format, 1 |
//! | 16 | the interpreter that validated it, by name and version, filled with zeros |
//! | 4 | proposals it may use beyond those that are always on: 1 for SIMD, 2 for 64-bit memories |
//! | 4 × 4 | the limits it was held against that nothing else here tells |
//! | 8 × 23 | what it declares, by count and size |
//! | 4 | the length of the module |
//! | … | the module, as the interpreter is to have it |
//! | 64 | an Ed25519 signature of everything before it (RFC 8032) |

#[cfg(feature = "validate")]
mod make;
mod numbers;

use crate::{Error, Limits, engine::Outline};
#[cfg(feature = "validate")]
pub use make::{Bundler, SecretKey};

pub use super::unchecked::VerifiedBundle;

const MAGIC: &[u8; 8] = b"\x7fwasmote";
const VERSION: u32 = 1;
const SIGNATURE_BYTES: usize = 64;
/// Who validates. Another version may take other modules for valid, or translate them otherwise.
const INTERPRETER: &[u8; 16] = b"wasmi 2.0.0\0\0\0\0\0";
const SIMD: u32 = 1;
const MEMORY64: u32 = 2;

#[cfg(feature = "simd")]
mod simd {
    pub(super) const BUILT: u32 = super::SIMD;
}
#[cfg(not(feature = "simd"))]
mod simd {
    pub(super) const BUILT: u32 = 0;
}
#[cfg(feature = "memory64")]
mod memory64 {
    pub(super) const BUILT: u32 = super::MEMORY64;
}
#[cfg(not(feature = "memory64"))]
mod memory64 {
    pub(super) const BUILT: u32 = 0;
}

/// The proposals that this build of the interpreter has.
const BUILT: u32 = simd::BUILT | memory64::BUILT;

/// A key that bundles are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key that these 32 bytes are (RFC 8032, 5.1.5).
    ///
    /// # Errors
    ///
    /// When they are no key, or a weak one, that signatures of others hold against.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        match ed25519_dalek::VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(Error::misuse("these bytes are no public key")),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

/// What a bundle says of its module.
#[derive(Debug)]
pub(super) struct Manifest {
    /// `growths`, `constant_operators`, `function_values`, `frame_locals`.
    held_against: [u32; 4],
    pub(super) outline: Outline,
}

fn held_against(limits: &Limits) -> [(&'static str, u32); 4] {
    [
        ("growths", limits.growths),
        ("constant_operators", limits.constant_operators),
        ("function_values", limits.function_values),
        ("frame_locals", limits.frame_locals),
    ]
}

impl Manifest {
    /// Refuses what a device under `limits` would not load.
    pub(super) fn check(&self, limits: &Limits, module_bytes: usize) -> Result<(), Error> {
        let module_bytes = module_bytes as u64;
        let within = |limit, asked: u64, allowed: u64| match asked <= allowed {
            true => Ok(()),
            false => Err(Error::limit(limit, asked, allowed)),
        };
        within("module_bytes", module_bytes, limits.module_bytes.into())?;
        within("load_bytes", self.outline.load_bytes(module_bytes), limits.load_bytes)?;
        for ((limit, allowed), held) in held_against(limits).into_iter().zip(self.held_against) {
            within(limit, held.into(), allowed.into())?;
        }
        self.outline.check(limits)
    }
}

/// Takes a bundle apart: what is signed, and the signature. Only looks at what says that it is one.
pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], &[u8; SIGNATURE_BYTES]), Error> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::malformed("it is no bundle", Some(0)));
    }
    let split = bytes.split_last_chunk().filter(|(signed, _)| signed.len() >= MAGIC.len());
    split.ok_or_else(|| Error::malformed("the bundle is too short", Some(bytes.len())))
}

/// Whether `signature` is one of `signed` with the secret half of `key`.
pub(super) fn check_signature(
    key: &PublicKey,
    signed: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), Error> {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    let checked = key.0.verify_strict(signed, &signature);
    checked.map_err(|_| Error::malformed("the bundle's signature does not hold", None))
}

/// Reads what was signed: the manifest, and the module.
pub(super) fn read(signed: &[u8]) -> Result<(Manifest, &[u8]), Error> {
    let mut rest = &signed[MAGIC.len()..];
    if number(&mut rest)? != VERSION {
        return Err(Error::unsupported("bundle", "it is of another version of the format"));
    }
    if take(&mut rest)? != INTERPRETER {
        return Err(Error::unsupported("bundle", "another version of the interpreter validated it"));
    }
    let proposals = number(&mut rest)?;
    if proposals & !BUILT != 0 {
        return Err(Error::unsupported("bundle", "it may use proposals that this build does not have"));
    }
    let mut held_against = [0; 4];
    for limit in &mut held_against {
        *limit = number(&mut rest)?;
    }
    let mut numbers = [0; Outline::NUMBERS];
    for into in &mut numbers {
        *into = u64::from_le_bytes(*take(&mut rest)?);
    }
    let outline = Outline::from_numbers(numbers).ok_or_else(out_of_range)?;
    let length = number(&mut rest)?;
    if usize::try_from(length) != Ok(rest.len()) {
        return Err(Error::malformed("the bundle's length is wrong", None));
    }
    Ok((Manifest { held_against, outline }, rest))
}

fn out_of_range() -> Error {
    Error::malformed("a number in the bundle is out of range", None)
}

fn number(rest: &mut &[u8]) -> Result<u32, Error> {
    take(rest).map(|bytes| u32::from_le_bytes(*bytes))
}

fn take<'b, const N: usize>(rest: &mut &'b [u8]) -> Result<&'b [u8; N], Error> {
    let (chunk, after) =
        rest.split_first_chunk().ok_or_else(|| Error::malformed("the bundle is too short", None))?;
    *rest = after;
    Ok(chunk)
}
