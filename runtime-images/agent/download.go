package main

import (
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// download answers GET /files?path=&username= with the bytes of a regular file. Ranges are answered; compression is not
// offered, as it costs a guest more than the way to its host does. `as` is no part of E2B's schema: a user who has to be
// permitted to read the file.
func (a *agent) download(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	who, err := a.fileCaller(r, query)
	path := ""
	if err == nil {
		path, err = a.resolve(query.Get("path"), who)
	}
	if err != nil {
		answerHTTPError(w, err)
		return
	}
	reader := account{}
	if name := query.Get("as"); name != "" {
		reader, err = a.accountOf(name)
	}
	var file *os.File
	if err == nil {
		file, err = openAs(reader, path)
	}
	if err != nil {
		answerHTTPError(w, err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if err == nil && !info.Mode().IsRegular() {
		err = invalidArgument(shortened(path) + ": not a regular file")
	}
	if err != nil {
		answerHTTPError(w, err)
		return
	}
	w.Header().Set("content-type", "application/octet-stream")
	w.Header().Set("content-disposition", mime.FormatMediaType("inline", map[string]string{"filename": filepath.Base(path)}))
	if info.Size() == 0 {
		sendUnsized(w, file)
		return
	}
	http.ServeContent(w, r, "", info.ModTime(), file)
}

// sendUnsized sends a file that says it is empty: it is, or it is one of /proc, which do not know their size.
func sendUnsized(w http.ResponseWriter, file *os.File) {
	first := make([]byte, 4096)
	n, err := file.Read(first)
	if n == 0 {
		w.Header().Set("content-length", "0")
		return
	}
	_, _ = w.Write(first[:n])
	if err == nil {
		_, _ = io.Copy(w, file)
	}
}
