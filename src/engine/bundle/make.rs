//! Making bundles, where there are validators.

use super::{BUILT, INTERPRETER, MAGIC, MEMORY64, PublicKey, SIMD, VERSION, held_against};
use crate::{
    Error, Limits,
    engine::{
        Engine, Metering, Outline,
        fault::load_error,
        rewrite,
        scan::{self, Format},
        simd,
    },
};
use alloc::vec::Vec;
use core::fmt;
use ed25519_dalek::Signer as _;

#[cfg(feature = "memory64")]
mod memory64 {
    pub(super) fn set(config: &mut wasmi::Config, on: bool) {
        config.wasm_memory64(on);
    }
}
#[cfg(not(feature = "memory64"))]
mod memory64 {
    pub(super) fn set(_: &mut wasmi::Config, _: bool) {}
}

/// A key that bundles are signed with. Whoever has it decides what runs on the devices that trust its public half.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// The key that these 32 bytes are (RFC 8032, 5.1.5). Any are one; draw them from a source nobody can guess.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(bytes))
    }

    /// What devices check its bundles against.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl fmt::Debug for SecretKey {
    /// Tells nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// Makes bundles.
///
/// ```
/// use wasmote::{Limits, Program, engine::bundle::{Bundler, PublicKey, SecretKey, VerifiedBundle}};
/// # let module = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)?;
/// // On a laptop:
/// let key = SecretKey::from_bytes(&[7; 32]);
/// let bundle = Bundler::new().limits(Limits::mcu()).bundle(&module, &key)?;
/// let public = key.public().to_bytes();
///
/// // On a device, which has the public key:
/// let key = PublicKey::from_bytes(&public)?;
/// let bundle = VerifiedBundle::verify(&bundle, &key)?;
/// let program = Program::from_bundle(&bundle, Limits::mcu())?;
/// # assert_eq!(program.exports().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bundler {
    limits: Limits,
    proposals: u32,
    /// Which proposals of the Component Model are on, as the layer that knows them numbers them; nothing where it was not
    /// said.
    pub(crate) features: Option<u32>,
}

impl Default for Bundler {
    fn default() -> Self {
        Self::new()
    }
}

impl Bundler {
    /// Bundles for [`Limits::mcu`], with no proposal that a small device leaves out.
    #[must_use]
    pub fn new() -> Self {
        Self { limits: Limits::mcu(), proposals: 0, features: None }
    }

    /// Refuses programs that pass `limits`. A device loads a bundle if its own limits are no narrower.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether modules may use 128-bit vectors; the device must be built with the feature `simd` then.
    #[must_use]
    pub fn simd(mut self, on: bool) -> Self {
        self.proposals = if on { self.proposals | SIMD } else { self.proposals & !SIMD };
        self
    }

    /// Whether modules may use 64-bit memories; the device must be built with the feature `memory64` then.
    #[must_use]
    pub fn memory64(mut self, on: bool) -> Self {
        self.proposals = if on { self.proposals | MEMORY64 } else { self.proposals & !MEMORY64 };
        self
    }

    /// The limits that programs are held to.
    pub(crate) fn held_to(&self) -> &Limits {
        &self.limits
    }

    /// Checks a core module as loading it would, and signs what came of it.
    pub(crate) fn bundle_module(&self, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
        let checked = self.check(&self.engine()?, bytes, false)?;
        self.sign(None, &[checked], key)
    }

    /// What modules are checked in.
    pub(crate) fn engine(&self) -> Result<Engine, Error> {
        if self.proposals & !BUILT != 0 {
            return Err(Error::unsupported("proposal", "this build does not have it"));
        }
        Ok(Engine::configured(Metering::On, &self.limits, |config| {
            simd::set(config, self.proposals & SIMD != 0);
            memory64::set(config, self.proposals & MEMORY64 != 0);
        }))
    }

    /// Loads a core module, edited as loading does, by the interpreter's validator. It may be linked with others.
    pub(crate) fn check(&self, engine: &Engine, bytes: &[u8], is_linked: bool) -> Result<Checked, Error> {
        if scan::format(bytes)? != Format::Module {
            return Err(Error::malformed("it is a component where a core module is expected", Some(4)));
        }
        let mut outline = Outline::of(bytes, &self.limits)?;
        let code = rewrite::rewrite(bytes, &mut outline, engine, is_linked)?.into_owned();
        wasmi::Module::new(&engine.inner, &code).map_err(|error| load_error(&error))?;
        Ok(Checked { outline, code })
    }

    /// Signs modules that were checked, and what belongs to them.
    pub(crate) fn sign(
        &self,
        description: Option<&[u8]>,
        modules: &[Checked],
        key: &SecretKey,
    ) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(INTERPRETER);
        out.extend_from_slice(&self.proposals.to_le_bytes());
        out.extend(held_against(&self.limits).iter().flat_map(|(_, limit)| limit.to_le_bytes()));
        run(&mut out, description.unwrap_or_default())?;
        out.extend_from_slice(&length(modules.len())?);
        for module in modules {
            out.extend(module.outline.to_numbers().iter().flat_map(|number| number.to_le_bytes()));
            run(&mut out, &module.code)?;
        }
        let signature = key.0.sign(&out);
        out.extend_from_slice(&signature.to_bytes());
        Ok(out)
    }
}

/// A module that the interpreter's validator has accepted: [`Bundler::check`] alone makes them.
pub(crate) struct Checked {
    outline: Outline,
    code: Vec<u8>,
}

/// A length, and so many bytes.
fn run(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    out.extend_from_slice(&length(bytes.len())?);
    out.extend_from_slice(bytes);
    Ok(())
}

fn length(count: usize) -> Result<[u8; 4], Error> {
    let length = u32::try_from(count).map(u32::to_le_bytes);
    length.map_err(|_| Error::limit("module_bytes", count as u64, u32::MAX.into()))
}
