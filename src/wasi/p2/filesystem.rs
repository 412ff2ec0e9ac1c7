//! `wasi:filesystem`: descriptors, and what can be done with them and below them.

mod convert;
mod listing;

pub use listing::DirectoryEntryStream;

use super::{
    State,
    bindings::filesystem::{
        preopens,
        types::{
            self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
            Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags,
            PathFlags,
        },
    },
    io::taken,
};
use crate::{
    cap::Code,
    component::{Access, Resource},
    engine::Fault,
    wasi::{
        self,
        filesystem::{Access as Granted, Denied, Descriptor, Directory, File, metadata_hash},
        io::{FileSink, FileSource, InputStream, OutputStream},
        path::{STEP_FUEL, Walks},
    },
};
use alloc::{string::String, vec::Vec};
use convert::{advice, flags, follows, how, kind, stat, times};
use core::task::{Context, Poll, ready};

/// What a function of this interface answers.
type Answer<R> = Result<Result<R, ErrorCode>, Fault>;

impl State {
    fn descriptor(&self, this: &Resource<Descriptor>) -> Result<&Descriptor, Fault> {
        Ok(self.table.get(this)?)
    }

    /// Does something that only a file can do.
    fn with_file<R>(
        &self,
        this: &Resource<Descriptor>,
        operate: impl FnOnce(&File) -> Result<R, Code>,
    ) -> Answer<R> {
        Ok(match self.descriptor(this)? {
            Descriptor::File(file) => operate(file),
            Descriptor::Directory(_) => Err(Code::BadDescriptor),
        }
        .map_err(ErrorCode::from))
    }

    /// Gives the guest a stream of a file that may be written.
    fn output_stream(
        &mut self,
        this: &Resource<Descriptor>,
        sink: impl FnOnce(File) -> FileSink,
    ) -> Answer<Resource<OutputStream>> {
        let file = self.with_file(this, |file| {
            file.access().mutate()?;
            if file.is_writable() { Ok(file.clone()) } else { Err(Code::BadDescriptor) }
        })?;
        let permit_max = self.permit_max();
        let stream = file.map(|file| OutputStream::with_permit_max(sink(file), permit_max));
        stream
            .map(|stream| Ok(self.table.push(stream)?))
            .map_or_else(|code| Ok(Err(code)), |pushed| pushed.map(Ok))
    }
}

/// Does something below a directory, and charges for the way there.
fn below<T: Send + 'static, R>(
    access: &mut Access<'_, T, State>,
    this: &Resource<Descriptor>,
    operate: impl FnOnce(&Directory, &mut Walks) -> Result<R, Code>,
) -> Answer<R> {
    let State { table, walks, .. } = access.get();
    let directory = table.get(this)?.directory();
    let granted = directory.map_or(Granted::ReadWrite, Directory::access);
    let result = directory.and_then(|directory| operate(directory, walks));
    account(access, &result, &[granted])?;
    Ok(result.map_err(ErrorCode::from))
}

/// Does something below two directories.
fn below_two<T: Send + 'static, R>(
    access: &mut Access<'_, T, State>,
    (a, b): (&Resource<Descriptor>, &Resource<Descriptor>),
    operate: impl FnOnce(&Directory, &Directory, &mut Walks) -> Result<R, Code>,
) -> Answer<R> {
    let State { table, walks, .. } = access.get();
    let (a, b) = (table.get(a)?.directory(), table.get(b)?.directory());
    let granted = [a, b].map(|directory| directory.map_or(Granted::ReadWrite, Directory::access));
    let result = a.and_then(|a| operate(a, b?, walks));
    account(access, &result, &granted)?;
    Ok(result.map_err(ErrorCode::from))
}

/// Charges for the way there, and says which grant was missing where one was.
fn account<T: Send + 'static, R>(
    access: &mut Access<'_, T, State>,
    result: &Result<R, Code>,
    granted: &[Granted],
) -> Result<(), Fault> {
    let walks = &mut access.get().walks;
    let (steps, way) = (walks.take_steps(), walks.take_way());
    let mut store = access.store();
    if let Some(denied) = Denied::of(result, granted, way) {
        store.note(denied.text());
    }
    store.charge(steps.saturating_mul(STEP_FUEL))
}

impl preopens::Host for State {
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>, Fault> {
        let Self { table, grants, tab, .. } = self;
        let open = |preopen: &wasi::Preopen| {
            let directory = Directory::new(preopen.directory.clone(), preopen.access).on(tab);
            Ok((table.push(Descriptor::Directory(directory))?, preopen.name.clone()))
        };
        grants.directories.iter().map(open).collect()
    }
}

