package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// plainRequest is what the host sends for a command.
func plainRequest(ask startAsk, headers ...string) []byte {
	var text, body bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(ask)
	message := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	body.Write([]byte{0, byte(len(message) >> 24), byte(len(message) >> 16), byte(len(message) >> 8), byte(len(message))})
	body.Write(message)
	head := []string{
		"POST /process.Process/Start HTTP/1.1",
		"Host: guest",
		"content-type: application/connect+json",
		"authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("app:")),
		fmt.Sprintf("Content-Length: %d", body.Len()),
	}
	head = append(append(head, headers...), "", "")
	return append([]byte(strings.Join(head, "\r\n")), body.Bytes()...)
}

func plainAsk(command string, arguments ...string) startAsk {
	return startAsk{
		"process": startAsk{"cmd": command, "args": append([]string{}, arguments...), "envs": startAsk{"GIVEN": "a \"b\" \\ c"}, "cwd": "/"},
		"stdin":   false,
		"thaw":    startAsk{"attached": true, "maxOutputBytes": 100_000},
	}
}

// plainHeard sends a request as it is and reads the whole answer.
func plainHeard(t *testing.T, url string, request []byte) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// events are the messages of an answer, with each pid made 1, and one piece of each stream.
func events(t *testing.T, body []byte) string {
	t.Helper()
	var told []string
	output := map[string]string{}
	for reader := bytes.NewReader(body); ; {
		var header [5]byte
		if _, err := io.ReadFull(reader, header[:]); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		message := make([]byte, int(header[1])<<24|int(header[2])<<16|int(header[3])<<8|int(header[4]))
		if _, err := io.ReadFull(reader, message); err != nil {
			t.Fatal(err)
		}
		var event struct {
			Event struct {
				Start *struct{ Pid int }
				Data  *struct{ Stdout, Stderr []byte }
			}
		}
		if err := json.Unmarshal(message, &event); err != nil {
			t.Fatalf("%v: %s", err, message)
		}
		switch {
		case event.Event.Start != nil:
			told = append(told, "start")
		case event.Event.Data != nil:
			output["stdout"] += string(event.Event.Data.Stdout)
			output["stderr"] += string(event.Event.Data.Stderr)
		default:
			told = append(told, fmt.Sprint(header[0]), string(message))
		}
	}
	return fmt.Sprintf("%q %q", told, output)
}

func TestAPlainStartIsAnsweredAsNetHTTPAnswersIt(t *testing.T) {
	a := newTestAgent(t)
	for name, ask := range map[string]startAsk{
		"success":        plainAsk("true"),
		"failure":        plainAsk("sh", "-c", "exit 7"),
		"signal":         plainAsk("sh", "-c", "kill -TERM $$"),
		"both streams":   plainAsk("sh", "-c", "echo out; echo err >&2; printf %s \"$GIVEN\"; pwd"),
		"much":           plainAsk("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"),
		"bytes":          plainAsk("printf", "\\377\\000\\001"),
		"left behind":    plainAsk("sh", "-c", "sleep 3 & echo gone"),
		"no program":     plainAsk("/no/such/program"),
		"not found":      plainAsk("no-such-program"),
		"no directory":   {"process": startAsk{"cmd": "true", "cwd": "/no/such"}, "stdin": false, "thaw": startAsk{"attached": true}},
		"a bare command": {"process": startAsk{"cmd": "pwd"}, "stdin": false, "thaw": startAsk{"attached": true}},
		"input is empty": plainAsk("sh", "-c", "cat; echo read"),
	} {
		request := plainRequest(ask)
		if start, _ := parsePlainStart(request); start == nil {
			t.Errorf("%s: no plain start", name)
			continue
		}
		plain, body := plainHeard(t, a.url, request)
		// A header that is unknown to the door.
		other, otherBody := plainHeard(t, a.url, plainRequest(ask, "x-other: 1"))
		if plain.StatusCode != other.StatusCode || plain.Header.Get("content-type") != other.Header.Get("content-type") {
			t.Errorf("%s: %v, and not %v", name, plain, other)
		}
		if got, wanted := events(t, body), events(t, otherBody); got != wanted {
			t.Errorf("%s: %.500s\nand not %.500s", name, got, wanted)
		}
	}
}

func TestAPlainStartEndsWithItsTime(t *testing.T) {
	a := newTestAgent(t)
	began := time.Now()
	request := plainRequest(plainAsk("sh", "-c", "echo begun; sleep 60; echo never"), "connect-timeout-ms: 300")
	_, body := plainHeard(t, a.url, request)
	got := events(t, body)
	if !strings.Contains(got, "deadline_exceeded") || !strings.Contains(got, "SIGKILL") || !strings.Contains(got, "begun") || strings.Contains(got, "never") {
		t.Error(got)
	}
	if took := time.Since(began); took < 300*time.Millisecond || took > 20*time.Second {
		t.Error(took)
	}
}

