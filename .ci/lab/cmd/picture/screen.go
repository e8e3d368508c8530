//go:build linux

package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cell is one column of a line.
type cell struct {
	char  rune
	style string // the classes of the SVG
}

// screen is a terminal that supports the program's output: text, colors and cursor
// movements.
type screen struct {
	lines    [][]cell
	row, col int
	style    string
}

// show returns the terminal's lines after all output.
func show(output []byte) [][]cell {
	s := &screen{lines: make([][]cell, rows)}
	for len(output) > 0 {
		output = output[s.step(output):]
	}
	last := len(s.lines)
	for last > 0 && len(s.lines[last-1]) == 0 {
		last--
	}
	return s.lines[:last]
}

// step processes one character or sequence, and returns its length.
func (s *screen) step(b []byte) int {
	switch b[0] {
	case '\r':
		s.col = 0
	case '\n':
		s.down()
	case 0x1B:
		return s.sequence(b)
	default:
		r, n := utf8.DecodeRune(b)
		if s.col == columns {
			s.down()
			s.col = 0
		}
		line := s.lines[s.row]
		for len(line) <= s.col {
			line = append(line, cell{char: ' '})
		}
		line[s.col] = cell{r, s.style}
		s.lines[s.row] = line
		s.col++
		return n
	}
	return 1
}

func (s *screen) down() {
	if s.row++; s.row == len(s.lines) {
		s.row, s.lines = s.row-1, append(slices.Clone(s.lines[1:]), nil)
	}
}

// styles maps SGR parameters (ECMA-48) to classes.
var styles = map[int]string{1: "b", 2: "f", 31: "r", 32: "g", 33: "y", 36: "c"}

func (s *screen) sequence(b []byte) int {
	end := slices.IndexFunc(b[2:], func(c byte) bool { return c >= '@' && c <= '~' })
	if end < 0 {
		return len(b)
	}
	parameter := string(b[2 : 2+end])
	n, _ := strconv.Atoi(parameter)
	switch b[2+end] {
	case 'm':
		s.style = strings.TrimSpace(s.style + " " + styles[n])
		if n == 0 {
			s.style = ""
		}
	case 'A':
		s.row = max(s.row-max(n, 1), 0)
	case 'C':
		s.col = min(s.col+max(n, 1), columns-1)
	case 'K', 'J':
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
		if b[2+end] == 'J' {
			clear(s.lines[s.row+1:])
		}
	}
	return end + 3
}