impl types::Host for State {
    fn filesystem_error_code(&mut self, err: Resource<wasi::io::Error>) -> Result<Option<ErrorCode>, Fault> {
        let error = self.table.get(&err)?;
        Ok(error.is_plain().then(|| error.code().into()))
    }
}

impl HostDescriptor for State {
    fn read_via_stream(
        &mut self,
        this: Resource<Descriptor>,
        offset: Filesize,
    ) -> Answer<Resource<InputStream>> {
        match self.descriptor(&this)?.file() {
            Ok(file) => {
                let stream = InputStream::new(FileSource::new(file.clone(), offset));
                Ok(Ok(self.table.push(stream)?))
            }
            Err(code) => Ok(Err(code.into())),
        }
    }

    fn write_via_stream(
        &mut self,
        this: Resource<Descriptor>,
        offset: Filesize,
    ) -> Answer<Resource<OutputStream>> {
        self.output_stream(&this, |file| FileSink::at(file, offset))
    }

    fn append_via_stream(&mut self, this: Resource<Descriptor>) -> Answer<Resource<OutputStream>> {
        self.output_stream(&this, FileSink::append)
    }

    fn advise(
        &mut self,
        this: Resource<Descriptor>,
        offset: Filesize,
        length: Filesize,
        advice: Advice,
    ) -> Answer<()> {
        self.with_file(&this, |file| file.advise(offset, length, self::advice(advice)))
    }

    fn sync_data(&mut self, this: Resource<Descriptor>) -> Answer<()> {
        Ok(self.descriptor(&this)?.sync(true).map_err(ErrorCode::from))
    }

    fn get_flags(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        Ok(Ok(flags(self.descriptor(&this)?)))
    }

    fn get_type(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorType> {
        let metadata = self.descriptor(&this)?.metadata();
        Ok(metadata.map(|metadata| kind(metadata.kind)).map_err(ErrorCode::from))
    }

    fn set_size(&mut self, this: Resource<Descriptor>, size: Filesize) -> Answer<()> {
        self.with_file(&this, |file| {
            file.access().mutate()?;
            file.set_size(size)
        })
    }

    fn set_times(
        &mut self,
        this: Resource<Descriptor>,
        data_access_timestamp: NewTimestamp,
        data_modification_timestamp: NewTimestamp,
    ) -> Answer<()> {
        let descriptor = self.descriptor(&this)?;
        let times = times(data_access_timestamp, data_modification_timestamp);
        Ok(times.and_then(|times| descriptor.set_times(times)).map_err(ErrorCode::from))
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<Descriptor>,
        length: &mut Filesize,
        offset: &mut Filesize,
    ) -> Poll<Answer<(Vec<u8>, bool)>> {
        let (table, buffer) = self.table_and_buffer(*length);
        let Descriptor::File(file) = table.get(this)? else {
            return Poll::Ready(Ok(Err(ErrorCode::BadDescriptor)));
        };
        let read = ready!(file.poll_read_at(cx, buffer, *offset));
        // Reading nothing says nothing about the end.
        let is_end = |count: usize| count == 0 && !buffer.is_empty();
        Poll::Ready(Ok(read.map(|count| (taken(buffer, count), is_end(count))).map_err(ErrorCode::from)))
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<Descriptor>,
        buffer: &mut Vec<u8>,
        offset: &mut Filesize,
    ) -> Poll<Answer<Filesize>> {
        let Descriptor::File(file) = self.descriptor(this)? else {
            return Poll::Ready(Ok(Err(ErrorCode::BadDescriptor)));
        };
        if let Err(code) = file.access().mutate() {
            return Poll::Ready(Ok(Err(code.into())));
        }
        let written = ready!(file.poll_write_at(cx, buffer, *offset));
        Poll::Ready(Ok(written.map(|count| count as u64).map_err(ErrorCode::from)))
    }

    fn read_directory<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
    ) -> Answer<Resource<DirectoryEntryStream>> {
        let state = access.get();
        let directory = state.descriptor(&this)?.directory().cloned();
        let room = state.listing_room();
        let stream = directory.and_then(|directory| DirectoryEntryStream::new(directory, room));
        match stream {
            Ok(stream) => {
                state.listing_bytes += stream.bytes();
                Ok(Ok(state.table.push(stream)?))
            }
            Err(code) => Ok(Err(code.into())),
        }
    }

