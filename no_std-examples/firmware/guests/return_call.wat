;; A chain of a million tail calls.
(module
  (memory (export "memory") 1)
  (func $hop (param $left i32)
    (if (local.get $left) (then (return_call $hop (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "_start") (call $hop (i32.const 1_000_000))))
