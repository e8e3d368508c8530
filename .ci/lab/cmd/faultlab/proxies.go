//go:build linux

package main

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const proxySecret = "pr0xy-pa55word-canary"

// proxies: F-net-7. The user and password in the proxy's URL are never printed.
func proxies() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "proxy-" + id, family: "F-net-7", what: what, want: w, slow: true, quick: true, set: func(s *stage) {
			s.canary = append(s.canary, proxySecret)
			set(s)
		}}
	}
	through := func(answer func(net.Conn)) func(s *stage) {
		return func(s *stage) { s.env("HTTPS_PROXY=http://person:" + proxySecret + "@" + s.listen(answer)) }
	}
	broken := refusal("proxy", "docker-credential-ecr-sso doctor")
	silent := row("silent", "the proxy accepts connections and does not respond", refusal("no response|proxy", ""), through(hold))
	silent.quick = false
	rightPassword := row("password", "the proxy requires a password, and gets it", is(answered), func(*stage) {})
	rightPassword.aws = awstest.Options{ProxyUser: "person:" + proxySecret}
	wrongPassword := row("password-wrong", "the proxy does not accept the password", refusal("proxy.*407", ""), func(s *stage) {
		s.env("HTTPS_PROXY=" + strings.Replace(s.AWS.ProxyURL(), "person:", "person:wrong-", 1))
	})
	wrongPassword.aws = rightPassword.aws
	return []fault{
		rightPassword, wrongPassword, silent,
		row("down", "the proxy's port is closed", broken, func(s *stage) { s.env("HTTPS_PROXY=http://person:" + proxySecret + "@127.0.0.1:1") }),
		row("garbage", "the proxy does not speak HTTP", broken, through(say("\x00\x01\x02 SSH-2.0-proxy\r\n"))),
		row("closes", "the proxy closes each connection", broken, through(func(net.Conn) {})),
		row("html", "the proxy answers CONNECT with a web page", broken, through(say("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"))),
		row("redirect", "the proxy answers CONNECT with a redirect", broken, through(say("HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n"))),
		row("flood", "the proxy answers CONNECT with endless headers", refusal("proxy|headers|was lost|too", ""), through(headers)),
		row("drops", "the proxy accepts CONNECT and closes in the TLS handshake", refusal("portal", ""), through(say("HTTP/1.1 200 OK\r\n\r\n"))),
		row("plain", "the server behind the proxy does not speak TLS", refusal("portal.*TLS|TLS|was lost", ""), through(say("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n"))),
		row("malformed", "HTTPS_PROXY is not a URL", refusal("(?i)proxy", "unset HTTPS_PROXY"), func(s *stage) { s.env("HTTPS_PROXY=http://person:" + proxySecret + "@[::1") }),
		row("scheme", "HTTPS_PROXY has an unknown scheme", refusal("(?i)proxy", "unset HTTPS_PROXY"), func(s *stage) { s.env("HTTPS_PROXY=gopher://person:" + proxySecret + "@127.0.0.1:70") }),
		row("socks-down", "HTTPS_PROXY is a SOCKS proxy whose port is closed", refusal("(?i)proxy|refused|connect|was lost", ""), func(s *stage) { s.env("HTTPS_PROXY=socks5://person:" + proxySecret + "@127.0.0.1:1") }),
		row("escape", "the proxy's status line has escape sequences", refusal("proxy", ""), through(say("HTTP/1.1 403 \x1b[2J\x1b]0;gotcha\x07\r\nContent-Length: 0\r\n\r\n"))),
	}
}

// listen calls answer for every connection to a port on 127.0.0.1 until the run ends.
func (s *stage) listen(answer func(net.Conn)) (address string) {
	return s.listenAt("127.0.0.1:0", answer)
}

func (s *stage) listenAt(where string, answer func(net.Conn)) string {
	l, err := net.Listen("tcp", where)
	s.must(err)
	s.serve(l, answer)
	return l.Addr().String()
}

// serve calls answer for every connection to a listener until the run ends.
func (s *stage) serve(l net.Listener, answer func(net.Conn)) {
	s.ends = append(s.ends, func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
}

// say reads a request's header and responds with text.
func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil || strings.TrimSpace(line) == "" {
				break
			}
		}
		_, _ = io.WriteString(c, text)
	}
}

// hold keeps a connection open and does not respond.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// headers responds with endless headers.
func headers(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n"); err != nil {
		return
	}
	for {
		if _, err := io.WriteString(c, "X-More: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
			return
		}
	}
}

// fifo makes a pipe without a writer, next to the home.
func (s *stage) fifo(name string) string {
	path := filepath.Join(s.dir, name)
	s.must(syscall.Mkfifo(path, 0o600))
	return path
}
