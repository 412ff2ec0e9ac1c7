;; Blocks that take parameters where locals lie beneath those, and `br_table` that passes on what no register holds.

(module
  (func (export "block") (param i32 i32) (result i32)
    local.get 0
    i32.const 5
    (block (param i32) (result i32)
      local.get 1
      br_if 0
      i32.const 99
      local.set 0)
    i32.add)
  (func (export "block-two") (param i32 i32) (result i32)
    local.get 0
    local.get 0
    i32.const 5
    i32.const 6
    (block (param i32 i32) (result i32)
      i32.add
      local.get 1
      br_if 0
      i32.const 99
      local.set 0)
    i32.add
    i32.add)
  (func (export "if") (param i32 i32) (result i32)
    local.get 0
    i32.const 5
    local.get 1
    (if (param i32) (result i32)
      (then)
      (else
        i32.const 99
        local.set 0))
    i32.add)
  (func (export "if-without-else") (param i32 i32) (result i32)
    local.get 0
    local.get 1
    (if (param i32) (result i32)
      (then
        i32.const 2
        i32.mul
        local.tee 0)))
  (func (export "loop") (param i32 i32) (result i32)
    (local.set 0 (i32.mul (local.get 0) (i32.const 3)))
    local.get 0
    local.get 1
    (loop (param i32) (result i32)
      i32.const 1
      i32.add)
    i32.sub)
  (func (export "loop-float") (param f64 f64) (result f64)
    (local.set 0 (f64.mul (local.get 0) (f64.const 3)))
    local.get 0
    local.get 1
    (loop (param f64) (result f64)
      f64.const 1
      f64.add)
    f64.sub)
  (func (export "reference") (param externref i32) (result i32)
    local.get 0
    local.get 0
    i32.const 5
    (block (param i32) (result i32)
      local.get 1
      br_if 0
      ref.null extern
      local.set 0)
    drop
    drop
    ref.is_null)
)
(assert_return (invoke "block" (i32.const 7) (i32.const 1)) (i32.const 12))
(assert_return (invoke "block" (i32.const 7) (i32.const 0)) (i32.const 12))
(assert_return (invoke "block-two" (i32.const 7) (i32.const 1)) (i32.const 25))
(assert_return (invoke "block-two" (i32.const 7) (i32.const 0)) (i32.const 25))
(assert_return (invoke "if" (i32.const 7) (i32.const 1)) (i32.const 12))
(assert_return (invoke "if" (i32.const 7) (i32.const 0)) (i32.const 12))
(assert_return (invoke "if-without-else" (i32.const 7) (i32.const 1)) (i32.const 14))
(assert_return (invoke "if-without-else" (i32.const 7) (i32.const 0)) (i32.const 7))
(assert_return (invoke "loop" (i32.const 7) (i32.const 1)) (i32.const 19))
(assert_return (invoke "loop-float" (f64.const 7) (f64.const 1)) (f64.const 19))
(assert_return (invoke "reference" (ref.null extern) (i32.const 1)) (i32.const 1))
(assert_return (invoke "reference" (ref.extern 3) (i32.const 1)) (i32.const 0))

;; A type whose number takes two bytes.
(module
  (type (func (param i32))) (type (func (param i64))) (type (func (param f32))) (type (func (param f64)))
  (type (func (param i32 i32 i32))) (type (func (param i32 i32 i64))) (type (func (param i32 i32 f32)))
  (type (func (param i32 i32 f64))) (type (func (param i32 i64 i32))) (type (func (param i32 i64 i64)))
  (type (func (param i32 i64 f32))) (type (func (param i32 i64 f64))) (type (func (param i32 f32 i32)))
  (type (func (param i32 f32 i64))) (type (func (param i32 f32 f32))) (type (func (param i32 f32 f64)))
  (type (func (param i32 f64 i32))) (type (func (param i32 f64 i64))) (type (func (param i32 f64 f32)))
  (type (func (param i32 f64 f64))) (type (func (param i64 i32 i32))) (type (func (param i64 i32 i64)))
  (type (func (param i64 i32 f32))) (type (func (param i64 i32 f64))) (type (func (param i64 i64 i32)))
  (type (func (param i64 i64 i64))) (type (func (param i64 i64 f32))) (type (func (param i64 i64 f64)))
  (type (func (param i64 f32 i32))) (type (func (param i64 f32 i64))) (type (func (param i64 f32 f32)))
  (type (func (param i64 f32 f64))) (type (func (param i64 f64 i32))) (type (func (param i64 f64 i64)))
  (type (func (param i64 f64 f32))) (type (func (param i64 f64 f64))) (type (func (param f32 i32 i32)))
  (type (func (param f32 i32 i64))) (type (func (param f32 i32 f32))) (type (func (param f32 i32 f64)))
  (type (func (param f32 i64 i32))) (type (func (param f32 i64 i64))) (type (func (param f32 i64 f32)))
  (type (func (param f32 i64 f64))) (type (func (param f32 f32 i32))) (type (func (param f32 f32 i64)))
  (type (func (param f32 f32 f32))) (type (func (param f32 f32 f64))) (type (func (param f32 f64 i32)))
  (type (func (param f32 f64 i64))) (type (func (param f32 f64 f32))) (type (func (param f32 f64 f64)))
  (type (func (param f64 i32 i32))) (type (func (param f64 i32 i64))) (type (func (param f64 i32 f32)))
  (type (func (param f64 i32 f64))) (type (func (param f64 i64 i32))) (type (func (param f64 i64 i64)))
  (type (func (param f64 i64 f32))) (type (func (param f64 i64 f64))) (type (func (param f64 f32 i32)))
  (type (func (param f64 f32 i64))) (type (func (param f64 f32 f32))) (type (func (param f64 f32 f64)))
  (type (func (param f64 f64 i32))) (type (func (param f64 f64 i64))) (type (func (param f64 f64 f32)))
  (type (func (param f64 f64 f64)))
  (func (export "block") (param i32 i32) (result i32)
    local.get 0
    i32.const 5
    (block (param i32) (result i32)
      local.get 1
      br_if 0
      i32.const 99
      local.set 0)
    i32.add))
