package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	every = 5 * time.Millisecond
	// Below the second after which Linux sends a lost SYN again: a connection that needed a second
	// attempt of the kernel counts as failed, since its user waited.
	patience = 900 * time.Millisecond
	longest  = time.Second           // of a run of answers, so that a reader is never far behind
	hole     = 50 * time.Millisecond // between two answers ends a run; a third of them may be another pod's
	tick     = 100 * time.Millisecond
)

// A line of the history. Absent fields are zero.
type line struct {
	T      float64 `json:"t"`
	Kind   string  `json:"kind"`
	Target string  `json:"target"`
	Pod    string  `json:"pod,omitempty"`
	Until  float64 `json:"until,omitempty"`
	Count  int     `json:"count,omitempty"`
	Took   float64 `json:"took,omitempty"`
	Error  string  `json:"error,omitempty"`
}

var (
	out   = json.NewEncoder(os.Stdout)
	outMu sync.Mutex
)

func say(one line) {
	outMu.Lock()
	defer outMu.Unlock()
	if out.Encode(one) != nil {
		os.Exit(0) // whoever listened has gone
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// ask never returns.
func ask(targets []string) {
	for _, one := range targets {
		name, address, _ := strings.Cut(one, "=")
		go connect(name, address)
		go hold(name, address)
	}
	select {}
}

// connect asks every 5 ms whether or not the last one was answered: a client that waits for its
// timeouts measures them, not the outage.
func connect(name, address string) {
	run := &answers{target: name, spans: map[string]*span{}}
	go run.sweep()
	ports := rotation{int(time.Now().UnixMilli()/every.Milliseconds()) % ports}
	for range time.Tick(every) {
		port := ports.next()
		go func() {
			began := time.Now()
			pod, err := once(address, port)
			run.add(began, time.Since(began), pod, err)
		}()
	}
}

// rotation gives each source port again after more than 4 minutes only. The kernel gives one that failed to
// connect again within seconds, and a node's conntrack remembers for 2 minutes where the first SYN
// of it went: such a connection follows its predecessor to an owner that is gone, and by trying
// keeps the memory alive. Clients on many machines do not do that to themselves. Where it begins is the
// clock's to say, so that clients started anew do not follow those before them either.
type rotation struct{ last int }

// The rest is the kernel's to give, which the net.ipv4.ip_local_port_range of the container has to
// leave out.
const firstPort, ports = 10000, 55000

func (r *rotation) next() int {
	r.last = (r.last + 1) % ports
	return firstPort + r.last
}

// dialer of a source port that another target may use, too.
func dialer(port int) *net.Dialer {
	return &net.Dialer{
		Timeout:   patience,
		LocalAddr: &net.TCPAddr{Port: port},
		Control: func(_, _ string, connection syscall.RawConn) error {
			return connection.Control(func(number uintptr) {
				_ = syscall.SetsockoptInt(int(number), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
			})
		},
	}
}

func once(address string, port int) (string, error) {
	connection, err := dialer(port).Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	text, err := bufio.NewReader(connection).ReadString('\n')
	return strings.TrimSpace(text), err
}

// span is a run of answers of one pod, without a hole between them.
type span struct {
	from, until time.Time
	count       int
}

// answers of one target; several pods may answer in turn.
type answers struct {
	sync.Mutex
	target string
	spans  map[string]*span
}

func (a *answers) add(began time.Time, took time.Duration, pod string, err error) {
	a.Lock()
	defer a.Unlock()
	if err != nil {
		say(line{T: seconds(began), Kind: "failed", Target: a.target, Took: took.Seconds(), Error: word(err)})
		return
	}
	open := a.spans[pod]
	if open != nil && began.Sub(open.until) > hole {
		a.end(pod, open)
		open = nil
	}
	if open == nil {
		open = &span{from: began, until: began}
		a.spans[pod] = open
	}
	// Answers may overtake each other.
	if began.Before(open.from) {
		open.from = began
	}
	if began.After(open.until) {
		open.until = began
	}
	open.count++
}

// sweep ends what is long enough, and what nobody added to for a while.
func (a *answers) sweep() {
	for range time.Tick(longest / 4) {
		a.Lock()
		for pod, open := range a.spans {
			if now := time.Now(); now.Sub(open.from) > longest || now.Sub(open.until) > patience {
				a.end(pod, open)
			}
		}
		a.Unlock()
	}
}

func (a *answers) end(pod string, done *span) {
	say(line{T: seconds(done.from), Kind: "answered", Target: a.target, Pod: pod, Until: seconds(done.until), Count: done.count})
	delete(a.spans, pod)
}

// hold keeps one connection open and says something on it ten times a second; when it breaks, the
// next one is opened. The ends of it tell whether a move broke a connection that was open.
func hold(name, address string) {
	for {
		began := time.Now()
		pod, err := holdOnce(name, address)
		if pod != "" {
			say(line{T: seconds(began), Kind: "held", Target: name, Pod: pod, Until: seconds(time.Now()), Error: word(err)})
		}
		time.Sleep(tick)
	}
}

func holdOnce(name, address string) (string, error) {
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	_ = connection.SetDeadline(time.Now().Add(patience))
	text, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	pod := strings.TrimSpace(text)
	say(line{T: seconds(time.Now()), Kind: "holds", Target: name, Pod: pod})
	for range time.Tick(tick) {
		// As long as a node that freezes for a moment may need; a dead one is noticed all the same.
		_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err = connection.Write([]byte("still there\n")); err != nil {
			return pod, err
		}
		if _, err = reader.ReadString('\n'); err != nil {
			return pod, err
		}
	}
	return pod, nil
}

func word(err error) string {
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}
