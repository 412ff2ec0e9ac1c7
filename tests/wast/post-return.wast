;; Post-return: what it is given, when it runs, and that neither it nor realloc calls anything that leaves the instance.
;; A built-in is named by its place in the table: the result of `give`, which post-return is given too, and the length of
;; what `take` is passed, which realloc is given.
(component definition $leaving
  (import "host" (instance $host (export "return-three" (func (result u32)))))
  (core module $libc (memory (export "mem") 1) (table (export "table") 1 funcref)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "table" (core table $table))
  (core type $start (func (param i32)))
  (type $r (resource (rep i32)))
  (type $s (stream u8))
  (type $f (future u8))
  ;; a handle for what may be asked at any time
  (core func $handle (canon resource.new $r))
  (core func $resource-rep (canon resource.rep $r))
  (core func $context-get (canon context.get i32 0))
  (core func $context-set (canon context.set i32 0))
  (core func $backpressure-inc (canon backpressure.inc))
  (core func $backpressure-dec (canon backpressure.dec))
  (core func $lowered (canon lower (func $host "return-three")))
  (core func $resource-new (canon resource.new $r))
  (core func $resource-drop (canon resource.drop $r))
  (core func $task-return (canon task.return))
  (core func $task-cancel (canon task.cancel))
  (core func $set-new (canon waitable-set.new))
  (core func $set-wait (canon waitable-set.wait (memory (core memory $libc "mem"))))
  (core func $set-poll (canon waitable-set.poll (memory (core memory $libc "mem"))))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core func $subtask-cancel (canon subtask.cancel))
  (core func $subtask-drop (canon subtask.drop))
  (core func $stream-new (canon stream.new $s))
  (core func $stream-read (canon stream.read $s async (memory (core memory $libc "mem"))))
  (core func $stream-write (canon stream.write $s async (memory (core memory $libc "mem"))))
  (core func $stream-cancel-read (canon stream.cancel-read $s))
  (core func $stream-cancel-write (canon stream.cancel-write $s))
  (core func $stream-drop-readable (canon stream.drop-readable $s))
  (core func $stream-drop-writable (canon stream.drop-writable $s))
  (core func $future-new (canon future.new $f))
  (core func $future-read (canon future.read $f async (memory (core memory $libc "mem"))))
  (core func $future-write (canon future.write $f async (memory (core memory $libc "mem"))))
  (core func $future-cancel-read (canon future.cancel-read $f))
  (core func $future-cancel-write (canon future.cancel-write $f))
  (core func $future-drop-readable (canon future.drop-readable $f))
  (core func $future-drop-writable (canon future.drop-writable $f))
  (core func $thread-yield (canon thread.yield))
  (core func $thread-index (canon thread.index))
  (core func $thread-new (canon thread.new-indirect $start (core table $table)))
  (core func $thread-resume-later (canon thread.resume-later))
  (core func $thread-suspend (canon thread.suspend))
  (core func $thread-suspend-then-resume (canon thread.suspend-then-resume))
  (core func $thread-yield-then-resume (canon thread.yield-then-resume))
  (core func $thread-suspend-then-promote (canon thread.suspend-then-promote))
  (core func $thread-yield-then-promote (canon thread.yield-then-promote))
  (core func $error-context-new (canon error-context.new (memory (core memory $libc "mem"))))
  (core func $error-context-debug-message (canon error-context.debug-message (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
  (core func $error-context-drop (canon error-context.drop))
  (core module $m
    (import "" "mem" (memory 1))
    (import "" "handle" (func $handle (param i32) (result i32)))
    (import "" "resource-rep" (func $resource-rep (param i32) (result i32)))
    (import "" "context-get" (func $context-get (result i32)))
    (import "" "context-set" (func $context-set (param i32)))
    (import "" "backpressure-inc" (func $backpressure-inc))
    (import "" "backpressure-dec" (func $backpressure-dec))
    (import "" "lowered" (func $lowered (result i32)))
    (import "" "resource-new" (func $resource-new (param i32) (result i32)))
    (import "" "resource-drop" (func $resource-drop (param i32)))
    (import "" "task-return" (func $task-return))
    (import "" "task-cancel" (func $task-cancel))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "set-wait" (func $set-wait (param i32 i32) (result i32)))
    (import "" "set-poll" (func $set-poll (param i32 i32) (result i32)))
    (import "" "set-drop" (func $set-drop (param i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "subtask-cancel" (func $subtask-cancel (param i32) (result i32)))
    (import "" "subtask-drop" (func $subtask-drop (param i32)))
    (import "" "stream-new" (func $stream-new (result i64)))
    (import "" "stream-read" (func $stream-read (param i32 i32 i32) (result i32)))
    (import "" "stream-write" (func $stream-write (param i32 i32 i32) (result i32)))
    (import "" "stream-cancel-read" (func $stream-cancel-read (param i32) (result i32)))
    (import "" "stream-cancel-write" (func $stream-cancel-write (param i32) (result i32)))
    (import "" "stream-drop-readable" (func $stream-drop-readable (param i32)))
    (import "" "stream-drop-writable" (func $stream-drop-writable (param i32)))
    (import "" "future-new" (func $future-new (result i64)))
    (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
    (import "" "future-write" (func $future-write (param i32 i32) (result i32)))
    (import "" "future-cancel-read" (func $future-cancel-read (param i32) (result i32)))
    (import "" "future-cancel-write" (func $future-cancel-write (param i32) (result i32)))
    (import "" "future-drop-readable" (func $future-drop-readable (param i32)))
    (import "" "future-drop-writable" (func $future-drop-writable (param i32)))
    (import "" "thread-yield" (func $thread-yield (result i32)))
    (import "" "thread-index" (func $thread-index (result i32)))
    (import "" "thread-new" (func $thread-new (param i32 i32) (result i32)))
    (import "" "thread-resume-later" (func $thread-resume-later (param i32)))
    (import "" "thread-suspend" (func $thread-suspend (result i32)))
    (import "" "thread-suspend-then-resume" (func $thread-suspend-then-resume (param i32) (result i32)))
    (import "" "thread-yield-then-resume" (func $thread-yield-then-resume (param i32) (result i32)))
    (import "" "thread-suspend-then-promote" (func $thread-suspend-then-promote (param i32) (result i32)))
    (import "" "thread-yield-then-promote" (func $thread-yield-then-promote (param i32) (result i32)))
    (import "" "error-context-new" (func $error-context-new (param i32 i32) (result i32)))
    (import "" "error-context-debug-message" (func $error-context-debug-message (param i32 i32)))
    (import "" "error-context-drop" (func $error-context-drop (param i32)))
    (func $call-resource-rep (drop (call $resource-rep (i32.const 1))))
    (func $call-context-get (drop (call $context-get)))
    (func $call-context-set (call $context-set (i32.const 1)))
    (func $call-backpressure-inc (call $backpressure-inc))
    (func $call-backpressure-dec (call $backpressure-dec))
    (func $call-lowered (drop (call $lowered)))
    (func $call-resource-new (drop (call $resource-new (i32.const 1))))
    (func $call-resource-drop (call $resource-drop (i32.const 1)))
    (func $call-task-return (call $task-return))
    (func $call-task-cancel (call $task-cancel))
    (func $call-set-new (drop (call $set-new)))
    (func $call-set-wait (drop (call $set-wait (i32.const 1) (i32.const 1))))
    (func $call-set-poll (drop (call $set-poll (i32.const 1) (i32.const 1))))
    (func $call-set-drop (call $set-drop (i32.const 1)))
    (func $call-join (call $join (i32.const 1) (i32.const 1)))
    (func $call-subtask-cancel (drop (call $subtask-cancel (i32.const 1))))
    (func $call-subtask-drop (call $subtask-drop (i32.const 1)))
    (func $call-stream-new (drop (call $stream-new)))
    (func $call-stream-read (drop (call $stream-read (i32.const 1) (i32.const 1) (i32.const 1))))
    (func $call-stream-write (drop (call $stream-write (i32.const 1) (i32.const 1) (i32.const 1))))
    (func $call-stream-cancel-read (drop (call $stream-cancel-read (i32.const 1))))
    (func $call-stream-cancel-write (drop (call $stream-cancel-write (i32.const 1))))
    (func $call-stream-drop-readable (call $stream-drop-readable (i32.const 1)))
    (func $call-stream-drop-writable (call $stream-drop-writable (i32.const 1)))
    (func $call-future-new (drop (call $future-new)))
    (func $call-future-read (drop (call $future-read (i32.const 1) (i32.const 1))))
    (func $call-future-write (drop (call $future-write (i32.const 1) (i32.const 1))))
    (func $call-future-cancel-read (drop (call $future-cancel-read (i32.const 1))))
    (func $call-future-cancel-write (drop (call $future-cancel-write (i32.const 1))))
    (func $call-future-drop-readable (call $future-drop-readable (i32.const 1)))
    (func $call-future-drop-writable (call $future-drop-writable (i32.const 1)))
    (func $call-thread-yield (drop (call $thread-yield)))
    (func $call-thread-index (drop (call $thread-index)))
    (func $call-thread-new (drop (call $thread-new (i32.const 1) (i32.const 1))))
    (func $call-thread-resume-later (call $thread-resume-later (i32.const 1)))
    (func $call-thread-suspend (drop (call $thread-suspend)))
    (func $call-thread-suspend-then-resume (drop (call $thread-suspend-then-resume (i32.const 1))))
    (func $call-thread-yield-then-resume (drop (call $thread-yield-then-resume (i32.const 1))))
    (func $call-thread-suspend-then-promote (drop (call $thread-suspend-then-promote (i32.const 1))))
    (func $call-thread-yield-then-promote (drop (call $thread-yield-then-promote (i32.const 1))))
    (func $call-error-context-new (drop (call $error-context-new (i32.const 1) (i32.const 1))))
    (func $call-error-context-debug-message (call $error-context-debug-message (i32.const 1) (i32.const 1)))
    (func $call-error-context-drop (call $error-context-drop (i32.const 1)))
    (table funcref (elem $call-resource-rep $call-context-get $call-context-set $call-backpressure-inc $call-backpressure-dec
      $call-lowered $call-resource-new $call-resource-drop $call-task-return $call-task-cancel
      $call-set-new $call-set-wait $call-set-poll $call-set-drop $call-join
      $call-subtask-cancel $call-subtask-drop $call-stream-new $call-stream-read $call-stream-write
      $call-stream-cancel-read $call-stream-cancel-write $call-stream-drop-readable $call-stream-drop-writable $call-future-new
      $call-future-read $call-future-write $call-future-cancel-read $call-future-cancel-write $call-future-drop-readable
      $call-future-drop-writable $call-thread-yield $call-thread-index $call-thread-new $call-thread-resume-later
      $call-thread-suspend $call-thread-suspend-then-resume $call-thread-yield-then-resume $call-thread-suspend-then-promote $call-thread-yield-then-promote
      $call-error-context-new $call-error-context-debug-message $call-error-context-drop))
    (type $call (func))
    (func $use (param i32) (if (i32.ge_s (local.get 0) (i32.const 0)) (then (call_indirect (type $call) (local.get 0)))))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $use (local.get 3)) (i32.const 1024))
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "give") (param i32) (result i32) (drop (call $handle (i32.const 7))) (local.get 0))
    (func (export "post") (param i32) (call $use (local.get 0)))
    ;; Where the result lies in memory post-return is given the pointer to it, and after it was read.
    (global $given (mut i32) (i32.const 0))
    (func (export "pair") (result i32)
      (i32.store (i32.const 32) (i32.const 1)) (i32.store (i32.const 36) (i32.const 2)) (i32.const 32))
    (func (export "post-pair") (param i32)
      (i64.store (local.get 0) (i64.const 0))
      (global.set $given (local.get 0)))
    (func (export "wide") (result i64) (i64.const 0x1_0000_0002))
    (func (export "post-wide") (param i64) (global.set $given (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32)))))
    (func (export "none") (global.set $given (i32.const 0)))
    (func (export "post-none") (global.set $given (i32.add (global.get $given) (i32.const 9))))
    (func (export "post-trap") (param i32) unreachable)
    (func (export "given") (result i32) (global.get $given)))
  (core instance $i (instantiate $m (with "" (instance
    (export "mem" (memory $libc "mem")) (export "handle" (func $handle))
    (export "resource-rep" (func $resource-rep)) (export "context-get" (func $context-get)) (export "context-set" (func $context-set))
    (export "backpressure-inc" (func $backpressure-inc)) (export "backpressure-dec" (func $backpressure-dec)) (export "lowered" (func $lowered))
    (export "resource-new" (func $resource-new)) (export "resource-drop" (func $resource-drop)) (export "task-return" (func $task-return))
    (export "task-cancel" (func $task-cancel)) (export "set-new" (func $set-new)) (export "set-wait" (func $set-wait))
    (export "set-poll" (func $set-poll)) (export "set-drop" (func $set-drop)) (export "join" (func $join))
    (export "subtask-cancel" (func $subtask-cancel)) (export "subtask-drop" (func $subtask-drop)) (export "stream-new" (func $stream-new))
    (export "stream-read" (func $stream-read)) (export "stream-write" (func $stream-write)) (export "stream-cancel-read" (func $stream-cancel-read))
    (export "stream-cancel-write" (func $stream-cancel-write)) (export "stream-drop-readable" (func $stream-drop-readable)) (export "stream-drop-writable" (func $stream-drop-writable))
    (export "future-new" (func $future-new)) (export "future-read" (func $future-read)) (export "future-write" (func $future-write))
    (export "future-cancel-read" (func $future-cancel-read)) (export "future-cancel-write" (func $future-cancel-write)) (export "future-drop-readable" (func $future-drop-readable))
    (export "future-drop-writable" (func $future-drop-writable)) (export "thread-yield" (func $thread-yield)) (export "thread-index" (func $thread-index))
    (export "thread-new" (func $thread-new)) (export "thread-resume-later" (func $thread-resume-later)) (export "thread-suspend" (func $thread-suspend))
    (export "thread-suspend-then-resume" (func $thread-suspend-then-resume)) (export "thread-yield-then-resume" (func $thread-yield-then-resume)) (export "thread-suspend-then-promote" (func $thread-suspend-then-promote))
    (export "thread-yield-then-promote" (func $thread-yield-then-promote)) (export "error-context-new" (func $error-context-new)) (export "error-context-debug-message" (func $error-context-debug-message))
    (export "error-context-drop" (func $error-context-drop))))))
  (func (export "give") (param "x" s32) (result s32)
    (canon lift (core func $i "give") (post-return (core func $i "post"))))
  (func (export "take") (param "x" (list u8)) (result u32)
    (canon lift (core func $i "take") (memory (core memory $libc "mem")) (realloc (core func $i "realloc"))))
  (func (export "pair") (result (tuple u32 u32))
    (canon lift (core func $i "pair") (memory (core memory $libc "mem")) (post-return (core func $i "post-pair"))))
  (func (export "wide") (result u64) (canon lift (core func $i "wide") (post-return (core func $i "post-wide"))))
  (func (export "none") (canon lift (core func $i "none") (post-return (core func $i "post-none"))))
  (func (export "trap") (param "x" s32) (result s32)
    (canon lift (core func $i "give") (post-return (core func $i "post-trap"))))
  (func (export "given") (result u32) (canon lift (core func $i "given"))))

