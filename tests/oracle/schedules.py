# Runs small programs of tasks by the specification's own `definitions.py`, for tests/component_oracle.rs. Its folder is
# the only argument. One JSON object a line comes in (a program, see oracle/schedules.rs), one goes out: what the
# program said, and how it ended.
#
# Where the specification lets a host choose, this chooses as the library does: threads go on in the order in which they
# began to wait, sets tell events in the order in which they came, and nobody gives way without need.
import json
import sys
import threading
import traceback

sys.path.insert(0, sys.argv[1])
import definitions as d

d.DETERMINISTIC_PROFILE = True


class Over(BaseException):
    """Ends a thread whose program is over."""


# Continuations that wait to be resumed, so that none outlives its program.
stopped = set()


def cont_new(f):
    """As the specification has it; and what a thread raises, the one who resumed it raises in turn."""
    cont = d.Continuation()
    cont.lock = d.new_already_acquired_lock()
    cont.is_over = False

    def thread_base():
        cont.lock.acquire()
        if cont.is_over:
            return
        d.thread_local_handler.value = cont.handler
        block_arg, raised = None, None
        try:
            block_arg = f(cont.block_result)
        except Over:
            return
        except BaseException as error:
            raised = error
        handler = d.thread_local_handler.value
        handler.cont = None
        handler.block_arg = block_arg
        handler.raised = raised
        handler.lock.release()

    stopped.add(cont)
    threading.Thread(target=thread_base, daemon=True).start()
    return cont


def resume(cont, block_result, current_thread):
    stopped.discard(cont)
    handler = d.Handler()
    handler.lock = d.new_already_acquired_lock()
    handler.current_thread = current_thread
    handler.raised = None
    cont.handler = handler
    cont.block_result = block_result
    cont.lock.release()
    handler.lock.acquire()
    if handler.raised is not None:
        raise handler.raised
    return (handler.cont, handler.block_arg)


def block(switch_to):
    cont = d.Continuation()
    cont.lock = d.new_already_acquired_lock()
    cont.is_over = False
    stopped.add(cont)
    handler = d.thread_local_handler.value
    handler.cont = cont
    handler.block_arg = switch_to
    handler.lock.release()
    cont.lock.acquire()
    if cont.is_over:
        raise Over()
    d.thread_local_handler.value = cont.handler
    return cont.block_result


d.cont_new, d.resume, d.block = cont_new, resume, block


class Stamped:
    """Which waitable of a set got its event first."""

    next = 0


def stamp(waitable):
    Stamped.next += 1
    waitable.stamp = Stamped.next


set_pending_event, join = d.Waitable.set_pending_event, d.Waitable.join


def stamped_set_pending_event(self, event):
    if not self.has_pending_event():
        stamp(self)
    set_pending_event(self, event)


def stamped_join(self, wset):
    if wset and self.has_pending_event():
        stamp(self)
    join(self, wset)


def first_event(self):
    ready = [w for w in self.elems if w.has_pending_event()]
    return min(ready, key=lambda w: w.stamp).get_pending_event()


d.Waitable.set_pending_event = stamped_set_pending_event
d.Waitable.join = stamped_join
d.WaitableSet.get_pending_event = first_event


def tick(self):
    """The oldest of the ready; whether there was one."""
    self.nesting_depth += 1
    thread = next((thread for thread in self.waiting if thread.ready()), None)
    if thread is not None:
        thread.task.inst.enter_from(None)
        thread.resume()
        thread.task.inst.leave_to(None)
    self.nesting_depth -= 1
    return thread is not None


d.Store.tick = tick
cancel_copy = d.cancel_copy


def cancel_copy_as_tested(end_type, event_code, ty, is_async, i):
    """The specification's tests (async/cancel-stream.wast) want a copy that could have gone on to tell that it was
    cancelled also when some of it is done."""
    e = d.current_instance().handles.get(i)
    cut = False
    if isinstance(e, d.ReadableStreamEnd | d.WritableStreamEnd) and e.has_pending_event():
        pending = e.shared.pending_buffer
        is_mine = isinstance(pending, d.WritableBuffer) == isinstance(e, d.ReadableStreamEnd)
        cut = pending is not None and is_mine and pending.remain() > 0
    [payload] = cancel_copy(end_type, event_code, ty, is_async, i)
    if cut and payload & 0xf == d.CopyResult.COMPLETED:
        payload |= d.CopyResult.CANCELLED
    return [payload]


d.cancel_copy = cancel_copy_as_tested


def drop_future(self):
    """As the specification has it, but for an assertion that who waits is a reader: a writer may wait, when the readable
    end is dropped."""
    if not self.dropped:
        self.dropped = True
        if self.pending_buffer:
            self.reset_and_notify_pending(d.CopyResult.DROPPED)


