//! Every bound on what a program and its guest may use.

#[cfg(feature = "http")]
mod http;
#[cfg(not(feature = "http"))]
#[path = "limits/http_absent.rs"]
mod http;

pub use http::HttpLimits;

/// What a program may ask for at load and a guest may use while it runs.
///
/// Every field is a hard bound, in the unit its documentation names. What passes a bound at load is
/// refused with [`Error::limit_exceeded`](crate::Error::limit_exceeded); at run time an operation fails
/// with what its specification has for that (`memory.grow` answers -1, a file system says there is
/// no space), or the guest is ended by a [`Trap`](crate::Trap).
///
/// Start from [`mcu`](Self::mcu) or [`server`](Self::server) and set what differs. There will be more limits: what names
/// each of them, without `..`, compiles no longer then.
///
/// ```
/// use wasmote::Limits;
/// let limits = Limits { memory_bytes: 16 << 20, ..Limits::server() };
/// # assert!(limits.memory_bytes < Limits::server().memory_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a program's file. Bounds the time and memory that loading takes.
    pub module_bytes: u32,
    /// Bytes of host memory that loading may take, by a worst-case estimate made before anything is
    /// allocated: see `engine/scan.rs` for its constants.
    pub load_bytes: u64,
    /// Function types.
    pub types: u32,
    /// Functions, imported ones included. An instance pays for each, whether it is called or not.
    pub functions: u32,
    /// Imports and exports together.
    pub imports_exports: u32,
    /// Globals.
    pub globals: u32,
    /// Data and element segments together.
    pub segments: u32,
    /// Locals of one function, parameters not counted. Calling a function zeroes them all.
    pub frame_locals: u32,
    /// Operators of one constant expression: the first value of a global, the place of a segment. The
    /// interpreter recurses as deep, on the native stack.
    pub constant_operators: u32,
    /// Parameters and results of one function.
    pub function_values: u32,
    /// Bytes of all linear memories together.
    pub memory_bytes: u64,
    /// Linear memories.
    pub memories: u32,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Tables.
    pub tables: u32,
    /// Core instances.
    pub instances: u32,
    /// Bytes of host memory that core instances take besides memories and tables, by estimate.
    pub instance_bytes: u64,
    /// Bytes of a guest's value stack. Beyond it, the guest traps.
    pub stack_bytes: u32,
    /// Calls within calls, inside one guest. Beyond it, the guest traps.
    pub call_depth: u32,
    /// Calls from guest to host to guest, one inside the other. Each uses native stack, until the guest stops: the bound is
    /// what makes that finite. Where guests stop makes no difference to how deep they may call.
    pub reentry_depth: u32,
    /// Core modules in one component.
    pub modules: u32,
    /// Components nested in one component, at any depth.
    pub components: u32,
    /// How deep components nest.
    pub component_depth: u32,
    /// Definitions (types, aliases, instances, functions, imports, exports) of one component and all nested in it.
    pub definitions: u32,
    /// How deep value types nest. Lifting and lowering recurse as deep.
    pub type_depth: u32,
    /// Instances of components.
    pub component_instances: u32,
    /// Tasks, threads and calls under way, of each. Of calls that wait in the middle of core code, each keeps a stack: no
    /// more of them than [`memory_bytes`](Self::memory_bytes) has room for stacks of
    /// [`stack_bytes`](Self::stack_bytes), but sixteen in any case. Those that run, one inside the other, have theirs
    /// besides: [`reentry_depth`](Self::reentry_depth) bounds them. What the host does in the background, for a stream that
    /// it gives a guest say, is bounded by four times as many.
    pub tasks: u32,
    /// Handles of every kind, store-wide; and what guests gave or lent to their host, in its hands: streams and futures, and
    /// of resources those that it takes as values of any type (`ResourceAny`), each as often as it is lent.
    pub handles: u32,
    /// Open files, directories, streams and sockets: each may hold a descriptor of the host's process, which has few
    /// for all its guests. Over the platform, `backend::std::set_descriptors_max` bounds all of them together.
    pub descriptors: u32,
    /// Bytes that one host call may read from or write to guest memory.
    pub host_call_bytes: u32,
    /// Random bytes that a component may ask for with one call; what it asks for beyond fails in WASI 0.2 and is cut off
    /// in 0.3. WASI 0.1 writes them right into the guest's memory, under [`host_call_bytes`](Self::host_call_bytes), which
    /// holds for all of them: beyond it, `random_get` answers `inval`.
    pub random_bytes: u32,
    /// Subscriptions of one poll.
    pub poll_subscriptions: u32,
    /// Bytes of one path.
    pub path_bytes: u32,
    /// How many directories deep a path may lead, from the one it begins at. Each is open until the walk along the path
    /// ends: descriptors of the host's process that [`descriptors`](Self::descriptors) does not count.
    pub path_depth: u32,
    /// HTTP.
    pub http: HttpLimits,
    /// Fuel that a guest runs on before it gives way to its host: 0.25 to 1.3 ns for each unit, on a desktop machine. What
    /// host functions charge counts five times, for it takes longer; of the budget it takes what it says. Bytes that are
    /// moved into or out of a component count once. Also bounds the native stack that growing memory takes, a byte for some
    /// five units of fuel, and on 32-bit Arm an indirect call, three bytes for each. A guest that may have more than
    /// [`Limits::server`] allows needs a thread with more stack, and on 32-bit Arm one with more than some thousands does:
    /// see `manual::architecture`.
    pub slice_fuel: u64,
    /// Fuel that components in one store may spend while their host has no turn. Where the host stays with a component
    /// until it returns (`realloc`, of which one copy calls as many as it has strings and lists; `post-return`; the start
    /// functions of all core modules that are instantiated together), a call ends at no slice, nobody else has a turn and
    /// no deadline ends it: this bounds how long.
    ///
    /// What is spent counts from when the host last called a function, polled a call or began to instantiate, whoever
    /// spent it: calls that end within their slice, and what host functions and copies charge, as well; but not what
    /// instantiating charges for a module's size. What is charged while the host stays with a component (for the host
    /// functions and copies that a start function asks for) counts 32 times: fuel of a host's work is some 30 to 125 ns, and
    /// of computing a few. For this limit only: of the budget it takes what it says.
    ///
    /// Once it is spent, no further slice begins for such a call, and the guest is ended
    /// ([`Rule::TooLong`](crate::Rule::TooLong)); the last slice is cut short for that. So it is passed by no more than one
    /// instruction costs, and by what host functions and copies charge within one slice, or at once. Where such calls went
    /// on past the end of a slice, the guest that they were made for gives way before its next instruction, and the count
    /// begins anew. It is [`slice_fuel`](Self::slice_fuel) where that is more.
    pub uninterrupted_fuel: u64,
}

