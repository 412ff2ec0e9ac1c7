//! The twin of `files`: the file-system exerciser. Descriptors that were closed, positions and the names of errors are
//! what a C library keeps or makes of this dialect, and so does this program.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli",
    ],
    world: "wasi:cli/command@0.3.0",
    generate_all,
});

use exports::wasi::cli::run::Guest;
use wasi::{
    cli::stdout,
    filesystem::{
        preopens::get_directories,
        types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags},
    },
};
use wit_bindgen::StreamResult;

struct Files;
export!(Files);

const HOME: &str = "files.tmp";
const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

/// The name of an errno.
type Errno = &'static str;
type Count = Result<u64, Errno>;

fn errno(code: ErrorCode) -> Errno {
    match code {
        ErrorCode::Access => "EACCES",
        ErrorCode::BadDescriptor => "EBADF",
        ErrorCode::Busy => "EBUSY",
        ErrorCode::Quota => "EDQUOT",
        ErrorCode::Exist => "EEXIST",
        ErrorCode::FileTooLarge => "EFBIG",
        ErrorCode::Invalid => "EINVAL",
        ErrorCode::Io => "EIO",
        ErrorCode::IsDirectory => "EISDIR",
        ErrorCode::Loop => "ELOOP",
        ErrorCode::TooManyLinks => "EMLINK",
        ErrorCode::NameTooLong => "ENAMETOOLONG",
        ErrorCode::NoEntry => "ENOENT",
        ErrorCode::InsufficientMemory => "ENOMEM",
        ErrorCode::InsufficientSpace => "ENOSPC",
        ErrorCode::NotDirectory => "ENOTDIR",
        ErrorCode::NotEmpty => "ENOTEMPTY",
        ErrorCode::Unsupported => "ENOTSUP",
        ErrorCode::NotPermitted => "EPERM",
        ErrorCode::ReadOnly => "EROFS",
        ErrorCode::InvalidSeek => "ESPIPE",
        ErrorCode::CrossDevice => "EXDEV",
        _ => "another errno",
    }
}

fn done<T>(result: Result<T, ErrorCode>) -> Count {
    result.map(|_| 0).map_err(errno)
}

/// The path below HOME.
fn in_home(path: &str) -> String {
    format!("{HOME}/{path}")
}

struct File {
    descriptor: Descriptor,
    position: u64,
    appends: bool,
}

impl File {
    async fn read_at(&self, count: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        let (mut stream, ended) = self.descriptor.read_via_stream(offset);
        let mut all = Vec::new();
        while all.len() < count {
            let (result, piece) = stream.read(Vec::with_capacity(count - all.len())).await;
            all.extend(piece);
            if !matches!(result, StreamResult::Complete(_)) {
                ended.await.map_err(errno)?;
                break;
            }
        }
        Ok(all)
    }

    /// Writes behind the position or, where it has none, behind the end.
    async fn write_at(&self, bytes: &[u8], offset: Option<u64>) -> Count {
        let (mut writer, reader) = wit_stream::new();
        let written = match offset {
            Some(offset) => self.descriptor.write_via_stream(reader, offset),
            None => self.descriptor.append_via_stream(reader),
        };
        let left = writer.write_all(bytes.to_vec()).await.len();
        drop(writer);
        written.await.map_err(errno)?;
        Ok((bytes.len() - left) as u64)
    }
}

struct Exerciser {
    root: Descriptor,
    text: String,
    /// By their numbers; none where it was closed.
    files: Vec<Option<File>>,
}

/// How a file is opened.
#[derive(Clone, Copy)]
struct How {
    path: PathFlags,
    open: OpenFlags,
    descriptor: DescriptorFlags,
    appends: bool,
}

fn plain() -> How {
    How { path: FOLLOW, open: OpenFlags::empty(), descriptor: READ, appends: false }
}

impl Exerciser {
    /// Prints what was tried and its result: a count, "ok" for 0, or why not.
    fn say(&mut self, what: &str, result: Count) {
        self.text += &match result {
            Err(name) => format!("{what}: {name}\n"),
            Ok(0) => format!("{what}: ok\n"),
            Ok(count) => format!("{what}: {count}\n"),
        };
    }

    async fn open_at(&self, path: &str, how: How) -> Result<File, Errno> {
        let opened = self.root.open_at(how.path, path.to_owned(), how.open, how.descriptor).await;
        let file = |descriptor| File { descriptor, position: 0, appends: how.appends };
        opened.map(file).map_err(errno)
    }

