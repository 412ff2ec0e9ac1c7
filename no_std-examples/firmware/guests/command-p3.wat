;; Greets over WASI 0.3: an asynchronous export that gives its host a stream, writes to it, and waits for what comes of
;; it.
(component
  (import "wasi:cli/types@0.3.0" (instance $types
    (type $error-code-def (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type (eq $error-code-def)))))
  (alias export $types "error-code" (type $error-code))
  (import "wasi:cli/stdout@0.3.0" (instance $stdout
    (alias outer 1 $error-code (type $error-code-outer))
    (export "error-code" (type $error-code (eq $error-code-outer)))
    (type $bytes (stream u8))
    (type $outcome (future (result (error $error-code))))
    (export "write-via-stream" (func (param "data" $bytes) (result $outcome)))))

  (type $bytes (stream u8))
  (type $outcome (future (result (error $error-code))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 16) "hello from a command of WASI\n"))
  (core instance $memory (instantiate $memory))
  (core func $write-via-stream (canon lower (func $stdout "write-via-stream")))
  (core func $stream-new (canon stream.new $bytes))
  (core func $stream-write (canon stream.write $bytes async (memory (core memory $memory "memory"))))
  (core func $stream-drop (canon stream.drop-writable $bytes))
  (core func $future-read (canon future.read $outcome async (memory (core memory $memory "memory"))))
  (core func $future-drop (canon future.drop-readable $outcome))
  (core func $set-new (canon waitable-set.new))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core func $return (canon task.return (result (result))))
  (core module $main
    (import "" "write-via-stream" (func $write-via-stream (param i32) (result i32)))
    (import "" "stream-new" (func $stream-new (result i64)))
    (import "" "stream-write" (func $stream-write (param i32 i32 i32) (result i32)))
    (import "" "stream-drop" (func $stream-drop (param i32)))
    (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
    (import "" "future-drop" (func $future-drop (param i32)))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "set-drop" (func $set-drop (param i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "return" (func $return (param i32)))
    (import "memory" "memory" (memory 1))
    (global $stream (mut i32) (i32.const 0))
    (global $future (mut i32) (i32.const 0))
    (global $set (mut i32) (i32.const 0))
    (global $at (mut i32) (i32.const 16))
    (global $end i32 (i32.const 45))

    (func (export "run") (result i32) (local $ends i64)
      (local.set $ends (call $stream-new))
      (global.set $stream (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (global.set $future (call $write-via-stream (i32.wrap_i64 (local.get $ends))))
      (global.set $set (call $set-new))
      (call $write))

    ;; Writes until all is written or it has to wait.
    (func $write (result i32) (local $status i32)
      (loop $more
        (local.set $status (call $stream-write (global.get $stream) (global.get $at)
          (i32.sub (global.get $end) (global.get $at))))
        (if (i32.eq (local.get $status) (i32.const -1)) (then (return (call $wait (global.get $stream)))))
        (br_if $more (call $advance (local.get $status))))
      (call $read))

    ;; Notes what a write did; whether there is more to write, and someone to read it.
    (func $advance (param $status i32) (result i32)
      (global.set $at (i32.add (global.get $at) (i32.shr_u (local.get $status) (i32.const 4))))
      (i32.and (i32.lt_u (global.get $at) (global.get $end)) (i32.eqz (i32.and (local.get $status) (i32.const 15)))))

    ;; Ends the stream and asks what came of it.
    (func $read (result i32)
      (call $stream-drop (global.get $stream))
      (if (i32.eq (call $future-read (global.get $future) (i32.const 0)) (i32.const -1))
        (then (return (call $wait (global.get $future)))))
      (call $end))

    (func $end (result i32)
      (call $future-drop (global.get $future))
      (call $set-drop (global.get $set))
      (call $return (i32.load8_u (i32.const 0)))
      (i32.const 0)) ;; EXIT

    (func $wait (param $what i32) (result i32)
      (call $join (local.get $what) (global.get $set))
      (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4)))) ;; WAIT

    (func (export "callback") (param $event i32) (param $what i32) (param $status i32) (result i32)
      (call $join (local.get $what) (i32.const 0))
      (if (i32.eq (local.get $event) (i32.const 4)) (then (return (call $end)))) ;; FUTURE_READ
      (if (call $advance (local.get $status)) (then (return (call $write))))
      (call $read)))
  (core instance $main (instantiate $main
    (with "memory" (instance $memory))
    (with "" (instance
      (export "write-via-stream" (func $write-via-stream))
      (export "stream-new" (func $stream-new))
      (export "stream-write" (func $stream-write))
      (export "stream-drop" (func $stream-drop))
      (export "future-read" (func $future-read))
      (export "future-drop" (func $future-drop))
      (export "set-new" (func $set-new))
      (export "set-drop" (func $set-drop))
      (export "join" (func $join))
      (export "return" (func $return))))))
  (func $run async (result (result))
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exported)))
