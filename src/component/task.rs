//! Tasks and threads (`CanonicalABI.md`, "Threads" and "Tasks"), and the one who runs them.
//!
//! A thread is one core call that can stop: while it runs, it is a native frame; while it waits, it is an
//! [`Activation`] in a slab, with the reason in its [`Wait`]. Calls between guests nest natively as long as nothing
//! waits. Where one waits, all frames around it return, each leaving its own reason behind; the scheduler at the root
//! resumes them, in the order they began to wait.

use crate::{
    Rule,
    component::{
        abi::{GuestOptions, inside, is_aligned, slice_mut},
        call::{self, Arguments, HostLift, Lowered},
        host_channel::{GivenUp, NO_CALL},
        resource::HostHeldId,
        started::Came,
        store::{Cx, InstanceId, Lifted, SetId, State, TaskId, ThreadId, WaitableId},
        types::ValType,
        waitable::Event,
        wakeup::Interest,
    },
    engine::{Activation, Answer, CoreFunc, CoreMemory, Fault, Step, Val, value_of},
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec, vec::Vec};
use core::{any::Any, mem};

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskState {
    Initial,
    Started,
    PendingCancel,
    CancelDelivered,
    Resolved,
}

/// A call of a lifted function.
pub(crate) struct Task<T: 'static> {
    pub(crate) func: Lifted,
    /// Whether its function's type is asynchronous.
    pub(crate) is_async: bool,
    pub(crate) state: TaskState,
    pub(crate) borrows: u32,
    pub(crate) implicit: Option<ThreadId>,
    pub(crate) threads: u32,
    /// What the host lends for it.
    pub(crate) lent: Vec<HostHeldId>,
    pub(crate) caller: Caller<T>,
}

/// Who called, and what is needed to hear its arguments and to tell it the result.
pub(crate) enum Caller<T: 'static> {
    Guest {
        lowered: Arc<Lowered>,
        flat: Box<call::FlatArguments>,
        subtask: WaitableId,
    },
    /// `resource.drop` of a resource that its component destroys.
    Destructor {
        rep: u64,
        /// It takes it as 64 bits.
        wide: bool,
    },
    Host {
        arguments: Option<Arguments<T>>,
        lift: HostLift<T>,
        result: Option<Told>,
        /// Nobody waits for the result any more.
        abandoned: bool,
        /// What of the host's is polled when there is a result.
        waiter: Interest,
    },
    /// Code that runs while its instance is made.
    Instantiation,
    /// A stack frame: nothing has stopped yet (`direct`).
    Direct,
}

/// A result that its host has not fetched yet.
pub(crate) struct Told {
    pub(crate) value: Box<dyn Any + Send>,
    /// What the host has with it.
    pub(crate) came: Vec<Came>,
}

impl<T> Caller<T> {
    /// The host, with arguments that are not lowered yet if there are any.
    pub(crate) fn of_host(arguments: Option<Arguments<T>>, lift: HostLift<T>) -> Self {
        Self::Host { arguments, lift, result: None, abandoned: false, waiter: Interest::new() }
    }

    /// A guest, that passed these core values.
    pub(crate) fn of_guest(lowered: &Lowered, flat: &[u64], subtask: WaitableId) -> Self {
        Self::Guest { lowered: lowered.keep(), flat: Box::new(call::FlatArguments::new(flat)), subtask }
    }
}

impl<T> Task<T> {
    /// Whether no other task of the instance may run core code while this one does (`Task.needs_exclusive`).
    pub(crate) fn needs_exclusive(&self) -> bool {
        self.is_async && (!self.func.options.is_async || self.func.options.callback.is_some())
    }

    /// Its implicit thread. A task has one from when it is made.
    pub(crate) fn implicit(&self) -> Result<ThreadId, Fault> {
        self.implicit.ok_or_else(|| Fault::Trap(crate::bug!("a task has no thread")))
    }
}

/// A thread of a task.
pub(crate) struct Thread<T: 'static> {
    pub(crate) task: TaskId,
    pub(crate) index: u32,
    pub(crate) storage: [u64; 2],
    pub(crate) progress: Progress<T>,
    pub(crate) wait: Wait,
    /// How many guest calls it is nested in: the one that called it, and so on. One that is stopped goes on so deep.
    pub(crate) nesting: u32,
    /// Its place among those that wait.
    pub(crate) place: Option<u64>,
}

