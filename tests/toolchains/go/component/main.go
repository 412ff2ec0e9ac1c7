// A component of WASI 0.2: a command that says what it was given and ends with 7, and a handler that answers with
// what it was asked, as JSON, and the contents in capitals.
package main

import (
	"encoding/json"
	"net/url"
	"os"
	"runtime/debug"
	"sort"
	"strings"

	"toolchains/said"
)

type seen struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Names    []string `json:"names"`
	Contents string   `json:"contents"`
	Squares  []int    `json:"squares"`
}

//go:wasmexport wasi:cli/run@0.2.10#run
func run() uint32 {
	said.Everything()
	os.Exit(7)
	return 0
}

//go:wasmexport wasi:http/incoming-handler@0.2.10#handle
func handle(request, answer uint32) {
	asked := seen{Method: method(request), Names: []string{}, Squares: []int{1, 4, 9}}
	if to, err := url.Parse(path(request)); err == nil {
		asked.Path = to.Path
		for name := range to.Query() {
			asked.Names = append(asked.Names, name)
		}
	}
	sort.Strings(asked.Names)
	asked.Contents = strings.ToUpper(string(contents(request)))
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err)
	}
	respond(answer, "application/json", text)
}

// While the host allocates through `cabi_realloc`, nothing may be called that is imported (component-model
// CanonicalABI.md, `may_leave`). A collection that is under way then goes on right there, and asks for the time. Each
// request has an instance of its own: there is nothing worth collecting.
func init() { debug.SetGCPercent(-1) }

func main() {}
