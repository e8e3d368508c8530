//go:build linux

package main

import (
	"fmt"
	"html"
	"strings"
)

// theme contains the colors of a picture.
type theme struct{ ground, bar, text, faint, red, green, yellow, cyan string }

var (
	light = theme{"#ffffff", "#d0d7de", "#1f2328", "#656d76", "#cf222e", "#1a7f37", "#9a6700", "#0969da"}
	dark  = theme{"#0d1117", "#30363d", "#e6edf3", "#8d96a0", "#ff7b72", "#3fb950", "#d29922", "#58a6ff"}
)

// The dimensions of the picture in pixels.
const (
	charWidth  = 8.4
	lineHeight = 20
	margin     = 16
	barHeight  = 34
)

// svg draws the lines in a window. It sets the width of each text run to make the picture
// look the same with every monospaced font.
func svg(lines [][]cell, t theme) string {
	width := 2*margin + columns*charWidth
	height := barHeight + 2*margin + len(lines)*lineHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-label="docker-credential-ecr-sso configure in a terminal">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:%s;white-space:pre}"+
		".b{font-weight:700}.f{fill:%s}.r{fill:%s}.g{fill:%s}.y{fill:%s}.c{fill:%s}</style>\n", t.text, t.faint, t.red, t.green, t.yellow, t.cyan)
	fmt.Fprintf(&b, `<rect x=".5" y=".5" width="%.0f" height="%d" rx="8" fill="%s" stroke="%s"/>`+"\n", width-1, height-1, t.ground, t.bar)
	for i, color := range []string{t.red, t.yellow, t.green} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="18" r="6" fill="%s"/>`+"\n", 20+i*20, color)
	}
	for row, line := range lines {
		for _, r := range runs(line) {
			class := ""
			if r.style != "" {
				class = fmt.Sprintf(` class=%q`, r.style)
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>`+"\n", margin+float64(r.at)*charWidth,
				barHeight+margin+row*lineHeight, float64(len([]rune(r.text)))*charWidth, class, html.EscapeString(r.text))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// textRun is a text with one style in a line.
type textRun struct {
	at          int
	text, style string
}

func runs(line []cell) (all []textRun) {
	for i, c := range line {
		if i == 0 || line[i-1].style != c.style {
			all = append(all, textRun{at: i, style: c.style})
		}
		all[len(all)-1].text += string(c.char)
	}
	// Blanks are not drawn.
	var shown []textRun
	for _, r := range all {
		trimmed := strings.TrimRight(r.text, " ")
		if trimmed != "" {
			r.text = trimmed
			shown = append(shown, r)
		}
	}
	return shown
}