/// How a thread goes on.
pub(crate) enum Progress<T: 'static> {
    /// It runs now, or is gone.
    Running,
    /// The implicit thread of a task, before it entered the instance.
    Entering,
    /// A thread that was made and not resumed yet.
    New(CoreFunc, u64),
    /// In the middle of core code.
    Core(Box<Activation<crate::component::store::Inner<T>>>, Stage),
    /// Between two calls of the callback.
    EventLoop,
}

/// Which core function a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Main,
    Callback,
    Explicit,
}

/// Why a thread does not run.
#[derive(Clone, Debug)]
pub(crate) enum Wait {
    /// It runs.
    Nothing,
    /// Until another thread resumes it.
    Suspended,
    /// It gave way, and is ready.
    Ready,
    /// The host started it, and it has not begun: until nothing else runs, in its instance or in any.
    Start,
    /// Until the instance lets its task in.
    Entry,
    /// What is to go on before it enters was stopped where the Component Model knows no stop.
    AfterExclusive,
    /// A callback gave way: until no other task has the instance.
    CallbackYield,
    /// A callback waits for a set: until it has an event and no other task has the instance.
    CallbackSet(SetId),
    /// A synchronous call: until it is resolved.
    Subtask(WaitableId),
    /// A synchronous operation: until it has an event.
    Event(WaitableId),
    /// A subtask being cancelled: until it is resolved.
    CancelledSubtask(WaitableId),
    /// `waitable-set.wait`.
    Set { set: SetId, memory: CoreMemory, at: u64 },
    /// Its slice of fuel is over.
    Fuel,
    /// What it called was stopped where the Component Model knows no stop.
    AfterCall { lowered: Arc<Lowered>, subtask: WaitableId, task: TaskId },
    /// The destructor it called was.
    AfterDestructor { task: TaskId, callee: InstanceId },
    /// The cancellation it asked for was.
    AfterCancel { subtask: WaitableId, is_async: bool },
}

impl Wait {
    /// Whether a call that waits so counts among those that keep a stack. What is only stopped, as no slice of fuel may make
    /// a difference, had one as well while it ran: there are no more of them than calls may be nested.
    fn keeps_stack(&self) -> bool {
        let is_stopped = matches!(
            self,
            Self::Fuel | Self::AfterCall { .. } | Self::AfterDestructor { .. } | Self::AfterCancel { .. }
        );
        !is_stopped
    }
}

/// What one turn of the scheduler came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A thread ran.
    Ran,
    /// A thread ran to the end of its slice of fuel.
    Preempted,
    /// Nothing is ready.
    Idle,
}

