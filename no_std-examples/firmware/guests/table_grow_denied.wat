;; A million times `table.grow` that only the host's limits deny.
(module
  (memory (export "memory") 1)
  (table 4 funcref)
  (func (export "_start") (local $i i32)
    (loop $again
      (if (i32.ne (table.grow 0 (ref.null func) (i32.const 4_000_000)) (i32.const -1)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1_000_000))))))
