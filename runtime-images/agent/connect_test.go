package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// call asks a unary method and insists on the error code; an empty one is success, whose answer is decoded.
func (t *testAgent) call(method string, ask interface{}, code string, into interface{}) string {
	t.Helper()
	text, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(t.url+"/"+method, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	var no struct{ Code, Message string }
	if response.StatusCode != http.StatusOK {
		if err := json.Unmarshal(body, &no); err != nil || no.Message == "" {
			t.Fatalf("%s: %d %s", method, response.StatusCode, body)
		}
		if status := connectCode(no.Code).status(); status != response.StatusCode {
			t.Errorf("%s: %s with status %d", method, no.Code, response.StatusCode)
		}
	}
	if no.Code != code {
		t.Fatalf("%s %s: wanted %q: %d %s", method, text, code, response.StatusCode, body)
	}
	if into != nil && code == "" {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v: %s", method, err, body)
		}
	}
	return no.Message
}

// envelope is one message of a request that streams.
func envelope(message string) []byte {
	header := make([]byte, envelopeHeader)
	binary.BigEndian.PutUint32(header[1:], uint32(len(message)))
	return append(header, message...)
}

// testStream is the answer of a method that streams.
type testStream struct {
	t    *testing.T
	body io.ReadCloser
	stop context.CancelFunc
}

// open calls a method that streams. Headers are names and values in turn.
func (t *testAgent) open(method string, ask interface{}, headers ...string) *testStream {
	t.Helper()
	text, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	request, _ := http.NewRequestWithContext(ctx, "POST", t.url+"/"+method, bytes.NewReader(envelope(string(text))))
	request.Header.Set("content-type", "application/connect+json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("content-type") != "application/connect+json" {
		t.Fatal(method, response.Status, response.Header)
	}
	return &testStream{t.T, response.Body, stop}
}

// next decodes the next message. At the end it returns false, and the error that the stream ended with.
func (s *testStream) next(into interface{}) (more bool, code, message string) {
	s.t.Helper()
	var header [envelopeHeader]byte
	if _, err := io.ReadFull(s.body, header[:]); err != nil {
		s.t.Fatal(err)
	}
	text := make([]byte, binary.BigEndian.Uint32(header[1:]))
	if _, err := io.ReadFull(s.body, text); err != nil {
		s.t.Fatal(err)
	}
	var last struct {
		Error struct{ Code, Message string }
	}
	if header[0] == envelopeEnd {
		into = &last
	}
	if err := json.Unmarshal(text, into); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
	if header[0] != envelopeEnd {
		return true, "", ""
	}
	if n, err := s.body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		s.t.Fatal("something after the end")
	}
	return false, last.Error.Code, last.Error.Message
}

func TestCallsThatAreNoneAreRefused(t *testing.T) {
	a := newTestAgent(t)
	post := func(path, kind, body string, headers ...string) (int, string) {
		request, _ := http.NewRequest("POST", a.url+path, strings.NewReader(body))
		request.Header.Set("content-type", kind)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(answer)
	}
	for _, one := range []struct {
		path, kind, body string
		headers          []string
		status           int
		says             string
	}{
		{"/process.Process/List", "application/proto", "", nil, 415, ""},
		{"/process.Process/List", "application/connect+json", "", nil, 415, ""},
		{"/process.Process/Start", "application/json", "{}", nil, 415, ""},
		{"/process.Process/Nothing", "application/json", "{}", nil, 404, "no such route"},
		{"/process.Process/List", "application/json; charset=utf-8", "", nil, 200, `"processes":[]`},
		{"/process.Process/List", "application/json", `{"unknown":1}`, nil, 200, `"processes":[]`},
		{"/filesystem.Filesystem/Stat", "application/json", "{", nil, 400, "invalid_argument"},
		{"/filesystem.Filesystem/Stat", "application/json", `{"path":7}`, nil, 400, "invalid_argument"},
		{"/filesystem.Filesystem/Stat", "application/json", `{}`, []string{"content-encoding", "gzip"}, 501, "unimplemented"},
		{"/filesystem.Filesystem/Stat", "application/json", `{}`, []string{"connect-timeout-ms", "soon"}, 400, "invalid_argument"},
		{"/filesystem.Filesystem/Stat", "application/json", strings.Repeat(" ", bodyLimit+1), nil, 429, "resource_exhausted"},
		{"/process.Process/Start", "application/connect+json", "", nil, 200, "invalid_argument"},
		{"/process.Process/Start", "application/connect+json", "\x00\x00", nil, 200, "invalid_argument"},
		{"/process.Process/Start", "application/connect+json", "\x00\xff\x00\x00\x00{}", nil, 200, "resource_exhausted"},
		{"/process.Process/Start", "application/connect+json", "\x01\x00\x00\x00\x02{}", nil, 200, "unimplemented"},
		{"/process.Process/Start", "application/connect+json", "\x00\x00\x00\x00\x02{}more", nil, 200, "invalid_argument"},
		{"/process.Process/Start", "application/connect+json", "\x00\x00\x00\x00\x02{}", []string{"connect-timeout-ms", "-1"}, 200, "invalid_argument"},
	} {
		status, answer := post(one.path, one.kind, one.body, one.headers...)
		if status != one.status || !strings.Contains(answer, one.says) {
			t.Errorf("%s %s %.40q: %d %s", one.path, one.kind, one.body, status, answer)
		}
	}
}

