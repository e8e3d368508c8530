package warmfile

// The text, line by line: the key (which ends in an empty line), From and Until,
// Login, Before, After, a line for each file with its state first, and
// the sum of all before it. Nothing is optional, so there is one spelling of each
// entry.

// Marshal spells an entry; ok is false if it has no spelling.
func Marshal(e Entry) (text string, ok bool) {
	if e.From < 0 || e.Until < 0 || e.From>>60 > 0 || e.Until>>60 > 0 || len(e.Key) < len(magic) || e.Key[:len(magic)] != magic {
		return "", false
	}
	lines := []string{hex(uint64(e.From)), hex(uint64(e.Until)), e.Login, e.Before, e.After}
	for _, f := range e.Files {
		if f.State == "" || has(f.State, ' ') {
			return "", false
		}
		lines = append(lines, f.State+" "+f.Path)
	}
	text = e.Key
	for _, line := range lines {
		if has(line, '\n') || has(line, 0) {
			return "", false
		}
		text += line + "\n"
	}
	text += hex16(sum(text)) + "\n"
	return text, len(text) <= MaxSize
}

// Parse reads the entry for a key. Whatever was altered since Marshal is refused.
func Parse(text, key string) (e Entry, ok bool) {
	const seal = 16 + 1
	end := len(text) - seal
	if len(text) > MaxSize || end < len(key) || text[:len(key)] != key ||
		text[end:] != hex16(sum(text[:end]))+"\n" || has(text, 0) {
		return Entry{}, false
	}
	e.Key = key
	rest := text[len(key):end]
	var from, until string
	for _, field := range [...]*string{&from, &until, &e.Login, &e.Before, &e.After} {
		if *field, rest, ok = cut(rest, '\n'); !ok {
			return Entry{}, false
		}
	}
	lines := 0
	for i := range len(rest) {
		if rest[i] == '\n' {
			lines++
		}
	}
	if lines > 0 {
		e.Files = make([]File, 0, lines)
	}
	for rest != "" {
		var line string
		var f File
		if line, rest, ok = cut(rest, '\n'); !ok {
			return Entry{}, false
		}
		if f.State, f.Path, ok = cut(line, ' '); !ok || f.State == "" {
			return Entry{}, false
		}
		e.Files = append(e.Files, f)
	}
	var ok1, ok2 bool
	e.From, ok1 = number(from)
	e.Until, ok2 = number(until)
	return e, ok1 && ok2
}

func cut(s string, sep byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func has(s string, c byte) bool {
	_, _, found := cut(s, c)
	return found
}

// number reads what hex spells, up to 60 bits: no Unix time is longer.
func number(s string) (v int64, ok bool) {
	if s == "" || len(s) > 15 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			v = v<<4 | int64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | int64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
