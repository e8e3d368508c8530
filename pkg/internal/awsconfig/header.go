package awsconfig

import "strings"

// configHeader reads a header of the configuration file: [default],
// [profile NAME], [sso-session NAME] and [services NAME]; an empty name for any
// other, and for one that is cut off.
func configHeader(text string) (kind, name string) {
	inner := trimLeft(text[1:])
	end := strings.IndexAny(inner, " \t]")
	if end < 0 {
		return "", ""
	}
	kind = inner[:end]
	name = headerName(trimLeft(inner[end:]))
	switch {
	case kind == "default" && name == "":
		return kindProfile, "default"
	case kind == kindProfile, kind == kindSession, kind == kindServices:
		return kind, name
	}
	return "", ""
}

// headerName reads the name before the closing bracket. A name in quotes is a
// shell word, as the AWS CLI writes it; quotes that do not make up the whole
// name belong to it, as in the Go SDK.
func headerName(rest string) string {
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		word, tail, ok := shellWord(rest)
		if ok && strings.HasPrefix(trimLeft(tail), "]") {
			return word
		}
	}
	name, _, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return trimRight(name)
}

// shellWord reads one POSIX shell word up to a blank or a bracket outside
// quotes. It fails when a quote is not closed.
func shellWord(s string) (word, tail string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (isBlank(c) || c == ']'):
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

// credentialsHeader reads a header of the credentials file, where the whole
// text is the profile's name. [profile NAME] has no place there: the Go SDK
// drops it, and so the sections of the configuration file.
func credentialsHeader(text string) (kind, name string) {
	name, _, ok := strings.Cut(text[1:], "]")
	name = trimRight(trimLeft(name))
	if !ok {
		return "", ""
	}
	if first, _, many := strings.Cut(name, " "); many {
		switch first {
		case kindProfile, kindSession, kindServices:
			return "", ""
		}
	}
	return kindProfile, name
}