func TestUnknownUsersAreRefusedByName(t *testing.T) {
	a := newTestAgent(t)
	known := a.agent.lookup
	a.agent.lookup = func(name string) (account, error) {
		if name != "user" && name != "root" {
			return account{}, badRequest("no")
		}
		who, err := known(name)
		who.name = name
		return who, err
	}
	for name, code := range map[string]string{"": "", "root": "", "nobody": "unauthenticated"} {
		headers := []string{}
		if name != "" {
			request, _ := http.NewRequest("POST", "/", nil)
			request.SetBasicAuth(name, "")
			headers = append(headers, "authorization", request.Header.Get("authorization"))
		}
		got := a.start(startAsk{"process": startAsk{"cmd": "sh", "args": []string{"-c", "echo $USER"}}}, headers...)
		want := name
		if name == "" {
			want = "user"
		}
		if got.code != code || (code == "" && got.stdout != want+"\n") {
			t.Errorf("%q: %+v", name, got)
		}
	}
	if status, _ := a.ask("GET", "/files?path=x&username=nobody", nil); status != http.StatusUnauthorized {
		t.Error(status)
	}
}

func TestTextIsLaidOutAsJSON(t *testing.T) {
	for _, text := range []string{"", "plain", "q\"b\\", "\x00\x01\n\t\x1f\x7f", "äöü€😀\u2028", "/<>&"} {
		var back string
		if err := json.Unmarshal(appendJSON(nil, text), &back); err != nil || back != text {
			t.Errorf("%q: %q %v", text, back, err)
		}
	}
	if got := string(appendJSON(nil, "a\xffb\xc3")); got != "\"a\ufffdb\ufffd\"" {
		t.Errorf("%q", got)
	}
}

func TestInitSetsWhatCallsBegin(t *testing.T) {
	a := newTestAgent(t)
	dir := t.TempDir()
	a.want(http.StatusNoContent, "POST", "/init", map[string]interface{}{
		"envVars": map[string]string{"A": "1", "B": "2"}, "defaultUser": "root", "defaultWorkdir": dir, "accessToken": "x", "timestamp": time.Now(),
	}, nil)
	got := a.start(startAsk{"process": startAsk{"cmd": "sh", "args": []string{"-c", "echo $A $B $PWD"}, "envs": startAsk{"B": "3"}}})
	if got.stdout != "1 3 "+dir+"\n" {
		t.Fatalf("%+v", got)
	}
	a.want(http.StatusNoContent, "POST", "/init", map[string]interface{}{"envVars": map[string]string{"C": "4"}}, nil)
	if _, body := a.ask("GET", "/envs", nil); string(body) != `{"C":"4"}`+"\n" {
		t.Fatalf("%s", body)
	}
	for _, bad := range []startAsk{{"envVars": startAsk{"A=B": "x"}}, {"defaultWorkdir": "relative"}, {"envVars": 7}} {
		var no struct{ Code int }
		if a.want(http.StatusBadRequest, "POST", "/init", bad, &no); no.Code != http.StatusBadRequest {
			t.Error(bad, no)
		}
	}
}
