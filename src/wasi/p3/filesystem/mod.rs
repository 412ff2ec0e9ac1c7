//! `wasi:filesystem`.

mod content;
mod types;

use super::{State, errors::FileError, interface, state, streams};
use crate::{
    Error,
    cap::Code,
    component::{Linker, LinkerInstance, Resource, ResourceType, StoreContextMut, StreamReader},
    engine::Fault,
    wasi::{
        filesystem::{self, Access, Denied, Directory, File, metadata_hash},
        path::{STEP_FUEL, Walks},
    },
};
use alloc::{string::String, vec::Vec};
pub(super) use content::ListingBytes;
use content::{Entries, Reading, Writing};
use types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags, open_how, times,
};

/// `wasi:filesystem/types.descriptor`.
pub(super) struct Descriptor {
    object: filesystem::Descriptor,
    /// What it was opened for, as it is told.
    flags: DescriptorFlags,
}

impl Descriptor {
    fn directory(&self) -> Result<&Directory, Code> {
        self.object.directory()
    }

    fn granted(&self) -> Access {
        match &self.object {
            filesystem::Descriptor::Directory(directory) => directory.access(),
            filesystem::Descriptor::File(file) => file.access(),
        }
    }

    /// The file, for what is asked of the descriptor and not of what it is open on.
    fn file(&self) -> Result<&File, Code> {
        self.object.file().map_err(|_| Code::BadDescriptor)
    }

    /// The file, for what is read of it: that a directory is none is told as that.
    fn readable(&self) -> Result<&File, Code> {
        self.object
            .file()
            .and_then(|file| if file.is_readable() { Ok(file) } else { Err(Code::BadDescriptor) })
    }

    fn writable(&self) -> Result<&File, Code> {
        self.object
            .file()
            .and_then(|file| if file.is_writable() { Ok(file) } else { Err(Code::BadDescriptor) })
    }
}

type Fd = Resource<Descriptor>;

/// What a function answers that can fail.
type Answer<R> = Result<(Result<R, FileError>,), Fault>;

/// Does something with a descriptor.
fn with<T: Send + 'static, R>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    fd: &Fd,
    ask: impl FnOnce(&Descriptor, &mut Walks) -> Result<R, Code>,
) -> Answer<R> {
    let State { table, walks, .. } = state(&mut store, get);
    let fd = table.get(fd)?;
    let granted = fd.granted();
    let answer = ask(fd, walks);
    account(&mut store, get, &answer, &[granted])?;
    Ok((answer.map_err(FileError::from),))
}

/// Does something with two descriptors that have to be directories.
fn with_two<T: Send + 'static, R>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    (one, other): (&Fd, &Fd),
    ask: impl FnOnce(&Directory, &Directory, &mut Walks) -> Result<R, Code>,
) -> Answer<R> {
    let State { table, walks, .. } = state(&mut store, get);
    let (one, other) = (table.get(one)?.directory(), table.get(other)?.directory());
    let granted = [one, other].map(|directory| directory.map_or(Access::ReadWrite, Directory::access));
    let answer = one.and_then(|one| ask(one, other?, walks));
    account(&mut store, get, &answer, &granted)?;
    Ok((answer.map_err(FileError::from),))
}

/// Charges for the way there, and says which grant was missing where one was.
fn account<T: Send + 'static, R>(
    store: &mut StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    answer: &Result<R, Code>,
    granted: &[Access],
) -> Result<(), Fault> {
    let walks = &mut state(store, get).walks;
    let (steps, way) = (walks.take_steps(), walks.take_way());
    if let Some(denied) = Denied::of(answer, granted, way) {
        store.note(denied.text());
    }
    store.charge(steps.saturating_mul(STEP_FUEL))
}

/// Offers `wasi:filesystem`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    let mut it = linker.instance(interface!("filesystem/preopens"))?;
    it.func_wrap("get-directories", move |store, (): ()| directories(store, get))?;
    let mut it = linker.instance(interface!("filesystem/types"))?;
    it.resource("descriptor", ResourceType::host::<Descriptor>(), move |mut store, rep| {
        state(&mut store, get).table.delete(Fd::new_own(rep))?;
        Ok(())
    })?;
    add_streams(&mut it, get)?;
    add_descriptor(&mut it, get)?;
    add_paths(&mut it, get)?;
    add_changes(&mut it, get)
}