d.SharedFutureImpl.drop = drop_future

enter, start_waiting = d.Task.enter_implicit_thread, d.Thread.start_waiting_internal
# What is waited for by who merely gives way: the one function in each of these.
ALWAYS = [
    next(constant for constant in giver.__code__.co_consts if hasattr(constant, "co_code"))
    for giver in (d.Thread.resume_later, d.Thread.yield_, d.Thread.yield_then_resume)
]


def start_waiting_noted(self, ready_func):
    self.gave_way = ready_func.__code__ in ALWAYS
    start_waiting(self, ready_func)


def enter_after_exclusive(self):
    """The specification's tests (async/sync-streams.wast) want a caller not to find an instance closed by a task that
    its own read or write made ready: that one goes on first. One that merely gave way does not."""
    if self.ft.async_ and self.needs_exclusive() and self.inst.backpressure == 0:
        exclusive = self.inst.exclusive_thread
        if exclusive is not None and exclusive.ready() and not exclusive.gave_way:
            exclusive.resume()
    return enter(self)


d.Thread.start_waiting_internal = start_waiting_noted
d.Task.enter_implicit_thread = enter_after_exclusive

U32 = d.U32Type()
STREAM, FUTURE = d.StreamType(d.U8Type()), d.FutureType(d.U8Type())
TYPES = [
    d.FuncType([U32], [U32], async_=True),
    d.FuncType([STREAM], [U32], async_=True),
    d.FuncType([], [STREAM], async_=True),
    d.FuncType([FUTURE], [U32], async_=True),
]
NO_OPTIONS = d.LiftOptions()


