;; A million times `memory.grow` that fails because the memory has reached its own maximum.
(module
  (memory (export "memory") 1 1)
  (func (export "_start") (local $i i32)
    (loop $again
      (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1_000_000))))))
