;; A resource type, its constructor, a method, and one who uses them.
(component definition $all
  (component $maker
    (core module $dtor
      (global $dropped (mut i32) (i32.const 0))
      (func (export "dtor") (param i32) (global.set $dropped (local.get 0)))
      (func (export "dropped") (result i32) (global.get $dropped)))
    (core instance $dtor (instantiate $dtor))
    (type $r' (resource (rep i32) (dtor (core func $dtor "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "read") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $i "make")))
    ;; to who implements it, a borrowed resource is its representation
    (func (export "read") (param "r" (borrow $r)) (result u32) (canon lift (core func $i "read")))
    (func (export "dropped") (result u32) (canon lift (core func $dtor "dropped"))))
  (component $user
    (import "maker" (instance $maker
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "rep" u32) (result (own $r))))
      (export "read" (func (param "r" (borrow $r)) (result u32)))
      (export "dropped" (func (result u32)))))
    (alias export $maker "r" (type $r))
    (core func $make (canon lower (func $maker "make")))
    (core func $read (canon lower (func $maker "read")))
    (core func $dropped (canon lower (func $maker "dropped")))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "read" (func $read (param i32) (result i32)))
      (import "" "dropped" (func $dropped (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "life") (param i32) (result i32) (local $r i32)
        (local.set $r (call $make (local.get 0)))
        (if (i32.ne (call $read (local.get $r)) (local.get 0)) (then unreachable))
        (call $drop (local.get $r))
        (call $dropped))
      (func (export "reuse") (result i32)
        (drop (call $make (i32.const 1)))
        (drop (call $make (i32.const 2)))
        (call $drop (i32.const 1))
        (call $make (i32.const 3)))
      (func (export "use") (param i32) (drop (call $read (local.get 0))))
      (func (export "drop") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "read" (func $read))
      (export "dropped" (func $dropped)) (export "drop" (func $drop))))))
    (func (export "life") (param "rep" u32) (result u32) (canon lift (core func $i "life")))
    (func (export "reuse") (result u32) (canon lift (core func $i "reuse")))
    (func (export "use") (param "handle" u32) (canon lift (core func $i "use")))
    (func (export "drop") (param "handle" u32) (canon lift (core func $i "drop"))))
  (instance $maker (instantiate $maker))
  (instance $user (instantiate $user (with "maker" (instance $maker))))
  (export "life" (func $user "life"))
  (export "reuse" (func $user "reuse"))
  (export "use" (func $user "use"))
  (export "drop" (func $user "drop")))

(component instance $i $all)
(assert_return (invoke "life" (u32.const 0xffff_fff0)) (u32.const 0xffff_fff0))
;; the index freed last is used first
(assert_return (invoke "reuse") (u32.const 1))
(assert_trap (invoke "use" (u32.const 0)) "unknown handle index 0")
(component instance $i $all)
(assert_trap (invoke "use" (u32.const 0xffff_ffff)) "unknown handle index 4294967295")
(component instance $i $all)
(assert_trap (invoke "drop" (u32.const 1)) "unknown handle index 1")

