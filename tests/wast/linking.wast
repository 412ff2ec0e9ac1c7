;; Linking: modules and components as values, outer aliases, instances made inline, `implements`.

;; A component passed `with`, and instantiated by who got it, with what it has.
(component
  (component $gets
    (import "made" (component $made
      (import "n" (func (result u32)))
      (export "twice" (func (result u32)))))
    (import "n" (func $n (result u32)))
    (instance $it (instantiate $made (with "n" (func $n))))
    (export "run" (func $it "twice")))
  (component $doubles
    (import "n" (func $n (result u32)))
    (core func $n (canon lower (func $n)))
    (core module $m
      (import "" "n" (func $n (result i32)))
      (func (export "twice") (result i32) (i32.mul (call $n) (i32.const 2))))
    (core instance $i (instantiate $m (with "" (instance (export "n" (func $n))))))
    (func (export "twice") (result u32) (canon lift (core func $i "twice"))))
  (component $has
    (core module $m (func (export "n") (result i32) (i32.const 21)))
    (core instance $i (instantiate $m))
    (func (export "n") (result u32) (canon lift (core func $i "n"))))
  (instance $has (instantiate $has))
  (instance $i (instantiate $gets (with "made" (component $doubles)) (with "n" (func $has "n"))))
  (export "run" (func $i "run")))
(assert_return (invoke "run") (u32.const 42))

;; A component that a component exports, and one that needs less than it is given.
(component
  (component $library
    (component (export "answer")
      (core module $m (func (export "f") (result i32) (i32.const 42)))
      (core instance $i (instantiate $m))
      (func (export "f") (result u32) (canon lift (core func $i "f")))))
  (instance $library (instantiate $library))
  (component $needs-less
    (import "c" (component $c (import "unused" (func)) (export "f" (func (result u32)))))
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $unused (canon lift (core func $i "f")))
    (instance $c (instantiate $c (with "unused" (func $unused))))
    (export "f" (func $c "f")))
  (alias export $library "answer" (component $answer))
  (instance $i (instantiate $needs-less (with "c" (component $answer))))
  (export "run" (func $i "f")))
(assert_return (invoke "run") (u32.const 42))

;; A core module passed `with`, and one that a component exports. Each instance of it has a state of its own.
(component
  (component $counts
    (import "counter" (core module $counter (export "next" (func (result i32)))))
    (core instance $a (instantiate $counter))
    (core instance $b (instantiate $counter))
    (func (export "a") (result u32) (canon lift (core func $a "next")))
    (func (export "b") (result u32) (canon lift (core func $b "next"))))
  (component $library
    (core module (export "counter")
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))))
  (instance $library (instantiate $library))
  (alias export $library "counter" (core module $counter))
  (instance $i (instantiate $counts (with "counter" (core module $counter))))
  (export "a" (func $i "a"))
  (export "b" (func $i "b")))
(assert_return (invoke "a") (u32.const 1))
(assert_return (invoke "a") (u32.const 2))
(assert_return (invoke "b") (u32.const 1))

