;; A chain of a million indirect tail calls.
(module
  (memory (export "memory") 1)
  (type $hop (func (param i32)))
  (table funcref (elem $hop))
  (func $hop (param $left i32)
    (if (local.get $left)
      (then (return_call_indirect (type $hop) (i32.sub (local.get $left) (i32.const 1)) (i32.const 0)))))
  (func (export "_start") (call $hop (i32.const 1_000_000))))
