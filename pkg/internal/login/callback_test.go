package login

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func listening(t *testing.T) *callback {
	t.Helper()
	cb, err := listen(listenLoopback, secret.New("right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cb.server.Close() })
	return cb
}

// ask sends a raw request and returns the status, header and body of the response.
func ask(addr, request string) (int, http.Header, string) {
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, nil, err.Error()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err.Error()
	}
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body)
}

func get(target, host string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
}

func TestOtherRequestsDoNotEndLogin(t *testing.T) {
	cb := listening(t)
	port := cb.host[strings.LastIndex(cb.host, ":"):]
	good := callbackPath + "?code=c&state=right"
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"another path":                 {get("/favicon.ico", cb.host), 404},
		"root":                         {get("/?code=c&state=right", cb.host), 404},
		"path below":                   {get(callbackPath+"/?code=c&state=right", cb.host), 404},
		"escaped path":                 {get("/oauth%2Fcallback?code=c&state=right", cb.host), 404},
		"doubled slash":                {get("//oauth/callback?code=c&state=right", cb.host), 404},
		"another state":                {get(callbackPath+"?code=c&state=wrong", cb.host), 404},
		"no state":                     {get(callbackPath+"?code=c", cb.host), 404},
		"two states":                   {get(good+"&state=wrong", cb.host), 404},
		"error with another state":     {get(callbackPath+"?error=access_denied&state=wrong", cb.host), 404},
		"error without state":          {get(callbackPath+"?error=access_denied", cb.host), 404},
		"right state and nothing else": {get(callbackPath+"?state=right", cb.host), 404},
		"empty code":                   {get(callbackPath+"?code=&state=right", cb.host), 404},
		"two codes":                    {get(good+"&code=d", cb.host), 404},
		"broken query":                 {get(callbackPath+"?code=%zz&state=right", cb.host), 404},
		"localhost for Host":           {get(good, "localhost"+port), 400},
		"foreign Host":                 {get(good, "evil.example"), 400},
		"Host without the port":        {get(good, "127.0.0.1"), 400},
		"absolute request line":        {get("http://"+cb.host+good, cb.host), 400},
		"POST":                         {"POST " + good + " HTTP/1.1\r\nHost: " + cb.host + "\r\nContent-Length: 0\r\n\r\n", 404},
		"HEAD":                         {"HEAD " + good + " HTTP/1.1\r\nHost: " + cb.host + "\r\n\r\n", 404},
		"OPTIONS":                      {"OPTIONS " + good + " HTTP/1.1\r\nHost: " + cb.host + "\r\nOrigin: https://evil.example\r\n\r\n", 404},
		"header beyond 8 KiB":          {"GET " + good + " HTTP/1.1\r\nHost: " + cb.host + "\r\nX: " + strings.Repeat("x", 9<<10) + "\r\n\r\n", 431},
		"not HTTP":                     {"\x16\x03\x01\x00\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, head, body := ask(cb.host, c.request)
			if status != c.status {
				t.Errorf("status %d, want %d; %s", status, c.status, body)
			}
			if head.Get("Access-Control-Allow-Origin") != "" {
				t.Error("no other origin may read the response")
			}
			if cb.answered.Load() {
				t.Fatal("the request was accepted")
			}
		})
	}
	go ask(cb.host, get(good, cb.host))
	code, err := cb.wait(t.Context())
	if err != nil || code.Reveal() != "c" {
		t.Errorf("after the other requests: %v", err)
	}
}

// callbackCases are the test cases of TestCallbackAcceptsOneResult.
var callbackCases = map[string]struct {
	query  string
	result page
	status int
	shows  []string
}{
	"success": {"?code=c&state=right", successPage(`SSO session "corp"`), 200,
		[]string{"<h1>Signed in</h1>", "SSO session &#34;corp&#34;", "close this window"}},
	"token request was rejected": {"?code=c&state=right",
		failurePage(`SSO session "corp"`, `bad <script>`, "docker-credential-ecr-sso login"), 403, []string{"bad &lt;script&gt;", "Sign-in failed", "docker-credential-ecr-sso login"}},
}

