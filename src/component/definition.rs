//! A component as a list of definitions.
//!
//! Each component, nested ones included, is one [`Definition`]: operations in the order of the binary, each
//! adding one item to one index space. `instance.rs` carries them out. Nothing of a parent is reached but
//! what is listed as captured, so a definition is closed.
//!
//! What is read names what it takes. `link.rs` then puts numbers in the place of names wherever it can tell them, so
//! that instances look no names up: of two operations that differ in this, the latter is its.

use crate::component::types::{AddressType, FuncTypeId, ItemType, ResourceIx, ValType};
use alloc::{boxed::Box, sync::Arc, vec::Vec};

/// The sorts of component items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Module,
    Func,
    Type,
    Component,
    Instance,
}

/// The sorts of core items that a core instance exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreSort {
    Func,
    Table,
    Memory,
    Global,
}

/// A named item among the arguments or exports of something.
#[derive(Clone, Debug)]
pub(crate) struct Named<S> {
    pub(crate) name: Arc<str>,
    pub(crate) sort: S,
    pub(crate) index: u32,
}

/// One component.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) imports: Vec<(Arc<str>, ItemType)>,
    pub(crate) ops: Vec<Op>,
    pub(crate) exports: Vec<(Named<Sort>, ItemType)>,
}

/// A module or component that a nested component reaches in its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capture {
    Module(u32),
    Component(u32),
    /// What the parent captured itself.
    OuterModule(u32),
    /// What the parent captured itself.
    OuterComponent(u32),
}

/// One step of instantiating a component.
#[derive(Debug)]
pub(crate) enum Op {
    /// Takes the import of this number.
    Import(u32),
    /// Adds one of the program's core modules.
    Module(u32),
    /// Closes over the parent's items.
    Component { definition: u32, captures: Box<[Capture]> },
    /// Takes a module that was captured.
    CapturedModule(u32),
    /// Takes a component that was captured.
    CapturedComponent(u32),
    /// Adds a type that has no identity at run time.
    Type,
    /// Adds a resource type: each time this runs, a new one.
    Resource { id: ResourceIx, dtor: Option<u32> },
    /// Instantiates a core module. The arguments in the order of their names.
    CoreInstantiate { module: u32, args: Box<[(Arc<str>, u32)]> },
    /// The same with each import of the module, in its order: of which core instance, and which of its exports.
    CoreLink { module: u32, imports: Box<[(u32, u32)]> },
    /// Bundles core items as an instance, in the order of their names.
    CoreBundle(Box<[Named<CoreSort>]>),
    /// Instantiates a component. The arguments in the order of their names.
    Instantiate { component: u32, args: Box<[Named<Sort>]> },
    /// The same with the component's imports, in its order.
    Link { component: u32, imports: Box<[(Sort, u32)]> },
    /// Bundles items as an instance.
    Bundle(Box<[Named<Sort>]>),
    /// Takes an item from an instance.
    AliasExport { instance: u32, name: Arc<str>, sort: Sort },
    /// The same by where it stands among the exports, which are in the order of their names.
    AliasAt { instance: u32, at: u32, sort: Sort },
    /// Takes an item from a core instance.
    AliasCore { instance: u32, name: Arc<str>, sort: CoreSort },
    /// The same by where it stands among the exports, which are in the order of their names.
    AliasCoreAt { instance: u32, at: u32, sort: CoreSort },
    /// Makes a component function from a core function.
    Lift { core: u32, ty: FuncTypeId, options: Options },
    /// Makes a core function: of a component function, or a built-in.
    Canon(Canon),
    /// An export adds an item too: the same one again.
    Again { sort: Sort, index: u32 },
    /// From here on this resource is the type at `index`.
    BindType { index: u32, id: ResourceIx },
    /// From here on this resource is the type the instance exports under this path.
    BindExport { instance: u32, path: Box<[Arc<str>]>, id: ResourceIx },
    /// The same by where each stands among the exports it is one of.
    BindAt { instance: u32, path: Box<[u32]>, id: ResourceIx },
}

/// How strings stand in a guest's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    Utf16,
    /// Latin-1, or UTF-16 where the length has its highest bit set.
    Latin1OrUtf16,
}

/// Canonical options, as indices (`CanonicalABI.md`, "Canonical ABI Options").
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) encoding: Encoding,
    pub(crate) memory: Option<u32>,
    pub(crate) realloc: Option<u32>,
    pub(crate) post_return: Option<u32>,
    pub(crate) callback: Option<u32>,
    pub(crate) is_async: bool,
}

/// Which end of a stream or future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Readable,
    Writable,
}

/// A stream or a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stream,
    Future,
}

/// What gives up the running thread, and what runs next (`thread.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Suspend,
    Yield,
    SuspendThenResume,
    YieldThenResume,
    SuspendThenPromote,
    YieldThenPromote,
}

/// A canonical definition that makes a core function (`CanonicalABI.md`, "Canonical Definitions").
#[derive(Clone, Debug)]
pub(crate) enum Canon {
    Lower {
        func: u32,
        ty: FuncTypeId,
        options: Options,
    },
    /// The representations of those that are wide have 64 bits.
    ResourceNew(ResourceIx),
    ResourceNewWide(ResourceIx),
    ResourceDrop(ResourceIx),
    ResourceRep(ResourceIx),
    ResourceRepWide(ResourceIx),
    ContextGet {
        slot: u32,
        wide: bool,
    },
    ContextSet {
        slot: u32,
        wide: bool,
    },
    BackpressureInc,
    BackpressureDec,
    TaskReturn {
        result: Option<ValType>,
        options: Options,
    },
    TaskCancel,
    WaitableSetNew,
    WaitableSetWait {
        memory: u32,
    },
    WaitableSetPoll {
        memory: u32,
    },
    WaitableSetDrop,
    WaitableJoin,
    SubtaskCancel {
        is_async: bool,
    },
    SubtaskDrop,
    ChannelNew {
        channel: Channel,
        payload: Option<ValType>,
    },
    Copy {
        channel: Channel,
        end: End,
        payload: Option<ValType>,
        options: Options,
    },
    CancelCopy {
        channel: Channel,
        end: End,
        payload: Option<ValType>,
        is_async: bool,
    },
    DropEnd {
        channel: Channel,
        end: End,
        payload: Option<ValType>,
    },
    ErrorContextNew {
        options: Options,
    },
    ErrorContextDebugMessage {
        options: Options,
    },
    ErrorContextDrop,
    ThreadIndex,
    ThreadNewIndirect {
        table: u32,
        argument: AddressType,
    },
    ThreadResumeLater,
    ThreadSwitch(Switch),
}

impl Canon {
    /// The memory it names, if it does.
    pub(crate) fn memory(&self) -> Option<u32> {
        match self {
            Self::Lower { options, .. }
            | Self::TaskReturn { options, .. }
            | Self::Copy { options, .. }
            | Self::ErrorContextNew { options }
            | Self::ErrorContextDebugMessage { options } => options.memory,
            Self::WaitableSetWait { memory } | Self::WaitableSetPoll { memory } => Some(*memory),
            _ => None,
        }
    }
}
