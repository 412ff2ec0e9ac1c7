//! Bundles: modules and components that were validated and signed on another machine.
//!
//! A device without validators cannot tell a valid module from one that would make its interpreter run off the rails.
//! So someone else looks: [`Bundler`] checks a program as loading would, makes the edits that loading makes, notes
//! what loading would find out, and signs all of it. Of a component, what it found out is all of the component but
//! its core modules: types resolved, and the steps of instantiation. So a device needs no parser for components. The
//! device holds the public key. Whether what it is given holds against that key, [`VerifiedBundle::verify`] says, and
//! nothing but its answer can be loaded.
//!
//! The format, all numbers in little-endian order:
//!
//! | bytes | what |
//! |--:|---|
//! | 8 | `"\x7fwasmote"` |
//! | 4 | the version of this format, 7 |
//! | 16 | the interpreter that validated it, by name and version, filled with zeros |
//! | 4 | proposals that modules may use beyond those that are always on: 1 for SIMD, 2 for 64-bit memories |
//! | 3 × 4 | the limits it was held against that nothing else here tells |
//! | 4 | the length of the next; 0 for a core module by itself |
//! | … | a component: the proposals that it uses, and the rest as its loader is to have it (`component/codec.rs`) |
//! | 4 | how many modules follow, each as: |
//! | 8 × 24 | what it declares, by count and size |
//! | 4 | its length |
//! | … | the module, as the interpreter is to have it |
//! | 64 | an Ed25519 signature of everything before it (RFC 8032) |

#[cfg(feature = "validate")]
mod make;
mod numbers;

use crate::{Error, Limits, engine::Outline};
use alloc::vec::Vec;
#[cfg(feature = "validate")]
pub use make::{Bundler, SecretKey};

pub use super::unchecked::VerifiedBundle;

const MAGIC: &[u8; 8] = b"\x7fwasmote";
const VERSION: u32 = 7;
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

/// What was signed.
#[derive(Debug)]
pub(super) struct Manifest<'b> {
    /// `constant_operators`, `function_values`, `frame_locals`.
    held_against: [u32; 3],
    /// What loading a component found out; none of a core module by itself.
    pub(super) description: Option<&'b [u8]>,
    pub(super) modules: Vec<Part<'b>>,
}

/// A module, and what it declares.
#[derive(Debug)]
pub(super) struct Part<'b> {
    pub(super) outline: Outline,
    pub(super) code: &'b [u8],
}

fn held_against(limits: &Limits) -> [(&'static str, u32); 3] {
    [
        ("constant_operators", limits.constant_operators),
        ("function_values", limits.function_values),
        ("frame_locals", limits.frame_locals),
    ]
}

impl Manifest<'_> {
    /// Refuses what a device under `limits` would not load.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Error> {
        let within = |limit, asked: u64, allowed: u64| match asked <= allowed {
            true => Ok(()),
            false => Err(Error::limit(limit, asked, allowed)),
        };
        let described = self.description.map_or(0, <[u8]>::len) as u64;
        let modules_bytes = self.modules.iter().map(|part| part.code.len() as u64).sum::<u64>();
        within("module_bytes", described + modules_bytes, limits.module_bytes.into())?;
        for ((limit, allowed), held) in held_against(limits).into_iter().zip(self.held_against) {
            within(limit, held.into(), allowed.into())?;
        }
        self.modules.iter().try_for_each(|part| {
            within("load_bytes", part.outline.load_bytes(part.code.len() as u64), limits.load_bytes)?;
            part.outline.check(limits)
        })
    }
}

/// Takes a bundle apart: what is signed, and the signature. Only looks at what says that it is one.
pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], &[u8; SIGNATURE_BYTES]), Error> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::misuse("it is no bundle"));
    }
    let split = bytes.split_last_chunk().filter(|(signed, _)| signed.len() >= MAGIC.len());
    split.ok_or_else(|| Error::misuse("the bundle is too short"))
}

/// Whether `signature` is one of `signed` with the secret half of `key`.
pub(super) fn check_signature(
    key: &PublicKey,
    signed: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), Error> {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    let checked = key.0.verify_strict(signed, &signature);
    // Which says nothing of the program in it.
    checked.map_err(|_| Error::misuse("the bundle's signature does not hold"))
}

/// Reads what was signed.
pub(super) fn read(signed: &[u8]) -> Result<Manifest<'_>, Error> {
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
    let mut held_against = [0; 3];
    for limit in &mut held_against {
        *limit = number(&mut rest)?;
    }
    let description = Some(run(&mut rest)?).filter(|bytes| !bytes.is_empty());
    let count = number(&mut rest)?;
    if description.is_none() && count != 1 {
        return Err(out_of_range());
    }
    let mut modules = Vec::new();
    for _ in 0..count {
        modules.push(part(&mut rest)?);
    }
    if !rest.is_empty() {
        return Err(wrong_length());
    }
    Ok(Manifest { held_against, description, modules })
}

fn part<'b>(rest: &mut &'b [u8]) -> Result<Part<'b>, Error> {
    let mut numbers = [0; Outline::NUMBERS];
    for into in &mut numbers {
        *into = u64::from_le_bytes(*take(rest)?);
    }
    let outline = Outline::from_numbers(numbers).ok_or_else(out_of_range)?;
    Ok(Part { outline, code: run(rest)? })
}

/// A length, and so many bytes.
fn run<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Error> {
    let length = usize::try_from(number(rest)?).map_err(|_| wrong_length())?;
    let (run, after) = rest.split_at_checked(length).ok_or_else(wrong_length)?;
    *rest = after;
    Ok(run)
}

fn wrong_length() -> Error {
    Error::malformed("a length in the bundle is wrong", None)
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