    /// Opens a file below HOME and says so; its number, also where there is none.
    async fn open_file(&mut self, what: &str, path: &str, how: How) -> usize {
        let opened = self.open_at(&in_home(path), how).await;
        self.say(what, opened.as_ref().map(|_| 0).map_err(|name| *name));
        self.files.push(opened.ok());
        self.files.len() - 1
    }

    fn file(&self, number: usize) -> Result<&File, Errno> {
        self.files[number].as_ref().ok_or("EBADF")
    }

    async fn write(&mut self, number: usize, bytes: &[u8]) -> Count {
        let file = self.file(number)?;
        let count = file.write_at(bytes, (!file.appends).then_some(file.position)).await?;
        if let Some(file) = &mut self.files[number] {
            file.position += count;
        }
        Ok(count)
    }

    async fn read(&self, number: usize, count: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        self.file(number)?.read_at(count, offset).await
    }

    async fn write_over(&self, number: usize, bytes: &[u8], offset: u64) -> Count {
        self.file(number)?.write_at(bytes, Some(offset)).await
    }

    fn seek(&mut self, number: usize, to: i64) -> Count {
        let file = self.files[number].as_mut().ok_or("EBADF")?;
        file.position = u64::try_from(to).map_err(|_| "EINVAL")?;
        Ok(file.position)
    }

    async fn seek_to_end(&mut self, number: usize) -> Count {
        let size = self.file(number)?.descriptor.stat().await.map_err(errno)?.size;
        self.seek(number, size as i64)
    }

    fn tell(&self, number: usize) -> Count {
        Ok(self.file(number)?.position)
    }

    async fn truncate(&self, number: usize, size: u64) -> Count {
        done(self.file(number)?.descriptor.set_size(size).await)
    }

    async fn sync(&self, number: usize) -> Count {
        done(self.file(number)?.descriptor.sync().await)
    }

    fn close(&mut self, number: usize) -> Count {
        self.files[number].take().map(|_| 0).ok_or("EBADF")
    }

    async fn say_content(&mut self, path: &str) {
        let content = match self.open_at(&in_home(path), plain()).await {
            Ok(file) => file.read_at(64, 0).await,
            Err(name) => Err(name),
        };
        self.text += &match content {
            Ok(bytes) => format!("content of {path}: \"{}\"\n", String::from_utf8_lossy(&bytes)),
            Err(name) => format!("content of {path}: {name}\n"),
        };
    }

    async fn say_stat(&mut self, path: &str, flags: PathFlags) {
        let stat = self.root.stat_at(flags, in_home(path)).await;
        let what = match stat {
            Err(code) => errno(code).to_owned(),
            Ok(stat) => match stat.type_ {
                DescriptorType::Directory => "directory".to_owned(),
                DescriptorType::SymbolicLink => "symbolic link".to_owned(),
                DescriptorType::RegularFile => {
                    format!("file, {} bytes, {} links", stat.size, stat.link_count)
                }
                _ => "something else".to_owned(),
            },
        };
        self.text += &format!("stat {path}: {what}\n");
    }