class Instance:
    """One component of a program. The slots are as its core code has them: streams' readable ends 0 and 1, writable ones
    2 and 3, a future's ends 4 and 5, subtasks 6 to 8, sets 9 and 10."""

    def __init__(self, store, parent, tag, functions, targets, said):
        self.inst = d.ComponentInstance(store, parent)
        self.tag, self.said = tag, said
        self.memory = d.MemInst(bytearray(65536), "i32")
        self.memory.bytes[8192:8704] = bytes(at & 0xff for at in range(512))
        self.h, self.state, self.set = [0] * 11, [0] * 11, [0] * 11
        self.written, self.count, self.backpressure = 0, 0, 0
        self.options = d.CanonicalOptions(memory=self.memory, async_=True)
        sync_options = d.CanonicalOptions(memory=self.memory)
        self.callees = []
        for target in targets:
            lowered = []
            for f, callee in enumerate(target.functions):
                lowered.append([
                    store.lower(callee, TYPES[f], self.options, self.inst),
                    store.lower(callee, TYPES[f], sync_options, self.inst),
                ])
            self.callees.append(lowered)
        self.functions = [self.lift(store, f, function) for f, function in enumerate(functions)]

    def lift(self, store, f, function):
        segments = function["segments"]
        if function["sync"]:
            def callee(args):
                self.begin(f, args)
                self.run(f, segments[0])
                return [self.value(f)]

            return store.lift(callee, TYPES[f], d.CanonicalOptions(), self.inst)

        def callee(args):
            self.begin(f, args)
            d.canon_context_set("i32", 0, 1)
            return [self.run(f, segments[0])]

        def callback(args):
            [at] = d.canon_context_get("i32", 0)
            d.canon_context_set("i32", 0, at + 1)
            self.event(*args)
            return [self.run(f, segments[at]) if at < len(segments) else 0]

        options = d.CanonicalOptions(async_=True, callback=callback)
        return store.lift(callee, TYPES[f], options, self.inst)

    def say(self, code, value):
        self.said.append([self.tag, code, value & 0xffff_ffff])

    def flags(self):
        return d.canon_context_get("i32", 1)[0]

    def set_flag(self, flag):
        d.canon_context_set("i32", 1, self.flags() | flag)

    def begin(self, f, args):
        self.say(20, f)
        if f == 1:
            self.take_readable(args[0])
        elif f == 3:
            self.take_future(args[0])

    def run(self, f, segment):
        for name, *args in segment["ops"]:
            getattr(self, name)(*args)
        how, at = segment["end"]
        if how == "wait" and self.h[at] and self.members(at):
            return 2 | self.h[at] << 4
        return 0 if how == "exit" else 1

    def put(self, slot, handle):
        self.h[slot], self.state[slot], self.set[slot] = handle, 0, 0

    def take_readable(self, handle):
        for slot in (0, 1):
            if self.h[slot] == 0:
                self.put(slot, handle)
                return
        self.say(8, handle)
        d.canon_stream_drop_readable(STREAM, handle)

    def take_future(self, handle):
        if self.h[4] == 0:
            self.put(4, handle)
            return
        self.say(8, handle)
        d.canon_future_drop_readable(FUTURE, handle)

    def value(self, f):
        if f != 2:
            self.count += 1
            return self.count
        [ends] = d.canon_stream_new(STREAM)
        for slot in (2, 3):
            if self.h[slot] == 0:
                self.put(slot, ends >> 32)
                return ends & 0xffff_ffff
        d.canon_stream_drop_writable(STREAM, ends >> 32)
        return ends & 0xffff_ffff

    def new_stream(self, k):
        if self.h[k] == 0 and self.h[2 + k] == 0:
            [ends] = d.canon_stream_new(STREAM)
            self.say(1, ends)
            self.say(1, ends >> 32)
            self.put(k, ends & 0xffff_ffff)
            self.put(2 + k, ends >> 32)

    def new_future(self):
        if self.h[4] == 0 and self.h[5] == 0:
            [ends] = d.canon_future_new(FUTURE)
            self.say(1, ends)
            self.say(1, ends >> 32)
            self.put(4, ends & 0xffff_ffff)
            self.put(5, ends >> 32)

    def copy(self, slot, n, bold):
        h = self.h[slot]
        if not bold and (h == 0 or self.state[slot] != 0):
            return
        buffer = 4096 + 256 * slot
        source = 8192 + (self.written & 255)
        if slot < 2:
            [ret] = d.canon_stream_read(STREAM, self.options, h, buffer, n)
        elif slot < 4:
            self.written += n
            [ret] = d.canon_stream_write(STREAM, self.options, h, source, n)
        elif slot == 4:
            [ret] = d.canon_future_read(FUTURE, self.options, h, buffer)
        else:
            self.written += 1
            [ret] = d.canon_future_write(FUTURE, self.options, h, source)
        self.say(2, ret)
        if ret == d.BLOCKED:
            self.state[slot] = 1
        else:
            self.done(slot, ret)

    def done(self, slot, payload):
        if slot in (0, 1, 4):
            self.say(3, self.memory[4096 + 256 * slot])
        result = payload & 0xf
        self.state[slot] = 2 if result == 1 or result == 0 and slot >= 4 else 0

    def cancel_copy(self, slot, bold):
        h = self.h[slot]
        if not bold and (h == 0 or self.state[slot] != 1):
            return
        if slot < 2:
            [ret] = d.canon_stream_cancel_read(STREAM, True, h)
        elif slot < 4:
            [ret] = d.canon_stream_cancel_write(STREAM, True, h)
        elif slot == 4:
            [ret] = d.canon_future_cancel_read(FUTURE, True, h)
        else:
            [ret] = d.canon_future_cancel_write(FUTURE, True, h)
        self.say(4, ret)
        if ret != d.BLOCKED:
            self.done(slot, ret)

    def drop_end(self, slot, bold):
        h = self.h[slot]
        if not bold and (h == 0 or self.state[slot] == 1 or slot == 5 and self.state[slot] != 2):
            return
        if slot < 2:
            d.canon_stream_drop_readable(STREAM, h)
        elif slot < 4:
            d.canon_stream_drop_writable(STREAM, h)
        elif slot == 4:
            d.canon_future_drop_readable(FUTURE, h)
        else:
            d.canon_future_drop_writable(FUTURE, h)
        self.say(5, slot)
        self.put(slot, 0)

    def call(self, target, f, k, sync, bold):
        slot = 6 + k
        if not sync and self.h[slot]:
            return
        args = [self.count] if f == 0 else []
        if f == 1 or f == 3:
            given = 4 if f == 3 else 0 if self.h[0] and not self.state[0] and not self.set[0] else 1
            if not bold and (self.h[given] == 0 or self.state[given] or self.set[given]):
                return
            args = [self.h[given]]
            self.put(given, 0)
        callee = self.callees[target][f][sync]
        if sync:
            [value] = callee(args)
            self.take_result(f, value)
            return
        [ret] = callee(args + [1024 + 16 * k])
        self.say(6, ret)
        if ret & 0xf == 2:
            self.collect(f, k)
        else:
            self.put(slot, ret >> 4)
            self.state[slot] = ret & 0xf | f << 4

    def collect(self, f, k):
        at = 1024 + 16 * k
        self.take_result(f, int.from_bytes(self.memory[at:at + 4], "little"))

    def take_result(self, f, value):
        if f == 2:
            self.take_readable(value)
        else:
            self.say(7, value)

    def subtask_told(self, slot, state):
        if state < 2:
            self.state[slot] = self.state[slot] & ~7 | state
            return
        if state == 2:
            self.collect(self.state[slot] >> 4, slot - 6)
        self.state[slot] |= 7

    def subtask_cancel(self, k, bold):
        slot = 6 + k
        if not bold and (self.h[slot] == 0 or self.state[slot] & 8 or self.state[slot] & 7 == 7):
            return
        [ret] = d.canon_subtask_cancel(True, self.h[slot])
        self.say(9, ret)
        self.state[slot] |= 8
        if ret != d.BLOCKED:
            self.subtask_told(slot, ret)

    def subtask_drop(self, k, bold):
        slot = 6 + k
        if not bold and (self.h[slot] == 0 or self.state[slot] & 7 != 7):
            return
        d.canon_subtask_drop(self.h[slot])
        self.say(10, k)
        self.put(slot, 0)

    def join(self, slot, wset, bold):
        handle = self.h[wset] if wset else 0
        if not bold and (self.h[slot] == 0 or wset and handle == 0):
            return
        d.canon_waitable_join(self.h[slot], handle)
        self.set[slot] = wset
        self.say(11, slot)

    def set_new(self, k):
        if self.h[9 + k] == 0:
            [h] = d.canon_waitable_set_new()
            self.say(12, h)
            self.put(9 + k, h)

    def members(self, wset):
        return sum(1 for slot in range(9) if self.set[slot] == wset)

    def set_drop(self, k, bold):
        if not bold and (self.h[9 + k] == 0 or self.members(9 + k)):
            return
        d.canon_waitable_set_drop(self.h[9 + k])
        self.say(17, k)
        self.put(9 + k, 0)

    def set_poll(self, k, bold):
        if not bold and self.h[9 + k] == 0:
            return
        [code] = d.canon_waitable_set_poll(False, self.memory, self.h[9 + k], 512)
        self.told(code)

    def set_wait(self, k, bold):
        if not bold and (self.h[9 + k] == 0 or self.members(9 + k) == 0):
            return
        # A set that has an event tells it at once, which the specification permits.
        wset = self.h[9 + k]
        found = self.inst.handles.array[wset] if wset < len(self.inst.handles.array) else None
        if isinstance(found, d.WaitableSet) and found.has_pending_event():
            [code] = d.canon_waitable_set_poll(False, self.memory, wset, 512)
        else:
            [code] = d.canon_waitable_set_wait(False, self.memory, wset, 512)
        self.told(code)

    def told(self, code):
        number = lambda at: int.from_bytes(self.memory[at:at + 4], "little")
        self.event(code, number(512), number(516))

    def event(self, code, p1, p2):
        self.say(13, code)
        self.say(13, p1)
        self.say(13, p2)
        if code == 1:
            for slot in (6, 7, 8):
                if self.h[slot] == p1:
                    self.subtask_told(slot, p2)
                    return
        elif 2 <= code <= 5:
            for slot in range(6):
                if self.h[slot] == p1:
                    self.done(slot, p2)
                    return
        elif code == 6:
            self.set_flag(2)

    def give_way(self):
        [ret] = d.canon_thread_yield(False)
        self.say(14, ret)

    def inc(self):
        if self.backpressure < 3:
            self.backpressure += 1
            d.canon_backpressure_inc()
            self.say(18, self.backpressure)

    def dec(self, bold):
        if bold or self.backpressure > 0:
            self.backpressure -= 1
            d.canon_backpressure_dec()
            self.say(18, self.backpressure)

    def task_return(self, f, bold):
        if not bold and self.flags() & 1:
            return
        self.set_flag(1)
        self.say(15, f)
        d.canon_task_return(TYPES[f].result, NO_OPTIONS, [self.value(f)])

    def task_cancel(self, bold):
        if not bold and self.flags() != 2:
            return
        self.set_flag(1)
        self.say(16, 0)
        d.canon_task_cancel()


def run(program):
    said, ended = [], []
    store = d.Store()
    root = d.ComponentInstance(store)
    made = []
    for tag, functions in enumerate(program["instances"]):
        # Those made before are those that can be called, the last first.
        made.append(Instance(store, root, tag, functions, made[::-1], said))
    try:
        store.invoke(made[-1].functions[0], lambda: [7], ended.append)
        while not ended and store.tick():
            pass
        how = "returned" if ended else "deadlock"
    except d.Trap:
        how = "trap"
    except AssertionError:
        how = traceback.format_exc()
    for cont in stopped:
        cont.is_over = True
        cont.lock.release()
    stopped.clear()
    return {"said": said, "ended": how}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
