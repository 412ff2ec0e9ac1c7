require "digest"
require "json"
def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
counts = ("the quick brown fox " * 2000).scan(/\w+/).tally
puts [RUBY_VERSION, fib(20), counts.to_json, Digest::SHA256.hexdigest("x" * 100000)[0, 16], (2**4001) % 1000007].join(" ")
$stdout.flush
