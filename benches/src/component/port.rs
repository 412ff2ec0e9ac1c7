//! The host that the manual shows, `src/manual/ported.rs`: one text, compiled with either crate. Its `use` lines are all
//! that differs.

use anyhow::{Result, anyhow, ensure};

mod there {
    use wasmtime::{
        Engine, Store, StoreContextMut,
        component::{Component, Linker, Resource, ResourceTable, ResourceType},
    };

    include!("../../../src/manual/ported.rs");
}

mod here {
    use wasmote::component::{
        Component, Engine, Linker, Resource, ResourceTable, ResourceType, Store, StoreContextMut,
    };

    include!("../../../src/manual/ported.rs");
}

/// Sees that both do the same.
pub fn check() -> Result<()> {
    let bytes = wat::parse_str(include_str!("../../../src/manual/ported.wat"))?;
    let [there, here] = [there::count, here::count].map(|count| count(&bytes, "sheep", 41));
    let (there, here) =
        (there.map_err(|error| anyhow!("{error}"))?, here.map_err(|error| anyhow!("{error}"))?);
    ensure!(there == here && here == (42, vec!["sheep".into()]), "there {there:?}, here {here:?}");
    Ok(())
}
