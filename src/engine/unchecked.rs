//! Loading what was validated elsewhere. The one file of this library that may say `unsafe`, and all that its
//! argument rests on.

use crate::{
    Error,
    engine::{
        Engine, Module,
        bundle::{self, Manifest, PublicKey},
        fault::load_error,
    },
};

/// A bundle whose signature holds.
///
/// There is no way to have one but [`verify`](Self::verify), and none to load a bundle without it.
#[derive(Debug)]
pub struct VerifiedBundle<'b> {
    manifest: Manifest,
    code: &'b [u8],
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
        let (manifest, code) = bundle::read(signed)?;
        Ok(Self { manifest, code })
    }

    /// Bytes of the module in it.
    #[must_use]
    pub fn module_bytes(&self) -> usize {
        self.code.len()
    }
}

impl Module {
    /// Loads a bundle's module, unvalidated.
    ///
    /// # Errors
    ///
    /// When it passes a limit of the engine.
    #[expect(unsafe_code, reason = "validation was done by who signed, and the signature holds")]
    pub(crate) fn from_bundle(engine: &Engine, bundle: &VerifiedBundle<'_>) -> Result<Self, Error> {
        bundle.manifest.check(&engine.limits, bundle.code.len())?;
        // SAFETY: `Module::new_unchecked` wants a module that is valid under the engine's configuration.
        // `bundle.code` is one:
        //
        // * A `VerifiedBundle` is made by `verify` alone, its fields are private to this file, and the bytes are
        //   borrowed for as long as it lives. So they are what the holder of the secret key signed.
        // * Who signs with `Bundler::bundle` signs only bytes that `wasmi::Module::new` accepted before. To sign
        //   nothing else with that key is what trusting its public half means, as with any signed firmware.
        // * The interpreter was the same: `read` compares its version. So were the proposals, or fewer: `read`
        //   refuses a bundle that may use one this build lacks, and every engine of ours has on all that its
        //   build has (`Engine::new` turns none off).
        // * No other option of a configuration decides what is valid.
        let module = unsafe { wasmi::Module::new_unchecked(&engine.inner, bundle.code) };
        let inner = module.map_err(|error| load_error(&error))?;
        Ok(Self { inner, outline: bundle.manifest.outline.clone() })
    }
}
