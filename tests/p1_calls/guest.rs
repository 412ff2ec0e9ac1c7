//! A guest that exports every function it imports, and its memory by peeking and poking.

use super::caller::{self, FUNCTIONS};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmote::{Access, CallError, Guest, Host, Limits, Program, backend::mem, block_on_with, engine::Value};

pub const MEMORY_BYTES: u32 = 2 << 16;

pub const SUCCESS: u32 = 0;
pub const AGAIN: u32 = 6;
pub const BADF: u32 = 8;
pub const EXIST: u32 = 20;
pub const FAULT: u32 = 21;
pub const FBIG: u32 = 22;
pub const ILSEQ: u32 = 25;
pub const INVAL: u32 = 28;
pub const ISDIR: u32 = 31;
pub const LOOP: u32 = 32;
pub const MFILE: u32 = 33;
pub const NAMETOOLONG: u32 = 37;
pub const NOENT: u32 = 44;
pub const NOTCONN: u32 = 53;
pub const NOTDIR: u32 = 54;
pub const NOTSOCK: u32 = 57;
pub const NOTSUP: u32 = 58;
pub const OVERFLOW: u32 = 61;
pub const PERM: u32 = 63;
pub const PIPE: u32 = 64;
pub const SPIPE: u32 = 70;
pub const NOTCAPABLE: u32 = 76;

pub const FD_READ: u64 = 1 << 1;
pub const FD_SEEK: u64 = 1 << 2;
pub const FD_WRITE: u64 = 1 << 6;

/// The first preopened directory.
pub const ROOT: u64 = 3;

/// A guest under the hand of a test.
pub struct Calls(pub Guest);

impl Calls {
    pub fn new(host: Host) -> Self {
        Self::importing(host, "wasi_snapshot_preview1")
    }

    pub fn importing(host: Host, module: &str) -> Self {
        let program = Program::load(&wat::parse_str(caller::text(module, "")).unwrap()).unwrap();
        Self(host.start(&program).unwrap())
    }

    /// A guest with a directory that has one of everything.
    pub fn with_tree() -> (Self, mem::Directory) {
        let tree = tree();
        (Self::new(Host::new().directory("/", tree.clone(), Access::ReadWrite)), tree)
    }

    /// Calls `name`; every parameter in 64 bits, whatever its type.
    pub fn try_call(&mut self, name: &str, params: &[u64]) -> Result<u32, CallError> {
        let values = self.values(name, params);
        let idle = || panic!("{name} waits for nothing");
        let results = block_on_with(self.0.call(name, &values), idle)?;
        match results[..] {
            [Value::I32(errno)] => Ok(errno.cast_unsigned()),
            _ => panic!("{name} answers {results:?}"),
        }
    }

    fn values(&self, name: &str, params: &[u64]) -> Vec<Value> {
        let (_, types) = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(types.len(), params.len(), "{name}");
        let value = |(ty, value): (char, &u64)| match ty {
            'i' => Value::I32(*value as i32),
            _ => Value::I64(value.cast_signed()),
        };
        types.chars().zip(params).map(value).collect()
    }

    /// Calls `name` and polls it so many times; answers what the last poll did.
    pub fn poll_call(
        &mut self,
        name: &str,
        params: &[u64],
        between: &mut dyn FnMut(u32) -> bool,
    ) -> Option<u32> {
        let values = self.values(name, params);
        let mut call = pin!(self.0.call(name, &values));
        let mut cx = Context::from_waker(Waker::noop());
        for round in 0.. {
            match call.as_mut().poll(&mut cx) {
                Poll::Ready(results) => match results.unwrap()[..] {
                    [Value::I32(errno)] => return Some(errno.cast_unsigned()),
                    _ => panic!("{name}"),
                },
                Poll::Pending if between(round) => {}
                Poll::Pending => return None,
            }
        }
        None
    }

    #[track_caller]
    pub fn call(&mut self, name: &str, params: &[u64]) -> u32 {
        self.try_call(name, params).unwrap_or_else(|error| panic!("{name} {params:?}: {error}"))
    }