(assert_return (invoke "block" (i32.const 7) (i32.const 1)) (i32.const 12))

(module
  (func (export "two") (param i32 i32) (result i32)
    (block (result i32 i32)
      (block (result i32 i32)
        i32.const 1000
        (i32.add (local.get 0) (i32.const 1))
        (i32.add (local.get 0) (i32.const 2))
        local.get 1
        br_table 0 1 0 1)
      i32.const 10
      i32.mul)
    i32.mul)
  ;; To a loop, to a block and out of the function.
  (func (export "to-three") (param i32 i32) (result i64 i64)
    i64.const 100
    i64.const 200
    (loop (param i64 i64) (result i64 i64)
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (block (param i64 i64) (result i64 i64)
        i64.const 1
        i64.add
        f32.const 3
        drop
        i32.const 77
        i64.const 5
        i64.const 6
        local.get 0
        br_table 0 1 2)
      i64.const 1000
      i64.add))
  (func (export "table-in-dead-code") (result i32 i32)
    i32.const 1
    i32.const 2
    return
    br_table 0 0)
)
(assert_return (invoke "two" (i32.const 7) (i32.const 0)) (i32.const 720))
(assert_return (invoke "two" (i32.const 7) (i32.const 1)) (i32.const 72))
(assert_return (invoke "two" (i32.const 7) (i32.const 2)) (i32.const 720))
(assert_return (invoke "two" (i32.const 7) (i32.const 3)) (i32.const 72))
;; One past those that there are.
(assert_return (invoke "two" (i32.const 7) (i32.const 4)) (i32.const 72))
(assert_return (invoke "two" (i32.const 7) (i32.const -1)) (i32.const 72))
(assert_return (invoke "to-three" (i32.const -1) (i32.const 0)) (i64.const 5) (i64.const 1006))
(assert_return (invoke "to-three" (i32.const 0) (i32.const 0)) (i64.const 5) (i64.const 6))
(assert_return (invoke "to-three" (i32.const 1) (i32.const 0)) (i64.const 5) (i64.const 6))
(assert_return (invoke "to-three" (i32.const 5) (i32.const 0)) (i64.const 5) (i64.const 6))
(assert_return (invoke "table-in-dead-code") (i32.const 1) (i32.const 2))

;; One vector is more than fits.
(module
  (func (export "vector") (param i32) (result i64)
    (block (result v128)
      (block (result v128)
        i32.const 1000
        (i64x2.splat (i64.const 3))
        local.get 0
        br_table 0 1)
      (i64x2.splat (i64.const 4))
      i64x2.add)
    i64x2.extract_lane 0))
(assert_return (invoke "vector" (i32.const 0)) (i64.const 7))
(assert_return (invoke "vector" (i32.const 1)) (i64.const 3))

;; Where code is dead, labels may take values of different types.
(module
  (func (export "dead") (result i32)
    (block $integers (result i32 i32)
      (block $mixed (result i32 i64)
        (br $integers (i32.const 20) (i32.const 22))
        br_table $integers $mixed $integers)
      drop drop unreachable)
    i32.add))
(assert_return (invoke "dead") (i32.const 42))

;; What is invalid remains so: the type that is added would be the first.
(assert_invalid
  (module
    (type (func (param i32 i32) (result i32 i32)))
    (func (type 1)
      (block (type 0)
        i32.const 0
        br_table 0 0)))
  "unknown type")