func TestAPlainStartEndsWithItsCaller(t *testing.T) {
	a := newTestAgent(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(plainRequest(plainAsk("sh", "-c", "sleep 60 & echo begun; sleep 60"))); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for text := ""; !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("begun\n"))); {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err, text)
		}
		text += string(buffer[:n])
	}
	running := a.agent.sessions.list()
	if len(running) != 1 || running[0].config.Cmd != "sh" {
		t.Fatal(running)
	}
	conn.Close()
	select {
	case <-running[0].ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	if running[0].end.Signal == nil || *running[0].end.Signal != "SIGKILL" {
		t.Error(running[0].end)
	}
}

func TestOthersReadAPlainStartToo(t *testing.T) {
	a := newTestAgent(t)
	done := make(chan []byte)
	go func() {
		_, body := plainHeard(t, a.url, plainRequest(plainAsk("sh", "-c", "sleep 0.3; echo late; exit 3")))
		done <- body
	}()
	eventually(t, "a session", func() bool { return len(a.agent.sessions.list()) == 1 })
	pid := a.agent.sessions.list()[0].pid
	message := fmt.Sprintf(`{"process":{"pid":%d}}`, pid)
	request, _ := http.NewRequest("POST", a.url+"/process.Process/Connect", bytes.NewReader(append([]byte{0, 0, 0, 0, byte(len(message))}, message...)))
	request.Header.Set("content-type", "application/connect+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if got, wanted := events(t, body), events(t, <-done); got != wanted {
		t.Errorf("%s\nand not %s", got, wanted)
	}
}

func TestWhatIsNoPlainStartGoesToNetHTTP(t *testing.T) {
	whole := plainRequest(plainAsk("true"))
	if start, more := parsePlainStart(whole); start == nil || more {
		t.Fatal("the whole")
	}
	for size := range whole {
		if start, more := parsePlainStart(whole[:size]); start != nil || !more {
			t.Fatalf("the first %d bytes: %v %v", size, start, more)
		}
	}
	change := func(ask startAsk, key string, value interface{}) startAsk {
		ask[key] = value
		return ask
	}
	for name, request := range map[string][]byte{
		"another route":     []byte("GET /health HTTP/1.1\r\n\r\n"),
		"chunked":           plainRequest(plainAsk("true"), "transfer-encoding: chunked"),
		"signs of life":     plainRequest(plainAsk("true"), "keepalive-ping-interval: 1"),
		"compressed":        plainRequest(plainAsk("true"), "connect-content-encoding: gzip"),
		"expects":           plainRequest(plainAsk("true"), "expect: 100-continue"),
		"a wrong limit":     plainRequest(plainAsk("true"), "connect-timeout-ms: -1"),
		"more than a call":  append(plainRequest(plainAsk("true")), 'x'),
		"a terminal":        plainRequest(change(plainAsk("true"), "pty", startAsk{})),
		"a tag":             plainRequest(change(plainAsk("true"), "tag", "t")),
		"input":             plainRequest(change(plainAsk("true"), "stdin", true)),
		"input, by default": plainRequest(startAsk{"process": startAsk{"cmd": "true"}, "thaw": startAsk{"attached": true}}),
		"not attached":      plainRequest(startAsk{"process": startAsk{"cmd": "true"}, "stdin": false}),
		"another escape":    plainRequest(plainAsk("printf", "\u0001\u2028<")),
		"wrong type":        plainRequest(startAsk{"process": 1, "stdin": false, "thaw": startAsk{"attached": true}}),
	} {
		if start, more := parsePlainStart(request); start != nil || more {
			t.Errorf("%s: %v %v", name, start, more)
		}
	}
}

func FuzzPlainStartMessage(f *testing.F) {
	for _, ask := range []startAsk{plainAsk("true"), plainAsk("sh", "-c", "a\tb\nc\\d\"e"), {}} {
		message, _ := json.Marshal(ask)
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var plain, whole startRequest
		if !parseStartMessage(message, &plain) {
			return
		}
		if err := json.Unmarshal(message, &whole); err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		one, _ := json.Marshal(plain)
		other, _ := json.Marshal(whole)
		if whole.Process.Args == nil {
			other = bytes.ReplaceAll(other, []byte(`"args":null`), []byte(`"args":[]`))
		}
		if !bytes.Equal(one, other) {
			t.Fatalf("%q: %s and not %s", message, one, other)
		}
	})
}
