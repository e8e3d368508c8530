package env

import "strings"

// Flaw says what is wrong with a value that can have neither blanks nor quotes (a key,
// a region, an ARN), as a secret store or a script adds them; "" for a good value. It
// never repeats the value.
func (s Set) Flaw(v Var) string {
	value := s.Get(v)
	switch {
	case value == "":
		return ""
	case strings.TrimRight(value, "\r\n") != value:
		return "ends with a line end"
	case strings.TrimSpace(value) != value:
		return "begins or ends with a blank"
	case strings.ContainsAny(value, "\"'`"):
		return "has a quote in it"
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7F }):
		return "has a blank or another character in it that does not belong there"
	}
	return ""
}
