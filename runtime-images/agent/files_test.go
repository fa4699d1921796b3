package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

type uploaded struct {
	Path, Name, Type string
	Metadata         map[string]string
}

// upload sends a body as it is.
func (t *testAgent) upload(status int, path string, body io.Reader, headers ...string) []uploaded {
	t.Helper()
	return t.post(status, "/files?path="+url.QueryEscape(path), "application/octet-stream", body, headers...)
}

func (t *testAgent) post(status int, path, kind string, body io.Reader, headers ...string) []uploaded {
	t.Helper()
	request, _ := http.NewRequest("POST", t.url+path, body)
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
	if response.StatusCode != status {
		t.Fatalf("%s: %d %s", path, response.StatusCode, answer)
	}
	var list []uploaded
	var no struct {
		Code    int
		Message string
	}
	if status == http.StatusOK {
		decode(t.T, answer, &list)
	} else if decode(t.T, answer, &no); no.Code != status || no.Message == "" || len(no.Message) > 2000 {
		t.Fatalf("%s", answer)
	}
	return list
}

func (t *testAgent) get(path string) (int, string) {
	t.Helper()
	status, body := t.ask("GET", "/files?path="+url.QueryEscape(path), nil)
	return status, string(body)
}

func TestAFileIsWrittenWholeAndReadBack(t *testing.T) {
	a := newTestAgent(t)
	for _, content := range []string{"first", strings.Repeat("\x00\xff\r\n", 100000), ""} {
		list := a.upload(http.StatusOK, "dir/deep/a file", strings.NewReader(content))
		path := filepath.Join(a.home, "dir/deep/a file")
		if len(list) != 1 || list[0].Path != path || list[0].Name != "a file" || list[0].Type != "file" {
			t.Fatal(list)
		}
		if status, got := a.get("~/dir/deep/../deep/a file"); status != http.StatusOK || got != content {
			t.Fatal(status, len(got))
		}
	}
	if got := everything(t, filepath.Join(a.home, "dir/deep")); len(got) != 1 {
		t.Fatal(got)
	}
}

func TestAFileThatBreaksOffLeavesTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeTestFile(t, path, "old")
	who := account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	err := writeFile(path, io.MultiReader(strings.NewReader("new"), brokenReader{}), who, nil)
	if err == nil || readTestFile(t, path) != "old" || len(everything(t, filepath.Dir(path))) != 1 {
		t.Fatal(err, everything(t, filepath.Dir(path)))
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWhatIsWrittenOverKeepsItsModeAndItsSymlink(t *testing.T) {
	a := newTestAgent(t)
	script, link := filepath.Join(a.home, "script"), filepath.Join(a.home, "link")
	writeTestFile(t, script, "old")
	if err := os.Chmod(script, 0o751); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("script", link); err != nil {
		t.Fatal(err)
	}
	a.upload(http.StatusOK, "link", strings.NewReader("new"))
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 || readTestFile(t, script) != "new" {
		t.Fatal(info, err)
	}
	if info, _ := os.Stat(script); info.Mode() != 0o751 {
		t.Fatal(info.Mode())
	}
}

func TestPathsThatCannotBeAreRefused(t *testing.T) {
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "file"), "x")
	if err := syscall.Mkfifo(filepath.Join(a.home, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(a.home, "loop")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"nul\x00", strings.Repeat("n", 256), strings.Repeat("long/", 2000), "~root/x", "/", ".", "file/below", "fifo", "loop/x"} {
		a.upload(http.StatusBadRequest, path, strings.NewReader("x"))
		if status, body := a.get(path); status != http.StatusBadRequest || len(body) > 2000 {
			t.Errorf("%.20q: %d %s", path, status, body)
		}
	}
	if status, _ := a.get("missing"); status != http.StatusNotFound {
		t.Error(status)
	}
	a.post(http.StatusBadRequest, "/files", "application/octet-stream", strings.NewReader("x"))
	a.post(http.StatusBadRequest, "/files?path=x", "text/plain", strings.NewReader("x"))
	a.post(http.StatusBadRequest, "/files?path=x", "multipart/form-data; boundary=b", strings.NewReader("no form"))
	a.upload(http.StatusBadRequest, "x", strings.NewReader("no gzip"), "content-encoding", "gzip")
	a.upload(http.StatusBadRequest, "x", strings.NewReader("x"), "content-encoding", "br")
	a.upload(http.StatusBadRequest, "x", strings.NewReader("x"), "x-metadata-a", strings.Repeat("v", 5000))
	if _, err := os.Stat(filepath.Join(a.home, "x")); err == nil {
		t.Error("something was written")
	}
}

