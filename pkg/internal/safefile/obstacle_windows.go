package safefile

// Obstacle knows no repair for an access list.
func Obstacle(string, error, func(string) string) (cause, command string, ok bool) {
	return "", "", false
}