fn directories<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(Vec<(Fd, String)>,), Fault> {
    let State { table, directories, tab, .. } = state(&mut store, get);
    let mut found = Vec::with_capacity(directories.len());
    for known in directories {
        let directory = Directory::new(known.directory.clone(), known.access).on(tab);
        let flags = DescriptorFlags::of_directory(known.access);
        let descriptor = Descriptor { object: filesystem::Descriptor::Directory(directory), flags };
        found.push((table.push(descriptor)?, known.name.clone()));
    }
    Ok((found,))
}

/// Reading and writing: streams.
fn add_streams<T: Send + 'static>(
    it: &mut LinkerInstance<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    it.func_wrap("[method]descriptor.read-via-stream", move |mut store, (fd, position): (Fd, u64)| {
        let file = state(&mut store, get).table.get(&fd)?.readable().cloned();
        Ok((match file {
            Ok(file) => streams::from_source(&mut store, Reading { file, position }),
            Err(code) => streams::ended(&mut store, Err(FileError::from(code)))?,
        },))
    })?;
    it.func_wrap(
        "[method]descriptor.write-via-stream",
        move |store, (fd, data, position): (Fd, StreamReader<u8>, u64)| {
            write(store, get, &fd, data, Some(position))
        },
    )?;
    it.func_wrap(
        "[method]descriptor.append-via-stream",
        move |store, (fd, data): (Fd, StreamReader<u8>)| write(store, get, &fd, data, None),
    )?;
    it.func_wrap("[method]descriptor.read-directory", move |mut store, (fd,): (Fd,)| {
        let State { table, listing_bytes, .. } = state(&mut store, get);
        let directory = table.get(&fd)?.directory().cloned();
        let entries = directory.map(|directory| Entries::new(directory, listing_bytes));
        Ok((match entries {
            Ok(entries) => streams::from_items(&mut store, entries),
            Err(code) => streams::ended(&mut store, Err(FileError::from(code)))?,
        },))
    })
}

fn write<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
    fd: &Fd,
    data: StreamReader<u8>,
    position: Option<u64>,
) -> Result<(streams::Outcome<FileError>,), Fault> {
    let file = state(&mut store, get).table.get(fd)?.writable().cloned();
    match file {
        Ok(file) => Ok((streams::into_sink(&mut store, data, Writing { file, position }),)),
        Err(code) => Ok((streams::end_at_once(&mut store, data.into(), Err(FileError::from(code)))?,)),
    }
}

/// What is asked of a descriptor itself.
fn add_descriptor<T: Send + 'static>(
    it: &mut LinkerInstance<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    it.func_wrap(
        "[method]descriptor.advise",
        move |store, (fd, offset, length, advice): (Fd, u64, u64, Advice)| {
            with(store, get, &fd, |fd, _| fd.file()?.advise(offset, length, advice.into()))
        },
    )?;
    it.func_wrap("[method]descriptor.sync-data", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| fd.object.sync(true))
    })?;
    it.func_wrap("[method]descriptor.sync", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| fd.object.sync(false))
    })?;
    it.func_wrap("[method]descriptor.get-flags", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| Ok(fd.flags))
    })?;
    it.func_wrap("[method]descriptor.get-type", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| fd.object.metadata().map(|found| DescriptorType::from(found.kind)))
    })?;
    it.func_wrap("[method]descriptor.set-size", move |store, (fd, size): (Fd, u64)| {
        with(store, get, &fd, |fd, _| fd.file()?.set_size(size))
    })?;
    it.func_wrap(
        "[method]descriptor.set-times",
        move |store, (fd, accessed, modified): (Fd, NewTimestamp, NewTimestamp)| {
            with(store, get, &fd, |fd, _| fd.object.set_times(times(accessed, modified)))
        },
    )?;
    it.func_wrap("[method]descriptor.stat", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| fd.object.metadata().map(DescriptorStat::from))
    })?;
    it.func_wrap("[method]descriptor.metadata-hash", move |store, (fd,): (Fd,)| {
        with(store, get, &fd, |fd, _| fd.object.metadata().map(|found| hash(&found)))
    })?;
    it.func_wrap("[method]descriptor.is-same-object", move |mut store, (fd, other): (Fd, Fd)| {
        let table = &state(&mut store, get).table;
        let same = table.get(&fd)?.object.is_same_object(&table.get(&other)?.object);
        // What cannot be asked is not known to be the same.
        Ok((same.unwrap_or(false),))
    })
}