    fn sync(&mut self, this: Resource<Descriptor>) -> Answer<()> {
        Ok(self.descriptor(&this)?.sync(false).map_err(ErrorCode::from))
    }

    fn create_directory_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<()> {
        below(&mut access, &this, |directory, walks| directory.create_directory(walks, &path))
    }

    fn stat(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorStat> {
        let metadata = self.descriptor(&this)?.metadata();
        Ok(metadata.map(|metadata| stat(&metadata)).map_err(ErrorCode::from))
    }

    fn stat_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
    ) -> Answer<DescriptorStat> {
        below(&mut access, &this, |directory, walks| {
            directory.metadata_at(walks, &path, follows(path_flags)).map(|metadata| stat(&metadata))
        })
    }

    fn set_times_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        data_access_timestamp: NewTimestamp,
        data_modification_timestamp: NewTimestamp,
    ) -> Answer<()> {
        below(&mut access, &this, |directory, walks| {
            let times = times(data_access_timestamp, data_modification_timestamp)?;
            directory.set_times_at(walks, &path, follows(path_flags), times)
        })
    }

    fn link_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        old_path_flags: PathFlags,
        old_path: String,
        new_descriptor: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        below_two(&mut access, (&this, &new_descriptor), |from, to, walks| {
            // The link would be to what a symbolic link leads to, which WASI has no way to name safely.
            if follows(old_path_flags) {
                return Err(Code::Invalid);
            }
            from.link(walks, &old_path, to, &new_path)
        })
    }

    fn open_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Answer<Resource<Descriptor>> {
        let opened = below(&mut access, &this, |directory, walks| {
            if flags.contains(DescriptorFlags::MUTATE_DIRECTORY) {
                directory.access().mutate()?;
            }
            directory.open(walks, &path, how(path_flags, open_flags, flags))
        })?;
        match opened {
            Ok(descriptor) => Ok(Ok(access.get().table.push(descriptor)?)),
            Err(code) => Ok(Err(code)),
        }
    }

    fn readlink_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<String> {
        below(&mut access, &this, |directory, walks| directory.read_link(walks, &path))
    }

    fn remove_directory_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<()> {
        below(&mut access, &this, |directory, walks| directory.remove_directory(walks, &path))
    }

    fn rename_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        old_path: String,
        new_descriptor: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        below_two(&mut access, (&this, &new_descriptor), |from, to, walks| {
            from.rename(walks, &old_path, to, &new_path)
        })
    }

    fn symlink_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        old_path: String,
        new_path: String,
    ) -> Answer<()> {
        below(&mut access, &this, |directory, walks| directory.create_symlink(walks, &old_path, &new_path))
    }

    fn unlink_file_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<()> {
        below(&mut access, &this, |directory, walks| directory.remove_file(walks, &path))
    }

    fn is_same_object(
        &mut self,
        this: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> Result<bool, Fault> {
        let same = self.descriptor(&this)?.is_same_object(self.descriptor(&other)?);
        Ok(same.unwrap_or(false))
    }

    fn metadata_hash(&mut self, this: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        let metadata = self.descriptor(&this)?.metadata();
        Ok(metadata.map(|metadata| metadata_hash(&metadata).into()).map_err(ErrorCode::from))
    }

    fn metadata_hash_at<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        below(&mut access, &this, |directory, walks| {
            let metadata = directory.metadata_at(walks, &path, follows(path_flags))?;
            Ok(metadata_hash(&metadata).into())
        })
    }

    fn drop(&mut self, this: Resource<Descriptor>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostDirectoryEntryStream for State {
    fn read_directory_entry<T: Send + 'static>(
        mut access: Access<'_, T, Self>,
        this: Resource<DirectoryEntryStream>,
    ) -> Answer<Option<DirectoryEntry>> {
        let state = access.get();
        let room = state.listing_room();
        let stream = state.table.get_mut(&this)?;
        let before = stream.bytes();
        let read = stream.next(room);
        let after = stream.bytes();
        state.listing_bytes = state.listing_bytes.saturating_sub(before).saturating_add(after);
        Ok(read.map_err(ErrorCode::from))
    }

    fn drop(&mut self, this: Resource<DirectoryEntryStream>) -> Result<(), Fault> {
        let stream = self.table.delete(this)?;
        self.listing_bytes = self.listing_bytes.saturating_sub(stream.bytes());
        Ok(())
    }
}
