package main

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// serveBehindDoor serves an agent as main does, to one peer.
func serveBehindDoor(t *testing.T, peer net.IP) (*door, *agent) {
	t.Helper()
	a := newTestAgent(t).agent
	door, err := openDoor(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, peer, a)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(a)
	t.Cleanup(func() { server.Close() })
	go door.serve()
	go func() { _ = server.Serve(door) }()
	return door, a
}

func TestOnlyTheHostIsLetIn(t *testing.T) {
	listener, _ := serveBehindDoor(t, net.IPv4(127, 0, 0, 3))
	for from, wanted := range map[string]bool{"127.0.0.3": true, "127.0.0.1": false, "127.0.0.2": false} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		response, err := client.Get("http://" + listener.Addr().String() + "/health")
		if (err == nil) != wanted {
			t.Errorf("%s: %v", from, err)
		}
		if err == nil {
			response.Body.Close()
		}
	}
}

func TestHealthTellsTheVersion(t *testing.T) {
	var answer struct {
		Version string
		Uptime  float64
	}
	newTestAgent(t).want(http.StatusOK, "GET", "/health", nil, &answer)
	if answer.Version != version || answer.Uptime <= 0 {
		t.Fatal(answer)
	}
}

func TestMetricsTellOfMemoryAndDisk(t *testing.T) {
	var answer metricsAnswer
	newTestAgent(t).want(http.StatusOK, "GET", "/metrics", nil, &answer)
	if answer.Memory < 1<<20 || answer.MemoryUsed > answer.Memory || answer.Disk < answer.DiskUsed || answer.CPUs < 1 || answer.CPUUsed <= 0 || answer.CPUUsed > 100 {
		t.Fatalf("%+v", answer)
	}
}

func TestPendingIsAnswered(t *testing.T) {
	if _, body := newTestAgent(t).ask("GET", "/pending", nil); string(body) != `{"pending":3}`+"\n" {
		t.Fatalf("%s", body)
	}
}

func TestUnknownRoutesAndMethodsAreRefused(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusNotFound, "GET", "/", nil, nil)
	a.want(http.StatusNotFound, "GET", "/files/", nil, nil)
	a.want(http.StatusMethodNotAllowed, "GET", "/process.Process/Start", nil, nil)
	a.want(http.StatusMethodNotAllowed, "DELETE", "/tree", nil, nil)
}

func TestSettlingClosesIdleConnections(t *testing.T) {
	listener, _ := serveBehindDoor(t, net.IPv4(127, 0, 0, 1))
	idle, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	_, _ = io.WriteString(idle, "GET /health HTTP/1.1\r\nHost: agent\r\n\r\n")
	if _, err := idle.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	response, err := http.Post("http://"+listener.Addr().String()+"/settle", "", nil)
	if err != nil || response.StatusCode != http.StatusNoContent || !response.Close {
		t.Fatal(response, err)
	}
	response.Body.Close()
	_ = idle.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
}
