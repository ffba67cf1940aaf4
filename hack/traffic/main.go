// traffic is both ends of the connections that a chaos run watches.
//
//	traffic serve                  in a pod: names itself on each connection, then echoes lines
//	traffic ask NAME=HOST:PORT...  outside of the pods: asks each target every 5 ms, for ever
//
// The client prints one JSON line for each connection that failed, and one for each run of answers
// of the same pod, about a second long: at 200 connections a second and target, a line each would
// be most of the work of the machine that is measured. Times are seconds since 1970.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
	}
	if len(os.Args) > 2 && os.Args[1] == "ask" {
		ask(os.Args[2:])
	}
	fmt.Fprintln(os.Stderr, "usage: traffic serve | traffic ask NAME=HOST:PORT...")
	os.Exit(2)
}
