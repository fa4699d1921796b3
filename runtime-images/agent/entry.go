package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// entryMaker lays out filesystem.EntryInfo as JSON. It remembers the names of users and groups, which are in a file.
type entryMaker struct {
	users, groups map[uint32]string
}

// entry appends what is at path, not following a symlink.
func (m *entryMaker) entry(to []byte, path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return to, err
	}
	return m.describe(to, path, path, info), nil
}

// describe appends an entry that was looked at: it is at path, and shown as if it were at shown.
func (m *entryMaker) describe(to []byte, path, shown string, info os.FileInfo) []byte {
	kind, mode := entryKind(info.Mode()), info.Mode().Perm()
	target := ""
	if info.Mode()&os.ModeSymlink != 0 {
		// As in E2B's envd, a symlink is what it leads to; one that leads nowhere is itself.
		var err error
		if target, err = filepath.EvalSymlinks(path); err != nil {
			target, _ = os.Readlink(path)
		} else if there, err := os.Stat(target); err == nil {
			kind, mode = entryKind(there.Mode()), there.Mode().Perm()
		}
	}
	to = appendJSON(append(to, `{"name":`...), filepath.Base(shown))
	to = append(append(append(to, `,"type":"FILE_TYPE_`...), kind...), '"')
	to = appendJSON(append(to, `,"path":`...), shown)
	to = strconv.AppendInt(append(to, `,"size":"`...), info.Size(), 10)
	to = strconv.AppendUint(append(to, `","mode":`...), uint64(mode), 10)
	to = appendJSON(append(to, `,"permissions":`...), info.Mode().String())
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		to = appendJSON(append(to, `,"owner":`...), m.userName(stat.Uid))
		to = appendJSON(append(to, `,"group":`...), m.groupName(stat.Gid))
	}
	to = append(to, `,"modifiedTime":"`...)
	to = append(info.ModTime().UTC().AppendFormat(to, time.RFC3339Nano), '"')
	if info.Mode()&os.ModeSymlink != 0 {
		to = appendJSON(append(to, `,"symlinkTarget":`...), target)
	}
	to = appendMetadata(to, readMetadata(path))
	return append(to, '}')
}

// entryKind is filesystem.FileType without its prefix.
func entryKind(mode os.FileMode) string {
	switch {
	case mode.IsRegular():
		return "FILE"
	case mode.IsDir():
		return "DIRECTORY"
	case mode&os.ModeSymlink != 0:
		return "SYMLINK"
	}
	return "UNSPECIFIED"
}

func (m *entryMaker) userName(id uint32) string {
	return remembered(&m.users, id, func(text string) (string, bool) {
		found, err := user.LookupId(text)
		if err != nil {
			return "", false
		}
		return found.Username, true
	})
}

func (m *entryMaker) groupName(id uint32) string {
	return remembered(&m.groups, id, func(text string) (string, bool) {
		found, err := user.LookupGroupId(text)
		if err != nil {
			return "", false
		}
		return found.Name, true
	})
}

// remembered is the name of an id, or the id itself where it has none.
func remembered(names *map[uint32]string, id uint32, look func(text string) (string, bool)) string {
	if name, known := (*names)[id]; known {
		return name
	}
	text := strconv.FormatUint(uint64(id), 10)
	name, found := look(text)
	if !found {
		name = text
	}
	if *names == nil {
		*names = map[uint32]string{}
	}
	(*names)[id] = name
	return name
}
