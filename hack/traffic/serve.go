package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// serve never returns. SIGTERM ends it at once: who wants its last connections served gives the pod
// a preStop hook, which is the time in which the address moves. SIGUSR1 makes it fail its readiness
// probe without harm to its service, SIGUSR2 makes it pass again.
func serve() {
	name, _ := os.Hostname()
	var ready atomic.Bool
	ready.Store(true)
	toggles := make(chan os.Signal, 1)
	signal.Notify(toggles, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for one := range toggles {
			ready.Store(one == syscall.SIGUSR2)
		}
	}()
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	go func() { log.Fatal(http.ListenAndServe(":8081", nil)) }()
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go answer(connection, name)
	}
}

func answer(connection net.Conn, name string) {
	defer connection.Close()
	if _, err := fmt.Fprintln(connection, name); err != nil {
		return
	}
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		if _, err := fmt.Fprintln(connection, lines.Text()); err != nil {
			return
		}
	}
}