    #[track_caller]
    pub fn expect(&mut self, errno: u32, name: &str, params: &[u64]) {
        assert_eq!(self.call(name, params), errno, "{name} {params:?}");
    }

    pub fn poke(&mut self, address: u32, bytes: &[u8]) {
        for (at, byte) in (address..).zip(bytes) {
            let values = [Value::I32(at.cast_signed()), Value::I32((*byte).into())];
            block_on_with(self.0.call("poke", &values), || panic!()).unwrap();
        }
    }

    pub fn poke_u32(&mut self, address: u32, value: u32) {
        self.poke(address, &value.to_le_bytes());
    }

    pub fn peek(&mut self, address: u32, length: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for at in (address..address + length).step_by(8) {
            let at = Value::I32(at.cast_signed());
            match block_on_with(self.0.call("peek", &[at]), || panic!()).unwrap()[..] {
                [Value::I64(word)] => bytes.extend(word.to_le_bytes()),
                _ => panic!(),
            }
        }
        bytes.truncate(length as usize);
        bytes
    }

    pub fn peek_u32(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(self.peek(address, 4).try_into().unwrap())
    }

    pub fn peek_u64(&mut self, address: u32) -> u64 {
        u64::from_le_bytes(self.peek(address, 8).try_into().unwrap())
    }

    /// Puts a path where no test puts anything else, and answers its address and length.
    pub fn path(&mut self, path: impl AsRef<[u8]>) -> [u64; 2] {
        self.text(PATH_AT, path.as_ref())
    }

    pub fn other_path(&mut self, path: impl AsRef<[u8]>) -> [u64; 2] {
        self.text(PATH_AT + 0x1800, path.as_ref())
    }

    fn text(&mut self, at: u32, text: &[u8]) -> [u64; 2] {
        self.poke(at, text);
        [at.into(), text.len() as u64]
    }

    /// Puts a list of buffers at `at`.
    pub fn iovs(&mut self, at: u32, buffers: &[(u32, u32)]) -> [u64; 2] {
        for (index, (address, length)) in (0..).zip(buffers) {
            self.poke_u32(at + index * 8, *address);
            self.poke_u32(at + index * 8 + 4, *length);
        }
        [at.into(), buffers.len() as u64]
    }

    /// Opens `path` below `directory`: the new descriptor, or the error.
    pub fn open(
        &mut self,
        directory: u64,
        path: &str,
        (lookup, flags, rights, fdflags): (u64, u64, u64, u64),
    ) -> Result<u64, u32> {
        let [at, length] = self.path(path);
        let params = [directory, lookup, at, length, flags, rights, u64::MAX, fdflags, OUT];
        match self.call("path_open", &params) {
            SUCCESS => Ok(self.peek_u32(OUT as u32).into()),
            errno => Err(errno),
        }
    }

    /// Writes `text` to `fd` in one buffer, and answers how much was taken.
    pub fn write(&mut self, fd: u64, text: &[u8]) -> Result<u32, u32> {
        self.poke(0x4000, text);
        let [iovs, count] = self.iovs(0x3f00, &[(0x4000, text.len() as u32)]);
        match self.call("fd_write", &[fd, iovs, count, OUT]) {
            SUCCESS => Ok(self.peek_u32(OUT as u32)),
            errno => Err(errno),
        }
    }

    /// Reads at most `length` bytes from `fd` in one buffer.
    pub fn read(&mut self, fd: u64, length: u32) -> Result<Vec<u8>, u32> {
        let [iovs, count] = self.iovs(0x3f00, &[(0x4000, length)]);
        match self.call("fd_read", &[fd, iovs, count, OUT]) {
            SUCCESS => {
                let count = self.peek_u32(OUT as u32);
                Ok(self.peek(0x4000, count))
            }
            errno => Err(errno),
        }
    }
}

/// Where small answers go.
pub const OUT: u64 = 0x100;
const PATH_AT: u32 = 0x1000;

pub fn tree() -> mem::Directory {
    let tree = mem::Directory::new();
    tree.insert("file", "0123456789").unwrap();
    tree.insert("dir/nested/deep", "deep").unwrap();
    tree
}

pub fn small(descriptors: u32) -> Limits {
    Limits { descriptors, ..Limits::server() }
}
