//! The rules of the Component Model that a guest can break.

use core::fmt;

/// A rule of the Component Model. Breaking one traps; its text is the one wasmtime gives, so that scripts
/// written for either run on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A built-in or import was called where none may be: during `realloc` or post-return.
    CannotLeave,
    /// A component was entered again while it was already on the stack.
    CannotEnter,
    /// There is no handle of this index.
    UnknownHandle(u32),
    /// The handle of this index is not of the sort the operation takes.
    HandleSort(&'static str),
    /// The handle of this index is of another type than the operation takes.
    HandleType {
        /// The handle's index.
        index: u32,
        /// Whether the expected resource type is the host's.
        expected_host: bool,
        /// Whether the found resource type is the host's.
        found_host: bool,
    },
    /// No more handles fit the table.
    HandleOverflow,
    /// An owned handle was given away or dropped while borrowed.
    OwnedWhileBorrowed,
    /// A borrowed handle was used where an owned one is needed.
    NotOwned(u32),
    /// A resource was lent to the component that implements it, and its representation of 64 bits is larger than a handle.
    WideBorrow,
    /// A call returned without dropping the handles it borrowed.
    BorrowsRemain,
    /// A string reaches out of its memory.
    StringOutOfBounds,
    /// The same, for a string that the host reads.
    StringPointer,
    /// A string's code units are not aligned.
    StringUnaligned,
    /// A list reaches out of its memory.
    ListOutOfBounds,
    /// The same, for a list that the host reads.
    ListPointer,
    /// A pointer is not aligned.
    UnalignedPointer,
    /// A pointer to parameters or results reaches out of its memory.
    PointerOutOfBounds,
    /// `realloc` returned a block that reaches out of its memory.
    ReallocOutOfBounds,
    /// `realloc` returned a block that is not aligned.
    ReallocUnaligned,
    /// The bytes of a string are not UTF-8.
    InvalidUtf8,
    /// The bytes of a string end within a UTF-8 sequence.
    IncompleteUtf8,
    /// A UTF-16 string holds half a surrogate pair.
    InvalidUtf16,
    /// A character is a surrogate, or past the last code point.
    InvalidChar,
    /// A discriminant names no case.
    InvalidDiscriminant,
    /// A task of a synchronous function would wait before it returned.
    CannotBlock,
    /// Functions that nobody can stop (`realloc`, `post-return`, a core module's start) ran on more than
    /// [`uninterrupted_fuel`](crate::Limits::uninterrupted_fuel) without their host having a turn.
    TooLong,
    /// Nothing can ever go on.
    Deadlock,
    /// A callback returned a code that means nothing.
    CallbackCode,
    /// A task ended without a result.
    NoResult,
    /// A result of another type, or with other options, than the task's function has.
    TaskReturnInvalid,
    /// A task was resolved twice.
    ResolvedTwice,
    /// A task said it was cancelled, and it was not.
    NotCancelled,
    /// A subtask was cancelled after it had told how it ended.
    CancelAfterTerminal,
    /// A subtask was cancelled twice.
    CancelTwice,
    /// A subtask was dropped before it had told how it ended.
    SubtaskNotResolved,
    /// A waitable set was dropped while something waited for it.
    SetHasWaiters,
    /// A waitable set was dropped while it held waitables.
    SetNotEmpty,
    /// A waitable was waited for synchronously while in a set.
    SyncAndAsync,
    /// A stream or future already has an operation under way.
    ConcurrentCopy,
    /// There is no operation under way to cancel.
    NothingToCancel,
    /// The operation was already being cancelled.
    CancellingCopy,
    /// A stream operation of too many elements.
    CopyTooBig,
    /// The end of a stream or future was dropped during an operation.
    DropBusy(&'static str),
    /// The end of a stream or future was given away during an operation.
    RemoveBusy(&'static str),
    /// An end that is done was used: what it was used for.
    EndDone(&'static str),
    /// The readable end of a stream or future was given away while in a set.
    LiftInSet(&'static str),
    /// The writable end of a future was dropped before a value was written.
    FutureUnwritten,
    /// Both ends of a stream or future of more than numbers are used within one component.
    IntraComponentCopy,
    /// The backpressure counter left its range.
    Backpressure,
    /// A thread to resume is not suspended.
    ThreadNotSuspended,
    /// A thread's start function is of another type.
    ThreadType,
    /// There is no start function at this index.
    ThreadUninitialized,
    /// The debug message of an `error-context` reaches out of its memory.
    DebugMessage,
    /// More tasks than the limit allows.
    Tasks,
    /// A value nests deeper than its type can.
    ValueType,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::CannotLeave => "cannot leave component instance",
            Self::CannotEnter => "cannot enter component instance",
            Self::UnknownHandle(index) => return write!(f, "unknown handle index {index}"),
            Self::HandleSort(sort) => return write!(f, "handle is not {sort}"),
            Self::HandleType { index, expected_host, found_host } => {
                let whose = |host| if host { "host-defined" } else { "guest-defined" };
                let other = if expected_host == found_host { "a different" } else { "a" };
                return write!(
                    f,
                    "handle index {index} used with the wrong type, expected {} resource but found {other} {} resource",
                    whose(expected_host),
                    whose(found_host),
                );
            }
            Self::HandleOverflow => "cannot allocate another handle: index overflow",
            Self::OwnedWhileBorrowed => "cannot remove owned resource while borrowed",
            Self::NotOwned(index) => return write!(f, "index {index} is not an own resource"),
            Self::WideBorrow => "representation of 64 bits does not fit a borrow handle",
            Self::BorrowsRemain => "borrow handles still remain at the end of the call",
            Self::StringOutOfBounds => "string content out-of-bounds",
            Self::StringPointer => "string pointer/length out of bounds of memory",
            Self::StringUnaligned => "string pointer not aligned to 2",
            Self::ListOutOfBounds => "list content out-of-bounds",
            Self::ListPointer => "list pointer/length out of bounds of memory",
            Self::UnalignedPointer => "unaligned pointer",
            Self::PointerOutOfBounds => "pointer out of bounds of memory",
            Self::ReallocOutOfBounds => "realloc return: beyond end of memory",
            Self::ReallocUnaligned => "realloc return: result not aligned",
            Self::InvalidUtf8 => "invalid utf-8 sequence",
            Self::IncompleteUtf8 => "incomplete utf-8 byte sequence",
            Self::InvalidUtf16 => "unpaired surrogate found",
            Self::InvalidChar => "invalid `char` bit pattern",
            Self::InvalidDiscriminant => "invalid variant discriminant",
            Self::CannotBlock => "cannot block a synchronous task before returning",
            Self::TooLong => "`realloc`, `post-return` or a start function did not return within the fuel that may be spent uninterrupted",
            Self::Deadlock => "deadlock detected: event loop cannot make further progress",
            Self::CallbackCode => "unsupported callback code",
            Self::NoResult => "async-lifted export failed to produce a result",
            Self::TaskReturnInvalid => "invalid `task.return` signature and/or options for current task",
            Self::ResolvedTwice => "`task.return` or `task.cancel` called more than once for current task",
            Self::NotCancelled => "`task.cancel` called by task which has not been cancelled",
            Self::CancelAfterTerminal => "`subtask.cancel` called after terminal status delivered",
            Self::CancelTwice => "`subtask.cancel` called twice",
            Self::SubtaskNotResolved => "cannot drop a subtask which has not yet resolved",
            Self::SetHasWaiters => "cannot drop waitable set with waiters",
            Self::SetNotEmpty => "cannot drop waitable set with waitables",
            Self::SyncAndAsync => "waitable cannot be used synchronously while added to a waitable set",
            Self::ConcurrentCopy => "cannot have concurrent operations active on a future/stream",
            Self::NothingToCancel => "stream or future has no operation to cancel",
            Self::CancellingCopy => "stream or future operation is already being cancelled",
            Self::CopyTooBig => "stream read/write count too large",
            Self::DropBusy(what) => return write!(f, "cannot drop busy {what}"),
            Self::RemoveBusy(what) => return write!(f, "cannot remove busy {what}"),
            Self::EndDone(what) => what,
            Self::LiftInSet(what) => return write!(f, "cannot lift {what} while it's in a waitable set"),
            Self::FutureUnwritten => "cannot drop future write end without first writing a value",
            Self::IntraComponentCopy => {
                "cannot read from and write to intra-component future/stream with non-numeric payload"
            }
            Self::Backpressure => "backpressure counter overflow",
            Self::ThreadNotSuspended => "cannot resume thread which is not suspended",
            Self::ThreadType => {
                "start function does not match expected type (currently only `(i32) -> ()` is supported)"
            }
            Self::ThreadUninitialized => "the start function index points to an uninitialized function",
            Self::DebugMessage => "invalid debug message pointer: out of bounds",
            Self::Tasks => "too many tasks are under way",
            Self::ValueType => "a value is not of the type it is passed as",
        })
    }
}