impl<T: Send + 'static> State<T> {
    /// The running thread.
    pub(crate) fn current(&self) -> Result<ThreadId, Fault> {
        self.current.ok_or_else(|| Fault::Trap(crate::bug!("no thread runs")))
    }

    /// Refuses an operation that may wait to a synchronous task with nobody to wait for. It is refused whether it would
    /// wait this time or not, as wasmtime does, so that it does not depend on timing.
    pub(crate) fn check_may_block(&mut self, instance: InstanceId) -> Result<(), Fault> {
        let task = self
            .current
            .and_then(|thread| self.threads.find(thread))
            .and_then(|thread| self.tasks.find(thread.task));
        let is_sync = task.is_some_and(|task| !task.is_async && task.state != TaskState::Resolved);
        if is_sync && self.first_ready(Some(instance)).is_none() {
            Err(Rule::CannotBlock.into())
        } else {
            Ok(())
        }
    }

    /// Changes the running thread's context slots; those before.
    #[inline]
    pub(crate) fn swap_context(&mut self, slots: [u64; 2]) -> [u64; 2] {
        match self.current.map(|current| self.threads.get_mut(current)) {
            Some(Ok(thread)) => mem::replace(&mut thread.storage, slots),
            _ => slots,
        }
    }

    /// The task of the running thread.
    pub(crate) fn current_task(&self) -> Result<TaskId, Fault> {
        Ok(self.threads.get(self.current()?)?.task)
    }

    /// Makes a task, with its first thread. It has not begun.
    pub(crate) fn new_task(
        &mut self,
        func: Lifted,
        is_async: bool,
        caller: Caller<T>,
    ) -> Result<(TaskId, ThreadId), Fault> {
        if self.tasks.len() - self.spare.len() >= self.tasks_max as usize {
            return Err(Rule::Tasks.into());
        }
        let task = self.tasks.add(Task {
            func,
            is_async,
            state: TaskState::Initial,
            borrows: 0,
            implicit: None,
            threads: 0,
            lent: Vec::new(),
            caller,
        });
        let thread = match self.new_thread(task, Progress::Entering) {
            Ok(thread) => thread,
            Err(fault) => {
                self.tasks.remove(task);
                return Err(fault);
            }
        };
        self.tasks.get_mut(task)?.implicit = Some(thread);
        Ok((task, thread))
    }

    /// Whether something that was stopped in the middle is to go on before anything else begins.
    pub(crate) fn is_stopped(&self) -> bool {
        !self.frozen.is_empty() || self.stays_with.is_some_and(|(task, _)| !self.is_resolved(task))
    }

    /// Whether a call waits until others that were made before it have begun.
    pub(crate) fn waits_to_begin(&self, task: TaskId) -> bool {
        let thread = self.tasks.find(task).and_then(|task| self.threads.find(task.implicit?));
        thread.is_some_and(|thread| matches!(thread.wait, Wait::Start))
    }

    /// Takes back a call that has not begun, if it is one, so that its arguments are never lowered.
    pub(crate) fn take_back(&mut self, id: TaskId) -> Result<Option<Task<T>>, Fault> {
        let Some(task) = self.tasks.find(id) else { return Ok(None) };
        let (TaskState::Initial, Some(thread)) = (task.state, task.implicit) else { return Ok(None) };
        let instance = task.func.options.instance;
        self.end_wait(thread)?;
        if matches!(self.threads.get(thread)?.wait, Wait::Entry) {
            self.instance_mut(instance).waiting_to_enter -= 1;
        }
        self.frozen.retain(|stopped| *stopped != thread);
        self.threads.remove(thread);
        Ok(self.tasks.remove(id))
    }

    /// Closes the typed ends of streams and futures among the arguments of a call that was taken back.
    pub(crate) fn close_ends(&mut self, task: Task<T>) {
        let (Lifted { options, ty, .. }, Caller::Host { arguments: Some(arguments), .. }) =
            (task.func, task.caller)
        else {
            return;
        };
        let program = self.instance(options.instance).program.clone();
        let tuple = ValType::Def(program.types().func(ty).params_tuple);
        let ends = arguments.ends(self, program.types(), options.instance, tuple);
        let mut given_up = GivenUp { state: self, call: NO_CALL };
        ends.into_iter().for_each(|end| given_up.close(end));
    }

    pub(crate) fn new_thread(&mut self, task: TaskId, progress: Progress<T>) -> Result<ThreadId, Fault> {
        if self.threads.len() - self.spare.len() >= self.tasks_max as usize {
            return Err(Rule::Tasks.into());
        }
        Ok(self.threads.add(Thread {
            task,
            index: 0,
            storage: [0; 2],
            progress,
            wait: Wait::Nothing,
            nesting: 0,
            place: None,
        }))
    }

    /// Makes the task of a call that may go straight through, and lets its thread run. Most calls are over soon, and
    /// leave theirs to the next.
    #[inline]
    pub(crate) fn begin_direct(&mut self, func: &Lifted) -> Result<TaskId, Fault> {
        let Some((task, thread)) = self.spare.pop() else { return self.begin_first(func) };
        let live_max = self.tasks.len().max(self.threads.len()) - self.spare.len();
        if live_max > self.tasks_max as usize {
            return Err(Rule::Tasks.into());
        }
        let index = self.instance_mut(func.options.instance).threads.add(thread)?;
        let begun = self.threads.get_mut(thread)?;
        (begun.index, begun.storage) = (index, [0; 2]);
        let begun = self.tasks.get_mut(task)?;
        // Mostly the last call was of the same function, and that is long.
        if begun.func.id != func.id {
            begun.func = *func;
        }
        (begun.state, begun.threads) = (TaskState::Started, 1);
        self.current = Some(thread);
        Ok(task)
    }

    /// The same where no call has left one.
    #[cold]
    fn begin_first(&mut self, func: &Lifted) -> Result<TaskId, Fault> {
        let (task, thread) = self.new_task(*func, false, Caller::Direct)?;
        self.register_thread(thread)?;
        self.tasks.get_mut(task)?.state = TaskState::Started;
        self.current = Some(thread);
        Ok(task)
    }

    /// Ends the task of a call that went straight through.
    #[inline]
    pub(crate) fn end_direct(&mut self, task: TaskId) -> Result<(), Fault> {
        let ended = self.tasks.get_mut(task)?;
        let thread = ended.implicit()?;
        if ended.threads > 1 {
            ended.state = TaskState::Resolved;
            return self.unregister_thread(thread);
        }
        ended.threads = 0;
        let instance = ended.func.options.instance;
        // Under other names, so that nobody takes the next call for this one.
        let (task, task_kept) = self.tasks.rename(task)?;
        let (thread, thread_kept) = self.threads.rename(thread)?;
        (task_kept.implicit, thread_kept.task) = (Some(thread), task);
        let index = thread_kept.index;
        self.instance_mut(instance).threads.remove(index)?;
        self.spare.push((task, thread));
        Ok(())
    }

    /// Gives a thread its index in the instance (`Task.register_thread`).
    pub(crate) fn register_thread(&mut self, thread: ThreadId) -> Result<u32, Fault> {
        let task = self.threads.get(thread)?.task;
        self.tasks.get_mut(task)?.threads += 1;
        let instance = self.tasks.get(task)?.func.options.instance;
        let index = self.instance_mut(instance).threads.add(thread)?;
        self.threads.get_mut(thread)?.index = index;
        Ok(index)
    }

    /// Ends a thread, and with the last one its task (`Task.unregister_thread`).
    pub(crate) fn unregister_thread(&mut self, thread: ThreadId) -> Result<(), Fault> {
        let Some(ended) = self.threads.remove(thread) else {
            return Err(Fault::Trap(crate::bug!("a thread ended twice")));
        };
        let task = self.tasks.get_mut(ended.task)?;
        task.threads -= 1;
        let instance = task.func.options.instance;
        if task.threads == 0 {
            if task.state != TaskState::Resolved {
                return Err(Rule::NoResult.into());
            }
            self.end_task(ended.task);
        }
        self.instance_mut(instance).threads.remove(ended.index)?;
        Ok(())
    }

    /// Forgets a task that is over, unless its host still has to fetch the result.
    fn end_task(&mut self, task: TaskId) {
        if let Some(Task { caller: Caller::Host { result: Some(_), .. }, .. }) = self.tasks.find(task) {
            return;
        }
        self.tasks.remove(task);
    }

    /// Whether a task has told its caller how it ended. One that is gone has.
    pub(crate) fn is_resolved(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_none_or(|task| task.state == TaskState::Resolved)
    }

    /// Notes where the main function of a thread stopped.
    pub(crate) fn stop_main(
        &mut self,
        id: ThreadId,
        activation: Box<Activation<crate::component::store::Inner<T>>>,
        step: Step,
        nesting: u32,
    ) -> Result<(), Fault> {
        let thread = self.threads.get_mut(id)?;
        thread.nesting = nesting;
        if step == Step::Preempted {
            thread.wait = Wait::Fuel;
            self.frozen.push_back(id);
        }
        self.keep(id, activation, Stage::Main)
    }

    /// Keeps a call that is stopped, and counts it where it waits. Its stack is the interpreter's, which does not say how
    /// large it is: any may be as large as the limit allows.
    fn keep(
        &mut self,
        id: ThreadId,
        activation: Box<Activation<crate::component::store::Inner<T>>>,
        stage: Stage,
    ) -> Result<(), Fault> {
        let thread = self.threads.get_mut(id)?;
        if thread.wait.keeps_stack() {
            if self.stacks >= self.stacks_max {
                return Err(Rule::Tasks.into());
            }
            self.stacks += 1;
        }
        thread.progress = Progress::Core(activation, stage);
        Ok(())
    }

    /// Lets another task run core code in an instance.
    fn leave_exclusive(&mut self, instance: InstanceId) {
        self.instance_mut(instance).exclusive = None;
        self.tell_doors(instance);
    }

    /// Lets the running thread wait, from inside a host function.
    pub(crate) fn block(&mut self, wait: Wait) -> Result<Answer, Fault> {
        let current = self.current()?;
        self.wait(current, wait)?;
        Ok(Answer::Suspend)
    }

    /// Stops the running thread because what it called was stopped.
    pub(crate) fn freeze(&mut self, wait: Wait) -> Result<Answer, Fault> {
        let current = self.current()?;
        self.threads.get_mut(current)?.wait = wait;
        self.frozen.push_back(current);
        Ok(Answer::Suspend)
    }

    /// Notes that a task has told its result, after [`call::resolve`] did.
    pub(crate) fn check_resolve(&self, task: TaskId) -> Result<(), Fault> {
        let task = self.tasks.get(task)?;
        if task.state == TaskState::Resolved {
            return Err(Rule::ResolvedTwice.into());
        }
        if task.borrows > 0 {
            return Err(Rule::BorrowsRemain.into());
        }
        Ok(())
    }
}

