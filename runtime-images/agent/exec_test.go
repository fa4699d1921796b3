package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// heard is a whole exec answer, taken apart.
type heard struct {
	stdout, stderr, failure string
	exit                    *execExit
}

func readFrames(t *testing.T, body []byte) heard {
	t.Helper()
	var all heard
	for len(body) > 0 {
		if all.exit != nil || all.failure != "" {
			t.Fatal("a frame after the last one")
		}
		if len(body) < frameHeader {
			t.Fatal("half a header")
		}
		kind, size := body[0], int(binary.BigEndian.Uint32(body[1:frameHeader]))
		payload := string(body[frameHeader : frameHeader+size])
		body = body[frameHeader+size:]
		switch kind {
		case frameStdout:
			all.stdout += payload
		case frameStderr:
			all.stderr += payload
		case frameFailure:
			all.failure = payload
		case frameExit:
			all.exit = &execExit{}
			if err := json.Unmarshal([]byte(payload), all.exit); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func (t *testAgent) exec(ask map[string]interface{}) heard {
	t.Helper()
	if _, given := ask["cwd"]; !given {
		ask["cwd"] = "/"
	}
	status, body := t.ask("POST", "/exec", ask)
	if status != http.StatusOK {
		t.Fatalf("exec: status %d: %s", status, body)
	}
	return readFrames(t.T, body)
}

func (t *testAgent) shell(script string) heard {
	t.Helper()
	return t.exec(map[string]interface{}{"argv": []string{"sh", "-c", script}})
}

func TestExecSendsOutputAndExitCode(t *testing.T) {
	got := newTestAgent(t).shell("echo out; echo err >&2; exit 3")
	if got.stdout != "out\n" || got.stderr != "err\n" || got.exit == nil || got.exit.Code == nil || *got.exit.Code != 3 || got.exit.Signal != nil {
		t.Fatalf("%+v", got)
	}
}

func TestExecNamesTheSignal(t *testing.T) {
	got := newTestAgent(t).shell("kill -SEGV $$")
	if got.exit == nil || got.exit.Signal == nil || *got.exit.Signal != "SIGSEGV" || got.exit.Code != nil {
		t.Fatalf("%+v", got)
	}
}

func TestExecPayloadOfExitHasEveryField(t *testing.T) {
	a := newTestAgent(t)
	_, body := a.ask("POST", "/exec", map[string]interface{}{"argv": []string{"true"}, "cwd": "/"})
	if want := `{"code":0,"signal":null,"timedOut":false,"truncated":false}`; string(body[frameHeader:]) != want {
		t.Fatalf("%q", body)
	}
}

func TestExecEnvironmentIsWhatWasGivenAndTheDefaults(t *testing.T) {
	t.Setenv("OF_THE_AGENT", "1")
	got := newTestAgent(t).exec(map[string]interface{}{"argv": []string{"env"}, "env": map[string]string{"A": "b c", "LANG": "C"}})
	names := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		names[strings.SplitN(line, "=", 2)[0]] = true
	}
	if len(names) != 5 || !names["A"] || !names["PATH"] || !names["HOME"] || !names["USER"] || !names["LANG"] {
		t.Fatal(got.stdout)
	}
	if !strings.Contains(got.stdout, "A=b c\n") || !strings.Contains(got.stdout, "LANG=C\n") {
		t.Fatal(got.stdout)
	}
}

func TestExecLooksForTheProgramInTheGivenPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("#!/bin/sh\necho found\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := newTestAgent(t)
	got := a.exec(map[string]interface{}{"argv": []string{"mine"}, "env": map[string]string{"PATH": dir}})
	if got.stdout != "found\n" {
		t.Fatalf("%+v", got)
	}
	if got := a.exec(map[string]interface{}{"argv": []string{"mine"}}); !strings.Contains(got.failure, "mine: command not found") {
		t.Fatalf("%+v", got)
	}
}

func TestExecSaysWhyItCouldNotStart(t *testing.T) {
	a := newTestAgent(t)
	plain := filepath.Join(t.TempDir(), "plain")
	writeTestFile(t, plain, "no program")
	cases := map[string]map[string]interface{}{
		"permission denied":           {"argv": []string{plain}},
		"no such file":                {"argv": []string{"/nowhere/at/all"}},
		"working directory /not-here": {"argv": []string{"true"}, "cwd": "/not-here"},
	}
	for want, ask := range cases {
		if got := a.exec(ask); !strings.Contains(got.failure, want) || got.exit != nil {
			t.Errorf("wanted %q: %+v", want, got)
		}
	}
}

func TestExecRefusesWhatIsNoCommand(t *testing.T) {
	a := newTestAgent(t)
	for _, body := range []string{`{`, `{"argv":[]}`, `{"argv":[""]}`, `{"argv":["a\u0000b"]}`, `{"argv":["true"],"env":{"A=B":"c"}}`, `{"argv":"true"}`} {
		if status, answer := a.ask("POST", "/exec", strings.NewReader(body)); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

// family is a script that starts children in the same group, in a group of their own, and notes all ids.
func family(list string) string {
	return `exec 3>` + list + `; echo $$ >&3; sleep 600 & echo $! >&3; set -m; sleep 600 & echo $! >&3; wait`
}

func familyOf(t *testing.T, list string) []int {
	var ids []int
	eventually(t, "three processes", func() bool {
		ids = nil
		content, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(content)) {
			id, _ := strconv.Atoi(word)
			ids = append(ids, id)
		}
		return len(ids) == 3
	})
	return ids
}

func wantGone(t *testing.T, ids []int) {
	t.Helper()
	for _, id := range ids {
		id := id
		eventually(t, "the end of process "+strconv.Itoa(id), func() bool {
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/stat")
			return err != nil || bytes.Contains(stat, []byte(") Z ")) || syscall.Kill(id, 0) == syscall.ESRCH
		})
	}
}

func TestExecTimeoutKillsTheWholeFamily(t *testing.T) {
	list := filepath.Join(t.TempDir(), "ids")
	began := time.Now()
	got := newTestAgent(t).exec(map[string]interface{}{"argv": []string{"bash", "-c", family(list)}, "timeoutMs": 400})
	if got.exit == nil || !got.exit.TimedOut || got.exit.Signal == nil || *got.exit.Signal != "SIGKILL" || got.exit.Code != nil {
		t.Fatalf("%+v", got)
	}
	if time.Since(began) > 5*time.Second {
		t.Fatal("took too long")
	}
	wantGone(t, familyOf(t, list))
}

func TestExecDisconnectKillsTheWholeFamily(t *testing.T) {
	a := newTestAgent(t)
	list := filepath.Join(t.TempDir(), "ids")
	body, _ := json.Marshal(map[string]interface{}{"argv": []string{"bash", "-c", family(list)}, "cwd": "/"})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "POST", a.url+"/exec", bytes.NewReader(body))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	ids := familyOf(t, list)
	cancel()
	wantGone(t, ids)
}

func TestExecStreamsWhileTheCommandRuns(t *testing.T) {
	a := newTestAgent(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]interface{}{"argv": []string{"sh", "-c", "echo first; cat " + gate}, "cwd": "/"})
	response, err := http.Post(a.url+"/exec", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, frameHeader+6)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first[frameHeader:]) != "first\n" {
		t.Fatalf("%q %v", first, err)
	}
	if err := os.WriteFile(gate, []byte("second"), 0); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(response.Body)
	if got := readFrames(t, rest); got.stdout != "second" || got.exit == nil {
		t.Fatalf("%+v", got)
	}
}

