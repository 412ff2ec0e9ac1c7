;; A typed function reference and a call through it.
(module
  (memory (export "memory") 1 1)
  (type $nothing (func))
  (elem declare func $callee)
  (func $callee (type $nothing))
  (func (export "_start")
    (call_ref $nothing (ref.func $callee))))
