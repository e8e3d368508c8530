package dockerconfig

import (
	"encoding/json"
	"fmt"
)

// scanner walks text that is known to be valid JSON and only finds places.
type scanner struct {
	data []byte
	at   int
}

// object reads the members of the object that starts here.
func (s *scanner) object() (object, error) {
	o := object{open: s.at}
	s.at++
	s.space()
	for s.data[s.at] != '}' {
		m, err := s.member()
		if err != nil {
			return o, err
		}
		o.members = append(o.members, m)
		s.space()
		if s.data[s.at] == ',' {
			s.at++
			s.space()
		}
	}
	o.close = s.at
	s.at++
	return o, nil
}

func (s *scanner) member() (member, error) {
	m := member{key: s.value()}
	if err := json.Unmarshal(s.data[m.key.from:m.key.to], &m.name); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	s.space()
	s.at++ // the colon
	s.space()
	m.value = s.value()
	return m, nil
}

// value passes one value of any kind. Depth is counted, not recursed into.
func (s *scanner) value() span {
	from, depth := s.at, 0
	for s.at < len(s.data) {
		switch c := s.data[s.at]; c {
		case '"':
			s.text()
			if depth == 0 {
				return span{from, s.at}
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what surrounds a number or a word
				return span{from, s.at}
			}
			if depth--; depth == 0 {
				s.at++
				return span{from, s.at}
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return span{from, s.at}
			}
		}
		s.at++
	}
	return span{from, s.at}
}

// text passes a string with its quotes.
func (s *scanner) text() {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}