(component instance $i $leaving)
(assert_return (invoke "give" (s32.const -1)) (s32.const -1))
(assert_return (invoke "pair") (tuple.const (u32.const 1) (u32.const 2)))
(assert_return (invoke "given") (u32.const 32))
(assert_return (invoke "wide") (u64.const 0x1_0000_0002))
(assert_return (invoke "given") (u32.const 1))
(assert_return (invoke "none"))
(assert_return (invoke "given") (u32.const 9))
(assert_trap (invoke "trap" (s32.const 1)) "unreachable")

;; These stay within the instance: resource.rep, context.get and .set, backpressure.inc and .dec.
(component instance $i $leaving)
(assert_return (invoke "give" (s32.const 0)) (s32.const 0))
(assert_return (invoke "give" (s32.const 1)) (s32.const 1))
(assert_return (invoke "give" (s32.const 2)) (s32.const 2))
(assert_return (invoke "give" (s32.const 3)) (s32.const 3))
(assert_return (invoke "give" (s32.const 4)) (s32.const 4))

;; And these do not.
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 5)) "cannot leave component instance") ;; lowered
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 6)) "cannot leave component instance") ;; resource-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 7)) "cannot leave component instance") ;; resource-drop
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 8)) "cannot leave component instance") ;; task-return
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 9)) "cannot leave component instance") ;; task-cancel
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 10)) "cannot leave component instance") ;; set-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 11)) "cannot leave component instance") ;; set-wait
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 12)) "cannot leave component instance") ;; set-poll
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 13)) "cannot leave component instance") ;; set-drop
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 14)) "cannot leave component instance") ;; join
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 15)) "cannot leave component instance") ;; subtask-cancel
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 16)) "cannot leave component instance") ;; subtask-drop
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 17)) "cannot leave component instance") ;; stream-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 18)) "cannot leave component instance") ;; stream-read
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 19)) "cannot leave component instance") ;; stream-write
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 20)) "cannot leave component instance") ;; stream-cancel-read
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 21)) "cannot leave component instance") ;; stream-cancel-write
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 22)) "cannot leave component instance") ;; stream-drop-readable
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 23)) "cannot leave component instance") ;; stream-drop-writable
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 24)) "cannot leave component instance") ;; future-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 25)) "cannot leave component instance") ;; future-read
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 26)) "cannot leave component instance") ;; future-write
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 27)) "cannot leave component instance") ;; future-cancel-read
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 28)) "cannot leave component instance") ;; future-cancel-write
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 29)) "cannot leave component instance") ;; future-drop-readable
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 30)) "cannot leave component instance") ;; future-drop-writable
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 31)) "cannot leave component instance") ;; thread-yield
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 32)) "cannot leave component instance") ;; thread-index
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 33)) "cannot leave component instance") ;; thread-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 34)) "cannot leave component instance") ;; thread-resume-later
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 35)) "cannot leave component instance") ;; thread-suspend
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 36)) "cannot leave component instance") ;; thread-suspend-then-resume
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 37)) "cannot leave component instance") ;; thread-yield-then-resume
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 38)) "cannot leave component instance") ;; thread-suspend-then-promote
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 39)) "cannot leave component instance") ;; thread-yield-then-promote
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 40)) "cannot leave component instance") ;; error-context-new
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 41)) "cannot leave component instance") ;; error-context-debug-message
(component instance $i $leaving)
(assert_trap (invoke "give" (s32.const 42)) "cannot leave component instance") ;; error-context-drop

;; Nor in realloc: one of each kind.
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; lowered
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; resource-drop
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; task-return
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; set-poll
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; stream-read
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; future-drop-writable
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; thread-yield
(component instance $i $leaving)
(assert_trap (invoke "take" (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0))) "cannot leave component instance") ;; error-context-new
(component instance $i $leaving)
(assert_return (invoke "take" (list.const (u8.const 0))) (u32.const 1)) ;; context-get
