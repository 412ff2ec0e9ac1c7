# What a script does: numbers, text, JSON, a digest.
import hashlib
import json
import re


def primes(n):
    sieve = bytearray([1]) * n
    for i in range(2, int(n**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(sieve[i * i :: i]))
    return sum(sieve[2:])


counts = {}
for word in re.findall(r"\w+", "the quick brown fox " * 2000):
    counts[word] = counts.get(word, 0) + 1
digest = hashlib.sha256(b"x" * 1000000).hexdigest()[:16]
print(primes(200000), json.dumps(counts), digest, 2**4001 % 1000007)
