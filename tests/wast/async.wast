;; An asynchronous export with a callback that waits for an asynchronous import of the host.
(component definition $waits
  (import "host" (instance $host (export "echo-slowly" (func async (param "x" u32) (result u32)))))
  (core module $mem (memory (export "mem") 1))
  (core instance $mem (instantiate $mem))
  (core func $slowly (canon lower (func $host "echo-slowly") async (memory (core memory $mem "mem"))))
  (core func $return (canon task.return (result u32)))
  (core func $set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $drop (canon subtask.drop))
  (core module $m
    (import "" "mem" (memory 1))
    (import "" "slowly" (func $slowly (param i32 i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (import "" "set" (func $set (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (param i32) (result i32) (local $status i32) (local $set i32)
      (local.set $status (call $slowly (local.get 0) (i32.const 16)))
      ;; it has started, and has a handle
      (if (i32.ne (i32.and (local.get $status) (i32.const 15)) (i32.const 1)) (then unreachable))
      (local.set $set (call $set))
      (call $join (i32.shr_u (local.get $status) (i32.const 4)) (local.get $set))
      (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
    (func (export "callback") (param $code i32) (param $handle i32) (param $state i32) (result i32)
      (if (i32.ne (local.get $code) (i32.const 1)) (then unreachable))
      (if (i32.ne (local.get $state) (i32.const 2)) (then unreachable))
      (call $drop (local.get $handle))
      (call $return (i32.load (i32.const 16)))
      (i32.const 0))
    (func (export "forget") (result i32) (i32.const 0))
    (func (export "forever") (result i32) (i32.or (i32.const 2) (i32.shl (call $set) (i32.const 4)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "mem" (memory $mem "mem")) (export "slowly" (func $slowly)) (export "return" (func $return))
    (export "set" (func $set)) (export "join" (func $join)) (export "drop" (func $drop))))))
  (func (export "run") async (param "x" u32) (result u32)
    (canon lift (core func $i "run") async (callback (core func $i "callback"))))
  (func (export "forget") async (result u32)
    (canon lift (core func $i "forget") async (callback (core func $i "callback"))))
  (func (export "forever") async (result u32)
    (canon lift (core func $i "forever") async (callback (core func $i "callback")))))

(component instance $w $waits)
(assert_return (invoke "run" (u32.const 42)) (u32.const 42))
(assert_return (invoke "run" (u32.const 43)) (u32.const 43))
(assert_trap (invoke "forget") "async-lifted export failed to produce a result")
(component instance $w $waits)
(assert_trap (invoke "forever") "deadlock detected")

;; A stream from one component to another: bulk, partial, and its end.
(component
  (component $writer
    (type $st (stream u8))
    (core module $mem (memory (export "mem") 1) (data (i32.const 0) "abcdefgh"))
    (core instance $mem (instantiate $mem))
    (core func $new (canon stream.new $st))
    (core func $write (canon stream.write $st async (memory (core memory $mem "mem"))))
    (core func $cancel (canon stream.cancel-write $st))
    (core func $drop (canon stream.drop-writable $st))
    (core module $m
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      (import "" "cancel" (func $cancel (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (global $w (mut i32) (i32.const 0))
      (func (export "open") (result i32) (local $ends i64)
        (local.set $ends (call $new))
        (global.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        ;; nobody reads yet
        (if (i32.ne (call $write (global.get $w) (i32.const 0) (i32.const 8)) (i32.const -1)) (then unreachable))
        (i32.wrap_i64 (local.get $ends)))
      (func (export "stop") (result i32) (local $ended i32)
        (local.set $ended (call $cancel (global.get $w)))
        (call $drop (global.get $w))
        (local.get $ended)))
    (core instance $i (instantiate $m (with "" (instance
      (export "new" (func $new)) (export "write" (func $write)) (export "cancel" (func $cancel)) (export "drop" (func $drop))))))
    (func (export "open") async (result (stream u8)) (canon lift (core func $i "open")))
    (func (export "stop") async (result u32) (canon lift (core func $i "stop"))))
  (component $reader
    (import "open" (func $open async (result (stream u8))))
    (import "stop" (func $stop async (result u32)))
    (type $st (stream u8))
    (core module $mem (memory (export "mem") 1))
    (core instance $mem (instantiate $mem))
    (core func $open (canon lower (func $open)))
    (core func $stop (canon lower (func $stop)))
    (core func $read (canon stream.read $st async (memory (core memory $mem "mem"))))
    (core func $drop (canon stream.drop-readable $st))
    (core module $m
      (import "" "mem" (memory 1))
      (import "" "open" (func $open (result i32)))
      (import "" "stop" (func $stop (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (result i32) (local $r i32)
        (local.set $r (call $open))
        (if (i32.ne (call $read (local.get $r) (i32.const 100) (i32.const 3)) (i32.const 0x30)) (then unreachable))
        (if (i32.ne (call $read (local.get $r) (i32.const 103) (i32.const 2)) (i32.const 0x20)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 101)) (i32.const 0x65646362)) (then unreachable))
        ;; five of eight were taken when the writer stops
        (if (i32.ne (call $stop) (i32.const 0x52)) (then unreachable))
        ;; and now it is gone
        (if (i32.ne (call $read (local.get $r) (i32.const 100) (i32.const 3)) (i32.const 1)) (then unreachable))
        (call $drop (local.get $r))
        (i32.const 42)))
    (core instance $i (instantiate $m (with "" (instance
      (export "mem" (memory $mem "mem")) (export "open" (func $open)) (export "stop" (func $stop))
      (export "read" (func $read)) (export "drop" (func $drop))))))
    (func (export "run") async (result u32) (canon lift (core func $i "run"))))
  (instance $writer (instantiate $writer))
  (instance $reader (instantiate $reader (with "open" (func $writer "open")) (with "stop" (func $writer "stop"))))
  (export "run" (func $reader "run")))
(assert_return (invoke "run") (u32.const 42))

;; A future must be written before its writable end goes.
(component
  (type $ft (future u8))
  (core func $new (canon future.new $ft))
  (core func $drop (canon future.drop-writable $ft))
  (core module $m
    (import "" "new" (func $new (result i64)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (call $drop (i32.wrap_i64 (i64.shr_u (call $new) (i64.const 32))))))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "run") (canon lift (core func $i "run"))))
(assert_trap (invoke "run") "cannot drop future write end without first writing a value")

;; realloc and post-return may call nothing.
(component definition $leaves
  (import "host" (instance $host (export "return-three" (func (result u32)))))
  (core func $three (canon lower (func $host "return-three")))
  (core module $m
    (import "" "three" (func $three (result i32)))
    (memory (export "mem") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $three))
    (func (export "take") (param i32 i32))
    (func (export "give") (result i32) (i32.const 1))
    (func (export "post") (param i32) (drop (call $three))))
  (core instance $i (instantiate $m (with "" (instance (export "three" (func $three))))))
  (func (export "take") (param "x" string)
    (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc"))))
  (func (export "give") (result u32) (canon lift (core func $i "give") (post-return (core func $i "post")))))
(component instance $l $leaves)
(assert_trap (invoke "take" (str.const "x")) "cannot leave component instance")
(component instance $l $leaves)
(assert_trap (invoke "give") "cannot leave component instance")
;; and after a trap nothing may enter
(assert_trap (invoke "give") "cannot enter component instance")

;; Who is kept out of an instance by a task that could go on waits all the same: that goes on when the caller has
;; stopped, not in the middle of its call (`Task.enter_implicit_thread`, `Store.tick`).
(component
    (component $held
        (core module $m
            (import "" "yield" (func $yield (result i32)))
            (global $gone-on (mut i32) (i32.const 0))
            (func (export "hold") (drop (call $yield)) (global.set $gone-on (i32.const 1)))
            (func (export "get") (result i32) (global.get $gone-on)))
        (core func $yield (canon thread.yield))
        (core instance $i (instantiate $m (with "" (instance (export "yield" (func $yield))))))
        (func (export "hold") async (canon lift (core func $i "hold")))
        (func (export "get") async (result u32) (canon lift (core func $i "get"))))
    (component $caller
        (import "held" (instance $held (export "hold" (func async)) (export "get" (func async (result u32)))))
        (core module $libc (memory (export "mem") 1))
        (core instance $libc (instantiate $libc))
        (core module $m
            (import "" "hold" (func $hold (result i32)))
            (import "" "get" (func $get (param i32) (result i32)))
            (import "" "return" (func $return (param i32)))
            ;; The state of each subtask, as digits: STARTED is 1, STARTING 0.
            (func (export "run") (result i32) (local $hold i32)
                (local.set $hold (i32.and (call $hold) (i32.const 15)))
                (call $return (i32.add
                    (i32.mul (local.get $hold) (i32.const 10))
                    (i32.and (call $get (i32.const 16)) (i32.const 15))))
                (i32.const 0))
            (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
        (core func $hold (canon lower (func $held "hold") async))
        (core func $get (canon lower (func $held "get") async (memory (core memory $libc "mem"))))
        (core func $return (canon task.return (result u32)))
        (core instance $i (instantiate $m (with "" (instance
            (export "hold" (func $hold)) (export "get" (func $get)) (export "return" (func $return))))))
        (func (export "run") async (result u32)
            (canon lift (core func $i "run") async (callback (core func $i "callback")))))
    (instance $held (instantiate $held))
    (instance $caller (instantiate $caller (with "held" (instance $held))))
    (func (export "run") (alias export $caller "run")))
(assert_return (invoke "run") (u32.const 10))