;; Modules, components and types of who is around, one level out and two.
(component $outermost
  (core module $m (func (export "f") (result i32) (i32.const 42)))
  (component $c
    (core module $m (func (export "f") (result i32) (i32.const 7)))
    (core instance $i (instantiate $m))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (type $pair (tuple u32 u32))
  (component $inner
    (alias outer $outermost $m (core module $m))
    (alias outer $outermost $c (component $c))
    (core instance $i (instantiate $m))
    (func (export "module") (result u32) (canon lift (core func $i "f")))
    (instance $it (instantiate $c))
    (export "component" (func $it "f"))
    (component $innermost
      (alias outer $outermost $m (core module $m))
      (alias outer $outermost $pair (type $pair))
      (core instance $i (instantiate $m))
      (core module $p
        (memory (export "mem") 1) (data (i32.const 0) "\01\00\00\00\02\00\00\00")
        (func (export "pair") (result i32) (i32.const 0)))
      (core instance $p (instantiate $p))
      (func (export "f") (result u32) (canon lift (core func $i "f")))
      (func (export "pair") (result $pair) (canon lift (core func $p "pair") (memory (core memory $p "mem")))))
    (instance $innermost (instantiate $innermost))
    (export "far" (func $innermost "f"))
    (export "pair" (func $innermost "pair")))
  (instance $i (instantiate $inner))
  (export "module" (func $i "module"))
  (export "component" (func $i "component"))
  (export "far" (func $i "far"))
  (export "pair" (func $i "pair")))
(assert_return (invoke "module") (u32.const 42))
(assert_return (invoke "component") (u32.const 7))
(assert_return (invoke "far") (u32.const 42))
(assert_return (invoke "pair") (tuple.const (u32.const 1) (u32.const 2)))

;; A component that closes over its surroundings takes them along to where it is instantiated.
(component
  (component $factory
    (import "n" (core module $n (export "f" (func (result i32)))))
    (component (export "made")
      (alias outer 1 $n (core module $n))
      (core instance $i (instantiate $n))
      (func (export "f") (result u32) (canon lift (core func $i "f")))))
  (core module $one (func (export "f") (result i32) (i32.const 1)))
  (core module $two (func (export "f") (result i32) (i32.const 2)))
  (instance $first (instantiate $factory (with "n" (core module $one))))
  (instance $second (instantiate $factory (with "n" (core module $two))))
  (alias export $first "made" (component $a))
  (alias export $second "made" (component $b))
  (instance $a (instantiate $a))
  (instance $b (instantiate $b))
  (export "first" (func $a "f"))
  (export "second" (func $b "f")))
(assert_return (invoke "first") (u32.const 1))
(assert_return (invoke "second") (u32.const 2))

;; A type that is another in each instance, as resource types are, cannot be reached from within.
(assert_invalid
  (component
    (import "r" (type $r (sub resource)))
    (component (alias outer 1 $r (type $r)) (export "r" (type $r))))
  "")

;; Instances that are put together inline, of what others export; and whole ones passed on under another name.
(component
  (component $one
    (core module $m (func (export "f") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (component $two
    (core module $m (func (export "f") (result i32) (i32.const 2)))
    (core instance $i (instantiate $m))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (instance $one (instantiate $one))
  (instance $two (instantiate $two))
  (instance $both (export "left" (func $one "f")) (export "right" (func $two "f")) (export "one" (instance $one)))
  (component $uses
    (import "both" (instance $both
      (export "left" (func (result u32)))
      (export "right" (func (result u32)))
      (export "one" (instance (export "f" (func (result u32)))))))
    (core func $left (canon lower (func $both "left")))
    (core func $right (canon lower (func $both "right")))
    (alias export $both "one" (instance $one))
    (core func $f (canon lower (func $one "f")))
    (core module $m
      (import "" "left" (func $left (result i32)))
      (import "" "right" (func $right (result i32)))
      (import "" "f" (func $f (result i32)))
      (func (export "run") (result i32)
        (i32.add (i32.mul (i32.add (i32.mul (call $left) (i32.const 10)) (call $right)) (i32.const 10)) (call $f))))
    (core instance $i (instantiate $m (with "" (instance
      (export "left" (func $left)) (export "right" (func $right)) (export "f" (func $f))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))
  (instance $uses (instantiate $uses (with "both" (instance $both))))
  (export "run" (func $uses "run")))
(assert_return (invoke "run") (u32.const 121))

;; One interface, imported twice under names of its own: `implements` says which, and the name which of them.
(component
  (component $says
    (import "n" (core module $n (export "f" (func (result i32)))))
    (core instance $i (instantiate $n))
    (func (export "f") (result u32) (canon lift (core func $i "f"))))
  (core module $m1 (func (export "f") (result i32) (i32.const 1)))
  (core module $m2 (func (export "f") (result i32) (i32.const 2)))
  (instance $one (instantiate $says (with "n" (core module $m1))))
  (instance $two (instantiate $says (with "n" (core module $m2))))
  (component $uses
    (import "primary" (implements "test:says/says@1.0.0") (instance $primary (export "f" (func (result u32)))))
    (import "backup" (implements "test:says/says@1.0.0") (instance $backup (export "f" (func (result u32)))))
    (export "primary" (func $primary "f"))
    (export "backup" (func $backup "f")))
  (instance $uses (instantiate $uses (with "primary" (instance $one)) (with "backup" (instance $two))))
  (export "primary" (func $uses "primary"))
  (export "backup" (func $uses "backup")))
(assert_return (invoke "primary") (u32.const 1))
(assert_return (invoke "backup") (u32.const 2))
(assert_invalid (component (import "a" (implements "test:says/says") (func))) "")
(assert_invalid (component (import "a" (implements "says") (instance))) "")

;; A component or module that is wanted with more than it has is refused; so are other types.
(assert_invalid
  (component
    (component $gets (import "c" (component (export "f" (func (result u32))))))
    (component $has)
    (instance (instantiate $gets (with "c" (component $has)))))
  "")
(assert_invalid
  (component
    (component $gets (import "c" (component (export "f" (func (result u32))))))
    (component $needs (import "more" (func)) (core module $m (func (export "f") (result i32) (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "f") (result u32) (canon lift (core func $i "f"))))
    (instance (instantiate $gets (with "c" (component $needs)))))
  "")
(assert_invalid
  (component
    (component $gets (import "m" (core module (export "f" (func (result i32))))))
    (core module $m (func (export "f") (result i64) (i64.const 0)))
    (instance (instantiate $gets (with "m" (core module $m)))))
  "")
(assert_invalid
  (component (component $gets (import "f" (func))) (instance (instantiate $gets)))
  "")

;; What the host has been asked for and does not have.
(assert_unlinkable (component (import "nobody:has/this@1.0.0" (func))) "nobody:has/this")
(assert_unlinkable (component (import "host" (instance (export "no-such" (func))))) "host")
