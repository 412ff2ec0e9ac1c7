;; A million iterations of an ordinary loop: load, add, store.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (loop $again
      (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 3)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1_000_000))))
    (if (i32.ne (i32.load (i32.const 64)) (i32.const 3_000_000)) (then unreachable))))
