package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testPort is a thaw port on real sockets, with steps that are recorded.
type testPort struct {
	*testing.T
	port    *thawPort
	address string
	door    string
	steps   record
}

// openTestPort serves until the test ends. limit is how long subscribers may take, in seconds.
func openTestPort(t *testing.T, failing string, limit int64) *testPort {
	t.Helper()
	p := &testPort{T: t, door: filepath.Join(t.TempDir(), "thaw.sock")}
	port := &thawPort{answered: -1, peer: [4]byte{127, 0, 0, 1}, steps: recordedSteps(&p.steps, failing), subscribers: newSubscriberSet(limit)}
	var err error
	if port.listener, err = listenTCP([4]byte{127, 0, 0, 1}, 0, 1); err != nil {
		t.Fatal(err)
	}
	if port.door, err = listenUnix(p.door); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(port.listener)
	if err != nil {
		t.Fatal(err)
	}
	p.address = (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}).String()
	note := port.steps.subscribers
	port.steps.subscribers = func() string {
		if message := note(); message != "" {
			return message
		}
		return port.subscribers.tell()
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			errno := port.once()
			select {
			case <-stop:
				return
			default:
			}
			if errno != 0 {
				t.Error(errno)
				return
			}
		}
	}()
	p.port = port
	t.Cleanup(func() {
		close(stop)
		if waker, err := net.Dial("unix", p.door); err == nil {
			waker.Close()
		}
		<-ended
		closeFD(port.listener)
		closeFD(port.door)
		for _, one := range port.subscribers.list {
			closeFD(one.fd)
		}
	})
	return p
}

// thaw sends bytes in the given pieces and returns the whole answer.
func (p *testPort) thaw(pieces ...string) string {
	p.Helper()
	conn, err := net.Dial("tcp4", p.address)
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close()
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that the pieces arrive apart
		}
		if _, err := io.WriteString(conn, piece); err != nil {
			p.Fatal(err)
		}
	}
	// The agent leaves the connection open: a line is the answer, not an end.
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		p.Fatal(err)
	}
	return answer
}

func TestThawIsAnswered(t *testing.T) {
	p := openTestPort(t, "", 5)
	if got := p.thaw(someThaw + "\n"); got != "ok\n" || !reflect.DeepEqual(p.steps.done(), stepsInOrder) {
		t.Fatalf("%q %v", got, p.steps.done())
	}
	if got := p.thaw(someThaw[:100], someThaw[100:], "\n"); got != "ok\n" {
		t.Fatalf("%q", got)
	}
}

func TestThawPortNamesWhatFailed(t *testing.T) {
	for _, name := range []string{"reseed", "clock", "identity", "limits", "subscribers"} {
		if got := openTestPort(t, name, 5).thaw(someThaw + "\n"); got != "error "+name+" no\n" {
			t.Errorf("%q", got)
		}
	}
}

func TestThawPortRefusesBadLinesAndLivesOn(t *testing.T) {
	t.Parallel()
	p := openTestPort(t, "", 5)
	for sent, want := range map[string]string{
		"\n":                              "error parse line does not begin with thaw\n",
		"thaw 1\n":                        "error parse bad clock\n",
		strings.Repeat("x", 512):          "error parse line is too long\n",
		someThaw + "\n" + someThaw + "\n": "error parse bad tasks-max\n",
		someThaw[:50]:                     "error read line broke off\n", // after the second that the test allows
		"GET /thaw HTTP/1.1\r\n\r\n":      "error parse line does not begin with thaw\n",
	} {
		if got := p.thaw(sent); got != want {
			t.Errorf("%q: %q", sent, got)
		}
	}
	if len(p.steps.done()) != 0 {
		t.Fatal(p.steps.done())
	}
	if got := p.thaw(someThaw + "\n"); got != "ok\n" {
		t.Fatalf("%q", got)
	}
}

func TestThawPortHangsUpOnStrangers(t *testing.T) {
	p := openTestPort(t, "", 5)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.Dial("tcp4", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, someThaw+"\n")
	if answer, _ := io.ReadAll(conn); len(answer) != 0 || len(p.steps.done()) != 0 {
		t.Fatalf("%q %v", answer, p.steps.done())
	}
}

func TestThawAllocatesNothing(t *testing.T) {
	dir := t.TempDir()
	id, err := openIdentity(dir, dir, func([]byte) syscall.Errno { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	page, err := openRenewalPage(filepath.Join(dir, "renewal"))
	if err != nil {
		t.Fatal(err)
	}
	port := &thawPort{answered: -1, subscribers: newSubscriberSet(1)}
	ours, theirs := socketPair(t)
	port.subscribers.list = append(port.subscribers.list, &subscriber{fd: ours})
	port.steps = thawSteps{
		reseed:      func([]byte) string { return "" },
		setClock:    func(int64, int64) string { return "" },
		identify:    id.become,
		limitTasks:  func(int64) string { return "" },
		page:        page.renew,
		subscribers: port.subscribers.tell,
	}
	agentEnd, hostEnd := socketPair(t)
	line, answer := []byte(someThaw+"\n"), make([]byte, 100)
	n := testing.AllocsPerRun(50, func() {
		// The answer of the subscriber is there before the question; nobody reads it before the question is asked.
		_, _ = sendNow(theirs, []byte("ok\n"))
		_, _ = sendNow(hostEnd, line)
		port.converse(agentEnd)
		if got, _ := receiveNow(hostEnd, answer); string(answer[:got]) != "ok\n" {
			t.Fatalf("%q", answer[:got])
		}
		for {
			if _, errno := receiveNow(theirs, answer); errno != 0 {
				break
			}
		}
	})
	if n != 0 {
		t.Fatal(n)
	}
}

func socketPair(t *testing.T) (int, int) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeFD(pair[0])
		closeFD(pair[1])
	})
	return pair[0], pair[1]
}
