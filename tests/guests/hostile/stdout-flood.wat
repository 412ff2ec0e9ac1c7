;; Writes 64 KiB of dots to stdout, again and again, until the host refuses; ends with its errno.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2 2)
  (func (export "_start") (local $code i32)
    (i32.store (i32.const 0) (i32.const 65536))  ;; the one buffer: where
    (i32.store (i32.const 4) (i32.const 65536))  ;; and how long
    (memory.fill (i32.const 65536) (i32.const 0x2e) (i32.const 65536))
    (loop $again
      (local.set $code
        (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $again (i32.eqz (local.get $code))))
    (call $proc_exit (local.get $code))))