/// One turn of the scheduler: what was stopped goes on first, then what waited longest.
pub(crate) fn turn<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<Turn, Fault> {
    let state = cx.state_mut();
    if let Some(front) = state.frozen.front().copied() {
        if !state.is_ready(front) {
            return Ok(Turn::Idle);
        }
        let nesting = state.threads.get(front)?.nesting;
        state.frozen.pop_front();
        if state.frozen.is_empty() {
            cx.nested_in(nesting, |cx| run_at_root(cx, front))?;
        } else {
            let outer = state.set_aside();
            let result = cx.nested_in(nesting, |cx| run_at_root(cx, front));
            cx.state_mut().put_back(outer);
            result?;
        }
    } else {
        match state.stays_with.take().filter(|(task, _)| !state.is_resolved(*task)) {
            Some((task, instance)) => stay_with(cx, task, instance, None)?,
            None => match state.first_ready(None) {
                Some(ready) => run_at_root(cx, ready)?,
                None => return Ok(Turn::Idle),
            },
        }
    }
    Ok(after_turn(cx))
}

/// What a turn came to that let something run.
pub(crate) fn after_turn<T: Send + 'static>(cx: &Cx<'_, T>) -> Turn {
    let state = cx.state();
    let preempted = state
        .frozen
        .front()
        .is_some_and(|id| state.threads.find(*id).is_some_and(|thread| matches!(thread.wait, Wait::Fuel)));
    if preempted { Turn::Preempted } else { Turn::Ran }
}

