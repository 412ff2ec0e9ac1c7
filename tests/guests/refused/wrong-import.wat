;; Imports a function of WASI 0.1 with another signature than it has.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "_start")))
