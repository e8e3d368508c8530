package tokencache

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

func TestEraseRemovesOnlyHost(t *testing.T) {
	c, clk := open(t)
	if err := c.Erase(host); err != nil {
		t.Errorf("no directory: %v", err)
	}
	e := entry(clk)
	mustPut(t, c, e)
	second := e
	second.Identity = "another"
	mustPut(t, c, second)
	e.Stored = true
	mustPut(t, c, e)
	foreign := entry(clk)
	foreign.Host = other
	mustPut(t, c, foreign)
	newer := filepath.Join(c.dir, digest(host)+"-stored.v2.json")
	note := filepath.Join(c.dir, digest(host)+"-note.txt")
	overwrite(t, newer, "{}")
	overwrite(t, note, "")
	for range 2 {
		if err := c.Erase(host); err != nil {
			t.Error(err)
		}
	}
	want := map[string]bool{c.name(foreign): true, filepath.Base(note): true, "swept": true}
	names, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, n := range names {
		got[n.Name()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPutSweeps(t *testing.T) {
	c, clk := open(t)
	old := entry(clk)
	old.Host = other
	mustPut(t, c, old)
	files := []struct {
		name string
		age  time.Duration
		kept bool
	}{
		{".tmp-docker-credential-ecr-sso-0123456789abcdef", 2 * time.Hour, false},
		{".tmp-docker-credential-ecr-sso-fedcba9876543210", time.Minute, true},
		{c.name(old), 15 * time.Hour, false},
		{c.name(old) + ".bad", 15 * time.Hour, false},
		{digest("sealed") + "-stored.v1.sealed.json", 15 * time.Hour, false},
		{"0123456789abcdef-0123456789abcdef" + warmfile.Suffix, 15 * time.Hour, false},
		{"0123456789abcdef-0123456789abcde1" + warmfile.Suffix, 13 * time.Hour, true},
		{digest("young") + "-stored.v1.json", 13 * time.Hour, true},
		{digest("newer") + "-stored.v2.json", 1000 * time.Hour, true},
		{"README", 1000 * time.Hour, true},
	}
	for _, f := range files {
		overwrite(t, filepath.Join(c.dir, f.name), "x")
		date := clk.t.Add(time.Hour - f.age)
		if err := os.Chtimes(filepath.Join(c.dir, f.name), date, date); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, c, entry(clk))
	if _, err := os.Lstat(filepath.Join(c.dir, c.name(old))); err != nil {
		t.Error("swept twice within the hour")
	}
	clk.t = clk.t.Add(time.Hour)
	mustPut(t, c, entry(clk))
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(c.dir, f.name)); (err == nil) != f.kept {
			t.Errorf("%s: error %v", f.name, err)
		}
	}
	if _, ok := c.Get(key(entry(clk))); !ok {
		t.Error("the entry itself was swept")
	}
	// The clock was set back: the next sweep is not delayed until it has caught up.
	clk.t = clk.t.Add(-1000 * time.Hour)
	mustPut(t, c, entry(clk))
	if info, err := os.Lstat(filepath.Join(c.dir, "swept")); err != nil || info.ModTime().After(clk.t) {
		t.Errorf("last sweep: %v, %v", info.ModTime(), err)
	}
}

func TestManyWritersKeepAllEntries(t *testing.T) {
	c, clk := open(t)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			e := entry(clk)
			e.Host = fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i)
			if err := c.Put(e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(c.List()); got != 60 {
		t.Errorf("%d of 60 are in the cache", got)
	}
}
