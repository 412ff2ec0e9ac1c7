;; One memory by two names: growing it by either shows through both, and nothing of what it was before is left.

(component $twice
  (core module $owner (memory (export "memory") 1 4))
  (core instance $owner (instantiate $owner))
  (core module $user
    (import "owner" "first" (memory $first 1 4))
    (import "owner" "again" (memory $again 1 4))
    ;; Stores through the first at an address that only the grown memory has, and loads it through either. The address
    ;; is no constant: those the interpreter looks up otherwise.
    (func (export "grow") (param $at i32) (result i32)
      (drop (memory.grow $again (i32.const 1)))
      (i32.store $first (local.get $at) (i32.const 41))
      (i32.store $again offset=4 (local.get $at) (i32.const 1))
      (i32.add
        (i32.load $again (local.get $at))
        (i32.load $first offset=4 (local.get $at))))
    ;; As often as it is asked, inside a loop.
    (func (export "sizes") (param $times i32) (result i32)
      (local $sum i32)
      (loop $next
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 16)) (memory.size $first)))
        (drop (memory.grow $again (i32.const 1)))
        (i32.store8 $first
          (i32.sub (i32.mul (memory.size $first) (i32.const 65536)) (i32.const 1)) (i32.const 1))
        (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (local.get $sum)))
  (core instance $user (instantiate $user (with "owner" (instance
    (export "first" (memory $owner "memory")) (export "again" (memory $owner "memory"))))))
  (func (export "grow") (param "at" u32) (result u32) (canon lift (core func $user "grow")))
  (func (export "sizes") (param "times" u32) (result u32) (canon lift (core func $user "sizes"))))
(assert_return (invoke "grow" (u32.const 65536)) (u32.const 42))
;; 2, 3 and 4 pages, and no more.
(assert_return (invoke "sizes" (u32.const 4)) (u32.const 0x2344))

;; The same through 64-bit addresses.
(component $twice-64
  (core module $owner (memory (export "memory") i64 1 4))
  (core instance $owner (instantiate $owner))
  (core module $user
    (import "owner" "first" (memory $first i64 1 4))
    (import "owner" "again" (memory $again i64 1 4))
    (func (export "grow") (param $at i64) (result i32)
      (drop (memory.grow $again (i64.const 2)))
      (i32.store $first (local.get $at) (i32.const 42))
      (i32.load $again (local.get $at))))
  (core instance $user (instantiate $user (with "owner" (instance
    (export "first" (memory $owner "memory")) (export "again" (memory $owner "memory"))))))
  (func (export "grow") (param "at" u64) (result u32) (canon lift (core func $user "grow"))))
(assert_return (invoke "grow" (u64.const 196604)) (u32.const 42))
