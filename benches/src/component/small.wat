;; A small plugin: it has one import, and echoes numbers and strings.
(component
  (import "bench:host/host" (instance $h (export "f" (func (param "a" u32) (result u32)))))
  (core func $f (canon lower (func $h "f")))
  ;; ----
  (core module $m
    (import "h" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 2)
    (global $at (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $at)
      (global.set $at (i32.add (global.get $at) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
    (func (export "reset") (param i32) (global.set $at (i32.const 65536)))
    (func (export "id") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "ask") (param i32) (result i32) (call $f (local.get 0)))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
  ;; ----
  (core instance $m (instantiate $m (with "h" (instance (export "f" (func $f))))))
  (func (export "id") (param "a" u32) (result u32) (canon lift (core func $m "id")))
  (func (export "ask") (param "a" u32) (result u32) (canon lift (core func $m "ask")))
  (func (export "echo") (param "a" string) (result string)
    (canon lift (core func $m "echo") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))
      (post-return (core func $m "reset")))))