impl<T> State<T> {
    /// Takes away what stands in the middle of a call, so that it stops nobody. Nobody enters it either, now no more than
    /// when it made the call.
    pub(crate) fn set_aside(&mut self) -> VecDeque<ThreadId> {
        let outer = mem::take(&mut self.frozen);
        self.set_stopped(&outer, true);
        outer
    }

    /// Puts back, behind what was stopped since, what was set aside.
    pub(crate) fn put_back(&mut self, mut outer: VecDeque<ThreadId>) {
        self.set_stopped(&outer, false);
        self.frozen.append(&mut outer);
    }

    /// Marks the instances of threads as entered, or left again.
    fn set_stopped(&mut self, threads: &VecDeque<ThreadId>, entered: bool) {
        for thread in threads {
            let task = self.threads.find(*thread).and_then(|thread| self.tasks.find(thread.task));
            if let Some(instance) = task.map(|task| task.func.options.instance) {
                self.set_entered(instance, None, entered);
            }
        }
    }
}

fn run_at_root<T: Send + 'static>(cx: &mut Cx<'_, T>, thread: ThreadId) -> Result<(), Fault> {
    let state = cx.state_mut();
    let id = state.threads.get(thread)?.task;
    let task = state.tasks.get(id)?;
    let instance = task.func.options.instance;
    // A guest that called a synchronous task waits for that itself.
    if !task.is_async && matches!(task.caller, Caller::Host { .. } | Caller::Destructor { .. }) {
        return stay_with(cx, id, instance, Some(thread));
    }
    state.set_entered(instance, None, true);
    resume(cx, thread, false)?;
    cx.state_mut().set_entered(instance, None, false);
    Ok(())
}

