;; A few bytes that ask for four thousand million table elements.
(module
  (memory (export "memory") 1 1)
  (table 4294967295 funcref)
  (func (export "_start")))