func TestCallbackAcceptsOneResult(t *testing.T) {
	for name, c := range callbackCases {
		t.Run(name, func(t *testing.T) {
			cb := listening(t)
			type reply struct {
				status int
				head   http.Header
				body   string
			}
			replies := make(chan reply, 1)
			go func() {
				status, head, body := ask(cb.host, get(callbackPath+c.query, cb.host))
				replies <- reply{status, head, body}
			}()
			if _, err := cb.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if status, _, _ := ask(cb.host, get(callbackPath+c.query, cb.host)); status != 404 {
				t.Errorf("second result: %d", status)
			}
			cb.close(c.result)
			r := <-replies
			if r.status != c.status {
				t.Errorf("status %d", r.status)
			}
			for _, want := range c.shows {
				if !strings.Contains(r.body, want) {
					t.Errorf("page does not contain %q", want)
				}
			}
			for _, bad := range []string{"http://", "https://", "<script", "src="} {
				if strings.Contains(r.body, bad) {
					t.Errorf("page contains %q", bad)
				}
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			} {
				if r.head.Get(name) != want {
					t.Errorf("%s: got %q", name, r.head.Get(name))
				}
			}
			if csp := r.head.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'nonce-") {
				t.Errorf("CSP %q", csp)
			}
			if conn, err := net.Dial("tcp", cb.host); err == nil {
				conn.Close()
				t.Error("port still open")
			}
		})
	}
}

func TestErrorWithStateEndsLogin(t *testing.T) {
	cb := listening(t)
	go ask(cb.host, get(callbackPath+"?error=access_denied&error_description=no%1b%5b31m+way&state=right", cb.host))
	_, err := cb.wait(t.Context())
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Error() != "sign-in denied: no?[31m way (access_denied)" {
		t.Errorf("got %v", err)
	}
}

