// A command of WASI 0.1: says what it was given, and ends with 7.
package main

import (
	"os"

	"toolchains/said"
)

func main() {
	said.Everything()
	os.Exit(7)
}