/// Runs a synchronous task that the host called: `thread` of it, and then what it waits for until it is resolved.
fn stay_with<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    task: TaskId,
    instance: InstanceId,
    thread: Option<ThreadId>,
) -> Result<(), Fault> {
    cx.state_mut().set_entered(instance, None, true);
    if let Some(thread) = thread {
        resume(cx, thread, false)?;
    }
    call::stay(cx, task, instance).map(drop)
}

/// Resumes a thread, and each that one switches to (`Thread.resume`).
pub(crate) fn resume<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    thread: ThreadId,
    cancelled: bool,
) -> Result<(), Fault> {
    resume_one(cx, thread, cancelled)?;
    switch(cx)
}

/// Resumes what the thread that just stopped wants resumed, and so on.
pub(crate) fn switch<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    while let Some(thread) = cx.state_mut().switch_to.take() {
        resume_one(cx, thread, false)?;
    }
    Ok(())
}

fn resume_one<T: Send + 'static>(cx: &mut Cx<'_, T>, thread: ThreadId, cancelled: bool) -> Result<(), Fault> {
    let nesting = cx.nesting();
    let state = cx.state_mut();
    state.end_wait(thread)?;
    state.threads.get_mut(thread)?.nesting = nesting;
    let before = state.current.replace(thread);
    run(cx, thread, cancelled)?;
    cx.state_mut().current = before;
    Ok(())
}

fn run<T: Send + 'static>(cx: &mut Cx<'_, T>, id: ThreadId, cancelled: bool) -> Result<(), Fault> {
    let thread = cx.state_mut().threads.get_mut(id)?;
    let wait = mem::replace(&mut thread.wait, Wait::Nothing);
    match mem::replace(&mut thread.progress, Progress::Running) {
        Progress::Running => Err(Fault::Trap(crate::bug!("a running thread was resumed"))),
        Progress::Entering => enter(cx, id, &wait, cancelled),
        Progress::New(function, argument) => {
            let (params, _) = cx.function_type(function);
            let params = params.first().map(|ty| value_of(*ty, argument)).into_iter().collect();
            step(cx, id, Activation::new(cx, function, params), Stage::Explicit, None)
        }
        Progress::EventLoop => {
            let event = callback_event(cx, id, &wait, cancelled)?;
            call_back(cx, id, event)
        }
        Progress::Core(activation, stage) => {
            if wait.keeps_stack() {
                cx.state_mut().stacks -= 1;
            }
            // What it calls there, it calls from inside its own call.
            let inside = cx.nesting().saturating_add(1);
            match cx.nested_in(inside, |cx| finish_wait(cx, id, wait))? {
                Answer::Return(value) => step(cx, id, *activation, stage, value),
                Answer::Suspend => cx.state_mut().keep(id, activation, stage),
            }
        }
    }
}

/// What the call a thread waits in answers, now that the wait is over.
fn finish_wait<T: Send + 'static>(cx: &mut Cx<'_, T>, thread: ThreadId, wait: Wait) -> Result<Answer, Fault> {
    match wait {
        Wait::Fuel => Ok(Answer::Return(None)),
        Wait::Ready | Wait::Suspended => Ok(Answer::Return(Some(0))),
        Wait::Subtask(subtask) => call::deliver(cx, subtask).map(Answer::Return),
        Wait::Event(id) | Wait::CancelledSubtask(id) => {
            let state = cx.state_mut();
            let waitable = state.waitables.get_mut(id)?;
            (waitable.sync_waiter, waitable.waiter) = (false, None);
            let event = state.take_event(id)?;
            Ok(Answer::Return(Some(u64::from(event.payload))))
        }
        Wait::Set { set, memory, at } => {
            let state = cx.state_mut();
            state.stop_waiting(set, thread)?;
            let event = state.take_set_event(set)?;
            write_event(cx, memory, at, event).map(Answer::Return)
        }
        Wait::AfterCall { lowered, subtask, task } => call::go_on_after_call(cx, &lowered, subtask, task),
        Wait::AfterDestructor { task, callee } => call::go_on_after_destructor(cx, task, callee),
        Wait::AfterCancel { subtask, is_async } => call::after_cancel(cx, subtask, is_async),
        Wait::Nothing
        | Wait::Start
        | Wait::Entry
        | Wait::AfterExclusive
        | Wait::CallbackYield
        | Wait::CallbackSet(_) => {
            Err(Fault::Trap(crate::bug!("core code waits for what only tasks wait for")))
        }
    }
}

