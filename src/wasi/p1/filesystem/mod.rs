//! Descriptors, files and paths: `fd_*`, `path_*`.

mod descriptor;
mod io;
mod path;
mod readdir;

pub(super) use descriptor::*;
pub(super) use io::*;
pub(super) use path::*;
pub(super) use readdir::*;