func TestExecCutsOutputAtTheLimitAndLetsTheCommandFinish(t *testing.T) {
	a := newTestAgent(t)
	got := a.exec(map[string]interface{}{"argv": []string{"sh", "-c", "head -c 300000 /dev/zero; exit 5"}, "maxOutputBytes": 1000})
	if len(got.stdout) != 1000 || got.exit == nil || !got.exit.Truncated || *got.exit.Code != 5 {
		t.Fatalf("%d %+v", len(got.stdout), got.exit)
	}
	if got := a.exec(map[string]interface{}{"argv": []string{"printf", "12345"}, "maxOutputBytes": 5}); got.stdout != "12345" || got.exit.Truncated {
		t.Fatalf("%+v", got)
	}
}

func TestExecSendsEverythingOfALargeOutput(t *testing.T) {
	got := newTestAgent(t).shell("head -c 5000000 /dev/zero")
	if len(got.stdout) != 5000000 || got.exit.Truncated {
		t.Fatal(len(got.stdout))
	}
}

func TestExecDoesNotWaitForAChildLeftBehind(t *testing.T) {
	began := time.Now()
	list := filepath.Join(t.TempDir(), "ids")
	got := newTestAgent(t).shell("sleep 600 & echo $! > " + list + "; echo done")
	if got.stdout != "done\n" || got.exit == nil || *got.exit.Code != 0 || time.Since(began) > 5*time.Second {
		t.Fatalf("%+v", got)
	}
	id, _ := strconv.Atoi(strings.TrimSpace(readTestFile(t, list)))
	if err := syscall.Kill(id, 0); err != nil {
		t.Fatal("the child was killed")
	}
	_ = syscall.Kill(id, syscall.SIGKILL)
}

func TestExecGivesAnEmptyInput(t *testing.T) {
	if got := newTestAgent(t).shell("cat; echo end"); got.stdout != "end\n" {
		t.Fatalf("%+v", got)
	}
}
