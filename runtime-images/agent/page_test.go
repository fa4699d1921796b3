package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRenewalPageChangesWithEachThaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "renewal")
	page, err := openRenewalPage(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for thaw := byte(1); thaw <= 3; thaw++ {
		if message := page.renew(); message != "" {
			t.Fatal(message)
		}
		content, err := os.ReadFile(path)
		if err != nil || len(content) != pageSize {
			t.Fatal(err, len(content))
		}
		if content[0] != thaw || content[1] != 0 {
			t.Fatalf("count is %v after %d thaws", content[:4], thaw)
		}
		entropy := string(content[pageEntropyOffset : pageEntropyOffset+pageEntropy])
		if seen[entropy] {
			t.Fatal("the same entropy twice")
		}
		seen[entropy] = true
		if page.entropy != [pageEntropy]byte{} {
			t.Fatal("the entropy is kept")
		}
	}
}
