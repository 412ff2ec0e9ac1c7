//! The heap: a first-fit allocator over one static arena, wrapped so that it counts.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use linked_list_allocator::LockedHeap;

/// Bytes of the arena.
pub const SIZE: usize = 384 << 10;

#[unsafe(link_section = ".uninit")]
static mut ARENA: MaybeUninit<[u64; SIZE / 8]> = MaybeUninit::uninit();

#[global_allocator]
static HEAP: Counted = Counted { heap: LockedHeap::empty(), peak: AtomicUsize::new(0) };

struct Counted {
    heap: LockedHeap,
    peak: AtomicUsize,
}

/// Bytes in use, with what the allocator rounds up.
#[must_use]
pub fn live() -> usize {
    HEAP.heap.lock().used()
}

/// The most that [`live`] has been since [`reset_peak`].
#[must_use]
pub fn peak() -> usize {
    HEAP.peak.load(Relaxed)
}

/// Lets [`peak`] start again from what is in use now.
pub fn reset_peak() {
    HEAP.peak.store(live(), Relaxed);
}

pub(crate) fn init() {
    let arena = (&raw mut ARENA).cast::<u8>();
    // SAFETY: called once, before the first allocation; nothing else names the arena, and the linker
    // script gives it memory that nothing else uses.
    unsafe { HEAP.heap.lock().init(arena, SIZE) };
}

// SAFETY: forwards to `LockedHeap`, and only counts besides.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `LockedHeap` asks for.
        let block = unsafe { self.heap.alloc(layout) };
        self.peak.fetch_max(self.heap.lock().used(), Relaxed);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those that `LockedHeap` asks for.
        unsafe { self.heap.dealloc(block, layout) };
    }
}
