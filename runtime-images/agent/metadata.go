package main

import (
	"net/http"
	"os"
	"sort"
	"strings"
	"syscall"
)

const (
	// metadataHeader is the prefix of the headers of an upload that carry what the file should be remembered with.
	metadataHeader = "X-Metadata-"
	// metadataSpace is the prefix of the extended attributes that hold it, the same as E2B's.
	metadataSpace = "user.e2b."
	// metadataMost bounds keys and values of a file together, in bytes with metadataSpace; metadataKeyMost one key without it.
	// Both are E2B's.
	metadataMost    = 4096
	metadataKeyMost = 246
)

// metadataOf reads the headers of an upload.
func metadataOf(header http.Header) (map[string]string, error) {
	var all map[string]string
	size := 0
	for name, values := range header {
		if !strings.HasPrefix(name, metadataHeader) || len(values) == 0 {
			continue
		}
		key, value := strings.ToLower(name[len(metadataHeader):]), values[0]
		size += len(metadataSpace) + len(key) + len(value)
		if key == "" || len(key) > metadataKeyMost || !isPrintable(key) || !isPrintable(value) {
			return nil, invalidArgument("metadata must be printable ASCII, and its keys at most 246 bytes: " + shortened(key))
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
	}
	if size > metadataMost {
		return nil, invalidArgument("metadata is larger than 4096 bytes")
	}
	return all, nil
}

func isPrintable(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}

// writeMetadata gives a new file its metadata. A file system that has no extended attributes remembers nothing.
func writeMetadata(path string, all map[string]string) error {
	for key, value := range all {
		err := syscall.Setxattr(path, metadataSpace+key, []byte(value), 0)
		if err == syscall.ENOTSUP {
			return nil
		}
		if err != nil {
			return &os.PathError{Op: "setxattr", Path: path, Err: err}
		}
	}
	return nil
}

// readMetadata returns what a file is remembered with, as keys and values in turn, by key. What cannot be read is not there.
func readMetadata(path string) []string {
	size, err := syscall.Listxattr(path, nil)
	if err != nil || size == 0 {
		return nil
	}
	list := make([]byte, size)
	if size, err = syscall.Listxattr(path, list); err != nil {
		return nil
	}
	names := strings.Split(strings.TrimSuffix(string(list[:size]), "\x00"), "\x00")
	sort.Strings(names)
	var all []string
	value := make([]byte, metadataMost)
	for _, name := range names {
		if !strings.HasPrefix(name, metadataSpace) {
			continue
		}
		if n, err := syscall.Getxattr(path, name, value); err == nil {
			all = append(all, name[len(metadataSpace):], string(value[:n]))
		}
	}
	return all
}

// appendMetadata lays them out as a field of a JSON object that has others before it; nothing is no field.
func appendMetadata(to []byte, all []string) []byte {
	for i := 0; i < len(all); i += 2 {
		if i == 0 {
			to = append(to, `,"metadata":{`...)
		} else {
			to = append(to, ',')
		}
		to = appendJSON(to, all[i])
		to = appendJSON(append(to, ':'), all[i+1])
	}
	if len(all) > 0 {
		to = append(to, '}')
	}
	return to
}
