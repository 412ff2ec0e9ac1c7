// Package said says what a program was given, as command.c does.
package said

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func variable(name string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return "unset"
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

// Everything there is to say.
func Everything() {
	fmt.Print("args:")
	for _, arg := range os.Args[1:] {
		fmt.Printf(" [%s]", arg)
	}
	fmt.Printf("\nGREETING: %s, SECRET: %s\n", variable("GREETING"), variable("SECRET"))

	text := "no"
	if read, err := os.ReadFile("/data/in.txt"); err == nil {
		text = strings.TrimSpace(string(read))
	}
	wrote := os.WriteFile("/data/out.txt", []byte(text+", read\n"), 0o644) == nil
	_, outside := os.ReadFile("/data/../secret.txt")
	fmt.Printf("read: %s, wrote: %s, outside: %s\n", text, yes(wrote), yes(outside == nil))

	before := time.Now()
	if time.Since(before) >= 0 && before.Unix() > 1700000000 {
		fmt.Println("clocks: go")
	} else {
		fmt.Println("clocks: stand")
	}
}
