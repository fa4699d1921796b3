package main

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// testSubscriber is a runtime's side of the unix socket.
type testSubscriber struct {
	*testPort
	conn  net.Conn
	lines *bufio.Reader
}

// subscribe connects and says how much is pending, which shows when the agent has taken it in.
func (p *testPort) subscribe() *testSubscriber {
	p.Helper()
	conn, err := net.Dial("unix", p.door)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { conn.Close() })
	s := &testSubscriber{p, conn, bufio.NewReader(conn)}
	before := p.port.subscribers.pending.Load()
	s.say("pending 1\n")
	eventually(p.T, "a subscriber", func() bool { return p.port.subscribers.pending.Load() == before+1 })
	return s
}

func (s *testSubscriber) say(text string) {
	s.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.Fatal(err)
	}
}

// told waits for the thaw line and returns its entropy.
func (s *testSubscriber) told() string {
	line, err := s.lines.ReadString('\n')
	if err != nil || !regexp.MustCompile(`^thaw [0-9a-f]{64}\n$`).MatchString(line) {
		s.Errorf("%q %v", line, err)
		return ""
	}
	return line[len("thaw ") : len(line)-1]
}

func TestEverySubscriberGetsEntropyOfItsOwnBeforeTheThawIsOver(t *testing.T) {
	p := openTestPort(t, "", 5)
	one, other := p.subscribe(), p.subscribe()
	answers := make(chan string)
	seen := map[string]bool{}
	for round := 0; round < 2; round++ {
		go func() { answers <- p.thaw(someThaw + "\n") }()
		seen[one.told()], seen[other.told()] = true, true
		one.say("ok\n")
		select {
		case early := <-answers:
			t.Fatalf("answered before all had: %q", early)
		case <-time.After(50 * time.Millisecond):
		}
		other.say("pending 4\no")
		other.say("k\n")
		if got := <-answers; got != "ok\n" {
			t.Fatalf("%q", got)
		}
	}
	if len(seen) != 4 {
		t.Fatal(seen)
	}
}

func TestSubscriberThatFailsFailsTheThaw(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(s *testSubscriber)
		want string
	}{
		"says so":      {func(s *testSubscriber) { s.say("error no more numbers\n") }, "error subscribers a subscriber failed: no more numbers\n"},
		"hangs up":     {func(s *testSubscriber) { s.conn.Close() }, "error subscribers a subscriber hung up\n"},
		"is silent":    {func(*testSubscriber) {}, "error subscribers a subscriber did not answer in time\n"},
		"talks much":   {func(s *testSubscriber) { s.say("pending 2\npending 3\n") }, "error subscribers a subscriber did not answer in time\n"},
		"talks rubble": {func(s *testSubscriber) { s.say("okay\n") }, "error subscribers a subscriber hung up\n"},
	} {
		c := c
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openTestPort(t, "", 1)
			good, bad := p.subscribe(), p.subscribe()
			var both sync.WaitGroup
			both.Add(2)
			defer both.Wait()
			go func() {
				defer both.Done()
				good.told()
				good.say("ok\n")
			}()
			go func() {
				defer both.Done()
				bad.told()
				c.act(bad)
			}()
			if got := p.thaw(someThaw + "\n"); got != c.want {
				t.Fatalf("%q", got)
			}
		})
	}
}

func TestAnswerGivenBeforeTheQuestionDoesNotCount(t *testing.T) {
	t.Parallel()
	p := openTestPort(t, "", 1)
	p.subscribe().say("ok\nok\n")
	if got := p.thaw(someThaw + "\n"); got != "error subscribers a subscriber did not answer in time\n" {
		t.Fatalf("%q", got)
	}
}

func TestSubscriberThatLeftIsNotWaitedFor(t *testing.T) {
	p := openTestPort(t, "", 5)
	s := p.subscribe()
	s.conn.Close()
	if got := p.thaw(someThaw + "\n"); got != "ok\n" {
		t.Fatalf("%q", got)
	}
}

func TestSubscriberThatWatchesThePageIsNotToldOfThaws(t *testing.T) {
	p := openTestPort(t, "", 5)
	one := p.subscribe()
	one.say("watches\npending 2\n")
	eventually(t, "the lines", func() bool { return p.port.subscribers.pending.Load() == 2 })
	if answer := p.thaw(someThaw + "\n"); answer != "ok\n" {
		t.Fatalf("%q", answer)
	}
	_ = one.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if line, err := one.lines.ReadString('\n'); err == nil {
		t.Fatalf("told %q", line)
	}
}

func TestPendingIsTheSumOfWhatSubscribersLastSaid(t *testing.T) {
	p := openTestPort(t, "", 5)
	sum := func(want int64) {
		t.Helper()
		eventually(t, "the sum", func() bool { return p.port.subscribers.pending.Load() == want })
	}
	one, other := p.subscribe(), p.subscribe()
	sum(2)
	one.say("pending 3\npending 5\n")
	other.say("pending 7\n")
	sum(12)
	other.say("pending 0\n")
	sum(5)
	one.conn.Close()
	sum(0)
	other.say("pending -1\n")
	if _, err := other.lines.ReadByte(); err != io.EOF {
		t.Fatal("a line that is none was accepted", err)
	}
}

func TestSubscriberWithAnEndlessLineIsDropped(t *testing.T) {
	s := openTestPort(t, "", 5).subscribe()
	_, _ = io.WriteString(s.conn, strings.Repeat("x", 4096))
	if _, err := s.lines.ReadByte(); err == nil {
		t.Fatal("still connected")
	}
}

func TestSubscribersBeyondTheMostAreTurnedAway(t *testing.T) {
	p := openTestPort(t, "", 5)
	for i := 0; i < subscribersMost; i++ {
		p.subscribe()
	}
	conn, err := net.Dial("unix", p.door)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("still connected")
	}
}