    async fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let directory = self.open_at(&in_home(path), How { open: OpenFlags::DIRECTORY, ..plain() }).await?;
        let (entries, ended) = directory.descriptor.read_directory();
        let entries = entries.collect().await;
        ended.await.map_err(errno)?;
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        Ok(names)
    }

    async fn list(&mut self, path: &str) {
        self.text += &match self.names(path).await {
            Ok(names) => names.iter().fold(format!("list {path}:"), |line, name| line + " " + name),
            Err(name) => format!("list {path}: {name}"),
        };
        self.text.push('\n');
    }

    async fn make(&self, path: &str) -> Count {
        done(self.root.create_directory_at(path.to_owned()).await)
    }

    async fn rename(&self, from: &str, to: &str) -> Count {
        done(self.root.rename_at(in_home(from), &self.root, in_home(to)).await)
    }

    async fn link(&self, from: &str, to: &str) -> Count {
        done(self.root.link_at(PathFlags::empty(), in_home(from), &self.root, in_home(to)).await)
    }

    async fn symlink(&self, target: &str, path: &str) -> Count {
        done(self.root.symlink_at(target.to_owned(), in_home(path)).await)
    }

    async fn unlink(&self, path: &str) -> Count {
        done(self.root.unlink_file_at(in_home(path)).await)
    }

    async fn remove(&self, path: &str) -> Count {
        done(self.root.remove_directory_at(path.to_owned()).await)
    }

    async fn write_and_seek(&mut self) {
        let create =
            How { open: OpenFlags::CREATE | OpenFlags::EXCLUSIVE, descriptor: READ | WRITE, ..plain() };
        let fd = self.open_file("create a.txt", "a.txt", create).await;
        self.open_file("create a.txt again", "a.txt", create).await;
        let result = self.write(fd, b"hello, file").await;
        self.say("write", result);
        // A stream has no parts: what a library gathers goes out as one.
        let result = self.write(fd, &[&b"one "[..], b"two"].concat()).await;
        self.say("write two parts", result);
        self.say("tell", self.tell(fd));
        let result = self.seek(fd, 7);
        self.say("seek to 7", result);
        let result = self.write(fd, b"FILE").await;
        self.say("write over", result);
        let result = self.seek(fd, -1);
        self.say("seek before the start", result);
        let result = self.seek_to_end(fd).await;
        self.say("seek to the end", result);
        let read = self.read(fd, 5, 0).await;
        self.say("read at 0", read.as_ref().map(|bytes| bytes.len() as u64).map_err(|name| *name));
        self.text += &format!("read: \"{}\"\n", String::from_utf8_lossy(&read.unwrap_or_default()));
        let result = self.write_over(fd, b"gap", 20).await;
        self.say("write at 20", result);
        self.say("tell", self.tell(fd));
        self.say_stat("a.txt", FOLLOW).await;
        let result = self.truncate(fd, 5).await;
        self.say("truncate to 5", result);
        let result = self.read(fd, 5, 5).await.map(|bytes| bytes.len() as u64);
        self.say("read past the end", result);
        let result = self.truncate(fd, 8).await;
        self.say("extend to 8", result);
        let result = self.sync(fd).await;
        self.say("sync", result);
        let result = self.close(fd);
        self.say("close", result);
        let result = self.close(fd);
        self.say("close again", result);
        let result = self.write(fd, b"x").await;
        self.say("write when closed", result);
        self.say_stat("a.txt", FOLLOW).await;

        let fd = self.open_file("append", "a.txt", How { descriptor: WRITE, appends: true, ..plain() }).await;
        let result = self.write(fd, b"end").await;
        self.say("write", result);
        let result = self.read(fd, 1, 3).await.map(|bytes| bytes.len() as u64);
        self.say("read what is open for writing", result);
        let _ = self.close(fd);
        self.say_stat("a.txt", FOLLOW).await;
        let how = How { open: OpenFlags::TRUNCATE, descriptor: WRITE, ..plain() };
        let fd = self.open_file("open with truncation", "a.txt", how).await;
        let result = self.write(fd, b"short").await;
        self.say("write", result);
        let _ = self.close(fd);
        self.say_content("a.txt").await;
    }

    async fn directories(&mut self) {
        let create = How { open: OpenFlags::CREATE, descriptor: WRITE, ..plain() };
        for (what, path) in [("d", "d"), ("d again", "d"), ("x/y without x", "x/y"), ("d/e", "d/e")] {
            let result = self.make(&in_home(path)).await;
            self.say(&format!("make {what}"), result);
        }
        for path in ["d/b.txt", "d/e/../c.txt"] {
            let fd = self.open_file(&format!("create {path}"), path, create).await;
            let _ = self.close(fd);
        }
        self.list("d").await;
        self.say_stat("d", FOLLOW).await;
        let directory = How { open: OpenFlags::DIRECTORY, ..plain() };
        self.open_file("open a file as a directory", "a.txt", directory).await;
        self.open_file("open what is not there", "none.txt", plain()).await;
        let result = self.remove(&in_home("d")).await;
        self.say("remove a directory with entries", result);
        let result = self.remove(&in_home("a.txt")).await;
        self.say("remove a file as a directory", result);
        for (what, from, to) in [
            ("d/b.txt to b.txt", "d/b.txt", "b.txt"),
            ("b.txt over d/c.txt", "b.txt", "d/c.txt"),
            ("d to dir", "d", "dir"),
            ("dir into itself", "dir", "dir/e/dir"),
            ("what is not there", "none.txt", "b.txt"),
        ] {
            let result = self.rename(from, to).await;
            self.say(&format!("rename {what}"), result);
        }
        self.list(".").await;
        self.list("dir").await;
        self.many(create).await;
    }

    /// More entries than come in one piece.
    async fn many(&mut self, create: How) {
        let names: Vec<String> =
            (0..40).map(|number| format!("dir/e/entry-with-a-long-name-{number:02}")).collect();
        let mut made = 0;
        for name in &names {
            made += u64::from(self.open_at(&in_home(name), create).await.is_ok());
        }
        self.say("files made in dir/e", Ok(made));
        self.list("dir/e").await;
        let mut gone = 0;
        for name in &names {
            gone += u64::from(self.unlink(name).await.is_ok());
        }
        self.say("files removed from dir/e", Ok(gone));
    }

    async fn links(&mut self) {
        for what in ["link a.txt as hard", "link over it"] {
            let result = self.link("a.txt", "hard").await;
            self.say(what, result);
        }
        self.say_stat("hard", FOLLOW).await;
        for (path, target) in
            [("soft", "a.txt"), ("loop", "loop"), ("nowhere", "none.txt"), ("up", "dir/e/../..")]
        {
            let result = self.symlink(target, path).await;
            self.say(&format!("symlink {path} to {target}"), result);
        }
        self.say_stat("soft", PathFlags::empty()).await;
        for path in ["soft", "loop", "nowhere"] {
            self.say_stat(path, FOLLOW).await;
        }
        self.say_content("soft").await;
        self.say_content("up/dir/e/../../a.txt").await;
        self.open_file("open soft itself", "soft", How { path: PathFlags::empty(), ..plain() }).await;
        let target = self.root.readlink_at(in_home("up")).await;
        let length = target.as_ref().map(|target| target.len() as u64);
        self.say("read the link", length.map_err(|code| errno(code.clone())));
        self.text += &format!("target: \"{}\"\n", target.unwrap_or_default());
        let result = done(self.root.readlink_at(in_home("a.txt")).await);
        self.say("read a link that is a file", result);
        let result = self.unlink("a.txt").await;
        self.say("remove a.txt", result);
        self.say_stat("hard", FOLLOW).await;
        self.say_content("hard").await;
        self.say_content("soft").await;
    }

    /// How an escape is refused differs between hosts, that it is refused does not.
    async fn say_held(&mut self, what: &str, path: &str) {
        let held = if self.open_at(path, plain()).await.is_ok() { "ESCAPED" } else { "refused" };
        self.text += &format!("{what}: {held}\n");
    }

    async fn sandbox(&mut self) {
        self.say_held("open above the preopen", "..").await;
        self.say_held("open by too many dots", &in_home("../../../../../../etc/passwd")).await;
        let _ = self.symlink("../../..", "out").await;
        self.say_held("open through a link out", &in_home("out/etc/passwd")).await;
        let _ = self.symlink("/", "root").await;
        self.say_held("open through a link to the root", &in_home("root/etc/passwd")).await;
        let _ = self.unlink("out").await;
        let _ = self.unlink("root").await;
    }

    async fn clean_up(&mut self) {
        for path in ["hard", "soft", "loop", "nowhere", "up", "dir/c.txt"] {
            let result = self.unlink(path).await;
            self.say(&format!("remove {path}"), result);
        }
        for path in ["dir/e", "dir"] {
            let result = self.remove(&in_home(path)).await;
            self.say(&format!("remove {path}"), result);
        }
        self.list(".").await;
        let result = self.remove(HOME).await;
        self.say(&format!("remove {HOME}"), result);
    }
}

impl Guest for Files {
    async fn run() -> Result<(), ()> {
        let (root, _) = get_directories().into_iter().next().ok_or(())?;
        let mut exerciser = Exerciser { root, text: String::new(), files: Vec::new() };
        let made = exerciser.make(HOME).await;
        exerciser.say(&format!("make {HOME}"), made);
        if made.is_ok() {
            exerciser.write_and_seek().await;
            exerciser.directories().await;
            exerciser.links().await;
            exerciser.sandbox().await;
            exerciser.clean_up().await;
        }
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(exerciser.text.into_bytes()).await;
        drop(writer);
        written.await.map_err(drop)?;
        made.map(drop).map_err(drop)
    }
}
