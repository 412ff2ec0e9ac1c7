;; Exception handling as it was before it became a standard: what most programs of C++ still use.
(module
  (memory (export "memory") 1 1)
  (tag $thrown)
  (func (export "_start")
    try
      throw $thrown
    catch $thrown
    end))
