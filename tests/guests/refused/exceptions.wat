;; Exception handling: a throw and its catch.
(module
  (memory (export "memory") 1 1)
  (tag $thrown)
  (func (export "_start")
    (block $caught
      (try_table (catch $thrown $caught)
        (throw $thrown)))))
