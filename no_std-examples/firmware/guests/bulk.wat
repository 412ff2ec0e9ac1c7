;; A million bulk operations, size questions, and growths by nothing, which succeed.
(module
  (memory (export "memory") 1)
  (table 4 4 funcref)
  (func (export "_start") (local $i i32) (local $none i32)
    (loop $again
      (memory.fill (i32.const 0) (local.get $i) (i32.const 64))
      (memory.copy (i32.const 64) (i32.const 0) (i32.const 64))
      (table.fill 0 (i32.const 0) (ref.null func) (i32.const 4))
      (drop (i32.add (memory.size) (table.size 0)))
      (if (i32.ne (memory.grow (local.get $none)) (i32.const 1)) (then unreachable))
      (if (i32.ne (table.grow 0 (ref.null func) (local.get $none)) (i32.const 4)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1_000_000))))))
