package awsconfig

import "strings"

// configHeader parses a header of the configuration file: [default], [profile NAME],
// [sso-session NAME], [services NAME] or [DEFAULT]. The name is empty for any other
// header and for a truncated one. The AWS CLI checks only how the first word begins.
func configHeader(text string) (kind, name string) {
	inner := trimLeft(text[1:])
	end := strings.IndexAny(inner, " \t]")
	if end < 0 {
		return "", ""
	}
	word := inner[:end]
	name = headerName(strings.TrimLeft(inner[end:], shellBlanks))
	switch {
	case word == "default" && name == "":
		return kindProfile, "default"
	case word == kindDefaults && name == "":
		return kindDefaults, word
	}
	for _, kind := range [...]string{kindProfile, kindSession, kindServices} {
		if strings.HasPrefix(word, kind) {
			return kind, name
		}
	}
	return "", ""
}

// shellBlanks separate the words of a header. The AWS CLI splits it like a shell, so a
// no-break space is part of a name.
const shellBlanks = " \t"

// headerName returns the name before the closing bracket: one shell word, as in the AWS
// CLI. Text that is not one word is the name unchanged, as in the Go SDK.
func headerName(rest string) string {
	word, tail, ok := shellWord(rest)
	if ok && strings.HasPrefix(strings.TrimLeft(tail, shellBlanks), "]") {
		return word
	}
	name, _, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return strings.TrimRight(name, shellBlanks)
}

// shellWord reads one POSIX shell word up to a blank or a bracket outside quotes. It
// fails if a quote is not closed.
func shellWord(s string) (word, tail string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (strings.IndexByte(shellBlanks, c) >= 0 || c == ']'):
			return b.String(), s[i:], true
		case c == quote:
			quote = 0
		case c == '\\' && i+1 < len(s) && (quote == 0 || quote == '"' && strings.IndexByte(`"\`, s[i+1]) >= 0):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// credentialsHeader parses a header of the credentials file, in which the whole text is
// the name of the profile. Headers such as [profile NAME] and other sections of the
// configuration file are not valid there: the Go SDK ignores them.
func credentialsHeader(text string) (kind, name string) {
	name, _, ok := strings.Cut(text[1:], "]")
	if name = trim(name); !ok {
		return "", ""
	}
	if name == kindDefaults {
		return kindDefaults, name
	}
	if first, _, many := strings.Cut(name, " "); many {
		switch first {
		case kindProfile, kindSession, kindServices:
			return "", ""
		}
	}
	return kindProfile, name
}
