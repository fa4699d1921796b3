package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func stdin(pid int, text string) startAsk {
	return with(pidOf(pid), "input", startAsk{"stdin": base64Of(text)})
}

// running starts a process and waits for its start.
func (t *testAgent) running(ask startAsk) (*testStream, *heard) {
	t.Helper()
	stream, got := t.open("process.Process/Start", ask), &heard{}
	got.until(stream, "its start", func() bool { return got.pid != 0 })
	return stream, got
}

func withInput(words ...string) startAsk { return with(process(words...), "stdin", true) }

func TestInputIsWrittenInOrderAndEnds(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(withInput("cat"))
	binary := "\x00\xff\n\r\x04"
	a.call("process.Process/SendInput", stdin(got.pid, "one "), "", nil)
	a.call("process.Process/SendInput", stdin(got.pid, binary), "", nil)
	a.call("process.Process/SendInput", with(pidOf(got.pid), "input", startAsk{"either": base64Of(" two")}), "", nil)
	got.until(stream, "its echo", func() bool { return got.stdout == "one "+binary+" two" })
	a.call("process.Process/CloseStdin", pidOf(got.pid), "", nil)
	if got.rest(stream); got.end.ExitCode != 0 || got.stdout != "one "+binary+" two" {
		t.Fatalf("%+v", got)
	}
	a.call("process.Process/SendInput", stdin(got.pid, "late"), "not_found", nil)
	a.call("process.Process/CloseStdin", pidOf(got.pid), "not_found", nil)
}

func TestInputThatCannotBeIsRefused(t *testing.T) {
	a := newTestAgent(t)
	_, without := a.running(process("sleep", "600"))
	a.call("process.Process/SendInput", stdin(without.pid, "x"), "failed_precondition", nil)
	a.call("process.Process/CloseStdin", pidOf(without.pid), "", nil)
	a.call("process.Process/Update", with(pidOf(without.pid), "pty", startAsk{"size": startAsk{"cols": 1, "rows": 1}}), "failed_precondition", nil)
	_, one := a.running(withInput("sleep", "600"))
	a.call("process.Process/SendInput", pidOf(one.pid), "invalid_argument", nil)
	a.call("process.Process/SendInput", with(pidOf(one.pid), "input", startAsk{"pty": "eA=="}), "failed_precondition", nil)
	a.call("process.Process/SendInput", with(pidOf(one.pid), "input", startAsk{"stdin": "no base64"}), "invalid_argument", nil)
	a.call("process.Process/CloseStdin", pidOf(one.pid), "", nil)
	a.call("process.Process/CloseStdin", pidOf(one.pid), "", nil)
	a.call("process.Process/SendInput", stdin(one.pid, "x"), "failed_precondition", nil)
}

func TestAProcessWithoutInputFindsItEmpty(t *testing.T) {
	if got := newTestAgent(t).shell("cat; echo end"); got.stdout != "end\n" {
		t.Fatalf("%+v", got)
	}
}

func TestInputWaitsForAProcessThatDoesNotRead(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(withInput("sh", "-c", "kill -STOP $$; wc -c"))
	text, _ := json.Marshal(stdin(got.pid, strings.Repeat("x", 1<<20)))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "POST", a.url+"/process.Process/SendInput", bytes.NewReader(text))
	request.Header.Set("content-type", "application/json")
	if response, err := http.DefaultClient.Do(request); err == nil {
		t.Fatal(response.Status)
	}
	// The one who left does not hold up the next.
	_ = syscall.Kill(got.pid, syscall.SIGCONT)
	a.call("process.Process/SendInput", stdin(got.pid, "y"), "", nil)
	a.call("process.Process/CloseStdin", pidOf(got.pid), "", nil)
	if got.rest(stream); got.end.ExitCode != 0 || strings.TrimSpace(got.stdout) == "" {
		t.Fatalf("%+v", got)
	}
}

func TestAStreamOfInputIsWritten(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(withInput("md5sum"))
	send := func(messages ...interface{}) (bool, string) {
		var body []byte
		for _, message := range messages {
			text, _ := json.Marshal(message)
			body = append(body, envelope(string(text))...)
		}
		response, err := http.Post(a.url+"/process.Process/StreamInput", "application/connect+json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer := &testStream{t, response.Body, func() {}}
		more, code, _ := answer.next(&struct{}{})
		if more {
			_, code, _ = answer.next(&struct{}{})
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return more, code
	}
	data := startAsk{"data": startAsk{"input": startAsk{"stdin": base64Of(strings.Repeat("0123456789", 100000))}}}
	if answered, code := send(startAsk{"start": pidOf(got.pid)}, data, startAsk{"keepalive": startAsk{}}, data); !answered || code != "" {
		t.Fatal(answered, code)
	}
	if _, code := send(data); code != "invalid_argument" {
		t.Fatal(code)
	}
	if _, code := send(startAsk{"start": pidOf(1 << 30)}, data); code != "not_found" {
		t.Fatal(code)
	}
	a.call("process.Process/CloseStdin", pidOf(got.pid), "", nil)
	// printf '0123456789%.0s' {1..200000} | md5sum
	if got.rest(stream); got.stdout != md5Of(strings.Repeat("0123456789", 200000))+"  -\n" {
		t.Fatalf("%+v", got)
	}
}
