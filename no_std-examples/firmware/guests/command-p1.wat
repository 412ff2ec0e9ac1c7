;; Greets over WASI 0.1.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  ;; The one buffer that is written, and behind it how much of it was.
  (data (i32.const 0) "\10\00\00\00\1d\00\00\00")
  (data (i32.const 16) "hello from a command of WASI\n")
  (func (export "_start")
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 1))))))