/// Writes an event's two numbers; its code is the answer (`unpack_event`).
pub(crate) fn write_event<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    memory: CoreMemory,
    at: u64,
    event: Event,
) -> Result<Option<u64>, Fault> {
    let bytes = cx.memory_bytes_mut(memory);
    if !is_aligned(at, 4) {
        return Err(Rule::UnalignedPointer.into());
    }
    let at = inside(bytes, at, 8).ok_or(Rule::PointerOutOfBounds)?;
    let pair = slice_mut(bytes, at, 8, Rule::PointerOutOfBounds)?;
    pair[..4].copy_from_slice(&event.index.to_le_bytes());
    pair[4..].copy_from_slice(&event.payload.to_le_bytes());
    Ok(Some(event.code as u64))
}

/// Lets a task into its instance, once there is room, and begins it (`Task.enter_implicit_thread`).
fn enter<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: ThreadId,
    wait: &Wait,
    cancelled: bool,
) -> Result<(), Fault> {
    let state = cx.state_mut();
    let task_id = state.threads.get(id)?.task;
    let task = state.tasks.get(task_id)?;
    let (is_async, exclusive, instance) = (task.is_async, task.needs_exclusive(), task.func.options.instance);
    if matches!(wait, Wait::Entry) {
        state.instance_mut(instance).waiting_to_enter -= 1;
        if cancelled {
            state.threads.remove(id);
            call::resolve_cancelled(cx, task_id)?;
            cx.state_mut().end_task(task_id);
            return Ok(());
        }
    } else if !matches!(wait, Wait::AfterExclusive) {
        let_exclusive_go_on(cx, task_id, instance)?;
        let state = cx.state_mut();
        // Its slice of fuel was over. Whether there is room is seen when it has come as far as it would have in one go:
        // a guest is not told how long slices are.
        if !state.frozen.is_empty() {
            state.threads.get_mut(id)?.progress = Progress::Entering;
            state.threads.get_mut(id)?.wait = Wait::AfterExclusive;
            state.frozen.push_back(id);
            return Ok(());
        }
    }
    let state = cx.state_mut();
    let entering = !matches!(wait, Wait::Entry);
    if entering
        && is_async
        && (state.has_backpressure(task_id) || state.instance(instance).waiting_to_enter > 0)
    {
        state.instance_mut(instance).waiting_to_enter += 1;
        state.threads.get_mut(id)?.progress = Progress::Entering;
        return state.wait(id, Wait::Entry);
    }
    if exclusive {
        state.instance_mut(instance).exclusive = Some(id);
    }
    state.register_thread(id)?;
    state.tasks.get_mut(task_id)?.state = TaskState::Started;
    let core = state.tasks.get(task_id)?.func.core.function();
    let arguments = call::start(cx, task_id)?;
    step(cx, id, Activation::new(cx, core, arguments), Stage::Main, None)
}

/// Where only a task that is ready to go on keeps another out of its instance, it goes on first: so the host never finds
/// an instance closed by what could have left it, nor a guest one that its own read or write has opened, which the
/// specification's tests want (`sync-streams.wast`). One that merely gave way goes on when a guest that calls has stopped,
/// and not in the middle of its call (`Task.enter_implicit_thread`, `Store.tick`).
fn let_exclusive_go_on<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    entering: TaskId,
    instance: InstanceId,
) -> Result<(), Fault> {
    let state = cx.state();
    let task = state.tasks.get(entering)?;
    if !task.needs_exclusive() || state.instance(instance).backpressure > 0 {
        return Ok(());
    }
    let Some(thread) = state.instance(instance).exclusive else { return Ok(()) };
    let gave_way = matches!(state.threads.get(thread)?.wait, Wait::Ready);
    let is_hosts = matches!(task.caller, Caller::Host { .. });
    if state.is_ready(thread) && state.threads.get(thread)?.place.is_some() && (is_hosts || !gave_way) {
        resume(cx, thread, false)?;
    }
    Ok(())
}