func TestAFormCarriesSeveralFiles(t *testing.T) {
	a := newTestAgent(t)
	form := func(names ...string) (string, io.Reader) {
		var body bytes.Buffer
		writer := multipart.NewWriter(&body)
		for _, name := range names {
			header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}}
			part, _ := writer.CreatePart(header)
			_, _ = part.Write([]byte("of " + name + "\x00"))
		}
		_ = writer.WriteField("other", "is left out")
		writer.Close()
		return writer.FormDataContentType(), &body
	}
	kind, body := form("one", "sub/two ü")
	if list := a.post(http.StatusOK, "/files", kind, body); len(list) != 2 || list[1].Path != filepath.Join(a.home, "sub/two ü") {
		t.Fatal(list)
	}
	if got := readTestFile(t, filepath.Join(a.home, "sub/two ü")); got != "of sub/two ü\x00" {
		t.Fatalf("%q", got)
	}
	kind, body = form("named")
	if list := a.post(http.StatusOK, "/files?path=other", kind, body); len(list) != 1 || list[0].Name != "other" {
		t.Fatal(list)
	}
	kind, body = form("twice", "twice")
	a.post(http.StatusBadRequest, "/files", kind, body)
}

func TestAnUploadMayBeCompressedAndRemembered(t *testing.T) {
	a := newTestAgent(t)
	var body bytes.Buffer
	writer := gzip.NewWriter(&body)
	_, _ = writer.Write([]byte(strings.Repeat("zip", 1000)))
	writer.Close()
	list := a.upload(http.StatusOK, "zipped", &body, "content-encoding", "gzip", "x-metadata-author", "me", "X-Metadata-B", `"`)
	if _, got := a.get("zipped"); got != strings.Repeat("zip", 1000) {
		t.Fatal(len(got))
	}
	if readMetadata(filepath.Join(a.home, "zipped")) == nil {
		t.Skip("this file system has no extended attributes")
	}
	if len(list[0].Metadata) != 2 || list[0].Metadata["author"] != "me" || list[0].Metadata["b"] != `"` {
		t.Fatal(list)
	}
	a.upload(http.StatusOK, "zipped", strings.NewReader("x"))
	if left := readMetadata(filepath.Join(a.home, "zipped")); left != nil {
		t.Fatal(left)
	}
}

func TestADownloadHasRangesAndReadsWhatHasNoSize(t *testing.T) {
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "file"), "0123456789")
	request, _ := http.NewRequest("GET", a.url+"/files?path=file", nil)
	request.Header.Set("range", "bytes=3-5")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusPartialContent || string(body) != "345" {
		t.Fatal(response.Status, string(body))
	}
	if status, got := a.get("/proc/self/status"); status != http.StatusOK || !strings.Contains(got, "VmRSS") {
		t.Fatal(status, got)
	}
}

func TestALargeFileIsNotHeldInMemory(t *testing.T) {
	a := newTestAgent(t)
	const size = 1 << 28
	a.upload(http.StatusOK, "large", io.LimitReader(patterned{}, size))
	if info, err := os.Stat(filepath.Join(a.home, "large")); err != nil || info.Size() != size {
		t.Fatal(info, err)
	}
	response, err := http.Get(a.url + "/files?path=large")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ContentLength != size {
		t.Fatal(response.ContentLength)
	}
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Fatal(n, err)
	}
	if peak := peakMiB(t); peak > 200 {
		t.Fatalf("%d MiB of memory for %d MiB of file", peak, size>>20)
	}
}

// patterned is a body without end.
type patterned struct{}

func (patterned) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = byte(i)
	}
	return len(into), nil
}

// peakMiB is the most memory that this process ever had.
func peakMiB(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	return int(meminfo(status, "VmHWM:") >> 20)
}
