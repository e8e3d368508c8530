package login

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

const secretPage = "https://oidc.eu-west-1.amazonaws.com/authorize?state=secret#%20'x"

// Whatever asks in another way than a browser learns nothing and does not use up
// the link.
func TestALinkIsForOneRequestAlone(t *testing.T) {
	link, err := newLink(t.Context(), secretPage)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	for name, request := range map[string]string{
		"another path":             get("/"+strings.Repeat("A", 26), u.Host),
		"the root":                 get("/", u.Host),
		"the path in lower case":   get(strings.ToLower(u.Path), u.Host),
		"a path below":             get(u.Path+"/", u.Host),
		"an escaped path":          get("/%"+"41"+u.Path[2:], u.Host),
		"HEAD":                     "HEAD " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n",
		"POST":                     "POST " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Length: 0\r\n\r\n",
		"a foreign Host":           get(u.Path, "evil.example"),
		"an absolute request line": get(link, u.Host),
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

func TestOfManyAtOnceOneIsLedToThePage(t *testing.T) {
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
			if status == http.StatusGone && !strings.Contains(body, "used already") {
				t.Errorf("the page says %s", body)
			}
		})
	}
	wg.Wait()
	if statuses[http.StatusSeeOther] != 1 || statuses[http.StatusGone] != 19 {
		t.Errorf("answers by status: %v", statuses)
	}
}

func TestALinkEndsWithTheSignIn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	link, err := newLink(ctx, secretPage)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	cancel()
	for status := 1; status != 0; { // until nothing listens
		status, _, _ = ask(u.Host, get("/", u.Host))
	}
	other, err := newLink(t.Context(), secretPage)
	if err != nil || other == link {
		t.Errorf("the next link is %s, %v", other, err)
	}
}