fn hash(metadata: &crate::cap::filesystem::Metadata) -> MetadataHashValue {
    metadata_hash(metadata).into()
}

/// What is asked of paths, and opening them.
fn add_paths<T: Send + 'static>(
    it: &mut LinkerInstance<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    it.func_wrap("[method]descriptor.stat-at", move |store, (fd, flags, path): (Fd, PathFlags, String)| {
        with(store, get, &fd, |fd, walks| {
            fd.directory()?.metadata_at(walks, &path, flags.follow()).map(DescriptorStat::from)
        })
    })?;
    it.func_wrap(
        "[method]descriptor.metadata-hash-at",
        move |store, (fd, flags, path): (Fd, PathFlags, String)| {
            with(store, get, &fd, |fd, walks| {
                fd.directory()?.metadata_at(walks, &path, flags.follow()).map(|found| hash(&found))
            })
        },
    )?;
    it.func_wrap("[method]descriptor.readlink-at", move |store, (fd, path): (Fd, String)| {
        with(store, get, &fd, |fd, walks| fd.directory()?.read_link(walks, &path))
    })?;
    it.func_wrap(
        "[method]descriptor.set-times-at",
        move |store, (fd, flags, path, accessed, modified): (Fd, PathFlags, String, NewTimestamp, NewTimestamp)| {
            with(store, get, &fd, |fd, walks| {
                fd.directory()?.set_times_at(walks, &path, flags.follow(), times(accessed, modified))
            })
        },
    )?;
    it.func_wrap(
        "[method]descriptor.open-at",
        move |mut store, (fd, path_flags, path, open, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            let (how, flags) = open_how(path_flags, open, flags);
            let (opened,) = with(store.reborrow(), get, &fd, |fd, walks| {
                let directory = fd.directory()?;
                if flags.mutates() {
                    directory.access().mutate()?;
                }
                directory.open(walks, &path, how)
            })?;
            let table = &mut state(&mut store, get).table;
            Ok((match opened {
                Ok(object) => Ok(table.push(Descriptor { object, flags })?),
                Err(error) => Err(error),
            },))
        },
    )
}

/// What changes directories.
fn add_changes<T: Send + 'static>(
    it: &mut LinkerInstance<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    it.func_wrap("[method]descriptor.create-directory-at", move |store, (fd, path): (Fd, String)| {
        with(store, get, &fd, |fd, walks| fd.directory()?.create_directory(walks, &path))
    })?;
    it.func_wrap("[method]descriptor.remove-directory-at", move |store, (fd, path): (Fd, String)| {
        with(store, get, &fd, |fd, walks| fd.directory()?.remove_directory(walks, &path))
    })?;
    it.func_wrap("[method]descriptor.unlink-file-at", move |store, (fd, path): (Fd, String)| {
        with(store, get, &fd, |fd, walks| fd.directory()?.remove_file(walks, &path))
    })?;
    it.func_wrap("[method]descriptor.symlink-at", move |store, (fd, target, path): (Fd, String, String)| {
        with(store, get, &fd, |fd, walks| fd.directory()?.create_symlink(walks, &target, &path))
    })?;
    it.func_wrap(
        "[method]descriptor.link-at",
        move |store, (fd, flags, path, to, to_path): (Fd, PathFlags, String, Fd, String)| {
            with_two(store, get, (&fd, &to), |from, to, walks| {
                // A link is to the name given, never to what that leads to.
                if flags.follow() { Err(Code::Invalid) } else { from.link(walks, &path, to, &to_path) }
            })
        },
    )?;
    it.func_wrap(
        "[method]descriptor.rename-at",
        move |store, (fd, path, to, to_path): (Fd, String, Fd, String)| {
            with_two(store, get, (&fd, &to), |from, to, walks| from.rename(walks, &path, to, &to_path))
        },
    )
}
