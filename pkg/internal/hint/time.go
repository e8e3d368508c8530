package hint

import (
	"fmt"
	"time"
)

// Span prints a duration of a minute or more, cut to the one unit that matters to
// a person: "5m", "47h", "2 days".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// Ago says how long something is past: "just now", "2h ago".
func Ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return Span(d) + " ago"
}