;; A borrowed handle that is kept past the call.
(component
  (component $keeper
    (import "r" (type $r (sub resource)))
    (core module $m (func (export "keep") (param i32)))
    (core instance $i (instantiate $m))
    (func (export "keep") (param "r" (borrow $r)) (canon lift (core func $i "keep"))))
  (component $owner
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))
  (component $caller
    (import "r" (type $r (sub resource)))
    (import "make" (func $make (result (own $r))))
    (import "keep" (func $keep (param "r" (borrow $r))))
    (core func $make (canon lower (func $make)))
    (core func $keep (canon lower (func $keep)))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "keep" (func $keep (param i32)))
      (func (export "run") (call $keep (call $make))))
    (core instance $i (instantiate $m (with "" (instance (export "make" (func $make)) (export "keep" (func $keep))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $owner (instantiate $owner))
  (alias export $owner "r" (type $r))
  (instance $keeper (instantiate $keeper (with "r" (type $r))))
  (instance $caller (instantiate $caller
    (with "r" (type $r)) (with "make" (func $owner "make")) (with "keep" (func $keeper "keep"))))
  (export "run" (func $caller "run")))
(assert_trap (invoke "run") "borrow handles still remain at the end of the call")

;; A borrowed handle cannot be given away as if it were owned, and can be lent on.
(component definition $borrows
  (component $owner
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7)))
      (func (export "take") (param i32))
      (func (export "look") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make")))
    (func (export "take") (param "r" (own $r)) (canon lift (core func $i "take")))
    (func (export "look") (param "r" (borrow $r)) (result u32) (canon lift (core func $i "look"))))
  (component $middle
    (import "r" (type $r (sub resource)))
    (import "take" (func $take (param "r" (own $r))))
    (import "look" (func $look (param "r" (borrow $r)) (result u32)))
    (core func $take (canon lower (func $take)))
    (core func $look (canon lower (func $look)))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "take" (func $take (param i32)))
      (import "" "look" (func $look (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "pass") (param i32) (call $take (local.get 0)))
      (func (export "look") (param i32) (result i32) (local $seen i32)
        (local.set $seen (call $look (local.get 0)))
        (call $drop (local.get 0))
        (local.get $seen)))
    (core instance $i (instantiate $m (with "" (instance
      (export "take" (func $take)) (export "look" (func $look)) (export "drop" (func $drop))))))
    (func (export "pass") (param "r" (borrow $r)) (canon lift (core func $i "pass")))
    (func (export "look") (param "r" (borrow $r)) (result u32) (canon lift (core func $i "look"))))
  (component $caller
    (import "r" (type $r (sub resource)))
    (import "make" (func $make (result (own $r))))
    (import "pass" (func $pass (param "r" (borrow $r))))
    (import "look" (func $look (param "r" (borrow $r)) (result u32)))
    (core func $make (canon lower (func $make)))
    (core func $pass (canon lower (func $pass)))
    (core func $look (canon lower (func $look)))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "pass" (func $pass (param i32)))
      (import "" "look" (func $look (param i32) (result i32)))
      (func (export "pass") (call $pass (call $make)))
      (func (export "look") (result i32) (call $look (call $make))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "pass" (func $pass)) (export "look" (func $look))))))
    (func (export "pass") (canon lift (core func $i "pass")))
    (func (export "look") (result u32) (canon lift (core func $i "look"))))
  (instance $owner (instantiate $owner))
  (alias export $owner "r" (type $r))
  (instance $middle (instantiate $middle
    (with "r" (type $r)) (with "take" (func $owner "take")) (with "look" (func $owner "look"))))
  (instance $caller (instantiate $caller
    (with "r" (type $r)) (with "make" (func $owner "make"))
    (with "pass" (func $middle "pass")) (with "look" (func $middle "look"))))
  (export "pass" (func $caller "pass"))
  (export "look" (func $caller "look")))
(component instance $i $borrows)
;; lent on, to who implements it: the representation
(assert_return (invoke "look") (u32.const 7))
(assert_trap (invoke "pass") "index 1 is not an own resource")

;; Each instance of a component has a resource type of its own.
(component
  (component $maker
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core func $drop (canon resource.drop $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))
  (instance $a (instantiate $maker))
  (instance $b (instantiate $maker))
  (component $mixer
    (import "a" (instance $a
      (export "r" (type $r (sub resource))) (export "make" (func (result (own $r))))))
    (import "b" (instance $b (export "r" (type (sub resource)))))
    (alias export $b "r" (type $rb))
    (core func $make (canon lower (func $a "make")))
    (core func $drop (canon resource.drop $rb))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (call $drop (call $make))))
    (core instance $i (instantiate $m (with "" (instance (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $mixer (instantiate $mixer (with "a" (instance $a)) (with "b" (instance $b))))
  (export "run" (func $mixer "run")))
(assert_trap (invoke "run")
  "handle index 1 used with the wrong type, expected guest-defined resource but found a different guest-defined resource")

;; The host's resources: given, lent, and destroyed once.
(component
  (import "host" (instance $host
    (export "resource1" (type $r (sub resource)))
    (export "[constructor]resource1" (func (param "r" u32) (result (own $r))))
    (export "[method]resource1.simple" (func (param "self" (borrow $r)) (param "rep" u32)))
    (export "[static]resource1.drops" (func (result u32)))
    (export "[static]resource1.last-drop" (func (result u32)))))
  (alias export $host "resource1" (type $r))
  (core func $new (canon lower (func $host "[constructor]resource1")))
  (core func $simple (canon lower (func $host "[method]resource1.simple")))
  (core func $drops (canon lower (func $host "[static]resource1.drops")))
  (core func $last (canon lower (func $host "[static]resource1.last-drop")))
  (core func $drop (canon resource.drop $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "simple" (func $simple (param i32 i32)))
    (import "" "drops" (func $drops (result i32)))
    (import "" "last" (func $last (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) (local $r i32)
      (local.set $r (call $new (i32.const 55)))
      (call $simple (local.get $r) (i32.const 55))
      (call $drop (local.get $r))
      (i32.add (i32.mul (call $drops) (i32.const 1000)) (call $last))))
  (core instance $i (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "simple" (func $simple)) (export "drops" (func $drops))
    (export "last" (func $last)) (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
(assert_return (invoke "run") (u32.const 1055))