/// Runs core code until it stops, and notes where.
fn step<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: ThreadId,
    mut activation: Activation<crate::component::store::Inner<T>>,
    stage: Stage,
    answer: Option<u64>,
) -> Result<(), Fault> {
    let answer = match answer {
        Some(bits) => activation.answer_type(cx).map(|ty| value_of(ty, bits)),
        None => None,
    };
    match activation.go_on(cx, answer)? {
        Step::Finished => return finished(cx, id, stage, &activation.into_results()),
        Step::Blocked => {}
        Step::Preempted => {
            let state = cx.state_mut();
            state.threads.get_mut(id)?.wait = Wait::Fuel;
            state.frozen.push_back(id);
        }
    }
    cx.state_mut().keep(id, Box::new(activation), stage)
}

/// What comes after core code has returned (`canon_lift`).
fn finished<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: ThreadId,
    stage: Stage,
    results: &[Val],
) -> Result<(), Fault> {
    if stage == Stage::Explicit {
        return cx.state_mut().unregister_thread(id);
    }
    let task = cx.state().threads.get(id)?.task;
    let options = cx.state().tasks.get(task)?.func.options;
    if !options.is_async {
        call::return_sync(cx, task, results)?;
        return exit(cx, id);
    }
    if options.callback.is_none() {
        return exit(cx, id);
    }
    let packed = results.first().map_or(0, crate::engine::bits) as u32;
    callback_returned(cx, id, packed & 0xf, packed >> 4)
}

/// What a callback asks for (`unpack_callback_result` and what follows it).
fn callback_returned<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: ThreadId,
    code: u32,
    set: u32,
) -> Result<(), Fault> {
    let state = cx.state_mut();
    let task = state.threads.get(id)?.task;
    let instance = state.tasks.get(task)?.func.options.instance;
    let wait = match code {
        0 => return exit(cx, id),
        1 => Wait::CallbackYield,
        2 => {
            let set = state.set_at(instance, set)?;
            Wait::CallbackSet(set)
        }
        _ => return Err(Rule::CallbackCode.into()),
    };
    state.leave_exclusive(instance);
    let task = state.tasks.get_mut(task)?;
    if task.state == TaskState::PendingCancel {
        task.state = TaskState::CancelDelivered;
        return call_back(cx, id, Event::CANCELLED);
    }
    state.threads.get_mut(id)?.progress = Progress::EventLoop;
    state.wait(id, wait)
}

fn callback_event<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: ThreadId,
    wait: &Wait,
    cancelled: bool,
) -> Result<Event, Fault> {
    let state = cx.state_mut();
    if let Wait::CallbackSet(set) = wait {
        state.stop_waiting(*set, id)?;
        if !cancelled {
            return state.take_set_event(*set);
        }
    }
    Ok(if cancelled { Event::CANCELLED } else { Event::NONE })
}

fn call_back<T: Send + 'static>(cx: &mut Cx<'_, T>, id: ThreadId, event: Event) -> Result<(), Fault> {
    let state = cx.state_mut();
    let task = state.threads.get(id)?.task;
    let GuestOptions { instance, callback: Some(callback), .. } = state.tasks.get(task)?.func.options else {
        return Err(Fault::Trap(crate::bug!("a task without a callback is called back")));
    };
    state.instance_mut(instance).exclusive = Some(id);
    let arguments: Vec<Val> = vec![event.code as u32, event.index, event.payload]
        .into_iter()
        .map(|n| Val::I32(n.cast_signed()))
        .collect();
    step(cx, id, Activation::new(cx, callback, arguments), Stage::Callback, None)
}

/// Ends the implicit thread (`Task.exit_implicit_thread`).
fn exit<T: Send + 'static>(cx: &mut Cx<'_, T>, id: ThreadId) -> Result<(), Fault> {
    let state = cx.state_mut();
    let task = state.tasks.get(state.threads.get(id)?.task)?;
    if task.needs_exclusive() {
        let instance = task.func.options.instance;
        state.leave_exclusive(instance);
    }
    state.unregister_thread(id)
}
