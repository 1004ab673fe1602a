//! Memory for an instance that lives for one decision.
//!
//! Berth throws an instance away after one call, so most memory need not be given back: the next block starts where the
//! last one ended. What this saves is not the bookkeeping but `memory.grow`, which costs the host more than a whole
//! decision and which Rust's own allocator executes on its first block.
//!
//! Not for long-lived programs: only the last block is ever reused. Past the arena's end Rust's own allocator takes
//! over, so a large request still gets its memory, only slower.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
    ptr,
};

/// How much memory the policy's instance has before it needs to grow.
///
/// An ordinary decision takes less than 8 KiB of it; the rest is for long payloads and enrollments. Pages that are not
/// touched cost the host nothing.
#[cfg(all(target_arch = "wasm32", not(test)))]
const SIZE: usize = 256 * 1024;

#[cfg(all(target_arch = "wasm32", not(test)))]
#[global_allocator]
static ARENA: Arena<SIZE> = Arena::new();

/// `N` bytes handed out from front to back.
#[repr(C, align(16))]
struct Arena<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    /// How many bytes are taken, from the start. Never above `N`.
    taken: Cell<usize>,
}

// SAFETY: the static above exists on wasm32 only, where Berth gives a component neither threads nor shared memory. It
// is entered by one call at a time, and none of its methods calls back into it.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl<const N: usize> Sync for Arena<N> {}

impl<const N: usize> Arena<N> {
    const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; N]), taken: Cell::new(0) }
    }

    /// Where a block lies from the arena's start. `None` if it came from elsewhere.
    fn offset_of(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.bytes.get().addr());
        (offset < N).then_some(offset)
    }

    /// Whether a block of the arena is the last one handed out.
    fn is_last(&self, offset: usize, size: usize) -> bool {
        offset + size == self.taken.get()
    }

    /// Takes `layout.size()` bytes. `None` if they do not fit.
    fn take(&self, layout: Layout) -> Option<usize> {
        let base = self.bytes.get().addr();
        let start = (base + self.taken.get()).checked_next_multiple_of(layout.align())? - base;
        let end = start.checked_add(layout.size())?;
        // A block of no bytes at the very end would not be recognised as the arena's own.
        (end <= N && start < N).then(|| {
            self.taken.set(end);
            start
        })
    }
}

// SAFETY: `take` hands out ranges within the arena that are aligned as asked and overlap no range in use: it starts at
// `taken`, and `taken` falls back only to the start of the last block, when that block is given back or resized. What
// does not fit is System's, and goes back to System because its address lies outside the arena.
unsafe impl<const N: usize> GlobalAlloc for Arena<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: `start` is below `N`, so the pointer stays within the arena.
            Some(start) => unsafe { self.bytes.get().cast::<u8>().add(start) },
            // SAFETY: the caller's promises about `layout` are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset_of(block) {
            Some(offset) if self.is_last(offset, layout.size()) => self.taken.set(offset),
            Some(_) => {}
            // SAFETY: a block from outside the arena came from System, with this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset_of(block) else {
            // SAFETY: a block from outside the arena came from System; the caller's promises are passed on.
            return unsafe { System.realloc(block, layout, new_size) };
        };
        if self.is_last(offset, layout.size()) && new_size <= N - offset {
            self.taken.set(offset + new_size);
            return block;
        }
        // SAFETY: the caller promises that `new_size` is not zero and makes a layout with the block's alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: as above.
        let new_block = unsafe { self.alloc(new_layout) };
        if !new_block.is_null() {
            // SAFETY: both blocks are at least this long. They do not overlap, for the old one is still taken.
            unsafe { ptr::copy_nonoverlapping(block, new_block, layout.size().min(new_size)) };
        }
        new_block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn blocks_are_aligned_and_apart() {
        let arena = Arena::<1024>::new();
        // SAFETY: layouts are not empty; each block is used within its size.
        unsafe {
            let a = arena.alloc(layout(3, 1));
            let b = arena.alloc(layout(8, 8));
            let c = arena.alloc(layout(1, 1));
            assert_eq!(b.addr() % 8, 0);
            a.write_bytes(1, 3);
            b.write_bytes(2, 8);
            c.write_bytes(3, 1);
            assert_eq!(a.add(2).read(), 1);
            assert_eq!(b.add(7).read(), 2);
            assert_eq!(arena.offset_of(c), Some(16));
        }
    }

    #[test]
    fn the_last_block_grows_shrinks_and_goes_in_place() {
        let arena = Arena::<1024>::new();
        // SAFETY: layouts are not empty and match the blocks they are used with.
        unsafe {
            let a = arena.alloc(layout(10, 1));
            assert_eq!(arena.realloc(a, layout(10, 1), 500), a);
            assert_eq!(arena.realloc(a, layout(500, 1), 20), a);
            assert_eq!(arena.taken.get(), 20);
            arena.dealloc(a, layout(20, 1));
            assert_eq!(arena.taken.get(), 0);
        }
    }

    #[test]
    fn an_inner_block_moves_with_its_bytes() {
        let arena = Arena::<1024>::new();
        // SAFETY: layouts are not empty and match the blocks they are used with.
        unsafe {
            let a = arena.alloc(layout(4, 1));
            a.write_bytes(7, 4);
            let b = arena.alloc(layout(4, 1));
            b.write_bytes(9, 4);
            let moved = arena.realloc(a, layout(4, 1), 8);
            assert_ne!(moved, a);
            assert_eq!(moved.add(3).read(), 7);
            assert_eq!(b.read(), 9);
            arena.dealloc(b, layout(4, 1));
            assert_eq!(arena.taken.get(), 16, "a block in the middle stays taken");
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_the_system() {
        let arena = Arena::<64>::new();
        // SAFETY: layouts are not empty and match the blocks they are used with.
        unsafe {
            let inside = arena.alloc(layout(60, 1));
            inside.write_bytes(5, 60);
            let outside = arena.alloc(layout(8, 1));
            assert_eq!(arena.offset_of(outside), None);
            let outside = arena.realloc(outside, layout(8, 1), 16);
            arena.dealloc(outside, layout(16, 1));
            let moved = arena.realloc(inside, layout(60, 1), 100);
            assert_eq!(arena.offset_of(moved), None);
            assert_eq!(moved.add(59).read(), 5);
            arena.dealloc(moved, layout(100, 1));
        }
    }

    #[test]
    fn the_arena_can_be_filled_to_the_last_byte() {
        let arena = Arena::<64>::new();
        // SAFETY: layouts are not empty.
        unsafe {
            let all = arena.alloc(layout(64, 1));
            assert_eq!(arena.offset_of(all), Some(0));
            let more = arena.alloc(layout(1, 1));
            assert_eq!(arena.offset_of(more), None);
            arena.dealloc(more, layout(1, 1));
        }
    }
}
