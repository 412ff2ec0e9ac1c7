;; A continuation is made and thrown away.
(module
  (memory (export "memory") 1 1)
  (type $nothing (func))
  (type $continuation (cont $nothing))
  (elem declare func $callee)
  (func $callee (type $nothing))
  (func (export "_start")
    (drop (cont.new $continuation (ref.func $callee)))))