impl Limits {
    /// For a microcontroller with some hundred KiB of memory.
    #[must_use]
    pub const fn mcu() -> Self {
        Self {
            module_bytes: 256 << 10,
            load_bytes: 512 << 10,
            types: 1_000,
            functions: 2_000,
            imports_exports: 256,
            globals: 256,
            segments: 256,
            frame_locals: 512,
            constant_operators: 16,
            function_values: 32,
            memory_bytes: 128 << 10,
            memories: 2,
            table_elements: 1_000,
            tables: 4,
            instances: 16,
            instance_bytes: 128 << 10,
            stack_bytes: 16 << 10,
            call_depth: 200,
            reentry_depth: 8,
            modules: 8,
            components: 16,
            component_depth: 8,
            definitions: 2_000,
            type_depth: 16,
            component_instances: 16,
            tasks: 16,
            handles: 64,
            descriptors: 32,
            host_call_bytes: 16 << 10,
            random_bytes: 16 << 10,
            poll_subscriptions: 16,
            path_bytes: 512,
            path_depth: 16,
            http: HttpLimits::MCU,
            slice_fuel: 5_000,
            uninterrupted_fuel: 10_000_000,
        }
    }

    /// What a guest gets whose host grants these limits, and whose program was loaded under `others`: the lesser of each.
    /// The interpreter's own bounds are compiled into the program's engine: those hold as they are.
    #[must_use]
    pub(crate) fn at_most(&self, others: &Self) -> Self {
        Self {
            module_bytes: self.module_bytes.min(others.module_bytes),
            load_bytes: self.load_bytes.min(others.load_bytes),
            types: self.types.min(others.types),
            functions: self.functions.min(others.functions),
            imports_exports: self.imports_exports.min(others.imports_exports),
            globals: self.globals.min(others.globals),
            segments: self.segments.min(others.segments),
            frame_locals: self.frame_locals.min(others.frame_locals),
            constant_operators: self.constant_operators.min(others.constant_operators),
            function_values: self.function_values.min(others.function_values),
            memory_bytes: self.memory_bytes.min(others.memory_bytes),
            memories: self.memories.min(others.memories),
            table_elements: self.table_elements.min(others.table_elements),
            tables: self.tables.min(others.tables),
            instances: self.instances.min(others.instances),
            instance_bytes: self.instance_bytes.min(others.instance_bytes),
            stack_bytes: others.stack_bytes,
            call_depth: others.call_depth,
            reentry_depth: self.reentry_depth.min(others.reentry_depth),
            modules: self.modules.min(others.modules),
            components: self.components.min(others.components),
            component_depth: self.component_depth.min(others.component_depth),
            definitions: self.definitions.min(others.definitions),
            type_depth: self.type_depth.min(others.type_depth),
            component_instances: self.component_instances.min(others.component_instances),
            tasks: self.tasks.min(others.tasks),
            handles: self.handles.min(others.handles),
            descriptors: self.descriptors.min(others.descriptors),
            host_call_bytes: self.host_call_bytes.min(others.host_call_bytes),
            random_bytes: self.random_bytes.min(others.random_bytes),
            poll_subscriptions: self.poll_subscriptions.min(others.poll_subscriptions),
            path_bytes: self.path_bytes.min(others.path_bytes),
            path_depth: self.path_depth.min(others.path_depth),
            http: self.http.at_most(&others.http),
            slice_fuel: self.slice_fuel.min(others.slice_fuel),
            uninterrupted_fuel: self.uninterrupted_fuel.min(others.uninterrupted_fuel),
        }
    }

