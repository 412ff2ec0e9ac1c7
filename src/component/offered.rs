//! What a linker offers, by name.

use crate::component::{
    linker::{Linker, Offer},
    names::Names,
};
use alloc::{format, string::String, vec::Vec};

impl<T: Send + 'static> Linker<T> {
    /// The name of everything that is offered, functions and resources of interfaces as `a:b/c@0.1.0#name`: in order, and
    /// each once. It is for saying what a host can do, and for tests.
    #[must_use]
    pub fn offered(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(&self.root, "", &mut names);
        names.sort();
        names
    }
}

/// As deep as the embedder nested instances.
fn list<T>(offers: &Names<Offer<T>>, within: &str, names: &mut Vec<String>) {
    for (name, offer) in offers.iter() {
        let path = if within.is_empty() { name.into() } else { format!("{within}#{name}") };
        match offer {
            Offer::Instance(offers) => list(offers, &path, names),
            _ => names.push(path),
        }
    }
}
