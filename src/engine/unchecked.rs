//! Loading what was validated elsewhere. The one file of this library that may say `unsafe`, and all that its
//! argument rests on.

use crate::{
    Error,
    engine::{
        Engine, Metering, Module,
        bundle::{self, Manifest, Part, PublicKey},
        fault::load_error,
        module::Resolved,
    },
};

use alloc::vec::Vec;

/// A bundle whose signature holds.
///
/// There is no way to have one but [`verify`](Self::verify), and none to load a bundle without it.
#[derive(Debug)]
pub struct VerifiedBundle<'b> {
    manifest: Manifest<'b>,
}

impl<'b> VerifiedBundle<'b> {
    /// Checks that `bytes` are a bundle, signed with the secret half of `key`, and made for this interpreter.
    ///
    /// # Errors
    ///
    /// When any of that is not so. Nothing of a bundle is believed before its signature holds.
    pub fn verify(bytes: &'b [u8], key: &PublicKey) -> Result<Self, Error> {
        let (signed, signature) = bundle::split(bytes)?;
        bundle::check_signature(key, signed, signature)?;
        Ok(Self { manifest: bundle::read(signed)? })
    }

    /// Whether it holds a component; otherwise it holds a core module.
    #[must_use]
    pub fn is_component(&self) -> bool {
        self.manifest.description.is_some()
    }

    /// Bytes of the core modules in it.
    #[must_use]
    pub fn module_bytes(&self) -> usize {
        self.manifest.modules.iter().map(|part| part.code.len()).sum()
    }

    /// What loading a component found out, of a component.
    pub(crate) fn description(&self) -> Option<&'b [u8]> {
        self.manifest.description
    }
}

impl Module {
    /// Loads the module of a bundle that holds no component.
    ///
    /// # Errors
    ///
    /// When it passes a limit of the engine.
    pub(crate) fn from_bundle(engine: &Engine, bundle: &VerifiedBundle<'_>) -> Result<Self, Error> {
        bundle.manifest.check(&engine.limits)?;
        match (bundle.manifest.description, bundle.manifest.modules.as_slice()) {
            (None, [part]) => Self::unvalidated(engine, part),
            _ => Err(Error::malformed("a component where a core module is expected", None)),
        }
    }

    /// Loads all modules of a bundle.
    ///
    /// # Errors
    ///
    /// When they pass a limit of the engine.
    pub(crate) fn all_from_bundle(engine: &Engine, bundle: &VerifiedBundle<'_>) -> Result<Vec<Self>, Error> {
        bundle.manifest.check(&engine.limits)?;
        bundle.manifest.modules.iter().map(|part| Self::unvalidated(engine, part)).collect()
    }

    /// Loads a part of a verified bundle, unvalidated.
    ///
    /// # Errors
    ///
    /// When the engine counts no fuel: who signed made the edits for one that does.
    #[expect(unsafe_code, reason = "validation was done by who signed, and the signature holds")]
    fn unvalidated(engine: &Engine, part: &Part<'_>) -> Result<Self, Error> {
        if engine.metering == Metering::Off {
            return Err(Error::unsupported("bundle", "its guests count fuel, and here none is counted"));
        }
        // SAFETY: `Module::new_unchecked` wants a module that is valid under the engine's configuration.
        // `part.code` is one:
        //
        // * This function is private to this file, and its callers above take `part` out of a `VerifiedBundle`. That is
        //   made by `verify` alone, its fields are private to this file, and the bytes are borrowed for as long as it
        //   lives. So they are what the holder of the secret key signed.
        // * `Bundler::sign` signs only what `Bundler::check` made, which `wasmi::Module::new` accepted before. To sign
        //   nothing else with that key is what trusting its public half means, as with any signed firmware.
        // * The interpreter was the same: `read` compares its version. So were the proposals, or fewer: `read`
        //   refuses a bundle that may use one this build lacks, and every engine of ours has on all that its
        //   build has (`Engine::new` turns none off).
        // * No other option of a configuration decides what is valid.
        let module = unsafe { wasmi::Module::new_unchecked(&engine.inner, part.code) };
        let inner = module.map_err(|error| load_error(&error))?;
        Ok(Self { resolved: Resolved::none(&inner), inner, outline: part.outline.clone() })
    }
}