func TestCallbackListensOnLoopback(t *testing.T) {
	cb := listening(t)
	if !strings.HasPrefix(cb.host, "127.0.0.1:") {
		t.Errorf("listens on %s", cb.host)
	}
	port := cb.host[strings.LastIndex(cb.host, ":"):]
	addrs, _ := net.InterfaceAddrs()
	for _, a := range append(addrs, &net.IPNet{IP: net.IPv6loopback}) {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.Equal(net.IPv4(127, 0, 0, 1)) || n.IP.IsLinkLocalUnicast() {
			continue
		}
		if conn, err := net.DialTimeout("tcp", "["+n.IP.String()+"]"+port, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s also responds", n.IP)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	cb := listening(t)
	var idle []net.Conn
	for range maxConnections {
		conn, err := net.Dial("tcp", cb.host)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
		defer conn.Close()
	}
	time.Sleep(50 * time.Millisecond) // until all are accepted
	answered := make(chan int, 1)
	go func() {
		status, _, _ := ask(cb.host, get("/", cb.host))
		answered <- status
	}()
	select {
	case <-answered:
		t.Fatal("the 33rd request got a response at once")
	case <-time.After(200 * time.Millisecond):
	}
	idle[0].Close()
	select {
	case status := <-answered:
		if status != 404 {
			t.Errorf("status %d", status)
		}
	case <-time.After(time.Minute):
		t.Error("a connection was closed, but the next one was not accepted")
	}
}

// otherRequests is 10,000 in `make test-full`, which runs without the race detector.
var otherRequests = flag.Int("requests", 300, "requests of TestManyOtherRequestsDuringLogin")

func TestManyOtherRequestsDuringLogin(t *testing.T) {
	cb := listening(t)
	var wg sync.WaitGroup
	work := make(chan string)
	for range 16 {
		wg.Go(func() {
			for request := range work {
				if status, _, _ := ask(cb.host, request); status < 400 {
					t.Errorf("status %d for an unrelated request", status)
				}
			}
		})
	}
	strays := []string{
		get("/", cb.host), get(callbackPath+"?code=c&state=guess", cb.host), get(callbackPath+"?error=no&state=guess", cb.host),
		get(callbackPath+"?code=c&state=right", "evil.example"), "POST " + callbackPath + "?code=c&state=right HTTP/1.1\r\nHost: " + cb.host + "\r\n\r\n",
	}
	for i := range *otherRequests {
		work <- strays[i%len(strays)]
	}
	close(work)
	wg.Wait()
	go ask(cb.host, get(callbackPath+"?code=c&state=right", cb.host))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if code, err := cb.wait(ctx); err != nil || code.Reveal() != "c" {
		t.Errorf("the login failed: %v", err)
	}
}

// FuzzCallback checks that the callback accepts only its own result.
func FuzzCallback(f *testing.F) {
	for _, s := range []string{callbackPath + "?code=c&state=right", callbackPath + "?state=right&error=x", "/", "*", callbackPath + "?code=c&state=righ%74"} {
		f.Add("GET", "127.0.0.1:1", s)
		f.Add("GET", "evil.example:1", s)
		f.Add("GET", "127.0.0.1:1", "http://127.0.0.1:1"+s)
	}
	cb := &callback{host: "127.0.0.1:1", state: secret.New("right")}
	f.Fuzz(func(t *testing.T, method, host, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
		if err != nil {
			return
		}
		got, ok := cb.read(r)
		if !ok || !isForHost(r, cb.host) {
			return
		}
		q := r.URL.Query()
		if r.Method != "GET" || r.Host != "127.0.0.1:1" || r.URL.Path != callbackPath || len(q["state"]) != 1 || q.Get("state") != "right" {
			t.Fatalf("%s %s was accepted", method, target)
		}
		if (got.err == nil) == got.code.Empty() {
			t.Fatal("neither or both of code and error")
		}
	})
}

const secretPage = "https://oidc.eu-west-1.amazonaws.com/authorize?state=secret#%20'x"

// A request that a browser would not send gets no location and does not use up the link.
func TestLinkRejectsOtherRequests(t *testing.T) {
	link, err := newLink(t.Context(), secretPage)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	for name, request := range map[string]string{
		"another path":          get("/"+strings.Repeat("A", 26), u.Host),
		"root":                  get("/", u.Host),
		"path in lower case":    get(strings.ToLower(u.Path), u.Host),
		"path below":            get(u.Path+"/", u.Host),
		"escaped path":          get("/%"+"41"+u.Path[2:], u.Host),
		"HEAD":                  "HEAD " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n",
		"POST":                  "POST " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Length: 0\r\n\r\n",
		"foreign Host":          get(u.Path, "evil.example"),
		"absolute request line": get(link, u.Host),
	} {
		if status, head, body := ask(u.Host, request); status < 400 || status > 404 || head.Get("Location") != "" || strings.Contains(body, "secret") {
			t.Errorf("%s: status %d, %v", name, status, head)
		}
	}
	status, head, _ := ask(u.Host, get(u.Path, u.Host))
	if status != http.StatusSeeOther || head.Get("Location") != secretPage || head.Get("Cache-Control") != "no-store" || head.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("status %d, %v", status, head)
	}
}

func TestLinkRedirectsOnce(t *testing.T) {
	link, err := newLink(t.Context(), secretPage)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			status, _, body := ask(u.Host, get(u.Path, u.Host))
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			if status == http.StatusGone && !strings.Contains(body, "already used") {
				t.Errorf("the page says %s", body)
			}
		})
	}
	wg.Wait()
	if statuses[http.StatusSeeOther] != 1 || statuses[http.StatusGone] != 19 {
		t.Errorf("responses by status: %v", statuses)
	}
}

func TestLinkEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	link, err := newLink(ctx, secretPage)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	cancel()
	for status := 1; status != 0; { // until the port is closed
		status, _, _ = ask(u.Host, get("/", u.Host))
	}
	other, err := newLink(t.Context(), secretPage)
	if err != nil || other == link {
		t.Errorf("next link: %s, %v", other, err)
	}
}
