package tokencache

import (
	"testing"
	"time"
)

func TestRenewAt(t *testing.T) {
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	none := func(time.Duration) time.Duration { return 0 }
	all := func(d time.Duration) time.Duration { return d }
	for _, tt := range []struct {
		name             string
		life             time.Duration
		first            bool
		earliest, latest time.Duration
	}{
		{"first login of a machine", 12 * time.Hour, true, time.Hour, 11*time.Hour + 50*time.Minute},
		{"later login", 12 * time.Hour, false, 11 * time.Hour, 11*time.Hour + 50*time.Minute},
		{"short first login", time.Hour, true, 5 * time.Minute, 50 * time.Minute},
		{"short later login", 30 * time.Minute, false, 0, 20 * time.Minute},
		{"login that is hardly used", 10 * time.Minute, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expires := issued.Add(tt.life)
			earliest, latest := RenewAt(issued, expires, tt.first, none), RenewAt(issued, expires, tt.first, all)
			if earliest.Sub(issued) != tt.earliest || latest.Sub(issued) != tt.latest {
				t.Errorf("from %v to %v", earliest.Sub(issued), latest.Sub(issued))
			}
		})
	}
}
