//! How much a tree may hold, and how much it does.

use crate::cap::Code;

/// How much a file system in memory may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes: file contents in blocks of 16 to 4,096 bytes, 48 bytes for each 4,096 that are written
    /// to, the text of symbolic links, and 64 bytes and its own for each name. Also the largest size of a
    /// file, gaps included.
    pub bytes: u64,
    /// Files, directories and symbolic links, unlinked ones that are still open included; not the root.
    pub inodes: u32,
}

impl Quota {
    /// For a microcontroller: 64 KiB and 32 inodes.
    #[must_use]
    pub const fn mcu() -> Self {
        Self { bytes: 64 << 10, inodes: 32 }
    }

    /// For one guest of many on a server: 256 MiB and 10,000 inodes.
    #[must_use]
    pub const fn server() -> Self {
        Self { bytes: 256 << 20, inodes: 10_000 }
    }
}

impl Default for Quota {
    /// [`Quota::server`].
    fn default() -> Self {
        Self::server()
    }
}

/// A quota and what is used of it. Everything is charged here before it is allocated.
pub(super) struct Budget {
    pub(super) quota: Quota,
    pub(super) used: Quota,
}

impl Budget {
    pub(super) const fn new(quota: Quota) -> Self {
        Self { quota, used: Quota { bytes: 0, inodes: 0 } }
    }

    /// Whether so much more would fit.
    pub(super) fn check(&self, bytes: u64, inodes: u32) -> Result<Quota, Code> {
        let bytes = self.used.bytes.checked_add(bytes).filter(|&bytes| bytes <= self.quota.bytes);
        let inodes = self.used.inodes.checked_add(inodes).filter(|&inodes| inodes <= self.quota.inodes);
        Ok(Quota { bytes: bytes.ok_or(Code::NoSpace)?, inodes: inodes.ok_or(Code::NoSpace)? })
    }

    pub(super) fn charge(&mut self, bytes: u64, inodes: u32) -> Result<(), Code> {
        self.used = self.check(bytes, inodes)?;
        Ok(())
    }

    pub(super) fn release(&mut self, bytes: u64, inodes: u32) {
        debug_assert!(self.used.bytes >= bytes && self.used.inodes >= inodes, "released more than charged");
        self.used.bytes = self.used.bytes.saturating_sub(bytes);
        self.used.inodes = self.used.inodes.saturating_sub(inodes);
    }
}
