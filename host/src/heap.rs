//! The process's heap: what is freed goes back to the system.
//!
//! No allocator of its own. glibc's raises the size from which it asks the system for a piece by itself with every such piece
//! that is freed. At a start, when all components and their code are read, that ends with megabytes of holes between small
//! pieces that stay: 130 KiB for each of a hundred policies.

/// Bytes from which a piece of memory comes from the system, and goes back to it. Few requests have a body as long, and no
/// ordinary one.
#[cfg(target_env = "gnu")]
const APART: libc::c_int = 128 << 10;

/// Fixes that size for good. For a process that lives long.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the standard library does not have this call")]
pub fn give_back() {
    // SAFETY: sets a number of glibc's allocator, which guards it with its own lock; nothing that was allocated is touched.
    // That it could not be set changes nothing but how much memory is held.
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, APART) };
}

/// Other allocators need not be told.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}

/// Gives back what is free between pieces that stay. For when much was freed that will not be needed soon, as after a start.
/// It looks at the whole heap.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the standard library does not have this call")]
pub fn trim() {
    // SAFETY: glibc's allocator, under its own locks, tells the system of whole pages in which nothing is allocated.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other allocators do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn trim() {}