    /// For a process with an operating system below it, many guests, and no trust in any of them.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            module_bytes: 32 << 20,
            load_bytes: 256 << 20,
            types: 20_000,
            functions: 100_000,
            imports_exports: 10_000,
            globals: 10_000,
            segments: 100_000,
            frame_locals: 30_000,
            constant_operators: 128,
            function_values: 128,
            memory_bytes: 256 << 20,
            memories: 100,
            table_elements: 100_000,
            tables: 100,
            instances: 1_024,
            instance_bytes: 64 << 20,
            stack_bytes: 1 << 20,
            call_depth: 10_000,
            reentry_depth: 64,
            modules: 1_000,
            components: 1_000,
            component_depth: 100,
            definitions: 200_000,
            type_depth: 100,
            component_instances: 4_096,
            tasks: 4_096,
            handles: 4_096,
            descriptors: 256,
            host_call_bytes: 8 << 20,
            random_bytes: 8 << 20,
            poll_subscriptions: 1_024,
            path_bytes: 4_096,
            path_depth: 64,
            http: HttpLimits::SERVER,
            slice_fuel: 100_000,
            uninterrupted_fuel: 100_000_000,
        }
    }
}

impl Default for Limits {
    /// [`Limits::server`].
    fn default() -> Self {
        Self::server()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number of some limits. Taken apart without `..`: a field that is new has to be named here.
    fn numbers(limits: Limits) -> [u64; 35] {
        let Limits {
            module_bytes,
            load_bytes,
            types,
            functions,
            imports_exports,
            globals,
            segments,
            frame_locals,
            constant_operators,
            function_values,
            memory_bytes,
            memories,
            table_elements,
            tables,
            instances,
            instance_bytes,
            stack_bytes,
            call_depth,
            reentry_depth,
            modules,
            components,
            component_depth,
            definitions,
            type_depth,
            component_instances,
            tasks,
            handles,
            descriptors,
            host_call_bytes,
            random_bytes,
            poll_subscriptions,
            path_bytes,
            path_depth,
            slice_fuel,
            uninterrupted_fuel,
            http,
        } = limits;
        // Its own fields are taken apart where they are.
        let _ = http;
        [
            module_bytes.into(),
            load_bytes,
            types.into(),
            functions.into(),
            imports_exports.into(),
            globals.into(),
            segments.into(),
            frame_locals.into(),
            constant_operators.into(),
            function_values.into(),
            memory_bytes,
            memories.into(),
            table_elements,
            tables.into(),
            instances.into(),
            instance_bytes,
            stack_bytes.into(),
            call_depth.into(),
            reentry_depth.into(),
            modules.into(),
            components.into(),
            component_depth.into(),
            definitions.into(),
            type_depth.into(),
            component_instances.into(),
            tasks.into(),
            handles.into(),
            descriptors.into(),
            host_call_bytes.into(),
            random_bytes.into(),
            poll_subscriptions.into(),
            path_bytes.into(),
            path_depth.into(),
            slice_fuel,
            uninterrupted_fuel,
        ]
    }

    #[test]
    fn a_guest_gets_the_lesser_of_each_limit_and_the_stacks_its_program_was_loaded_with() {
        let (less, more) = (Limits::mcu(), Limits::server());
        for (less, more) in numbers(less).into_iter().zip(numbers(more)) {
            assert!(less < more, "what is the same in both says nothing: {less}");
        }
        assert_eq!(more.at_most(&less), less);
        let Limits { stack_bytes, call_depth, .. } = more;
        assert_eq!(less.at_most(&more), Limits { stack_bytes, call_depth, ..less });
    }
}
