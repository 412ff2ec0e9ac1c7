//! Worlds of `names.wit` and `paths.wit`: it is enough that they compile.

#[path = "names_component.rs"]
mod component;
#[path = "names_host_component_imports.rs"]
mod host_component_imports;
#[path = "paths.rs"]
mod paths;
#[path = "names_result.rs"]
mod result;
#[path = "names_store.rs"]
mod store;
